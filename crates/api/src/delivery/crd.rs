//! The CustomResourceDefinitions of the records, generated from their types.

use kube::core::CustomResourceExt;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{Decision, MemberStatus, Revision};

/// An object of any fields, none pruned.
pub(crate) fn free_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// A value of any type, nothing of it pruned.
pub(crate) fn free_value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// An RFC 3339 time.
pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}

/// The three CustomResourceDefinitions, as `apiextensions.k8s.io/v1` objects, in order of their names.
pub fn crds() -> Vec<Value> {
    let to_value = |crd| serde_json::to_value(crd).expect("a generated definition has string keys");
    let mut revision = to_value(Revision::crd());
    // A revision that could change would make every decision that names it mean something else.
    if let Some(spec) = revision.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec") {
        spec["x-kubernetes-validations"] = json!([{"rule": "self == oldSelf", "message": "a revision is immutable"}]);
    }
    let mut all = vec![to_value(Decision::crd()), to_value(MemberStatus::crd()), revision];
    all.iter_mut().for_each(signed);
    all
}

/// Kubernetes knows only signed formats and warns of others; `minimum: 0` says the rest.
fn signed(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let format = match map.get("format").and_then(Value::as_str) {
                Some("uint64" | "uint") => Some("int64"),
                Some("uint32" | "uint16" | "uint8") => Some("int32"),
                _ => None,
            };
            if let Some(format) = format {
                map.insert("format".to_owned(), json!(format));
            }
            map.values_mut().for_each(signed);
        }
        Value::Array(items) => items.iter_mut().for_each(signed),
        _ => {}
    }
}
