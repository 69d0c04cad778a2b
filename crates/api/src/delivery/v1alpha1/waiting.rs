//! Why objects of a unit are not as wanted in a member, as it is stored. `kurator explain` reads it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Objects of a unit in a member that wait, are held, or are left alone, all for the same cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectsWaiting {
    /// Why.
    pub cause: WaitingCause,
    /// How many objects.
    pub count: u32,
    /// The first of them by key, such as `Deployment.apps shop/web`, where one is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub first: String,
    /// Which hub, unit or refusal it is, in words; at most [`ObjectsWaiting::DETAIL_MAX`] characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl ObjectsWaiting {
    /// Most entries of a unit in a member, the worst causes first. An entry is mostly below 200 bytes, so that they add less
    /// than 1 kB; each object has its own row in `view.kurator.dev`.
    pub const ENTRIES_MAX: usize = 4;

    /// Longest detail, in characters: one line of a terminal.
    pub const DETAIL_MAX: usize = 80;
}

/// Why an object of a unit is not as wanted in a member. Ordered from worst to least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum WaitingCause {
    /// The member refused it; it is tried again after a pause. The detail is the reason in one word.
    Refused,
    /// It needs rights that the member does not give: it is neither sent nor deleted, as long as that is so. The detail says
    /// where.
    OutsideRights,
    /// Another hub delivers it: it is left alone. The detail is that hub's id.
    OtherHub,
    /// Another unit of this hub delivers it: it is left alone. The detail is that unit.
    OtherUnit,
    /// It was there before, and taking it over would restart its pods or change their number: it is left as it is until the
    /// annotation `kurator.dev/adopt: overwrite` says otherwise.
    Adoption,
    /// It is applied, and was not what its phase waits for in time.
    Overdue,
    /// It is changed again and again by the same manager: it is left alone for a while.
    Contested,
    /// Somebody deletes it: it is made again when it is gone.
    BeingDeleted,
    /// What was applied to it before is not read yet.
    Unread,
    /// An earlier phase of the unit is waited for.
    Phase,
    /// The unit is only observed.
    Suspended,
    /// It would be deleted, and waits for the guard or for an approval.
    Release,
    /// It would be deleted, and the unit did not resolve. The detail says why.
    Frozen,
    /// It would be deleted, once everything else is applied.
    Unsettled,
    /// Another unit is taking it over. The detail is that unit.
    Handover,
    /// What other units have in it, or of it, goes first.
    Occupied,
    /// It would be deleted, and it cannot be seen whether others have something in it, or of it. The detail says why.
    Unseen,
    /// The unit no longer has it, and others have something in it, or of it: it is let go instead of deleted. The detail
    /// names what they have.
    Inhabited,
    /// The unit no longer has it, and does not prune.
    NotPruned,
    /// The unit no longer has it, and let go of it instead of deleting it, since it is not what was recorded as ours. Said
    /// until the next epoch. The detail says why.
    NotOurs,
    /// An annotation asks that it is left alone. The detail is the annotation.
    Asked,
}

impl fmt::Display for WaitingCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
