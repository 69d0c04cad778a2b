//! What an edit does to a unit's members, read from the decisions before and after.

use std::collections::BTreeMap;

use api::delivery::{DecisionSpec, MemberDecision, UnitId};
use api::view::Placing;
use model::MemberName;

use crate::unit::Plan;

/// The entries of one unit, in all slices.
pub type Entries = BTreeMap<MemberName, MemberDecision>;

/// The decisions of one owner as they would be when a plan is carried out.
pub fn after(before: &BTreeMap<String, DecisionSpec>, plan: &Plan) -> BTreeMap<String, DecisionSpec> {
    let mut out = before.clone();
    plan.delete_decisions.iter().for_each(|name| drop(out.remove(name)));
    // A slice may be written twice: what comes is written before what goes.
    out.extend(plan.write_decisions.iter().cloned());
    out
}

/// The entries of each unit.
pub fn entries(decisions: &BTreeMap<String, DecisionSpec>) -> BTreeMap<UnitId, Entries> {
    let mut out: BTreeMap<UnitId, Entries> = BTreeMap::new();
    for decision in decisions.values() {
        out.entry(decision.unit.clone()).or_default().extend(decision.members.clone());
    }
    out
}

/// What happens to a unit in a member, and why; `None` when it stays or stays away.
pub fn placing(before: Option<&MemberDecision>, after: Option<&MemberDecision>) -> Option<(Placing, String)> {
    let is_there = |entry: &&MemberDecision| entry.removal.is_none();
    match (before.filter(is_there), after.filter(is_there)) {
        (None, Some(after)) => Some((Placing::Comes, after.reason.clone())),
        (Some(_), None) => {
            let leaving = after.and_then(|entry| entry.leaving.as_ref());
            let why =
                leaving.map_or_else(|| "it is not selected any more".to_owned(), |leaving| leaving.message.clone());
            Some((Placing::Leaves, why))
        }
        (Some(before), Some(after)) => match (before.kept(), after.kept()) {
            (None, Some(held)) => Some((Placing::Held, held.message.clone())),
            (Some(was), Some(held)) if was.message != held.message => Some((Placing::Held, held.message.clone())),
            (Some(_), None) => Some((Placing::Stays, after.reason.clone())),
            _ => None,
        },
        (None, None) => None,
    }
}
