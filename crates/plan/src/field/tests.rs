use proptest::prelude::*;
use serde_json::json;

use super::*;

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web", "team": "x"}, "managedFields": [
            {"manager": "kurator", "operation": "Apply", "time": "2026-11-23T10:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {
                "f:metadata": {"f:labels": {"f:app": {}}},
                "f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}
            }},
            {"manager": "kubectl", "operation": "Update", "subresource": "scale", "time": "2026-11-23T10:05:00Z", "fieldsV1": {
                "f:spec": {"f:replicas": {}}
            }},
        ]},
        "spec": {"replicas": 5, "template": {"spec": {"containers": [
            {"name": "sidecar", "image": "s"}, {"name": "web", "image": "nginx", "imagePullPolicy": "Always"}]}}},
    })
}

#[test]
fn a_projection_holds_what_its_manager_owns() {
    let object = deployment();
    assert_eq!(
        applied_by(&object, "kurator").project(&object),
        json!({"metadata": {"labels": {"app": "web"}}, "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "nginx"}]}}}})
    );
    assert!(applied_by(&object, "other").is_empty());
}

#[test]
fn blame_names_manager_and_time() {
    let object = deployment();
    let (manager, time) = blame(&object, &Path::of_fields(&["spec", "replicas"]), "kurator").unwrap();
    assert_eq!((manager.as_str(), time.unwrap().to_string().as_str()), ("kubectl", "2026-11-23T10:05:00Z"));
    assert_eq!(blame(&object, &Path::of_fields(&["spec", "paused"]), "kurator"), None);
    assert_eq!(blame(&object, &Path::of_fields(&["metadata", "labels", "app"]), "kurator"), None);
}

#[test]
fn a_leaf_owns_what_is_below_and_an_itself_does_not() {
    let tree = Tree::parse(&json!({"f:a": {}, "f:b": {".": {}}}));
    let path = |fields: &[&str]| Path::of_fields(fields).0;
    assert!(tree.owns(&path(&["a", "x"])));
    assert!(!tree.owns(&path(&["b", "x"])));
    assert!(tree.owns(&path(&["b"])));
    assert_eq!(tree.project(&json!({"a": {"x": 1}, "b": {"x": 1}, "c": 1})), json!({"a": {"x": 1}, "b": {}}));
    assert_eq!(tree.without(&path(&["a"])).project(&json!({"a": 1, "b": {}})), json!({"b": {}}));
}

#[test]
fn a_path_prints_as_people_write_it() {
    let path = Path::of_fields(&["spec", "containers"]).then(Element::parse("k:{\"name\":\"web\"}").unwrap());
    assert_eq!(path.then(Element::Field("image".into())).to_string(), "spec.containers[name=\"web\"].image");
    assert_eq!(Path::of_fields(&["metadata", "labels", "a.b/c"]).to_string(), "metadata.labels[a.b/c]");
}

#[test]
fn items_are_found_by_any_of_few_sets_of_keys_and_the_first_counts() {
    let list = [
        json!({"p": 1, "q": "a", "n": 1}),
        json!({"p": 1, "q": "b", "n": 2}),
        json!({"p": 1, "q": "a", "n": 3}),
        json!(5),
    ];
    let mut items = Items::new(&list);
    let mut number = |keys: Value| items.with_keys(keys.as_object().unwrap()).and_then(|item| item["n"].as_i64());
    assert_eq!(number(json!({"p": 1, "q": "b"})), Some(2));
    assert_eq!(number(json!({"p": 1})), Some(1));
    assert_eq!(number(json!({"p": 1, "q": "a"})), Some(1));
    assert_eq!(number(json!({"p": 2})), None);
    assert_eq!(number(json!({})), Some(1));
    for n in 0..KEY_SETS_MAX {
        assert_eq!(number(json!({format!("x{n}"): 1})), None);
    }
    assert_eq!((number(json!({"n": 1})), number(json!({"p": 1}))), (None, Some(1)), "too many sets of keys");
}

/// A value that manifests may hold: few names, so that what is owned and what is there meet.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3i64).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let map = prop::collection::btree_map(any_name(), inner.clone(), 0..4);
        prop_oneof![
            map.prop_map(|map| Value::Object(map.into_iter().collect())),
            prop::collection::vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["spec", "replicas", "a", "b"]).prop_map(str::to_owned)
}

/// FieldsV1, with steps of every kind and of none.
fn any_fields() -> impl Strategy<Value = Value> {
    Just(json!({})).prop_recursive(4, 24, 5, |inner| {
        let step = prop_oneof![
            6 => any_name().prop_map(|name| format!("f:{name}")),
            1 => Just(".".to_owned()),
            1 => Just("k:{\"a\":1}".to_owned()),
            1 => Just("v:1".to_owned()),
            1 => Just("i:0".to_owned()),
            1 => Just("x:?".to_owned()),
            1 => Just("k:{".to_owned()),
        ];
        prop::collection::btree_map(step, inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect()))
    })
}

proptest! {
    #[test]
    fn what_is_written_without_a_tree_is_what_the_tree_gives(
        mut object in any_value().prop_filter("an object", Value::is_object),
        fields in any_fields(),
        path in prop::sample::select(vec![vec![], vec!["spec"], vec!["spec", "replicas"], vec!["a", "b", "a"]]),
    ) {
        object["metadata"] = json!({"managedFields": [
            {"manager": "kurator", "operation": "Apply", "fieldsV1": fields.clone()},
            {"manager": "kurator", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:b": {}}},
        ]});
        let tree = Tree::parse(&fields);
        prop_assert_eq!(applies(&object, "kurator", &path), tree.owns(&Path::of_fields(&path).0));
        let tree = if path.is_empty() { tree } else { tree.without(&Path::of_fields(&path).0) };
        let part = part::Part { fields: &fields, value: &object, without: &path };
        prop_assert_eq!(serde_json::to_value(&part).unwrap(), tree.project(&object));
        prop_assert_eq!(digest_applied(&object, "kurator", &path), Digest::of_json(&tree.project(&object)));
    }
}
