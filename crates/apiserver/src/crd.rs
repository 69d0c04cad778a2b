//! CustomResourceDefinitions: kinds that come and go while the server runs.
//!
//! A CRD's status is decided in the same write that stores it, so that its kind is served when the create is answered;
//! upstream's controllers need a moment. Conversion between versions is `None`: only `apiVersion` changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use apimachinery::structural::{self, CustomKind};
use model::{Reason, Timestamp, clock, object};
use serde_json::{Value, json};
use store::{Expect, Revision, Write};

use crate::key;
use crate::meta::Meta;
use crate::registry::{Definition, Registry, Served};
use crate::server::{Current, Error, Inner};
use crate::verb::{DeleteOptions, delete_entry};

/// Group of CRDs.
pub(crate) const GROUP: &str = "apiextensions.k8s.io";
/// Kind of CRDs.
pub(crate) const KIND: &str = "CustomResourceDefinition";
/// Resource of CRDs.
pub(crate) const RESOURCE: &str = "customresourcedefinitions";
/// The condition of a CRD that is to go.
const TERMINATING: (&str, &str, &str, &str) = (
    "Terminating",
    "True",
    "InstanceDeletionPending",
    "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
);
/// Holds a CRD until its objects are gone.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Reads all CRDs when the server starts, and goes on with clean-ups that were under way.
pub(crate) fn load(inner: &Arc<Inner>) -> Result<(), Error> {
    for entry in inner.entries(&key::prefix(GROUP, RESOURCE, None)) {
        let what = || format!("{RESOURCE}.{GROUP} {}", entry.meta.name);
        let bytes = inner.read(&entry).map_err(|e| Error::Unreadable { what: what(), why: e.message })?;
        let crd: Value =
            serde_json::from_slice(&bytes).map_err(|e| Error::Unreadable { what: what(), why: e.to_string() })?;
        let name = &*entry.meta.name;
        let definition = definition(name, &crd, entry.modified, None);
        inner.change_registry(|registry| registry.with(name, definition));
    }
    Ok(())
}

/// Goes on with clean-ups that a restart interrupted.
pub(crate) fn resume(inner: &Arc<Inner>) {
    for entry in inner.entries(&key::prefix(GROUP, RESOURCE, None)).iter().filter(|e| is_held(&e.meta)) {
        start_cleanup(inner, &entry.meta.name);
    }
}

/// Lets the registry follow a write of a CRD, and starts the clean-up of one that is to go. What counts is what the store
/// holds now: of two writes at once, whichever comes here last sees both.
pub(crate) fn changed(inner: &Arc<Inner>, name: &str) {
    let mut goes = false;
    inner.change_registry(|registry| {
        let snapshot = inner.store.snapshot();
        let definition = snapshot.get(&key::object(GROUP, RESOURCE, "", name)).and_then(|entry| {
            goes = is_held(&entry.meta);
            let bytes = inner.read(&entry).ok()?;
            let crd: Value = serde_json::from_slice(&bytes).ok()?;
            definition(name, &crd, entry.modified, registry.definition(name))
        });
        registry.with(name, definition)
    });
    if goes {
        start_cleanup(inner, name);
    }
}

/// Is a CRD on its way out, held by its objects?
fn is_held(meta: &Meta) -> bool {
    meta.deleting && meta.finalizers.iter().any(|f| **f == *CLEANUP)
}

/// The kind that a stored CRD defines, if its names were accepted. `known` is what it defined before, when that is known.
fn definition(name: &str, crd: &Value, revision: Revision, known: Option<&Definition>) -> Option<Definition> {
    if condition(crd, "Established") != Some("True") {
        return None;
    }
    match structural::parse_crd(crd) {
        Ok(kind) => {
            let generation = object::get_i64(crd, &["metadata", "generation"]).unwrap_or(1);
            // Objects cannot be older than the first generation. After a restart nobody knows when a later one began:
            // the CRD's last write is a safe bound.
            let since = match known {
                Some(known) if known.generation == generation => known.since,
                None if generation == 1 => Revision(0),
                _ => revision,
            };
            let kind = Arc::new(kind);
            Some(Definition { kind, revision, generation, since, open: !object::is_deleting(crd) })
        }
        Err(errors) => {
            // It was valid when it was written; a newer server may be stricter. The kind is not served, and says so.
            tracing::warn!(crd = name, error = %errors[0], "a stored CustomResourceDefinition is not valid");
            None
        }
    }
}

/// May objects of this kind be made? Not while its CRD is being deleted.
pub(crate) fn is_open(registry: &Registry, served: &Served) -> bool {
    !served.is_custom() || registry.definition(&served.resource.to_string()).is_none_or(|definition| definition.open)
}

/// Fills in names, conversion, status and finalizer of a CRD that is made or changed.
pub(crate) fn prepare(inner: &Inner, crd: &mut Value, old: Option<&Value>, now: Timestamp) {
    let kind = object::get_str(crd, &["spec", "names", "kind"]).unwrap_or_default().to_owned();
    let names = object::slot(crd, &["spec", "names"]);
    if names.is_object() {
        if names.get("singular").is_none_or(|s| s == "") {
            names["singular"] = json!(kind.to_ascii_lowercase());
        }
        if names.get("listKind").is_none_or(|s| s == "") {
            names["listKind"] = json!(format!("{kind}List"));
        }
    }
    let conversion = object::slot(crd, &["spec", "conversion", "strategy"]);
    if conversion.is_null() {
        *conversion = json!("None");
    }
    let Ok(parsed) = structural::parse_crd(crd) else { return };
    let status = status(inner, &parsed, old, object::name(crd).unwrap_or_default(), now);
    *object::slot(crd, &["status"]) = status;
}

fn status(inner: &Inner, kind: &CustomKind, old: Option<&Value>, crd: &str, now: Timestamp) -> Value {
    let (accepted, conflict) = names(&inner.registry(), kind, crd, old);
    let storage = kind.storage_version().map(|v| v.name.clone()).unwrap_or_default();
    let mut stored: Vec<Value> =
        old.and_then(|old| object::get(old, &["status", "storedVersions"])?.as_array().cloned()).unwrap_or_default();
    if !stored.iter().any(|v| *v == storage) {
        stored.push(json!(storage));
    }
    let was_established = old.is_some_and(|old| condition(old, "Established") == Some("True"));
    let mut conditions = vec![match &conflict {
        None => ("NamesAccepted", "True", "NoConflicts", "no conflicts found".to_owned()),
        Some((reason, why)) => ("NamesAccepted", "False", *reason, why.clone()),
    }];
    conditions.push(if conflict.is_none() || was_established {
        ("Established", "True", "InitialNamesAccepted", "the initial names have been accepted".to_owned())
    } else {
        ("Established", "False", "NotAccepted", "not all names are accepted".to_owned())
    });
    if old.is_some_and(object::is_deleting) {
        let (ty, status, reason, message) = TERMINATING;
        conditions.push((ty, status, reason, message.to_owned()));
    }
    let conditions: Vec<Value> = conditions
        .into_iter()
        .map(|(ty, status, reason, message)| {
            let before = old.and_then(|old| {
                let list = object::get(old, &["status", "conditions"])?.as_array()?;
                list.iter().find(|c| c.get("type").and_then(Value::as_str) == Some(ty)).cloned()
            });
            let since = before
                .filter(|c| c.get("status").and_then(Value::as_str) == Some(status))
                .and_then(|c| c.get("lastTransitionTime").cloned())
                .unwrap_or_else(|| json!(clock::format_seconds(now)));
            json!({"type": ty, "status": status, "reason": reason, "message": message, "lastTransitionTime": since})
        })
        .collect();
    json!({"acceptedNames": accepted, "storedVersions": stored, "conditions": conditions})
}

/// The names that the kind gets, and the last that another kind of its group has
/// (`apiextensions-apiserver/pkg/controller/status`, calculateNamesAndConditions).
fn names(
    registry: &Registry,
    kind: &CustomKind,
    crd: &str,
    old: Option<&Value>,
) -> (Value, Option<(&'static str, String)>) {
    let mut resources: BTreeSet<&str> = BTreeSet::new();
    let mut kinds: BTreeSet<String> = BTreeSet::new();
    let others: Vec<_> =
        registry.all().filter(|s| s.gvk.group == kind.group && s.resource.to_string() != crd).collect();
    for other in &others {
        let names = [&other.resource.resource, &other.singular].into_iter().chain(&other.short_names);
        resources.extend(names.map(String::as_str));
        kinds.extend([other.gvk.kind.clone(), format!("{}List", other.gvk.kind)]);
    }
    let mut accepted = kind.names.to_value();
    let mut conflict = None;
    let mut check = |field: &str, reason: &'static str, taken: Option<&String>| {
        let Some(name) = taken else { return };
        conflict = Some((reason, format!("{name:?} is already in use")));
        accepted[field] = old
            .and_then(|old| object::get(old, &["status", "acceptedNames", field]).cloned())
            .unwrap_or_else(|| if field == "shortNames" { json!([]) } else { json!("") });
    };
    let names = &kind.names;
    let resource = |name: &String| resources.contains(name.as_str());
    check("plural", "PluralConflict", Some(&names.plural).filter(|n| resource(n)));
    check("singular", "SingularConflict", Some(&names.singular).filter(|n| resource(n)));
    check("shortNames", "ShortNamesConflict", names.short_names.iter().find(|n| resource(n)));
    check("kind", "KindConflict", Some(&names.kind).filter(|n| kinds.contains(*n)));
    check("listKind", "ListKindConflict", Some(&names.list_kind).filter(|n| kinds.contains(*n)));
    (accepted, conflict)
}

/// Marks a CRD that is to go: it waits until its objects are gone.
pub(crate) fn mark(crd: &mut Value, now: Timestamp) {
    let finalizers = object::slot(crd, &["metadata", "finalizers"]);
    match finalizers.as_array_mut() {
        Some(list) if list.iter().any(|f| f == CLEANUP) => {}
        Some(list) => list.push(json!(CLEANUP)),
        None => *finalizers = json!([CLEANUP]),
    }
    object::remove(crd, &["metadata", "deletionGracePeriodSeconds"]);
    let conditions = object::slot(crd, &["status", "conditions"]);
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    if let Some(list) = conditions.as_array_mut() {
        let (ty, status, reason, message) = TERMINATING;
        let since = clock::format_seconds(now);
        list.push(json!({
            "type": ty, "status": status, "reason": reason, "message": message, "lastTransitionTime": since,
        }));
    }
}

fn condition<'a>(crd: &'a Value, ty: &str) -> Option<&'a str> {
    let list = object::get(crd, &["status", "conditions"])?.as_array()?;
    list.iter().find(|c| c.get("type").and_then(Value::as_str) == Some(ty))?.get("status")?.as_str()
}

fn start_cleanup(inner: &Arc<Inner>, crd: &str) {
    let mut running = inner.cleanups.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !running.insert(crd.to_owned()) {
        return;
    }
    let (inner, crd) = (inner.clone(), crd.to_owned());
    tokio::spawn(async move {
        if let Err(why) = cleanup(&inner, &crd).await {
            tracing::warn!(
                crd,
                why,
                "objects of a CustomResourceDefinition could not be cleaned up; a restart tries again"
            );
        }
        inner.cleanups.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&crd);
    });
}

/// Deletes the objects of a CRD, waits until those with finalizers are gone, then lets the CRD go.
async fn cleanup(inner: &Arc<Inner>, crd: &str) -> Result<(), String> {
    let definition = inner.registry().definition(crd).cloned();
    if let Some(Definition { kind, .. }) = definition {
        let prefix = key::prefix(&kind.group, &kind.names.plural, None);
        let range = key::below(&prefix, std::ops::Bound::Unbounded);
        let Some(served) = inner.registry().all().find(|s| s.resource.to_string() == crd) else {
            return Err("the kind is not served".to_owned());
        };
        let mut events = inner.store.watch(range, inner.store.revision()).map_err(|error| error.to_string())?;
        loop {
            let entries = inner.entries(&prefix);
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                let (bytes, object) = inner.parse(&served, &entry).map_err(|s| s.message)?;
                let current = Current { entry, bytes, object };
                match delete_entry(inner, &served, current, &DeleteOptions::default()).await {
                    Ok(_) => {}
                    Err(status) if status.is(Reason::NotFound) => {}
                    Err(status) => return Err(status.message),
                }
            }
            if inner.entries(&prefix).is_empty() {
                break;
            }
            tokio::select! {
                () = inner.closing.cancelled() => return Ok(()),
                event = events.next() => if event.is_none() {
                    return Err("the watch ended".to_owned());
                },
            }
        }
    }
    release(inner, crd).await
}

/// Removes the finalizer; the CRD goes when it was the last.
async fn release(inner: &Arc<Inner>, crd: &str) -> Result<(), String> {
    let key = key::object(GROUP, RESOURCE, "", crd);
    loop {
        let Some(entry) = inner.store.snapshot().get(&key) else { return Ok(()) };
        let bytes = inner.read(&entry).map_err(|s| s.message)?;
        let mut object: Value = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
        let Some(list) = object.pointer_mut("/metadata/finalizers").and_then(Value::as_array_mut) else {
            return Ok(());
        };
        if !list.iter().any(|f| f == CLEANUP) {
            return Ok(());
        }
        list.retain(|f| f != CLEANUP);
        let value = if list.is_empty() { None } else { Some(crate::stored::encode(&mut object)) };
        match inner.write(Write { key: key.clone(), expect: Expect::At(entry.modified), value }).await {
            Ok(_) => return Ok(()),
            Err(store::WriteError::Unexpected { .. } | store::WriteError::Absent) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}
