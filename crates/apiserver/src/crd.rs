//! CustomResourceDefinitions: kinds that come and go while the server runs.
//!
//! A CRD's status is decided in the same write that stores it, so that its kind is served when the create is answered;
//! upstream's controllers need a moment. Conversion between versions is `None`: only `apiVersion` changes.

use apimachinery::structural::{self, ConversionStrategy, CustomKind};
use model::{FieldError, FieldPath, Timestamp, clock, object};
use serde_json::{Value, json};

use crate::meta::Meta;
use crate::surroundings::{FixedKind, NamesInUse, Surroundings};

/// Group of CRDs.
pub(crate) const GROUP: &str = "apiextensions.k8s.io";
/// Kind of CRDs.
pub(crate) const KIND: &str = "CustomResourceDefinition";
/// Resource of CRDs.
pub(crate) const RESOURCE: &str = "customresourcedefinitions";
/// The condition of a CRD that is being deleted.
const TERMINATING: (&str, &str, &str, &str) = (
    "Terminating",
    "True",
    "InstanceDeletionPending",
    "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
);
/// Most warnings about rules of one CRD that are not enforced: a client shows each on a line.
const WARNINGS_MAX: usize = 5;
/// Holds a CRD until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Is a CRD on its way out, held by its objects?
pub(crate) fn is_held(meta: &Meta) -> bool {
    meta.deleting && meta.finalizers.iter().any(|f| **f == *CLEANUP)
}

/// Fills in names, conversion and status of a new CRD.
pub(crate) fn prepare_create(crd: &mut Value, surroundings: &dyn Surroundings) {
    prepare(crd, None, surroundings);
}

/// Fills in names, conversion and status of a CRD that was changed.
pub(crate) fn prepare_update(crd: &mut Value, old: &Value, surroundings: &dyn Surroundings) {
    prepare(crd, Some(old), surroundings);
}

fn prepare(crd: &mut Value, old: Option<&Value>, surroundings: &dyn Surroundings) {
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
    let status = status(&parsed, old, object::name(crd).unwrap_or_default(), surroundings);
    *object::slot(crd, &["status"]) = status;
}

fn status(kind: &CustomKind, old: Option<&Value>, crd: &str, surroundings: &dyn Surroundings) -> Value {
    // What is served without the CRD has these names already.
    let in_use = match surroundings.fixed_kind(crd) {
        Some(_) => NamesInUse::default(),
        None => surroundings.names_in_use(&kind.group, crd),
    };
    let (accepted, conflict) = names(&in_use, kind, old);
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
                .unwrap_or_else(|| json!(clock::format_seconds(surroundings.now())));
            json!({"type": ty, "status": status, "reason": reason, "message": message, "lastTransitionTime": since})
        })
        .collect();
    json!({"acceptedNames": accepted, "storedVersions": stored, "conditions": conditions})
}

/// The names that the kind gets, and the last that another kind of its group has
/// (`apiextensions-apiserver/pkg/controller/status`, calculateNamesAndConditions).
fn names(in_use: &NamesInUse, kind: &CustomKind, old: Option<&Value>) -> (Value, Option<(&'static str, String)>) {
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
    let resource = |name: &String| in_use.resources.contains(name);
    check("plural", "PluralConflict", Some(&names.plural).filter(|n| resource(n)));
    check("singular", "SingularConflict", Some(&names.singular).filter(|n| resource(n)));
    check("shortNames", "ShortNamesConflict", names.short_names.iter().find(|n| resource(n)));
    check("kind", "KindConflict", Some(&names.kind).filter(|n| in_use.kinds.contains(*n)));
    check("listKind", "ListKindConflict", Some(&names.list_kind).filter(|n| in_use.kinds.contains(*n)));
    (accepted, conflict)
}

/// Marks a CRD that is being deleted: it waits until its objects are gone.
pub(crate) fn mark_deleted(crd: &mut Value, now: Timestamp) {
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

pub(crate) fn condition<'a>(crd: &'a Value, ty: &str) -> Option<&'a str> {
    let list = object::get(crd, &["status", "conditions"])?.as_array()?;
    list.iter().find(|c| c.get("type").and_then(Value::as_str) == Some(ty))?.get("status")?.as_str()
}

/// A CRD cannot define a kind that the server has without it. The CRD of such a kind as its authors publish it is stored,
/// so that manifests and tools find it; nothing is served by it. Another one of that name is refused.
pub(crate) fn check_names(crd: &Value, old: Option<&Value>, surroundings: &dyn Surroundings) -> Vec<FieldError> {
    let name = object::name(crd).unwrap_or_default();
    let Some(fixed) = surroundings.fixed_kind(name) else { return Vec::new() };
    // One that is there from a time in which it was accepted can be changed in other ways, above all its finalizers.
    if old.is_some_and(|old| old.get("spec") == crd.get("spec")) || fits(crd, &fixed) {
        return Vec::new();
    }
    let scope = if fixed.namespaced { "Namespaced" } else { "Cluster" };
    let versions: Vec<&str> = fixed.versions.iter().map(String::as_str).collect();
    let why = format!(
        "{name} is served by this API server without a definition (kind {}, scope {scope}, versions {}), and a definition \
         cannot change it: choose another group or plural",
        fixed.kind,
        versions.join(", "),
    );
    vec![FieldError::forbidden(FieldPath::of("spec.names.plural"), why)]
}

/// Does a CRD say of a kind what the server serves: its kind, its scope and at least one of its versions?
fn fits(crd: &Value, fixed: &FixedKind) -> bool {
    let text = |path: &[&str]| object::get_str(crd, path).unwrap_or_default();
    let versions = object::get(crd, &["spec", "versions"]).and_then(Value::as_array);
    let mut names = versions.into_iter().flatten().filter_map(|version| version.get("name")?.as_str());
    text(&["spec", "names", "kind"]) == fixed.kind
        && text(&["spec", "scope"]) == (if fixed.namespaced { "Namespaced" } else { "Cluster" })
        && names.any(|name| fixed.versions.contains(name))
}

/// What a client should know about the CRD that it sends.
pub(crate) fn warnings(crd: &Value, _: Option<&Value>, surroundings: &dyn Surroundings) -> Vec<String> {
    let name = object::name(crd).unwrap_or_default();
    if surroundings.fixed_kind(name).is_some() {
        return vec![format!(
            "{name} is served by this API server itself: the definition is stored and changes nothing"
        )];
    }
    unsupported(crd)
}

/// What a CRD asks for and this server does not do.
fn unsupported(crd: &Value) -> Vec<String> {
    let Ok(kind) = structural::parse_crd(crd) else { return Vec::new() };
    let rules = kind.versions.iter().flat_map(|v| v.cel_rules.iter().map(move |path| (&v.name, path)));
    let mut out: Vec<String> = rules
        .take(WARNINGS_MAX)
        .map(|(name, path)| {
            format!("version {name}: x-kubernetes-validations at {path} are not enforced by this server")
        })
        .collect();
    if kind.conversion != ConversionStrategy::None {
        let why = "webhooks are not called by this server: versions convert as with strategy None";
        out.push(format!("spec.conversion: {why}"));
    }
    out
}
