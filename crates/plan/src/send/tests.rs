use api::delivery::{UnitId, label};
use model::{Digest, ObjectKey};
use serde_json::json;

use super::*;
use crate::authenticator::HubKey;
use crate::pool::Pools;
use crate::prepare::Bundle;

fn hub() -> HubId {
    HubId::from_random([1; 10])
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn terms(force: bool, behind: bool) -> Terms {
    let short = UnitId::new("g", "K", "n", "u", None).short(&hub());
    Terms { hub: hub(), part_of: crate::inventory::applyset_id(&short), force, behind }
}

fn job(why: Why) -> Job {
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "paused": false}});
    let short = UnitId::new("g", "K", "n", "u", None).short(&hub());
    let (payload, _) = crate::phase::plan(vec![object]);
    let bundle =
        Bundle::new(payload.digest(), &payload, &hub(), &short, &HubKey::from_random([1; 32]), &Pools::default());
    let object = bundle.objects().next().unwrap().clone();
    let entry = Entry { uid: Some("u".into()), ..Entry::default() };
    let accepted = Accepted {
        applied: Some(object.digest),
        projection: Some(drift::projection(&live_of(&object), false)),
        ..Accepted::default()
    };
    Job { object, entry, accepted: Some(Arc::new(accepted)), why, history: Vec::new(), live: None }
}

fn live_of(object: &Prepared) -> Value {
    let mut live = Value::clone(&object.object);
    live["metadata"]["uid"] = json!("u");
    live["metadata"]["managedFields"] = json!([{"manager": "kurator", "operation": "Apply",
        "fieldsV1": {"f:spec": {"f:replicas": {}, "f:paused": {}}}}]);
    live
}

/// The live object as it was applied, changed, with `kubectl` as the owner of what changed.
fn live(job: &Job, change: impl FnOnce(&mut Value)) -> Value {
    let mut live = live_of(&job.object);
    change(&mut live);
    live
}

fn paused(live: &mut Value) {
    live["spec"]["paused"] = json!(true);
}

fn rescaled(live: &mut Value) {
    live["spec"]["replicas"] = json!(7);
}

/// Plays answers, and says what is asked in words; the last is what became of it.
fn play(job: &Job, terms: &Terms, answers: Vec<Answer>) -> (Vec<&'static str>, Next) {
    let word = |next: &Next| match next {
        Next::Read => "read",
        Next::AskAutoscalers => "ask",
        Next::Apply(_) => "apply",
        Next::Delete(_) => "delete",
        Next::Done(_) => "done",
    };
    let (mut send, mut next) = Send::begin(job, terms, at(0));
    let mut said = vec![word(&next)];
    for answer in answers {
        (send, next) = send.step(answer, at(0));
        said.push(word(&next));
    }
    (said, next)
}

fn applied(live: &Value) -> Answer {
    Answer::Applied { created: false, object: live.clone() }
}

fn autoscalers() -> Vec<Value> {
    vec![json!({"metadata": {"namespace": "shop", "name": "h"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}})]
}

#[test]
fn what_nobody_touched_is_sent_without_reading() {
    let job = job(Why::New);
    let (said, next) = play(&job, &terms(false, false), vec![applied(&live(&job, |_| {}))]);
    assert_eq!(said, ["apply", "done"]);
    let Next::Done(Sent::Applied { scaled, admission, drift, .. }) = next else { panic!("{next:?}") };
    assert!(!scaled && admission.is_empty() && drift.is_none());
}

#[test]
fn what_somebody_changed_is_read_told_and_taken_back() {
    let job = job(Why::Revert);
    let changed = live(&job, paused);
    let (said, next) =
        play(&job, &terms(false, false), vec![Answer::Live(Some(changed)), applied(&live(&job, |_| {}))]);
    assert_eq!(said, ["read", "apply", "done"]);
    let Next::Done(Sent::Applied { drift: Some(drift), .. }) = next else { panic!("{next:?}") };
    assert_eq!((drift.fields[0].path.as_str(), drift.reverted), ("spec.paused", true));
}

#[test]
fn a_reading_may_end_it() {
    let job = job(Why::Revert);
    let check = |live: Option<Value>, expect: fn(&Sent) -> bool| {
        let (said, next) = play(&job, &terms(false, false), vec![Answer::Live(live)]);
        assert_eq!(said, ["read", "done"]);
        assert!(matches!(&next, Next::Done(sent) if expect(sent)), "{next:?}");
    };
    check(None, |sent| matches!(sent, Sent::Vanished));
    check(Some(live(&job, |_| {})), |sent| matches!(sent, Sent::AsIs { scaled: false, .. }));
    let deleting = live(&job, |live| live["metadata"]["deletionTimestamp"] = json!("2026-11-26T10:00:00Z"));
    check(Some(deleting), |sent| matches!(sent, Sent::Leaving));
    let foreign = live(&job, |live| live["metadata"]["labels"][label::HUB] = json!("other"));
    check(Some(foreign), |sent| matches!(sent, Sent::Foreign(hub) if hub == "other"));
}

#[test]
fn what_ran_to_its_end_and_is_not_seen_is_read_and_only_put_back_where_it_is() {
    let play_one = |why, live: Option<Value>| play(&job(why), &terms(false, false), vec![Answer::Live(live)]);
    let foreign = |why| live(&job(why), |live| live["metadata"]["labels"][label::HUB] = json!("other"));
    let (said, next) = play_one(Why::Confirm, None);
    assert!(said == ["read", "done"] && matches!(next, Next::Done(Sent::Ended)), "{next:?}");
    for why in [Why::Confirm, Why::Rerun] {
        let (_, next) = play_one(why, Some(foreign(why)));
        assert!(matches!(&next, Next::Done(Sent::Foreign(hub)) if hub == "other"), "{why:?} {next:?}");
        let (_, next) = play_one(why, Some(live(&job(why), paused)));
        assert!(matches!(next, Next::Apply(_)), "{why:?} {next:?}");
    }
    let (_, next) = play_one(Why::Rerun, None);
    assert!(matches!(next, Next::Apply(_)), "another content runs: {next:?}");
}

#[test]
fn three_reverts_against_one_manager_are_a_contest() {
    let history = (0..3).map(|i| Revert { at: at(i - 10), manager: None }).collect();
    let job = Job { history, ..job(Why::Revert) };
    let (_, next) = play(&job, &terms(false, false), vec![Answer::Live(Some(live(&job, paused)))]);
    assert!(
        matches!(&next, Next::Done(Sent::Contested { until, drift }) if *until > at(0) && !drift.reverted),
        "{next:?}"
    );
}

#[test]
fn replicas_are_an_autoscalers_if_there_is_one_and_nobody_forces_ours() {
    let changed = job(Why::Changed);
    let scaled = live(&changed, rescaled);
    let answers = |found| vec![Answer::Live(Some(scaled.clone())), Answer::Autoscalers(found)];
    let (said, next) = play(&changed, &terms(false, false), answers(autoscalers()));
    assert_eq!(said, ["read", "ask", "apply"]);
    let Next::Apply(body) = next else { panic!("{next:?}") };
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["spec"]["replicas"], 7);
    assert_eq!(crate::mark::Mark::read(&body), Some(changed.object.mark(true)));
    let (_, next) = play(&changed, &terms(false, false), answers(Vec::new()));
    assert!(matches!(&next, Next::Apply(body) if *body == changed.object.body));
    let (said, next) = play(&changed, &terms(true, false), vec![Answer::Live(Some(scaled.clone()))]);
    assert_eq!(said, ["read", "apply"]);
    assert!(matches!(&next, Next::Apply(body) if *body == changed.object.body));
    // An autoscaler that began: nothing is to be done.
    let (_, next) = play(&job(Why::Revert), &terms(false, false), answers(autoscalers()));
    assert!(matches!(next, Next::Done(Sent::AsIs { scaled: true, .. })), "{next:?}");
    // One that went left its replicas behind, which is nobody's drift.
    let mut left = job(Why::Revert);
    Arc::make_mut(left.accepted.as_mut().unwrap()).scaled = true;
    let mut all = answers(Vec::new());
    all.push(applied(&live(&left, |_| {})));
    let (said, next) = play(&left, &terms(false, false), all);
    assert_eq!(said, ["read", "ask", "apply", "done"]);
    assert!(matches!(next, Next::Done(Sent::Applied { drift: None, scaled: false, .. })), "{next:?}");
}

#[test]
fn an_immutable_field_makes_it_anew_only_when_forced_and_ours() {
    let terms_of = terms(true, false);
    let ours = job(Why::New);
    let made = live(&ours, |_| {});
    let answers = |live: Option<Value>| vec![Answer::Immutable, Answer::Live(live), Answer::Deleted(true)];
    let (said, next) = play(&ours, &terms_of, answers(Some(made.clone())));
    assert_eq!(said, ["apply", "read", "delete", "done"]);
    assert!(matches!(next, Next::Done(Sent::Renewed { gone: true, deleted: true })));
    let refused = |job: &Job, terms: &Terms, live: Option<Value>| {
        let mut answers = answers(live);
        answers.truncate(2);
        match play(job, terms, answers) {
            (_, Next::Done(Sent::Refused(why))) => Some(why),
            _ => None,
        }
    };
    let other = live(&ours, |live| live["metadata"]["uid"] = json!("v"));
    let unlabelled = live(&ours, |live| live["metadata"]["labels"] = json!({}));
    assert_eq!(refused(&ours, &terms_of, Some(other)), Some(Keeps::NotOurs));
    assert_eq!(refused(&ours, &terms_of, Some(unlabelled)), Some(Keeps::NotOurs));
    let check = |job: &Job, terms: &Terms, expect: Keeps| {
        let (said, next) = play(job, terms, vec![Answer::Immutable]);
        assert_eq!(said, ["apply", "done"]);
        assert!(matches!(next, Next::Done(Sent::Refused(why)) if why == expect), "{next:?}");
    };
    check(&ours, &terms(false, false), Keeps::NotForced);
    check(&ours, &terms(true, true), Keeps::Behind);
    let adopted = Job { entry: Entry { adopted: true, ..ours.entry.clone() }, ..ours.clone() };
    let (said, next) = play(&adopted, &terms_of, vec![Answer::Live(Some(made.clone())), Answer::Immutable]);
    assert_eq!(said, ["read", "apply", "done"]);
    assert!(matches!(next, Next::Done(Sent::Refused(Keeps::Adopted))), "{next:?}");
    let kept = Job { entry: Entry { kept: true, ..ours.entry.clone() }, ..ours.clone() };
    check(&kept, &terms_of, Keeps::Stays);
    let noted = live(&ours, |live| live["metadata"]["annotations"]["helm.sh/resource-policy"] = json!("keep"));
    assert_eq!(refused(&ours, &terms_of, Some(noted)), Some(Keeps::Stays));
    let mut guarded = job(Why::New);
    let claim = ObjectKey { kind: "PersistentVolumeClaim".into(), ..ObjectKey::default() };
    Arc::make_mut(&mut guarded.object).key = claim.into();
    check(&guarded, &terms_of, Keeps::Guarded);
    assert_ne!(ours.object.digest, Digest::of(b""));
}

#[test]
fn a_job_is_small() {
    // One for each request that is on its way, of which there may be more than a thousand.
    assert!(size_of::<Job>() <= 144, "{}", size_of::<Job>());
}
