use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::delivery::{HubId, ObjectSet};
use proptest::prelude::*;

use super::*;
use crate::handover::Intent;
use crate::inventory::Entry;

mod behind;
mod container;
mod named;

fn hub() -> HubId {
    HubId::from_random([3; 10])
}

fn unit(name: &str) -> UnitId {
    UnitId::new("apps.kurator.dev", "Application", "default", name, None)
}

fn key(kind: &str, name: &str) -> Arc<HashedKey> {
    ObjectKey { kind: kind.into(), namespace: "shop".into(), name: name.into(), ..ObjectKey::default() }.into()
}

fn entry_of(unit: &UnitId) -> UnitEntry {
    UnitEntry {
        unit: unit.clone(),
        short: unit.short(&hub()),
        revision: "r".into(),
        epoch: 5,
        placed: None,
        known_since: None,
        given_back: None,
        payload: Digest::of(b"payload"),
        prune: true,
        suspend: false,
        force: false,
        overwrite: false,
        approved: None,
        approved_shown: None,
        claimed: None,
        frozen: None,
        removal: Removal::None,
        shown: None,
        unapproved: false,
    }
}

fn confirmed() -> Entry {
    Entry { uid: Some("u".into()), ..Entry::default() }
}

struct World {
    entry: UnitEntry,
    inventory: Inventory,
    desired: KeySet,
    claims: Claims,
    rights: Rights,
    /// Nobody else lives in any other container.
    inhabitants: KeyMap<Inhabitants>,
    settled: bool,
    patient: bool,
    awaits: bool,
}

impl World {
    fn new(has: &[(&str, &str)], wants: &[(&str, &str)]) -> Self {
        let me = unit("a");
        let mut inventory = Inventory::empty(me.clone());
        inventory.raise(&UnitEntry { epoch: 4, ..entry_of(&me) });
        let mut claims = Claims::default();
        for (kind, name) in has {
            inventory.put_entry(key(kind, name), Entry { uid: Some("u".into()), ..Entry::default() });
        }
        claims.set_entries(&me, 5, inventory.entries());
        let desired: KeySet = wants.iter().map(|(k, n)| key(k, n)).collect();
        claims.set_desires(&me, &desired);
        let (entry, inhabitants) = (entry_of(&me), KeyMap::default());
        let rights = Rights::default();
        Self { entry, inventory, desired, claims, rights, inhabitants, settled: true, patient: false, awaits: true }
    }

    fn plan(&self) -> (Plan, Report) {
        let mut inhabitants = self.inhabitants.clone();
        loop {
            let (plan, report) = self.plan_knowing(&inhabitants);
            if plan.look_into.is_empty() {
                return (plan, report);
            }
            assert_eq!(plan, Plan { look_into: plan.look_into.clone(), ..Plan::default() }, "first it is looked");
            inhabitants.extend(plan.look_into.into_iter().map(|key| (key, Inhabitants::Nobody)));
        }
    }

    fn plan_knowing(&self, inhabitants: &KeyMap<Inhabitants>) -> (Plan, Report) {
        let Self { entry, inventory, desired, claims, rights, settled, patient, awaits, .. } = self;
        let (settled, patient, awaits) = (*settled, *patient, *awaits);
        plan(&Observed { entry, inventory, desired, claims, rights, inhabitants, settled, patient, awaits })
    }

    /// Records what the plan releases.
    fn doom(&mut self, plan: &Plan) {
        if let Some(released) = plan.released {
            let keys = plan.doom.iter().map(|key| &**key);
            self.inventory.doom(keys, released, &self.entry, plan.asked_all);
        }
    }

    fn judge(&mut self) {
        let desired = &self.desired;
        self.inventory.judge(&self.entry, |key| desired.contains(key));
    }

    /// Grants exactly the list that is reported.
    fn approve(&mut self) {
        self.entry.approved = self.plan().1.deletions.map(|d| d.digest);
    }
}

#[test]
fn what_the_source_lost_waits_for_the_guard_and_goes_when_granted() {
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "b")], &[("ConfigMap", "a")]);
    let (plan, report) = world.plan();
    assert_eq!((plan.delete, report.waiting), (vec![], vec![WaitingOn::Guard]));
    assert_eq!(report.deletions.unwrap().sample, ["ConfigMap shop/b"]);
    world.approve();
    let (plan, report) = world.plan();
    assert_eq!(plan.delete, [key("ConfigMap", "b")]);
    assert_eq!(plan.doom, plan.delete);
    assert_eq!(plan.released.unwrap().count, 1);
    assert_eq!(report.deletions.unwrap().state, DeletionState::Released);
}

#[test]
fn a_grant_for_another_list_releases_nothing() {
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "b")], &[("ConfigMap", "a")]);
    world.approve();
    world.desired.clear();
    let (plan, report) = world.plan();
    assert_eq!((plan.delete, plan.doom), (vec![], vec![]));
    assert_eq!(report.deletions.unwrap().count, 2);
}

#[test]
fn a_released_list_goes_on_after_a_restart_and_a_later_one_waits_again() {
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "b"), ("ConfigMap", "c")], &[("ConfigMap", "c")]);
    world.approve();
    let (plan, _) = world.plan();
    world.doom(&plan);
    // One is gone, the grant is no longer in the snapshot, and another object left the source.
    world.inventory.remove(&key("ConfigMap", "a"));
    world.entry.approved = None;
    world.desired.clear();
    let (plan, report) = world.plan();
    assert_eq!(plan.delete, [key("ConfigMap", "b")]);
    let deletions = report.deletions.unwrap();
    assert_eq!((deletions.count, deletions.released, deletions.state), (1, 2, DeletionState::Waiting));
}

#[test]
fn nothing_goes_while_frozen_suspended_unsettled_or_not_asked() {
    let world = || {
        let mut world = World::new(&[("ConfigMap", "b")], &[]);
        world.approve();
        world
    };
    let check = |change: fn(&mut World), expect: WaitingOn| {
        let mut world = world();
        change(&mut world);
        let (plan, report) = world.plan();
        assert_eq!(plan.delete, [], "{expect:?}");
        assert!(report.waiting.contains(&expect), "{:?}", report.waiting);
    };
    check(
        |w| w.entry.frozen = Some("no such branch".into()),
        WaitingOn::Frozen { why: "no such branch".into(), count: 1 },
    );
    check(|w| w.entry.suspend = true, WaitingOn::Suspended(1));
    check(|w| w.settled = false, WaitingOn::Apply(1));
    check(|w| w.entry.prune = false, WaitingOn::NotAsked(1));
    assert_eq!(world().plan().0.delete.len(), 1);
}

#[test]
fn adopted_and_kept_objects_are_released_without_asking() {
    let mut world = World::new(&[("ConfigMap", "a")], &[]);
    for change in
        [|entry: &mut Entry| entry.adopted = true, |entry: &mut Entry| (entry.adopted, entry.kept) = (false, true)]
    {
        world.inventory.update(&key("ConfigMap", "a"), change);
        let (plan, report) = world.plan();
        assert_eq!((plan.release, plan.delete, report.deletions), (vec![key("ConfigMap", "a")], vec![], None));
    }
}

#[test]
fn a_moving_object_is_handed_over_before_anything_else() {
    let mut world = World::new(&[("ConfigMap", "a")], &[]);
    world.claims.set_desires(&unit("b"), [&key("ConfigMap", "a")]);
    let (plan, report) = world.plan();
    assert_eq!(plan, Plan::default());
    assert_eq!(report.waiting, [WaitingOn::Handover(vec![(key("ConfigMap", "a"), unit("b"))])]);
    world.claims.set_entries(&unit("b"), 5, [(&key("ConfigMap", "a"), &confirmed())]);
    assert_eq!(world.plan().0.forget, [key("ConfigMap", "a")]);
}

#[test]
fn a_unit_that_leaves_lets_go_at_last_of_what_nobody_takes_over() {
    let (x, b) = (key("ConfigMap", "x"), unit("b"));
    let world = |change: &dyn Fn(&mut World)| {
        let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "x")], &[]);
        world.claims.set_desires(&unit("b"), [&x]);
        world.entry.removal = Removal::Prune;
        change(&mut world);
        world
    };
    for (patient, awaits, takes_over, leaves) in [
        (true, true, true, false),
        (true, true, false, false),
        // It is on its way, as far as is known.
        (false, true, true, false),
        (false, true, false, true),
        (false, false, true, true),
    ] {
        let mut world = world(&|world| (world.patient, world.awaits) = (patient, awaits));
        world.claims.set_takes_over(&b, takes_over);
        let left = if leaves { vec![(Arc::clone(&x), b.clone())] } else { vec![] };
        let (plan, report) = world.plan();
        assert_eq!(
            (plan.leave, plan.delete),
            (left.clone(), vec![key("ConfigMap", "a")]),
            "{patient} {awaits} {takes_over}"
        );
        assert_eq!(report.waiting, [WaitingOn::Handover(vec![(Arc::clone(&x), b.clone())])]);
        world.entry.removal = Removal::Release;
        let given_back: Vec<_> =
            std::iter::once(key("ConfigMap", "a")).chain(left.into_iter().map(|(x, _)| x)).collect();
        assert_eq!(world.plan().0, Plan { release: given_back, finish: true, ..Plan::default() });
    }
    // A list that waits may be taken back, and one that stays has time.
    let waits: [&dyn Fn(&mut World); 3] = [
        &|world| world.inventory.raise(&UnitEntry { epoch: 9, ..world.entry.clone() }),
        &|world| world.entry.shown = shown(&[]),
        &|world| world.entry.removal = Removal::None,
    ];
    for change in waits {
        let mut world = world(change);
        world.awaits = false;
        assert_eq!(world.plan().0.leave, []);
        world.approve();
        let stays = world.entry.removal.is_none();
        assert_eq!(world.plan().0.leave.len(), usize::from(!stays));
    }
}

#[test]
fn a_restored_hub_deletes_nothing_until_told() {
    let mut world = World::new(&[("ConfigMap", "a")], &[]);
    world.inventory.raise(&UnitEntry { epoch: 9, ..world.entry.clone() });
    let (plan, report) = world.plan();
    assert!(plan.delete.is_empty() && report.deletions.unwrap().behind);
    world.entry.removal = Removal::Prune;
    assert!(world.plan().0.delete.is_empty());
    world.approve();
    let (plan, _) = world.plan();
    assert_eq!(plan.delete.len(), 1);
    world.doom(&plan);
    assert_eq!(world.inventory.epoch(), 5);
}

#[test]
fn a_removal_from_before_the_unit_was_placed_again_deletes_nothing_until_told() {
    let at = |second| Some(model::Timestamp::from_second(second).unwrap());
    let mut world = World::new(&[("ConfigMap", "a")], &[("ConfigMap", "a")]);
    world.entry.placed = at(200);
    world.judge();
    assert!(world.inventory.is_changed(), "the new placement is written, though no key came");
    world.inventory.raise(&world.entry);
    // A backup from between its removal and its new placement, at the same epoch.
    world.entry.placed = at(100);
    world.entry.removal = Removal::Prune;
    let (plan, report) = world.plan();
    assert!(plan.delete.is_empty() && report.deletions.unwrap().behind);
    world.approve();
    assert_eq!(world.plan().0.delete.len(), 1);
}

#[test]
fn a_hub_that_was_behind_is_told_once_or_has_nothing_to_delete() {
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "b")], &[("ConfigMap", "a")]);
    world.inventory.raise(&UnitEntry { epoch: 9, ..world.entry.clone() });
    world.judge();
    // Commits make its epoch as high again; what it forgot it still does not know.
    world.entry.epoch = 12;
    world.judge();
    assert!(world.plan().1.deletions.unwrap().behind);
    let mut told = World { inventory: world.inventory.clone(), ..World::new(&[], &[("ConfigMap", "a")]) };
    told.entry.epoch = 12;
    told.approve();
    let (plan, _) = told.plan();
    told.doom(&plan);
    assert!(!told.inventory.is_behind(&told.entry));
    // Without anything to delete, it knows all that the member has.
    world.desired.insert(key("ConfigMap", "b"));
    world.judge();
    assert!(!world.inventory.is_behind(&world.entry));
}

#[test]
fn a_namespace_with_objects_of_another_unit_is_not_deleted_with_them_in_it() {
    let namespace = ObjectKey { kind: "Namespace".into(), name: "shop".into(), ..ObjectKey::default() };
    let namespace: Arc<HashedKey> = namespace.into();
    let mut world = World::new(&[("ConfigMap", "a")], &[]);
    world.inventory.put_entry(namespace.clone(), Entry::default());
    world.entry.removal = Removal::Prune;
    let theirs = key("ConfigMap", "theirs");
    world.claims.set_entries(&unit("b"), 5, [(&theirs, &confirmed())]);
    world.claims.set_intent(&unit("b"), Intent::Leaves);
    let (plan, report) = world.plan();
    assert_eq!((plan.delete, plan.release), (vec![key("ConfigMap", "a")], vec![]), "the other is leaving too");
    assert_eq!(report.waiting, [WaitingOn::Occupied(vec![namespace.clone()])]);
    world.claims.set_desires(&unit("b"), [&theirs]);
    // The other may be told to leave a moment later.
    world.patient = true;
    let (plan, report) = world.plan();
    assert_eq!((plan.delete, plan.release), (vec![key("ConfigMap", "a")], vec![]));
    assert_eq!(report.waiting, [WaitingOn::Occupied(vec![namespace.clone()])]);
    world.patient = false;
    let (plan, report) = world.plan();
    assert_eq!((plan.delete, plan.release), (vec![key("ConfigMap", "a")], vec![namespace.clone()]));
    let who = "ConfigMap shop/theirs, which app/b has,".to_owned();
    assert_eq!(report.waiting, [WaitingOn::InUse(vec![(namespace, who)])]);
}

#[test]
fn a_unit_that_leaves_does_not_wait_for_ever_for_what_another_one_has_lost() {
    let namespace: Arc<HashedKey> =
        ObjectKey { kind: "Namespace".into(), name: "shop".into(), ..ObjectKey::default() }.into();
    let theirs = key("ConfigMap", "theirs");
    let leaving = |intent: Intent| {
        let mut world = World::new(&[], &[]);
        world.inventory.put_entry(namespace.clone(), confirmed());
        world.entry.removal = Removal::Prune;
        world.claims.set_entries(&unit("b"), 5, [(&theirs, &confirmed())]);
        world.claims.set_intent(&unit("b"), intent);
        world
    };
    let waits = || vec![WaitingOn::Occupied(vec![namespace.clone()])];
    let stays = || vec![WaitingOn::InUse(vec![(namespace.clone(), "ConfigMap shop/theirs, which app/b has,".into())])];
    // The other one does not prune, or waits for a word or for what it has to apply first.
    for intent in [Intent::Keeps, Intent::Prunes] {
        let mut world = leaving(intent);
        world.patient = true;
        let (plan, report) = world.plan();
        assert_eq!((plan.delete, plan.release, report.waiting), (vec![], vec![], waits()), "{intent:?}");
        world.patient = false;
        let (plan, report) = world.plan();
        assert_eq!(
            (plan.delete, plan.release, report.waiting),
            (vec![], vec![namespace.clone()], stays()),
            "{intent:?}"
        );
    }
    // What is on its way out is waited for.
    let mut world = leaving(Intent::Prunes);
    let doomed = Entry { doomed: std::num::NonZeroU64::new(5), ..confirmed() };
    world.claims.set_entries(&unit("b"), 5, [(&theirs, &doomed)]);
    let (plan, report) = world.plan();
    assert_eq!((plan.delete, plan.release, report.waiting), (vec![], vec![], waits()));
    // A unit that stays has time, unless the other one keeps what it has.
    for (intent, waiting) in [(Intent::Prunes, waits()), (Intent::Keeps, stays())] {
        let mut world = leaving(intent);
        world.entry.removal = Removal::None;
        assert_eq!(world.plan().1.waiting, waiting, "{intent:?}");
    }
}

#[test]
fn a_container_in_which_others_live_is_given_back_and_not_in_the_list() {
    let namespace: Arc<HashedKey> =
        ObjectKey { kind: "Namespace".into(), name: "shop".into(), ..ObjectKey::default() }.into();
    let strangers = Inhabitants::Strangers { count: 2, first: "ConfigMap shop/mine".into() };
    for leaving in [true, false] {
        let mut world = World::new(&[("ConfigMap", "a")], &[]);
        world.inventory.put_entry(namespace.clone(), confirmed());
        world.entry.removal = if leaving { Removal::Prune } else { Removal::None };
        world.inhabitants.insert(namespace.clone(), strangers.clone());
        if !leaving {
            let list = world.plan().1.deletions.unwrap();
            assert_eq!(
                (list.count, list.sample),
                (1, vec!["ConfigMap shop/a".to_owned()]),
                "it names what really goes"
            );
            world.approve();
        }
        let (plan, report) = world.plan();
        assert_eq!((plan.delete, plan.release), (vec![key("ConfigMap", "a")], vec![namespace.clone()]));
        let who = "ConfigMap shop/mine and 1 more".to_owned();
        assert_eq!(report.waiting, [WaitingOn::Inhabited(vec![(namespace.clone(), who)])]);
        // While it cannot be seen, nothing is done to it.
        world.inhabitants.insert(namespace.clone(), Inhabitants::unseen("forbidden"));
        world.approve();
        let (plan, report) = world.plan();
        assert_eq!((plan.delete, plan.release), (vec![key("ConfigMap", "a")], vec![]));
        assert_eq!(report.waiting, [WaitingOn::Unseen(vec![(namespace.clone(), "forbidden".to_owned())])]);
    }
}

/// A commit that removes its manifest alone is taken back as if nothing had been.
#[test]
fn a_namespace_stays_the_units_own_while_that_wants_something_in_it() {
    let namespace: Arc<HashedKey> =
        ObjectKey { kind: "Namespace".into(), name: "shop".into(), ..ObjectKey::default() }.into();
    for gone in [&[][..], &["b"]] {
        let has: Vec<_> = ["a"].iter().chain(gone).map(|name| ("ConfigMap", *name)).collect();
        let mut world = World::new(&has, &[("ConfigMap", "a")]);
        world.inventory.put_entry(namespace.clone(), confirmed());
        world.approve();
        let (plan, report) = world.plan();
        let gone: Vec<_> = gone.iter().map(|name| key("ConfigMap", name)).collect();
        assert_eq!((plan.delete, plan.release, plan.asked_all), (gone, vec![], false), "a is wanted");
        let who = "ConfigMap shop/a, which this unit keeps,".to_owned();
        assert_eq!(report.waiting, [WaitingOn::Needed(vec![(namespace.clone(), who)])]);
    }
    // When that goes too, both are in one list, as if the manifest was removed now.
    let mut world = World::new(&[("ConfigMap", "a")], &[]);
    world.inventory.put_entry(namespace.clone(), confirmed());
    let (plan, report) = world.plan();
    assert!(plan.delete.is_empty() && plan.release.is_empty());
    assert_eq!(report.going, [key("ConfigMap", "a"), namespace]);
}

#[test]
fn a_namespace_in_which_a_unit_that_leaves_keeps_something_is_given_back() {
    let namespace: Arc<HashedKey> =
        ObjectKey { kind: "Namespace".into(), name: "shop".into(), ..ObjectKey::default() }.into();
    let mut world = World::new(&[("ConfigMap", "a")], &[]);
    world.inventory.put_entry(namespace.clone(), confirmed());
    world.inventory.put_entry(key("ConfigMap", "b"), Entry { adopted: true, ..confirmed() });
    world.entry.removal = Removal::Prune;
    let (plan, _) = world.plan();
    assert_eq!(plan.delete, [key("ConfigMap", "a")]);
    assert_eq!(plan.release, [key("ConfigMap", "b"), namespace], "b was there before");
}

#[test]
fn leaving_deletes_dependants_first_and_containers_last() {
    let namespace: Arc<HashedKey> =
        ObjectKey { kind: "Namespace".into(), name: "shop".into(), ..ObjectKey::default() }.into();
    let mut world = World::new(&[("ConfigMap", "a"), ("Pod", "p")], &[("ConfigMap", "a")]);
    world.inventory.put_entry(namespace.clone(), Entry::default());
    world.entry.removal = Removal::Prune;
    let (plan, _) = world.plan();
    assert_eq!(plan.delete, [key("Pod", "p"), key("ConfigMap", "a"), namespace.clone()]);
    assert_eq!(waves(&plan.delete), (vec![key("Pod", "p"), key("ConfigMap", "a")], vec![namespace]));
    assert!(plan.finish);
}

#[derive(Clone, Debug)]
struct Case {
    has: BTreeMap<u8, bool>,
    wants: BTreeSet<u8>,
    others_want: BTreeSet<u8>,
    others_hold: BTreeSet<u8>,
    removal: u8,
    prune: bool,
    settled: bool,
    epoch: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let set = || proptest::collection::btree_set(0_u8..8, 0..8);
    (
        proptest::collection::btree_map(0_u8..8, any::<bool>(), 0..8),
        set(),
        set(),
        set(),
        0_u8..3,
        any::<bool>(),
        any::<bool>(),
        1_u64..9,
    )
        .prop_map(|(has, wants, others_want, others_hold, removal, prune, settled, epoch)| Case {
            has,
            wants,
            others_want,
            others_hold,
            removal,
            prune,
            settled,
            epoch,
        })
}

proptest! {
    /// Whatever is approved: only what is in the inventory, never what was adopted, never what this or another unit of
    /// the member desires, and the plan after its own execution has nothing left to do.
    #[test]
    fn prune_touches_only_what_is_ours_and_unwanted(case in case()) {
        let name = |i: &u8| key("ConfigMap", &format!("c{i}"));
        let mut world = World::new(&[], &[]);
        let me = world.entry.unit.clone();
        for (i, adopted) in &case.has {
            world.inventory.put_entry(name(i), Entry { adopted: *adopted, ..Entry::default() });
        }
        world.desired = case.wants.iter().map(&name).collect();
        world.entry.removal = [Removal::None, Removal::Prune, Removal::Release][usize::from(case.removal)];
        world.claims.set_entries(&me, 5, world.inventory.entries());
        if world.entry.removal.is_none() {
            world.claims.set_desires(&me, &world.desired);
        }
        let (want, hold): (Vec<_>, Vec<_>) =
            (case.others_want.iter().map(&name).collect(), case.others_hold.iter().map(&name).collect());
        world.claims.set_desires(&unit("b"), &want);
        let entry = confirmed();
        world.claims.set_entries(&unit("b"), 5, hold.iter().map(|key| (key, &entry)));
        world.entry.prune = case.prune;
        world.entry.epoch = case.epoch;
        world.settled = case.settled;
        let before = world.plan();
        world.approve();
        let (plan, _) = world.plan();
        for gone in &plan.delete {
            let entry = world.inventory.get(gone);
            prop_assert!(entry.is_some_and(|e| !e.adopted), "{gone} is not ours");
            prop_assert!(!case.others_want.iter().any(|i| name(i) == *gone), "{gone} is wanted elsewhere");
            prop_assert!(!world.entry.removal.is_none() || !world.desired.contains(gone), "{gone} is desired");
            prop_assert!(world.entry.removal != Removal::Release);
        }
        for key in plan.release.iter().chain(&plan.forget) {
            prop_assert!(world.inventory.get(key).is_some());
        }
        // Without a grant a source deletes nothing.
        if world.entry.removal.is_none() {
            prop_assert!(before.0.delete.is_empty());
        }
        // Idempotent: once done, nothing more is planned.
        world.doom(&plan);
        for key in plan.delete.iter().chain(&plan.release).chain(&plan.forget) {
            world.inventory.remove(key);
        }
        let (again, _) = world.plan();
        prop_assert!(again.delete.is_empty() && again.release.is_empty() && again.forget.is_empty(), "{again:?}");
    }
}

#[test]
fn a_grant_from_a_backup_releases_nothing_for_a_hub_that_is_behind() {
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "b")], &[("ConfigMap", "a")]);
    world.approve();
    let granted = world.entry.approved;
    assert!(!world.plan().0.delete.is_empty(), "the hub that gave it is at the member's epoch");
    // The same names are stale again at a later epoch, and a hub of the earlier epoch comes back with its grant.
    let later = UnitEntry { epoch: 9, ..world.entry.clone() };
    world.inventory.raise(&later);
    let (plan, report) = world.plan();
    assert_eq!((plan.delete, plan.doom), (vec![], vec![]));
    let list = report.deletions.unwrap();
    assert!(list.behind && Some(list.digest) != granted);
    world.entry.approved = Some(list.digest);
    assert_eq!(world.plan().0.delete, [key("ConfigMap", "b")], "a person may approve exactly this list");
    // Made again in between, it is another object.
    let other = Entry { uid: Some("another".into()), ..Entry::default() };
    world.inventory.put_entry(key("ConfigMap", "b"), other);
    assert_eq!(world.plan().0.delete, []);
}

fn shown(keys: &[(&str, &str)]) -> Option<ObjectSet> {
    let keys: Vec<Arc<HashedKey>> = keys.iter().map(|(kind, name)| key(kind, name)).collect();
    Some(ObjectSet::new(keys.iter().map(|key| &***key)))
}

#[test]
fn what_leaves_by_a_consent_is_what_was_shown_and_the_rest_waits_for_a_word_of_its_own() {
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "b")], &[]);
    world.entry.removal = Removal::Prune;
    // Shown: all of it, more than is there, a part, nothing.
    for (list, goes, waits) in [
        (shown(&[("ConfigMap", "a"), ("ConfigMap", "b")]), vec!["a", "b"], 0),
        (shown(&[("ConfigMap", "a"), ("ConfigMap", "b"), ("ConfigMap", "c")]), vec!["a", "b"], 0),
        (shown(&[("ConfigMap", "a")]), vec!["a"], 1),
        (shown(&[]), vec![], 2),
        (None, vec!["a", "b"], 0),
    ] {
        world.entry.shown = list;
        let (plan, report) = world.plan();
        let expect: Vec<_> = goes.iter().map(|name| key("ConfigMap", name)).collect();
        assert_eq!(plan.delete, expect);
        let list = report.deletions.filter(|list| list.state == DeletionState::Waiting);
        assert_eq!(list.as_ref().map_or(0, |list| list.count), waits);
        assert!(list.is_none_or(|list| list.unshown && !list.behind));
        assert_eq!(report.waiting.contains(&WaitingOn::Guard), waits > 0);
    }
    world.entry.shown = shown(&[("ConfigMap", "a")]);
    world.approve();
    let (plan, _) = world.plan();
    assert_eq!((plan.doom.clone(), plan.delete.len()), (vec![key("ConfigMap", "b")], 2));
    world.doom(&plan);
    world.entry.approved = None;
    assert_eq!(world.plan().0.delete.len(), 2, "what was released goes on without the word, as after a restart");
}

#[test]
fn a_container_does_not_go_while_something_that_was_not_shown_is_in_it() {
    let namespace: Arc<HashedKey> =
        ObjectKey { kind: "Namespace".into(), name: "shop".into(), ..ObjectKey::default() }.into();
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "b")], &[]);
    world.inventory.put_entry(namespace.clone(), confirmed());
    world.entry.removal = Removal::Prune;
    world.entry.shown = Some(ObjectSet::new([&**namespace, &**key("ConfigMap", "a")]));
    let (plan, report) = world.plan();
    assert_eq!(plan.delete, [key("ConfigMap", "a")]);
    assert_eq!(report.deletions.unwrap().count, 2, "it waits with what is in it");
    world.inventory.remove(&key("ConfigMap", "b"));
    assert_eq!(world.plan().0.delete, [key("ConfigMap", "a"), namespace]);
}

#[test]
fn a_hub_that_is_behind_needs_a_word_for_what_was_shown_too() {
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "b")], &[]);
    world.inventory.raise(&UnitEntry { epoch: 9, ..world.entry.clone() });
    world.entry.removal = Removal::Prune;
    world.entry.shown = shown(&[("ConfigMap", "a")]);
    let (plan, report) = world.plan();
    let list = report.deletions.unwrap();
    assert_eq!((plan.delete, list.count, list.behind), (vec![], 2, true));
}

proptest! {
    /// Whatever the member has, and whatever was released before: without a word of its own, nothing goes that was not shown.
    #[test]
    fn what_goes_by_a_consent_was_shown(case in case(), list in proptest::collection::btree_set(0_u8..8, 0..8)) {
        let name = |i: &u8| key("ConfigMap", &format!("c{i}"));
        let mut world = World::new(&[], &[]);
        for (i, adopted) in &case.has {
            world.inventory.put_entry(name(i), Entry { adopted: *adopted, ..Entry::default() });
        }
        world.entry.removal = Removal::Prune;
        world.entry.epoch = case.epoch;
        let names: Vec<_> = list.iter().map(&name).collect();
        world.entry.shown = Some(ObjectSet::new(names.iter().map(|key| &***key)));
        let (plan, report) = world.plan();
        for gone in plan.delete.iter().chain(&plan.doom) {
            prop_assert!(list.iter().any(|i| name(i) == *gone), "{gone} was not shown");
        }
        let left = case.has.iter().filter(|(i, adopted)| !**adopted && !list.contains(*i)).count();
        let waits = report.deletions.filter(|list| list.state == DeletionState::Waiting).map_or(0, |list| list.count);
        if case.epoch >= 4 {
            prop_assert_eq!(waits as usize, left, "the others wait, and are counted");
        }
        // The word is for exactly the rest: then nothing is left.
        world.approve();
        let (plan, _) = world.plan();
        world.doom(&plan);
        for key in plan.delete.iter().chain(&plan.release) {
            world.inventory.remove(key);
        }
        prop_assert!(world.plan().0.delete.is_empty() && world.inventory.entries().is_empty());
    }
}

#[test]
fn what_the_member_gives_no_rights_to_is_held_and_said_and_never_deleted() {
    let (inside, outside) = (key("ConfigMap", "in"), key("ConfigMap", "out"));
    let outside: Arc<HashedKey> = ObjectKey { namespace: "other".into(), ..ObjectKey::clone(&outside) }.into();
    let world = |change: fn(&mut World)| {
        let mut world = World::new(&[("ConfigMap", "in")], &[]);
        world.rights = Rights::in_namespaces(["shop".to_owned()], "kurator attach CONTEXT --name beijing".to_owned());
        world.inventory.put_entry(Arc::clone(&outside), confirmed());
        change(&mut world);
        world
    };
    let named = || vec![(Arc::clone(&outside), Lack::Namespace("other".into()))];
    let widen = "kurator attach CONTEXT --name beijing --add-namespaces other";
    let held = || WaitingOn::OutsideRights { objects: named(), widen: widen.to_owned() };
    // What would only be given back is never deleted.
    for (adopted, expect) in [(false, true), (true, false)] {
        let entry = Entry { adopted, ..confirmed() };
        let mut world = World::new(&[], &[]);
        world.inventory.put_entry(Arc::clone(&outside), entry);
        assert_eq!(held().is_unlisted(&world.inventory), expect);
    }
    // The guard is asked about what can be deleted, and about nothing else.
    let mut pruned = world(|_| {});
    let (_, report) = pruned.plan();
    assert!(report.waiting.contains(&held()), "{:?}", report.waiting);
    assert_eq!(report.deletions.unwrap().sample, ["ConfigMap shop/in"]);
    pruned.approve();
    assert_eq!(pruned.plan().0.delete, [Arc::clone(&inside)]);
    let leaves: fn(&mut World) = |world| world.entry.removal = Removal::Prune;
    // It does not keep a unit that leaves: when nothing else is left of that, it is let go of.
    let mut leaving = world(leaves);
    let (plan, report) = leaving.plan();
    let stays = vec![WaitingOn::LeftOutside(named())];
    assert_eq!((plan.delete, plan.let_go, report.waiting), (vec![Arc::clone(&inside)], vec![], stays));
    leaving.inventory.remove(&inside);
    let (plan, report) = leaving.plan();
    assert_eq!((plan.let_go, plan.delete, report.waiting), (vec![Arc::clone(&outside)], vec![], vec![]));
    // Another unit that wants it may not apply it either, and is not waited for.
    leaving.claims.set_desires(&unit("b"), [&outside]);
    assert_eq!(leaving.plan().0.let_go, [Arc::clone(&outside)]);
    leaving.entry.removal = Removal::None;
    assert_eq!(leaving.plan().0.let_go, []);
    // Nor was it in a list that a person was asked about.
    let mut asked = world(leaves);
    asked.entry.shown = Some(ObjectSet::new([]));
    let (plan, report) = asked.plan();
    assert_eq!((plan.delete, plan.let_go, report.going), (vec![], vec![], vec![Arc::clone(&inside)]));
    let (plan, report) = world(|world| world.entry.frozen = Some("no branch".into())).plan();
    assert_eq!((plan, report.waiting.len()), (Plan::default(), 1));
    let (_, report) = world(|world| world.entry.prune = false).plan();
    assert_eq!(report.waiting, [WaitingOn::NotAsked(2)]);
    // What would be given back loses its record: it stays as it is anyway.
    let (plan, report) = world(|world| world.entry.removal = Removal::Release).plan();
    assert_eq!((plan.delete, plan.let_go, report.waiting), (vec![], vec![Arc::clone(&outside)], vec![]));
    let mut adopted = world(leaves);
    adopted.inventory.update(&outside, |entry| entry.adopted = true);
    let (plan, report) = adopted.plan();
    assert_eq!((plan.let_go, report.waiting), (vec![Arc::clone(&outside)], vec![]));
    // The command gives what another unit lacks too.
    let mut beside = world(|_| {});
    let side: Arc<HashedKey> = ObjectKey { namespace: "side".into(), ..ObjectKey::clone(&outside) }.into();
    beside.claims.set_desires(&unit("b"), [&side]);
    let both = WaitingOn::OutsideRights { objects: named(), widen: format!("{widen},side") };
    assert!(beside.plan().1.waiting.contains(&both));
    // Another unit has it now.
    let mut moved = world(leaves);
    moved.claims.set_desires(&unit("b"), [&outside]);
    moved.claims.set_entries(&unit("b"), 5, [(&outside, &confirmed())]);
    assert_eq!(moved.plan().0.forget, [Arc::clone(&outside)]);
}

#[test]
fn what_was_approved_while_the_member_was_away_goes_and_more_is_asked_about() {
    let has = [("ConfigMap", "a"), ("ConfigMap", "b"), ("ConfigMap", "c")];
    let mut world = World::new(&has, &[("ConfigMap", "c")]);
    // All of it, and something that is gone by now.
    world.entry.shown = shown(&[("ConfigMap", "a"), ("ConfigMap", "b"), ("ConfigMap", "gone")]);
    let (plan, report) = world.plan();
    assert_eq!(plan.delete, [key("ConfigMap", "a"), key("ConfigMap", "b")]);
    assert_eq!(plan.released.unwrap().count, 2, "it counts as a list that was released");
    assert_eq!((report.deletions.unwrap().state, report.going), (DeletionState::Released, vec![]));
    // A part: the rest waits, and says so.
    world.entry.shown = shown(&[("ConfigMap", "a")]);
    let (plan, report) = world.plan();
    assert_eq!((plan.delete, plan.doom), (vec![key("ConfigMap", "a")], vec![]));
    let list = report.deletions.unwrap();
    assert_eq!((list.count, list.unshown, list.state), (1, true, DeletionState::Waiting));
    assert_eq!(report.going, [key("ConfigMap", "b")]);
    // Whatever was approved: not while something else is not applied, and not for a hub that is behind.
    world.entry.shown = shown(&[("ConfigMap", "a"), ("ConfigMap", "b")]);
    world.settled = false;
    assert_eq!(world.plan().0.delete, []);
    world.settled = true;
    world.inventory.raise(&UnitEntry { epoch: 9, ..world.entry.clone() });
    let (plan, report) = world.plan();
    assert!(plan.delete.is_empty() && report.deletions.unwrap().behind);
}

#[test]
fn a_release_counts_at_its_epoch_alone() {
    let mut world = World::new(&[("ConfigMap", "a"), ("ConfigMap", "b")], &[("ConfigMap", "b")]);
    world.approve();
    let (plan, _) = world.plan();
    world.doom(&plan);
    world.entry.approved = None;
    assert_eq!(world.plan().0.delete, [key("ConfigMap", "a")], "as after a restart");
    // A shard of that time, put back when the source has had the object again and has lost it once more.
    world.entry.epoch = 6;
    let (plan, report) = world.plan();
    assert_eq!((plan.delete, report.deletions.unwrap().count), (vec![], 1));
}

#[test]
fn of_what_was_not_shown_only_its_own_container_waits() {
    let namespace = |name: &str| -> Arc<HashedKey> {
        ObjectKey { kind: "Namespace".into(), name: name.into(), ..ObjectKey::default() }.into()
    };
    let mut world = World::new(&[("ConfigMap", "a")], &[]);
    for name in ["shop", "other"] {
        world.inventory.put_entry(namespace(name), confirmed());
    }
    world.entry.removal = Removal::Prune;
    world.entry.shown = Some(ObjectSet::new([&**namespace("shop"), &**namespace("other")]));
    let (plan, report) = world.plan();
    assert_eq!(plan.delete, [namespace("other")]);
    assert_eq!(report.deletions.unwrap().count, 2, "the object, and the Namespace that it is in");
}
