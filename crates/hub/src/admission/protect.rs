//! What the hub cannot be without: its CRDs, its namespace, and the Secrets that say who it is.
//!
//! A CRD that is deleted takes its objects along, and those of Applications take what they deliver out of every member. A
//! hub without its id is another hub to its members. Neither is what a deletion is meant to say, so both are refused.

use api::delivery::label::SYSTEM_NAMESPACE;
use apiserver::{Admission, AdmissionRequest, Denied, Operation};
use model::{FieldError, FieldPath, GroupResource, object};
use serde_json::Value;

use crate::install::{ID_SECRET, KEY_SECRET};

/// Group of the records. No one else publishes CRDs of it.
const RECORDS: &str = "delivery.kurator.dev";

/// Refuses what would take from the hub what it decides by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Protection;

impl Admission for Protection {
    fn handles(&self, resource: &GroupResource, operation: Operation) -> bool {
        match (resource.group.as_str(), resource.resource.as_str()) {
            ("apiextensions.k8s.io", "customresourcedefinitions") => true,
            ("", "secrets") => operation != Operation::Create,
            ("", "namespaces") => operation == Operation::Delete,
            _ => false,
        }
    }

    fn mutate(&self, request: &AdmissionRequest<'_>, object: &mut Value) -> Result<(), Denied> {
        // Before what is missing is filled in: that would hide what was changed.
        if request.resource.resource != "customresourcedefinitions" || !request.subresource.is_empty() {
            return Ok(());
        }
        let Some(wanted) = definition(request.name) else { return Ok(()) };
        let errors = breaks(object, &wanted);
        if errors.is_empty() { Ok(()) } else { Err(Denied::Invalid(errors)) }
    }

    fn validate(&self, request: &AdmissionRequest<'_>, object: Option<&Value>) -> Result<Vec<String>, Denied> {
        let refused = |why: String| Err(Denied::Forbidden(why));
        let (name, here) = (request.name, request.namespace == SYSTEM_NAMESPACE);
        match (request.resource.resource.as_str(), request.operation) {
            ("customresourcedefinitions", Operation::Delete) if definition(name).is_some() => refused(format!(
                "the hub decides by objects of this kind, which would all be deleted with the definition, and what they \
                 deliver could go from every member; delete the objects that are not wanted one by one (kubectl get \
                 {name} -A lists them)"
            )),
            ("namespaces", Operation::Delete) if name == SYSTEM_NAMESPACE => refused(format!(
                "the hub keeps here who it is: with another id it would be another hub to all of its members; to end a \
                 hub, stop it and delete its directory instead of namespace {SYSTEM_NAMESPACE}"
            )),
            ("secrets", operation) if here && [ID_SECRET, KEY_SECRET].contains(&name) => {
                let data = |object: Option<&Value>| object.and_then(|object| object::get(object, &["data"])).cloned();
                if operation == Operation::Update && data(object) == data(request.old) {
                    return Ok(Vec::new());
                }
                refused(
                    "by it members know this hub, and the hub knows what it wrote in them; it stays as it was made. To \
                     bring back another state of the hub, stop it and restore its whole directory from a backup"
                        .to_owned(),
                )
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// A CRD of the hub as the hub wants it. Made for each question: CRDs are seldom written, and kept they would take memory.
fn definition(name: &str) -> Option<Value> {
    api::crd::all().into_iter().find(|crd| object::name(crd) == Some(name))
}

/// What a changed CRD of the hub would keep the hub from doing. What is only missing is filled in by another step.
fn breaks(changed: &Value, wanted: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let text = |crd: &Value, path: &[&str]| object::get_str(crd, path).unwrap_or_default().to_owned();
    for path in [&["spec", "scope"][..], &["spec", "names", "kind"], &["spec", "names", "plural"]] {
        let (has, needs) = (text(changed, path), text(wanted, path));
        if has != needs {
            let why = format!("must stay {needs:?}: the hub decides by objects of this kind");
            errors.push(FieldError::invalid(FieldPath::of(path.join(".")), has, why));
        }
    }
    let versions = |crd: &Value| object::get(crd, &["spec", "versions"]).and_then(Value::as_array).cloned();
    let (has, needs) = (versions(changed).unwrap_or_default(), versions(wanted).unwrap_or_default());
    for version in &needs {
        let name = version["name"].as_str().unwrap_or_default();
        let path = FieldPath::of("spec.versions");
        let Some(index) = has.iter().position(|other| other["name"] == version["name"]) else {
            errors.push(FieldError::required(path, format!("version {name:?} must stay: the hub reads and writes it")));
            continue;
        };
        for flag in ["served", "storage"] {
            if has[index][flag] != version[flag] {
                let why = format!("must stay {}: the hub reads and writes this version", version[flag]);
                errors.push(FieldError::invalid(path.index(index).field(flag), has[index][flag].clone(), why));
            }
        }
        let schema = path.index(index).field("schema").field("openAPIV3Schema");
        let at = |version: &Value, path: &str| version.pointer(&format!("/schema/openAPIV3Schema{path}")).cloned();
        if let (Some(has), Some(needs)) = (at(&has[index], ""), at(version, "")) {
            rules_beyond(&has, &needs, &schema, &["spec"], &mut errors);
            undone(&has, &needs, schema.clone(), &mut errors);
        }
        // People may narrow what they themselves write, but not what the hub writes.
        let parts: &[&str] =
            if text(wanted, &["spec", "group"]) == RECORDS { &["spec", "status"] } else { &["status"] };
        for part in parts {
            let below = format!("/properties/{part}");
            if let (Some(has), Some(needs)) = (at(&has[index], &below), at(version, &below)) {
                narrowed(&has, &needs, schema.field("properties").field(part), &mut errors);
            }
        }
    }
    errors
}

/// The rules of a schema that refuse values.
const RULES: [&str; 16] = [
    "allOf",
    "anyOf",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "oneOf",
    "pattern",
];

/// Most errors of one CRD: a person reads a handful.
const ERRORS_MAX: usize = 10;

/// Parts of a schema that say what it is and change nothing of what is accepted. Published definitions say them otherwise.
const WORDS: [&str; 3] = ["description", "example", "title"];

/// What the hub would put back without a word (`super::complete`): a value that its own schema has otherwise. What is only
/// missing is filled in, as it is when somebody applies the definitions as they are published.
fn undone(has: &Value, needs: &Value, path: FieldPath, errors: &mut Vec<FieldError>) {
    let (Value::Object(has), Value::Object(needs)) = (has, needs) else { return };
    for (key, needs) in needs.iter().filter(|(key, _)| !WORDS.contains(&key.as_str())) {
        match has.get(key) {
            Some(has) if has.is_object() && needs.is_object() => undone(has, needs, path.field(key), errors),
            Some(has) if !super::equal(has, needs) && errors.len() < ERRORS_MAX => {
                let why =
                    format!("must stay {needs}: the hub keeps its definitions as they are; further rules may be added");
                let path = path.field(key);
                // One error for a field, whichever rule finds it first.
                if errors.iter().all(|error| error.path != path) {
                    errors.push(FieldError::invalid(path, has.clone(), why));
                }
            }
            _ => {}
        }
    }
}

/// Rules of a schema's own that the hub's has not, or has otherwise. `may_be_required`: fields that it may demand all the
/// same.
fn rules_beyond(has: &Value, needs: &Value, path: &FieldPath, may_be_required: &[&str], errors: &mut Vec<FieldError>) {
    for rule in RULES.iter().chain(&["not", "required", "type", "x-kubernetes-validations"]) {
        let is_harmless = |more: &Value| {
            let mut names = more.as_array().into_iter().flatten().filter_map(Value::as_str);
            *rule == "required" && names.all(|name| may_be_required.contains(&name))
        };
        if let Some(more) = has.get(rule).filter(|more| Some(*more) != needs.get(rule) && !is_harmless(more))
            && errors.len() < ERRORS_MAX
        {
            let why = "the hub writes this field, and could not write it by this rule; leave the rule as it was";
            errors.push(FieldError::invalid(path.field(rule), more.clone(), why));
        }
    }
}

/// Rules of a schema, and of everything in it, that the hub's own has not, or has otherwise.
fn narrowed(has: &Value, needs: &Value, path: FieldPath, errors: &mut Vec<FieldError>) {
    rules_beyond(has, needs, &path, &[], errors);
    for part in ["properties", "items", "additionalProperties"] {
        match (has.get(part), needs.get(part)) {
            (Some(Value::Object(has)), Some(Value::Object(needs))) if part == "properties" => {
                for (name, needs) in needs {
                    if let Some(has) = has.get(name) {
                        narrowed(has, needs, path.field(part).field(name), errors);
                    }
                }
            }
            (Some(has), Some(needs)) => narrowed(has, needs, path.field(part), errors),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
