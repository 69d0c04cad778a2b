use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{PatchError, merge, strategic};
use kinds::schema::{PatchStrategy, Schema, Type};

fn object(fields: &[(&str, Schema)]) -> Schema {
    let fields: BTreeMap<_, _> = fields.iter().map(|(name, s)| ((*name).to_owned(), Arc::new(s.clone()))).collect();
    Schema { ty: Type::Object, fields, ..Schema::default() }
}

fn list(item: Schema, patch: Option<PatchStrategy>) -> Schema {
    Schema { ty: Type::Array, item: Some(Arc::new(item)), patch, ..Schema::default() }
}

fn merged_by(key: &str) -> Option<PatchStrategy> {
    Some(PatchStrategy { merge: true, retain_keys: false, merge_key: Some(key.to_owned()) })
}

fn text() -> Schema {
    Schema { ty: Type::String, ..Schema::default() }
}

/// Containers merge by name, their ports by containerPort, finalizers as scalars, args are replaced.
fn pod() -> Schema {
    let port = object(&[("name", text()), ("containerPort", Schema { ty: Type::Integer, ..Schema::default() })]);
    let container = object(&[
        ("name", text()),
        ("image", text()),
        ("args", list(text(), None)),
        ("ports", list(port, merged_by("containerPort"))),
    ]);
    let scalars = Some(PatchStrategy { merge: true, ..PatchStrategy::default() });
    object(&[
        ("containers", list(container, merged_by("name"))),
        ("finalizers", list(text(), scalars)),
        ("strategy", object(&[("type", text()), ("rollingUpdate", object(&[("maxSurge", text())]))])),
    ])
}

#[track_caller]
fn check(doc: Value, patch: Value, expect: Value) {
    assert_eq!(strategic(&doc, &patch, &pod()).unwrap(), expect);
}

#[track_caller]
fn refuse(doc: Value, patch: Value, expect: &str) {
    let error = strategic(&doc, &patch, &pod()).unwrap_err();
    assert!(error.to_string().contains(expect), "{error}");
    assert_eq!(error.code(), 400);
}

#[test]
fn objects_merge_and_null_removes() {
    check(
        json!({"a": {"b": 1, "c": 2}, "d": 3}),
        json!({"a": {"b": null, "e": 5}}),
        json!({"a": {"c": 2, "e": 5}, "d": 3}),
    );
    check(json!({"a": 1}), json!({"b": {"c": null, "d": 1}, "e": null}), json!({"a": 1, "b": {"d": 1}}));
    check(json!({"a": [1]}), json!({"a": {"b": 1}}), json!({"a": {"b": 1}}));
}

#[test]
fn lists_merge_by_key_and_others_are_replaced() {
    check(
        json!({"containers": [{"name": "a", "image": "1", "args": ["x", "y"]}, {"name": "b", "image": "1"}]}),
        json!({"containers": [{"name": "c", "image": "9"}, {"name": "a", "image": "2", "args": ["z"]}]}),
        json!({"containers": [{"name": "c", "image": "9"}, {"name": "a", "image": "2", "args": ["z"]}, {"name": "b", "image": "1"}]}),
    );
    check(
        json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "web"}]}]}),
        json!({"containers": [{"name": "a", "ports": [{"containerPort": 81}, {"containerPort": 80, "name": "w"}]}]}),
        json!({"containers": [{"name": "a", "ports": [{"containerPort": 81}, {"containerPort": 80, "name": "w"}]}]}),
    );
    check(json!({"finalizers": ["a", "b"]}), json!({"finalizers": ["c", "a"]}), json!({"finalizers": ["c", "a", "b"]}));
    check(json!({"unknown": [1, 2]}), json!({"unknown": [3]}), json!({"unknown": [3]}));
    check(json!({"containers": []}), json!({"containers": []}), json!({"containers": []}));
}

#[test]
fn an_untouched_item_stays_before_what_it_stood_before() {
    check(
        json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
        json!({"containers": [{"name": "b", "image": "2"}, {"name": "d"}]}),
        json!({"containers": [{"name": "a"}, {"name": "b", "image": "2"}, {"name": "d"}, {"name": "c"}]}),
    );
}

#[test]
fn items_are_deleted_and_lists_replaced_by_directive() {
    check(
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"containers": [{"name": "a", "$patch": "delete"}, {"name": "nobody", "$patch": "delete"}]}),
        json!({"containers": [{"name": "b"}]}),
    );
    check(
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"containers": [{"$patch": "replace"}, {"name": "c"}]}),
        json!({"containers": [{"name": "c"}]}),
    );
    check(
        json!({}),
        json!({"containers": [{"name": "a", "$patch": "delete"}, {"name": "c"}]}),
        json!({"containers": [{"name": "c"}]}),
    );
    check(
        json!({"finalizers": ["a", "b", "c"]}),
        json!({"$deleteFromPrimitiveList/finalizers": ["b", "z"], "finalizers": ["d"]}),
        json!({"finalizers": ["d", "a", "c"]}),
    );
    check(json!({}), json!({"$deleteFromPrimitiveList/finalizers": ["b"]}), json!({}));
}

#[test]
fn objects_are_replaced_and_emptied_by_directive() {
    let doc = json!({"strategy": {"type": "A", "rollingUpdate": {"maxSurge": "1"}}});
    check(doc.clone(), json!({"strategy": {"$patch": "replace", "type": "B"}}), json!({"strategy": {"type": "B"}}));
    check(doc.clone(), json!({"strategy": {"$patch": "delete"}}), json!({"strategy": {}}));
    check(doc.clone(), json!({"$patch": "replace", "x": 1, "y": null}), json!({"x": 1}));
    check(
        doc,
        json!({"strategy": {"$patch": "merge", "type": "B"}}),
        json!({"strategy": {"type": "B", "rollingUpdate": {"maxSurge": "1"}}}),
    );
    check(json!({}), json!({"strategy": {"$patch": "replace", "type": "B"}}), json!({"strategy": {"type": "B"}}));
    check(json!({}), json!({"strategy": {"$patch": "delete"}}), json!({}));
}

#[test]
fn retain_keys_drops_what_it_does_not_name() {
    check(
        json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "1"}}}),
        json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}),
        json!({"strategy": {"type": "Recreate"}}),
    );
    check(
        json!({}),
        json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}),
        json!({"strategy": {"type": "Recreate"}}),
    );
    refuse(
        json!({"strategy": {}}),
        json!({"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}}),
        "strategy: $retainKeys does not list \"rollingUpdate\"",
    );
    refuse(json!({"strategy": {}}), json!({"strategy": {"$retainKeys": "type"}}), "must be a list");
}

#[test]
fn the_order_directive_wins_over_both_lists() {
    check(
        json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
        json!({"$setElementOrder/containers": [{"name": "c"}, {"name": "d"}, {"name": "a"}], "containers": [{"name": "d"}, {"name": "b", "$patch": "delete"}]}),
        json!({"containers": [{"name": "c"}, {"name": "d"}, {"name": "a"}]}),
    );
    check(
        json!({"containers": [{"name": "a"}, {"name": "server"}, {"name": "b"}]}),
        json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}),
        json!({"containers": [{"name": "server"}, {"name": "b"}, {"name": "a"}]}),
    );
    check(
        json!({"finalizers": ["a", "b"]}),
        json!({"$setElementOrder/finalizers": ["c", "b"], "$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}),
        json!({"finalizers": ["c", "b"]}),
    );
    check(
        json!({}),
        json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "b"}, {"name": "a"}]}),
        json!({"containers": [{"name": "b"}, {"name": "a"}]}),
    );
    check(json!({}), json!({"$setElementOrder/containers": [{"name": "a"}]}), json!({}));
    // A new item takes the place of a deleted one among the items that the directive does not name.
    check(
        json!({"containers": [{"name": "e"}, {"name": "b"}]}),
        json!({"$setElementOrder/containers": [{"name": "a"}, {"name": "c"}],
            "containers": [{"name": "a"}, {"name": "c"}, {"name": "b", "$patch": "delete"}]}),
        json!({"containers": [{"name": "e"}, {"name": "a"}, {"name": "c"}]}),
    );
    check(
        json!({"containers": [{"name": "e"}]}),
        json!({"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "a"}]}),
        json!({"containers": [{"name": "a"}, {"name": "e"}]}),
    );
    refuse(
        json!({"containers": []}),
        json!({"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]}),
        "containers: $setElementOrder",
    );
}

#[test]
fn what_cannot_be_merged_is_refused_with_its_path() {
    refuse(
        json!({"containers": [{"name": "a"}]}),
        json!({"containers": [{"image": "1"}]}),
        "containers[0]: the item has no \"name\"",
    );
    refuse(
        json!({"containers": [{"name": "a"}]}),
        json!({"containers": [{"$patch": "delete"}]}),
        "containers[0]: the item has no \"name\"",
    );
    refuse(
        json!({"containers": [{"name": "a"}]}),
        json!({"containers": [{"name": "a", "$patch": "drop"}]}),
        "containers[0]: $patch must be",
    );
    refuse(json!({"containers": [{"name": "a"}]}), json!({"containers": ["a"]}), "either all objects or all scalars");
    refuse(json!({"finalizers": [["a"]]}), json!({"finalizers": ["a"]}), "lists of lists");
    refuse(json!({"strategy": {}}), json!({"strategy": {"$patch": 1}}), "strategy: $patch must be");
    refuse(json!({}), json!([]), "must be JSON objects");
}

#[test]
fn json_patch_reports_the_operation_at_fault() {
    let doc = json!({"a": {"b": [1, 2]}});
    let patch = json!([{"op": "test", "path": "/a/b/0", "value": 1}, {"op": "add", "path": "/a/b/-", "value": 3}]);
    assert_eq!(super::json(&doc, &patch).unwrap(), json!({"a": {"b": [1, 2, 3]}}));

    let failed =
        super::json(&doc, &json!([{"op": "remove", "path": "/a/b/0"}, {"op": "remove", "path": "/x"}])).unwrap_err();
    assert_eq!(failed.code(), 422);
    assert!(matches!(failed, PatchError::Operation { index: 1, ref pointer, .. } if pointer == "/x"), "{failed}");

    let many = Value::Array(vec![json!({"op": "remove", "path": "/a"}); super::OPERATIONS_MAX + 1]);
    assert_eq!(super::json(&doc, &many).unwrap_err().code(), 413);
    assert_eq!(super::json(&doc, &json!({})).unwrap_err().code(), 400);
    assert_eq!(super::json(&doc, &json!([{"op": "fly"}])).unwrap_err().code(), 400);
}

#[test]
fn a_json_patch_neither_multiplies_nor_buries_what_it_copies() {
    let refused = |doc: &Value, patch: Vec<Value>, expect: &str| {
        let error = super::json(doc, &Value::Array(patch)).unwrap_err();
        assert!(error.code() == 422 && error.to_string().contains(expect), "{error}");
    };
    let doc = json!({"a": {"b": "x".repeat(100)}});
    // Each doubles the document: forty of them would be a terabyte.
    let doubling =
        |n: usize| (0..n).map(|i| json!({"op": "copy", "from": "/a", "path": format!("/a/c{i}")})).collect::<Vec<_>>();
    assert!(super::json(&doc, &Value::Array(doubling(8))).is_ok());
    refused(&doc, doubling(40), "the copies of this patch exceed");
    // Each adds a level: thousands of them would end the process when the value is walked.
    let burying = vec![json!({"op": "copy", "from": "/a", "path": "/a/c"}); 200];
    refused(&doc, burying, "nest deeper than");
    let sinking: Vec<Value> = (0..200)
        .flat_map(|_| {
            [
                json!({"op": "move", "from": "/a", "path": "/b"}),
                json!({"op": "add", "path": "/a", "value": {}}),
                json!({"op": "move", "from": "/b", "path": "/a/b"}),
            ]
        })
        .collect();
    refused(&doc, sinking, "nest deeper than");
    let deep = (0..100).fold(json!(1), |inner, _| json!({"d": inner}));
    let place = "/d".repeat(99);
    refused(
        &json!({"d": deep}),
        vec![json!({"op": "add", "path": format!("/d{place}"), "value": deep})],
        "nest deeper",
    );
}

#[test]
fn merge_patch_replaces_lists_and_drops_nulls() {
    let doc = json!({"a": {"b": 1, "c": [1, 2]}});
    assert_eq!(merge(&doc, &json!({"a": {"b": null, "c": [3]}, "d": {"e": null}})), json!({"a": {"c": [3]}, "d": {}}));
}

#[test]
fn long_lists_do_not_cost_the_square_of_their_length() {
    let names = |from: usize| (from..from + 10_000).map(|i| format!("item-{i}"));
    let doc = json!({"finalizers": names(0).collect::<Vec<_>>(), "containers": names(0).map(|n| json!({"name": n})).collect::<Vec<_>>()});
    let patch = json!({
        "finalizers": names(5_000).collect::<Vec<_>>(),
        "containers": names(5_000).map(|n| json!({"name": n, "image": "1"})).collect::<Vec<_>>(),
        "$setElementOrder/containers": names(5_000).map(|n| json!({"name": n})).collect::<Vec<_>>(),
    });
    let merged = strategic(&doc, &patch, &pod()).unwrap();
    assert_eq!(merged["finalizers"].as_array().unwrap().len(), 15_000);
    assert_eq!(merged["containers"].as_array().unwrap().len(), 15_000);
}
