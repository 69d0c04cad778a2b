//! Members' reports that are older than what is decided: what they say is true of something else.

use std::collections::BTreeMap;

use api::delivery::{Decision, Removal, UnitId, UnitStatus};
use model::Timestamp;

use super::unit::unit_in;
use super::{Facts, Finding, Known, Place, fault, found};

/// How long after a decision a member that answers has reported on it at the latest: its applier begins at once and says
/// so within a second, also in a hub that has just started with a thousand members.
const REPORTED_WITHIN_SECS: i64 = 20;

/// The units of which a member that is delivered to has not reported what is decided.
pub(super) fn reports(facts: &Facts, members: &BTreeMap<&str, Known<'_>>, now: Timestamp) -> Vec<Finding> {
    let reported: BTreeMap<(&UnitId, &str), &UnitStatus> = facts
        .statuses
        .iter()
        .flat_map(|slice| {
            let units = slice.status.iter().flat_map(|status| &status.units);
            units.map(|(unit, status)| ((unit, slice.spec.member.as_str()), status))
        })
        .collect();
    let mut out = Vec::new();
    for decision in facts.decisions.iter().filter(|decision| !decision.spec.suspended) {
        let Some(age_secs) = age_secs(decision, now).filter(|secs| *secs >= REPORTED_WITHIN_SECS) else { continue };
        let unit = &decision.spec.unit;
        // One that is to be removed is no longer reported when it is gone.
        let placed = decision.spec.members.iter().filter(|(_, decided)| decided.removal == Removal::None);
        let is_delivered_to = |member: &str| members.get(member).is_some_and(|known| known.is_delivered_to);
        for (member, decided) in placed.filter(|(member, _)| is_delivered_to(member.as_str())) {
            let status = reported.get(&(unit, member.as_str()));
            if status.is_some_and(|status| status.epoch >= decided.epoch) {
                continue;
            }
            let (object, names) = unit_in(unit, member.as_str());
            // It was not sent: there is nothing that could be reported.
            if let Some(waiting_on) = status.and_then(|status| status.waiting_on.as_deref()) {
                let message =
                    format!("epoch {} is decided and not sent; the hub waits for {waiting_on}", decided.epoch);
                out.push(found(Place::Unit, &object, names, fault::NOT_SENT, &message));
                continue;
            }
            let before = status.map_or_else(|| "nothing".to_owned(), |status| format!("epoch {}", status.epoch));
            let message =
                format!("epoch {} was decided at least {age_secs} s ago, and {before} is reported", decided.epoch);
            out.push(found(Place::Unit, &object, names, fault::REPORT_STALE, &message));
        }
    }
    out
}

/// How long ago a decision was written last, in seconds.
fn age_secs(decision: &Decision, now: Timestamp) -> Option<i64> {
    let writes = decision.metadata.managed_fields.iter().flatten().filter_map(|entry| entry.time.as_ref());
    let last = writes.map(|time| time.0.as_second()).max()?;
    Some(now.as_second() - last)
}
