//! Applications that are deleted with `--cascade=orphan` where the hub's API is another server.
//!
//! There no admission of ours writes the annotation (`admit::orphan`), and the garbage collector takes Kubernetes' finalizer
//! `orphan` off within milliseconds. The watch shows both states, so that what was seen is remembered here until the annotation
//! is written. Absent: a deletion while no hub runs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use api::kurator::annotation::ON_DELETE;
use api::kurator::apps::v1alpha1::Application;
use kube::ResourceExt;
use serde_json::json;

use super::Ctx;
use crate::write::{self, WriteError};
use client::NamespacedName;

/// Kubernetes' finalizer of what is deleted so that its dependents stay.
const FINALIZER: &str = "orphan";
/// What the annotation then says.
const ORPHAN: &str = "orphan";

/// Deletions that were seen to ask for it. One entry for each Application that is on its way out.
#[derive(Default)]
pub(super) struct Orphans(Mutex<HashMap<NamespacedName, Seen>>);

struct Seen {
    uid: Option<String>,
    /// Somebody may say something else afterwards: it is written once.
    is_written: bool,
}

impl Orphans {
    /// Takes in a state of an Application; `None` when it is gone.
    pub(super) fn note_deletion(&self, key: &NamespacedName, application: Option<&Application>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(application) = application else { return drop(all.remove(key)) };
        let is_asked = application.metadata.deletion_timestamp.is_some()
            && application.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
        if is_asked && all.get(key).is_none_or(|seen| seen.uid != application.uid()) {
            let is_written = application.annotations().get(ON_DELETE).is_some_and(|said| said == ORPHAN);
            all.insert(key.clone(), Seen { uid: application.uid(), is_written });
        }
    }

    /// The Application of this name for which it is to be written.
    fn unwritten(&self, key: &NamespacedName) -> Option<Option<String>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key).filter(|seen| !seen.is_written).map(|seen| seen.uid.clone())
    }

    fn set_written(&self, key: &NamespacedName) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(key.clone()).and_modify(|seen| seen.is_written = true);
    }
}

/// Writes what was asked into the Application, before anything is decided about it.
pub(super) async fn write(ctx: &Ctx, key: &NamespacedName) -> Result<(), WriteError> {
    let Some(uid) = ctx.orphans.unwritten(key) else { return Ok(()) };
    let patch = json!({"metadata": {"uid": uid, "annotations": {(ON_DELETE): ORPHAN}}});
    let written = write::patch::<Application>(&ctx.api, key, "annotate", &patch).await?;
    written.into_iter().for_each(|application| ctx.applications.learn(application));
    ctx.orphans.set_written(key);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn application(uid: &str, finalizers: &[&str], on_delete: Option<&str>) -> Application {
        let annotations: HashMap<&str, &str> = on_delete.map(|said| (ON_DELETE, said)).into_iter().collect();
        serde_json::from_value(json!({
            "apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
            "metadata": {"name": "a", "namespace": "n", "uid": uid, "finalizers": finalizers, "annotations": annotations,
                "deletionTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"source": {}, "syncPolicies": []},
        }))
        .unwrap()
    }

    #[test]
    fn a_finalizer_that_was_there_for_a_moment_is_remembered_and_followed_once() {
        let (orphans, key) = (Orphans::default(), NamespacedName::new("n", "a"));
        let note = |application: &Application| orphans.note_deletion(&key, Some(application));
        note(&application("1", &["apps.kurator.dev"], None));
        assert_eq!(orphans.unwritten(&key), None);
        note(&application("1", &["apps.kurator.dev", "orphan"], Some("prune")));
        note(&application("1", &["apps.kurator.dev"], Some("prune")));
        assert_eq!(orphans.unwritten(&key), Some(Some("1".to_owned())));
        orphans.set_written(&key);
        // A person says something else afterwards.
        note(&application("1", &["apps.kurator.dev", "orphan"], Some("prune")));
        assert_eq!(orphans.unwritten(&key), None);
        // Another one of that name, of which our admission wrote it already.
        note(&application("2", &["orphan"], Some("orphan")));
        assert_eq!(orphans.unwritten(&key), None);
        note(&application("3", &["orphan"], None));
        assert!(orphans.unwritten(&key).is_some());
        orphans.note_deletion(&key, None);
        assert_eq!(orphans.unwritten(&key), None);
    }
}
