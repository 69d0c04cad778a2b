use serde_json::json;

use super::*;

/// `fields` is what our manager owns, `sent` what was sent; the object has `live`.
#[track_caller]
fn check_with(fields: &Value, sent: &Value, live: &Value, expect: bool) {
    assert_eq!(goes_beyond(fields, sent, &Place::Object(live)), expect, "{fields} of {live}; sent: {sent}");
}

#[track_caller]
fn check(fields: &Value, sent: &Value, expect: bool) {
    check_with(fields, sent, sent, expect);
}

#[test]
fn a_field_that_was_not_sent_is_more() {
    check(&json!({"f:a": {}}), &json!({"a": 1}), false);
    check(&json!({"f:a": {}, "f:b": {}}), &json!({"a": 1}), true);
    check(&json!({"f:a": {".": {}, "f:b": {}}}), &json!({"a": {"b": 1, "c": 1}}), false);
    check(&json!({"f:a": {".": {}, "f:d": {}}}), &json!({"a": {"b": 1, "c": 1}}), true);
    // What is one value is owned as one.
    check(&json!({"f:a": {}}), &json!({"a": {"b": 1}}), false);
    // Nothing is below a scalar, and what is no field is none.
    check(&json!({"f:a": {"f:b": {}}}), &json!({"a": 1}), false);
    check(&json!({".": {}, "x:b": {}}), &json!({"a": 1}), false);
    check(&json!("f:a"), &json!({}), false);
}

#[test]
fn null_sets_nothing() {
    let fields = json!({"f:a": {"f:b": {}}});
    for sent in [json!({"a": null}), json!({"a": {"b": null}})] {
        for (live, expect) in [
            (json!({}), false),
            (json!({"a": null}), false),
            (json!({"a": {"b": null}}), !sent["a"].is_object()),
            (json!({"a": {"b": ["sh"]}}), true),
        ] {
            check_with(&fields, &sent, &live, expect);
        }
    }
    // In an item of a list, which stands elsewhere in the object.
    let fields = json!({"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:command": {}}});
    let sent = json!([{"name": "web", "command": null}]);
    let live = |command: Value| json!([{"name": "side", "command": ["x"]}, {"name": "web", "command": command}]);
    check_with(&fields, &sent, &live(json!(null)), false);
    check_with(&fields, &sent, &live(json!(["sh"])), true);
    check_with(&fields, &sent, &json!([{"name": "side", "command": ["x"]}]), false);
}

#[test]
fn an_item_that_was_not_sent_is_more() {
    let step = |name: &str| format!("k:{{\"name\":\"{name}\"}}");
    let sent = json!([{"name": "a", "x": 1}, {"name": "b"}]);
    check(&json!({step("a"): {".": {}, "f:name": {}, "f:x": {}}, step("b"): {}}), &sent, false);
    check(&json!({step("a"): {}, step("c"): {}}), &sent, true);
    check(&json!({step("a"): {}, step("b"): {}, step("c"): {}}), &sent, true);
    check(&json!({step("a"): {"f:y": {}}}), &sent, true);
    check(&json!({step("b"): {"f:x": {}}}), &sent, true);
    check(&json!({"k:{": {}, "i:7": {}}), &sent, false);
    check(&json!({step("a"): {}}), &json!(["a"]), true);
}

#[test]
fn a_set_has_no_more_items_than_were_sent() {
    let sent = json!(["a", "b"]);
    check(&json!({"v:\"a\"": {}, "v:\"b\"": {}}), &sent, false);
    check(&json!({"v:\"a\"": {}, "v:\"b\"": {}, "v:\"c\"": {}}), &sent, true);
    // Another item in the place of one that was sent is a difference, which others look for.
    check(&json!({"v:\"a\"": {}, "v:\"c\"": {}}), &sent, false);
}

#[test]
fn a_key_that_was_not_sent_is_the_one_that_servers_add() {
    let port = |port: u32, protocol: &str| format!("k:{{\"containerPort\":{port},\"protocol\":\"{protocol}\"}}");
    let owned = json!({".": {}, "f:containerPort": {}, "f:protocol": {}});
    for (sent, protocol, expect) in [
        (json!({"containerPort": 80}), "TCP", false),
        (json!({"containerPort": 80, "protocol": null}), "TCP", false),
        (json!({"containerPort": 80, "protocol": "UDP"}), "UDP", false),
        (json!({"containerPort": 80}), "UDP", true),
        (json!({"containerPort": 80, "protocol": null}), "UDP", true),
        (json!({"containerPort": 80, "protocol": "TCP"}), "UDP", true),
    ] {
        check(&json!({port(80, protocol): owned}), &json!([sent]), expect);
    }
    // No other key has a default that is known here.
    check(&json!({"k:{\"name\":\"a\",\"zone\":\"z\"}": {}}), &json!([{"name": "a"}]), true);
}

#[test]
fn a_long_list_is_read_by_an_index() {
    let step = |port: usize| format!("k:{{\"port\":{port},\"protocol\":\"TCP\"}}");
    for length in [WALKED_MAX, WALKED_MAX + 1] {
        let is_indexed = length > WALKED_MAX;
        let item = |port: usize, protocol: bool| {
            if protocol { json!({"port": port, "protocol": "TCP"}) } else { json!({"port": port}) }
        };
        let whole: Vec<Value> = (0..length).map(|port| item(port, true)).collect();
        let sent = json!(whole);
        check(&json!({step(0): {}, step(length - 1): {"f:port": {}}}), &sent, false);
        check(&json!({step(length): {}}), &sent, true);
        check(&json!({step(0): {"f:name": {}}}), &sent, true);
        // The index does not know what was defaulted, so that more is asked than needs to be.
        let bare: Vec<Value> = (0..length).map(|port| item(port, false)).collect();
        check(&json!({step(0): {}}), &json!(bare), is_indexed);
    }
}
