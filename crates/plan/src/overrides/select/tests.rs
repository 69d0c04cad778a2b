//! Karmada's cases: `ResourceMatches`, `ResourceSelectorPriority`, `ResourceMatchSelectors` and
//! `ResourceMatchSelectorsPriority` of `pkg/util/selector_test.go`.

use serde_json::{Value, from_value, json};

use super::Closeness::{self, All, Labels, Name};
use super::Selectors;

fn closeness(selectors: Value) -> Option<Closeness> {
    let object = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "test", "namespace": "default", "labels": {"foo": "bar"}},
    });
    Selectors::of(&from_value::<Vec<_>>(selectors).unwrap()).closeness(&object, None)
}

#[test]
fn how_closely_a_selector_fits() {
    let foo = |value: &str| json!({"matchLabels": {"foo": value}});
    let cases = [
        (json!({"apiVersion": "unmatched", "kind": "Pod", "name": "foo", "namespace": "default"}), None),
        (json!({"apiVersion": "v1", "kind": "Unmatched", "name": "foo", "namespace": "default"}), None),
        (json!({"apiVersion": "v1", "kind": "Pod", "name": "foo", "namespace": "Unmatched"}), None),
        (json!({"apiVersion": "v1", "kind": "Pod", "name": "test"}), Some(Name)),
        (json!({"apiVersion": "v1", "kind": "Pod", "name": "unmatched", "labelSelector": foo("bar")}), None),
        (json!({"apiVersion": "v1", "kind": "Pod", "name": "test", "labelSelector": foo("unmatched")}), Some(Name)),
        (json!({"apiVersion": "v1", "kind": "Pod", "name": "unmatched"}), None),
        (json!({"apiVersion": "v1", "kind": "Pod", "name": "test"}), Some(Name)),
        (json!({"apiVersion": "v1", "kind": "Pod", "labelSelector": foo("unmatched")}), None),
        (json!({"apiVersion": "v1", "kind": "Pod", "labelSelector": foo("bar")}), Some(Labels)),
        (json!({"apiVersion": "v1", "kind": "Pod"}), Some(All)),
        (json!({"apiVersion": "v1", "kind": "Pod", "labelSelector": {"matchLabels": {"": "bar"}}}), None),
    ];
    assert_eq!(cases.len(), 12);
    for (selector, expect) in cases {
        assert_eq!(closeness(json!([selector])), expect, "{selector}");
    }
}

#[test]
fn the_closest_selector_counts() {
    let all = json!({"apiVersion": "v1", "kind": "Pod"});
    let name = json!({"apiVersion": "v1", "kind": "Pod", "name": "test"});
    let labels = json!({"apiVersion": "v1", "kind": "Pod", "labelSelector": {"matchLabels": {"foo": "bar"}}});
    let other_name = json!({"apiVersion": "v1", "kind": "Pod", "name": "unmatched"});
    let other_kind = json!({"apiVersion": "v1", "kind": "Unmatched"});
    for (selectors, expect) in [
        (json!([other_name]), None),
        (json!([all]), Some(All)),
        (json!([labels]), Some(Labels)),
        (json!([name]), Some(Name)),
        (json!([all, other_kind]), Some(All)),
        (json!([other_kind, all]), Some(All)),
        (json!([other_kind, other_kind]), None),
        (json!([all, all]), Some(All)),
        (json!([all, name]), Some(Name)),
        (json!([name, all]), Some(Name)),
        // A policy without selectors is for every object.
        (json!([]), Some(All)),
    ] {
        assert_eq!(closeness(selectors.clone()), expect, "{selectors}");
    }
}

#[test]
fn requirements_and_what_cannot_be_compared() {
    let with = |selector: Value| closeness(json!([{"apiVersion": "v1", "kind": "Pod", "labelSelector": selector}]));
    let one = |operator: &str, values: Value| {
        with(json!({"matchExpressions": [{"key": "foo", "operator": operator, "values": values}]}))
    };
    assert_eq!(one("In", json!(["bar", "x"])), Some(Labels));
    assert_eq!(one("NotIn", json!(["bar"])), None);
    assert_eq!(one("DoesNotExist", json!([])), None);
    assert_eq!(one("Exists", json!([])), Some(Labels));
    assert_eq!(one("In", json!([])), None, "an operator that needs values");
    assert_eq!(one("Like", json!(["bar"])), None, "an unknown operator");
    assert_eq!(with(json!({})), Some(Labels), "an empty selector of labels is one");
}
