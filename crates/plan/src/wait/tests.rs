use model::Digest;

use super::*;
use crate::health::{Part, Reading};

fn seen_state(established: bool, health: Health) -> SeenState {
    SeenState {
        projection: Digest::of(b"p"),
        projection_scaled: Digest::of(b"p"),
        deleting: false,
        established,
        ended: None,
        asked: None,
        stays: false,
        misspelt: Box::default(),
        reading: Reading { part: Part { health, ..Part::default() }, ..Reading::default() },
    }
}

#[test]
fn an_object_is_waited_for_until_it_is_as_its_phase_asks_or_given_up() {
    let key = |kind: &str| ObjectKey { kind: kind.into(), name: "o".into(), ..ObjectKey::default() };
    let (definition, map) = (key("CustomResourceDefinition"), key("ConfigMap"));
    let (new, served) = (seen_state(false, Health::Progressing), seen_state(true, Health::Progressing));
    let (healthy, degraded) = (seen_state(false, Health::Healthy), seen_state(false, Health::Degraded));
    for (wait, key, seen, pending) in [
        (Wait::Accepted, &map, None, false),
        (Wait::Accepted, &definition, Some(&new), false),
        (Wait::Established, &definition, None, true),
        (Wait::Established, &definition, Some(&new), true),
        (Wait::Established, &definition, Some(&served), false),
        // Only definitions have something to establish.
        (Wait::Established, &map, None, false),
        (Wait::Healthy, &map, None, true),
        (Wait::Healthy, &map, Some(&new), true),
        (Wait::Healthy, &map, Some(&degraded), true),
        (Wait::Healthy, &map, Some(&healthy), false),
    ] {
        let observed = Observed { key, seen, is_given_up: false };
        assert_eq!(is_pending(wait, &observed), pending, "{wait:?} {observed:?}");
        assert_eq!(is_ready(wait, &observed), !pending, "{wait:?} {observed:?}");
        assert!(!is_pending(wait, &Observed { is_given_up: true, ..observed }), "{wait:?} {observed:?}");
    }
}

#[test]
fn a_phase_waits_until_its_time_is_over() {
    let seconds = Duration::from_secs;
    for (any_pending, waited, expect) in [
        (false, 0, Plan::GoOn),
        (false, 99, Plan::GoOn),
        (true, 0, Plan::Wait(seconds(60))),
        (true, 59, Plan::Wait(seconds(1))),
        (true, 60, Plan::Overdue("not healthy after 60 s".to_owned())),
        (true, 99, Plan::Overdue("not healthy after 60 s".to_owned())),
    ] {
        assert_eq!(plan(Wait::Healthy, any_pending, seconds(60), seconds(waited)), expect, "{any_pending} {waited}");
    }
    let overdue = |wait| plan(wait, true, seconds(5), seconds(5));
    assert_eq!(overdue(Wait::Established), Plan::Overdue("not Established after 5 s".to_owned()));
}
