//! `view.kurator.dev/v1alpha1`: answers that are computed when they are asked for. Nothing of it is stored.
//!
//! | kind | asked by | says |
//! |---|---|---|
//! | Rendering | `get renderings/APPLICATION.MEMBER` | the objects that a member gets |
//! | HeldList | `get heldlists/APPLICATION`, with `?uids=true` for the UIDs too | every object that waits for an approval, by name |
//! | Comparison | `get comparisons/APPLICATION`, with `?member=` for one of them | what members have against what they should have |
//! | Preview | `create previews` | what a commit or an edit would change |
//!
//! Values of Secrets are in none of them ([`FieldDifference`]).

use std::collections::BTreeMap;

use model::{MemberName, ObjectKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::delivery::UnitId;

/// API group.
pub const GROUP: &str = "view.kurator.dev";
/// Version.
pub const VERSION: &str = "v1alpha1";

/// The objects that one member gets of one Application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rendering {
    /// The Application.
    pub application: String,
    /// The member.
    pub member: String,
    /// Its units, in the order of the Application's policies.
    pub units: Vec<RenderedUnit>,
}

/// One unit, as the member's applier sends it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenderedUnit {
    /// The policy.
    pub policy: String,
    /// What the source calls the revision.
    pub revision: String,
    /// Why the objects are not those that the Application asks for now, or why there are none; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The objects, in the order in which they are sent.
    pub objects: Vec<Value>,
}

/// Everything of one Application that waits for an approval, object by object. Members with the same objects are one group, so
/// that the answer grows with what differs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldList {
    /// The Application.
    pub application: String,
    /// One for each policy and digest.
    pub lists: Vec<HeldObjects>,
}

/// What exactly one approval is of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldObjects {
    /// The policy.
    pub policy: String,
    /// The digest that an approval says.
    pub digest: String,
    /// Members and what would go from them.
    pub groups: Vec<HeldGroup>,
    /// Members of which the objects cannot be named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unnamed: Vec<UnnamedMembers>,
}

/// Members in which the same would happen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldGroup {
    /// The members.
    pub members: Vec<MemberName>,
    /// They do not answer: the objects are those that they are known to have, and it is done when they answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub away: bool,
    /// The objects: first those that are deleted.
    pub objects: Vec<HeldObject>,
    /// By member, the UIDs in the order of `objects`; empty where none is known. Only when they are asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub uids: BTreeMap<MemberName, Vec<String>>,
}

/// One object of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldObject {
    /// API group; empty for the core group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for objects of the cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Why it is left there; empty when it is deleted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stays: String,
    /// Whose it is, when another unit has it that leaves the member too and waits for this one: `policy web`, or `app/web`. Empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub of: String,
}

/// Members of which it cannot be said by name what would go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnnamedMembers {
    /// The members.
    pub members: Vec<MemberName>,
    /// Why.
    pub why: String,
}

/// What a member is known to have of a unit though it has not said so since the hub started. Part of a Tree and of a MemberTree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// The unit.
    pub unit: UnitId,
    /// The member.
    pub member: MemberName,
    /// What it was sent; nothing when nothing was ever sent to it.
    pub objects: Vec<SentObject>,
    /// What others have that leave the member, and that goes with what this unit has there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goes_with: Vec<GoesWith>,
}

/// An object that goes with a unit which does not have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoesWith {
    /// The object.
    pub key: ObjectKey,
    /// The units that have it.
    pub units: Vec<UnitId>,
}

/// An object that a member was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SentObject {
    /// The object.
    pub key: ObjectKey,
    /// Whether it existed before us.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// Whether it asks to stay, by an annotation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// Whether it was let go of, which the member may not know.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given_back: bool,
    /// Whether the member gives the hub no rights to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outside: bool,
}

/// What to preview.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreviewSpec {
    /// An Application whose source would have another commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// That commit: its id, a branch, a tag, or a full name such as `refs/pull/7/head`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Only this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Edited Applications, Fleets and AttachedClusters, whole, as they would be applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Value>,
}

/// What differs, over all members: first in numbers, then who comes and goes, then each difference once with the members
/// that have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Differences {
    /// In numbers.
    pub summary: DifferenceSummary,
    /// Members that a unit comes to or leaves. Only a preview has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placements: Vec<PlacementChange>,
    /// What differs in members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<DifferenceGroup>,
    /// Groups that were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
    /// Members of which it is not known, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<UnknownMembers>,
    /// What is likely to be a mistake in what was compared, such as a patch that selects no object. It changes nothing of what
    /// is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What else there is to say, such as a unit that cannot be rendered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Differences in numbers. Objects are counted in each member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DifferenceSummary {
    /// Members that were looked at.
    pub members: u32,
    /// Of these, how many differ.
    pub differing: u32,
    /// Members of which it is not known.
    pub unknown: u32,
    /// Objects that would be made.
    pub added: u32,
    /// Objects that would change.
    pub changed: u32,
    /// Objects that would be deleted, at once or after an approval.
    pub deleted: u32,
    /// Objects that would be deleted and made again.
    #[serde(skip_serializing_if = "is_zero")]
    pub replaced: u32,
    /// Objects that would be let go of and stay.
    pub released: u32,
    /// Objects that are there already and would be taken over.
    #[serde(skip_serializing_if = "is_zero")]
    pub adopted: u32,
    /// Objects that are there already and would be left as they are.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_alone: u32,
    /// Of the deleted ones, how many would wait for an approval.
    pub held: u32,
    /// Objects of which it is not known, since the member gives the hub no rights to ask for them.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_asked: u32,
}

impl DifferenceSummary {
    /// Is anything different, as far as it is known?
    pub fn differs(&self) -> bool {
        self.differing > 0
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Members that a unit comes to or leaves, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacementChange {
    /// The Application.
    pub application: String,
    /// Its policy.
    pub policy: String,
    /// What happens.
    pub change: Placing,
    /// The members.
    pub members: Vec<MemberName>,
    /// Why, in words.
    pub reason: String,
}

/// What an edit does to a unit in a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Placing {
    /// The member gets it.
    Comes,
    /// The member would lose it. It stays there until a person approves.
    Held,
    /// The member loses it.
    Leaves,
    /// It was held in the member, and stays there for good.
    Stays,
}

/// The same difference in one or more members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DifferenceGroup {
    /// The Application.
    pub application: String,
    /// Its policy.
    pub policy: String,
    /// The members.
    pub members: Vec<MemberName>,
    /// What the source calls what is there; empty when it is the live state.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// What the source calls what should be there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// Why deletions in it would wait for an approval; empty when they would not, or when there are none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub held: String,
    /// The objects that differ.
    pub objects: Vec<ObjectDifference>,
    /// Objects that are left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
}

/// How an object differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectDifference {
    /// The object in words, such as `Deployment.apps shop/web`.
    pub object: String,
    /// What would happen to it.
    pub change: ObjectChange,
    /// Fields that differ; none of an object that is made or goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldDifference>,
    /// Fields that are left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
    /// What else there is to say of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What would happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ObjectChange {
    /// It would be made.
    Add,
    /// It would be changed.
    Change,
    /// It would be deleted and made again: a field of it cannot change.
    Replace,
    /// It would be deleted.
    Delete,
    /// It would be let go of: it stays, without our labels.
    Release,
    /// It is there already, made by somebody else. It would be taken over, and be given back instead of deleted later.
    Adopt,
    /// It is there already, and would be left as it is; the note says why.
    LeaveAlone,
    /// The hub has no rights to ask for it in the member: how it is there is not known.
    NotAsked,
}

/// How a field differs. A value is JSON in one line; of a Secret only its length and a keyed digest are said, which is the
/// same for the same value of the same field of the same object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldDifference {
    /// Path of the field.
    pub path: String,
    /// What is there; absent when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What should be there; absent when nothing should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Who set what is there, when the server says it and it was not us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Members of which nothing can be said, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownMembers {
    /// The members.
    pub members: Vec<MemberName>,
    /// Why.
    pub message: String,
}
