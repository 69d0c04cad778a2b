use serde_json::json;

use super::*;

fn patched(object: Value, operations: Value) -> Result<Value, String> {
    JsonPatch::parse(&operations)?.apply(&object)
}

/// Each was tried with `kubectl kustomize` 5.8.1.
#[test]
fn operations_do_what_kustomize_does() {
    let web = json!({"a": {"b": 1}, "l": [1, 2], "n": null});
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut web = web.clone();
        change(&mut web);
        web
    };
    for (operation, expect) in [
        (json!({"op": "add", "path": "/a/c", "value": 2}), changed(&|v| v["a"]["c"] = 2.into())),
        (json!({"op": "replace", "path": "/a/c", "value": 2}), changed(&|v| v["a"]["c"] = 2.into())),
        (json!({"op": "replace", "path": "/c", "value": {"d": 1}}), changed(&|v| v["c"] = json!({"d": 1}))),
        (json!({"op": "add", "path": "/l/-1", "value": 3}), changed(&|v| v["l"] = json!([1, 2, 3]))),
        (json!({"op": "add", "path": "/l/-2", "value": 3}), changed(&|v| v["l"] = json!([1, 3, 2]))),
        (json!({"op": "add", "path": "/l/-", "value": 3}), changed(&|v| v["l"] = json!([1, 2, 3]))),
        (json!({"op": "add", "path": "/l/2", "value": 3}), changed(&|v| v["l"] = json!([1, 2, 3]))),
        (json!({"op": "replace", "path": "/l/-1", "value": 3}), changed(&|v| v["l"] = json!([1, 3]))),
        (json!({"op": "remove", "path": "/l/-2"}), changed(&|v| v["l"] = json!([2]))),
        (json!({"op": "remove", "path": "/a/b"}), changed(&|v| v["a"] = json!({}))),
        (json!({"op": "test", "path": "/a/x", "value": null}), web.clone()),
        (json!({"op": "test", "path": "/l/-1", "value": 2}), web.clone()),
        (json!({"op": "copy", "from": "/l/-1", "path": "/a/c"}), changed(&|v| v["a"]["c"] = 2.into())),
        (
            json!({"op": "move", "from": "/a/b", "path": "/c"}),
            changed(&|v| {
                v["a"] = json!({});
                v["c"] = 1.into();
            }),
        ),
        (json!({"op": "copy", "from": "/x", "path": "/y"}), changed(&|v| v["y"] = Value::Null)),
        (json!({"op": "add", "path": "spec/y", "value": 1}), changed(&|v| v["y"] = 1.into())),
        (json!({"op": "add", "path": "/a/c"}), changed(&|v| v["a"]["c"] = Value::Null)),
        (json!({"op": "add", "path": "/a/x~1y~0", "value": 1}), changed(&|v| v["a"]["x/y~"] = 1.into())),
    ] {
        assert_eq!(patched(web.clone(), json!([operation])), Ok(expect), "{operation}");
    }
}

#[test]
fn errors_say_what_is_missing_and_what_to_write() {
    let web = json!({"a": {"b": 1}, "l": [1, 2], "n": null});
    for (operation, expect) in [
        (
            json!({"op": "add", "path": "/x/y", "value": 2}),
            "operation 0 (add /x/y): there is no /x; add it first, as {op: add, path: /x, value: {}}",
        ),
        (
            json!({"op": "replace", "path": "/n/y", "value": 2}),
            "operation 0 (replace /n/y): there is no /n; add it first",
        ),
        (json!({"op": "add", "path": "/a/b/c", "value": 2}), "/a/b is neither a mapping nor a list"),
        (json!({"op": "remove", "path": "/a/x"}), "operation 0 (remove /a/x): the field is not there"),
        (json!({"op": "replace", "path": "/l/2", "value": 1}), "the list has 2 items, and no place 2"),
        (json!({"op": "add", "path": "/l/-4", "value": 1}), "the list has 2 items, and no place -4"),
        (json!({"op": "add", "path": "/l/x", "value": 1}), "\"x\" is no place in a list"),
        (json!({"op": "move", "from": "/x", "path": "/y"}), "the field is not there"),
        (json!({"op": "add", "path": "a", "value": 1}), "the path has no slash: write /a"),
        (json!({"op": "test", "path": "/a/b", "value": 2}), "the field is not what it tests for"),
        (json!({"op": "test", "path": "/x", "value": 2}), "the field that it tests is not there"),
        (json!({"op": "replace", "path": "", "value": 1}), "an object cannot become something else"),
        (json!({"op": "put", "path": "/a"}), "not a JSON patch: operation 0: unknown variant"),
        (json!({"path": "/a"}), "not a JSON patch: operation 0: `op` is missing"),
        (json!({"op": "add"}), "operation 0: `path` is missing"),
        (json!({"op": "move", "path": "/a"}), "operation 0: `from` is missing"),
    ] {
        let error = patched(web.clone(), json!([operation])).unwrap_err();
        assert!(error.contains(expect), "{error}\n  expected {expect}");
    }
}

#[test]
fn a_patch_that_would_grow_or_nest_without_end_is_refused() {
    let operations: Vec<Value> = (0..130).map(|_| json!({"op": "move", "from": "/a", "path": "/a"})).collect();
    assert!(patched(json!({"a": 1}), Value::Array(operations)).is_ok());
    let nest = json!([{"op": "add", "path": format!("/{}", vec!["a"; 130].join("/")), "value": 1}]);
    assert!(patched(json!({}), nest).unwrap_err().contains("nest deeper than 120"));
    let many = Value::Array(vec![json!({"op": "test", "path": "/a"}); OPERATIONS_MAX + 1]);
    assert!(patched(json!({}), many).unwrap_err().contains("10001 operations"));
}
