use model::ObjectKey;
use serde_json::json;

use super::*;

fn resource() -> Arc<Resource> {
    Arc::new(Resource::core("ConfigMap", "configmaps", true))
}

/// An object as one member lists it.
fn text(name: &str, data: &str, uid: &str) -> String {
    json!({"metadata": {"name": name, "uid": uid, "resourceVersion": "1"}, "data": {"a": data}}).to_string()
}

fn lookalike(name: &str, data: &str) -> Lookalike {
    let key = ObjectKey { kind: "ConfigMap".to_owned(), name: name.to_owned(), ..ObjectKey::default() };
    let state = SeenState::of(&json!({"data": {"a": data}}));
    Lookalike::new(&text(name, data, "u"), key.into(), Arc::new(state), None).unwrap()
}

/// Reads a list, and says of which objects it was known how they are written.
fn read(lookalikes: &Lookalikes, objects: &[(&str, &str)]) -> Vec<bool> {
    let mut reading = Reading::from(lookalikes.of_kind(&resource()));
    let found = |&(name, data): &(&str, &str)| {
        let known = match reading.find(&text(name, data, "other")) {
            Some((one, own)) => {
                assert_eq!((one.key.name.as_str(), own.uid), (name, "other"));
                true
            }
            None => false,
        };
        if !known && reading.is_worth_learning(&lookalike(name, data).key) {
            reading.learn(lookalike(name, data));
        }
        known
    };
    objects.iter().map(found).collect()
}

#[test]
fn one_list_after_the_other_learns_what_members_have() {
    let lookalikes = Lookalikes::default();
    let _about_to_read = lookalikes.of_kind(&resource());
    let (a, b, c) = (("a", "1"), ("b", "1"), ("c", "1"));
    assert_eq!(read(&lookalikes, &[a, c]), [false, false]);
    assert_eq!(read(&lookalikes, &[a, b, c]), [true, false, true], "one that comes between others");
    assert_eq!(read(&lookalikes, &[a, b, c]), [true, true, true]);
    assert_eq!(read(&lookalikes, &[b]), [true]);
    assert_eq!(read(&lookalikes, &[c, a]), [true, false], "in the order of the list only");
    let changed = ("b", "2");
    assert_eq!(read(&lookalikes, &[a, changed, c]), [true, false, true]);
    assert_eq!(read(&lookalikes, &[a, changed, c]), [true, true, true], "in place of what it was before");
    assert_eq!(read(&lookalikes, &[a, b, c]), [true, false, true]);
}

#[test]
fn nothing_is_kept_once_no_list_is_read() {
    let lookalikes = Lookalikes::default();
    let waits = lookalikes.of_kind(&resource());
    assert_eq!(read(&lookalikes, &[("a", "1")]), [false]);
    assert_eq!(read(&lookalikes, &[("a", "1")]), [true]);
    drop(waits);
    assert_eq!(read(&lookalikes, &[("a", "1")]), [false]);
    assert_eq!(lookalikes.0.lock().unwrap().len(), 1);
}

#[test]
fn of_much_text_nothing_is_handed_on() {
    let lookalikes = Lookalikes::default();
    let _about_to_read = lookalikes.of_kind(&resource());
    let large = "x".repeat(BYTES_MAX / 2);
    let (a, b) = (("a", large.as_str()), ("b", large.as_str()));
    assert_eq!(read(&lookalikes, &[a]), [false]);
    assert_eq!(read(&lookalikes, &[a, b]), [true, false]);
    assert_eq!(read(&lookalikes, &[a]), [false]);
    // While a list is read no more is kept, however much a member lists.
    let mut reading = Reading::from(lookalikes.of_kind(&resource()));
    for name in ["c", "d", "e", "f"] {
        reading.learn(lookalike(name, &large));
        assert!(reading.weight <= BYTES_MAX);
    }
    assert_eq!(reading.list.len(), 1);
}

#[test]
fn an_object_that_each_member_writes_otherwise_is_not_learned_again_and_again() {
    let lookalikes = Lookalikes::default();
    let _about_to_read = lookalikes.of_kind(&resource());
    for times in 0..=REPLACED_MAX {
        assert_eq!(read(&lookalikes, &[("a", &times.to_string()), ("b", "1")]), [false, times > 0]);
    }
    assert_eq!(read(&lookalikes, &[("a", "other"), ("b", "1")]), [false, true]);
    let last = REPLACED_MAX.to_string();
    assert_eq!(read(&lookalikes, &[("a", "other"), ("a", &last)]), [false, true], "what was learned last stays");
}
