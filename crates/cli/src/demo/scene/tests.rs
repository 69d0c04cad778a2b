//! When a scene waits for the fleet, and when it says why nothing comes.

use serde_json::{Value, json};

use super::*;

/// The demo's Application at a commit, with these conditions as type, status, reason and message.
fn shop(commit: &str, suspend: bool, conditions: &[(&str, &str, &str, &str)]) -> Application {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|(type_, status, reason, message)| {
            json!({"type": type_, "status": status, "reason": reason, "message": message,
                "lastTransitionTime": "2026-01-01T00:00:00Z"})
        })
        .collect();
    serde_json::from_value(json!({
        "apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application", "metadata": {"name": "shop"},
        "spec": {"source": {"gitRepository": {"url": "http://127.0.0.1:1/shop.git", "interval": "1s", "suspend": suspend}}},
        "status": {"conditions": conditions, "sourceStatus": {"gitRepoStatus": {"artifact": {
            "lastUpdateTime": "2026-01-01T00:00:00Z", "path": "p", "revision": format!("main@sha1:{commit}"),
            "url": "http://127.0.0.1:1/shop.git"}}}},
    }))
    .unwrap()
}

#[test]
fn a_member_that_came_back_is_given_nothing_when_the_application_is_gone() {
    let mut going = shop("aaaaaa11", false, &[]);
    going.metadata.deletion_timestamp = Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    assert!(member::is_delivered(true, Some(&shop("aaaaaa11", false, &[]))));
    for (has_files, app) in [(true, None), (true, Some(&going)), (false, Some(&shop("aaaaaa11", false, &[])))] {
        assert!(!member::is_delivered(has_files, app), "{has_files} {app:?}");
    }
}

#[test]
fn a_scene_waits_for_what_passes_by_itself_and_gives_up_with_the_reason() {
    let ready = |status, reason, message| ("Ready", status, reason, message);
    let source = ("SourceReady", "True", "Succeeded", "");
    for (app, words, gives_up) in [
        (shop("aaaaaa11", false, &[ready("True", "ReconciliationSucceeded", "")]), "has not fetched bbbbbb yet", None),
        (shop("aaaaaa11", true, &[]), "kurator resume app/shop", Some(STUCK_FOR)),
        (shop("bbbbbb22", true, &[]), "kurator resume app/shop", Some(STUCK_FOR)),
        (
            shop("aaaaaa11", false, &[("SourceReady", "False", "FetchFailed", "cannot connect")]),
            "FetchFailed: cannot connect",
            Some(FAILING_FOR),
        ),
        (shop("bbbbbb22", false, &[]), "has not looked at app/shop", None),
        (shop("bbbbbb22", false, &[source, ready("False", "Progressing", "1 of 3")]), "Progressing: 1 of 3", None),
        (
            shop("bbbbbb22", false, &[source, ready("False", "NoMemberSelected", "policy large")]),
            "app/shop is not ready, NoMemberSelected: policy large",
            patience("NoMemberSelected"),
        ),
        (
            shop(
                "bbbbbb22",
                false,
                &[ready("False", "DeletionsHeld", ""), ("DeletionsHeld", "True", "EditRemovesMembers", "the list")],
            ),
            "DeletionsHeld: the list",
            patience("DeletionsHeld"),
        ),
    ] {
        let Look::NotYet { why, in_the_way } = follows(&app, "bbbbbb") else { panic!("{words}: it waits for nothing") };
        assert!(why.contains(words), "{why}");
        assert_eq!(in_the_way.map(|found| found.long), gives_up, "{why}");
    }
    for (status, reason, contest) in [
        ("True", "ReconciliationSucceeded", None),
        // All members that answer are ready.
        ("Unknown", "MemberUnknown", None),
        ("False", "Contested", Some("left alone".to_owned())),
    ] {
        let app = shop("bbbbbb22", false, &[ready(status, reason, "left alone")]);
        assert_eq!(follows(&app, "bbbbbb"), Look::Found(contest), "{reason}");
    }
}
