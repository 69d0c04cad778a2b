//! Which revisions are kept.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::UnitId;

use super::{Observed, Plan, REVISIONS_KEPT};

/// Old revisions go, but for those that a decision names.
pub(super) fn retire(observed: &Observed<'_>, plan: &mut Plan) {
    let used: BTreeSet<&String> =
        observed.decisions.values().flat_map(|d| d.members.values().map(|m| &m.revision)).collect();
    let mut by_unit: BTreeMap<&UnitId, Vec<(u64, &String)>> = BTreeMap::new();
    for (name, spec) in &observed.revisions {
        by_unit.entry(&spec.unit).or_default().push((spec.epoch, name));
    }
    for list in by_unit.values_mut() {
        list.sort_by(|a, b| b.cmp(a));
        let old = list.iter().skip(REVISIONS_KEPT).filter(|(_, name)| !used.contains(name));
        plan.delete_revisions.extend(old.map(|(_, name)| (*name).clone()));
    }
}
