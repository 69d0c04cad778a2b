//! Applications whose definition is being deleted.
//!
//! The end of a CustomResourceDefinition marks all of its objects for deletion. No user asked for the removal of what these
//! Applications deliver, and to remove it for all of them at once is the largest deletion that there is. An embedded hub
//! refuses to delete its definitions; elsewhere nothing is decided about such Applications. A user who does mean it removes
//! the finalizer of each Application: what it delivers then stays in the members, and is released.

use std::time::Duration;

use api::kurator::apps::v1alpha1::Application;
use client::{Api, Next};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Resource, ResourceExt};

use crate::WriteError;
use crate::write;

/// Time between looks while the definition goes: it waits for its objects, so that only a person ends this.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// When to look again at an Application about which nothing is decided; `None` when it can be decided about.
pub(super) async fn wait(api: &Api, application: Option<&Application>) -> Result<Option<Next>, WriteError> {
    let Some(application) = application.filter(|a| a.meta().deletion_timestamp.is_some()) else { return Ok(None) };
    let definition = format!("{}.{}", Application::plural(&()), Application::group(&()));
    let stored: Option<CustomResourceDefinition> = write::read(api, "", &definition).await?;
    if stored.is_some_and(|crd| crd.meta().deletion_timestamp.is_none()) {
        return Ok(None);
    }
    tracing::warn!(
        definition,
        application = application.name_any(),
        "the definition of Applications is being deleted: nothing is removed from members; to let the Application go, \
         remove its finalizer, and what it delivers stays where it is"
    );
    Ok(Some(Next::After(LOOK_AGAIN)))
}
