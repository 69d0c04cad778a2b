//! Between JSON and types, compiled once.
//!
//! The code that serde derives is generic over the format. Each crate that parses a kind compiles that code again, with all
//! that is inside of the kind: this made up a quarter of what the two largest crates gave to the compiler. Here it is
//! compiled for one format, and everybody calls it.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, Service};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

/// What is read from and written as JSON.
pub trait Wire: Sized {
    /// The object that JSON says.
    ///
    /// # Errors
    /// A field is missing or has another form.
    fn from_json(value: Value) -> Result<Self, serde_json::Error>;

    /// The object as JSON.
    ///
    /// # Errors
    /// A map has keys that are no strings; those of our kinds are.
    fn to_json(&self) -> Result<Value, serde_json::Error>;
}

/// Compiles that code for types, in the crate that uses this.
#[macro_export]
macro_rules! wire {
    ($($kind:ty),* $(,)?) => {$(
        impl $crate::Wire for $kind {
            fn from_json(value: ::serde_json::Value) -> Result<Self, ::serde_json::Error> {
                ::serde_json::from_value(value)
            }

            fn to_json(&self) -> Result<::serde_json::Value, ::serde_json::Error> {
                ::serde_json::to_value(self)
            }
        }
    )*};
}

wire!(
    CertificateSigningRequest,
    ClusterRole,
    ConfigMap,
    CustomResourceDefinition,
    Deployment,
    Event,
    Namespace,
    ObjectMeta,
    Secret,
    Service
);
