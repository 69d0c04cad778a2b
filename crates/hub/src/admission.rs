//! Mounts crate `admit` into the API server, and keeps our CRDs whole.

mod audit;
mod protect;

use apiserver::{Admission, AdmissionRequest, Denied, Operation};
pub(crate) use audit::Audit;
use model::GroupResource;
pub(crate) use protect::Protection;
use serde_json::Value;

/// Validates the fleet's kinds, and has an AttachedCluster wait that is to be emptied first.
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

    fn mutate(&self, request: &AdmissionRequest<'_>, object: &mut Value) -> Result<(), Denied> {
        if request.subresource.is_empty() {
            admit::finalize(&request.kind.group_kind(), object);
        }
        Ok(())
    }

    fn validate(&self, request: &AdmissionRequest<'_>, object: Option<&Value>) -> Result<Vec<String>, Denied> {
        let (Some(object), "") = (object, request.subresource) else { return Ok(Vec::new()) };
        let kind = request.kind.group_kind();
        let errors = admit::validate(&kind, object, request.old);
        if errors.is_empty() { Ok(Vec::new()) } else { Err(Denied::Invalid(errors)) }
    }
}

/// Tells writers what an object does not do, or that nothing acts on it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Warnings;

impl Admission for Warnings {
    fn handles(&self, resource: &GroupResource, operation: Operation) -> bool {
        operation != Operation::Delete && admit::may_warn(resource)
    }

    fn validate(&self, request: &AdmissionRequest<'_>, object: Option<&Value>) -> Result<Vec<String>, Denied> {
        let (Some(object), "") = (object, request.subresource) else { return Ok(Vec::new()) };
        Ok(admit::warnings(&request.kind.group_kind(), object, request.old))
    }
}

/// Has what was delivered stay when an object is deleted with `--cascade=orphan`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Orphans;

impl Admission for Orphans {
    fn handles(&self, resource: &GroupResource, operation: Operation) -> bool {
        operation == Operation::Delete
            && RESOURCES.iter().any(|(group, plural)| resource.group == *group && resource.resource == *plural)
    }

    fn mutate_deleted(&self, request: &AdmissionRequest<'_>, orphans: bool, object: &mut Value) -> Vec<String> {
        let said = orphans.then(|| admit::orphan(&request.kind.group_kind(), object));
        said.flatten().into_iter().collect()
    }
}

/// Adds to our CRDs what the hub needs of them, also when a user writes them.
///
/// People apply the CRDs as Kurator and Karmada publish them. These lack our optional fields, above all the conditions
/// in status: without this, the hub's status would be pruned away until its next start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DefinitionAdmission;

impl Admission for DefinitionAdmission {
    fn handles(&self, resource: &GroupResource, operation: Operation) -> bool {
        operation != Operation::Delete
            && resource.group == "apiextensions.k8s.io"
            && resource.resource == "customresourcedefinitions"
    }

    fn mutate(&self, request: &AdmissionRequest<'_>, object: &mut Value) -> Result<(), Denied> {
        if request.subresource.is_empty()
            && let Some(wanted) = api::crd::all().iter().find(|crd| model::object::name(crd) == Some(request.name))
            && let (Some(spec), Some(wanted)) = (object.get_mut("spec"), wanted.get("spec"))
        {
            complete(spec, wanted);
        }
        Ok(())
    }
}

/// Makes `object` say everything that `wanted` says; what it says beyond that stays.
fn complete(object: &mut Value, wanted: &Value) {
    match (object, wanted) {
        (Value::Object(object), Value::Object(wanted)) => {
            for (key, value) in wanted {
                match object.get_mut(key) {
                    Some(has) => complete(has, value),
                    None => drop(object.insert(key.clone(), value.clone())),
                }
            }
        }
        (Value::Array(object), Value::Array(wanted)) if object.len() == wanted.len() => {
            object.iter_mut().zip(wanted).for_each(|(has, value)| complete(has, value));
        }
        (object, wanted) if !equal(object, wanted) => object.clone_from(wanted),
        _ => {}
    }
}

/// 1 and 1.0 are the same number.
fn equal(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one == other,
    }
}
