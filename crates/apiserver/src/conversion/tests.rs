use super::*;

#[track_caller]
fn round(from: Value, version: &str, reshape: Option<Reshape>, expect: &Value) {
    let mut there = from.clone();
    convert(&mut there, version, reshape);
    assert_eq!(&there, expect);
    convert(&mut there, from["apiVersion"].as_str().expect("a version"), reshape);
    assert_eq!(there, from, "and back");
}

#[test]
fn events_change_the_names_of_their_fields() {
    let core =
        json!({"apiVersion": "v1", "kind": "Event", "involvedObject": {"name": "p"}, "message": "m", "count": 2});
    let new = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "regarding": {"name": "p"}, "note": "m", "deprecatedCount": 2,
    });
    round(core, "events.k8s.io/v1", Some(event), &new);
}

#[test]
fn autoscalers_keep_in_v1_what_it_has_no_field_for() {
    let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}});
    let other = json!({"type": "Pods", "pods": {"metric": {"name": "q"}}});
    let metadata = json!({"name": "h"});
    let two = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata,
        "spec": {"maxReplicas": 3, "metrics": [cpu, other]},
    });
    let mut one = two.clone();
    convert(&mut one, "autoscaling/v1", Some(autoscaler));
    assert_eq!(one["spec"], json!({"maxReplicas": 3, "targetCPUUtilizationPercentage": 60}));
    assert!(one["metadata"]["annotations"][METRICS].is_string());
    convert(&mut one, "autoscaling/v2", Some(autoscaler));
    assert_eq!(one, two);
}

#[test]
fn custom_kinds_change_their_version_only() {
    round(
        json!({"apiVersion": "x.io/v1", "kind": "W", "a": 1}),
        "x.io/v2",
        None,
        &json!({"apiVersion": "x.io/v2", "kind": "W", "a": 1}),
    );
}
