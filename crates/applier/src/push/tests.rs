use std::sync::Barrier;

use serde_json::{Value, json};

use super::*;

#[test]
fn members_that_ask_at_the_same_time_share_one_payload() {
    const ASKING: usize = 8;
    let hub = HubId::from_random([1; 10]);
    let short = UnitId::new("g", "K", "n", "u", None).short(&hub);
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}});
    let (payload, _) = plan::phase::plan(vec![map]);
    let digest = payload.digest();
    let (push, _reports) = PushFeed::new(hub, HubKey::from_random([1; 32]));
    assert!(push.prepared(&short, digest).is_none());
    let together = Barrier::new(ASKING);
    let bundles: Vec<Arc<Bundle>> = std::thread::scope(|scope| {
        let ask = || {
            together.wait();
            push.bundle(&short, digest, &payload)
        };
        let asking: Vec<_> = (0..ASKING).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(bundles.iter().all(|bundle| Arc::ptr_eq(bundle, &bundles[0]) && bundle.digest == digest));
    assert!(push.prepared(&short, digest).is_some_and(|ready| Arc::ptr_eq(&ready, &bundles[0])));

    // What no member has any more is forgotten with the next new payload.
    drop(bundles);
    assert!(push.prepared(&short, digest).is_none());
    let empty = Payload::default();
    let _kept = push.bundle(&short, empty.digest(), &empty);
    assert_eq!(push.state().prepared.len(), 1);
}

/// As when a kubeconfig leads to another cluster: the next applier has seen nothing.
#[test]
fn what_was_there_stays_known_when_the_next_applier_cannot_look_and_not_when_another_cluster_is_behind_it() {
    let unit: UnitId = "apps.kurator.dev/Application/default/shop/p".parse().unwrap();
    let member: MemberName = "beijing".parse().unwrap();
    let report = |phase: &str, rows: Value| -> UnitReport {
        let objects = json!({"desired": 1, "applied": 1, "healthy": 1, "failed": 0, "inventory": 1});
        serde_json::from_value(json!({"member": member, "unit": unit, "revision": "r", "epoch": 1, "phase": phase,
            "payload": format!("sha256:{}", "0".repeat(64)), "health": "Unknown", "objects": objects, "details": rows,
            "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap()}))
        .unwrap()
    };
    let row = json!({"key": {"kind": "ConfigMap", "namespace": "shop", "name": "a"}, "version": "v1", "sync": "Synced",
        "health": "Healthy"});
    let (push, _reports) = PushFeed::new(HubId::from_random([1; 10]), HubKey::from_random([1; 32]));
    let feed = push.member(&member);
    let say = |report: UnitReport| drop(feed.report(FeedReport::Unit(Arc::new(report))));
    let known = || push.reports_in(&member).first().map(|last| (last.phase, last.details.len()));
    say(report("Applied", json!([row])));
    say(report("Unknown", json!([])));
    assert_eq!(known(), Some((UnitPhase::Unknown, 1)));
    say(report("Applied", json!([])));
    assert_eq!(known(), Some((UnitPhase::Applied, 0)), "it looked");
    say(report("Applied", json!([row])));
    push.forget_reports(&member);
    say(report("Unknown", json!([])));
    assert_eq!(known(), Some((UnitPhase::Unknown, 0)));
}

/// Somebody deletes a definition: the next pass waits for it, and does not come to the list that an approval is of.
#[test]
fn a_list_that_waits_stays_known_by_name_while_the_applier_waits_for_what_comes_before_it() {
    let unit: UnitId = "apps.kurator.dev/Application/default/shop/p".parse().unwrap();
    let member: MemberName = "beijing".parse().unwrap();
    let row = json!({"key": {"kind": "ConfigMap", "namespace": "shop", "name": "a"}, "version": "v1", "sync": "Synced",
        "health": "Healthy"});
    let report = |phase: &str, epoch: u64| -> UnitReport {
        let objects = json!({"desired": 1, "applied": 1, "healthy": 1, "failed": 0, "inventory": 1});
        serde_json::from_value(json!({"member": member, "unit": unit, "revision": "r", "epoch": epoch, "phase": phase,
            "payload": format!("sha256:{}", "0".repeat(64)), "health": "Unknown", "objects": objects, "details": [row],
            "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap()}))
        .unwrap()
    };
    let lost = model::ObjectKey { kind: "ConfigMap".into(), name: "b".into(), ..model::ObjectKey::default() };
    let list = plan::prune::deletions(&[lost.clone().into()], 0, false);
    let going = Some(Arc::new(api::feed::Going { digest: list.digest, objects: vec![lost.into()] }));
    let held = UnitReport { deletions: Some(list), going, uids: vec![Some("u".into())], ..report("DeletionsHeld", 1) };
    for (phase, epoch, is_known) in [
        ("Pending", 1, true),
        ("Applying", 1, true),
        ("Waiting", 1, true),
        ("Unknown", 1, true),
        // It came to what the unit has lost, and nothing of that waits.
        ("Applied", 1, false),
        // Another one will be made.
        ("Waiting", 2, false),
    ] {
        let (push, _reports) = PushFeed::new(HubId::from_random([1; 10]), HubKey::from_random([1; 32]));
        let feed = push.member(&member);
        let say = |report: UnitReport| drop(feed.report(FeedReport::Unit(Arc::new(report))));
        say(held.clone());
        // However often it says so.
        say(report(phase, epoch));
        say(report(phase, epoch));
        let known = push.report(&unit, &member).unwrap();
        let expect = if is_known { (held.going.clone(), held.uids.clone()) } else { (None, Vec::new()) };
        assert_eq!((known.going.clone(), known.uids.clone()), expect, "{phase} {epoch}");
        assert!(known.deletions.is_none(), "a list that is not said is not counted twice");
    }
}
