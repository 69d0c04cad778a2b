//! The members, as far as placing needs them: built once from their records, and replaced one by one.
//!
//! A member costs some hundred bytes: texts are kept once for the whole fleet, and what members serve and the sizes of their
//! nodes once for all members that have the same. A copy of a fleet shares everything with the original, so that a
//! simulation may change one.

mod fact;
mod node;
mod read;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::MemberName;

pub use fact::{Facts, Grade, Summary, Taint};
pub(crate) use node::Node;
pub use node::{NodeFacts, Nodes, PodFacts};
pub use read::Nonsense;

use crate::resource::Vector;
use crate::symbol::{Symbol, Symbols};

/// Texts that a fleet may hold beyond twice of what it needed when they were last counted. Labels change, and the texts of
/// yesterday are dropped once they are the greater part; a small fleet is not worth the work.
const STALE_TEXTS_MAX: usize = 4096;

/// The members of a hub, ordered by name.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    pub(crate) symbols: Arc<Symbols>,
    members: Vec<Arc<Member>>,
    served: BTreeSet<Arc<[(Symbol, Symbol)]>>,
    /// Sizes of nodes that members have; a fleet has few different ones.
    sizes: Vec<Arc<[Vector]>>,
    /// How many texts were in use when they were last counted.
    counted: usize,
}

/// A member.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: MemberName,
    /// Ordered by key.
    pub(crate) labels: Box<[(Symbol, Symbol)]>,
    pub(crate) provider: Symbol,
    pub(crate) region: Symbol,
    pub(crate) zones: Box<[Symbol]>,
    pub(crate) taints: Box<[Mark]>,
    /// Group-versions and kinds, ordered.
    pub(crate) served: Arc<[(Symbol, Symbol)]>,
    pub(crate) is_served_complete: bool,
    pub(crate) is_leaving: bool,
    /// What is free in it, by its summary.
    pub(crate) summary: Option<Vector>,
    /// What a node of each grade has at least. Empty: not known.
    pub(crate) sizes: Arc<[Vector]>,
    /// How many nodes of each grade there are.
    pub(crate) counts: Box<[i64]>,
    /// Its nodes, when they are watched.
    pub(crate) nodes: Option<Arc<Nodes>>,
}

/// A taint as symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) key: Symbol,
    pub(crate) value: Symbol,
    pub(crate) effect: Symbol,
    /// It keeps new objects out: `NoSchedule` or `NoExecute`.
    pub(crate) repels: bool,
}

impl Mark {
    fn of(taint: &Taint, symbols: &mut Symbols) -> Self {
        Self {
            key: symbols.intern(&taint.key),
            value: symbols.intern(&taint.value),
            effect: symbols.intern(&taint.effect),
            repels: ["NoSchedule", "NoExecute"].contains(&taint.effect.as_str()),
        }
    }
}

impl Fleet {
    /// A fleet of these members. Of two with one name the last counts.
    pub fn of(members: impl IntoIterator<Item = Facts>) -> Self {
        let mut fleet = Self::default();
        for facts in members {
            fleet.replace(&facts);
        }
        fleet
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Has it no members?
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Names of the members, ascending.
    pub fn names(&self) -> impl Iterator<Item = &MemberName> {
        self.members.iter().map(|member| &member.name)
    }

    /// Is the member being deleted?
    pub fn is_leaving(&self, name: &str) -> bool {
        self.place(name).is_some_and(|place| self.members[place].is_leaving)
    }

    /// Adds a member, or replaces what is known of it. Its nodes stay as they are.
    pub fn replace(&mut self, facts: &Facts) {
        let nodes = self.place(facts.name.as_str()).and_then(|place| self.members[place].nodes.clone());
        let mut member = self.member_of(facts);
        member.nodes = nodes;
        self.set(member);
        if self.symbols.len() > self.counted.saturating_mul(2).saturating_add(STALE_TEXTS_MAX) {
            self.drop_stale_texts();
        }
    }

    /// Forgets a member. Was it there?
    pub fn remove(&mut self, name: &MemberName) -> bool {
        let place = self.place(name.as_str());
        place.map(|place| self.members.remove(place)).is_some()
    }

    /// What is known of a member, apart from its nodes.
    pub fn facts(&self, name: &MemberName) -> Option<Facts> {
        self.place(name.as_str()).map(|place| self.facts_of(&self.members[place]))
    }

    /// The nodes of a member, when they are watched.
    pub fn nodes(&self, name: &MemberName) -> Option<&Nodes> {
        self.place(name.as_str()).and_then(|place| self.members[place].nodes.as_deref())
    }

    /// The nodes of a member, to be changed: from then on free room is also counted by them. `None`: no such member.
    pub fn nodes_mut(&mut self, name: &MemberName) -> Option<&mut Nodes> {
        let place = self.place(name.as_str())?;
        let member = Arc::make_mut(self.members.get_mut(place)?);
        Some(Arc::make_mut(member.nodes.get_or_insert_default()))
    }

    /// Where a member is in the order of names.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.members.binary_search_by(|member| member.name.as_str().cmp(name)).ok()
    }

    /// The members by name.
    pub(crate) fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    fn set(&mut self, member: Member) {
        let found = self.members.binary_search_by(|other| other.name.cmp(&member.name));
        match found {
            Ok(place) => self.members[place] = Arc::new(member),
            Err(place) => self.members.insert(place, Arc::new(member)),
        }
    }

    fn drop_stale_texts(&mut self) {
        let old = std::mem::take(self);
        for member in &old.members {
            let mut new = self.member_of(&old.facts_of(member));
            new.nodes.clone_from(&member.nodes);
            self.set(new);
        }
        self.counted = self.symbols.len();
    }
}

#[cfg(test)]
mod tests;
