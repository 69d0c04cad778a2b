//! What became of an approval: a function of what was approved and of what is stored now.
//!
//! That a list no longer waits proves nothing: another commit or another edit may have replaced it. So an approval counts as
//! heard only where a decision says so.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::{DecisionSpec, DeletionState, MemberDecision, UnitStatus};
use api::kurator::apps::v1alpha1::HeldDeletions;
use model::{Digest, MemberName};

use crate::status::held;

/// A list that is approved, with what was decided of it before the approval was written.
#[derive(Debug)]
pub(super) struct Approved {
    list: HeldDeletions,
    digest: Option<Digest>,
    before: Before,
}

/// What was decided before.
#[derive(Debug)]
enum Before {
    /// Of deletions that a source causes: at which epoch each member was, and what it was allowed to delete already.
    Source(BTreeMap<MemberName, (u64, Option<Digest>, u32)>),
    /// Of an edit: the members that are kept by this list.
    Edit(BTreeSet<MemberName>),
}

/// What the hub made of an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing yet, or not in all slices of the decision.
    NotYet,
    /// What was approved no longer waits, and was not released.
    Changed,
    /// It is released in these members, as far as it is not done there already.
    Released(Released),
}

/// Members in which a list is released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Released {
    /// A source's, with the epoch and the member's own list.
    Source(BTreeMap<MemberName, (u64, Digest)>),
    /// An edit's.
    Edit,
}

impl Approved {
    /// Notes what is decided of a list now, by the slices of its Application's decisions.
    pub(super) fn new(list: HeldDeletions, decisions: &[DecisionSpec]) -> Self {
        let digest: Option<Digest> = list.digest.parse().ok();
        let slices = || decisions.iter().filter(|decision| is_of(&list, decision));
        let before = if held::is_edit(&list) {
            let theirs = slices().filter(|decision| digest.is_some() && decision.held == digest);
            let entries = theirs.flat_map(|decision| &decision.members);
            Before::Edit(entries.filter(|(_, entry)| entry.kept().is_some()).map(|(name, _)| name.clone()).collect())
        } else {
            let before = slices().flat_map(|decision| {
                // The list was approved earlier already: what is granted is granted by it.
                let is_ours = digest.is_some() && decision.approved == digest;
                let granted = move |entry: &MemberDecision| entry.granted.filter(|_| !is_ours);
                decision
                    .members
                    .iter()
                    .map(move |(name, entry)| (name.clone(), (entry.epoch, granted(entry), entry.carried_out)))
            });
            Before::Source(before.collect())
        };
        Self { list, digest, before }
    }

    /// The list.
    pub(super) fn list(&self) -> &HeldDeletions {
        &self.list
    }

    /// What the hub made of it. `held`: what waits now, read before the decisions, since what leaves the one is in the others by
    /// then.
    pub(super) fn heard(&self, held: &[HeldDeletions], decisions: &[DecisionSpec]) -> Heard {
        let slices: Vec<&DecisionSpec> = decisions.iter().filter(|decision| is_of(&self.list, decision)).collect();
        let released = match &self.before {
            Before::Source(before) => self.source(before, &slices),
            Before::Edit(kept) => self.edit(kept, &slices),
        };
        match released {
            // Where the list still waits, something of it is to be granted yet.
            Some(heard) if heard != Heard::Released(Released::Source(BTreeMap::new())) => heard,
            _ if held.iter().any(|now| now.digest == self.list.digest) => Heard::NotYet,
            Some(heard) => heard,
            None => Heard::Changed,
        }
    }

    /// `None`: no decision says anything of it.
    fn source(
        &self,
        before: &BTreeMap<MemberName, (u64, Option<Digest>, u32)>,
        slices: &[&DecisionSpec],
    ) -> Option<Heard> {
        let says_so = |decision: &&DecisionSpec| self.digest.is_some() && decision.approved == self.digest;
        // Slices are written one by one.
        if slices.iter().any(says_so) && !slices.iter().all(says_so) {
            return Some(Heard::NotYet);
        }
        // `approved` goes when the last member has begun; what a member may delete stays until it is gone, which is counted.
        let granted = slices.iter().flat_map(|decision| &decision.members).filter_map(|(name, entry)| {
            let (epoch, digest, _) = before.get(name)?;
            let granted = entry.granted.filter(|granted| entry.epoch == *epoch && Some(*granted) != *digest)?;
            Some((name.clone(), (entry.epoch, granted)))
        });
        let granted: BTreeMap<_, _> = granted.collect();
        let is_carried_out = |(name, entry): (&MemberName, &MemberDecision)| {
            before.get(name).is_some_and(|(epoch, _, count)| entry.epoch == *epoch && entry.carried_out > *count)
        };
        let is_done = slices.iter().flat_map(|decision| &decision.members).any(is_carried_out);
        let is_heard = !granted.is_empty() || is_done || slices.iter().any(says_so);
        is_heard.then_some(Heard::Released(Released::Source(granted)))
    }

    /// `None`: no decision says anything of it.
    fn edit(&self, kept: &BTreeSet<MemberName>, slices: &[&DecisionSpec]) -> Option<Heard> {
        let still = |decision: &&&DecisionSpec| self.digest.is_some() && decision.held == self.digest;
        let waits = slices.iter().filter(still).flat_map(|decision| decision.members.values());
        if waits.into_iter().any(|entry| entry.kept().is_some()) {
            return Some(Heard::NotYet);
        }
        let entries: BTreeMap<&MemberName, &MemberDecision> =
            slices.iter().flat_map(|decision| &decision.members).collect();
        // An entry goes when its member has nothing left of it.
        let is_released = |name: &MemberName| entries.get(name).is_none_or(|entry| self.leaves(entry));
        kept.iter().any(is_released).then_some(Heard::Released(Released::Edit))
    }

    /// Does a member's entry say that the unit leaves by this approval?
    fn leaves(&self, entry: &MemberDecision) -> bool {
        let released = entry.leaving.as_ref().and_then(|leaving| leaving.approval);
        !entry.removal.is_none() && released.is_some() && released == self.digest
    }

    /// The members in which something that is released is still to go. `status`: what a member reports of the unit.
    pub(super) fn left<'a>(
        &self,
        released: &Released,
        decisions: &[DecisionSpec],
        status: impl Fn(&MemberName) -> Option<&'a UnitStatus>,
    ) -> BTreeSet<MemberName> {
        match released {
            Released::Source(granted) => {
                let mut left = members_that(is_going, granted, &status);
                left.extend(
                    granted.iter().filter(|(name, list)| is_behind(status(name), list)).map(|(name, _)| name.clone()),
                );
                left
            }
            Released::Edit => {
                let theirs = decisions.iter().filter(|decision| is_of(&self.list, decision));
                let entries = theirs.flat_map(|decision| &decision.members);
                entries.filter(|(_, entry)| self.leaves(entry)).map(|(name, _)| name.clone()).collect()
            }
        }
    }

    /// The members in which what is released can never go: the list of the member changed before the word arrived there.
    pub(super) fn overtaken<'a>(
        &self,
        released: &Released,
        status: impl Fn(&MemberName) -> Option<&'a UnitStatus>,
    ) -> BTreeSet<MemberName> {
        match released {
            Released::Source(granted) => members_that(is_overtaken, granted, status),
            Released::Edit => BTreeSet::new(),
        }
    }

    /// The members whose reports tell what is left.
    pub(super) fn reporters(&self, released: &Released) -> BTreeSet<MemberName> {
        match released {
            Released::Source(granted) => granted.keys().cloned().collect(),
            Released::Edit => BTreeSet::new(),
        }
    }
}

/// Is a decision of the list's policy?
fn is_of(list: &HeldDeletions, decision: &DecisionSpec) -> bool {
    decision.unit.policy.as_deref().unwrap_or_default() == list.policy
}

/// The members whose report says this of the list that they were allowed.
fn members_that<'a>(
    is: fn(&UnitStatus, Digest) -> bool,
    granted: &BTreeMap<MemberName, (u64, Digest)>,
    status: impl Fn(&MemberName) -> Option<&'a UnitStatus>,
) -> BTreeSet<MemberName> {
    let says_so = |(name, (epoch, granted)): &(&MemberName, &(u64, Digest))| {
        // What a member reports of a later epoch is about another list.
        let status = status(name).filter(|status| status.epoch == *epoch);
        status.is_some_and(|status| is(status, *granted))
    };
    granted.iter().filter(says_so).map(|(name, _)| name.clone()).collect()
}

/// Does a member go on with an older epoch than that of the list that it was allowed? It does not answer, or is about to.
fn is_behind(status: Option<&UnitStatus>, (epoch, _): &(u64, Digest)) -> bool {
    status.is_some_and(|status| status.epoch < *epoch)
}

/// Does another list wait in a member that was allowed this one, and has released nothing at this epoch? A member that had
/// begun would count what it released.
fn is_overtaken(status: &UnitStatus, granted: Digest) -> bool {
    let waits = status.held.as_ref().filter(|held| held.state == DeletionState::Waiting && held.count > 0);
    waits.is_some_and(|held| held.digest != granted && held.released == 0)
}

/// Has a member that was allowed this list not begun, or not finished?
fn is_going(status: &UnitStatus, granted: Digest) -> bool {
    status.held.as_ref().is_some_and(|held| match held.state {
        DeletionState::Waiting => held.count > 0 && held.digest == granted,
        // The inventory may have more: what the unit is handing over to another one.
        DeletionState::Released => held.left > 0,
    })
}

#[cfg(test)]
mod tests;
