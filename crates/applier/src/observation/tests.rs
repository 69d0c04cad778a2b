use model::ObjectKey;
use plan::health::Reading;
use serde_json::json;

use super::*;

fn key(name: &str) -> Arc<HashedKey> {
    ObjectKey { kind: "ConfigMap".into(), name: name.into(), ..ObjectKey::default() }.into()
}

fn observation(message: &str) -> Observation {
    let state = SeenState::of(&json!({"apiVersion": "v1", "kind": "ConfigMap"}));
    let reading = Reading { message: message.to_owned(), ..state.reading.clone() };
    let state = Arc::new(SeenState { reading, ..state });
    Observation { seen: Seen { uid: Uid::default(), state }, version: None, recalled: None }
}

fn sum(observations: &Observations) -> usize {
    observations.by_key.iter().map(|(key, observation)| weight(key, observation)).sum()
}

#[test]
fn what_is_kept_is_weighed_through_every_change() {
    let mut all = Observations::default();
    for n in 0..100 {
        all.insert(key(&format!("c{n}")), observation(&"x".repeat(n)));
    }
    all.insert(key("c7"), observation(&"y".repeat(5_000)));
    assert_eq!((all.len(), all.weight()), (100, sum(&all)));
    all.insert(key("c7"), observation(""));
    all.remove(&key("c8"));
    all.remove(&key("c8"));
    assert_eq!((all.len(), all.weight()), (99, sum(&all)));
    all.retain(|key, _| key.name.ends_with('9'));
    assert_eq!((all.len(), all.weight()), (10, sum(&all)));
    all.retain(|_, _| false);
    assert_eq!((all.len(), all.weight(), all.by_key.capacity()), (0, 0, 0));
}

#[test]
fn a_few_long_names_or_messages_take_the_room_of_many_short_ones() {
    let long = "x".repeat(limit::OBSERVATIONS_BYTES_MAX / 4);
    for (name, message) in [(long.as_str(), ""), ("c", long.as_str())] {
        let mut all = Observations::default();
        for n in 0..4 {
            assert!(all.has_room(), "{n}");
            all.insert(key(&format!("{n}{name}")), observation(message));
        }
        assert!(!all.has_room());
        all.remove(&key(&format!("0{name}")));
        assert!(all.has_room());
    }
}

#[test]
fn a_list_weighs_names_uids_messages_and_what_was_recalled() {
    let long = "x".repeat(10_000);
    let plain = (key("c"), observation(""));
    let uid = Seen { uid: long.as_str().into(), ..plain.1.seen.clone() };
    let accepted = plan::apply::Accepted { admission: vec![long.clone()], ..Default::default() };
    let recalled = Some(Box::new((Digest::of(b""), Recalled::Known(accepted))));
    let heavy = [
        (key(&long), observation("")),
        (key("c"), observation(&long)),
        (key("c"), Observation { seen: uid, ..observation("") }),
        (key("c"), Observation { recalled, ..observation("") }),
    ];
    assert!(plain.weight() < 1_000, "{}", plain.weight());
    for item in heavy {
        assert!(item.weight() > 10_000, "{item:?}");
    }
}
