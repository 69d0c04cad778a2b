//! The one door to `apimachinery`: what a kind's schema and rules do to objects.

use apimachinery::fieldset::{FieldSet, Path};
use apimachinery::normal;
use apimachinery::patch::apply::{self, Change};
use apimachinery::structural::{self, ConversionStrategy, CustomVersion};
use apimachinery::table::{self, Columns};
use apimachinery::validate::{self, NameRule};
use bytes::Bytes;
use model::{FieldError, FieldPath, GroupResource, Reason, Status, Timestamp, object};
use serde_json::{Value, json};

use crate::call::Call;
use crate::registry::{Origin, Served};
use crate::{lifecycle, stored};

/// Most warnings about rules of one CRD that are not enforced: a client shows each on a line.
const WARNINGS_MAX: usize = 5;

/// Kinds that may be made by an update (`AllowCreateOnUpdate` in upstream's strategies).
pub(crate) fn may_create_on_update(served: &Served) -> bool {
    matches!(
        (served.gvk.group.as_str(), served.gvk.kind.as_str()),
        ("", "Endpoints" | "Event")
            | ("events.k8s.io", "Event")
            | ("coordination.k8s.io", "Lease")
            | ("rbac.authorization.k8s.io", _)
            | ("node.k8s.io", "RuntimeClass")
    )
}

/// Kinds that may be updated without a resourceVersion (`AllowUnconditionalUpdate`): built-in ones, but for some.
pub(crate) fn may_update_blindly(served: &Served) -> bool {
    !served.is_custom()
        && !matches!(
            (served.gvk.group.as_str(), served.gvk.kind.as_str()),
            ("coordination.k8s.io", "Lease")
                | ("apiextensions.k8s.io" | "apiregistration.k8s.io", _)
                | ("scheduling.k8s.io", "PriorityClass")
        )
}

/// Where objects of a built-in kind are kept and in which version: two kinds are shown in two versions each.
pub(crate) fn storage(kind: &kinds::Kind) -> (GroupResource, String) {
    let (group, version) = match (kind.group, kind.kind) {
        ("events.k8s.io", "Event") => ("", "v1"),
        ("autoscaling", "HorizontalPodAutoscaler") => ("autoscaling", "v2"),
        _ => (kind.group, kind.version),
    };
    let resource = GroupResource { group: group.to_owned(), resource: kind.plural.to_owned() };
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (resource, api_version)
}

/// Brings an object into the version that is served.
pub(crate) fn convert(object: &mut Value, served: &Served) {
    crate::conversion::convert(object, &served.api_version);
    if let Some(kind) = served.builtin() {
        // Two shapes of one object differ in which empty fields they show. What was stored was valid, so this cannot fail
        // in a way that a reader could do something about.
        let _ = normal::normalize(kind, object);
    }
}

/// The bytes to store: the object in its storage version.
pub(crate) fn encode(served: &Served, object: &mut Value) -> Result<Bytes, Status> {
    if served.storage != served.api_version {
        crate::conversion::convert(object, &served.storage);
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
    if served.is("", "Namespace") {
        // Every namespace carries its name as a label (`plugin/.../namespace/strategy.go`, since Kubernetes 1.21).
        if let Some(name) = object::name(object).map(str::to_owned) {
            *object::slot(object, &["metadata", "labels", "kubernetes.io/metadata.name"]) = json!(name);
        }
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

/// What a CRD asks for and this server does not do.
pub(crate) fn unsupported(crd: &Value) -> Vec<String> {
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

/// What tracking and apply need to know of a write.
fn change<'a>(call: &'a Call, live: Option<&'a Value>, reset: &'a FieldSet, now: Timestamp) -> Change<'a> {
    Change {
        live,
        schema: call.served.schema(),
        manager: call.manager(),
        api_version: &call.served.api_version,
        subresource: call.subresource(),
        reset: Some(reset),
        now,
    }
}

/// The fields that a write leaves alone whatever it says: nobody comes to own them by it.
fn reset(call: &Call) -> FieldSet {
    if call.subresource() == "status" && lifecycle::status_takes_metadata(&call.served) {
        let kept = lifecycle::status_keeps(&call.served).iter().map(|field| Path::fields(["metadata", *field]));
        return kept.chain([Path::fields(["spec"])]).collect::<Vec<_>>().iter().collect();
    }
    apply::reset_fields(call.subresource(), call.served.status)
}

/// Writes down who owns the fields that changed.
pub(crate) fn track(call: &Call, old: Option<&Value>, new: Value, now: Timestamp) -> Value {
    let reset = reset(call);
    apply::update(change(call, old, &reset, now), new)
}

/// Server-side apply.
pub(crate) fn apply(
    call: &Call,
    live: Option<&Value>,
    applied: &Value,
    force: bool,
    now: Timestamp,
) -> Result<Value, Status> {
    let reset = reset(call);
    apply::apply(change(call, live, &reset, now), applied, force).map_err(|error| error.to_status())
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
