//! Owners that a live read said are not there. UIDs never come back, so what is here stays true.

use std::collections::{HashSet, VecDeque};

use crate::graph::Uid;

/// How many are remembered: kube-controller-manager keeps 500 too. Enough for one read per owner when an owner of many
/// goes.
const REMEMBERED: usize = 500;

/// The newest ones.
#[derive(Default)]
pub(super) struct Absent {
    known: HashSet<Uid>,
    order: VecDeque<Uid>,
}

impl Absent {
    pub(super) fn contains(&self, uid: &str) -> bool {
        self.known.contains(uid)
    }

    pub(super) fn insert(&mut self, uid: Uid) {
        if self.known.insert(uid.clone()) {
            self.order.push_back(uid);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}
