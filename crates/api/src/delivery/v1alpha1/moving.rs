//! A member that comes from another hub, or leaves this one, as it is stored.

use model::words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::link::MemberLink;

/// What is on its way between a member's hubs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberMove {
    /// How far this hub is with leaving the member, once it was told to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<MemberRelease>,
}

impl MemberMove {
    /// Is there nothing to say?
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
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
