use serde_json::json;

use super::*;

#[test]
fn paths_are_split_at_separators_that_are_not_escaped() {
    for (path, expect) in [
        ("a/b", vec!["a", "b"]),
        ("/a/b", vec!["a", "b"]),
        ("metadata/annotations/x.io\\/y", vec!["metadata", "annotations", "x.io/y"]),
        ("a\\/b\\/c/d", vec!["a/b/c", "d"]),
        ("a\\", vec!["a\\"]),
    ] {
        assert_eq!(split(path, '/'), expect, "{path}");
    }
}

#[test]
fn a_value_is_changed_at_every_place_that_a_path_names() {
    let check = |value: Value, path: &str, create: bool, expect: Value| {
        let mut changed = value;
        let spec = Spec::new("", "", path, create);
        spec.each(&mut changed, &Budget::default(), &mut |v| {
            *v = "x".into();
            Ok(())
        })
        .unwrap();
        assert_eq!(changed, expect, "{path}");
    };
    check(json!({"a": [{"b": 1}, {"b": 2}, {}]}), "a/b", false, json!({"a": [{"b": "x"}, {"b": "x"}, {}]}));
    check(json!({"a": [{}]}), "a/b", true, json!({"a": [{"b": "x"}]}));
    check(json!({}), "a/b", true, json!({"a": {"b": "x"}}));
    check(json!({"a": null}), "a/b", true, json!({"a": {"b": "x"}}));
    check(json!({}), "a/b", false, json!({}));
    check(json!({}), "a[]/b", true, json!({}));
    check(json!({"a": null}), "a[]/b", false, json!({"a": []}));
    check(json!({"a": "text"}), "a/b", true, json!({"a": "text"}));
    // The last field may be a list: it is one value.
    check(json!({"a": [1, 2]}), "a", false, json!({"a": "x"}));
}

#[test]
fn a_field_is_there_once_and_two_may_not_disagree() {
    let mut to = Vec::new();
    let default = [Spec::new("apps", "Deployment", "spec/a", true)];
    let mut with = |more: Spec| add(default.iter(), more, &mut to).map(|()| to.len());
    assert_eq!(with(Spec::new("apps", "Deployment", "spec/a", true)), Ok(0));
    // One for all kinds is taken for one that is there already, and not the other way round.
    assert_eq!(with(Spec::new("", "", "spec/a", true)), Ok(0));
    assert_eq!(with(Spec::new("", "", "spec/b", true)), Ok(1));
    assert_eq!(with(Spec::new("apps", "Deployment", "spec/b", true)), Ok(2));
    assert_eq!(
        with(Spec::new("apps", "Deployment", "spec/a", false)),
        Err("path \"spec/a\" of Deployment is there with create: true, and here it has create: false".into())
    );
}
