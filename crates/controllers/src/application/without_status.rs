//! What people say in an Application, as opposed to what controllers say of it.

use std::collections::BTreeMap;

use api::kurator::apps::v1alpha1::Application;
use kube::ResourceExt;

/// All of an Application but its status. A change of it is looked at immediately.
#[derive(PartialEq)]
pub(crate) struct WithoutStatus {
    /// Another Application of the same name has another one.
    uid: Option<String>,
    /// Counts changes of its spec.
    generation: Option<i64>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    finalizers: Vec<String>,
    is_going: bool,
}

impl WithoutStatus {
    pub(crate) fn of(application: &Application) -> Self {
        Self {
            uid: application.uid(),
            generation: application.metadata.generation,
            labels: application.labels().clone(),
            annotations: application.annotations().clone(),
            finalizers: application.finalizers().to_vec(),
            is_going: application.metadata.deletion_timestamp.is_some(),
        }
    }
}
