//! Members that do not answer, and reports that make no sense.

use serde_json::{Value, json};

use crate::{Aggregated, Interpreter, LEFT_OUT_MAX, LeftOut, Native, Reported};

fn template(version: &str, kind: &str, status: &Value) -> Value {
    let spec = json!({"type": "LoadBalancer"});
    json!({"apiVersion": version, "kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status})
}

/// The status that `template` gets from `here`, which answers, and `gone`, which does not.
fn of_two(template: &Value, here: &Value, gone: &Value) -> Value {
    let mut fold = Native.aggregate(template).unwrap();
    fold.add("here", Reported::Status(here));
    fold.add("gone", Reported::Unreachable(Some(gone)));
    let aggregated = fold.finish();
    assert_eq!(aggregated.left_out, []);
    aggregated.status.unwrap_or(Value::Null)
}

#[test]
fn numbers_of_a_member_that_does_not_answer_are_left_out() {
    let status = json!({"replicas": 3, "readyReplicas": 3, "observedGeneration": 1, "generation": 1,
        "resourceTemplateGeneration": 2});
    let template = template("apps/v1", "Deployment", &json!({"observedGeneration": 1, "readyReplicas": 6, "x": 1}));
    // The generation is not observed everywhere, and what nobody aggregates stays.
    let expected = json!({"observedGeneration": 1, "replicas": 3, "readyReplicas": 3, "x": 1});
    assert_eq!(of_two(&template, &status, &status), expected);
    let mut fold = Native.aggregate(&template).unwrap();
    fold.add("here", Reported::Status(&status));
    assert_eq!(fold.finish().status.unwrap()["observedGeneration"], 2);
}

#[test]
fn addresses_and_the_past_of_a_member_that_does_not_answer_stay() {
    let address = |ip: &str| json!({"loadBalancer": {"ingress": [{"ip": ip}]}});
    let service = template("v1", "Service", &Value::Null);
    let both = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}]}});
    assert_eq!(of_two(&service, &address("192.0.2.2"), &address("192.0.2.1")), both);
    let job = |name: &str, at: &str| json!({"active": [{"name": name}], "lastScheduleTime": at});
    let cron_job = template("batch/v1", "CronJob", &Value::Null);
    let here = job("a", "2026-01-02T03:04:05Z");
    let gone = job("b", "2026-01-02T04:04:05Z");
    assert_eq!(of_two(&cron_job, &here, &gone), job("a", "2026-01-02T04:04:05Z"));
}

#[test]
fn what_is_not_known_is_pending_and_no_job_is_complete_by_it() {
    for (kind, good) in [("Pod", "Running"), ("PersistentVolume", "Bound"), ("PersistentVolumeClaim", "Bound")] {
        let template = template("v1", kind, &Value::Null);
        let status = json!({ "phase": good });
        assert_eq!(of_two(&template, &status, &status)["phase"], "Pending", "{kind}");
    }
    let complete = json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}],
        "startTime": "2026-01-02T03:04:05Z", "completionTime": "2026-01-02T03:05:05Z"});
    let job = template("batch/v1", "Job", &Value::Null);
    assert_eq!(of_two(&job, &complete, &complete), json!({"succeeded": 1}));
}

/// What is left out when a member reports this beside two that make sense.
fn beside_two(template: &Value, good: &Value, odd: &Value) -> Aggregated {
    let mut fold = Native.aggregate(template).unwrap();
    for (member, status) in [("a", good), ("odd", odd), ("b", good)] {
        fold.add(member, Reported::Status(status));
    }
    fold.finish()
}

#[test]
fn a_report_that_makes_no_sense_is_left_out_with_a_word() {
    let deployment = template("apps/v1", "Deployment", &Value::Null);
    let good = json!({"replicas": 2, "readyReplicas": 1});
    let a_count = "must be a whole number from 0 to 2147483647";
    for (odd, why) in [
        (json!({"replicas": -1, "readyReplicas": 5}), format!("status.replicas {a_count}")),
        (json!({"replicas": 2_147_483_648_i64}), format!("status.replicas {a_count}")),
        (json!({"replicas": 9, "readyReplicas": "many"}), format!("status.readyReplicas {a_count}")),
        (json!({"replicas": 1.5}), format!("status.replicas {a_count}")),
        (json!("fine"), "status must be an object".to_owned()),
        (json!({"observedGeneration": "x"}), "status.observedGeneration must be a whole number".to_owned()),
    ] {
        let aggregated = beside_two(&deployment, &good, &odd);
        assert_eq!(aggregated.status, Some(json!({"replicas": 4, "readyReplicas": 2})), "{odd}");
        assert_eq!(aggregated.left_out, [LeftOut { member: "odd".to_owned(), why }]);
    }
    let odd_times = json!({"startTime": "yesterday"});
    let job = template("batch/v1", "Job", &Value::Null);
    let aggregated = beside_two(&job, &json!({"active": 1}), &odd_times);
    assert_eq!(aggregated.status, Some(json!({"active": 2})));
    assert_eq!(aggregated.left_out[0].why, "status.startTime must be a time such as 2026-01-31T12:00:00Z");
    let budget = template("policy/v1", "PodDisruptionBudget", &Value::Null);
    let aggregated = beside_two(&budget, &json!({"expectedPods": 1}), &json!({"disruptedPods": {"web": 5}}));
    assert_eq!(aggregated.status.unwrap()["expectedPods"], 2);
    assert_eq!(aggregated.left_out[0].why, "status.disruptedPods must be a map of times");
    let claim = template("v1", "PersistentVolumeClaim", &Value::Null);
    let aggregated = beside_two(&claim, &json!({"phase": "Bound"}), &json!({"phase": "Perfect"}));
    assert_eq!(aggregated.status, Some(json!({"phase": "Pending"})));
    assert_eq!(aggregated.left_out[0].why, "status.phase must be a phase of its kind");
}

#[test]
fn a_sum_that_no_status_can_say_is_cut_with_a_word() {
    let deployment = template("apps/v1", "Deployment", &Value::Null);
    let most = json!({"replicas": i32::MAX});
    let aggregated = beside_two(&deployment, &most, &json!({}));
    assert_eq!(aggregated.status, Some(json!({"replicas": i32::MAX})));
    assert_eq!(aggregated.left_out[0].why, "the sum of replicas is 4294967294, more than a status can say");
}

#[test]
fn lists_of_a_status_and_of_words_are_bounded() {
    let service = template("v1", "Service", &Value::Null);
    let mut fold = Native.aggregate(&service).unwrap();
    let entry = |member: usize, at: usize| json!({"hostname": format!("{member:04}-{at:04}.{}", "x".repeat(200))});
    for member in 0..1000 {
        let ingress: Vec<Value> = (0..10).map(|at| entry(member, at)).collect();
        fold.add(&format!("m{member}"), Reported::Status(&json!({"loadBalancer": {"ingress": ingress}})));
    }
    let aggregated = fold.finish();
    let status = aggregated.status.unwrap();
    assert!(model::object::weight(&status) < 600_000);
    assert_eq!(status["loadBalancer"]["ingress"][0], entry(0, 0));
    assert!(aggregated.left_out[0].why.ends_with("addresses of load balancers do not fit into the status"));

    let deployment = template("apps/v1", "Deployment", &Value::Null);
    let mut fold = Native.aggregate(&deployment).unwrap();
    for member in (0..1000).rev() {
        fold.add(&format!("m{member:03}"), Reported::Status(&json!({"replicas": -1})));
    }
    let aggregated = fold.finish();
    assert_eq!((aggregated.left_out.len(), aggregated.left_out_more), (LEFT_OUT_MAX, 1000 - LEFT_OUT_MAX));
    assert_eq!(aggregated.left_out[0].member, "m000");
}
