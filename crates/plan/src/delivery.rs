//! What one member should have now: its entries of all decisions, with the deletions that may go ahead.

use api::delivery::{DecisionSpec, HubId, UnitId};
use api::feed::{Payload, Snapshot, UnitEntry};
use model::{Digest, MemberName, Uid};

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
///
/// `cluster`: which one the member is by its record. What was decided for another one is no word to delete anything in this one.
pub fn plan(member: &MemberName, cluster: Option<&Uid>, hub: &HubId, wanted: &[Wanted<'_>]) -> (Snapshot, Report) {
    let mut report = Report::default();
    let entries = wanted.iter().filter_map(|w| {
        let entry = w.decision.members.get(member)?;
        let is_of_another = entry.cluster.as_ref().is_some_and(|then| Some(then) != cluster);
        if is_of_another && !entry.removal.is_none() {
            return None;
        }
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
            given_back: entry.given_back,
            payload: if leaving { nothing() } else { w.rendered.or(entry.digest).unwrap_or_else(nothing) },
            prune: w.decision.prune,
            suspend: w.decision.suspended && !leaving,
            force: w.decision.force,
            overwrite: w.decision.overwrite,
            // What leaves needs no release, unless the hub is behind what the member has seen.
            approved: entry.granted.filter(|_| !is_of_another),
            approved_shown: entry.granted_shown.as_deref().filter(|_| !is_of_another).cloned(),
            claimed: entry.claimed.as_deref().filter(|_| !leaving && !is_of_another).cloned(),
            frozen: w.decision.frozen.clone().filter(|_| !leaving),
            removal: entry.removal,
            shown: match leaving {
                true => entry.leaving.as_ref().and_then(|leaving| leaving.shown.clone()),
                // What was approved while it was away.
                false => entry.expected.as_ref().filter(|_| !is_of_another).and_then(|expected| expected.shown()),
            },
            unapproved: leaving
                && entry.leaving.as_ref().is_some_and(|why| why.approval.is_none() && why.shown.is_none()),
        })
    });
    let snapshot = Snapshot::new(member.clone(), hub.clone(), entries.collect());
    (snapshot, report)
}

#[cfg(test)]
mod tests {
    use api::delivery::{MemberDecision, ObjectSet, Removal};
    use model::ObjectKey;
    use serde_json::json;

    use super::*;

    fn entry(removal: Removal, granted: Option<&[u8]>, rendered: bool) -> (UnitEntry, Report) {
        let entry = MemberDecision {
            revision: "r-1".into(),
            epoch: 1,
            placed: None,
            cluster: None,
            known_since: None,
            given_back: None,
            digest: Some(Digest::of(b"decided")),
            reason: String::new(),
            replicas: None,
            granted: granted.map(Digest::of),
            granted_shown: None,
            claimed: None,
            carried_out: 0,
            consent: None,
            withheld: None,
            removal,
            leaving: None,
            expected: None,
        };
        let unit = "apps.kurator.dev/Application/default/shop/p".parse().unwrap();
        let mut decision = DecisionSpec { prune: true, suspended: true, ..DecisionSpec::empty(unit, 0) };
        decision.members.insert("a".parse().unwrap(), entry);
        let wanted = Wanted { decision: &decision, rendered: rendered.then(|| Digest::of(b"rendered")) };
        let (snapshot, report) = plan(&"a".parse().unwrap(), None, &"hub".parse().unwrap(), &[wanted]);
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
    fn what_was_decided_for_another_cluster_deletes_nothing_in_this_one() {
        let unit = "apps.kurator.dev/Application/default/shop/p".parse().unwrap();
        let expected = json!({"digest": Digest::of(b"list"), "count": 1, "desired": 0, "approval": Digest::of(b"all"),
            "objects": ObjectSet::new([&ObjectKey { kind: "ConfigMap".into(), ..ObjectKey::default() }])});
        let entry = |removal: Removal| -> MemberDecision {
            serde_json::from_value(
                json!({"revision": "r-1", "epoch": 1, "reason": "", "cluster": "one", "removal": removal,
                "granted": Digest::of(b"list"), "expected": expected}),
            )
            .unwrap()
        };
        for (cluster, removal, expect) in [
            (Some("one"), Removal::Prune, Some((true, false))),
            (Some("two"), Removal::Prune, None),
            (None, Removal::Prune, None),
            (Some("two"), Removal::Release, None),
            (Some("one"), Removal::None, Some((true, true))),
            (Some("two"), Removal::None, Some((false, false))),
            (None, Removal::None, Some((false, false))),
        ] {
            let mut decision = DecisionSpec { prune: true, ..DecisionSpec::empty(Clone::clone(&unit), 0) };
            decision.members.insert("a".parse().unwrap(), entry(removal));
            let wanted = Wanted { decision: &decision, rendered: None };
            let cluster = cluster.map(Uid::from);
            let (snapshot, _) = plan(&"a".parse().unwrap(), cluster.as_ref(), &"hub".parse().unwrap(), &[wanted]);
            let said = snapshot.units.first().map(|unit| (unit.approved.is_some(), unit.shown.is_some()));
            assert_eq!(said, expect, "{cluster:?}, {removal:?}");
        }
    }

    #[test]
    fn a_removal_is_unapproved_when_an_edit_causes_it_and_nobody_agreed_to_that() {
        let list = Digest::of(b"list");
        for (leaving, removal, expect) in [
            (json!({"approval": list}), Removal::Prune, false),
            (json!({"approval": list, "shown": ObjectSet::default()}), Removal::Prune, false),
            (json!({}), Removal::Prune, true),
            (json!({}), Removal::None, false),
            // The owner is deleted, which is not taken back.
            (json!(null), Removal::Prune, false),
        ] {
            let mut said = json!({"revision": "r-1", "epoch": 1, "reason": "", "removal": removal});
            if let Some(fields) = leaving.as_object() {
                said["leaving"] = json!({"cause": "SelectorDiffers", "message": "m"});
                fields.iter().for_each(|(name, value)| said["leaving"][name] = value.clone());
            }
            let unit = "apps.kurator.dev/Application/default/shop/p".parse().unwrap();
            let mut decision = DecisionSpec::empty(unit, 0);
            decision.members.insert("a".parse().unwrap(), serde_json::from_value(said).unwrap());
            let wanted = Wanted { decision: &decision, rendered: None };
            let (snapshot, _) = plan(&"a".parse().unwrap(), None, &"hub".parse().unwrap(), &[wanted]);
            assert_eq!(snapshot.units[0].unapproved, expect, "{leaving}, {removal:?}");
        }
    }

    #[test]
    fn what_cannot_be_rendered_waits_and_is_not_taken_for_nothing() {
        let (entry, report) = entry(Removal::None, None, false);
        assert_eq!((entry.payload, report.unrendered.len()), (Digest::of(b"decided"), 1));
    }
}
