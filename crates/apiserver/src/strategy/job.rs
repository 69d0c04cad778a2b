//! What the API does for Jobs beyond storing them: the labels and the selector by which a Job finds its Pods
//! (`pkg/registry/batch/job/strategy.go`, generateSelector).

use model::object;
use serde_json::{Value, json};

use crate::surroundings::Surroundings;

/// The labels of a Job's Pods, and what each holds: its name and its UID, under the names of today and of the past.
const LABELS: [(&str, &str); 4] = [
    ("batch.kubernetes.io/job-name", "name"),
    ("job-name", "name"),
    ("batch.kubernetes.io/controller-uid", "uid"),
    ("controller-uid", "uid"),
];

/// Gives a new Job a selector that no other Job has, unless it says that it brings its own. What it says itself stays, and
/// is refused by validation when it does not fit.
pub(super) fn prepare_create(job: &mut Value, _: &dyn Surroundings) {
    if object::get(job, &["spec", "manualSelector"]).and_then(Value::as_bool) == Some(true) {
        return;
    }
    let metadata = job.get("metadata").cloned().unwrap_or_default();
    for (label, field) in LABELS {
        let value = object::slot(job, &["spec", "template", "metadata", "labels", label]);
        if value.is_null() {
            *value = metadata.get(field).cloned().unwrap_or_default();
        }
    }
    // An empty label map of the Job itself is filled from its template, as if that had had its labels from the start.
    let labels = object::get(job, &["spec", "template", "metadata", "labels"]).cloned().unwrap_or_default();
    let own = object::slot(job, &["metadata", "labels"]);
    if own.as_object().is_none_or(serde_json::Map::is_empty) {
        *own = labels;
    }
    let selected = object::slot(job, &["spec", "selector", "matchLabels", "batch.kubernetes.io/controller-uid"]);
    if selected.is_null() {
        *selected = json!(metadata.get("uid"));
    }
}
