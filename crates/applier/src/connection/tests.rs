use api::delivery::UnitId;
use plan::apply::{Seen, SeenState};
use serde_json::json;

use super::*;
use crate::limit;

fn key(name: usize) -> ObjectKey {
    ObjectKey { kind: "ConfigMap".into(), namespace: "shop".into(), name: format!("c{name}"), ..ObjectKey::default() }
}

#[test]
fn a_member_that_names_objects_without_end_fills_no_memory() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"uid": "u", "resourceVersion": "7"}});
    let states = plan::pool::Pool::default();
    let observation = Observation::of(&object, &states);
    let mut view = View::default();
    let (max, wanted) = (limit::OBSERVATIONS_MAX, Arc::new(key(limit::OBSERVATIONS_MAX + 1)));
    view.claims.set_desires(&UnitId::new("g", "Kind", "default", "a", None), [&wanted]);
    let listed = (0..=max).map(|name| (Arc::new(key(name)), observation.clone())).collect();
    view.take(Event::Listed(wanted.group_kind(), Some(7), listed));
    assert_eq!(view.observations.len(), max);
    view.take(Event::Seen(Arc::new(key(max + 2)), observation.clone()));
    assert_eq!(view.observations.len(), max);
    // What a unit wants is kept, and what is kept goes on.
    assert_eq!(view.take(Event::Seen(Arc::clone(&wanted), observation.clone())), Changed::Object(wanted));
    assert_eq!(view.observations.len(), max + 1);
    let state = SeenState { established: true, ..SeenState::clone(&observation.seen.state) };
    let seen = Seen { state: Arc::new(state), ..observation.seen };
    let (later, third) = (Observation { version: Some(8), seen, recalled: None }, Arc::new(key(3)));
    assert_eq!(view.take(Event::Seen(Arc::clone(&third), later)), Changed::Object(third));
    assert!(view.observations.get(&key(3)).unwrap().seen.state.established);
}
