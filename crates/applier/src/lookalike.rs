//! What was found out of objects while their lists were read, for members that have the same ones.
//!
//! A hub that starts reads every object of every member, and most are the same in many: parsing and comparing them all
//! again is most of what a start costs. An object that is written in the same bytes as one before, apart from what its
//! server says by itself ([`client::Twin`]), gets the answer of that one. They are kept for as long as lists are being read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use client::{Resource, Twin};
use model::{Digest, HashedKey};
use plan::apply::SeenState;
use plan::recall::Recalled;

/// Bytes in memory of the objects of one kind. They are the whole text of objects; 100 of 4 kB are a tenth of it.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// How many objects further down the list of another member are compared with one, when the one that should come next is
/// not it: members differ in which applications they have.
const STEPS_MAX: usize = 64;

/// How often what is known of a key is replaced. An object that each member writes otherwise, such as one whose status has
/// times, is not worth to be remembered.
const REPLACED_MAX: u8 = 3;

/// An object, and what was found out of it.
#[derive(Debug)]
pub(crate) struct Lookalike {
    twin: Twin,
    pub(crate) key: Arc<HashedKey>,
    pub(crate) state: Arc<SeenState>,
    /// What a pass that awaits the object with this digest and its UID was told.
    pub(crate) recalled: Option<(Digest, Recalled)>,
    /// How often another member had an object of this key that is written otherwise.
    replaced: u8,
}

impl Lookalike {
    /// `None` for a text that cannot be compared.
    pub(crate) fn new(
        text: &str,
        key: Arc<HashedKey>,
        state: Arc<SeenState>,
        recalled: Option<(Digest, Recalled)>,
    ) -> Option<Self> {
        Some(Self { twin: Twin::new(text)?, key, state, recalled, replaced: 0 })
    }

    /// Bytes in memory. Key and state are shared.
    fn weight(&self) -> usize {
        size_of::<Self>() + self.twin.weight()
    }
}

/// Objects of one kind, in the order in which servers list them.
type List = Vec<Arc<Lookalike>>;

/// What lists of all members have shown, by kind, for as long as anything reads a list of the kind or is about to.
#[derive(Debug, Default)]
pub(crate) struct Lookalikes(Mutex<HashMap<Arc<Resource>, Weak<Known>>>);

/// What is known of one kind, and its bytes in memory.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<(Arc<List>, usize)>);

impl Lookalikes {
    /// What is known of a kind.
    pub(crate) fn of_kind(&self, resource: &Arc<Resource>) -> Arc<Known> {
        // What is in it is complete at every moment.
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.get(resource).and_then(Weak::upgrade).unwrap_or_else(|| {
            kinds.retain(|_, known| known.strong_count() > 0);
            let known = Arc::<Known>::default();
            kinds.insert(Arc::clone(resource), Arc::downgrade(&known));
            known
        })
    }
}

/// A list that is being read, object by object.
#[derive(Debug)]
pub(crate) struct Reading {
    known: Arc<Known>,
    list: Arc<List>,
    /// Bytes in memory of the list: never more than [`BYTES_MAX`], whatever a member lists.
    weight: usize,
    /// Which object should come next.
    next: usize,
    learned: bool,
    /// There was no room for an object.
    is_full: bool,
}

impl From<Arc<Known>> for Reading {
    fn from(known: Arc<Known>) -> Self {
        let (list, weight) = known.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { known, list, weight, next: 0, learned: false, is_full: false }
    }
}

impl Reading {
    /// The object that is written like this, and its UID and resourceVersion here.
    pub(crate) fn find<'a>(&mut self, text: &'a str) -> Option<(Arc<Lookalike>, client::twin::Own<'a>)> {
        let ahead = self.list.iter().enumerate().skip(self.next).take(STEPS_MAX);
        let (at, found, own) = ahead.filter_map(|(at, one)| Some((at, one, one.twin.own(text)?))).next()?;
        let found = Arc::clone(found);
        self.next = at + 1;
        Some((found, own))
    }

    /// The object of this key that is known where the list is.
    fn find_known(&self, key: &HashedKey) -> Option<(usize, &Arc<Lookalike>)> {
        let mut ahead = self.list.iter().enumerate().skip(self.next.saturating_sub(1)).take(STEPS_MAX);
        ahead.find(|(_, one)| *one.key == *key)
    }

    /// May an object of this key that was not found help with other members?
    pub(crate) fn is_worth_learning(&self, key: &HashedKey) -> bool {
        !self.is_full && self.find_known(key).is_none_or(|(_, one)| one.replaced < REPLACED_MAX)
    }

    /// Takes in an object that was not found. It comes where the list is, in place of what had its key.
    pub(crate) fn learn(&mut self, mut object: Lookalike) {
        let weight = self.weight + object.weight();
        if weight > BYTES_MAX {
            self.is_full = true;
            return;
        }
        let known = self.find_known(&object.key).map(|(at, one)| (at, one.replaced));
        object.replaced = known.map_or(0, |(_, replaced)| replaced.saturating_add(1));
        let old = known.map(|(at, _)| at);
        let object = Arc::new(object);
        let list = Arc::make_mut(&mut self.list);
        self.weight = weight;
        match old.and_then(|at| list.get_mut(at)) {
            Some(place) => {
                self.weight = weight.saturating_sub(place.weight());
                *place = object;
            }
            None => list.insert(self.next.min(list.len()), object),
        }
        self.next = old.unwrap_or(self.next) + 1;
        self.learned = true;
    }
}

impl Drop for Reading {
    /// Hands on what was learned. When there was too much, the next list begins with nothing: what is known may be of objects
    /// that no other member has.
    fn drop(&mut self) {
        if !self.learned && !self.is_full {
            return;
        }
        let known = if self.is_full { Default::default() } else { (std::mem::take(&mut self.list), self.weight) };
        *self.known.0.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

#[cfg(test)]
mod tests;
