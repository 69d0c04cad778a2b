//! `delete`: preconditions, finalizers, propagation, grace.

use std::sync::Arc;

use bytes::Bytes;
use model::{FieldError, FieldPath, GroupKind, GroupResource, Status, Timestamp, clock, object};
use serde_json::{Value, json};
use store::{Expect, Write, WriteError};

use super::get;
use super::write::TRIES;
use crate::admission::{Admission, Operation};
use crate::call::Call;
use crate::negotiate::{self, Encoding};
use crate::registry::Served;
use crate::reply::{self, Answer};
use crate::semantics;
use crate::state::{Current, State, write_failure};

/// Finalizers by which the garbage collector knows what to do with dependents.
const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// `metav1.DeleteOptions`.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    /// `Orphan`, `Background` or `Foreground`.
    pub(crate) propagation: Option<String>,
    pub(crate) grace_secs: Option<i64>,
    pub(crate) dry_run: bool,
}

/// What a delete did.
pub(crate) enum Deleted {
    /// The object is gone; its last state.
    Gone(Value),
    /// It waits for finalizers or for its grace to pass; its new state.
    Waits(Value),
}

impl DeleteOptions {
    /// Reads the body, or the query where the body says nothing.
    pub(crate) fn from_call(call: &Call) -> Result<Self, Status> {
        let body = if call.body.is_empty() {
            Value::Null
        } else {
            match negotiate::object_body(call.content_type.as_deref())? {
                Encoding::Protobuf => semantics::delete_options(&call.body)?,
                Encoding::Yaml => {
                    let text = String::from_utf8_lossy(&call.body);
                    model::yaml::parse(&text).map_err(|e| Status::bad_request(e.to_string()))?
                }
                _ => serde_json::from_slice(&call.body).map_err(|e| Status::bad_request(e.to_string()))?,
            }
        };
        if !matches!(body, Value::Null | Value::Object(_)) {
            return Err(Status::bad_request("the options of a delete must be a JSON object"));
        }
        if let Some(kind) = body.get("kind").and_then(Value::as_str)
            && kind != "DeleteOptions"
        {
            return Err(Status::bad_request(format!("no kind {kind:?} is accepted here: expected DeleteOptions")));
        }
        let text = |fields: &[&str]| object::get_str(&body, fields).filter(|s| !s.is_empty()).map(str::to_owned);
        let policy = text(&["propagationPolicy"]).or_else(|| call.query.get("propagationPolicy").map(str::to_owned));
        let orphan =
            body.get("orphanDependents").and_then(Value::as_bool).or_else(|| call.query.tristate("orphanDependents"));
        if let (Some(policy), Some(_)) = (&policy, orphan) {
            let why = "orphanDependents and deletionPropagation cannot be both set";
            let error = FieldError::invalid(FieldPath::of("propagationPolicy"), policy.as_str(), why);
            return Err(Status::invalid(&GroupKind::new("meta.k8s.io", "DeleteOptions"), "", &[error]));
        }
        let dry_body: &[Value] = body.get("dryRun").and_then(Value::as_array).map_or(&[], Vec::as_slice);
        if dry_body.iter().any(|value| *value != "All") {
            let error = FieldError::not_supported(FieldPath::of("dryRun"), dry_body.to_vec(), &["All"]);
            return Err(Status::invalid(&GroupKind::new("meta.k8s.io", "DeleteOptions"), "", &[error]));
        }
        let out = Self {
            uid: text(&["preconditions", "uid"]),
            resource_version: text(&["preconditions", "resourceVersion"]),
            propagation: match (policy, orphan) {
                (Some(policy), _) => Some(policy),
                (None, Some(true)) => Some("Orphan".to_owned()),
                (None, Some(false)) => Some("Background".to_owned()),
                (None, None) => None,
            },
            // Less than nothing counts as a second (`registry/rest/delete.go`).
            grace_secs: match body.get("gracePeriodSeconds").and_then(Value::as_i64) {
                Some(secs) => Some(secs),
                None => call.query.number("gracePeriodSeconds")?,
            }
            .map(|secs| if secs < 0 { 1 } else { secs }),
            dry_run: !dry_body.is_empty() || call.query.dry_run("DeleteOptions")?,
        };
        out.check()?;
        Ok(out)
    }

    /// Does what depends on the object stay? Without a policy its finalizers decide.
    fn orphan(&self, object: &Value) -> bool {
        self.propagation.as_deref().map_or_else(|| finalizers(object).any(|f| f == ORPHAN), |policy| policy == "Orphan")
    }

    fn check(&self) -> Result<(), Status> {
        let kind = GroupKind::new("meta.k8s.io", "DeleteOptions");
        if let Some(policy) = &self.propagation
            && !matches!(policy.as_str(), "Orphan" | "Background" | "Foreground")
        {
            let path = FieldPath::of("propagationPolicy");
            let error =
                FieldError::not_supported(path, policy.as_str(), &["Foreground", "Background", "Orphan", "nil"]);
            return Err(Status::invalid(&kind, "", &[error]));
        }
        Ok(())
    }
}

/// Deletes the object of the path.
pub(super) async fn delete(call: &mut Call) -> Result<Answer, Status> {
    let options = DeleteOptions::from_call(call)?;
    let (deleted, mut warnings) = delete_object(call, call.name(), &options).await?;
    call.warnings.append(&mut warnings);
    match deleted {
        Deleted::Gone(object) if call.served.strategy.returns_deleted => {
            get::object(call, 200, crate::stored::json_bytes(&object))
        }
        Deleted::Gone(last) => Ok(reply::value(200, &success(&call.served, &last))),
        Deleted::Waits(object) => get::object(call, 200, crate::stored::json_bytes(&object)),
    }
}

/// Deletes one object on behalf of a call, admission included. Returns what happened and warnings.
pub(crate) async fn delete_object(
    call: &Call,
    name: &str,
    options: &DeleteOptions,
) -> Result<(Deleted, Vec<String>), Status> {
    let missing = || Status::not_found(&call.served.resource, name);
    for _ in 0..TRIES {
        let mut current = call.state.current(&call.served, call.namespace(), name)?.ok_or_else(missing)?;
        if call.served.strategy.permanent.contains(&name) {
            let why = format!("this {} may not be deleted", call.served.singular);
            return Err(Status::forbidden(&call.served.resource, name, &why));
        }
        let warnings = admit(call, name, &mut current.object, options)?;
        if let Some(deleted) = delete_entry(&call.state, &call.served, current, options).await? {
            return Ok((deleted, warnings));
        }
    }
    let why = "the object has been modified; please apply your changes to the latest version and try again";
    Err(Status::conflict(&call.served.resource, name, why))
}

/// Asks admission; the object is then as its deletion is to leave it. Returns warnings.
fn admit(call: &Call, name: &str, object: &mut Value, options: &DeleteOptions) -> Result<Vec<String>, Status> {
    let stored = object.clone();
    let request = call.admission(Operation::Delete, name, Some(&stored), options.dry_run);
    let orphans = options.orphan(&stored);
    let handles = |a: &&Arc<dyn Admission>| a.handles(&call.served.resource, Operation::Delete);
    let mut warnings = Vec::new();
    for admission in call.state.admissions.iter().filter(handles) {
        warnings.extend(admission.mutate_deleted(&request, orphans, object));
    }
    for admission in call.state.admissions.iter().filter(handles) {
        warnings.extend(admission.validate(&request, None).map_err(|denied| denied.into_status(&request))?);
    }
    Ok(warnings)
}

/// Deletes one object as it was read; `None` when another write came in between.
pub(crate) async fn delete_entry(
    state: &Arc<State>,
    served: &Served,
    current: Current,
    options: &DeleteOptions,
) -> Result<Option<Deleted>, Status> {
    let Current { entry, bytes, mut object } = current;
    preconditions(served, &object, options)?;
    let now = state.now();
    let waits = mark(served, &mut object, options, now);
    let mut next = object.clone();
    let value: Option<Bytes> = if waits { Some(semantics::encode(served, &mut next)?) } else { None };
    if options.dry_run || value.as_ref() == Some(&bytes) {
        // A second delete that changes nothing writes nothing.
        return Ok(Some(if waits { Deleted::Waits(object) } else { Deleted::Gone(object) }));
    }
    let write = Write { key: entry.key.clone(), expect: Expect::At(entry.modified), value };
    match state.write(write).await {
        Ok(written) => {
            crate::stored::set_revision(&mut object, written.revision);
            Ok(Some(if waits { Deleted::Waits(object) } else { Deleted::Gone(object) }))
        }
        Err(WriteError::Unexpected { .. } | WriteError::Absent) => Ok(None),
        Err(error) => Err(write_failure(&error)),
    }
}

/// `rest.BeforeDelete`: the object must be the one that is meant.
fn preconditions(served: &Served, object: &Value, options: &DeleteOptions) -> Result<(), Status> {
    let kind = GroupResource { group: served.gvk.group.clone(), resource: served.gvk.kind.clone() };
    let check = |what: &str, done: &str, asked: &Option<String>, actual: Option<&str>| match asked {
        Some(asked) if actual != Some(asked) => {
            let actual = actual.unwrap_or_default();
            let why = format!(
                "the {what} in the precondition ({asked}) does not match the {what} in record ({actual}). \
                 The object might have been {done}"
            );
            Err(Status::conflict(&kind, object::name(object).unwrap_or_default(), &why))
        }
        _ => Ok(()),
    };
    check("UID", "deleted and then recreated", &options.uid, object::uid(object))?;
    check("ResourceVersion", "modified", &options.resource_version, object::resource_version(object))
}

/// Marks an object for deletion as far as it is not; does it have to wait? (`registry/rest/delete.go`, BeforeDelete,
/// and `registry/generic/registry/store.go`, deletionFinalizersForGarbageCollection.)
fn mark(served: &Served, object: &mut Value, options: &DeleteOptions, now: Timestamp) -> bool {
    propagate(object, options);
    let strategy = served.strategy;
    let grace = strategy.grace.map_or(0, |grace_secs| grace_secs(object, options.grace_secs));
    let held = finalizers(object).next().is_some() || strategy.spec_finalizers && has_spec_finalizers(object);
    if object::is_deleting(object) {
        let left = object::get_i64(object, &["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0);
        let shorter = grace.min(left);
        if shorter < left {
            set_deletion(object, deletion_time(object, now, left, shorter), shorter);
        }
        return held || shorter > 0;
    }
    if !held && grace == 0 && !strategy.cleaned_up {
        return false;
    }
    let at = now.checked_add(jiff::SignedDuration::from_secs(grace)).unwrap_or(now);
    set_deletion(object, clock::format_seconds(at), grace);
    if !strategy.cleaned_up
        && let Some(generation) = object::get_i64(object, &["metadata", "generation"]).filter(|g| *g > 0)
    {
        object["metadata"]["generation"] = json!(generation + 1);
    }
    if let Some(mark_deleted) = strategy.mark_deleted {
        mark_deleted(object, now);
    }
    true
}

fn has_spec_finalizers(object: &Value) -> bool {
    object::get(object, &["spec", "finalizers"]).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

fn set_deletion(object: &mut Value, at: String, grace_secs: i64) {
    object["metadata"]["deletionTimestamp"] = json!(at);
    object["metadata"]["deletionGracePeriodSeconds"] = json!(grace_secs);
}

/// The new end when a grace is shortened: counted from the first delete, but not into the past.
fn deletion_time(object: &Value, now: Timestamp, old_secs: i64, new_secs: i64) -> String {
    let old = object::get_str(object, &["metadata", "deletionTimestamp"]).and_then(|t| t.parse::<Timestamp>().ok());
    let shift = jiff::SignedDuration::from_secs(new_secs.saturating_sub(old_secs));
    let at = old.and_then(|old| old.checked_add(shift).ok()).unwrap_or(now);
    clock::format_seconds(at.max(now))
}

/// Sets the finalizer that a propagation policy means and removes the others; without a policy those that are there
/// decide.
fn propagate(object: &mut Value, options: &DeleteOptions) {
    let Some(policy) = options.propagation.as_deref() else { return };
    let wanted = match policy {
        "Orphan" => Some(ORPHAN),
        "Foreground" => Some(FOREGROUND),
        _ => None,
    };
    let mut list: Vec<Value> =
        finalizers(object).filter(|f| *f != ORPHAN && *f != FOREGROUND).map(|f| json!(f)).collect();
    list.extend(wanted.map(|f| json!(f)));
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        if list.is_empty() {
            metadata.remove("finalizers");
        } else {
            metadata.insert("finalizers".to_owned(), Value::Array(list));
        }
    }
}

fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    let list = object::get(object, &["metadata", "finalizers"]).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

fn success(served: &Served, last: &Value) -> Value {
    let mut details = json!({
        "name": object::name(last), "kind": served.resource.resource, "uid": object::uid(last),
    });
    if !served.resource.group.is_empty() {
        details["group"] = json!(served.resource.group);
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
