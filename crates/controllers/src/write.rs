//! Writing to the hub so that nothing is written twice.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A write to the hub that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {object} on the hub")]
pub struct WriteError {
    /// What was tried.
    verb: &'static str,
    /// Kind and name.
    object: String,
    #[source]
    source: kube::Error,
}

impl WriteError {
    pub(crate) fn new<K: Resource<DynamicType = ()>>(verb: &'static str, name: &str, source: kube::Error) -> Self {
        Self { verb, object: format!("{} {name}", K::kind(&())), source }
    }

    /// Somebody else wrote in between: look again, it is no failure.
    pub fn is_conflict(&self) -> bool {
        matches!(&self.source, kube::Error::Api(status) if status.code == 409)
    }

    /// The object was deleted in between: nothing is left to write to.
    pub fn is_gone(&self) -> bool {
        matches!(&self.source, kube::Error::Api(status) if status.code == 404)
    }
}

/// Replaces the status of an object by the one that it holds, at the version that the decision was made from.
pub(crate) async fn status<K>(api: &Api<K>, manager: &str, object: &K) -> Result<K, WriteError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
{
    let name = object.name_any();
    let params = PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() };
    api.replace_status(&name, &params, object).await.map_err(|e| WriteError::new::<K>("write the status of", &name, e))
}

/// Applies a part of the status of an object, with the field manager that owns this part. `uid`: of the object that was
/// decided for; another one of the same name is left alone.
pub(crate) async fn status_part<K>(
    api: &Api<K>,
    manager: &str,
    object: &K,
    status: &impl Serialize,
) -> Result<K, WriteError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let name = object.name_any();
    let fail = |e| WriteError::new::<K>("write the status of", &name, e);
    let status = serde_json::to_value(status).map_err(|e| fail(kube::Error::SerdeError(e)))?;
    let patch = serde_json::json!({
        "apiVersion": K::api_version(&()), "kind": K::kind(&()),
        "metadata": {"name": name, "namespace": object.namespace(), "uid": object.uid()},
        "status": status,
    });
    let params = PatchParams { field_manager: Some(manager.to_owned()), force: true, ..PatchParams::default() };
    api.patch_status(&name, &params, &Patch::Apply(&patch)).await.map_err(fail)
}

/// Applies an object with a controller's own field manager.
pub(crate) async fn apply<K>(api: &Api<K>, manager: &str, object: &Value) -> Result<K, WriteError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let name = model::object::name(object).unwrap_or_default();
    let params = PatchParams { field_manager: Some(manager.to_owned()), force: true, ..PatchParams::default() };
    api.patch(name, &params, &Patch::Apply(object)).await.map_err(|e| WriteError::new::<K>("apply", name, e))
}

/// A message without its numbers: two that are equal then say the same, such as since how many seconds a certificate has
/// run out, and a status must not be written for each second.
pub(crate) fn without_numbers(message: &str) -> String {
    message.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// An API of one namespace.
pub(crate) fn namespaced<K>(client: &kube::Client, namespace: &str) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    Api::namespaced(client.clone(), namespace)
}
