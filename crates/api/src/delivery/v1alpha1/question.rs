//! What a member is asked of a unit, beside its epoch and its payload.

use model::{Digest, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decision::{MemberDecision, Removal};
use crate::delivery::ObjectSet;
use crate::feed::UnitEntry;

/// What a member was asked when it reported. Its report answers this question, and no other one of the same epoch: what a unit that
/// stays has lost is another list than what one that leaves has, though it may be of the same objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// When the unit was given to the member. One that was made again under the same name counts epochs from 1 again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::delivery::crd::time")]
    pub placed: Option<Timestamp>,
    /// Whether the unit leaves, and what becomes of its objects then.
    #[serde(default, skip_serializing_if = "Removal::is_none")]
    pub removal: Removal,
    /// Digest of the set of objects that may be deleted while it leaves, if a person agreed to these alone.
    // Boxed: hardly a unit leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Box<Digest>>,
}

impl Question {
    /// Is nothing known of it, as of a report of an earlier version? It answers no question then.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    fn new(placed: Option<Timestamp>, removal: Removal, shown: Option<&ObjectSet>) -> Self {
        let shown = shown.filter(|_| !removal.is_none());
        Self { placed, removal, shown: shown.map(|set| Box::new(set.digest())) }
    }
}

impl MemberDecision {
    /// What is asked of the member by this entry. What was shown of a list that is granted is no other question: the list was made
    /// before.
    pub fn question(&self) -> Question {
        Question::new(self.placed, self.removal, self.leaving.as_ref().and_then(|leaving| leaving.shown.as_ref()))
    }
}

impl UnitEntry {
    /// What is asked of the member.
    pub fn question(&self) -> Question {
        Question::new(self.placed, self.removal, self.shown.as_ref())
    }
}
