//! What a feed hands to a member's applier.

use std::sync::Arc;

use model::{Digest, MemberName, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::delivery::{HubId, ObjectSet, Removal, ShortId, UnitId};

/// Everything that one member should have, without the objects themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// The member.
    pub member: MemberName,
    /// The hub that says so.
    pub hub: HubId,
    /// Digest of `units`: two snapshots with the same digest ask for the same.
    pub digest: Digest,
    /// The units, in order of their ids. Units that left stay here, with a removal, until the member has reported
    /// them gone.
    pub units: Vec<UnitEntry>,
    /// Whether the hub leaves the member: everything that it has there is given back, also of units that are not named here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub release: bool,
}

impl Snapshot {
    /// Makes a snapshot: sorts the units and takes their digest.
    pub fn new(member: MemberName, hub: HubId, mut units: Vec<UnitEntry>) -> Self {
        units.sort_by(|a, b| a.unit.cmp(&b.unit));
        let value = serde_json::to_value(&units).expect("units have string keys and no foreign serializers");
        Self { member, hub, digest: Digest::of_json(&value), units, release: false }
    }

    /// The same, and the member is left as a whole.
    #[must_use]
    pub fn releasing(self) -> Self {
        let digest = Digest::of_texts(["release".to_owned(), self.digest.to_string()]);
        Self { digest, release: true, ..self }
    }
}

/// What an applier takes over from another hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TakeOver {
    /// The other hub.
    pub from: HubId,
    /// Digest of the list that a person agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Digest>,
}

/// One unit of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitEntry {
    /// The unit.
    pub unit: UnitId,
    /// Its short id on that hub.
    pub short: ShortId,
    /// Name of the Revision.
    pub revision: String,
    /// That revision's epoch.
    pub epoch: u64,
    /// When the hub last gave the unit to the member, which it may have left before. Two tombstones differ by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed: Option<Timestamp>,
    /// Since when the hub knows that the unit is there, if that is before `placed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_since: Option<Timestamp>,
    /// The last placement of which everything that is still there is to stay: the unit left the member so, and was given to it again
    /// before that was carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_back: Option<Timestamp>,
    /// Digest of the payload, by which the feed hands it out.
    pub payload: Digest,
    /// Whether objects that the payload no longer has are deleted.
    #[serde(default)]
    pub prune: bool,
    /// Whether the member is only observed.
    #[serde(default)]
    pub suspend: bool,
    /// Whether objects whose immutable fields changed are deleted and made again, and replicas kept against
    /// autoscalers.
    #[serde(default)]
    pub force: bool,
    /// Whether objects that were there before are taken over, also where that restarts pods or changes their number.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overwrite: bool,
    /// Digest of *this member's* list of deletions that may go ahead: within the guard's budget, or released by a
    /// person. Any other list waits. Filled from `plan::guard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Digest>,
    /// The objects of that list that were shown as going to the person who released it, if that is known: the others wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_shown: Option<ObjectSet>,
    /// Objects that stay though the payload no longer has them: another owner that follows the same source is to have them here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<ObjectSet>,
    /// Why nothing may be deleted for now (the unit did not resolve, the hub has not listed everything yet).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<String>,
    /// Whether the unit leaves this member.
    #[serde(default, skip_serializing_if = "Removal::is_none")]
    pub removal: Removal,
    /// The only objects that may be deleted while it leaves, when a person agreed to these before the edit was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<ObjectSet>,
    /// Whether it leaves by an edit that no person approved, since the owner allows it. Such an edit may have been taken back since the
    /// backup that a hub was restored from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unapproved: bool,
}

impl UnitEntry {
    /// Does what the member has of this placement stay there, though the unit was given to it again? A unit that leaves its objects gives all of
    /// them back in any case.
    pub fn gives_back(&self, placed: Option<Timestamp>) -> bool {
        self.removal != Removal::Release
            && self.given_back.is_some_and(|last| placed.is_none_or(|placed| placed <= last))
    }

    /// Was the unit given to the member again, after it had left what the member has of this placement?
    pub fn returns_after(&self, placed: Option<Timestamp>) -> bool {
        self.removal.is_none() && placed.is_some() && placed < self.placed
    }
}

/// A unit's objects for a member, in the order in which they are applied. Shared by all members whose inputs are the
/// same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    /// The phases, in order.
    pub phases: Vec<Phase>,
}

impl Payload {
    /// The digest by which snapshots name this payload.
    pub fn digest(&self) -> Digest {
        Digest::of_json(&serde_json::to_value(self).expect("a payload has string keys and no foreign serializers"))
    }

    /// Every object, in order.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.phases.iter().flat_map(|phase| &phase.objects)
    }
}

/// Objects that are applied together, before those of the next phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// What the phase is, such as `namespaces`.
    pub name: String,
    /// The objects, complete: with `apiVersion`, `kind`, name and, for namespaced kinds, namespace.
    pub objects: Vec<Arc<Value>>,
    /// What must be true of them before the next phase begins.
    #[serde(default)]
    pub wait: Wait,
    /// How long to wait for that. Reaching it fails the objects that are not there yet; later phases go on without
    /// them.
    pub timeout_secs: u32,
    /// What to do with hook objects before and after; reserved for Helm releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
}

/// What a phase waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wait {
    /// The server accepted the objects.
    #[default]
    Accepted,
    /// CustomResourceDefinitions are Established and their kinds are served.
    Established,
    /// The objects are healthy.
    Healthy,
}
