use serde_json::json;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn live() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "managedFields": [
            {"manager": "kurator", "operation": "Apply", "time": "2026-11-23T10:00:00Z", "fieldsV1": {"f:spec": {
                "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}, "f:ports": {
                    "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}}}}},
            {"manager": "kubectl", "operation": "Update", "subresource": "scale", "time": "2026-11-23T10:05:00Z",
             "fieldsV1": {"f:spec": {"f:replicas": {}}}}]},
        "spec": {"replicas": 5, "template": {"spec": {"containers": [
            {"name": "web", "image": "nginx", "ports": [{"containerPort": 80, "protocol": "TCP"}],
             "resources": {"limits": {"cpu": "500m"}}}]}}},
    })
}

fn sent() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "creationTimestamp": null},
        "spec": {"replicas": 2, "strategy": {}, "template": {"spec": {"containers": [
            {"name": "web", "image": "nginx", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": 0.5}}}]}}},
        "status": {},
    })
}

#[test]
fn a_diff_names_changed_fields_and_no_defaults() {
    let paths: Vec<String> = diff(&sent(), &live()).iter().map(Path::to_string).collect();
    assert_eq!(paths, ["spec.replicas"]);
    let mut other = sent();
    other["spec"]["template"]["spec"]["containers"][0]["image"] = json!("httpd");
    other["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["-v"]);
    let paths: Vec<String> = diff(&other, &live()).iter().map(Path::to_string).collect();
    let container = "spec.template.spec.containers[name=\"web\"]";
    assert_eq!(paths, ["spec.replicas".to_owned(), format!("{container}.args"), format!("{container}.image")]);
}

#[test]
fn a_record_says_field_manager_and_time() {
    let key = ObjectKey::of(&live());
    let seen = at(0);
    let record = record(&key, Some(changed(&sent(), &live(), &[], false)), seen);
    assert_eq!(record.object, "Deployment.apps shop/web");
    assert_eq!(record.fields.len(), 1);
    assert_eq!(record.fields[0].manager.as_deref(), Some("kubectl"));
    assert_eq!(record.fields[0].time.unwrap().to_string(), "2026-11-23T10:05:00Z");
    assert!(!record.deleted);
}

#[test]
fn a_record_of_a_deletion_names_no_actor() {
    let record = record(&ObjectKey::of(&live()), None, at(0));
    assert!(record.deleted && record.fields.is_empty());
}

#[test]
fn replicas_of_an_autoscaled_object_are_not_ours() {
    let hpa = json!({"metadata": {"namespace": "shop", "name": "h"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
    assert!(is_autoscaled(&ObjectKey::of(&live()), std::slice::from_ref(&hpa)));
    let mut elsewhere = hpa;
    elsewhere["metadata"]["namespace"] = json!("other");
    assert!(!is_autoscaled(&ObjectKey::of(&live()), &[elsewhere]));
    assert!(changed_by_admission(&sent(), &live(), true).is_empty());
}

#[test]
fn the_projection_changes_when_another_manager_takes_a_field() {
    let owned = |replicas: i64, ours: bool| {
        let fields = if ours {
            json!({"f:spec": {"f:replicas": {}, "f:paused": {}}})
        } else {
            json!({"f:spec": {"f:paused": {}}})
        };
        json!({"metadata": {"managedFields": [{"manager": "kurator", "operation": "Apply", "fieldsV1": fields}]},
               "spec": {"replicas": replicas, "paused": false}})
    };
    assert_ne!(projection(&owned(2, true), false), projection(&owned(5, false), false));
    assert_eq!(projection(&owned(2, true), true), projection(&owned(5, false), true));
}

#[test]
fn three_reverts_in_ten_minutes_are_a_contest_that_backs_off() {
    let revert = |s: i64| Revert { at: at(s), manager: Some("hpa".into()) };
    let mut history = vec![revert(0), revert(100)];
    assert_eq!(contest(&history, Some("hpa"), at(150)), Reverting::Revert);
    history.push(revert(200));
    assert_eq!(contest(&history, Some("hpa"), at(201)), Reverting::Contested { until: at(800) });
    assert_eq!(contest(&history, Some("other"), at(201)), Reverting::Revert);
    assert_eq!(contest(&history, Some("hpa"), at(800)), Reverting::Revert);
    history.push(revert(800));
    assert_eq!(contest(&history, Some("hpa"), at(801)), Reverting::Contested { until: at(2_000) });
    history.push(revert(2_000));
    history.push(revert(4_400));
    assert_eq!(contest(&history, Some("hpa"), at(4_401)), Reverting::Contested { until: at(8_000) });
    // Quiet for long enough: a fresh start.
    history.push(revert(100_000));
    assert_eq!(contest(&history, Some("hpa"), at(100_001)), Reverting::Revert);
}

#[test]
fn slow_edits_are_no_contest() {
    let history: Vec<Revert> = (0..6).map(|i| Revert { at: at(i * 400), manager: None }).collect();
    assert_eq!(contest(&history, None, at(2_001)), Reverting::Revert);
}

#[test]
fn our_own_annotation_is_nobodys_drift() {
    let mut sent = sent();
    sent["metadata"]["annotations"] = json!({label::APPLIED: "sha256:new"});
    sent["spec"]["replicas"] = json!(5);
    let mut live = live();
    assert_eq!(diff(&sent, &live), []);
    live["metadata"]["annotations"] = json!({label::APPLIED: "sha256:old", "team": "x"});
    assert_eq!(diff(&sent, &live), []);
    sent["metadata"]["annotations"]["team"] = json!("y");
    let paths: Vec<String> = diff(&sent, &live).iter().map(Path::to_string).collect();
    assert_eq!(paths, ["metadata.annotations.team"]);
}

#[test]
fn long_lists_take_time_in_proportion_to_their_length() {
    const COUNT: usize = 8_000;
    let object = |value: &str| {
        let env: Vec<Value> = (0..COUNT).map(|n| json!({"name": format!("a{n}"), "value": value})).collect();
        let finalizers: Vec<String> = (0..COUNT).map(|n| format!("f{n}")).collect();
        json!({"metadata": {"finalizers": finalizers}, "env": env})
    };
    let keys = (0..COUNT).map(|n| (format!("k:{{\"name\":\"a{n}\"}}"), json!({"f:value": {}})));
    let values = (0..COUNT).map(|n| (format!("v:\"f{n}\""), json!({})));
    let fields = json!({
        "f:env": Value::Object(keys.collect()),
        "f:metadata": {"f:finalizers": Value::Object(values.collect())},
    });
    let (sent, mut live) = (object("x"), object("x"));
    live["metadata"]["managedFields"] =
        json!([{"manager": label::FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields}]);
    live["env"][COUNT - 1]["value"] = "y".into();
    #[allow(clippy::disallowed_methods, reason = "this is about the time that it takes")]
    let start = std::time::Instant::now();
    let found: Vec<String> = diff(&sent, &live).iter().map(Path::to_string).collect();
    assert_eq!(found, [format!("env[name=\"a{}\"].value", COUNT - 1)]);
    let before = projection(&live, false);
    live["env"][0]["value"] = "z".into();
    assert_ne!(projection(&live, false), before);
    // time: this took minutes in a debug build, and takes a second or two.
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn what_a_member_calls_managers_and_fields_is_cut() {
    let long = "z".repeat(2_000_000);
    let keyed = format!("k:{{\"name\":\"{long}\"}}");
    let mut live = live();
    live["metadata"]["managedFields"][1]["manager"] = json!(format!("\u{1b}[31m{long}"));
    live["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"]["f:list"] = json!({keyed: {"f:v": {}}});
    live["spec"]["list"] = json!([{"name": long, "v": 1}]);
    let mut sent = sent();
    sent["spec"]["list"] = json!([{"name": long, "v": 2}]);
    let fields = changed(&sent, &live, &[], false);
    assert_eq!(fields.len(), 2);
    for field in &fields {
        let manager = field.manager.as_deref().unwrap();
        assert!(manager.starts_with("\u{fffd}[31mzzz"), "{manager}");
        assert_eq!(manager.chars().count(), ChangedField::MANAGER_MAX);
        assert!(field.path.chars().count() <= ChangedField::PATH_MAX);
    }
    // A path that admission changed is known again, though it is cut.
    let known = changed_by_admission(&sent, &live, true);
    assert!(known[0].starts_with("spec.list[name=\"zzz") && known[0].len() < 500, "{}", known[0].len());
    assert_eq!(changed(&sent, &live, &known, true), []);
}
