//! Whether what a member reported last holds now: the same answer in every command.
//!
//! A member has two witnesses: its record, which its prober writes, and the link of its applier.

use api::condition::{self, Condition};
use api::delivery::{LinkState, MemberLink};
use api::karmada::cluster::v1alpha1::Cluster;
use api::reason;

/// Does the record of a member say that the member answers? One that is not ready may answer; one that refuses us or turned
/// out to be another cluster does not.
pub(crate) fn record_answers(record: &Cluster) -> bool {
    kept_from(conditions_of(record)).is_none()
}

fn conditions_of(record: &Cluster) -> &[Condition] {
    record.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
}

/// Why a member does not answer, by the conditions of its record or of the AttachedCluster that made it; `None` when it does.
pub(crate) fn kept_from(conditions: &[Condition]) -> Option<String> {
    let ready = condition::find(conditions, condition::READY);
    let answers = ready.is_some_and(|ready| ready.status == "True" || ready.reason == reason::CLUSTER_NOT_READY);
    (!answers).then(|| ready.map_or_else(|| reason::PROBING.to_owned(), |ready| ready.reason.clone()))
}

/// The link of an applier, if it does not get through.
pub(crate) fn kept_out(link: Option<&MemberLink>) -> Option<&MemberLink> {
    link.filter(|link| link.state != LinkState::Connected)
}

/// Does a member answer both? Then what it reported last holds, and more comes.
pub(crate) fn answers(record: Option<&Cluster>, link: Option<&MemberLink>) -> bool {
    away(record, link).is_none()
}

/// Why a member cannot be looked at now, in one word; `None` while it answers both.
pub(crate) fn away(record: Option<&Cluster>, link: Option<&MemberLink>) -> Option<String> {
    let Some(record) = record else { return Some(reason::MEMBER_GONE.to_owned()) };
    if let Some(why) = kept_from(conditions_of(record)) {
        return Some(why);
    }
    let of_link = |link: &MemberLink| match link.state {
        LinkState::Blocked => reason::APPLIER_REFUSED.to_owned(),
        LinkState::Unreachable | LinkState::Connected => reason::APPLIER_NOT_ANSWERED.to_owned(),
    };
    kept_out(link).map(of_link)
}

/// From when on it is done in members that are away for this reason: when they answer, or when it is them again that do.
pub(crate) fn done_when(reason: &str, members: usize) -> &'static str {
    let is_another = [reason::SAME_CLUSTER, reason::IDENTITY_CHANGED, reason::IDENTITY_UNKNOWN].contains(&reason);
    match (is_another, members) {
        (true, 1) => "done when it is the right cluster again that answers",
        (true, _) => "done when it is the right clusters again that answer",
        (false, 1) => "done when it answers",
        (false, _) => "done when they answer",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_answers_when_its_record_and_its_applier_say_so() {
        let record = |status: &str, reason: &str| -> Cluster {
            serde_json::from_value(json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
                "metadata": {"name": "a"}, "spec": {"syncMode": "Push"}, "status": {"conditions": [
                    {"type": "Ready", "status": status, "reason": reason, "message": "",
                     "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}))
            .unwrap()
        };
        let link = |state| MemberLink { state, message: String::new(), since: "2026-01-01T00:00:00Z".parse().unwrap() };
        for (status, reason, state, expect) in [
            ("True", "ClusterReady", None, true),
            ("True", "ClusterReady", Some(LinkState::Connected), true),
            ("True", "ClusterReady", Some(LinkState::Unreachable), false),
            ("True", "ClusterReady", Some(LinkState::Blocked), false),
            // It answers, and is delivered to.
            ("False", "ClusterNotReady", Some(LinkState::Connected), true),
            ("False", "IdentityChanged", None, false),
            ("Unknown", "ClusterNotReachable", Some(LinkState::Connected), false),
        ] {
            let link = state.map(link);
            assert_eq!(answers(Some(&record(status, reason)), link.as_ref()), expect, "{status} {reason} {state:?}");
        }
        assert!(!answers(None, None), "without a record nothing is known");
    }
}
