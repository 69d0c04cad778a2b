use serde_json::json;

use super::*;

fn resource(namespace: &str, name: &str, earlier: &[&str]) -> Resource {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}});
    let key = |name: &&str| ObjectKey { name: (*name).to_owned(), ..ObjectKey::of(&object) };
    Resource { earlier: earlier.iter().map(key).collect(), ..Resource::new(object.clone(), Location::default()) }
}

#[test]
fn a_key_that_an_object_has_wins_over_keys_that_others_had() {
    let all = Resources(vec![
        resource("n", "a", &["x", "y", "x"]),
        resource("n", "x", &[]),
        resource("", "b", &["y"]),
        resource("default", "c", &["y", "z"]),
    ]);
    let budget = Budget::default();
    let mut keys = Keys::of(&all, &budget).unwrap();
    let find = |keys: &Keys, namespace: &str, name: &str| {
        let (kind, name) = ("ConfigMap".to_owned(), name.to_owned());
        keys.find(&ObjectKey { group: String::new(), kind, namespace: namespace.to_owned(), name }).to_vec()
    };
    for (namespace, name, expect) in [
        ("n", "x", vec![1]),
        ("n", "y", vec![0]),
        ("n", "a", vec![0]),
        ("n", "none", vec![]),
        // No namespace and `default` are the same.
        ("", "y", vec![2, 3]),
        ("default", "b", vec![2]),
        ("", "z", vec![3]),
    ] {
        assert_eq!(find(&keys, namespace, name), expect, "{namespace}/{name}");
    }
    keys.insert(4, &resource("n", "none", &["y"]));
    assert_eq!((find(&keys, "n", "none"), find(&keys, "n", "y")), (vec![4], vec![0, 4]));
}

#[test]
fn an_object_has_a_bounded_number_of_names() {
    let names: Vec<String> = (0..=EARLIER_MAX).map(|n| format!("n{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(Resources(vec![resource("n", "a", &names[..EARLIER_MAX])]).check(), Ok(()));
    let error = Resources(vec![resource("n", "a", &names)]).check().unwrap_err();
    assert!(matches!(error, RenderError::TooManyNames { limit: EARLIER_MAX, .. }), "{error}");
}
