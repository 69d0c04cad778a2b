use std::num::NonZeroU64;

use api::delivery::UnitId;
use plan::apply::{Seen, SeenState};
use plan::rights::Rights;
use serde_json::json;

use super::*;
use crate::limit;

fn key(name: usize) -> Arc<HashedKey> {
    let (kind, namespace, name) = ("ConfigMap".into(), "shop".into(), format!("c{name}"));
    ObjectKey { kind, namespace, name, ..ObjectKey::default() }.into()
}

#[tokio::test(start_paused = true)]
async fn what_is_seen_of_a_kind_that_cannot_be_seen_is_dropped_each_time_and_not_taken_from_answers() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"uid": "u", "resourceVersion": "7"}});
    let states = plan::pool::Pool::default();
    let observation = || Observation::of(&object, &states);
    let (mut view, key) = (View::default(), key(0));
    let kind = key.group_kind();
    let blind = |why: &str| Event::Blind(kind.clone().into(), why.to_owned());
    view.observations.insert(Arc::clone(&key), observation());
    assert_eq!(view.apply_event(blind("no")), Changed::All);
    assert_eq!(view.observations.len(), 0);
    view.note_observation(&key, observation());
    assert_eq!(view.observations.len(), 0, "no watch would take it back");
    assert_eq!(view.apply_event(blind("no")), Changed::Nothing);
    // However it came there: what is dropped is told.
    view.observations.insert(Arc::clone(&key), observation());
    assert_eq!(view.apply_event(blind("no")), Changed::All);
    view.apply_event(blind(&"w".repeat(2_000_000)));
    let why = view.hidden(&key, Instant::now()).unwrap_or_default();
    assert_eq!(why.chars().count(), limit::HIDDEN_WORDS_MAX);
    // While the list is on the way, an answer stands for what it will show, for a while.
    view.kinds.insert(kind.clone().into(), Kind::Listing(Instant::now()));
    view.note_observation(&key, observation());
    assert_eq!((view.observations.len(), view.hidden(&key, Instant::now())), (1, None));
    tokio::time::advance(limit::LISTED_WITHIN).await;
    assert!(view.hidden(&key, Instant::now()).is_some());
    view.apply_event(Event::Listed(kind.clone().into(), NonZeroU64::new(8), Vec::new()));
    assert_eq!((view.observations.len(), view.hidden(&key, Instant::now())), (0, None));
}

#[test]
fn an_answer_that_comes_after_a_later_event_takes_nothing_of_it_back() {
    let states = plan::pool::Pool::default();
    let at = |version: &str, generation: u64, observed: u64| {
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"uid": "u", "resourceVersion": version, "generation": generation},
            "spec": {"replicas": 1}, "status": {"observedGeneration": observed}});
        Observation::of(&object, &states)
    };
    let (mut view, key) = (View::default(), key(0));
    // What a controller makes of our change arrives before the answer to the change does.
    view.apply_event(Event::Seen(Arc::clone(&key), at("8", 1, 1)));
    view.claims.set_desires(&UnitId::new("g", "Kind", "default", "a", None), [&key]);
    view.apply_event(Event::Seen(Arc::clone(&key), at("10", 2, 2)));
    view.note_observation(&key, at("9", 2, 1));
    assert_eq!(view.observations.get(&key), Some(&at("10", 2, 2)));
    view.note_observation(&key, at("11", 3, 2));
    assert_eq!(view.observations.get(&key), Some(&at("11", 3, 2)));
}

#[test]
fn a_member_that_names_objects_without_end_fills_no_memory() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"uid": "u", "resourceVersion": "7"}});
    let states = plan::pool::Pool::default();
    let observation = Observation::of(&object, &states);
    let mut view = View::default();
    let (max, wanted) = (limit::OBSERVATIONS_MAX, key(limit::OBSERVATIONS_MAX + 1));
    view.claims.set_desires(&UnitId::new("g", "Kind", "default", "a", None), [&wanted]);
    let listed = (0..=max).map(|name| (key(name), observation.clone())).collect();
    view.apply_event(Event::Listed(wanted.group_kind().into(), NonZeroU64::new(7), listed));
    assert_eq!(view.observations.len(), max);
    view.apply_event(Event::Seen(key(max + 2), observation.clone()));
    assert_eq!(view.observations.len(), max);
    // What a unit wants is kept, and what is kept goes on.
    assert_eq!(view.apply_event(Event::Seen(Arc::clone(&wanted), observation.clone())), Changed::Object(wanted));
    assert_eq!(view.observations.len(), max + 1);
    let state = SeenState { established: true, ..SeenState::clone(&observation.seen.state) };
    let seen = Seen { state: Arc::new(state), ..observation.seen };
    let (later, third) = (Observation { version: NonZeroU64::new(8), seen, recalled: None }, key(3));
    assert_eq!(view.apply_event(Event::Seen(Arc::clone(&third), later)), Changed::Object(third));
    assert!(view.observations.get(&key(3)).unwrap().seen.state.established);
}

#[test]
fn what_is_gone_is_told_to_units_that_have_it_also_when_what_was_seen_of_it_was_let_go() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"uid": "u", "resourceVersion": "7"}});
    let states = plan::pool::Pool::default();
    let last = || Observation::of(&object, &states);
    let (mut view, held, unknown) = (View::default(), key(1), key(2));
    let unit = UnitId::new("g", "Kind", "default", "a", None);
    view.claims.set_desires(&unit, [&held]);
    assert_eq!(
        view.apply_event(Event::Gone(Arc::clone(&held), NonZeroU64::new(8), last())),
        Changed::Object(Arc::clone(&held))
    );
    assert_eq!(view.apply_event(Event::Gone(unknown, NonZeroU64::new(8), last())), Changed::Nothing);
    // Another one was made in its place since.
    view.observations.insert(Arc::clone(&held), Observation { version: NonZeroU64::new(9), ..last() });
    assert_eq!(view.apply_event(Event::Gone(held, NonZeroU64::new(8), last())), Changed::Nothing);
}

#[test]
fn jobs_that_are_named_per_commit_do_not_add_up() {
    let states = plan::pool::Pool::default();
    let done = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"uid": "u", "resourceVersion": "7"},
        "status": {"conditions": [{"type": "Complete", "status": "True"}]}});
    let unit = UnitId::new("g", "Kind", "default", "a", None);
    let mut view = View::default();
    for n in 0..ENDED_SWEPT_FIRST * 20 {
        let (kind, namespace, name) = ("Job".into(), "shop".into(), format!("migrate-{n}"));
        let job: Arc<HashedKey> = ObjectKey { group: "batch".into(), kind, namespace, name }.into();
        view.claims.set_desires(&unit, [&job]);
        view.apply_event(Event::Gone(Arc::clone(&job), NonZeroU64::new(8), Observation::of(&done, &states)));
        assert!(view.ended.contains_key(&job), "that of this commit is remembered");
        assert!(view.ended.len() <= ENDED_SWEPT_FIRST, "{}", view.ended.len());
    }
}

#[test]
fn what_ran_to_its_end_is_remembered_when_it_goes() {
    let object = |condition: &str| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"uid": "u", "resourceVersion": "7"},
            "status": {"conditions": [{"type": condition, "status": "True"}]}})
    };
    let states = plan::pool::Pool::default();
    let (kind, namespace, name) = ("Job".into(), "shop".into(), "j".into());
    let job: Arc<HashedKey> = ObjectKey { group: "batch".into(), kind, namespace, name }.into();
    let unit = UnitId::new("g", "Kind", "default", "a", None);
    for (condition, expect) in [("Complete", Some(false)), ("Failed", Some(true)), ("Suspended", None)] {
        let last = Observation::of(&object(condition), &states);
        let ended = |view: &View| view.ended.get(&job).map(|(_, failed)| *failed);
        let mut view = View::default();
        view.claims.set_desires(&unit, [&job]);
        view.apply_event(Event::Gone(Arc::clone(&job), NonZeroU64::new(8), last.clone()));
        assert_eq!(ended(&view), expect, "{condition}");
        // A list that has it no more tells as much.
        let mut view = View::default();
        view.claims.set_desires(&unit, [&job]);
        view.observations.insert(Arc::clone(&job), last.clone());
        view.apply_event(Event::Listed(job.group_kind().into(), NonZeroU64::new(9), Vec::new()));
        assert_eq!(ended(&view), expect, "{condition}");
        // Of what no unit has nothing is kept.
        let mut view = View::default();
        view.apply_event(Event::Gone(Arc::clone(&job), NonZeroU64::new(8), last));
        assert_eq!(ended(&view), None);
    }
}

#[test]
fn what_is_said_of_one_namespace_says_nothing_of_another() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"uid": "u", "resourceVersion": "7"}});
    let observation = Observation::of(&object, &plan::pool::Pool::default());
    let in_namespace = |namespace: &str| -> Arc<HashedKey> {
        let (kind, namespace) = ("ConfigMap".into(), namespace.into());
        ObjectKey { kind, namespace, name: "c".into(), ..ObjectKey::default() }.into()
    };
    let rights = Rights::in_namespaces(["a".to_owned(), "b".to_owned()], String::new());
    let ((a, b), mut view) = ((in_namespace("a"), in_namespace("b")), View::default());
    let (of_a, of_b) = (Collection::of(&a, &rights), Collection::of(&b, &rights));
    assert_eq!(of_a.to_string(), "ConfigMap in a");
    for (key, of) in [(&a, &of_a), (&b, &of_b)] {
        view.apply_event(Event::Listed(of.clone(), NonZeroU64::new(7), vec![(Arc::clone(key), observation.clone())]));
    }
    view.apply_event(Event::Listed(of_a.clone(), NonZeroU64::new(8), Vec::new()));
    assert!(!view.observations.contains_key(&a) && view.observations.contains_key(&b));
    let now = Instant::now();
    view.apply_event(Event::Blind(of_a, "no".to_owned()));
    assert_eq!((view.hidden(&a, now), view.hidden(&b, now)), (Some("no"), None));
    assert_eq!(view.observations.len(), 1);
    view.apply_event(Event::Absent(of_b));
    assert!(view.hidden(&b, now).is_some() && view.observations.len() == 0);
    // Without limits it is all of the kind.
    assert!(Collection::of(&a, &Rights::default()).has(&b));
}
