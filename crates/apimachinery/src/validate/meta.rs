//! `metadata` of any object.

use std::collections::BTreeSet;

use model::name::{check_dns_label, check_dns_subdomain, check_path_segment, check_qualified_name};
use model::{FieldError, GroupVersion, object};
use serde_json::{Map, Value};

use super::collect::{At, FieldErrors, get, list, text};

/// Most bytes of all annotations of an object, keys and values.
const ANNOTATIONS_MAX: usize = 256 * 1024;

/// What objects of a kind may be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameRule {
    /// A DNS-1123 subdomain; custom kinds and most others.
    #[default]
    Subdomain,
    /// A DNS-1123 label.
    Label,
    /// Anything that is one path segment.
    PathSegment,
}

impl NameRule {
    /// The rule of a built-in kind; [`NameRule::Subdomain`] for kinds that are not known.
    pub fn for_kind(group: &str, kind: &str) -> Self {
        match (group, kind) {
            // Services may have any label since 1.36.
            ("", "Namespace" | "Service") | ("apps", "StatefulSet") => Self::Label,
            ("rbac.authorization.k8s.io" | "certificates.k8s.io", _) | ("apiregistration.k8s.io", "APIService") => {
                Self::PathSegment
            }
            _ => Self::Subdomain,
        }
    }

    fn check(self, name: &str) -> Result<(), String> {
        match self {
            Self::Subdomain => check_dns_subdomain(name),
            Self::Label => check_dns_label(name),
            Self::PathSegment => check_path_segment(name),
        }
    }

    /// A prefix gets characters appended, so that its own last one may be a dash.
    fn check_prefix(self, prefix: &str) -> Result<(), String> {
        match prefix.strip_suffix('-') {
            Some(stem) if !stem.is_empty() => self.check(&format!("{stem}a")),
            _ => self.check(prefix),
        }
    }
}

/// What is wrong with an object's metadata. With `old` it is an update, and the identity may not change.
///
/// `name` is required: a create with `generateName` fills it in before.
pub fn object_meta(new: &Value, old: Option<&Value>, namespaced: bool, rule: NameRule) -> Vec<FieldError> {
    let mut found = FieldErrors::new();
    let at = At::from("metadata");
    let empty = Value::Object(Map::new());
    let meta = new.get("metadata").unwrap_or(&empty);
    match old {
        None => check_identity(meta, namespaced, rule, &at, &mut found),
        Some(old) => check_change(new, old, &mut found),
    }
    found.non_negative(meta, "generation", &at);
    found.labels(get(meta, "labels"), &at.field("labels"));
    check_annotations(meta, &at, &mut found);
    check_owners(meta, &at, &mut found);
    if old.is_none() {
        check_finalizers(meta, &at, &mut found);
    }
    found.into_vec()
}

fn check_identity(meta: &Value, namespaced: bool, rule: NameRule, at: &At, found: &mut FieldErrors) {
    let prefix = text(meta, "generateName");
    if !prefix.is_empty() {
        found.rule(at.field("generateName"), prefix, |p| rule.check_prefix(p));
    }
    let name = text(meta, "name");
    if name.is_empty() {
        found.required(at.field("name"), "name or generateName is required");
    } else {
        found.rule(at.field("name"), name, |n| rule.check(n));
    }
    let namespace = text(meta, "namespace");
    match (namespaced, namespace.is_empty()) {
        (true, true) => found.required(at.field("namespace"), ""),
        (true, false) => found.rule(at.field("namespace"), namespace, check_dns_label),
        (false, false) => found.forbidden(at.field("namespace"), "not allowed on this type"),
        (false, true) => {}
    }
}

fn check_change(new: &Value, old: &Value, found: &mut FieldErrors) {
    if object::is_deleting(old) {
        let names = |o: &Value| -> BTreeSet<String> {
            list(o, "metadata.finalizers").iter().filter_map(|f| f.as_str().map(ToOwned::to_owned)).collect()
        };
        let added: Vec<String> = names(new).difference(&names(old)).map(|f| format!("{f:?}")).collect();
        if !added.is_empty() {
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                added.join(", ")
            );
            found.forbidden("metadata.finalizers".into(), why);
        }
    }
    let generation = |o: &Value| get(o, "metadata.generation").and_then(Value::as_i64).unwrap_or(0);
    if generation(new) < generation(old) {
        found.invalid("metadata.generation".into(), generation(new), "must not be decremented");
    }
    for path in [
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "metadata.creationTimestamp",
        "metadata.deletionTimestamp",
        "metadata.deletionGracePeriodSeconds",
    ] {
        found.immutable(new, old, path);
    }
}

fn check_annotations(meta: &Value, at: &At, found: &mut FieldErrors) {
    let Some(Value::Object(annotations)) = get(meta, "annotations") else { return };
    let at = at.field("annotations");
    for key in annotations.keys() {
        if let Err(why) = check_qualified_name(&key.to_lowercase()) {
            found.invalid(at.clone(), key.as_str(), why);
        }
    }
    let bytes: usize = annotations.iter().map(|(k, v)| k.len() + v.as_str().map_or(0, str::len)).sum();
    if bytes > ANNOTATIONS_MAX {
        found.too_long(at, ANNOTATIONS_MAX);
    }
}

fn check_owners(meta: &Value, at: &At, found: &mut FieldErrors) {
    let owners = list(meta, "ownerReferences");
    let at = at.field("ownerReferences");
    let mut controller: Option<String> = None;
    for (index, owner) in owners.iter().enumerate() {
        let place = at.index(index);
        let api_version = text(owner, "apiVersion");
        if api_version.is_empty() {
            found.required(place.field("apiVersion"), "must not be empty");
        } else if api_version.parse::<GroupVersion>().is_err() {
            found.invalid(place.field("apiVersion"), api_version, "must be <group>/<version> or <version>");
        }
        for field in ["kind", "name", "uid"] {
            if text(owner, field).is_empty() {
                found.required(place.field(field), "must not be empty");
            }
        }
        if api_version == "v1" && text(owner, "kind") == "Event" {
            let why = "/v1, Kind=Event is disallowed from being an owner";
            found.invalid(place, owner.clone(), why);
        }
        if get(owner, "controller") == Some(&Value::Bool(true)) {
            let this = format!("{}/{}", text(owner, "kind"), text(owner, "name"));
            match &controller {
                Some(first) => {
                    let why = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                    );
                    found.invalid(at.clone(), owners.to_vec(), why);
                }
                None => controller = Some(this),
            }
        }
    }
}

fn check_finalizers(meta: &Value, at: &At, found: &mut FieldErrors) {
    let finalizers = list(meta, "finalizers");
    let at = at.field("finalizers");
    for finalizer in finalizers.iter().filter_map(Value::as_str) {
        found.rule(at.clone(), finalizer, check_qualified_name);
    }
    let has = |name: &str| finalizers.iter().any(|f| f.as_str() == Some(name));
    if has("orphan") && has("foregroundDeletion") {
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        found.invalid(at, finalizers.to_vec(), why);
    }
}
