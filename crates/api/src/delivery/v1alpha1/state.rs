//! How a unit is in a member: phase, health, changes that others made, deletions, counts.

use std::fmt;

use model::{Digest, Timestamp, Weigh};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::delivery::ObjectSet;

/// How far delivery of a unit to a member is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum UnitPhase {
    /// Nothing was tried yet.
    #[default]
    Pending,
    /// Objects are being applied.
    Applying,
    /// A phase's objects are applied and waited for.
    Waiting,
    /// Everything is applied as the payload says.
    Applied,
    /// Everything is applied, and deletions wait to be released.
    DeletionsHeld,
    /// Some objects could not be applied; the others are.
    Failed,
    /// Observed only.
    Suspended,
    /// The unit is leaving the member.
    Removing,
    /// The unit has left the member.
    Removed,
    /// The member could not be asked.
    Unknown,
}

impl UnitPhase {
    /// All of them, in their order.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Applying,
        Self::Waiting,
        Self::Applied,
        Self::DeletionsHeld,
        Self::Failed,
        Self::Suspended,
        Self::Removing,
        Self::Removed,
        Self::Unknown,
    ];
}

impl fmt::Display for UnitPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What an object, or all objects of a unit, amount to. Ordered from best to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Health {
    /// Does what it should.
    Healthy,
    /// Paused by its own fields.
    Suspended,
    /// On its way.
    Progressing,
    /// Not known: never seen, or not seen for too long. No decision treats it as healthy.
    #[default]
    Unknown,
    /// Should be there and is not.
    Missing,
    /// Failed or stuck.
    Degraded,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A field that somebody changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangedField {
    /// Path of the field, such as `spec.replicas`.
    pub path: String,
    /// Who the server says last set it; absent when nobody owns it (it was removed).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// When they did; absent when the server does not record it, as kube-apiserver for what is scaled through the `scale`
    /// subresource. The record's `seen` is the next best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::delivery::crd::time")]
    pub time: Option<Timestamp>,
}

impl ChangedField {
    /// Longest path, in characters: a label or annotation with the longest prefix and name, 317 characters, below a template.
    pub const PATH_MAX: usize = 400;

    /// Longest manager, in characters: Kubernetes' own limit.
    pub const MANAGER_MAX: usize = 128;
}

impl Weigh for ChangedField {
    fn weight(&self) -> usize {
        self.path.weight() + self.manager.weight()
    }
}

/// One change that somebody made to a delivered object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftRecord {
    /// The object, such as `Deployment.apps shop/web`.
    pub object: String,
    /// Whether the object was deleted. Kubernetes does not record who deleted an object.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The fields, at most 10; none for a deletion. Values are left out: they may be secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<ChangedField>,
    /// When the applier saw it.
    #[schemars(schema_with = "crate::delivery::crd::time")]
    pub seen: Timestamp,
    /// Whether it was reverted.
    pub reverted: bool,
}

impl DriftRecord {
    /// Most fields named in a record. Hand edits touch one to three; a replaced object touches all, and ten say so.
    pub const FIELDS_MAX: usize = 10;
}

/// What one applier counted of a unit in a member, such as reverts, from the first one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplierCount {
    /// When the first of them was: it tells this count from the one of an applier that started later.
    #[schemars(schema_with = "crate::delivery::crd::time")]
    pub since: Timestamp,
    /// How many.
    pub count: u64,
}

/// Deletions that a source causes in one member for one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deletions {
    /// Digest of exactly this member's list, or, in a unit's own status, of the lists of all its members.
    pub digest: Digest,
    /// Length of the list.
    pub count: u32,
    /// The first objects of the list, those of guarded kinds first; at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sample: Vec<String>,
    /// How many of them are of a kind that is never deleted without approval (Namespace, CustomResourceDefinition,
    /// PersistentVolume, PersistentVolumeClaim).
    #[serde(default)]
    pub guarded: u32,
    /// Whether they wait.
    pub state: DeletionState,
    /// How many more were released earlier at this epoch; the guard's budget counts them too.
    #[serde(default)]
    pub released: u32,
    /// Whether the hub's epoch is behind the one that the member has seen (a hub restored from an older backup): only a
    /// person may release the list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub behind: bool,
    /// Whether the unit leaves the member by an approval that was given before the edit was made, and the list is of objects
    /// that were not shown then: only a person may release it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unshown: bool,
    /// Whether some of the list was kept for a unit that was to take it over, and that has left the member: only a person may
    /// release it. Said by the hub.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untaken: bool,
    /// How many of those that were released at this epoch are still there: they are being deleted, or the member refuses that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left: u32,
    /// All objects of the list that waits; absent when there are more than [`Deletions::OBJECTS_MAX`].
    // Boxed: hardly an entry has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<Box<ObjectSet>>,
}

/// Is it left out?
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Deletions {
    /// Most objects of a list that says all of them: 11 kB as text, so that a slice of members' reports with twenty such lists is half of what a
    /// slice may have.
    pub const OBJECTS_MAX: usize = 1_000;
    /// Most objects named in a sample: what a terminal shows at once.
    pub const SAMPLE_MAX: usize = 10;
}

/// Whether deletions wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionState {
    /// They wait for the hub's word.
    #[default]
    Waiting,
    /// The member was told to go ahead with exactly this list, and recorded that.
    Released,
}

/// Objects of a unit in a member, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnitCounts {
    /// In the payload.
    pub desired: u32,
    /// As the payload says.
    pub applied: u32,
    /// Healthy among the desired.
    pub healthy: u32,
    /// Refused by the server.
    pub failed: u32,
    /// In the inventory: desired ones that exist, and those that wait to be deleted.
    pub inventory: u32,
    /// Existed before us and would be released, not deleted.
    #[serde(default)]
    pub adopted: u32,
    /// Would be released, not deleted: they existed before us, or ask to stay.
    #[serde(default)]
    pub spared: u32,
}

/// Pods of a unit's workloads, counted from the workloads' own status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodCounts {
    /// Asked for.
    pub desired: u32,
    /// Ready.
    pub ready: u32,
}
