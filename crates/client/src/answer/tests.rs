use serde_json::json;

use super::*;

fn maps() -> Resource {
    Resource::core("ConfigMap", "configmaps", true)
}

fn map(namespace: &str, name: &str, uid: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name, "uid": uid}})
}

fn with(mut object: Value, field: &str, value: Value) -> Value {
    *object.pointer_mut(field).unwrap() = value;
    object
}

#[test]
fn an_answer_about_something_else_is_refused() {
    let maps = maps();
    let question = Question::object(&maps.target("shop", "a"), Some("1"));
    assert!(question.check(&map("shop", "a", "1")).is_ok());
    let metadata = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
        "metadata": {"namespace": "shop", "name": "a", "uid": "1"}});
    assert!(question.check(&metadata).is_ok());
    let right = map("shop", "a", "1");
    let table = [
        (json!(null), "null"),
        (json!([]), "an array"),
        (json!("ok"), "no object"),
        (json!({}), "an object without a kind"),
        (json!({"kind": "Status", "status": "Success"}), "Status"),
        (map("shop", "b", "1"), "ConfigMap shop/b"),
        (map("other", "a", "1"), "ConfigMap other/a"),
        (map("shop", "a", "2"), "ConfigMap shop/a with UID 2"),
        (with(right.clone(), "/kind", json!("Secret")), "Secret shop/a"),
        (with(right.clone(), "/apiVersion", json!("v2")), "ConfigMap shop/a"),
        (with(right.clone(), "/apiVersion", json!("apps/v1")), "ConfigMap shop/a"),
        (with(right.clone(), "/kind", json!(7)), "an object without a kind shop/a"),
        (with(right.clone(), "/metadata/uid", json!(null)), "ConfigMap shop/a"),
        (with(right, "/metadata/name", json!("x".repeat(10_000))), "ConfigMap shop/xxx"),
    ];
    for (answer, expected) in table {
        let Err(Error::Mismatch { asked, found }) = question.check(&answer) else { panic!("{answer} was taken") };
        assert_eq!(asked, "configmaps shop/a with UID 1");
        assert!(found.starts_with(expected) && found.len() <= crate::limit::WORDS_MAX, "{found}");
    }
}

#[test]
fn objects_of_a_list_are_of_its_kind_and_namespace() {
    let (maps, nodes) = (maps(), Resource::core("Node", "nodes", false));
    let bare = |namespace: Option<&str>| json!({"metadata": {"name": "a", "namespace": namespace}});
    let node = json!({"metadata": {"name": "n"}});
    let table = [
        (&maps, "shop", bare(Some("shop")), true),
        (&maps, "shop", bare(Some("other")), false),
        (&maps, "", bare(Some("other")), true),
        (&maps, "", bare(None), false),
        (&maps, "shop", json!({"metadata": {"namespace": "shop"}}), false),
        (&maps, "shop", map("shop", "a", "1"), true),
        (&maps, "shop", with(map("shop", "a", "1"), "/kind", json!("Secret")), false),
        (&nodes, "", node.clone(), true),
        (&nodes, "", json!({"metadata": {"name": "n", "namespace": "shop"}}), false),
    ];
    for (resource, namespace, object, right) in table {
        assert_eq!(Question::any(resource, namespace, true).check(&object).is_ok(), right, "{object}");
    }
    assert!(Question::any(&nodes, "", false).check(&node).is_err(), "an event of a watch says its kind");
}

#[test]
fn a_part_may_be_another_kind_but_not_of_another_object() {
    let maps = maps();
    let scale = |name: &str| json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"namespace": "shop", "name": name}});
    let question = Question::object(&maps.target("shop", "a").part("scale"), None);
    assert!(question.check(&scale("a")).is_ok() && question.check(&scale("b")).is_err());
    let status = Question::object(&maps.target("shop", "a").part("status"), None);
    assert!(status.check(&map("shop", "a", "1")).is_ok() && status.check(&scale("a")).is_err());
}

#[test]
fn a_generated_name_begins_as_asked() {
    let maps = maps();
    let question = Question { name: Name::Generated("a-"), ..Question::any(&maps, "shop", false) };
    for (name, right) in [("a-x1", true), ("a-", false), ("b-x1", false)] {
        assert_eq!(question.check(&map("shop", name, "1")).is_ok(), right, "{name}");
    }
}

#[test]
fn what_names_an_object_has_a_length_and_an_error_does_not_repeat_it() {
    let maps = maps();
    let question = Question::any(&maps, "", true);
    let fields = [
        ("name", limit::NAME_BYTES_MAX),
        ("namespace", limit::NAMESPACE_BYTES_MAX),
        ("uid", limit::UID_BYTES_MAX),
        ("resourceVersion", limit::VERSION_BYTES_MAX),
    ];
    for (field, max) in fields {
        let named = |bytes: usize| {
            let mut object = map("shop", "a", "1");
            object["metadata"][field] = "x".repeat(bytes).into();
            object
        };
        assert!(question.check(&named(max)).is_ok(), "{field}");
        let error = question.check(&named(max + 1)).unwrap_err();
        let expected = format!("metadata.{field} is longer than {max} bytes");
        assert!(matches!(&error, Error::Malformed(why) if *why == expected), "{error:?}");
    }
    // The answer about an object that was asked for by a long name has that name.
    let long = "x".repeat(limit::NAME_BYTES_MAX + 1);
    let target = maps.target("shop", &long);
    assert!(Question::object(&target, None).check(&map("shop", &long, "1")).is_ok());
    let huge = map("shop", &long, &"u".repeat(limit::UID_BYTES_MAX + 1));
    assert!(Question::object(&target, None).check(&huge).is_err());
}
