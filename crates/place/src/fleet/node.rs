//! The nodes of one member, with what is free on each: kept up to date pod by pod.
//!
//! A pod costs its UID, its node and the number of its requests, which are kept once for all pods that ask for the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::Uid;

use super::{Mark, Taint};
use crate::resource::{Amounts, Vector};
use crate::symbol::{Symbol, Symbols};

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// `status.allocatable`; `pods` among them.
    pub allocatable: Amounts,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Taints.
    pub taints: Vec<Taint>,
    /// No new pods (`spec.unschedulable`).
    pub is_unschedulable: bool,
}

/// A pod that has a node and has not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFacts {
    /// Its node.
    pub node: String,
    /// What it asks for: the sum of its containers, or the largest init container, and its overhead.
    pub requests: Amounts,
}

/// The nodes of one member.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    pub(crate) symbols: Symbols,
    nodes: BTreeMap<Arc<str>, u32>,
    slots: Vec<Node>,
    pods: HashMap<Uid, Seat>,
    pub(super) requests: Vec<Requests>,
    numbers: BTreeMap<Arc<Amounts>, u32>,
    /// Places in `requests` that no pod has.
    unused: Vec<u32>,
}

/// What some pods ask for.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    vector: Vector,
    amounts: Arc<Amounts>,
    pods: u32,
}

/// A node, or the place of one that has pods and is not known (yet).
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    name: Symbol,
    /// `None`: the node is not known.
    allocatable: Option<Vector>,
    used: Vector,
    pub(crate) labels: Box<[(Symbol, Symbol)]>,
    pub(crate) taints: Box<[Mark]>,
    pub(crate) is_unschedulable: bool,
}

/// Where a pod is, and what it asks for.
#[derive(Clone, Copy, Debug)]
struct Seat {
    node: u32,
    requests: u32,
}

impl Node {
    /// What is free; `None` when the node is not known.
    pub(crate) fn free(&self) -> Option<Vector> {
        self.allocatable.as_ref().map(|allocatable| allocatable.without(&self.used))
    }

    /// Its name.
    pub(crate) const fn name(&self) -> Symbol {
        self.name
    }
}

impl Nodes {
    /// Adds a node, or replaces what is known of it.
    pub fn set_node(&mut self, name: &str, facts: &NodeFacts) {
        let slot = self.slot(name);
        let symbols = &mut self.symbols;
        let mut labels: Vec<_> = facts.labels.iter().map(|(k, v)| (symbols.intern(k), symbols.intern(v))).collect();
        labels.sort_unstable();
        let taints = facts.taints.iter().map(|taint| Mark::of(taint, symbols));
        let taints = taints.collect();
        let allocatable = Some(Vector::of(&facts.allocatable, false, symbols));
        if let Some(node) = self.slots.get_mut(slot as usize) {
            node.allocatable = allocatable;
            node.labels = labels.into();
            node.taints = taints;
            node.is_unschedulable = facts.is_unschedulable;
        }
    }

    /// Forgets a node. Its pods stay until they are gone as well.
    pub fn remove_node(&mut self, name: &str) {
        if let Some(slot) = self.nodes.get(name)
            && let Some(node) = self.slots.get_mut(*slot as usize)
        {
            node.allocatable = None;
        }
    }

    /// Counts a pod on its node, or moves what is counted of it.
    pub fn set_pod(&mut self, uid: Uid, facts: &PodFacts) {
        self.remove_pod(&uid);
        let node = self.slot(&facts.node);
        let requests = self.number(&facts.requests);
        self.change(node, requests, 1);
        if let Some(shared) = self.requests.get_mut(requests as usize) {
            shared.pods = shared.pods.saturating_add(1);
        }
        self.pods.insert(uid, Seat { node, requests });
    }

    /// Takes a pod off its node: it has ended, or is gone.
    pub fn remove_pod(&mut self, uid: &Uid) {
        if let Some(Seat { node, requests }) = self.pods.remove(uid) {
            self.change(node, requests, -1);
            if let Some(shared) = self.requests.get_mut(requests as usize) {
                shared.pods = shared.pods.saturating_sub(1);
                if shared.pods == 0 {
                    self.numbers.remove(&shared.amounts);
                    self.unused.push(requests);
                }
            }
        }
    }

    /// How many pods are counted.
    pub fn pods(&self) -> usize {
        self.pods.len()
    }

    /// The nodes by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter_map(|slot| self.slots.get(*slot as usize))
    }

    fn slot(&mut self, name: &str) -> u32 {
        if let Some(slot) = self.nodes.get(name) {
            return *slot;
        }
        // A member with 2³² nodes does not exist; what is beyond shares the last place.
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Node { name: self.symbols.intern(name), ..Node::default() });
        self.nodes.insert(name.into(), slot);
        slot
    }

    fn number(&mut self, requests: &Amounts) -> u32 {
        if let Some(number) = self.numbers.get(requests) {
            return *number;
        }
        let mut vector = Vector::of(requests, false, &mut self.symbols);
        vector.pods = 1;
        let amounts = Arc::new(requests.clone());
        let shared = Requests { vector, amounts: amounts.clone(), pods: 0 };
        let number = match self.unused.pop() {
            Some(number) => {
                self.requests[number as usize] = shared;
                number
            }
            None => {
                self.requests.push(shared);
                u32::try_from(self.requests.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.numbers.insert(amounts, number);
        number
    }

    fn change(&mut self, node: u32, requests: u32, times: i64) {
        let node = self.slots.get_mut(node as usize);
        if let (Some(node), Some(requests)) = (node, self.requests.get(requests as usize)) {
            node.used.add(&requests.vector, times);
        }
    }
}
