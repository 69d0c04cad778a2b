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
