//! A model of a server's deletions, with the collector's decisions applied to it until nothing is left to look at.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use client::Resource;
use proptest::prelude::*;

use super::*;
use crate::graph::{Graph, Owner};

fn resource() -> Arc<Resource> {
    Arc::new(Resource::core("ConfigMap", "configmaps", true))
}

fn item(id: usize, owners: &[(usize, bool)]) -> Item {
    let owner = |(id, blocks): &(usize, bool)| Owner {
        uid: id.to_string().into(),
        group: String::new(),
        kind: "ConfigMap".to_owned(),
        name: id.to_string(),
        blocks: *blocks,
    };
    Item {
        uid: id.to_string().into(),
        resource: resource(),
        namespace: "default".to_owned(),
        name: id.to_string(),
        owners: owners.iter().map(owner).collect(),
        deleting: false,
        foreground: false,
        orphan: false,
        held: Vec::new(),
    }
}

/// The server: objects by UID, and the collector's view of it.
#[derive(Default)]
struct World {
    objects: BTreeMap<Uid, Item>,
    graph: Graph,
    looks: VecDeque<Uid>,
    log: Vec<String>,
}

impl World {
    fn insert_item(&mut self, item: Item) {
        let gone = item.deleting && !item.foreground && !item.orphan && item.held.is_empty();
        if gone {
            self.objects.remove(&item.uid);
            let looks = self.graph.remove(&item.uid);
            self.looks.extend(looks);
        } else {
            self.objects.insert(item.uid.clone(), item.clone());
            let looks = self.graph.apply(item);
            self.looks.extend(looks);
        }
    }

    fn edit(&mut self, uid: &str, edit: impl FnOnce(&mut Item)) {
        if let Some(mut item) = self.objects.get(uid).cloned() {
            edit(&mut item);
            self.insert_item(item);
        }
    }

    fn delete(&mut self, uid: &str, policy: Propagation) {
        self.log.push(format!("delete {uid} {}", policy.as_str()));
        self.edit(uid, |item| {
            item.deleting = true;
            item.foreground |= policy == Propagation::Foreground;
            item.orphan |= policy == Propagation::Orphan;
        });
    }

    fn owner_state(&self, uid: &str) -> OwnerState {
        match self.objects.get(uid) {
            None => OwnerState::Gone,
            Some(owner) if owner.waiting() => OwnerState::Waiting,
            Some(_) => OwnerState::Present,
        }
    }

    /// Looks at one object; every step is checked against the truth before it is taken.
    fn visit(&mut self, uid: &Uid) {
        let Some(item) = self.objects.get(uid).cloned() else { return };
        let owners: Vec<OwnerState> = item.owners.iter().map(|o| self.owner_state(&o.uid)).collect();
        let dependents = dependents_of(&self.graph, uid);
        for step in decide(&item, &owners, &dependents) {
            self.log.push(format!("look {uid}: {step:?}"));
            match step {
                Step::Release(dependent) => self.edit(&dependent, |d| d.owners.retain(|o| o.uid != *uid)),
                Step::Unblock(dependent) => self.edit(&dependent, |d| {
                    d.owners.iter_mut().filter(|o| o.uid == *uid).for_each(|o| o.blocks = false);
                }),
                Step::Look(dependent) => self.looks.push_back(dependent),
                Step::EndOrphan => {
                    let held = self.objects.values().any(|d| d.owners.iter().any(|o| o.uid == *uid));
                    assert!(!held, "an orphan still names {uid}: {:#?}", self.log);
                    self.edit(uid, |item| item.orphan = false);
                }
                Step::EndForeground => {
                    let blocked = self.objects.values().any(|d| d.owners.iter().any(|o| o.uid == *uid && o.blocks));
                    assert!(!blocked, "{uid} goes before what blocks it: {:#?}", self.log);
                    self.edit(uid, |item| item.foreground = false);
                }
                Step::Disown(gone) => self.edit(uid, |item| item.owners.retain(|o| !gone.contains(&o.uid))),
                Step::Delete(policy) => {
                    let alive = item.owners.iter().any(|o| self.owner_state(&o.uid) == OwnerState::Present);
                    assert!(!alive && !item.owners.is_empty(), "{uid} still has an owner: {:#?}", self.log);
                    self.delete(uid, policy);
                }
            }
        }
    }

    fn settle(&mut self) {
        for _ in 0..10_000 {
            let Some(uid) = self.looks.pop_front() else { return };
            self.visit(&uid);
        }
        panic!("it never settles: {:#?}", &self.log[self.log.len() - 20..]);
    }
}

fn dependents_of(graph: &Graph, uid: &Uid) -> Vec<Dependent> {
    let of = |d: &Item| Dependent {
        uid: d.uid.clone(),
        blocks: d.owners.iter().any(|o| o.uid == *uid && o.blocks),
        deleting: d.deleting,
        waiting: d.waiting(),
        circle: graph.get(uid).is_some_and(Item::waiting) && graph.waits_for(&d.uid, uid),
    };
    graph.dependents(uid).map(of).collect()
}

#[derive(Clone, Debug)]
enum Op {
    Create(usize, Vec<(usize, bool)>),
    Delete(usize, Propagation),
    Settle,
}

fn op() -> impl Strategy<Value = Op> {
    let owners = prop::collection::vec((0..10_usize, any::<bool>()), 0..3);
    let policy = prop_oneof![Just(Propagation::Background), Just(Propagation::Foreground), Just(Propagation::Orphan)];
    prop_oneof![
        4 => (0..10_usize, owners).prop_map(|(id, owners)| Op::Create(id, owners)),
        2 => (0..10_usize, policy).prop_map(|(id, policy)| Op::Delete(id, policy)),
        1 => Just(Op::Settle),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nothing_is_deleted_that_has_an_owner_and_nothing_stays_whose_owners_are_gone(ops in prop::collection::vec(op(), 0..40)) {
        let mut world = World::default();
        for op in ops {
            world.log.push(format!("{op:?}"));
            match op {
                Op::Create(id, mut owners) => {
                    owners.sort_unstable();
                    owners.dedup_by_key(|(id, _)| *id);
                    owners.retain(|(owner, _)| *owner != id);
                    if !world.objects.contains_key(id.to_string().as_str()) {
                        world.insert_item(item(id, &owners));
                    }
                }
                Op::Delete(id, policy) => world.delete(&id.to_string(), policy),
                Op::Settle => world.settle(),
            }
        }
        world.settle();
        for item in world.objects.values() {
            prop_assert!(!item.deleting, "{} hangs: {:#?}", item.uid, world.log);
            for owner in &item.owners {
                prop_assert!(world.objects.contains_key(&owner.uid), "{} names a ghost: {:#?}", item.uid, world.log);
            }
        }
        prop_assert_eq!(world.graph.len(), world.objects.len());
        let uids: Vec<Uid> = world.objects.keys().cloned().collect();
        let before = world.log.len();
        for uid in &uids {
            world.visit(uid);
        }
        prop_assert_eq!(world.log.len(), before, "a settled world is left alone");
    }
}

#[test]
fn a_circle_that_is_deleted_in_the_foreground_goes_whole() {
    for size in [2, 3] {
        let mut world = World::default();
        for id in 0..size {
            world.insert_item(item(id, &[((id + 1) % size, true)]));
        }
        for id in 0..size {
            world.delete(&id.to_string(), Propagation::Foreground);
        }
        world.settle();
        assert!(world.objects.is_empty(), "{:#?}", world.log);
    }
}

#[test]
fn a_chain_that_is_deleted_in_the_foreground_goes_from_its_end() {
    let mut world = World::default();
    world.insert_item(item(1, &[]));
    world.insert_item(item(2, &[(1, true)]));
    world.insert_item(item(3, &[(2, true)]));
    for uid in ["1", "2", "3"] {
        world.delete(uid, Propagation::Foreground);
    }
    world.settle();
    assert!(world.objects.is_empty() && !world.log.iter().any(|l| l.contains("Unblock")), "{:#?}", world.log);
}

#[test]
fn orphans_stay() {
    let mut world = World::default();
    world.insert_item(item(1, &[]));
    world.insert_item(item(2, &[(1, true)]));
    world.delete("1", Propagation::Orphan);
    world.settle();
    assert_eq!(world.objects.keys().map(|u| &**u).collect::<Vec<_>>(), ["2"]);
    assert!(world.objects["2"].owners.is_empty());
}

#[test]
fn a_chain_goes_in_the_background() {
    let mut world = World::default();
    world.insert_item(item(1, &[]));
    world.insert_item(item(2, &[(1, false)]));
    world.insert_item(item(3, &[(2, false)]));
    world.delete("1", Propagation::Background);
    world.settle();
    assert!(world.objects.is_empty(), "{:?}", world.log);
}

#[test]
fn an_owner_that_cannot_be_looked_up_is_not_gone() {
    assert_eq!(decide(&item(1, &[(2, false)]), &[OwnerState::Unknown], &[]), []);
    let mixed = decide(&item(1, &[(2, false), (3, false)]), &[OwnerState::Gone, OwnerState::Unknown], &[]);
    assert_eq!(mixed, [Step::Disown(vec!["2".into()])]);
}

#[test]
fn an_object_with_another_finalizer_is_deleted_once() {
    let mut held = item(1, &[(2, false)]);
    held.held.push("a.io/b".to_owned());
    assert_eq!(decide(&held, &[OwnerState::Gone], &[]), [Step::Delete(Propagation::Background)]);
    held.deleting = true;
    assert_eq!(decide(&held, &[OwnerState::Gone], &[]), []);
}
