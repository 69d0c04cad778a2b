//! What the server decides about an object and the client cannot: identity, times, generation, which part of the
//! object a write may touch (`registry/rest/{create,update}.go`; what a kind does of its own is in `strategy`).

use model::{FieldError, FieldPath, Status, Timestamp, clock, object};
use serde_json::{Value, json};

use crate::call::Call;
use crate::key;
use crate::registry::Served;
use crate::strategy;
use crate::surroundings::{FixedKind, NamesInUse, Surroundings};
use crate::user::UserInfo;

/// The surroundings of a call.
struct CallSurroundings<'a> {
    call: &'a Call,
    now: Timestamp,
}

impl Surroundings for CallSurroundings<'_> {
    fn user(&self) -> &UserInfo {
        &self.call.user
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn stored(&self, group: &str, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let state = &self.call.state;
        let entry = state.store.snapshot().get(&key::object(group, resource, namespace, name))?;
        serde_json::from_slice(&state.read(&entry).ok()?).ok()
    }

    fn names_in_use(&self, group: &str, crd: &str) -> NamesInUse {
        self.call.state.registry().names_in_use(group, crd)
    }

    fn fixed_kind(&self, crd: &str) -> Option<FixedKind> {
        self.call.state.registry().fixed_kind(crd)
    }

    fn suffix(&self) -> String {
        self.call.state.ids.suffix()
    }
}

/// What the kind itself finds wrong with an object, besides what its type says.
pub(crate) fn check(call: &Call, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    if let Some(old) = old.filter(|_| call.served.strategy.names_signer && call.subresource() != "approval") {
        return strategy::certificate::decided_elsewhere(new, old);
    }
    let Some(check) = call.served.strategy.check.filter(|_| call.subresource().is_empty()) else { return Vec::new() };
    check(new, old, &CallSurroundings { call, now: call.state.now() })
}

/// What a client should know about the object that it sends.
pub(crate) fn warnings(call: &Call, new: &Value, old: Option<&Value>) -> Vec<String> {
    let Some(warn) = call.served.strategy.warn.filter(|_| call.subresource().is_empty()) else { return Vec::new() };
    warn(new, old, &CallSurroundings { call, now: call.state.now() })
}

/// A new object has no status but what the server gives it, unless its kind says otherwise.
pub(crate) fn drop_status(call: &Call, new: &mut Value) {
    if call.served.status && !call.served.strategy.create_with_status {
        object::remove(new, &["status"]);
    }
}

/// Prepares metadata of a new object. Returns whether its name was generated.
pub(crate) fn before_create(call: &Call, new: &mut Value, now: Timestamp) -> Result<bool, Status> {
    own_namespace(call, new)?;
    let metadata = object::slot(new, &["metadata"]);
    if metadata.is_null() {
        *metadata = json!({});
    }
    let Some(metadata) = metadata.as_object_mut() else {
        return Err(Status::bad_request("metadata must be an object"));
    };
    if metadata.get("resourceVersion").and_then(Value::as_str).is_some_and(|rv| !rv.is_empty()) {
        return Err(Status::bad_request("resourceVersion should not be set on objects to be created"));
    }
    for field in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"] {
        metadata.remove(field);
    }
    metadata.retain(|_, value| !value.is_null());
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (name, generate) = (text("name"), text("generateName"));
    let generated = name.is_empty() && !generate.is_empty();
    if generated {
        // Room for the suffix within the longest label, as upstream cuts it (`storage/names/generate.go`).
        let base: String = generate.chars().take(58).collect();
        metadata.insert("name".to_owned(), json!(format!("{base}{}", call.state.ids.suffix())));
    }
    metadata.insert("uid".to_owned(), json!(call.state.ids.uid()));
    metadata.insert("creationTimestamp".to_owned(), json!(clock::format_seconds(now)));
    if name.is_empty() && !generated {
        let error = FieldError::required(FieldPath::of("metadata.name"), "name or generateName is required");
        return Err(Status::invalid(&call.served.gvk.group_kind(), "", &[error]));
    }
    crate::namespace::check_open(call, new)?;
    Ok(generated)
}

/// Sets what a new object starts with, after defaulting.
pub(crate) fn prepare_create(call: &Call, new: &mut Value, now: Timestamp) {
    let served = &call.served;
    if has_generation(served) {
        new["metadata"]["generation"] = json!(1);
    }
    if let Some(prepare_create) = served.strategy.prepare_create {
        prepare_create(new, &CallSurroundings { call, now });
    }
}

/// Restores what a write may not change: identity, and either status or everything else.
pub(crate) fn before_update(call: &Call, new: &mut Value, old: &Value) -> Result<(), Status> {
    own_namespace(call, new)?;
    match call.subresource() {
        "" | "scale" => whole(&call.served, new, old),
        "status" => part_and_metadata(&call.served, new, old, &["status"]),
        "finalize" => only(new, old, &["spec", "finalizers"]),
        "approval" => part_and_metadata(&call.served, new, old, &["status", "conditions"]),
        _ => {}
    }
    let old_meta = old.get("metadata");
    let metadata = object::slot(new, &["metadata"]);
    let Some(metadata) = metadata.as_object_mut() else {
        return Err(Status::bad_request("metadata must be an object"));
    };
    for field in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
        "resourceVersion",
    ] {
        match old_meta.and_then(|m| m.get(field)) {
            Some(value) => metadata.insert(field.to_owned(), value.clone()),
            None => metadata.remove(field),
        };
    }
    metadata.remove("selfLink");
    metadata.retain(|_, value| !value.is_null());
    for field in ["labels", "annotations", "finalizers", "ownerReferences", "managedFields"] {
        let empty = match metadata.get(field) {
            Some(Value::Object(map)) => map.is_empty(),
            Some(Value::Array(list)) => list.is_empty() && field != "managedFields",
            _ => false,
        };
        if empty {
            metadata.remove(field);
        }
    }
    new_finalizers(call, new, old)
}

/// Counts changes of what the object wants, after defaulting and admission.
pub(crate) fn after_update(call: &Call, new: &mut Value, old: &Value, now: Timestamp) {
    let served = &call.served;
    let whole = call.subresource().is_empty();
    if let Some(prepare_update) = served.strategy.prepare_update.filter(|_| whole) {
        prepare_update(new, old, &CallSurroundings { call, now });
    }
    if !has_generation(served) {
        return;
    }
    let wants = |name: &str| !(matches!(name, "metadata" | "apiVersion" | "kind") || served.status && name == "status");
    let same = |a: &Value, b: &Value| match (a.as_object(), b.as_object()) {
        (Some(a), Some(b)) => a.iter().filter(|(n, _)| wants(n)).eq(b.iter().filter(|(n, _)| wants(n))),
        _ => a == b,
    };
    let annotated = served.strategy.annotations_count && whole;
    let changed = !same(new, old) || (annotated && object::annotations(new) != object::annotations(old));
    if changed {
        let generation = object::get_i64(old, &["metadata", "generation"]).unwrap_or(0);
        new["metadata"]["generation"] = json!(generation + 1);
    }
}

/// May an object that is being deleted go: no finalizer and no grace holds it?
pub(crate) fn is_finished(served: &Served, object: &Value) -> bool {
    let empty = |fields: &[&str]| object::get(object, fields).and_then(Value::as_array).is_none_or(Vec::is_empty);
    object::is_deleting(object)
        && empty(&["metadata", "finalizers"])
        && (!served.strategy.spec_finalizers || empty(&["spec", "finalizers"]))
        && object::get_i64(object, &["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0) == 0
}

fn has_generation(served: &Served) -> bool {
    served.builtin().is_none_or(|kind| kind.generation)
}

/// A write of the whole object leaves status, and what only a subresource may write, as it was.
fn whole(served: &Served, new: &mut Value, old: &Value) {
    let status: &[&[&str]] = if served.status { &[&["status"]] } else { &[] };
    for path in status.iter().chain(served.strategy.kept) {
        match object::get(old, path) {
            Some(value) => *object::slot(new, path) = value.clone(),
            None => {
                object::remove(new, path);
            }
        }
    }
}

/// A write of the status, or of a part of it. Metadata goes with it for built-in kinds, as far as upstream's strategies let
/// it (`pkg/registry/*/strategy.go`); objects of CRDs, and CRDs themselves, keep theirs (`ResetObjectMetaForStatus`).
fn part_and_metadata(served: &Served, new: &mut Value, old: &Value, part: &[&str]) {
    let metadata = new.get("metadata").filter(|metadata| metadata.is_object()).cloned();
    only(new, old, part);
    if let (Some(metadata), Some(kept)) = (metadata, served.strategy.status_metadata) {
        new["metadata"] = metadata;
        for field in kept {
            match object::get(old, &["metadata", field]) {
                Some(value) => new["metadata"][*field] = value.clone(),
                None => drop(object::remove(new, &["metadata", field])),
            }
        }
    }
}

/// A write of a subresource changes one part only; field managers are tracked in any case.
fn only(new: &mut Value, old: &Value, part: &[&str]) {
    let wanted = object::get(new, part).cloned();
    let managers = object::get(new, &["metadata", "managedFields"]).cloned();
    *new = old.clone();
    match wanted {
        Some(value) => *object::slot(new, part) = value,
        None => {
            object::remove(new, part);
        }
    }
    match managers {
        Some(value) => *object::slot(new, &["metadata", "managedFields"]) = value,
        None => {
            object::remove(new, &["metadata", "managedFields"]);
        }
    }
}

/// `EnsureObjectNamespaceMatchesRequestNamespace`.
fn own_namespace(call: &Call, new: &mut Value) -> Result<(), Status> {
    let asked = call.namespace().unwrap_or_default();
    match object::namespace(new) {
        Some(given) if given == asked => {}
        Some(_) if asked.is_empty() => {
            object::remove(new, &["metadata", "namespace"]);
        }
        None if asked.is_empty() => {
            object::remove(new, &["metadata", "namespace"]);
        }
        None => *object::slot(new, &["metadata", "namespace"]) = json!(asked),
        Some(_) => {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
    }
    Ok(())
}

/// An object that is being deleted takes no new finalizers.
fn new_finalizers(call: &Call, new: &Value, old: &Value) -> Result<(), Status> {
    if !object::is_deleting(old) {
        return Ok(());
    }
    let list = |o: &Value| -> Vec<String> {
        let list = object::get(o, &["metadata", "finalizers"]).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let known = list(old);
    let added: Vec<String> = list(new).into_iter().filter(|f| !known.contains(f)).collect();
    if added.is_empty() {
        return Ok(());
    }
    let quoted: Vec<String> = added.iter().map(|f| format!("{f:?}")).collect();
    let why = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        quoted.join(", ")
    );
    let error = FieldError::forbidden(FieldPath::of("metadata.finalizers"), why);
    Err(Status::invalid(&call.served.gvk.group_kind(), call.name(), &[error]))
}
