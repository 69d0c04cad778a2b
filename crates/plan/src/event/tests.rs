use api::delivery::UnitStatus;
use api::kurator::apps::v1alpha1::{ArtifactStatus, GitRepoStatus, SourceStatus};
use serde_json::json;

use super::*;

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Condition {
    Condition {
        type_: type_.into(),
        status: status.into(),
        reason: reason.into(),
        message: message.into(),
        observed_generation: None,
        last_transition_time: "2026-01-01T00:00:00Z".into(),
    }
}

fn app(revision: Option<&str>, conditions: &[(&str, &str, &str, &str)]) -> ApplicationStatus {
    let artifact = revision.map(|revision| ArtifactStatus { revision: revision.into(), ..ArtifactStatus::default() });
    let git = GitRepoStatus { artifact, ..GitRepoStatus::default() };
    ApplicationStatus {
        conditions: conditions.iter().map(|(t, s, r, m)| condition(t, s, r, m)).collect(),
        source_status: Some(SourceStatus { git_repo_status: Some(git) }),
        ..ApplicationStatus::default()
    }
}

/// `Type Reason: note`.
fn words(events: Vec<Event>) -> Vec<String> {
    events.into_iter().map(|e| format!("{} {}: {}", e.severity.as_str(), e.reason, e.note)).collect()
}

#[test]
fn each_transition_of_an_application_is_said_once() {
    let ready = ("Ready", "True", "ReconciliationSucceeded", "3 of 3 ready");
    let progressing = ("Ready", "False", "Progressing", "2 of 3 ready");
    let failed = ("Ready", "False", "ReconciliationFailed", "beijing: Service shop/web: spec.ports: Required value");
    let unknown = ("Ready", "Unknown", "MemberUnknown", "2 of 3 ready; not answering: beijing");
    let fetched = ("SourceReady", "True", "Succeeded", "main@sha1:1");
    let broken = ("SourceReady", "False", "FetchFailed", "no answer");
    let held = |list: &'static str| ("DeletionsHeld", "True", "SourceRemovesObjects", list);
    let a = Some("main@sha1:1");
    for (before, after, expect) in [
        (
            None,
            app(a, &[fetched, progressing]),
            vec!["Normal Fetched: fetched main@sha1:1", "Normal Progressing: 2 of 3 ready"],
        ),
        (
            Some(app(a, &[fetched, progressing])),
            app(a, &[fetched, ready]),
            vec!["Normal ReconciliationSucceeded: 3 of 3 ready"],
        ),
        (Some(app(a, &[fetched, ready])), app(a, &[fetched, ready]), vec![]),
        (Some(app(a, &[ready])), app(Some("main@sha1:2"), &[ready]), vec!["Normal Fetched: fetched main@sha1:2"]),
        (
            Some(app(a, &[ready])),
            app(a, &[failed]),
            vec!["Warning ReconciliationFailed: beijing: Service shop/web: spec.ports: Required value"],
        ),
        (
            Some(app(a, &[ready])),
            app(a, &[unknown]),
            vec!["Warning MemberUnknown: 2 of 3 ready; not answering: beijing"],
        ),
        (Some(app(a, &[fetched])), app(a, &[broken]), vec!["Warning FetchFailed: no answer"]),
        // It is fetched again, and has what it had.
        (Some(app(a, &[broken])), app(a, &[fetched]), vec![]),
        (Some(app(a, &[ready])), app(a, &[ready, held("12 objects")]), vec!["Warning DeletionsHeld: 12 objects"]),
        (Some(app(a, &[held("12 objects")])), app(a, &[held("12 objects")]), vec![]),
        (Some(app(a, &[held("12 objects")])), app(a, &[held("13 objects")]), vec!["Warning DeletionsHeld: 13 objects"]),
        (
            Some(app(a, &[held("12 objects")])),
            app(a, &[]),
            vec![
                "Normal DeletionsReleased: nothing is held any more: it was approved, or what asked for it was taken back",
            ],
        ),
    ] {
        let all = [source(before.as_ref(), &after), delivery(before.as_ref(), &after)].concat();
        assert_eq!(words(all), expect, "{before:?} {after:?}");
    }
    // The answer to one writer holds what the other said meanwhile.
    let (new, gone) = (app(a, &[fetched, ready]), app(a, &[broken, unknown]));
    assert_eq!(words(delivery(None, &new)), words(delivery(None, &app(None, &[ready]))));
    assert_eq!(words(source(None, &new)), words(source(None, &app(a, &[fetched]))));
    assert_eq!(words(delivery(Some(&new), &gone)), ["Warning MemberUnknown: 2 of 3 ready; not answering: beijing"]);
    assert_eq!(words(source(Some(&new), &gone)), ["Warning FetchFailed: no answer"]);
}

#[test]
fn clusters_and_fleets_say_when_they_are_reached_and_lost() {
    let cluster = |status: &str, reason: &str| AttachedClusterStatus {
        conditions: vec![condition("Ready", status, reason, "m")],
        ..AttachedClusterStatus::default()
    };
    for (before, after, expect) in [
        (None, cluster("Unknown", "Probing"), vec!["Normal Probing: m"]),
        (Some(cluster("Unknown", "Probing")), cluster("True", "ClusterReady"), vec!["Normal ClusterReady: m"]),
        (
            Some(cluster("True", "ClusterReady")),
            cluster("Unknown", "ClusterNotReachable"),
            vec!["Warning ClusterNotReachable: m"],
        ),
        (
            Some(cluster("True", "ClusterReady")),
            cluster("False", "CredentialDenied"),
            vec!["Warning CredentialDenied: m"],
        ),
        (Some(cluster("True", "ClusterReady")), cluster("True", "ClusterReady"), vec![]),
    ] {
        assert_eq!(words(attached(before.as_ref(), &after)), expect);
        let fleet_of = |status: &AttachedClusterStatus| FleetStatus {
            conditions: status.conditions.clone(),
            ..FleetStatus::default()
        };
        assert_eq!(words(fleet(before.as_ref().map(fleet_of).as_ref(), &fleet_of(&after))), expect);
    }
}

#[test]
fn what_happens_in_a_member_is_said_of_its_unit() {
    let status = |value: serde_json::Value| -> UnitStatus {
        let mut whole = json!({"revision": "r", "epoch": 1, "phase": "Applied", "health": "Healthy", "since": "2026-01-01T00:00:00Z"});
        whole.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    };
    let drift = json!({"object": "Deployment.apps shop/web", "seen": "2026-01-01T00:00:00Z", "reverted": true,
        "fields": [{"path": "spec.replicas", "manager": "kubectl"}, {"path": "spec.paused"}]});
    let deleted =
        json!({"object": "Service shop/web", "deleted": true, "seen": "2026-01-01T00:00:00Z", "reverted": true});
    let counts = |adopted: u32| json!({"desired": 3, "applied": 3, "healthy": 3, "failed": 0, "inventory": 3, "adopted": adopted});
    let left = |count: u32, first: &str, lack: &str| json!({"cause": "NotOurs", "count": count, "first": first, "detail": format!("the member gives no rights in {lack}")});
    let member = "beijing".parse().unwrap();
    for (before, after, expect) in [
        (json!({}), json!({}), vec![]),
        (
            json!({"reverts": 1}),
            json!({"reverts": 2, "lastDrift": drift}),
            vec![
                "Normal DriftReverted: beijing: Deployment.apps shop/web was changed there by kubectl (spec.replicas, spec.paused), reverted",
            ],
        ),
        (
            json!({"reverts": 2}),
            json!({"reverts": 3, "lastDrift": deleted}),
            vec!["Normal DriftReverted: beijing: Service shop/web was deleted there, reverted"],
        ),
        (json!({"reverts": 2, "lastDrift": deleted}), json!({"reverts": 2, "lastDrift": deleted}), vec![]),
        (
            json!({}),
            json!({"reason": "Contested", "message": "Deployment.apps shop/web"}),
            vec!["Warning Contested: beijing: Deployment.apps shop/web"],
        ),
        (json!({"reason": "Contested"}), json!({"reason": "Contested"}), vec![]),
        (
            json!({}),
            json!({"objects": counts(1)}),
            vec!["Normal Adopted: beijing: 1 object that was there before is managed from now on"],
        ),
        (
            json!({"objects": counts(1)}),
            json!({"objects": counts(3)}),
            vec!["Normal Adopted: beijing: 2 objects that were there before are managed from now on"],
        ),
        (json!({"objects": counts(3)}), json!({"objects": counts(3)}), vec![]),
        // What stays when a unit leaves is said while the unit is still known.
        (
            json!({"phase": "Removing", "waiting": [left(1, "ConfigMap other/a", "namespace other")]}),
            json!({"phase": "Removed", "waiting": [left(2, "ConfigMap other/a", "namespace other"), left(1, "ClusterRole x", "the whole cluster")]}),
            vec![
                "Warning LeftBehind: beijing: not deleted, and no longer recorded: ConfigMap other/a and 1 more (the member gives no \
                 rights in namespace other); ClusterRole x (the member gives no rights in the whole cluster)",
            ],
        ),
        (
            json!({"waiting": [left(1, "ConfigMap other/a", "namespace other")]}),
            json!({"waiting": [left(1, "ConfigMap other/a", "namespace other")]}),
            vec![],
        ),
        (
            json!({"phase": "Removing", "reason": "Removing", "message": "2 objects are left"}),
            json!({"phase": "Removing", "reason": "BeingDeleted", "message": "2 objects are left; ConfigMap n/x is being deleted, and waits for finalizer a/b"}),
            vec![
                "Normal BeingDeleted: beijing: it does not leave: 2 objects are left; ConfigMap n/x is being deleted, and waits for finalizer a/b",
            ],
        ),
        (
            json!({"phase": "Removing", "reason": "BeingDeleted", "message": "2 objects are left"}),
            json!({"phase": "Removing", "reason": "BeingDeleted", "message": "1 objects are left"}),
            vec![],
        ),
        // It is looked after by the unit that has it now.
        (
            json!({}),
            json!({"waiting": [{"cause": "NotOurs", "count": 1, "first": "ConfigMap shop/a", "detail": "another unit has taken it over"}]}),
            vec![],
        ),
    ] {
        let (before, after) = (status(before), status(after));
        assert_eq!(words(unit(Some(&before), &after, &member)), expect);
    }
}

#[test]
fn a_note_is_never_longer_than_servers_take() {
    let long = "北".repeat(3_000);
    let event = Event::new(Severity::Normal, "R", "A", &long);
    assert!(event.note.len() <= NOTE_BYTES_MAX && event.note.starts_with('北'), "{}", event.note.len());
}

#[test]
fn a_member_that_is_forgotten_says_what_stays_in_it() {
    let unit = |name: &str| UnitId::new("apps.kurator.dev", "Application", "team-a", name, Some("p"));
    assert_eq!(left_behind(&[]), None);
    let event = left_behind(&[(unit("shop"), 12), (unit("web"), 3)]).unwrap();
    assert_eq!((event.severity, event.reason.as_str()), (Severity::Warning, "LeftBehind"));
    let parts =
        ["15 objects stay", "12 of app/shop in namespace team-a, policy p; 3 of app/web in namespace team-a, policy p"];
    assert!(parts.iter().all(|part| event.note.contains(part)), "{}", event.note);
    let many: Vec<(UnitId, u32)> = (0..40).map(|n| (unit(&format!("app-{n}")), 1)).collect();
    assert_eq!(left_in_other_cluster(&[], "one"), None);
    let event = left_in_other_cluster(&[(unit("shop"), 12)], "one").unwrap();
    assert_eq!(event.reason, "LeftBehind");
    assert!(event.note.contains("UID one) keeps 12 objects with their inventories (12 of app/shop"), "{}", event.note);
    assert!(left_behind(&many).unwrap().note.contains("and 30 more units"));
}

#[test]
fn what_was_not_deleted_is_read_from_the_note_again() {
    use crate::ownership::NotOurs;
    let left =
        |count: u32, first: &str, why: &str| json!({"cause": "NotOurs", "count": count, "first": first, "detail": why});
    let status = |waiting: &[serde_json::Value]| -> UnitStatus {
        serde_json::from_value(json!({"revision": "r", "epoch": 1, "phase": "Removed", "health": "Healthy",
            "objects": {"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 0},
            "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "since": "2026-01-01T00:00:00Z",
            "waiting": waiting}))
        .unwrap()
    };
    let member: MemberName = "beijing".parse().unwrap();
    let inhabited = NotOurs::Inhabited("Pod shop/a (of others)".into()).to_string();
    let (unlabelled, other_hub) = (NotOurs::Unlabelled.to_string(), NotOurs::OtherHub("x".into()).to_string());
    let lost = "its inventory was deleted there, and what it named is not known";
    let all = [
        (1, "Namespace shop", inhabited.as_str()),
        (3, "ConfigMap shop/a", &unlabelled),
        (1, "Secret shop/b", &other_hub),
        (3, "", lost),
        (1, "", lost),
    ];
    let waiting: Vec<serde_json::Value> = all.iter().map(|(count, first, why)| left(*count, first, why)).collect();
    let note = left_there(None, &status(&waiting), &member).unwrap().note;
    let (said_of, groups) = not_deleted(&note).unwrap();
    assert_eq!(said_of, "beijing");
    let read: Vec<(u32, &str, &str)> =
        groups.iter().map(|group| (group.count as u32, group.first.unwrap_or_default(), group.why)).collect();
    assert_eq!(read, all, "{note}");
    assert_eq!(not_deleted("the hub has no record of it any more"), None);
}

#[test]
fn objects_that_were_deleted_to_be_made_again_are_named() {
    let member: MemberName = "beijing".parse().unwrap();
    let all: Vec<Arc<HashedKey>> = (0..12)
        .map(|n| model::ObjectKey {
            kind: "Service".into(),
            namespace: "shop".into(),
            name: format!("s{n}"),
            ..Default::default()
        })
        .map(|key| Arc::new(key.into()))
        .collect();
    let said = |count: usize| words(vec![renewed(&member, &all[..count])]).remove(0);
    let begin = "Normal Renewed: beijing: deleted, to be made again, since a field cannot change and `force` asks for it: Service shop/s0";
    assert_eq!(said(1), begin);
    let many = said(12);
    assert!(many.starts_with(begin) && many.ends_with(", Service shop/s9, and 2 more"), "{many}");
}
