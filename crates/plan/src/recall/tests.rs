use api::delivery::{HubId, UnitId};
use serde_json::json;

use super::*;
use crate::authenticator::HubKey;
use crate::pool::Pools;
use crate::prepare::Bundle;

fn prepared(object: Value) -> Prepared {
    let hub = HubId::from_random([1; 10]);
    let short = UnitId::new("g", "K", "n", "u", None).short(&hub);
    let (payload, _) = crate::phase::plan(vec![object]);
    let bundle =
        Bundle::new(payload.digest(), &payload, &hub, &short, &HubKey::from_random([1; 32]), &Pools::default());
    bundle.objects().next().unwrap().clone()
}

fn deployment() -> Prepared {
    prepared(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "paused": false, "template": {"spec": {"containers": [
            {"name": "web", "image": "nginx", "resources": {"limits": {"cpu": 0.5}}}]}}}}))
}

/// What the server holds after an apply: quantities as it writes them, defaults, and what our manager owns.
fn live(sent: &Prepared, without: &[&str]) -> Value {
    let mut live = Value::clone(&sent.object);
    live["metadata"]["uid"] = json!("u");
    live["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] = json!("500m");
    live["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = json!("Always");
    let mut spec = json!({"f:replicas": {}, "f:paused": {}, "f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}, "f:resources": {"f:limits": {"f:cpu": {}}}}}}}});
    for field in without {
        spec.as_object_mut().unwrap().remove(*field);
    }
    live["metadata"]["managedFields"] = json!([{"manager": "kurator", "operation": "Apply", "fieldsV1": {
        "f:metadata": {"f:annotations": {"f:kurator.dev/applied": {}}}, "f:spec": spec}}]);
    live
}

fn recalled(sent: &Prepared, uid: &str, live: &Value, scaled: Option<bool>) -> Recalled {
    plan(sent, Some(&uid.into()), live, &SeenState::of(live), scaled)
}

fn known(recalled: Recalled) -> Accepted {
    match recalled {
        Recalled::Known(accepted) => accepted,
        Recalled::AskAutoscaler => panic!("it asks for an autoscaler"),
    }
}

#[test]
fn what_is_as_it_was_sent_is_known_whatever_the_server_wrote_otherwise() {
    let sent = deployment();
    let live = live(&sent, &[]);
    let accepted = known(recalled(&sent, "u", &live, None));
    assert_eq!(accepted.applied, Some(sent.digest));
    assert_eq!(accepted.projection, Some(drift::projection(&live, false)));
    assert!(accepted.admission.is_empty() && !accepted.scaled);
}

#[test]
fn a_field_that_differs_is_admissions_while_it_is_ours_and_drift_when_it_is_not() {
    let sent = deployment();
    let mut ours = live(&sent, &[]);
    ours["spec"]["paused"] = json!(true);
    let accepted = known(recalled(&sent, "u", &ours, None));
    assert_eq!(accepted.admission, ["spec.paused"]);
    assert_eq!(accepted.projection, Some(drift::projection(&ours, false)));
    let mut theirs = live(&sent, &["f:paused"]);
    theirs["spec"]["paused"] = json!(true);
    let accepted = known(recalled(&sent, "u", &theirs, None));
    assert_eq!((accepted.applied, accepted.projection), (Some(sent.digest), None));
    assert!(accepted.admission.is_empty());
    let mut removed = live(&sent, &["f:paused"]);
    removed["spec"].as_object_mut().unwrap().remove("paused");
    assert_eq!(known(recalled(&sent, "u", &removed, None)).projection, None);
}

#[test]
fn another_object_or_one_that_is_no_longer_ours_was_touched() {
    let sent = deployment();
    let fine = live(&sent, &[]);
    assert_eq!(known(recalled(&sent, "another", &fine, None)).projection, None);
    let mut disowned = fine.clone();
    disowned["metadata"]["managedFields"] = json!([]);
    assert_eq!(known(recalled(&sent, "u", &disowned, None)).projection, None);
}

#[test]
fn what_says_another_digest_or_none_was_not_sent_like_this() {
    let sent = deployment();
    let mut other = live(&sent, &[]);
    let mark = Mark { digest: model::Digest::of(b"other"), keyed: false, scaled: false };
    mark.write(&mut other);
    assert_eq!(known(recalled(&sent, "u", &other, None)).applied, Some(mark.digest));
    Mark { keyed: true, ..sent.mark(false) }.write(&mut other);
    assert_eq!(known(recalled(&sent, "u", &other, None)).applied, None);
    other["metadata"].as_object_mut().unwrap().remove("annotations");
    assert_eq!(known(recalled(&sent, "u", &other, None)).applied, None);
}

#[test]
fn replicas_are_an_autoscalers_only_while_there_is_one() {
    let sent = deployment();
    // The autoscaler scaled since we sent: the field is its own.
    let mut scaled = live(&sent, &["f:replicas"]);
    scaled["spec"]["replicas"] = json!(5);
    assert_eq!(recalled(&sent, "u", &scaled, None), Recalled::AskAutoscaler);
    let accepted = known(recalled(&sent, "u", &scaled, Some(true)));
    assert_eq!((accepted.scaled, accepted.projection), (true, Some(drift::projection(&scaled, true))));
    assert_eq!(known(recalled(&sent, "u", &scaled, Some(false))).projection, None);
    // We sent its replicas ourselves: the field is ours too, and what we sent says so.
    let mut kept = live(&sent, &[]);
    kept["spec"]["replicas"] = json!(5);
    sent.mark(true).write(&mut kept);
    assert_eq!(recalled(&sent, "u", &kept, None), Recalled::AskAutoscaler);
    let accepted = known(recalled(&sent, "u", &kept, Some(true)));
    assert!(accepted.scaled && accepted.projection.is_some() && accepted.admission.is_empty());
    // It is gone: its replicas are left behind, and are taken back without calling that drift.
    let accepted = known(recalled(&sent, "u", &kept, Some(false)));
    assert!(accepted.scaled && accepted.projection.is_none());
}
