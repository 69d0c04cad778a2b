//! A member that comes from another hub, or leaves this one, and what is left of that, as it is stored.

use model::{Digest, words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::link::MemberLink;
use crate::delivery::{HubId, UnitId};

/// What is on its way between a member's hubs, and what came that nothing asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberMove {
    /// How far this hub is with leaving the member, once it was told to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // Boxed, as the next one: hardly a member has it, and there are a thousand.
    pub release: Option<Box<MemberRelease>>,
    /// How far it is with taking over what another hub has there, once it was told to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take_over: Option<Box<MemberTakeOver>>,
    /// Other hubs that have inventories there; at most [`MemberMove::HUBS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_hubs: Vec<OtherHub>,
    /// Units that this hub has there and that nothing on it asks for, as after a take-over; at most
    /// [`MemberMove::UNITS_MAX`]. Nothing is done to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unasked: Vec<UnitId>,
    /// How many there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unasked_count: u32,
}

impl MemberMove {
    /// Most other hubs that are named. A member has one or two; more are those of tests, or made up.
    pub const HUBS_MAX: usize = 8;
    /// Most units that are named: of more, their number says that a whole namespace of Applications is missing.
    pub const UNITS_MAX: usize = 20;

    /// The same, with these units that nothing asks for.
    #[must_use]
    pub fn with_unasked(self, units: &[UnitId]) -> Self {
        let unasked = units.iter().take(Self::UNITS_MAX).cloned().collect();
        Self { unasked, unasked_count: u32::try_from(units.len()).unwrap_or(u32::MAX), ..self }
    }

    /// Is there nothing to say?
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// How far a hub is with leaving a member: everything that it has there is given back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberRelease {
    /// Units that have something left.
    pub left: u32,
    /// Whether everything is given back, and nothing more will be done there.
    #[serde(default)]
    pub done: bool,
    /// What is in the way, or what stays, in words; at most [`MemberLink::MESSAGE_MAX`] characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl MemberRelease {
    /// Makes one. A longer message is cut.
    pub fn new(left: u32, done: bool, message: impl AsRef<str>) -> Self {
        Self { left, done, message: words::bounded(message.as_ref(), MemberLink::MESSAGE_MAX) }
    }
}

/// Another hub that has inventories in a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OtherHub {
    /// Its id.
    pub hub: HubId,
    /// How many units it has there.
    pub units: u32,
}

/// What another hub has in a member, and how far this hub is with taking it over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberTakeOver {
    /// The other hub.
    pub from: HubId,
    /// How far it is.
    pub state: TakeOverState,
    /// Digest of exactly this list: what an approval must say.
    pub digest: Digest,
    /// Units that the other hub has there.
    pub units: u32,
    /// Their objects.
    pub objects: u32,
    /// The units, at most [`MemberTakeOver::LIST_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<TakenUnit>,
    /// What is in the way, or stays, in words; at most [`MemberTakeOver::MESSAGE_MAX`] characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl MemberTakeOver {
    /// Most units in the list. A unit's line is below 3 kB, so that the list stays below 150 kB.
    pub const LIST_MAX: usize = 50;
    /// Longest message, in characters: an error with its causes.
    pub const MESSAGE_MAX: usize = 500;
}

/// How far a take-over is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TakeOverState {
    /// It waits for a person to approve exactly this list.
    Held,
    /// It is on its way.
    Going,
    /// Everything is this hub's, and the other hub has nothing there any more.
    Done,
    /// What the other hub still has there cannot be read.
    Stuck,
}

/// A unit of another hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TakenUnit {
    /// The unit.
    pub unit: UnitId,
    /// Its objects.
    pub objects: u32,
    /// Those among them that were there before Kurator, or ask to stay: they are never deleted.
    #[serde(default)]
    pub adopted: u32,
    /// The first of them, at most [`TakenUnit::FIRST_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<String>,
}

impl TakenUnit {
    /// Most objects that are named.
    pub const FIRST_MAX: usize = 5;
}
