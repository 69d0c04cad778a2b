//! Why a decision is as it is: what caused it, who was passed over, what is waited for. `kurator explain` reads it.

use std::fmt;

use model::name::SUBDOMAIN_MAX;
use model::words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::leaving::Leaving;

/// What made a slice of a decision what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// What kind of event.
    pub cause: TriggerCause,
    /// Field manager of the edit, when the cause is an edit and the server recorded one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What happened, in words; at most [`Trigger::MESSAGE_MAX`] characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl Trigger {
    /// Longest message, in characters: one line of a terminal twice as wide as usual.
    pub const MESSAGE_MAX: usize = 200;

    /// Makes a trigger; a longer message is cut.
    pub fn new(cause: TriggerCause, message: impl AsRef<str>) -> Self {
        Self { cause, by: None, message: words::bounded(message.as_ref(), Self::MESSAGE_MAX) }
    }
}

/// What kind of event changed a decision.
///
/// That a member stops to answer, or answers again, is no cause: members are placed by lists and labels, so its entry stays as
/// it is all the time. What it reports when it is back may release deletions (`Approval`) or end a removal (`Removal`). A
/// member whose record is gone and is made again comes like a new one (`Membership`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum TriggerCause {
    /// The source has new content.
    Source,
    /// The owner was edited: a policy, a selector, a flag.
    Edit,
    /// The list of members changed, or labels that are selected by.
    Membership,
    /// A member's record is gone.
    MemberLost,
    /// Deletions were granted, within the guard's budget or approved by a person.
    Approval,
    /// The unit is being taken out of a member, or has left one.
    Removal,
    /// The same inputs render otherwise with another renderer.
    Renderer,
    /// The unit stopped to resolve, or resolves again.
    Resolution,
}

/// Why the unit is not where or as one may expect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Name of the Revision that members should have, when one is known. Members that were not decided again may have an
    /// older one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The rule by which members are chosen, in words; at most [`Explanation::WORDS_MAX`] characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub placement: String,
    /// Candidates that the unit does not go to, the first by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
    /// How many candidates the unit does not go to.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passed_over_count: u32,
    /// Why it is not as wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting_on: Vec<WaitingOn>,
}

impl Explanation {
    /// Most candidates that are listed. An entry is about 100 bytes, so that a list stays below 10 kB, and below 80 kB when each
    /// is as long as it may be.
    pub const PASSED_OVER_MAX: usize = 100;

    /// Longest sentence that is kept of what is waited for and of the rule, in characters: a refused manifest may list hundreds
    /// of errors.
    pub const WORDS_MAX: usize = 2_000;
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A candidate that was not chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PassedOver {
    /// How the list of candidates names it.
    pub name: String,
    /// Why, in words; at most [`PassedOver::REASON_MAX`] characters.
    pub reason: String,
}

impl PassedOver {
    /// Longest reason, in characters: as for a member that an edit takes the unit out of ([`Leaving::MESSAGE_MAX`]).
    pub const REASON_MAX: usize = Leaving::MESSAGE_MAX;

    /// Makes one; what is longer is cut.
    pub fn new(name: &str, reason: &str) -> Self {
        Self { name: words::bounded(name, SUBDOMAIN_MAX), reason: words::bounded(reason, Self::REASON_MAX) }
    }
}

/// Why a unit is not as wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingOn {
    /// What is missing.
    pub what: Missing,
    /// Its name, or why it is missing, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl WaitingOn {
    /// Makes one; a longer detail is cut.
    pub fn new(what: Missing, detail: impl AsRef<str>) -> Self {
        Self { what, detail: words::bounded(detail.as_ref(), Explanation::WORDS_MAX) }
    }
}

impl WaitingOn {
    /// Do deletions wait for owners that follow the same source?
    pub fn is_for_siblings(&self) -> bool {
        matches!(self.what, Missing::Siblings | Missing::StuckSiblings)
    }
}

impl fmt::Display for WaitingOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.what {
            Missing::Source => "its source",
            Missing::Fleet => "its list of members",
            Missing::Render => "its rendering",
            Missing::Member => "a member to be selected",
            Missing::UniqueName => "a name of its own",
            Missing::HubDelivery => "delivery to the hub itself",
            Missing::Support => "support of its kind",
            Missing::Rights => "the right to deliver it",
            Missing::Siblings | Missing::StuckSiblings => {
                "the commit in others that follow the same source, before it deletes anything"
            }
        })?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

/// What a unit waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Missing {
    /// The source was never fetched.
    Source,
    /// The list of members does not exist; the detail is its name.
    Fleet,
    /// Rendering failed; the detail says why.
    Render,
    /// No member is selected.
    Member,
    /// Two units of the owner have this name.
    UniqueName,
    /// The destination is the hub itself, which is not delivered to yet.
    HubDelivery,
    /// The unit is of a kind that is not delivered yet; the detail is the field that is missing.
    Support,
    /// Its namespace may not deliver what is in it; the detail says which objects, and who can change that.
    Rights,
    /// What its source takes out is not deleted yet: these owners follow the same source, have not taken up its commit, and may want it. It
    /// passes by itself, and nobody is asked before.
    Siblings,
    /// The same, of owners that take it up when a person has mended them, or while its own source is not read. What needs an approval may
    /// be approved.
    StuckSiblings,
}
