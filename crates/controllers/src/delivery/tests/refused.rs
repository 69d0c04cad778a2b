//! Slices that the hub's API refuses: what is lost of them comes back, and they hold back no other.

use std::sync::atomic::{AtomicUsize, Ordering};

use api::delivery::{DriftRecord, ObjectsWaiting, WaitingCause};

use super::*;

/// A member's record, and a decision for each of so many units of it alone.
fn one_member(ctx: &Ctx, units: usize) -> Cluster {
    let record = cluster(member(1), "1");
    ctx.clusters.learn(record.clone());
    for n in 0..units {
        let mut decision = decision(n);
        decision.spec.members = BTreeMap::from([(member(1), decision.spec.members.values().next().unwrap().clone())]);
        ctx.decisions.learn(decision);
    }
    record
}

fn slice(n: u32, units: impl IntoIterator<Item = usize>) -> MemberStatus {
    let mut slice = stored(member(1), 1, units.into_iter().map(|n| (unit(n), status(false))).collect());
    slice.metadata.name = Some(api::delivery::MemberStatusSpec::object_name(&member(1), n));
    slice.spec.slice = n;
    slice
}

fn report_units(ctx: &Ctx, units: impl IntoIterator<Item = (usize, UnitStatus)>) {
    let units = units.into_iter().map(|(n, status)| (unit(n), status));
    ctx.state().unstored.entry(member(1)).or_default().units.extend(units);
}

/// A unit that has details of every kind.
fn detailed() -> UnitStatus {
    let not_ours = ObjectsWaiting {
        cause: WaitingCause::NotOurs,
        count: 1,
        first: "ConfigMap shop/settings".into(),
        detail: "hub x".into(),
    };
    let drift = DriftRecord {
        object: "Deployment.apps shop/web".into(),
        deleted: false,
        fields: Vec::new(),
        seen: Still.now(),
        reverted: true,
    };
    UnitStatus {
        phase: UnitPhase::Failed,
        message: "said".into(),
        waiting: vec![not_ours],
        last_drift: Some(drift),
        reflected: Some(serde_json::json!({"replicas": 3})),
        ..status(false)
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_refused_slice_has_lost_comes_back_when_the_cause_is_gone() {
    // The hub takes less for a while.
    let taken_max = Arc::new(AtomicUsize::new(10_000));
    let (log, limit) = (Arc::new(Mutex::new(Vec::new())), taken_max.clone());
    let refuse = move |_: &str, length: usize| (length > limit.load(Ordering::SeqCst)).then_some(413);
    let (_cache, controllers) = with(hub_that_refuses(log.clone(), refuse), Arc::new(Still));
    let ctx = context(&controllers.deps, controllers.feed.clone());
    let record = one_member(&ctx, 2);
    ctx.statuses.learn(slice(0, 0..2));
    let known = || {
        let slice = ctx.statuses.get(&NamespacedName::new("", "m001-0")).unwrap();
        let units = &slice.status.as_ref().unwrap().units;
        (units[&unit(0)].clone(), units[&unit(1)].clone())
    };
    let cut = || ctx.metrics.refusals().counts()[0].1;
    let write = async || {
        // time: a slice is written once a second.
        tokio::time::advance(Duration::from_secs(1)).await;
        log.lock().unwrap().clear();
        status::write(&ctx, &member(1), &record).await.unwrap();
        log.lock().unwrap().len()
    };
    let talks = UnitStatus { message: "m".repeat(10_000), ..status(false) };
    report_units(&ctx, [(0, talks), (1, detailed())]);
    assert_eq!(write().await, 2, "whole, then bare");
    let bare = plan::unit::without_details(&detailed());
    assert_eq!((known().1, cut()), (bare.clone(), 1));
    assert_eq!(write().await, 0, "it is not tried again as it is");

    // Its applier says something else of it, and nothing of what it had said before.
    take_report(&ctx, &report(UnitPhase::Failed, b"one"));
    let reported = ctx.state().reported(&member(1), &unit(1)).cloned().unwrap();
    assert_eq!((reported.waiting, reported.last_drift), (detailed().waiting, detailed().last_drift));
    assert_eq!((write().await, known().1.message, cut()), (2, bare.message.clone(), 1), "it is refused still");

    // The other unit is well again: what this one had to say is stored, though nothing is reported of it.
    report_units(&ctx, [(0, status(false))]);
    assert_eq!(write().await, 1);
    let (first, second) = known();
    assert_eq!((first, second.waiting, second.last_drift), (status(false), detailed().waiting, detailed().last_drift));
    assert_eq!((second.message.as_str(), second.reflected), ("", detailed().reflected));
    assert_eq!(cut(), 0);
    assert!(ctx.state().refused.is_empty());
    assert_eq!(write().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_slice_that_somebody_changes_is_written_again_and_one_whose_units_are_gone_is_forgotten() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let refuse = |_: &str, length: usize| (length > 10_000).then_some(413);
    let (_cache, controllers) = with(hub_that_refuses(log.clone(), refuse), Arc::new(Still));
    let ctx = context(&controllers.deps, controllers.feed.clone());
    let record = one_member(&ctx, 1);
    ctx.statuses.learn(slice(0, 0..1));
    report_units(&ctx, [(0, UnitStatus { message: "m".repeat(10_000), ..detailed() })]);
    let write = async || status::write(&ctx, &member(1), &record).await.unwrap();
    write().await;
    let mut changed = slice(0, 0..1);
    changed.metadata.resource_version = Some("1000".into());
    ctx.statuses.learn(changed);
    // time: a slice is written once a second.
    tokio::time::advance(Duration::from_secs(1)).await;
    log.lock().unwrap().clear();
    write().await;
    assert_eq!(*log.lock().unwrap(), ["PUT m001-0", "PUT m001-0"]);
    let mut left = decision(0);
    (left.spec.members, left.metadata.resource_version) = (BTreeMap::new(), Some("101".into()));
    ctx.decisions.learn(left);
    write().await;
    assert!(ctx.state().refused.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_slice_that_waits_its_turn_does_not_wait_for_one_that_fails() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let refuse = |name: &str, _: usize| (name == "m001-1").then_some(500);
    let (_cache, controllers) = with(hub_that_refuses(log.clone(), refuse), Arc::new(Still));
    let ctx = context(&controllers.deps, controllers.feed.clone());
    let record = one_member(&ctx, 2);
    ctx.statuses.learn(slice(0, 0..1));
    ctx.statuses.learn(slice(1, 1..2));
    // Slice 0 was written a moment ago, and has only counters to say; slice 1 has news, and cannot be written.
    assert_eq!(ctx.throttle.wait(&NamespacedName::new("", "m001-0"), Duration::from_secs(1), false), None);
    let counted = UnitStatus { pods: PodCounts { ready: 7, ..PodCounts::default() }, ..status(false) };
    report_units(&ctx, [(0, counted), (1, UnitStatus { phase: UnitPhase::Failed, ..status(false) })]);
    assert!(status::write(&ctx, &member(1), &record).await.is_err(), "it is counted, and tried again with pauses");
    assert_eq!(*log.lock().unwrap(), ["PUT m001-1"]);
    assert_eq!((ctx.reported.depth().due, ctx.reported.depth().later), (0, 1));
    // time: the pace is what this is about.
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(ctx.reported.depth().due, 1, "the turn of slice 0 has come");
}
