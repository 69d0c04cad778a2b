//! Tells the log who agreed to what, and who deleted what, from the requests themselves.
//!
//! The last admission: what another refuses is not told. A write that loses a race and is tried again is told twice, and one
//! that the disk refuses is told though it was not stored; a log that says too much of this is better than one that says too
//! little.

use apiserver::{Admission, AdmissionRequest, Denied, Operation};
use model::GroupResource;
use plan::journal::audit;
use serde_json::Value;

/// Kinds by which people decide what members get and lose.
const RESOURCES: [(&str, &str); 4] = [
    ("apps.kurator.dev", "applications"),
    ("cluster.karmada.io", "clusters"),
    ("cluster.kurator.dev", "attachedclusters"),
    ("fleet.kurator.dev", "fleets"),
];

/// Users of the hub itself: what they write follows from what people wrote.
const OWN: &str = "system:";

/// Tells who agreed to what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Audit;

impl Admission for Audit {
    fn handles(&self, resource: &GroupResource, _: Operation) -> bool {
        RESOURCES.iter().any(|(group, plural)| resource.group == *group && resource.resource == *plural)
    }

    fn validate(&self, request: &AdmissionRequest<'_>, object: Option<&Value>) -> Result<Vec<String>, Denied> {
        let is_own = request.user.name.starts_with(OWN) && !request.user.name.starts_with("system:serviceaccount:");
        if request.dry_run || is_own || !request.subresource.is_empty() {
            return Ok(Vec::new());
        }
        let kind = &request.kind.kind;
        match (request.operation, object, request.old) {
            (Operation::Delete, _, Some(old)) => tracing::info!("{}", audit::deleted(kind, old, &request.user.name)),
            (_, Some(new), old) => {
                for line in audit::agreed(kind, new, old, &request.user.name) {
                    tracing::info!("{line}");
                }
            }
            _ => {}
        }
        Ok(Vec::new())
    }
}
