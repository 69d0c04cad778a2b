//! Replicas that were decided and are not seen in their members yet: the next decision counts them as there.
//!
//! Karmada has this behind the gate `SchedulingOvercommitProtection`, off by default; here it is on, and a caller that wants
//! none passes an empty set.

use std::collections::BTreeMap;

use api::karmada::work::v1alpha2::NodeClaim;

use crate::Decision;
use crate::estimate::amounts;
use crate::request::Request;
use crate::resource::Amounts;

/// Reservations of a fleet, by member and unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reservations {
    members: BTreeMap<String, Reserves>,
}

/// Reservations in one member.
#[derive(Clone, Debug, Default, PartialEq)]
struct Reserves {
    units: Vec<String>,
    entries: Vec<Reserved>,
}

/// Replicas of one unit that are reserved in a member.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reserved {
    pub(crate) requests: Amounts,
    pub(crate) claim: Option<NodeClaim>,
    pub(crate) replicas: i64,
}

impl Reservations {
    /// Reserves what a decision gives to members beyond what they had before. What was reserved for the unit before stays:
    /// it is not seen yet either.
    pub fn reserve(&mut self, unit: &str, request: &Request, decision: &Decision) {
        let (requests, claim) = match &request.requirements {
            Some(one) => (amounts(&one.resource_request), one.node_claim.clone()),
            None => (Amounts::new(), None),
        };
        for target in &decision.clusters {
            let had = request.previous.iter().find(|before| before.name == target.name);
            let more = i64::from(target.replicas) - had.map_or(0, |before| i64::from(before.replicas));
            if more <= 0 {
                continue;
            }
            let reserves = self.members.entry(target.name.clone()).or_default();
            reserves.units.push(unit.to_owned());
            reserves.entries.push(Reserved { requests: requests.clone(), claim: claim.clone(), replicas: more });
        }
    }

    /// The member shows so many replicas of the unit more than before: as many are reserved no longer.
    pub fn confirm(&mut self, unit: &str, member: &str, replicas: i64) {
        let Some(reserves) = self.members.get_mut(member) else { return };
        let mut left = replicas;
        for (owner, entry) in reserves.units.iter().zip(&mut reserves.entries) {
            if owner == unit {
                let seen = entry.replicas.min(left).max(0);
                entry.replicas -= seen;
                left -= seen;
            }
        }
        self.sweep();
    }

    /// Nothing is reserved for the unit any longer: it is placed elsewhere, gone, or its time is over.
    pub fn release(&mut self, unit: &str) {
        for reserves in self.members.values_mut() {
            for (owner, entry) in reserves.units.iter().zip(&mut reserves.entries) {
                if owner == unit {
                    entry.replicas = 0;
                }
            }
        }
        self.sweep();
    }

    /// Is nothing reserved?
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What is reserved in a member.
    pub(crate) fn of(&self, member: &str) -> &[Reserved] {
        self.members.get(member).map_or(&[], |reserves| &reserves.entries)
    }

    fn sweep(&mut self) {
        for reserves in self.members.values_mut() {
            let open: Vec<bool> = reserves.entries.iter().map(|entry| entry.replicas > 0).collect();
            let mut flags = open.iter();
            reserves.units.retain(|_| flags.next() == Some(&true));
            reserves.entries.retain(|entry| entry.replicas > 0);
        }
        self.members.retain(|_, reserves| !reserves.entries.is_empty());
    }
}
