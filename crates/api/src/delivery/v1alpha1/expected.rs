//! What a member that does not answer is known to lose, as it is stored.

use model::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::delivery::ObjectSet;

/// What a member that does not answer is known to have, and its unit no longer has: it deletes that when it answers. Known by
/// what it reported last, and by what the hub had sent by then. What was approved at an earlier epoch is kept apart, and is in no
/// list any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedDeletions {
    /// Digest of exactly this list, as the member's own has it when it says the same.
    pub digest: Digest,
    /// Length of the list.
    pub count: u32,
    /// The first objects of the list, those of guarded kinds first; at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sample: Vec<String>,
    /// How many of them are of a kind that is never deleted without approval.
    #[serde(default)]
    pub guarded: u32,
    /// Objects of the payload that the member is to have.
    #[serde(default)]
    pub desired: u32,
    /// All objects of the list.
    pub objects: ObjectSet,
    /// Digest of the approved list that this is a part of: the member deletes these objects when it answers, and asks about
    /// others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Digest>,
    /// Those of the objects that were shown as going to the person who approved it, if the approval says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub going: Option<ObjectSet>,
    /// What was approved at earlier epochs, and the member has not been asked for since. It goes too when the member answers.
    #[serde(default, skip_serializing_if = "ObjectSet::is_empty")]
    pub approved: ObjectSet,
}

impl ExpectedDeletions {
    /// Most objects of a member: a slice in which all 100 members are away stays below 600 kB. More are asked about when the
    /// member answers.
    pub const OBJECTS_MAX: usize = 500;

    /// What a person was shown as going, and approved; `None` when nothing was approved.
    pub fn shown(&self) -> Option<ObjectSet> {
        let all = match self.approval {
            Some(_) => self.approved.union(self.going.as_ref().unwrap_or(&self.objects)),
            None => self.approved.clone(),
        };
        (self.approval.is_some() || !all.is_empty()).then_some(all)
    }
}
