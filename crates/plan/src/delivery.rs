//! What one member should have now: its entries of all decisions, with the deletions that may go ahead.

use api::delivery::{DecisionSpec, HubId, UnitId};
use api::feed::{Payload, Snapshot, UnitEntry};
use model::{Digest, MemberName};

/// One decision that names the member.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The slice that names it.
    pub decision: &'a DecisionSpec,
    /// Digest of the rendered payload, when it could be rendered.
    pub rendered: Option<Digest>,
}

/// What there is to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Units that wait for their rendering.
    pub unrendered: Vec<UnitId>,
}

/// Assembles a member's snapshot. A unit that could not be rendered is asked for by the digest that was decided, which
/// no feed has: it waits, and nothing of it is applied or deleted.
pub fn plan(member: &MemberName, hub: &HubId, wanted: &[Wanted<'_>]) -> (Snapshot, Report) {
    let mut report = Report::default();
    let entries = wanted.iter().filter_map(|w| {
        let entry = w.decision.members.get(member)?;
        let unit = &w.decision.unit;
        let leaving = !entry.removal.is_none();
        let nothing = || Payload::default().digest();
        if !leaving && w.rendered.is_none() {
            report.unrendered.push(unit.clone());
        }
        Some(UnitEntry {
            unit: unit.clone(),
            short: unit.short(hub),
            revision: entry.revision.clone(),
            epoch: entry.epoch,
            placed: entry.placed,
            known_since: entry.known_since,
            payload: if leaving { nothing() } else { w.rendered.or(entry.digest).unwrap_or_else(nothing) },
            prune: w.decision.prune,
            suspend: w.decision.suspended && !leaving,
            force: w.decision.force,
            overwrite: w.decision.overwrite,
            // What leaves needs no release, unless the hub is behind what the member has seen.
            approved: entry.granted,
            frozen: w.decision.frozen.clone().filter(|_| !leaving),
            removal: entry.removal,
            shown: match leaving {
                true => entry.leaving.as_ref().and_then(|leaving| leaving.shown.clone()),
                // What was approved while it was away.
                false => entry.expected.as_ref().and_then(|expected| expected.shown()),
            },
        })
    });
    let snapshot = Snapshot::new(member.clone(), hub.clone(), entries.collect());
    (snapshot, report)
}

#[cfg(test)]
mod tests {
    use api::delivery::{MemberDecision, Removal};

    use super::*;

    fn entry(removal: Removal, granted: Option<&[u8]>, rendered: bool) -> (UnitEntry, Report) {
        let entry = MemberDecision {
            revision: "r-1".into(),
            epoch: 1,
            placed: None,
            known_since: None,
            digest: Some(Digest::of(b"decided")),
            reason: String::new(),
            replicas: None,
            granted: granted.map(Digest::of),
            removal,
            leaving: None,
            expected: None,
        };
        let unit = "apps.kurator.dev/Application/default/shop/p".parse().unwrap();
        let mut decision = DecisionSpec { prune: true, suspended: true, ..DecisionSpec::empty(unit, 0) };
        decision.members.insert("a".parse().unwrap(), entry);
        let wanted = Wanted { decision: &decision, rendered: rendered.then(|| Digest::of(b"rendered")) };
        let (snapshot, report) = plan(&"a".parse().unwrap(), &"hub".parse().unwrap(), &[wanted]);
        (snapshot.units[0].clone(), report)
    }

    #[test]
    fn a_grant_is_passed_on_as_it_is_decided() {
        assert_eq!(entry(Removal::None, Some(b"list"), true).0.approved, Some(Digest::of(b"list")));
        assert_eq!(entry(Removal::None, None, true).0.approved, None);
        // A restored hub passes on the release of what leaves.
        assert_eq!(entry(Removal::Prune, Some(b"list"), true).0.approved, Some(Digest::of(b"list")));
    }

    #[test]
    fn a_unit_that_leaves_needs_no_payload_and_is_not_only_observed() {
        let (entry, report) = entry(Removal::Prune, None, false);
        assert_eq!((entry.payload, entry.removal, entry.suspend), (Payload::default().digest(), Removal::Prune, false));
        assert_eq!(report, Report::default());
    }

    #[test]
    fn what_cannot_be_rendered_waits_and_is_not_taken_for_nothing() {
        let (entry, report) = entry(Removal::None, None, false);
        assert_eq!((entry.payload, report.unrendered.len()), (Digest::of(b"decided"), 1));
    }
}
