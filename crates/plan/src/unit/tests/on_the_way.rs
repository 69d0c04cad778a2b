//! A unit whose artifact is being fetched again.

use super::*;

#[test]
fn a_unit_whose_artifact_is_on_its_way_stays_as_it_is_and_stops_no_other() {
    let mut world = World::new(&["a"]);
    let (first, second) = (world.units[0].id.clone(), world.owner.unit(Some("second")));
    world.on_the_way = vec![first.clone()];
    assert!(world.step().is_settled(), "a unit that was never decided is not explained yet");
    world.on_the_way.clear();
    world.step();
    let before = world.decisions.clone();
    // A commit comes, the cache loses it before it is rendered, and another unit is made meanwhile.
    world.units[0].inputs = Some(tree("c2", "./a"));
    world.units.push(UnitSpec { id: second.clone(), ..world.units[0].clone() });
    world.on_the_way = vec![first.clone()];
    let plan = world.step();
    let written: Vec<&UnitId> = plan.write_decisions.iter().map(|(_, decision)| &decision.unit).collect();
    assert_eq!(written, [&second]);
    assert!(before.iter().all(|(name, decision)| world.decisions[name] == *decision));
    // An edit that needs no rendering is taken.
    world.units[0].suspend = true;
    let plan = world.step();
    assert_eq!(plan.write_decisions.len(), 1);
    let decision = &plan.write_decisions[0].1;
    assert!(
        decision.suspended
            && decision.frozen.is_none()
            && decision.explanation == before.values().next().unwrap().explanation
    );
    world.on_the_way.clear();
    world.step();
    let decided = world.decisions.values().find(|decision| decision.unit == first).unwrap();
    assert_eq!(decided.members[&name("a")].epoch, 2);
}
