use std::sync::Arc;

use model::Uid;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn hub(n: u8) -> HubId {
    HubId::from_random([n; 10])
}

fn unit(name: &str) -> UnitId {
    UnitId::new("apps.kurator.dev", "Application", "default", name, Some("p"))
}

fn key(name: &str) -> Arc<HashedKey> {
    ObjectKey { kind: "ConfigMap".into(), namespace: "shop".into(), name: name.into(), ..ObjectKey::default() }.into()
}

fn inventory(name: &str, objects: &[&str]) -> (UnitId, Inventory) {
    let mut out = Inventory::empty(unit(name));
    for object in objects {
        out.put_entry(
            key(object),
            Entry { uid: Some(Uid::from(*object)), doomed: std::num::NonZeroU64::new(1), ..Entry::default() },
        );
    }
    (unit(name), out)
}

fn decide(
    theirs: &BTreeMap<UnitId, Inventory>,
    ours: &BTreeMap<UnitId, Inventory>,
    approved: Option<Digest>,
) -> (Plan, MemberTakeOver) {
    plan(&Observed { from: &hub(1), theirs, ours, approved, labelled: 0, unreadable: (0, None) })
}

#[test]
fn nothing_is_taken_before_exactly_this_list_is_approved() {
    let theirs = BTreeMap::from([inventory("a", &["x", "y"]), inventory("b", &[])]);
    let none = BTreeMap::new();
    let (plan, said) = decide(&theirs, &none, None);
    assert_eq!((plan, said.state), (Plan::default(), TakeOverState::Held));
    assert_eq!((said.units, said.objects, said.list[0].first.len()), (2, 2, 2));
    let other = BTreeMap::from([inventory("a", &["x"]), inventory("b", &[])]);
    let (plan, _) = decide(&theirs, &none, Some(decide(&other, &none, None).1.digest));
    assert!(!plan.go, "another list was approved");
    let (plan, said) = decide(&theirs, &none, Some(said.digest));
    assert_eq!((plan.go, plan.write.len(), said.state), (true, 2, TakeOverState::Going));
    let taken = &plan.write[0];
    assert!(taken.is_changed() && plan.write[1].is_changed(), "one without objects is written too");
    assert_eq!((taken.unit.clone(), taken.epoch()), (unit("a"), 0));
    assert!(
        taken.entries().values().all(|entry| entry.doomed.is_none()),
        "what the other hub released is not released here"
    );
}

#[test]
fn a_take_over_that_was_cut_off_goes_on() {
    let theirs = BTreeMap::from([inventory("a", &["x"]), inventory("b", &["y"])]);
    let digest = decide(&theirs, &BTreeMap::new(), None).1.digest;
    // One of two inventories is written: the list is the same, so that the approval still is of it.
    let ours = BTreeMap::from([inventory("a", &["x"])]);
    let (plan, _) = decide(&theirs, &ours, Some(digest));
    assert_eq!(plan.write.iter().map(|i| i.unit.clone()).collect::<Vec<_>>(), [unit("b")]);
    // Both are written, and one of the others is deleted: what is left is recorded here.
    let ours = BTreeMap::from([inventory("a", &["x"]), inventory("b", &["y"])]);
    let rest = BTreeMap::from([inventory("b", &["y"])]);
    let (plan, said) = decide(&rest, &ours, Some(digest));
    assert_eq!((plan.go, plan.write.len(), said.state), (true, 0, TakeOverState::Going));
    let (plan, said) = decide(&BTreeMap::new(), &ours, Some(digest));
    assert_eq!((plan.go, said.state, said.objects), (false, TakeOverState::Done, 0));
}

#[test]
fn what_this_hub_knows_of_an_object_counts() {
    let theirs = BTreeMap::from([inventory("a", &["x", "y"])]);
    let (a, mut ours) = inventory("a", &["x"]);
    ours.update(&key("x"), |entry| entry.adopted = true);
    let ours = BTreeMap::from([(a, ours)]);
    let digest = decide(&theirs, &ours, None).1.digest;
    let (plan, _) = decide(&theirs, &ours, Some(digest));
    let merged = &plan.write[0];
    assert_eq!(merged.entries().len(), 2);
    assert!(merged.get(&key("x")).unwrap().adopted && !merged.get(&key("y")).unwrap().adopted);
}

#[test]
fn nobody_has_seen_what_this_hub_does_not_want_of_it() {
    let (a, theirs) = inventory("a", &["x", "y"]);
    let theirs = BTreeMap::from([(a.clone(), theirs)]);
    let entry: api::feed::UnitEntry =
        serde_json::from_value(json!({"unit": a, "short": a.short(&hub(2)), "revision": "r",
        "epoch": 3, "placed": "2026-11-27T10:00:00Z", "payload": Digest::of(b"payload")}))
        .unwrap();
    let decide = |ours: &BTreeMap<UnitId, Inventory>, labelled| {
        let digest = decide(&theirs, ours, None).1.digest;
        let observed =
            Observed { from: &hub(1), theirs: &theirs, ours, approved: Some(digest), labelled, unreadable: (0, None) };
        plan(&observed).0.write
    };
    let (_, less) = inventory("a", &["x"]);
    let (_, same) = inventory("a", &["x", "y"]);
    // Whatever this hub had of that unit before.
    for ours in [None, Some(less), Some(same.clone())] {
        let ours = ours.into_iter().map(|ours| (a.clone(), ours)).collect();
        let written = decide(&ours, 2);
        let mut taken = written.into_iter().next().unwrap();
        assert!(taken.is_behind(&entry) && taken.is_changed());
        // A take-over that was cut off writes it once.
        assert_eq!(decide(&BTreeMap::from([(a.clone(), taken.clone())]), 2), []);
        taken.judge(&entry, |key| key.name == "x");
        assert!(taken.is_behind(&entry), "y would go");
        taken.judge(&entry, |_| true);
        assert!(!taken.is_behind(&entry), "it is as if this hub had delivered it");
    }
    // The labels are this hub's already: what is recorded was written by the same take-over.
    assert_eq!(decide(&BTreeMap::from([(a.clone(), same)]), 0), []);
}

#[test]
fn inventories_that_cannot_be_read_are_said_and_stay() {
    let theirs = BTreeMap::new();
    let unreadable = (2, Some("shard 0 is not readable".to_owned()));
    let observed =
        Observed { from: &hub(1), theirs: &theirs, ours: &BTreeMap::new(), approved: None, labelled: 0, unreadable };
    let (_, said) = plan(&observed);
    assert_eq!(said.state, TakeOverState::Stuck);
    assert_eq!(said.message, "2 of its inventories cannot be taken over, and stay: shard 0 is not readable");
}

#[test]
fn only_the_recorded_object_with_the_other_hubs_labels_is_taken() {
    let (from, ours) = (hub(1), hub(2));
    let part_of = |of: &HubId, name: &str| inventory::applyset_id(&unit(name).short(of));
    let live = |uid: &str, hub: Option<&HubId>, part_of: &str| {
        let mut live = json!({"metadata": {"uid": uid, "labels": {"app": "x"}}});
        if let Some(hub) = hub {
            live["metadata"]["labels"][label::HUB] = json!(hub.as_str());
            live["metadata"]["labels"][label::APPLYSET_PART_OF] = json!(part_of);
        }
        live
    };
    let recorded = Entry { uid: Some("u".into()), ..Entry::default() };
    let begun = Entry::default();
    for (entry, live, expect) in [
        (&recorded, live("u", Some(&from), &part_of(&from, "a")), Standing::Theirs),
        (&recorded, live("u", Some(&ours), &part_of(&ours, "a")), Standing::Ours),
        (&recorded, live("v", Some(&from), &part_of(&from, "a")), Standing::Neither),
        (&recorded, live("u", Some(&from), &part_of(&from, "b")), Standing::Neither),
        (&recorded, live("u", Some(&hub(3)), &part_of(&hub(3), "a")), Standing::Neither),
        (&recorded, live("u", None, ""), Standing::Neither),
        (&begun, live("v", Some(&from), &part_of(&from, "a")), Standing::Theirs),
        (&begun, live("v", None, ""), Standing::Neither),
    ] {
        assert_eq!(standing(&live, entry, &unit("a"), &from, &ours), expect, "{entry:?} {live}");
    }
    let live = live("u", Some(&from), &part_of(&from, "a"));
    let mut taken = live.clone();
    let patch = relabel(&live, &unit("a"), &ours);
    for (name, value) in patch["metadata"]["labels"].as_object().unwrap() {
        taken["metadata"]["labels"][name] = value.clone();
    }
    assert_eq!(standing(&taken, &recorded, &unit("a"), &from, &ours), Standing::Ours);
    assert_eq!(taken["metadata"]["labels"]["app"], "x");
}

proptest! {
    /// Whatever both hubs recorded: without the approval of exactly this list, nothing is written that is not recorded already.
    #[test]
    fn only_an_approved_list_is_recorded(
        theirs in proptest::collection::btree_map(0_u8..3, proptest::collection::btree_set(0_u8..4, 0..4), 0..3),
        ours in proptest::collection::btree_map(0_u8..3, proptest::collection::btree_set(0_u8..4, 0..4), 0..3),
    ) {
        let all = |of: &BTreeMap<u8, std::collections::BTreeSet<u8>>| -> BTreeMap<UnitId, Inventory> {
            let one = |(unit, objects): (&u8, &std::collections::BTreeSet<u8>)| {
                let names: Vec<String> = objects.iter().map(|n| format!("o{n}")).collect();
                inventory(&format!("u{unit}"), &names.iter().map(String::as_str).collect::<Vec<_>>())
            };
            of.iter().map(one).collect()
        };
        let (theirs, ours) = (all(&theirs), all(&ours));
        let (plan, said) = decide(&theirs, &ours, None);
        prop_assert!(plan.write.is_empty());
        let (plan, _) = decide(&theirs, &ours, Some(said.digest));
        prop_assert_eq!(plan.go, !theirs.is_empty());
        let mut after = ours.clone();
        for inventory in plan.write {
            after.insert(inventory.unit.clone(), inventory);
        }
        for (unit, inventory) in &theirs {
            prop_assert!(inventory.entries().keys().all(|key| after[unit].get(key).is_some()));
        }
        // What is left of it goes on without the approval, and only when no object is the other hub's: both hubs have recorded
        // the same objects also after the other one has taken them back.
        prop_assert_eq!(decide(&theirs, &after, None).0.go, !theirs.is_empty());
        let observed =
            Observed { from: &hub(1), theirs: &theirs, ours: &after, approved: None, labelled: 1, unreadable: (0, None) };
        prop_assert!(!super::plan(&observed).0.go);
    }
}
