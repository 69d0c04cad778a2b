//! What became of each unit in one member.

use std::collections::BTreeMap;

use kube::CustomResource;
use model::{Digest, MemberName, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::explanation::WaitingOn;
use super::link::MemberLink;
use super::moving::MemberMove;
use super::question::Question;
use super::state::{ApplierCount, Deletions, DriftRecord, Health, PodCounts, UnitCounts, UnitPhase};
use super::waiting::ObjectsWaiting;
use crate::delivery::{ObjectSet, UnitId};

/// Identifies a slice of a member's status.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "delivery.kurator.dev", version = "v1alpha1", kind = "MemberStatus", plural = "memberstatuses")]
#[kube(status = "MemberStatusStatus", derive = "PartialEq", category = "kurator")]
#[kube(doc = "What became of each unit in one member.")]
#[kube(printcolumn(name = "Member", type_ = "string", json_path = ".spec.member"))]
#[kube(printcolumn(name = "Slice", type_ = "integer", json_path = ".spec.slice"))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
pub struct MemberStatusSpec {
    /// The member.
    pub member: MemberName,
    /// Which slice this is, from 0.
    pub slice: u32,
}

impl MemberStatusSpec {
    /// Most units in a slice. An entry is below 2 kB, mostly below 600 bytes, 1 kB more while objects wait, and 2 kB more with
    /// a reflected status: a slice stays below 500 kB.
    pub const UNITS_MAX: usize = 100;

    /// The name of a slice of a member's status.
    pub fn object_name(member: &MemberName, slice: u32) -> String {
        format!("{member}-{slice}")
    }
}

/// The units of a slice of a member's status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberStatusStatus {
    /// How the applier gets on with the member; in slice 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<MemberLink>,
    /// What is on its way between the member's hubs; in slice 0.
    #[serde(default, skip_serializing_if = "MemberMove::is_nothing")]
    pub moving: MemberMove,
    /// By unit, at most 100.
    #[serde(default)]
    pub units: BTreeMap<UnitId, UnitStatus>,
}

/// One unit in one member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnitStatus {
    /// Name of the Revision that this speaks of.
    pub revision: String,
    /// That revision's epoch.
    pub epoch: u64,
    /// What the member was asked when it said this; absent in what an earlier version stored.
    #[serde(default, skip_serializing_if = "Question::is_unknown")]
    pub asked: Question,
    /// Digest of the payload that was last applied in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Digest>,
    /// How far delivery is.
    pub phase: UnitPhase,
    /// Health of the unit's objects, the worst first.
    pub health: Health,
    /// Objects, counted.
    #[serde(default)]
    pub objects: UnitCounts,
    /// Pods, counted.
    #[serde(default)]
    pub pods: PodCounts,
    /// Since when phase and health are as they are.
    #[schemars(schema_with = "crate::delivery::crd::time")]
    pub since: Timestamp,
    /// Why, in one CamelCase word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What the hub lacks to deliver the unit, if it lacks something: nothing of it changes in the member meanwhile.
    // Boxed: of a hundred thousand entries hardly one has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_on: Option<Box<WaitingOn>>,
    /// Which objects wait, are held or are left alone, and why: at most [`ObjectsWaiting::ENTRIES_MAX`] causes, the worst
    /// first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<ObjectsWaiting>,
    /// Deletions that wait to be released, or were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Deletions>,
    /// Whether what the unit no longer has was not counted, since it was suspended, frozen or did not prune when it reported. That
    /// nothing is held says nothing then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unweighed: bool,
    /// Whether more may be deleted than `held` has, which may be nothing: the unit's deletions were not counted, since something failed before or it is
    /// not known what other units want; or the unit has objects that it no longer wants and that another unit takes over, or that the
    /// member gives no rights to, and that are in no list for as long.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlisted: bool,
    /// The units that were to take over something that the unit no longer wants, when that was counted last; at most
    /// [`UnitStatus::HEIRS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heirs: Vec<UnitId>,
    /// How often a change that somebody made in the member was reverted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reverts: u64,
    /// How many of these the applier counted that reported last; what it reports next is compared with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts_counted: Option<ApplierCount>,
    /// How many objects were deleted that the unit has no longer: since it began to leave the member, or since it is there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub deleted: u64,
    /// How many of these the applier counted that reported last; what it reports next is compared with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_counted: Option<ApplierCount>,
    /// The last change that was reverted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_drift: Option<DriftRecord>,
    /// The objects that existed before us, as long as there are at most [`UnitStatus::ADOPTED_MAX`]: if the inventory is lost while
    /// no applier runs, nothing else tells them from those that are the unit's own.
    #[serde(default, skip_serializing_if = "ObjectSet::is_empty")]
    pub adopted: ObjectSet,
    /// The objects that ask to stay, by an annotation on them in the member or in the source, as long as there are at most
    /// [`UnitStatus::KEPT_MAX`]: after a start of the hub nothing else says of a member that does not answer what it keeps.
    #[serde(default, skip_serializing_if = "ObjectSet::is_empty")]
    pub kept: ObjectSet,
    /// The objects that the unit wants and that are not its own: left alone as an annotation asks, or another unit's that serves both. As
    /// long as there are at most [`UnitStatus::KEPT_MAX`].
    #[serde(default, skip_serializing_if = "ObjectSet::is_empty")]
    pub unmade: ObjectSet,
    /// What of the object's status is gathered over all members, where its kind has a rule for that; at most
    /// [`UnitStatus::REFLECTED_BYTES_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::delivery::crd::free_object")]
    pub reflected: Option<Value>,
}

impl UnitStatus {
    /// Most objects that are kept of those that existed before us: 700 bytes of text.
    pub const ADOPTED_MAX: usize = 64;

    /// Most units of which it is kept that they are to take something over: what one loses goes to one other, seldom to two. Where
    /// there are so many, any unit that leaves counts as one of them.
    pub const HEIRS_MAX: usize = 4;

    /// Most objects that are kept of those that ask to stay, and of those that the unit has not made: 700 bytes of text each.
    pub const KEPT_MAX: usize = 64;

    /// Most bytes of a reflected status as JSON (DESIGN 6).
    pub const REFLECTED_BYTES_MAX: usize = 2_000;

    /// Longest reason, in characters. A word in CamelCase has up to about 40.
    pub const REASON_MAX: usize = 128;

    /// Longest message, in characters: an error with its causes, or the first of the objects that wait. A slice with 100 units
    /// stays far below what a server stores of one object.
    pub const MESSAGE_MAX: usize = 1_000;

    /// A status as it may be stored: one that is too large is left out, since a part of it would be a lie.
    pub fn cap_reflected(status: Value) -> Option<Value> {
        let bytes = serde_json::to_vec(&status).map_or(usize::MAX, |json| json.len());
        (status.is_object() && bytes <= Self::REFLECTED_BYTES_MAX).then_some(status)
    }
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}
