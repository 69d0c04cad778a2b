//! Conditions, and the one helper that sets them.

use model::Timestamp;
use model::clock::format_seconds;
use model::words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `metav1.Condition`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What it is about, in CamelCase.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Machine-readable reason, in CamelCase.
    pub reason: String,
    /// Sentence for people.
    #[serde(default)]
    pub message: String,
    /// Generation of the spec that it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When `status` last changed, RFC 3339.
    pub last_transition_time: String,
}

impl Condition {
    /// Longest message, in characters: what Kubernetes allows in `metav1.Condition`.
    pub const MESSAGE_MAX: usize = 32_768;
}

/// What a condition says, before it has a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it is about.
    pub type_: &'static str,
    /// `Some(true)` is `True`, `None` is `Unknown`.
    pub status: Option<bool>,
    /// Machine-readable reason.
    pub reason: &'static str,
    /// Sentence for people.
    pub message: String,
}

impl Statement {
    /// Makes a statement. What is longer than a condition may be is cut, and all of it is one line.
    pub fn new(type_: &'static str, status: Option<bool>, reason: &'static str, message: impl AsRef<str>) -> Self {
        Self { type_, status, reason, message: words::bounded(message.as_ref(), Condition::MESSAGE_MAX) }
    }
}

/// Everything of a kind is as it should be.
pub const READY: &str = "Ready";
/// Fields were set that are not honoured yet; the message names their paths.
pub const NOT_IMPLEMENTED: &str = "NotImplemented";
/// The source has what is likely to be a mistake, such as a patch that selects nothing; the message names file and field. There only
/// when something is to be said.
pub const SOURCE_WARNINGS: &str = "SourceWarnings";
/// Deletions wait for approval.
pub const DELETIONS_HELD: &str = "DeletionsHeld";
/// Objects may be delivered to the member: it is known which cluster it is, and its credential can be used.
pub const DELIVERABLE: &str = "Deliverable";
/// The kubeconfig in a member's Secret is not the one in use, or cannot be renewed. There only when something is to be said.
pub const CREDENTIAL_CURRENT: &str = "CredentialCurrent";
/// A member says more of itself than its record holds; what is left out is counted.
pub const FACTS_CUT: &str = "FactsCut";
/// The hub's API refused this status as it was, so that long texts and lists are cut in it.
pub const STATUS_CUT: &str = "StatusCut";
/// The same of what an Application says of its source, which another controller writes.
pub const SOURCE_STATUS_CUT: &str = "SourceStatusCut";
/// The member is being left: what this hub has in it is given back first.
pub const DETACHING: &str = "Detaching";
/// What another hub has in the member is taken over, or waits for an approval.
pub const TAKE_OVER: &str = "TakeOver";
/// The source was fetched.
pub const SOURCE_READY: &str = "SourceReady";

/// Most conditions that one status has: of each type there is one.
pub const CONDITIONS_MAX: usize = 16;

/// Merges statements into the conditions of before: the time changes only where the status does, order is by type, and
/// types that no statement speaks of are dropped. Equal statements give equal conditions, so a settled object is not written.
pub fn merge(
    before: &[Condition],
    statements: Vec<Statement>,
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    let mut out: Vec<Condition> = statements
        .into_iter()
        .map(|statement| {
            let status = match statement.status {
                Some(true) => "True",
                Some(false) => "False",
                None => "Unknown",
            };
            let since = before
                .iter()
                .find(|c| c.type_ == statement.type_ && c.status == status)
                .map_or_else(|| format_seconds(now), |c| c.last_transition_time.clone());
            Condition {
                type_: statement.type_.to_owned(),
                status: status.to_owned(),
                reason: statement.reason.to_owned(),
                message: statement.message,
                observed_generation: generation,
                last_transition_time: since,
            }
        })
        .collect();
    out.sort_by(|a, b| a.type_.cmp(&b.type_));
    out
}

/// Finds a condition.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|c| c.type_ == type_)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_changes_only_with_the_status() {
        let at = |s: &str| s.parse::<Timestamp>().unwrap();
        let first =
            merge(&[], vec![Statement::new(READY, Some(false), "Waiting", "a")], Some(1), at("2026-01-01T00:00:00Z"));
        let second =
            merge(&first, vec![Statement::new(READY, Some(false), "Other", "b")], Some(2), at("2026-01-02T00:00:00Z"));
        assert_eq!(second[0].last_transition_time, "2026-01-01T00:00:00Z");
        assert_eq!((second[0].reason.as_str(), second[0].observed_generation), ("Other", Some(2)));
        let third =
            merge(&second, vec![Statement::new(READY, Some(true), "Ok", "")], Some(2), at("2026-01-03T00:00:00Z"));
        assert_eq!(third[0].last_transition_time, "2026-01-03T00:00:00Z");
    }
}
