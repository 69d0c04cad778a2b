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
    Prepared::clone(bundle.objects().next().unwrap())
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
    asked(sent, uid, live, Answers { scaled, answer: None })
}

fn asked(sent: &Prepared, uid: &str, live: &Value, answers: Answers<'_>) -> Recalled {
    plan(sent, Some(&uid.into()), live, &SeenState::of(live), answers)
}

fn accepted_of(recalled: Recalled) -> Accepted {
    match recalled {
        Recalled::Known(accepted) => accepted,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_as_it_was_sent_is_known_whatever_the_server_wrote_otherwise() {
    let sent = deployment();
    let live = live(&sent, &[]);
    let accepted = accepted_of(recalled(&sent, "u", &live, None));
    assert_eq!(accepted.applied, Some(sent.digest));
    assert_eq!(accepted.projection, Some(drift::projection(&live, false)));
    assert!(accepted.admission.is_empty() && !accepted.scaled);
}

#[test]
fn a_field_that_differs_is_admissions_while_it_is_ours_and_the_member_says_so_and_drift_when_it_is_not() {
    let sent = deployment();
    let mut ours = live(&sent, &[]);
    ours["spec"]["paused"] = json!(true);
    assert_eq!(recalled(&sent, "u", &ours, None), Recalled::AskMember(sent.body.clone()));
    let answered = |answer| accepted_of(asked(&sent, "u", &ours, Answers { scaled: None, answer: Some(answer) }));
    let accepted = answered(Some(&ours));
    assert_eq!(accepted.admission, ["spec.paused"]);
    assert_eq!(accepted.projection, Some(drift::projection(&ours, false)));
    // The member would not make that of it: another client wrote under our name. What admission changes still is admission's.
    let mut answer = live(&sent, &[]);
    answer["spec"]["template"]["spec"]["containers"][0]["image"] = json!("mirror/nginx");
    let accepted = answered(Some(&answer));
    let image = "spec.template.spec.containers[name=\"web\"].image";
    assert_eq!((accepted.applied, accepted.projection), (Some(sent.digest), None));
    assert_eq!(accepted.admission, [image]);
    assert!(!accepted.unasked);
    // It cannot tell: then it stays as it is, or each start would write it again.
    let accepted = answered(None);
    assert_eq!(
        (accepted.projection, accepted.admission),
        (Some(drift::projection(&ours, false)), vec!["spec.paused".to_owned()])
    );
    assert!(accepted.unasked);
    let mut theirs = live(&sent, &["f:paused"]);
    theirs["spec"]["paused"] = json!(true);
    let accepted = accepted_of(recalled(&sent, "u", &theirs, None));
    assert_eq!((accepted.applied, accepted.projection), (Some(sent.digest), None));
    assert!(accepted.admission.is_empty());
    let mut removed = live(&sent, &["f:paused"]);
    removed["spec"].as_object_mut().unwrap().remove("paused");
    assert_eq!(accepted_of(recalled(&sent, "u", &removed, None)).projection, None);
}

#[test]
fn a_field_that_was_added_under_our_name_is_asked_about() {
    let sent = deployment();
    let container = "k:{\"name\":\"web\"}";
    let ask = Recalled::AskMember(sent.body.clone());
    // What is added to the object, where, and where that is in what our manager owns.
    for (value, at, owned) in [
        (json!("evil"), "/spec/schedulerName", vec!["f:schedulerName"]),
        (
            json!(["sh"]),
            "/spec/template/spec/containers/0/command",
            vec!["f:template", "f:spec", "f:containers", container, "f:command"],
        ),
        (
            json!([{"name": "web"}, {"name": "evil"}]),
            "/spec/template/spec/containers",
            vec!["f:template", "f:spec", "f:containers", "k:{\"name\":\"evil\"}"],
        ),
    ] {
        let clean = live(&sent, &[]);
        let mut forged = clean.clone();
        let (parent, name) = at.rsplit_once('/').unwrap();
        let parent = forged.pointer_mut(parent).unwrap();
        if let Some(items) = parent[name].as_array_mut() {
            items.push(value[1].clone());
        } else {
            parent[name] = value;
        }
        let mut fields = &mut forged["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"];
        for step in owned {
            fields = &mut fields[step];
        }
        *fields = json!({});
        assert_eq!(recalled(&sent, "u", &forged, None), ask, "{at}");
        let drift = accepted_of(asked(&sent, "u", &forged, Answers { scaled: None, answer: Some(Some(&clean)) }));
        assert_eq!(drift.projection, None, "{at}");
        let fine = accepted_of(asked(&sent, "u", &forged, Answers { scaled: None, answer: Some(Some(&forged)) }));
        assert_eq!(fine.projection, Some(drift::projection(&forged, false)), "{at}");
    }
}

#[test]
fn an_object_with_an_autoscaler_is_asked_about_with_the_replicas_that_it_has() {
    let sent = deployment();
    for was_scaled in [false, true] {
        let mut live = live(&sent, if was_scaled { &[] } else { &["f:replicas"] });
        live["spec"]["replicas"] = json!(5);
        live["spec"]["paused"] = json!(true);
        sent.mark(was_scaled).write(&mut live);
        let Recalled::AskMember(body) = recalled(&sent, "u", &live, Some(true)) else { panic!("nothing is asked") };
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["spec"]["replicas"], Mark::read(&body)), (&json!(5), Some(sent.mark(was_scaled))));
        let asked =
            |answer| accepted_of(asked(&sent, "u", &live, Answers { scaled: Some(true), answer: Some(Some(answer)) }));
        assert!(asked(&live).projection.is_some());
        let mut other = live.clone();
        other["spec"]["paused"] = json!(false);
        assert_eq!(asked(&other).projection, None);
    }
}

#[test]
fn another_object_or_one_that_is_no_longer_ours_was_touched() {
    let sent = deployment();
    let fine = live(&sent, &[]);
    assert_eq!(accepted_of(recalled(&sent, "another", &fine, None)).projection, None);
    let mut disowned = fine.clone();
    disowned["metadata"]["managedFields"] = json!([]);
    assert_eq!(accepted_of(recalled(&sent, "u", &disowned, None)).projection, None);
}

#[test]
fn what_says_another_digest_or_none_was_not_sent_like_this() {
    let sent = deployment();
    let mut other = live(&sent, &[]);
    let mark = Mark { digest: model::Digest::of(b"other"), keyed: false, scaled: false };
    mark.write(&mut other);
    assert_eq!(accepted_of(recalled(&sent, "u", &other, None)).applied, Some(mark.digest));
    Mark { keyed: true, ..sent.mark(false) }.write(&mut other);
    assert_eq!(accepted_of(recalled(&sent, "u", &other, None)).applied, None);
    other["metadata"].as_object_mut().unwrap().remove("annotations");
    assert_eq!(accepted_of(recalled(&sent, "u", &other, None)).applied, None);
}

#[test]
fn replicas_are_an_autoscalers_only_while_there_is_one() {
    let sent = deployment();
    // The autoscaler scaled since we sent: the field is its own.
    let mut scaled = live(&sent, &["f:replicas"]);
    scaled["spec"]["replicas"] = json!(5);
    assert_eq!(recalled(&sent, "u", &scaled, None), Recalled::AskAutoscaler);
    let accepted = accepted_of(recalled(&sent, "u", &scaled, Some(true)));
    assert_eq!((accepted.scaled, accepted.projection), (true, Some(drift::projection(&scaled, true))));
    assert_eq!(accepted_of(recalled(&sent, "u", &scaled, Some(false))).projection, None);
    // We sent its replicas ourselves: the field is ours too, and what we sent says so.
    let mut kept = live(&sent, &[]);
    kept["spec"]["replicas"] = json!(5);
    sent.mark(true).write(&mut kept);
    assert_eq!(recalled(&sent, "u", &kept, None), Recalled::AskAutoscaler);
    let accepted = accepted_of(recalled(&sent, "u", &kept, Some(true)));
    assert!(accepted.scaled && accepted.projection.is_some() && accepted.admission.is_empty());
    // It is gone: its replicas are left behind, and are taken back without calling that drift.
    let accepted = accepted_of(recalled(&sent, "u", &kept, Some(false)));
    assert!(accepted.scaled && accepted.projection.is_none());
}

#[test]
fn what_was_set_where_null_or_no_key_was_sent_is_asked_about() {
    let sent = prepared(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"},
        "spec": {"containers": [{"name": "web", "command": null, "ports": [{"containerPort": 80}]}]}}));
    let live = |command: Value, protocol: &str| {
        let mut live = Value::clone(&sent.object);
        live["metadata"]["uid"] = json!("u");
        let port = format!("k:{{\"containerPort\":80,\"protocol\":\"{protocol}\"}}");
        let mut of_port = json!({".": {}, "f:containerPort": {}});
        if protocol != "TCP" {
            of_port["f:protocol"] = json!({});
        }
        let container = &mut live["spec"]["containers"][0];
        container["ports"][0]["protocol"] = json!(protocol);
        container.as_object_mut().unwrap().remove("command");
        if !command.is_null() {
            container["command"] = command;
        }
        live["metadata"]["managedFields"] = json!([{"manager": "kurator", "operation": "Apply", "fieldsV1": {
            "f:metadata": {"f:annotations": {"f:kurator.dev/applied": {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:command": {},
                "f:ports": {port: of_port}}}}}}]);
        live
    };
    let clean = live(json!(null), "TCP");
    assert!(
        accepted_of(recalled(&sent, "u", &clean, None)).projection.is_some(),
        "a settled object is not asked about"
    );
    for forged in [live(json!(["sh"]), "TCP"), live(json!(null), "UDP")] {
        assert_eq!(recalled(&sent, "u", &forged, None), Recalled::AskMember(sent.body.clone()));
        let drift = accepted_of(asked(&sent, "u", &forged, Answers { scaled: None, answer: Some(Some(&clean)) }));
        assert_eq!(drift.projection, None);
    }
}
