//! An answer is compared with its question: a server that says "done" about another object has not done it.
//!
//! A broken proxy, or a member that lies, answers 200 with any JSON. Kind, name, namespace and UID of what comes back
//! must be those that were asked for.
//!
//! What names an object has a length here too: names and versions are kept of each object, so one that fills an answer
//! would fill our memory. Every object of every answer passes this place.

use model::object;
use serde_json::Value;

use crate::failure::{Error, Missing, words};
use crate::json::Envelope;
use crate::limit;
use crate::resource::{Resource, Target};

/// `apiVersion` and `kind` of metadata alone.
const METADATA: (&str, &str) = ("meta.k8s.io/v1", "PartialObjectMetadata");

/// The same of a list of metadata.
const METADATA_LIST: (&str, &str) = ("meta.k8s.io/v1", "PartialObjectMetadataList");

/// Which object an answer should be about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name<'a> {
    /// This one.
    Exactly(&'a str),
    /// One that the server named, beginning with this.
    Generated(&'a str),
    /// Any: an object of a list or a watch.
    Any,
}

/// What an answer should be about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) resource: &'a Resource,
    /// Empty: all namespaces.
    pub(crate) namespace: &'a str,
    pub(crate) name: Name<'a>,
    pub(crate) uid: Option<&'a str>,
    /// Is the answer of the resource's own kind? A scale or a binding is not.
    pub(crate) own_kind: bool,
    /// May it leave out its kind? Objects in lists do.
    pub(crate) kind_optional: bool,
}

impl<'a> Question<'a> {
    pub(crate) fn object(target: &Target<'a>, uid: Option<&'a str>) -> Self {
        Self {
            resource: target.resource,
            namespace: target.namespace,
            name: Name::Exactly(target.name),
            uid,
            own_kind: matches!(target.part, "" | "status" | "finalize" | "ephemeralcontainers" | "resize"),
            kind_optional: false,
        }
    }

    /// An object of a list (which may not say its kind) or of a watch (which does).
    pub(crate) fn any(resource: &'a Resource, namespace: &'a str, kind_optional: bool) -> Self {
        Self { resource, namespace, name: Name::Any, uid: None, own_kind: true, kind_optional }
    }

    /// Compares, and refuses what no Kubernetes object is called.
    pub(crate) fn check(&self, answer: &Value) -> Result<(), Error> {
        let text = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or_default();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let name = object::name(answer).unwrap_or_default();
        let namespace = object::namespace(answer).unwrap_or_default();
        let unsaid = self.kind_optional && api_version.is_empty() && kind.is_empty();
        let right_kind = !self.own_kind
            || unsaid
            || (api_version, kind) == METADATA
            || kind == self.resource.kind && is_api_version(api_version, self.resource);
        let right_name = match self.name {
            Name::Exactly(wanted) => name == wanted,
            Name::Generated(prefix) => name.starts_with(prefix) && name.len() > prefix.len(),
            Name::Any => !name.is_empty(),
        };
        let right_namespace = match (self.resource.namespaced, self.namespace) {
            (true, "") => !namespace.is_empty(),
            (true, wanted) => namespace == wanted,
            // A part, such as a scale, may repeat nothing; an object without namespaces has none.
            (false, _) => namespace.is_empty(),
        };
        let right_uid = self.uid.is_none_or(|uid| object::uid(answer) == Some(uid));
        if right_kind && right_name && right_namespace && right_uid {
            return self.check_lengths(answer, name, namespace);
        }
        Err(Error::Mismatch { asked: self.asked(), found: found(answer, self.uid.filter(|_| !right_uid).is_some()) })
    }

    /// Compares what a page of a list says of itself. A list without objects has nothing else to compare. A definition may call its lists
    /// as it likes, as long as the name ends with `List`; those that Kubernetes has itself are of groups without a dot.
    pub(crate) fn check_page(&self, page: &Envelope) -> Result<(), Error> {
        let Envelope { api_version, kind, has_items, .. } = page;
        let is_defined = self.resource.group.contains('.');
        let is_named = match is_defined {
            true => kind.ends_with("List"),
            false => kind.strip_suffix("List") == Some(&*self.resource.kind),
        };
        let is_own = is_named && (api_version.is_empty() || is_api_version(api_version, self.resource));
        if *has_items && (is_own || (kind == METADATA_LIST.1 && ["", METADATA_LIST.0].contains(&api_version.as_str())))
        {
            return Ok(());
        }
        let found = words(&format!("{kind:?} in {api_version:?}"));
        Err(Error::Mismatch { asked: format!("a list of {}", self.resource), found })
    }

    /// What was asked for has the length that it has: only what the server says of itself is measured.
    fn check_lengths(&self, answer: &Value, name: &str, namespace: &str) -> Result<(), Error> {
        if !matches!(self.name, Name::Exactly(_)) {
            limited("metadata.name", name, limit::NAME_BYTES_MAX)?;
        }
        if self.namespace.is_empty() {
            limited("metadata.namespace", namespace, limit::NAMESPACE_BYTES_MAX)?;
        }
        if self.uid.is_none() {
            limited("metadata.uid", object::uid(answer).unwrap_or_default(), limit::UID_BYTES_MAX)?;
        }
        version(answer).map(drop)
    }

    fn asked(&self) -> String {
        let name = match self.name {
            Name::Exactly(name) => name,
            Name::Generated(prefix) => &format!("{prefix}*"),
            Name::Any => "*",
        };
        let uid = self.uid.map(|uid| format!(" with UID {uid}")).unwrap_or_default();
        format!("{} {}{uid}", self.resource, place(self.namespace, name))
    }
}

/// What a failure says of the object that was asked for: that it is not there, if the answer speaks of this object, or that its path
/// is not known. Any other 404 says nothing of it.
pub(crate) fn about(target: &Target<'_>, error: Error) -> Error {
    match error {
        Error::Refused { message, missing: Some(missing), .. } if is_named(target, &missing) => Error::Gone { message },
        // A part, such as a status, is not served of each kind.
        error if target.part.is_empty() && error.is_path_unknown() => not_served(target.resource),
        error => error,
    }
}

/// Is it what was asked for? Not every server says the kind, and an aggregated one may say it as the kind instead of the plural.
fn is_named(target: &Target<'_>, missing: &Missing) -> bool {
    let resource = target.resource;
    // A part may be of another group: `autoscaling` has had `replicationcontrollers/scale`.
    let (kind, is_part) = match missing.kind.split_once('/') {
        Some((kind, _)) => (kind, true),
        None => (missing.kind.as_str(), false),
    };
    let is_kind =
        [resource.plural.as_str(), resource.kind.as_str()].iter().any(|known| known.eq_ignore_ascii_case(kind));
    missing.name == target.name
        && (kind.is_empty() || is_kind)
        && (missing.group.is_empty() || missing.group == resource.group || is_part && !target.part.is_empty())
}

/// What a server says that does not serve a kind at the moment.
fn not_served(resource: &Resource) -> Error {
    Error::NoKind { kind: resource.group_kind().to_string(), version: resource.api_version(), served: None }
}

/// The resourceVersion of an object, of a list or of a bookmark; empty when it has none.
///
/// # Errors
/// [`Error::Malformed`] when it is longer than any is.
pub(crate) fn version(answer: &Value) -> Result<&str, Error> {
    let version = object::resource_version(answer).unwrap_or_default();
    limited("metadata.resourceVersion", version, limit::VERSION_BYTES_MAX)
}

/// A text that a server says, if it is not longer than it can be. The error does not repeat it.
pub(crate) fn limited<'a>(field: &str, text: &'a str, bytes_max: usize) -> Result<&'a str, Error> {
    if text.len() <= bytes_max {
        return Ok(text);
    }
    Err(Error::Malformed(format!("{field} is longer than {bytes_max} bytes")))
}

/// Without building the text: this is asked for each object of a list.
fn is_api_version(text: &str, resource: &Resource) -> bool {
    match text.split_once('/') {
        Some((group, version)) => group == resource.group && version == resource.version,
        None => resource.group.is_empty() && text == resource.version,
    }
}

fn place(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

/// An answer in few words, for an error: never its content.
pub(crate) fn found(answer: &Value, with_uid: bool) -> String {
    let kind = match answer {
        Value::Object(_) => answer.get("kind").and_then(Value::as_str).unwrap_or("an object without a kind"),
        Value::Array(_) => "an array",
        Value::Null => "null",
        _ => "no object",
    };
    let place = place(object::namespace(answer).unwrap_or_default(), object::name(answer).unwrap_or_default());
    let uid = object::uid(answer).filter(|_| with_uid).map(|uid| format!(" with UID {uid}")).unwrap_or_default();
    words(format!("{kind} {place}{uid}").trim_end())
}

#[cfg(test)]
mod tests;
