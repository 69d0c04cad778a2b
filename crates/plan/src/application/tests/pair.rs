//! How each unit is at each member: names, reasons and times of the entries of `syncStatus`.

use super::*;

#[test]
fn no_two_entries_have_one_name_and_a_settled_status_keeps_its_times() {
    let long = "p".repeat(60);
    for policies in [vec![long.as_str()], vec!["A", "a"], vec!["x", "x-attachedcluster-y"]] {
        let policy =
            |name: &&str| json!({"name": name, "kustomization": {"interval": "1m", "prune": true, "path": "./a"}});
        let mut world = World::new(policies.iter().map(policy).collect(), &["one", "two"]);
        world.members.insert(name("y-attachedcluster-z"), MemberFacts::new(Reach::Reachable));
        let members = ["one", "two", "z", "y-attachedcluster-z"];
        world.fleet = FleetFacts::Found(members.iter().map(|m| candidate(m)).collect());
        world.step();
        // One is ready, the other ones are not.
        let entry = world.decisions.values().find_map(|d| d.members.get(&name("one"))).unwrap();
        let (revision, epoch, applied) = (entry.revision.clone(), entry.epoch, entry.digest);
        let unit = world.decisions.values().next().unwrap().unit.clone();
        let status = UnitStatus {
            revision,
            epoch,
            applied,
            phase: UnitPhase::Applied,
            health: Health::Healthy,
            ..world.status()
        };
        world.statuses.insert((unit, name("one")), status);
        world.step();
        let status = |world: &World| world.application.as_ref().unwrap().status.clone().unwrap();
        let settled = status(&world);
        let mut names: Vec<&String> = settled.sync_status.iter().map(|s| &s.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(
            (names.len(), count),
            (policies.len() * members.len(), policies.len() * members.len()),
            "{policies:?}"
        );
        world.step();
        assert_eq!(status(&world), settled, "{policies:?}: a second look a second later changes nothing");
    }
}

#[test]
fn a_member_that_has_an_older_revision_is_on_its_way() {
    let condition = |world: &World| {
        let status = world.application.as_ref().unwrap().status.clone().unwrap();
        let c = api::condition::find(&status.conditions, "Ready").unwrap().clone();
        let entry = status.sync_status[0].kustomization_status.clone().unwrap().conditions[0].clone();
        (c.status, c.reason, c.message, entry.reason)
    };
    let mut world = World::new(one_policy(), &["a"]);
    world.step();
    world.report("a");
    world.step();
    let (status, reason, _, entry) = condition(&world);
    assert_eq!((status.as_str(), reason.as_str(), entry), ("True", "ReconciliationSucceeded", reason.clone()));
    world.source.artifact = Some(artifact("c2"));
    world.step();
    let (status, reason, message, entry) = condition(&world);
    assert_eq!((status.as_str(), reason.as_str(), entry), ("False", "Progressing", reason.clone()));
    let expect = "a: has main@sha1:c1, wanted main@sha1:c2; Applied, Healthy; 0 of 1 ready";
    assert_eq!(message, expect);
    // The same commit with another path.
    world.report("a");
    world.application.as_mut().unwrap().spec.sync_policies[0].kustomization.as_mut().unwrap().inputs.path =
        Some("./b".into());
    world.step();
    let message = condition(&world).2;
    assert!(message.starts_with("a: has main@sha1:c2 as an earlier edit had it; "), "{message}");
    // A policy that loses its kustomization is not implemented, whatever runs.
    world.application.as_mut().unwrap().spec.sync_policies[0].kustomization = None;
    world.step();
    let (status, reason, ..) = condition(&world);
    assert_eq!((status.as_str(), reason.as_str()), ("False", "NotImplemented"));
}
