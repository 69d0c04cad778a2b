//! How an applier gets on with its member, as it is stored.

use model::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the applier gets on with the member. Written when it changes; that a link is being tried for the first time is not
/// stored, so that a restart writes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberLink {
    /// Whether it answers.
    pub state: LinkState,
    /// Why it does not, in words; at most [`MemberLink::MESSAGE_MAX`] characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Since when the state is as it is.
    #[schemars(schema_with = "crate::delivery::crd::time")]
    pub since: Timestamp,
}

impl MemberLink {
    /// Longest message, in characters: an error with its causes.
    pub const MESSAGE_MAX: usize = 500;
}

/// Whether the member answers its applier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum LinkState {
    /// It answers.
    Connected,
    /// It does not answer.
    Unreachable,
    /// It answers, and nothing may be delivered to it.
    Blocked,
}
