//! What one member should have now: its entries of all decisions, with the deletions that may go ahead.

use std::collections::BTreeMap;

use api::delivery::{DecisionSpec, HubId, UnitId};
use api::feed::{Payload, Snapshot, UnitEntry};
use model::{Digest, MemberName};

/// A deletion list that was released, remembered for as long as its epoch is current: a release is never taken back
/// because another member's part of it is done.
pub type Grants = BTreeMap<(UnitId, MemberName), (u64, Digest)>;

/// One decision that names the member.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The slice that names it.
    pub decision: &'a DecisionSpec,
    /// Digest of the rendered payload, when it could be rendered.
    pub rendered: Option<Digest>,
    /// What the guard says of the unit, over all members.
    pub guard: crate::guard::Plan,
}

/// Assembles a member's snapshot. A unit that could not be rendered is asked for by the digest that was decided, which
/// nobody has: it waits, and nothing of it is applied or deleted.
pub fn plan(member: &MemberName, hub: &HubId, wanted: &[Wanted<'_>], before: &Grants) -> (Snapshot, Grants) {
    let mut grants = Grants::new();
    let entries = wanted.iter().filter_map(|w| {
        let entry = w.decision.members.get(member)?;
        let unit = &w.decision.unit;
        let place = (unit.clone(), member.clone());
        let fresh = w.guard.grants.iter().find(|(m, _)| m == member).map(|(_, digest)| *digest);
        let kept = before.get(&place).filter(|(epoch, _)| *epoch == entry.epoch).map(|(_, digest)| *digest);
        let approved = fresh.or(kept);
        if let Some(digest) = approved {
            grants.insert(place, (entry.epoch, digest));
        }
        let leaving = !entry.removal.is_none();
        let nothing = || Payload::default().digest();
        Some(UnitEntry {
            unit: unit.clone(),
            short: unit.short(hub),
            revision: entry.revision.clone(),
            epoch: entry.epoch,
            placed: entry.placed,
            payload: if leaving { nothing() } else { w.rendered.or(entry.digest).unwrap_or_else(nothing) },
            prune: w.decision.prune,
            suspend: w.decision.suspended && !leaving,
            force: w.decision.force,
            // What leaves needs no release, unless the hub is behind what the member has seen.
            approved,
            frozen: w.decision.frozen.clone().filter(|_| !leaving),
            removal: entry.removal,
        })
    });
    (Snapshot::new(member.clone(), hub.clone(), entries.collect()), grants)
}

#[cfg(test)]
mod tests {
    use api::delivery::{MemberDecision, Removal};

    use super::*;

    fn decision(epoch: u64, removal: Removal) -> DecisionSpec {
        let entry = MemberDecision {
            revision: format!("r-{epoch}"),
            epoch,
            placed: None,
            digest: Some(Digest::of(b"decided")),
            reason: String::new(),
            replicas: None,
            removal,
        };
        DecisionSpec {
            unit: "apps.kurator.dev/Application/default/shop/p".parse().unwrap(),
            slice: 0,
            prune: true,
            suspended: false,
            force: false,
            frozen: None,
            approved: None,
            members: BTreeMap::from([("a".parse().unwrap(), entry)]),
        }
    }

    fn snapshot(decision: &DecisionSpec, granted: Option<&[u8]>, before: &Grants) -> (UnitEntry, Grants) {
        let (member, hub) = ("a".parse().unwrap(), "hub".parse().unwrap());
        let grants = granted.map(|text| (MemberName::clone(&member), Digest::of(text))).into_iter().collect();
        let wanted = Wanted { decision, rendered: Some(Digest::of(b"rendered")), guard: crate::guard::Plan { grants } };
        let (snapshot, grants) = plan(&member, &hub, &[wanted], before);
        (snapshot.units[0].clone(), grants)
    }

    #[test]
    fn a_release_stays_for_its_epoch_and_ends_with_it() {
        let (entry, grants) = snapshot(&decision(1, Removal::None), Some(b"list"), &Grants::new());
        assert_eq!(entry.approved, Some(Digest::of(b"list")));
        let (entry, grants) = snapshot(&decision(1, Removal::None), None, &grants);
        assert_eq!(entry.approved, Some(Digest::of(b"list")), "another member's turn takes nothing back");
        let (entry, _) = snapshot(&decision(2, Removal::None), None, &grants);
        assert_eq!(entry.approved, None);
    }

    #[test]
    fn a_unit_that_leaves_needs_no_payload() {
        let (entry, _) = snapshot(&decision(1, Removal::Prune), None, &Grants::new());
        assert_eq!((entry.payload, entry.removal), (Payload::default().digest(), Removal::Prune));
    }

    #[test]
    fn a_restored_hub_passes_on_the_release_of_what_leaves() {
        let (entry, _) = snapshot(&decision(1, Removal::Prune), Some(b"list"), &Grants::new());
        assert_eq!((entry.approved, entry.removal), (Some(Digest::of(b"list")), Removal::Prune));
    }
}
