//! Why an edit takes a unit out of a member, as it is stored.

use std::fmt;

use model::name::{LABEL_MAX, SUBDOMAIN_MAX};
use model::{Digest, Timestamp, words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::delivery::ObjectSet;

/// Why an edit takes a unit out of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    /// Which kind of edit.
    pub cause: LeavingCause,
    /// The label that differs, when the cause is a selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelDifference>,
    /// Why, in words; at most [`Leaving::MESSAGE_MAX`] characters.
    pub message: String,
    /// Since when an edit takes the unit out of the member for this reason. Kept while it is held; an approval is of this
    /// time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::delivery::crd::time")]
    pub since: Option<Timestamp>,
    /// Digest of the approved list by which the unit leaves; absent while the unit is held, and when it leaves within the
    /// number of members that the owner allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Digest>,
    /// The only objects that may be deleted by that approval, when they were shown to the person who gave it. Others wait for an
    /// approval of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<ObjectSet>,
}

impl Leaving {
    /// Longest message, in characters: it names a label and two of its values, which are at most 443, and a few words.
    pub const MESSAGE_MAX: usize = 500;

    /// Makes one without a time and without an approval; a longer message is cut.
    pub fn new(cause: LeavingCause, message: impl AsRef<str>) -> Self {
        let message = words::bounded(message.as_ref(), Self::MESSAGE_MAX);
        Self { cause, label: None, message, since: None, approval: None, shown: None }
    }

    /// Is the unit taken out of the member for the same reason?
    pub fn is_same(&self, other: &Self) -> bool {
        (self.cause, &self.label, &self.message) == (other.cause, &other.label, &other.message)
    }
}

/// A label that is not as a selector wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelDifference {
    /// Key of the label.
    pub key: String,
    /// Its value; absent when the label is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// The value that the selector wants.
    pub wanted: String,
}

impl LabelDifference {
    /// Longest key of a label, in characters: a prefix, `/` and a name.
    pub const KEY_MAX: usize = SUBDOMAIN_MAX + 1 + LABEL_MAX;

    /// Makes one. What is longer than Kubernetes lets it be on a label is cut: no schema bounds the text of a selector.
    pub fn new(key: &str, found: Option<&str>, wanted: &str) -> Self {
        Self {
            key: words::bounded(key, Self::KEY_MAX),
            found: found.map(|found| words::bounded(found, LABEL_MAX)),
            wanted: words::bounded(wanted, LABEL_MAX),
        }
    }
}

/// Which kind of edit takes a unit out of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum LeavingCause {
    /// The selector does not match the member: the selector or the label was changed.
    SelectorDiffers,
    /// The list of members does not name the member: it was taken out, or another list is named.
    NotListed,
    /// The list names the object that made the member, and that object makes no such member now.
    NotAMember,
    /// The owner does not have the unit: its policy was removed or renamed.
    UnitRemoved,
    /// The owner does not have the unit, and another unit of it has the same objects in the member: it takes them over.
    HandedOver,
    /// Whichever edit it is: the unit has nothing in the member, as when an edit is taken back that was held.
    NothingThere,
}

impl fmt::Display for LeavingCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
