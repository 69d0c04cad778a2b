//! Which member gets which revision of a unit, and why.

use std::collections::BTreeMap;

use kube::CustomResource;
use model::{Digest, MemberName, Timestamp, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::expected::ExpectedDeletions;
use super::explanation::{Explanation, Trigger};
use super::leaving::Leaving;
use crate::delivery::{ObjectSet, ShortId, UnitId};

/// What was decided for one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberDecision {
    /// Name of the Revision object in the same namespace.
    pub revision: String,
    /// That revision's epoch.
    pub epoch: u64,
    /// When the unit was last given to this member. Kept until it leaves, so that an old tombstone cannot be taken for a
    /// new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::delivery::crd::time")]
    pub placed: Option<Timestamp>,
    /// UID of the namespace kube-system of the cluster for which this was decided. What is removed, granted or shown is of that
    /// cluster alone; absent until it is known who the member is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub cluster: Option<Uid>,
    /// Since when the hub knows that the unit is there, if it was given to this member again before it had left; else `placed`.
    /// What a member has from before was written by a hub that has forgotten it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::delivery::crd::time")]
    pub known_since: Option<Timestamp>,
    /// What the member has of a placement up to this one stays there, and is given back: the unit left the member without taking its
    /// objects along, and the member may not know of that when it is given the unit again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::delivery::crd::time")]
    pub given_back: Option<Timestamp>,
    /// Digest of the rendered payload, once it is rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Why this member, in words; at most [`MemberDecision::REASON_MAX`] characters.
    pub reason: String,
    /// Replicas that this member runs, when the unit's replicas are divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// Digest of this member's list of deletions that may go ahead at this epoch: within the guard's budget, or approved.
    /// Stays until all of it is gone, at most as long as the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Digest>,
    /// The objects of this list that were shown as going to the person who approved it, if the approval says so: nothing else of it is
    /// deleted.
    // Boxed, as below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_shown: Option<Box<ObjectSet>>,
    /// Objects that the source took out of the unit, and that another owner which follows it is to have here: they stay until it has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Box<ObjectSet>>,
    /// How many such lists were carried out at this epoch. The same list made again, as by a member that was restored from its backup,
    /// is another one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub carried_out: u32,
    /// The list of deletions of this member that the guard holds. It stays held whatever becomes of other members: until a person
    /// agrees, or the source has some of it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
    /// Set while the unit is being taken out of this member: the tombstone that an unreachable member keeps.
    #[serde(default, skip_serializing_if = "Removal::is_none")]
    pub removal: Removal,
    /// Why an edit takes the unit out of this member. As long as there is no removal, the unit is held: the member keeps what
    /// it has, until a person agrees or the edit is taken back.
    // Boxed: hardly an entry has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving: Option<Box<Leaving>>,
    /// What this member, which does not answer, would delete at this epoch when it does.
    // Boxed, as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Box<ExpectedDeletions>>,
    /// The consent by which the unit leaves this member as soon as it is decided, or would have left it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<NotedConsent>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A consent whose edit was seen while its unit was not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotedConsent {
    /// When the person agreed.
    #[schemars(schema_with = "crate::delivery::crd::time")]
    pub given: Timestamp,
    /// The edit was taken back before the unit was decided: neither this consent nor an earlier one counts for this member, whatever
    /// edit is made later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_back: bool,
}

/// A list of deletions that is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Withheld {
    /// The unit's epoch that it was of.
    pub epoch: u64,
    /// How many objects it had.
    pub count: u32,
    /// Its digest, where it is known that an approval of that list is of all that was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// An edit changed what the unit is rendered from, and another part of its owner may be behind its name since: whatever it no
    /// longer has waits for a person, at this epoch and at later ones, until the member has nothing of it left to delete.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
    /// A unit that was to take over some of what the member has left it, or reads something else by an edit: whatever the unit no longer
    /// has waits for a person, at this epoch and at later ones, until the member has nothing of it left to delete.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untaken: bool,
}

impl MemberDecision {
    /// Longest reason, in characters: a selector of three labels whose keys and values are ordinary has a fifth of it.
    pub const REASON_MAX: usize = 500;

    /// Why an edit would take the unit out of this member, which keeps it until a person agrees.
    pub fn kept(&self) -> Option<&Leaving> {
        self.leaving.as_deref().filter(|_| self.removal.is_none())
    }

    /// The same entry with a removal. What was granted or shown was of a list of what the unit was asked before, and is no word about
    /// what it is asked now.
    #[must_use]
    pub fn removing(&self, removal: Removal, leaving: Option<Box<Leaving>>) -> Self {
        let mut entry = Self { removal, leaving, ..self.clone() };
        if entry.question() != self.question() {
            (entry.granted, entry.granted_shown, entry.expected, entry.claimed) = (None, None, None, None);
        }
        entry
    }

    /// Does what the member has of this placement stay there, whatever becomes of the unit? It was let go of, and the member may not know
    /// that.
    pub fn gives_back(&self, placed: Option<Timestamp>) -> bool {
        self.given_back.is_some_and(|last| placed.is_none_or(|placed| placed <= last))
    }

    /// Does the unit leave this member by the number of members that the owner allows, without an approval?
    pub fn leaves_by_number(&self) -> bool {
        !self.removal.is_none() && self.leaving.as_ref().is_some_and(|leaving| leaving.approval.is_none())
    }
}

/// What happens to a unit's objects when the unit leaves a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Removal {
    /// The unit stays.
    #[default]
    None,
    /// What we put there is deleted and what we adopted is released. A person asked for it on the hub or approved it, so the
    /// guard against a source's deletions does not apply.
    Prune,
    /// Everything is left there, without our labels and our ownership of fields.
    Release,
}

impl Removal {
    /// Does the unit stay?
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// A slice of at most 100 members of a unit's decision, named by the unit's short id and the slice.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "delivery.kurator.dev", version = "v1alpha1", kind = "Decision", namespaced)]
#[kube(derive = "PartialEq", category = "kurator", doc = "Which members get which revision of a unit.")]
#[kube(printcolumn(name = "Unit", type_ = "string", json_path = ".spec.unit"))]
#[kube(printcolumn(name = "Slice", type_ = "integer", json_path = ".spec.slice"))]
#[kube(printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspended"))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
pub struct DecisionSpec {
    /// The unit.
    pub unit: UnitId,
    /// Which slice this is, from 0.
    pub slice: u32,
    /// Whether objects that the unit no longer has are deleted.
    #[serde(default)]
    pub prune: bool,
    /// Whether members are only observed.
    #[serde(default)]
    pub suspended: bool,
    /// Whether objects whose immutable fields changed are made again, and replicas are kept against autoscalers.
    #[serde(default)]
    pub force: bool,
    /// Whether objects that were there before are taken over, also where that restarts pods or changes their number.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overwrite: bool,
    /// Why nothing is deleted for now; set while the unit did not resolve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<String>,
    /// Digest of the list of deletions that a person released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Digest>,
    /// Digest of the list of all members of the unit, in every slice, in which it is held against an edit; set while one of them
    /// is in this slice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Digest>,
    /// What made this slice what it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// Why the unit is not where or as one may expect; in slice 0, which exists as long as the unit does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// The members, at most 100.
    #[serde(default)]
    pub members: BTreeMap<MemberName, MemberDecision>,
}

impl DecisionSpec {
    /// Most members in a slice. An entry is below 500 bytes, so a slice stays below 50 kB, and slice 0, which explains,
    /// below 80 kB: a change of one member rewrites little, and 1,000 members are ten objects. While an edit takes the unit out
    /// of members, their entries are mostly 250 bytes longer; entries of members that do not answer are by up to 6 kB
    /// ([`ExpectedDeletions::OBJECTS_MAX`]).
    pub const MEMBERS_MAX: usize = 100;

    /// A slice without members.
    pub fn empty(unit: UnitId, slice: u32) -> Self {
        Self {
            unit,
            slice,
            prune: false,
            suspended: false,
            force: false,
            overwrite: false,
            frozen: None,
            approved: None,
            held: None,
            trigger: None,
            explanation: None,
            members: BTreeMap::new(),
        }
    }

    /// Do members count what the unit no longer has, as things are decided now?
    pub fn weighs(&self) -> bool {
        self.prune && !self.suspended && self.frozen.is_none()
    }

    /// The name of a slice of a unit's decision.
    pub fn object_name(short: &ShortId, slice: u32) -> String {
        format!("{short}-{slice}")
    }
}
