//! Which revisions are kept.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::UnitId;

use super::{Observed, OwnerState, Plan, REVISIONS_KEPT};

/// Old revisions go, but for those that a decision names, or that a member runs which does not answer. Of a unit that its owner does not have any more, and that no member
/// has, the newest stays: its epoch is never used twice, also when the unit comes back.
pub(super) fn retire(observed: &Observed<'_>, plan: &mut Plan) {
    let mut used: BTreeSet<&String> =
        observed.decisions.values().flat_map(|d| d.members.values().map(|m| &m.revision)).collect();
    // What a member that does not answer runs tells what it would delete.
    let is_away = |member| observed.members.get(member).is_some_and(|facts| !facts.reports());
    used.extend(observed.statuses.iter().filter(|((_, m), _)| is_away(m)).map(|(_, status)| &status.revision));
    let mut by_unit: BTreeMap<&UnitId, Vec<(u64, &String)>> = BTreeMap::new();
    for (name, spec) in &observed.revisions {
        by_unit.entry(&spec.unit).or_default().push((spec.epoch, name));
    }
    let is_live = observed.facts.state == OwnerState::Live;
    let has_decisions: BTreeSet<&UnitId> = observed.decisions.values().map(|decision| &decision.unit).collect();
    for (unit, list) in &mut by_unit {
        list.sort_by(|a, b| b.cmp(a));
        let is_gone = is_live && observed.units.iter().all(|known| known.id != **unit);
        let kept = match observed.facts.state {
            // The garbage collector takes them along with their owner, unless it was told to leave them.
            OwnerState::Gone if !has_decisions.contains(unit) => 0,
            _ if is_gone => 1,
            _ => REVISIONS_KEPT,
        };
        let old = list.iter().skip(kept).filter(|(_, name)| !used.contains(name));
        plan.delete_revisions.extend(old.map(|(_, name)| (*name).clone()));
    }
}
