use super::*;
use serde_json::json;

fn check(value: Value, patch: Value, expect: Value) {
    let pod = kinds::find(&model::GroupVersionKind::new("", "v1", "Pod")).unwrap().schema();
    let mut merged = value;
    assert_eq!(merge(&mut merged, &patch, Some(pod)).unwrap(), Outcome::Keep);
    assert_eq!(merged, expect);
}

#[test]
fn maps_merge_and_null_deletes() {
    check(
        json!({"spec": {"a": 1, "b": {"c": 1}}}),
        json!({"spec": {"a": null, "b": {"d": 2}}}),
        json!({"spec": {"b": {"c": 1, "d": 2}}}),
    );
    check(
        json!({"spec": {"b": {"c": 1}}}),
        json!({"spec": {"b": {"$patch": "replace", "d": 2}}}),
        json!({"spec": {"b": {"d": 2}}}),
    );
    check(json!({"spec": {"b": {"c": 1}}}), json!({"spec": {"b": {"$patch": "delete"}}}), json!({"spec": {}}));
    check(json!({}), json!({"spec": {"b": null, "c": {"d": null}}}), json!({"spec": {"c": {}}}));
}

#[test]
fn lists_merge_by_key_in_the_order_of_the_patch() {
    let list = |items: Value| json!({"spec": {"containers": items}});
    check(
        list(json!([{"name": "a", "image": "1"}, {"name": "b"}])),
        list(json!([{"name": "b", "image": "2"}, {"name": "n"}, {"name": "a", "$patch": "delete"}])),
        list(json!([{"name": "b", "image": "2"}, {"name": "n"}])),
    );
    check(
        list(json!([{"name": "a"}])),
        list(json!([{"$patch": "replace"}, {"name": "n"}])),
        list(json!([{"name": "n"}])),
    );
    let tolerations = |items: Value| json!({"spec": {"tolerations": items}});
    check(tolerations(json!([{"key": "a"}])), tolerations(json!([{"key": "b"}])), tolerations(json!([{"key": "b"}])));
}

#[test]
fn directives_that_kustomize_does_not_have_are_errors() {
    let mut value = json!({"a": 1});
    for patch in [json!({"$retainKeys": ["a"]}), json!({"$patch": "other"}), json!({"b": {"$setElementOrder/x": []}})] {
        let result = merge(&mut value, &patch, None).and_then(|_| {
            let mut with_map = json!({"b": {}});
            merge(&mut with_map, &patch, None)
        });
        assert!(result.is_err(), "{patch}");
    }
}
