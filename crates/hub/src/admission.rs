//! Mounts crate `admit` into the API server.

use apiserver::{Admission, AdmissionRequest, Denied, Operation};
use model::GroupResource;
use serde_json::Value;

/// Validates the fleet's kinds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FleetAdmission;

const RESOURCES: [(&str, &str); 4] = [
    ("apps.kurator.dev", "applications"),
    ("fleet.kurator.dev", "fleets"),
    ("cluster.kurator.dev", "attachedclusters"),
    ("cluster.karmada.io", "clusters"),
];

impl Admission for FleetAdmission {
    fn handles(&self, resource: &GroupResource, operation: Operation) -> bool {
        operation != Operation::Delete
            && RESOURCES.iter().any(|(group, plural)| resource.group == *group && resource.resource == *plural)
    }

    fn validate(&self, request: &AdmissionRequest<'_>, object: Option<&Value>) -> Result<Vec<String>, Denied> {
        let (Some(object), "") = (object, request.subresource) else { return Ok(Vec::new()) };
        let kind = request.kind.group_kind();
        let errors = admit::validate(&kind, object, request.old);
        if !errors.is_empty() {
            return Err(Denied::Invalid(errors));
        }
        let unhonoured = admit::not_implemented(&kind, object);
        Ok(unhonoured.iter().map(|path| format!("{path} is accepted, but not honoured yet")).collect())
    }
}
