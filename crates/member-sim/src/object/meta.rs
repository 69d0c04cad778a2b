//! Metadata and conditions.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Timestamp, clock, object};
use serde_json::{Value, json};

/// A UID.
pub type Uid = Arc<str>;

/// Metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meta {
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID.
    pub uid: Uid,
    /// Resource version as a number; kube-apiserver's are comparable too (KEP-5504).
    pub version: u64,
    /// Generation of the spec.
    pub generation: i64,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations, without kubectl's copy of the whole object.
    pub annotations: BTreeMap<String, String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it is to be gone, if it is being deleted.
    pub deletion: Option<Timestamp>,
    /// Its controller.
    pub controller: Option<Uid>,
}

impl Meta {
    /// Reads `metadata`.
    pub fn read(value: &Value) -> Option<Self> {
        let text = |path: &str| super::text(value, path);
        let owners = super::list(value, "/metadata/ownerReferences");
        let controller = owners.iter().find(|o| o["controller"] == true).and_then(|o| o["uid"].as_str());
        let mut annotations = object::annotations(value);
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        Some(Self {
            namespace: text("/metadata/namespace").to_owned(),
            name: object::name(value)?.to_owned(),
            uid: object::uid(value)?.into(),
            version: text("/metadata/resourceVersion").parse().unwrap_or_default(),
            generation: super::int(value, "/metadata/generation", 0),
            labels: object::labels(value),
            annotations,
            created: time(value, "/metadata/creationTimestamp").unwrap_or_default(),
            deletion: time(value, "/metadata/deletionTimestamp"),
            controller: controller.map(Into::into),
        })
    }

    /// Is it being deleted?
    pub fn deleting(&self) -> bool {
        self.deletion.is_some()
    }

    /// Namespace and name.
    pub fn key(&self) -> (String, String) {
        (self.namespace.clone(), self.name.clone())
    }

    /// An owner reference to it, as its controller writes it.
    pub fn own(&self, api_version: &str, kind: &str) -> Value {
        json!({
            "apiVersion": api_version, "kind": kind, "name": self.name, "uid": &*self.uid,
            "controller": true, "blockOwnerDeletion": true,
        })
    }
}

/// Reads a time.
pub fn time(object: &Value, path: &str) -> Option<Timestamp> {
    object.pointer(path)?.as_str()?.parse().ok()
}

/// A condition in a status.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Type.
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Reason.
    pub reason: String,
    /// Sentence.
    pub message: String,
    /// `lastUpdateTime`, for kinds that have it.
    pub updated: Option<Timestamp>,
    /// `lastTransitionTime`.
    pub changed: Option<Timestamp>,
}

impl Condition {
    /// A condition that became so now.
    pub fn new(kind: &str, status: &str, reason: &str, message: impl Into<String>, now: Timestamp) -> Self {
        Self {
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.into(),
            updated: Some(now),
            changed: Some(now),
        }
    }

    /// Reads `status.conditions`.
    pub fn read_all(object: &Value) -> Vec<Self> {
        let read = |c: &Value| Self {
            kind: super::text(c, "/type").to_owned(),
            status: super::text(c, "/status").to_owned(),
            reason: super::text(c, "/reason").to_owned(),
            message: super::text(c, "/message").to_owned(),
            updated: time(c, "/lastUpdateTime"),
            changed: time(c, "/lastTransitionTime"),
        };
        super::list(object, "/status/conditions").iter().map(read).collect()
    }

    /// The JSON form.
    pub fn to_value(&self) -> Value {
        let mut out = json!({"type": self.kind, "status": self.status});
        let mut put = |field: &str, text: String| {
            if !text.is_empty() {
                out[field] = Value::String(text);
            }
        };
        put("reason", self.reason.clone());
        put("message", self.message.clone());
        put("lastUpdateTime", self.updated.map(clock::format_seconds).unwrap_or_default());
        put("lastTransitionTime", self.changed.map(clock::format_seconds).unwrap_or_default());
        out
    }
}

/// Finds a condition by type.
pub fn find_condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|c| c.kind == kind)
}

/// Sets a condition: unchanged when status and reason are the same; the transition time stays while the status does.
pub fn set_condition(conditions: &mut Vec<Condition>, mut new: Condition) {
    let Some(old) = conditions.iter_mut().find(|c| c.kind == new.kind) else { return conditions.push(new) };
    if old.status == new.status && old.reason == new.reason {
        return;
    }
    if old.status == new.status {
        new.changed = old.changed;
    }
    *old = new;
}
