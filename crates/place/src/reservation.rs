//! Replicas that were decided and are not seen in their members yet: the next decision counts them as there.
//!
//! Karmada has this behind the gate `SchedulingOvercommitProtection`, off by default; here it is on, and a caller that wants
//! none passes an empty set.

use std::collections::BTreeMap;

use api::karmada::work::v1alpha2::NodeClaim;

use crate::Decision;
use crate::estimate::amounts;
use crate::request::Request;
use crate::resource::{Amounts, PODS};

/// Reservations of a fleet, by member and unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reservations {
    members: BTreeMap<String, Reserves>,
}

/// What is reserved in one member.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reserves {
    /// Replicas by what one of them asks for: units that ask for the same are counted together.
    pub(crate) kinds: Vec<Reserved>,
    /// The sum of all of them, pods included.
    pub(crate) total: Amounts,
    /// Replicas of each unit, by place in `kinds`.
    units: BTreeMap<(String, usize), i64>,
}

/// Replicas that ask for the same and are reserved in a member.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reserved {
    pub(crate) requests: Amounts,
    pub(crate) claim: Option<NodeClaim>,
    pub(crate) replicas: i64,
}

impl Reserves {
    /// Reserves more replicas of a unit, or with a negative number fewer.
    pub(crate) fn change(&mut self, unit: &str, requests: &Amounts, claim: Option<&NodeClaim>, more: i64) {
        let same = |kind: &Reserved| kind.requests == *requests && kind.claim.as_ref() == claim;
        let new = || Reserved { requests: requests.clone(), claim: claim.cloned(), replicas: 0 };
        let free = |kind: &Reserved| kind.replicas == 0;
        let place = match self.kinds.iter().position(same) {
            Some(place) => place,
            None => match self.kinds.iter().position(free) {
                Some(place) => {
                    self.kinds[place] = new();
                    place
                }
                None => {
                    self.kinds.push(new());
                    self.kinds.len() - 1
                }
            },
        };
        self.add(unit, place, more);
    }

    fn add(&mut self, unit: &str, place: usize, more: i64) {
        let Some(kind) = self.kinds.get_mut(place) else { return };
        let of_unit = self.units.entry((unit.to_owned(), place)).or_default();
        let more = more.max(-*of_unit);
        *of_unit += more;
        if *of_unit == 0 {
            self.units.remove(&(unit.to_owned(), place));
        }
        kind.replicas += more;
        let pod = [(PODS.to_owned(), 1)];
        for (name, each) in
            kind.requests.iter().filter(|(name, _)| *name != PODS).chain(pod.iter().map(|(k, v)| (k, v)))
        {
            let sum = self.total.entry(name.clone()).or_default();
            *sum = sum.saturating_add(each.saturating_mul(more));
        }
    }

    /// Where a unit has something.
    fn places(&self, unit: &str) -> Vec<(usize, i64)> {
        let from = (unit.to_owned(), 0)..=(unit.to_owned(), usize::MAX);
        self.units.range(from).map(|((_, place), replicas)| (*place, *replicas)).collect()
    }
}

impl Reservations {
    /// Reserves what a decision gives to members beyond what they had before. What was reserved for the unit before stays:
    /// it is not seen yet either.
    pub fn reserve(&mut self, unit: &str, request: &Request, decision: &Decision) {
        let one = request.requirements.as_ref();
        let requests = one.map(|one| amounts(&one.resource_request)).unwrap_or_default();
        let claim = one.and_then(|one| one.node_claim.as_ref());
        for target in &decision.clusters {
            let had = request.previous.iter().find(|before| before.name == target.name);
            let more = i64::from(target.replicas) - had.map_or(0, |before| i64::from(before.replicas));
            if more > 0 {
                self.members.entry(target.name.clone()).or_default().change(unit, &requests, claim, more);
            }
        }
    }

    /// The member shows so many replicas of the unit more than before: as many are reserved no longer.
    pub fn confirm(&mut self, unit: &str, member: &str, replicas: i64) {
        let Some(reserves) = self.members.get_mut(member) else { return };
        let mut left = replicas.max(0);
        for (place, reserved) in reserves.places(unit) {
            let seen = reserved.min(left);
            reserves.add(unit, place, -seen);
            left -= seen;
        }
        self.members.retain(|_, reserves| !reserves.units.is_empty());
    }

    /// Nothing is reserved for the unit any longer: it is placed elsewhere, gone, or its time is over.
    pub fn release(&mut self, unit: &str) {
        for reserves in self.members.values_mut() {
            for (place, reserved) in reserves.places(unit) {
                reserves.add(unit, place, -reserved);
            }
        }
        self.members.retain(|_, reserves| !reserves.units.is_empty());
    }

    /// Is nothing reserved?
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What is reserved in a member.
    pub(crate) fn of(&self, member: &str) -> Option<&Reserves> {
        self.members.get(member)
    }
}

#[cfg(test)]
mod tests;
