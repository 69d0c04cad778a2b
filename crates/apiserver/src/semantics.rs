//! The one door to `apimachinery`: what a kind's schema and rules do to objects.

use apimachinery::normal;
use apimachinery::structural::{self, CustomVersion};
use apimachinery::table::{self, Columns};
use apimachinery::validate::{self, NameRule};
use bytes::Bytes;
use model::{FieldError, FieldPath, Reason, Status, object};
use serde_json::{Value, json};

use crate::registry::{Origin, Served};
use crate::{conversion, stored};

/// Brings an object into the version that is served.
pub(crate) fn convert(object: &mut Value, served: &Served) {
    conversion::convert(object, &served.api_version, served.strategy.convert);
    if let Some(kind) = served.builtin() {
        // Two shapes of one object differ in which empty fields they show. What was stored was valid, so this cannot fail
        // in a way that a reader could do something about.
        let _ = normal::normalize(kind, object);
    }
}

/// The bytes to store: the object in its storage version.
pub(crate) fn encode(served: &Served, object: &mut Value) -> Result<Bytes, Status> {
    if served.storage != served.api_version {
        conversion::convert(object, &served.storage, served.strategy.convert);
        // Who reads that version gets a copy of what is stored: it has all that the version always has.
        let kind = object::gvk(object).and_then(|gvk| kinds::find(&gvk)).filter(|_| served.builtin().is_some());
        if let Some(kind) = kind {
            let _ = normal::normalize(kind, object);
        }
    }
    let bytes = stored::encode(object);
    if bytes.len() > model::limit::OBJECT_BYTES_MAX {
        let message =
            format!("the object is {} bytes long, the limit is {}", bytes.len(), model::limit::OBJECT_BYTES_MAX);
        return Err(Status::new(Reason::RequestEntityTooLarge, message));
    }
    // What cannot be parsed again would break every list of the kind. Patches and field owners nest deeper than any body.
    let deep = object::depth(object);
    if deep > model::limit::NESTING_MAX {
        let message = format!("the object nests {deep} levels deep, the limit is {}", model::limit::NESTING_MAX);
        return Err(Status::bad_request(message));
    }
    Ok(bytes)
}

/// Fills in a missing `apiVersion` and `kind`, which only built-in kinds may leave out; refuses others than those of the
/// path.
pub(crate) fn check_kind(object: &mut Value, served: &Served) -> Result<(), Status> {
    if served.is_custom() {
        return check_kind_given(object, served);
    }
    let Some(map) = object.as_object_mut() else {
        return Err(Status::bad_request("the object provided is not a JSON object"));
    };
    for (field, wanted) in [("apiVersion", &served.api_version), ("kind", &served.gvk.kind)] {
        match map.get(field).and_then(Value::as_str) {
            None | Some("") => {
                map.insert(field.to_owned(), json!(wanted));
            }
            Some(given) if given == wanted => {}
            Some(_) => return Err(wrong_kind(object, served)),
        }
    }
    Ok(())
}

/// As [`check_kind`], for bodies that must say what they are (apply).
pub(crate) fn check_kind_given(object: &Value, served: &Served) -> Result<(), Status> {
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    for field in ["kind", "apiVersion"] {
        if text(field).is_empty() {
            let name = if field == "kind" { "Kind" } else { "apiVersion" };
            let kind = &served.gvk.kind;
            // Upstream shows the whole object here; it may hold a secret, so this does not.
            return Err(Status::bad_request(format!(
                "the object provided is unrecognized (must be of type {kind}): Object '{name}' is missing"
            )));
        }
    }
    if text("apiVersion") == served.api_version && text("kind") == served.gvk.kind {
        return Ok(());
    }
    Err(wrong_kind(object, served))
}

fn wrong_kind(object: &Value, served: &Served) -> Status {
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    if text("apiVersion") != served.api_version {
        return Status::bad_request(format!(
            "the API version in the data ({}) does not match the expected API version ({})",
            text("apiVersion"),
            served.api_version
        ));
    }
    let (kind, wanted) = (text("kind"), &served.gvk.kind);
    let version = &served.gvk.version;
    Status::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {wanted}: no kind {kind:?} is served at this path"
    ))
}

/// Removes what the schema does not know; returns the paths.
pub(crate) fn prune(served: &Served, object: &mut Value) -> Vec<FieldPath> {
    structural::prune(object, served.schema())
}

/// Brings a whole object to its canonical JSON, so that two ways to write the same store the same bytes.
pub(crate) fn normalize(served: &Served, object: &mut Value) -> Result<(), Status> {
    let Some(kind) = served.builtin() else { return Ok(()) };
    normal::normalize(kind, object).map_err(|errors| {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let (version, kind) = (&served.gvk.version, &served.gvk.kind);
        let why = list.join(", ");
        Status::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {why}"))
    })
}

/// Fills in defaults.
pub(crate) fn default(served: &Served, object: &mut Value) {
    match served.builtin() {
        Some(kind) => apimachinery::defaults::builtin(kind, object),
        None => structural::default(object, served.schema()),
    }
    if let Some(default) = served.strategy.default {
        default(object);
    }
}

/// What is wrong with an object.
pub(crate) fn validate(served: &Served, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    if let Some(kind) = served.builtin() {
        return validate::builtin(kind, new, old);
    }
    let mut errors = validate::object_meta(new, old, served.namespaced, NameRule::default());
    errors.extend(match old {
        Some(old) => structural::validate_update(new, old, served.schema()),
        None => structural::validate(new, served.schema()),
    });
    errors
}

/// What a client should know about the version that it uses.
pub(crate) fn deprecation(served: &Served) -> Option<String> {
    match &served.origin {
        Origin::Custom(kind, version) => kind.versions[*version].deprecation.clone(),
        _ => None,
    }
}

/// `DeleteOptions` from protobuf.
pub(crate) fn delete_options(body: &[u8]) -> Result<Value, Status> {
    apimachinery::protobuf::decode(body).map_err(|e| Status::bad_request(e.to_string()))
}

/// The columns of a kind.
pub(crate) fn columns(served: &Served) -> Columns {
    match &served.origin {
        Origin::Builtin(_) => table::builtin(&served.gvk.group_kind()),
        Origin::Custom(kind, version) => table::custom(&kind.versions[*version]),
        Origin::Code(_, info) => table::custom(&CustomVersion {
            name: info.version.clone(),
            served: true,
            storage: true,
            deprecation: None,
            schema: info.schema.clone(),
            status: info.status,
            scale: None,
            columns: info.columns.clone(),
            selectable: Vec::new(),
            cel_rules: Vec::new(),
        }),
    }
}
