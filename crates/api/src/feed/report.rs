//! What an applier says of a unit.

use std::sync::Arc;

use model::{Digest, HashedKey, MemberName, Uid, Weigh};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::delivery::{
    ApplierCount, Deletions, DriftRecord, Health, ObjectsWaiting, PodCounts, Question, UnitCounts, UnitId, UnitPhase,
};

/// How an object compares with what was applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SyncState {
    /// Not applied yet.
    #[default]
    Pending,
    /// As applied.
    Synced,
    /// Differs from what was applied, and is about to be reverted (or would be, if the unit were not suspended).
    Drifted,
    /// Reverted again and again against the same manager; left alone for a while.
    Contested,
    /// The server refused it; the message says why.
    Failed,
    /// Waits to be deleted until a person releases it.
    DeletionHeld,
    /// The unit no longer wants it, and it is not deleted yet: the unit's status says what is waited for. Nobody has to
    /// approve it.
    PrunePending,
    /// The unit no longer wants it, and does not prune: it stays until the unit leaves.
    NotPruned,
    /// Being deleted.
    Deleting,
    /// Waits for an earlier phase.
    Waiting,
    /// Left as it is, since an annotation asks for that.
    LeftAlone,
}

/// The truth about one object in a member, behind `view.kurator.dev`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReport {
    /// The object.
    #[schemars(schema_with = "crate::delivery::crd::free_object")]
    pub key: Arc<HashedKey>,
    /// API version by which it is read.
    pub version: String,
    /// How it compares with what was applied.
    pub sync: SyncState,
    /// What it amounts to.
    pub health: Health,
    /// Why, in one CamelCase word; empty when there is nothing to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Why, in words; never holds a Secret's values.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Fields that the server accepted otherwise than they were sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed_by_admission: Vec<String>,
    /// What else there is to know, in sentences: what was not sent, is left to others, was changed by its adoption, or is
    /// asked for and not done. At most [`ObjectReport::NOTES_MAX`]; never holds a Secret's values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Whether it existed before us.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// Whether it asks to stay, by an annotation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// Whether another object has its name: with another UID than the one that is recorded. Nothing deletes that one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
    /// Whether its unit has not made it, nor taken it over: the unit's inventory does not name it, or names it before it is sent for
    /// the first time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unmade: bool,
    /// Whether it was delivered, and the member does not give the hub rights to it any more: it is left as it is, also when its unit
    /// leaves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outside: bool,
    /// How often changes to it were reverted since the applier started.
    #[serde(default)]
    pub reverts: u64,
    /// The last changes that somebody made to it, newest first; at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<DriftRecord>,
}

impl UnitReport {
    /// How many reverts this applier counted.
    pub fn reverted(&self) -> u64 {
        self.reverts.map_or(0, |counted| counted.count)
    }
}

impl Weigh for ObjectReport {
    fn weight(&self) -> usize {
        let texts = [&self.version, &self.reason, &self.message].map(Weigh::weight);
        let drift = self.drift.iter().map(|record| record.object.weight() + record.fields.weight());
        self.key.weight()
            + texts.iter().sum::<usize>()
            + self.changed_by_admission.weight()
            + self.notes.weight()
            + drift.sum::<usize>()
    }
}

impl ObjectReport {
    /// Most changes remembered of an object: enough to see a fight (three reverts make it contested) and its end.
    pub const DRIFT_MAX: usize = 5;

    /// Most notes: one of each sort.
    pub const NOTES_MAX: usize = 6;

    /// Longest note, in characters: a few paths and why.
    pub const NOTE_CHARS_MAX: usize = 300;
}

/// What an applier says of one unit; each report replaces the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnitReport {
    /// The member.
    pub member: MemberName,
    /// The unit.
    pub unit: UnitId,
    /// Name of the Revision that this speaks of.
    pub revision: String,
    /// That revision's epoch.
    pub epoch: u64,
    /// What was asked of the member.
    #[serde(default, skip_serializing_if = "Question::is_unknown")]
    pub asked: Question,
    /// Digest of the payload that this speaks of.
    pub payload: Digest,
    /// How far delivery is.
    pub phase: UnitPhase,
    /// Health of all objects: the worst of them.
    pub health: Health,
    /// Objects, counted.
    pub objects: UnitCounts,
    /// Pods, counted.
    pub pods: PodCounts,
    /// Why, in one CamelCase word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Which objects wait, are held or are left alone, and why; the worst cause first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<ObjectsWaiting>,
    /// Deletions that the source causes at this epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletions: Option<Deletions>,
    /// Whether what the unit no longer has was not counted, since the unit is suspended, frozen or does not prune: that there are
    /// no `deletions` says nothing then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unweighed: bool,
    /// Whether the pass did not come to counting that for another reason: what another unit wants is not known, or something failed
    /// before. What was counted of the same payload before is the best that is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncounted: bool,
    /// Whether the unit has objects that it no longer wants, may delete later, and has in no list of `deletions` while they wait: for
    /// another unit that takes them over, or for rights.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlisted: bool,
    /// The units that are to take over something of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heirs: Vec<UnitId>,
    /// How often a change was reverted, as far as this applier counted; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<ApplierCount>,
    /// How many objects were deleted that the unit has no longer, as far as this applier counted; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<ApplierCount>,
    /// The last change that somebody made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_drift: Option<DriftRecord>,
    /// Object by object: what the unit wants, and what its inventory names besides. A row that says the same is shared with the
    /// report before.
    #[serde(default)]
    pub details: Vec<Arc<ObjectReport>>,
    /// Whether the inventory in the member could not be read: what the unit has there is not known, and `details` say only what it
    /// wants, or had at an earlier time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unreadable: bool,
    /// The UID that the inventory has of each object, in the order of `details`, while a list of deletions waits: kept of all
    /// objects at all times they would be a tenth of what the hub remembers.
    #[serde(skip)]
    pub uids: Vec<Option<Uid>>,
    /// The whole list of `deletions` while it waits, also after the member was lost: what an approval is of.
    #[serde(skip)]
    pub going: Option<Arc<Going>>,
}

/// A list of deletions that waits in a member, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Going {
    /// The digest of exactly this list, as in [`Deletions`].
    pub digest: Digest,
    /// The objects.
    pub objects: Vec<Arc<HashedKey>>,
}
