use api::delivery::UnitId;
use serde_json::json;

use super::*;

fn key(name: usize) -> ObjectKey {
    ObjectKey { kind: "ConfigMap".into(), namespace: "shop".into(), name: format!("c{name}"), ..ObjectKey::default() }
}

#[test]
fn a_member_that_names_objects_without_end_fills_no_memory() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"uid": "u", "resourceVersion": "7"}});
    let observation = Observation::of(&object);
    let mut view = View::default();
    let (max, wanted) = (limit::OBSERVATIONS_MAX, Arc::new(key(limit::OBSERVATIONS_MAX + 1)));
    view.claims.set_desires(&UnitId::new("g", "Kind", "default", "a", None), [&wanted]);
    let listed = (0..=max).map(|name| (key(name), observation.clone())).collect();
    view.take(Event::Listed(wanted.group_kind(), Some(7), listed));
    assert_eq!(view.observations.len(), max);
    view.take(Event::Seen(key(max + 2), observation.clone()));
    assert_eq!(view.observations.len(), max);
    // What a unit wants is kept, and what is kept goes on.
    assert_eq!(view.take(Event::Seen(ObjectKey::clone(&wanted), observation.clone())), Changed::Object(key(max + 1)));
    assert_eq!(view.observations.len(), max + 1);
    let later = Observation { version: Some(8), established: true, ..observation };
    assert_eq!(view.take(Event::Seen(key(3), later)), Changed::Object(key(3)));
    assert!(view.observations[&key(3)].established);
}
