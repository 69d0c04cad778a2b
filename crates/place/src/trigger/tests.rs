use api::karmada::work::v1alpha2::BindingStatus;
use serde_json::{Value, json};

use super::*;
use crate::fleet::Facts;

#[test]
fn the_first_cause_in_karmadas_order_is_given() {
    let leaving = Facts { is_leaving: true, ..Facts::named("m1".parse().unwrap()) };
    let fleet = Fleet::of([leaving, Facts::named("m2".parse().unwrap())]);
    let divided = json!({"replicaScheduling": {"replicaSchedulingType": "Divided",
        "replicaDivisionPreference": "Aggregated"}});
    let check = |change: Value, applied: &Value, asked: Option<&str>, want: Option<Trigger>| {
        let mut spec = json!({"resource": {"apiVersion": "v1", "kind": "X", "name": "x"}, "replicas": 2,
            "placement": divided, "clusters": [{"name": "m2", "replicas": 2}]});
        for (key, value) in change.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        spec["rescheduleTriggeredAt"] = json!(asked);
        let spec: BindingSpec = serde_json::from_value(spec).unwrap();
        let status =
            BindingStatus { last_scheduled_time: Some("2026-01-01T00:00:00Z".into()), ..BindingStatus::default() };
        let applied = if applied.is_null() { String::new() } else { applied.to_string() };
        assert_eq!(needs_scheduling(&spec, &status, &applied, &fleet, &Gates::default()), want, "{change}");
    };
    let (early, late) = (Some("2025-01-01T00:00:00Z"), Some("2027-01-01T00:00:00Z"));
    check(json!({}), &divided, early, None);
    check(json!({}), &Value::Null, None, Some(Trigger::Placement));
    check(json!({}), &json!({}), late, Some(Trigger::Placement));
    check(json!({}), &json!("no placement"), None, None);
    check(json!({"replicas": 3}), &divided, late, Some(Trigger::Replicas));
    check(json!({}), &divided, late, Some(Trigger::Rebalance));
    check(json!({"placement": {}}), &json!({}), None, Some(Trigger::EveryMember));
    check(json!({"clusters": [{"name": "m1", "replicas": 2}]}), &divided, None, Some(Trigger::MemberLeaves));
}
