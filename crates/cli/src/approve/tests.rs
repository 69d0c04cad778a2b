//! What counts as a yes, and as done.

use std::collections::BTreeMap;

use api::delivery::DecisionSpec;
use api::kurator::apps::v1alpha1::HeldDeletions;
use serde_json::json;

use super::{is_yes, wait};

#[test]
fn only_yes_is_a_yes() {
    for (answer, expect) in [
        ("y\n", true),
        ("Yes\n", true),
        (" yes \n", true),
        ("\n", false),
        ("", false),
        ("no\n", false),
        ("yeah\n", false),
    ] {
        assert_eq!(is_yes(answer), expect, "{answer:?}");
    }
}

#[test]
fn it_is_done_when_nothing_of_the_list_is_left_to_go() {
    let digest = format!("sha256:{}", "1".repeat(64));
    let unit = "apps.kurator.dev/Application/default/shop/p";
    let decision = |removal: &str, approval: Option<&str>| -> DecisionSpec {
        let leaving = json!({"cause": "NotListed", "message": "fleet f is empty", "approval": approval});
        let entry = json!({"revision": "r", "epoch": 1, "reason": "", "removal": removal, "leaving": leaving});
        serde_json::from_value(json!({"unit": unit, "slice": 0, "members": {"paris": entry}})).unwrap()
    };
    let list = |reason: &str| HeldDeletions {
        policy: "p".into(),
        digest: digest.clone(),
        reason: reason.into(),
        ..HeldDeletions::default()
    };
    let other = format!("sha256:{}", "2".repeat(64));
    for (about, removal, approval, left) in [
        ("on its way out", "Prune", Some(digest.as_str()), 1),
        ("let go of", "Release", Some(digest.as_str()), 1),
        ("by another approval", "Prune", Some(other.as_str()), 0),
        ("within what is allowed", "Prune", None, 0),
        ("held again", "None", None, 0),
    ] {
        let decisions = [decision(removal, approval)];
        let members = wait::members(&[list("EditRemovesMembers")], &decisions, &BTreeMap::new());
        assert_eq!(members.len(), left, "{about}");
    }
    for (about, state, inventory, left) in [
        ("released and not gone", "Released", 5, 1),
        ("released and gone", "Released", 3, 0),
        ("another list waits", "Waiting", 5, 0),
    ] {
        let status = serde_json::from_value(json!({
            "revision": "r", "epoch": 1, "phase": "Applied", "health": "Healthy", "since": "2026-01-01T00:00:00Z",
            "objects": {"desired": 3, "applied": 3, "healthy": 3, "failed": 0, "inventory": inventory},
            "held": {"digest": digest, "count": 0, "state": state},
        }))
        .unwrap();
        let statuses = BTreeMap::from([((unit.parse().unwrap(), "paris".parse().unwrap()), status)]);
        let members = wait::members(&[list("SourceRemovesObjects")], &[], &statuses);
        assert_eq!(members.len(), left, "{about}");
    }
}
