//! What an entry asks of its member changes its kind: the unit is to leave, to stay again, to be left as it is. No such change releases
//! what is held, whatever was reported or granted before.

use api::delivery::{MemberDecision, ObjectSet};
use model::{KeyMap, KeySet, ObjectKey};

use super::*;
use crate::handover::Claims;
use crate::inventory::{Entry, Inventory};
use crate::prune;
use crate::rights::Rights;

/// Policy `p` in members a and b, as an applier sees it: its source has lost objects, and their deletion is held.
struct Stage {
    world: World,
    inventories: BTreeMap<MemberName, Inventory>,
    deleted: BTreeSet<String>,
}

fn key(name: &str) -> Arc<HashedKey> {
    ObjectKey { kind: "ConfigMap".into(), namespace: "n".into(), name: name.into(), ..ObjectKey::default() }.into()
}

/// What the payload has.
fn payload() -> KeySet {
    (0..4).map(|n| key(&format!("kept{n}"))).collect()
}

const BOTH: [&str; 2] = ["a", "b"];

impl Stage {
    fn new(lost: usize) -> Self {
        let mut world = World::new(&BOTH);
        world.facts.removals = 0;
        world.by_inputs = true;
        world.units[0].id = world.owner.unit(Some("p"));
        world.step();
        let mut stage = Self { world, inventories: BTreeMap::new(), deleted: BTreeSet::new() };
        for member in BOTH {
            let mut inventory = Inventory::empty(stage.policy("p"));
            inventory.raise(&stage.asked("p", member).unwrap());
            let lost = (0..lost).map(|n| key(&format!("lost{n}")));
            for key in payload().into_iter().chain(lost) {
                inventory.put_entry(key, Entry { uid: Some("u".into()), ..Entry::default() });
            }
            stage.inventories.insert(name(member), inventory);
        }
        stage.settle();
        assert!(stage.held().is_some() && stage.deleted.is_empty());
        stage
    }

    fn policy(&self, policy: &str) -> UnitId {
        self.world.owner.unit(Some(policy))
    }

    fn decision(&self, policy: &str, member: &str) -> Option<&DecisionSpec> {
        let unit = self.policy(policy);
        self.world.decisions.values().find(|d| d.unit == unit && d.members.contains_key(&name(member)))
    }

    fn entry(&self, member: &str) -> Option<&MemberDecision> {
        self.decision("p", member)?.members.get(&name(member))
    }

    /// What the member is told of a policy.
    fn asked(&self, policy: &str, member: &str) -> Option<api::feed::UnitEntry> {
        let decision = self.decision(policy, member)?;
        let wanted = crate::delivery::Wanted { decision, rendered: decision.members[&name(member)].digest };
        crate::delivery::plan(&name(member), None, &self.world.hub, &[wanted]).0.units.into_iter().next()
    }

    fn held(&self) -> Option<crate::guard::Held> {
        let status_of = |u: &UnitId, m: &MemberName| self.world.statuses.get(&(u.clone(), m.clone())).cloned();
        let reports = |m: &MemberName| self.world.members.get(m).is_some_and(MemberFacts::reports);
        crate::unit::held(
            &self.policy("p"),
            self.world.decisions.values().filter(|d| d.unit == self.policy("p")),
            status_of,
            reports,
        )
    }

    /// The member prunes, and reports.
    fn pass(&mut self, member: &str) {
        if let Some(entry) = self.asked("q", member) {
            self.report(member, &entry, None, 4);
        }
        let is_heir_there = self.asked("q", member).is_some_and(|entry| entry.removal.is_none());
        let Some(entry) = self.asked("p", member) else { return };
        let desired = if entry.removal.is_none() { payload() } else { KeySet::default() };
        let inventory = self.inventories.get_mut(&name(member)).unwrap();
        for key in &desired {
            if inventory.get(key).is_none() {
                inventory.put_entry(Arc::clone(key), Entry { uid: Some("u".into()), ..Entry::default() });
            }
        }
        let unit = entry.unit.clone();
        let held = loop {
            let mut claims = Claims::default();
            claims.set_entries(&unit, entry.epoch, inventory.entries());
            claims.set_desires(&unit, &desired);
            if is_heir_there {
                // The policy of the new name has taken over what it has.
                let heir = self.world.owner.unit(Some("q"));
                let objects =
                    payload().into_iter().map(|key| (key, Entry { uid: Some("u".into()), ..Entry::default() }));
                let objects: KeyMap<Entry> = objects.collect();
                claims.set_entries(&heir, 1, &objects);
                claims.set_desires(&heir, objects.keys());
            }
            let (rights, inhabitants) = (Rights::default(), KeyMap::default());
            let observed = prune::Observed {
                entry: &entry,
                inventory,
                desired: &desired,
                claims: &claims,
                rights: &rights,
                inhabitants: &inhabitants,
                settled: true,
                patient: false,
                awaits: true,
            };
            let (plan, report) = prune::plan(&observed);
            if let Some(released) = plan.released {
                inventory.doom(plan.doom.iter().map(|key| &**key), released, &entry, plan.asked_all);
            }
            for key in &plan.delete {
                self.deleted.insert(format!("{member}: {}", key.name));
            }
            let gone = [plan.delete, plan.release, plan.forget].concat();
            if gone.is_empty() {
                inventory.raise(&entry);
                break report.deletions;
            }
            for key in &gone {
                inventory.remove(key);
            }
        };
        let count = u32::try_from(inventory.entries().len()).unwrap();
        self.report(member, &entry, held, count);
    }

    fn report(&mut self, member: &str, entry: &api::feed::UnitEntry, held: Option<Deletions>, inventory: u32) {
        let weighs = entry.prune && !entry.suspend && entry.frozen.is_none();
        let phase = match (entry.removal.is_none(), inventory) {
            (true, _) if held.is_some() => UnitPhase::DeletionsHeld,
            (true, _) => UnitPhase::Applied,
            (false, 0) => UnitPhase::Removed,
            (false, _) => UnitPhase::Removing,
        };
        let said = UnitStatus {
            revision: entry.revision.clone(),
            epoch: entry.epoch,
            asked: entry.question(),
            held,
            unweighed: !weighs && entry.removal.is_none(),
            objects: UnitCounts { desired: 4, inventory, ..UnitCounts::default() },
            ..status(phase)
        };
        self.world.statuses.insert((entry.unit.clone(), name(member)), said);
    }

    fn is_there(&self, member: &str) -> bool {
        self.world.members.get(&name(member)).is_some_and(MemberFacts::reports)
    }

    /// Looks and passes until nothing changes.
    fn settle(&mut self) {
        for _ in 0..4 {
            self.world.step();
            for member in BOTH {
                if self.is_there(member) {
                    self.pass(member);
                }
            }
        }
        self.world.step();
    }

    fn unplug(&mut self, member: &str) {
        self.world.members.insert(name(member), MemberFacts::new(Reach::Unknown));
    }

    fn plug_in(&mut self, member: &str) {
        self.world.members.insert(name(member), MemberFacts::new(Reach::Reachable));
    }

    /// Agrees to what is held now.
    fn approve(&mut self) {
        self.world.facts.approved = vec![self.held().unwrap().digest];
    }

    fn deleted_in(&self, member: &str) -> usize {
        self.deleted.iter().filter(|one| one.starts_with(member)).count()
    }
}

type Step = fn(&mut Stage);

fn rename(stage: &mut Stage, policy: &str) {
    stage.world.units[0].id = stage.policy(policy);
}

/// Ways in which what is asked of a member changes, step by step.
fn changes() -> Vec<(&'static str, Vec<Step>)> {
    let renamed: Step = |s| rename(s, "q");
    let renamed_back: Step = |s| rename(s, "p");
    let suspended: Step = |s| s.world.units[0].suspend = true;
    let resumed: Step = |s| s.world.units[0].suspend = false;
    let keeps: Step = |s| s.world.units[0].prune = false;
    let prunes: Step = |s| s.world.units[0].prune = true;
    let without_fleet: Step = |s| s.world.units[0].placement = Placement::Missing(WaitingOn::new(Missing::Fleet, "f"));
    let with_fleet: Step = |s| s.world.place(&BOTH);
    let in_another_fleet: Step = |s| {
        let Placement::Rules(rules, _) = &mut s.world.units[0].placement else { panic!() };
        rules.list = "fleet g".into();
    };
    let nowhere: Step = |s| s.world.place(&[]);
    let without_policy: Step = |s| s.world.units[0].id = s.policy("other");
    let commit: Step = |s| s.world.renderer = "2";
    let detached: Step = |s| drop(s.world.members.remove(&name("b")));
    let attached: Step = |s| s.plug_in("b");
    let deleted_with_orphans: Step = |s| s.world.facts.state = OwnerState::Leaving(Some(Removal::Release));
    let gone: Step = |s| s.world.facts.state = OwnerState::Gone;
    let made_again: Step = |s| s.world.facts.state = OwnerState::Live;
    vec![
        ("renamed", vec![renamed]),
        ("renamed and back", vec![renamed, renamed_back]),
        ("renamed, back, and renamed", vec![renamed, renamed_back, renamed]),
        ("renamed after a commit", vec![commit, renamed]),
        ("renamed, a commit, and back", vec![renamed, commit, renamed_back]),
        ("suspended and resumed", vec![suspended, resumed]),
        ("suspended, renamed, resumed", vec![suspended, renamed, resumed, renamed_back]),
        ("prune switched off and on", vec![keeps, prunes]),
        ("prune off, renamed, on, back", vec![keeps, renamed, prunes, renamed_back]),
        ("the Fleet is deleted and made again", vec![without_fleet, with_fleet]),
        ("the Fleet is deleted, renamed, made again", vec![without_fleet, renamed, with_fleet, renamed_back]),
        ("another Fleet with the same members", vec![in_another_fleet, renamed, renamed_back]),
        ("out of all members and back", vec![nowhere, with_fleet]),
        ("moved to another policy and back", vec![without_policy, renamed_back]),
        ("detached and attached", vec![detached, attached]),
        ("detached, renamed, attached", vec![detached, renamed, attached, renamed_back]),
        ("deleted with its objects kept, and made again", vec![deleted_with_orphans, made_again]),
        ("gone, and made again", vec![deleted_with_orphans, gone, made_again]),
    ]
}

#[test]
fn no_change_of_what_is_asked_releases_what_is_held() {
    for (about, steps) in changes() {
        // Twelve are more than one member may lose; six are held since two members lose them.
        for lost in [12, 6] {
            for (is_slow, away) in [(true, false), (false, false), (true, true), (false, true)] {
                let mut stage = Stage::new(lost);
                if away {
                    stage.unplug("b");
                }
                for step in &steps {
                    step(&mut stage);
                    if is_slow { stage.settle() } else { drop(stage.world.step()) }
                }
                stage.settle();
                stage.plug_in("b");
                stage.settle();
                let case = format!("{about}: {lost} objects, slow: {is_slow}, away: {away}");
                assert_eq!(stage.deleted, BTreeSet::new(), "{case}");
            }
        }
    }
}

#[test]
fn what_was_granted_of_a_unit_that_stays_is_no_word_about_one_that_leaves() {
    let mut stage = Stage::new(12);
    stage.unplug("b");
    stage.approve();
    stage.settle();
    assert_eq!((stage.deleted_in("a"), stage.entry("b").unwrap().granted.is_some()), (12, true));
    rename(&mut stage, "q");
    stage.settle();
    stage.plug_in("b");
    stage.settle();
    assert_eq!(stage.deleted_in("b"), 0);
    let held = stage.held().unwrap();
    assert_eq!((held.count, held.causes), (12, vec![crate::guard::Cause::Unshown]));
    stage.approve();
    stage.settle();
    assert_eq!(stage.deleted_in("b"), 12, "a word about just this list");
}

#[test]
fn what_was_granted_of_a_unit_that_leaves_is_no_word_about_one_that_stays() {
    let mut stage = Stage::new(12);
    rename(&mut stage, "q");
    stage.settle();
    stage.unplug("b");
    stage.approve();
    stage.settle();
    assert_eq!((stage.deleted_in("a"), stage.entry("b").unwrap().granted.is_some()), (12, true));
    rename(&mut stage, "p");
    stage.settle();
    stage.plug_in("b");
    stage.settle();
    assert_eq!((stage.deleted_in("b"), stage.held().map(|held| held.count)), (0, Some(12)));
}

#[test]
fn a_member_that_left_once_before_has_not_left_again() {
    let mut stage = Stage::new(12);
    let entry = stage.asked("p", "b").unwrap();
    stage.report("b", &api::feed::UnitEntry { removal: Removal::Prune, placed: Some(now()), ..entry }, None, 0);
    rename(&mut stage, "q");
    stage.world.step();
    stage.world.step();
    assert!(stage.entry("b").is_some(), "what it said was of an earlier time");
    let shown = stage.entry("b").unwrap().leaving.as_ref().unwrap().shown.clone();
    assert_eq!(shown, Some(ObjectSet::default()));
}

#[test]
fn of_a_list_of_a_source_what_was_named_as_staying_stays_until_it_is_asked_again() {
    let mut stage = Stage::new(12);
    stage.unplug("b");
    stage.approve();
    let (lost, digest) = ((1..12).map(|n| key(&format!("lost{n}"))), stage.world.facts.approved[0]);
    let objects = ObjectSet::new(lost.collect::<Vec<_>>().iter().map(|key| &***key));
    let groups = vec![api::kurator::consent::ShownGroup { members: BOTH.map(name).to_vec(), objects }];
    stage.world.facts.shown = vec![ShownList { digest, groups }];
    stage.settle();
    assert!(stage.entry("b").unwrap().granted_shown.is_some());
    // The annotations are of another list since.
    (stage.world.facts.approved, stage.world.facts.shown) = (vec![], vec![]);
    stage.settle();
    stage.plug_in("b");
    stage.settle();
    assert_eq!((stage.deleted_in("a"), stage.deleted_in("b")), (11, 11));
    let held = stage.held().unwrap();
    assert_eq!(held.count, 2);
    assert!(held.causes.contains(&crate::guard::Cause::Unshown));
    // Its source has no more than that to say at the next commit.
    stage.world.renderer = "2";
    stage.settle();
    assert_eq!((stage.deleted.len(), stage.held().map(|held| held.count)), (22, Some(2)));
    stage.approve();
    stage.settle();
    assert_eq!((stage.deleted.len(), stage.held()), (24, None));
    assert!(stage.world.step().is_settled());
}

#[test]
fn of_a_list_that_was_expected_what_was_named_as_staying_stays() {
    let mut entry = Stage::new(12).entry("a").unwrap().clone();
    let keys = [key("going"), key("staying")];
    let set = |keys: &[Arc<HashedKey>]| ObjectSet::new(keys.iter().map(|key| &***key));
    let mut expected: api::delivery::ExpectedDeletions =
        serde_json::from_value(json!({"digest": Digest::of(b"list"), "count": 2, "objects": set(&keys)})).unwrap();
    assert_eq!(expected.shown(), None);
    expected.approval = Some(Digest::of(b"all"));
    assert_eq!(expected.shown(), Some(set(&keys)));
    expected.going = Some(set(&keys[..1]));
    assert_eq!(expected.shown(), Some(set(&keys[..1])));
    expected.going = Some(set(&[]));
    assert_eq!(expected.shown(), Some(set(&[])), "nothing may go, which is not that nothing was said");
    (entry.expected, entry.granted_shown) = (Some(Box::new(expected)), Some(Box::new(set(&[]))));
    let leaves = entry.removing(Removal::Prune, None);
    assert_eq!((leaves.granted, leaves.granted_shown, leaves.expected), (None, None, None));
}
