//! Of which cluster each entry of a decision is.
//!
//! A member's name may stand for another cluster: a person approves the identity that answers there. What was decided before is of
//! the cluster that was there: its objects were listed, and of its objects a person said that they go. So what leaves ends as if the
//! member's record were gone, and that cluster keeps what it has. What stays is given to the member from now on: no release, no
//! approval and no consent of before is of it.

use api::delivery::{DecisionSpec, MemberDecision};
use model::{MemberName, Timestamp};

use super::Observed;

/// Was this decided for another cluster than the one that the member is now?
pub(super) fn is_of_another(observed: &Observed<'_>, member: &MemberName, entry: &MemberDecision) -> bool {
    let now = observed.members.get(member).and_then(|facts| facts.cluster.as_ref());
    entry.cluster.as_ref().zip(now).is_some_and(|(then, now)| then != now)
}

/// Is it known now of which cluster this is? It was not when it was decided.
fn is_learned(observed: &Observed<'_>, member: &MemberName, entry: &MemberDecision) -> bool {
    entry.cluster.is_none() && observed.members.get(member).is_some_and(|facts| facts.cluster.is_some())
}

/// The same with decisions of the clusters that members are now. `None`: they are that already.
pub(super) fn without_others<'a>(observed: &Observed<'a>, now: Timestamp) -> Option<Observed<'a>> {
    let mut entries = observed.decisions.values().flat_map(|decision| &decision.members);
    if !entries.any(|(member, entry)| is_of_another(observed, member, entry) || is_learned(observed, member, entry)) {
        return None;
    }
    let mut own = observed.clone();
    for decision in own.decisions.values_mut() {
        decision.members.retain(|member, entry| entry.removal.is_none() || !is_of_another(observed, member, entry));
        for (member, entry) in &mut decision.members {
            let cluster = || observed.members.get(member).and_then(|facts| facts.cluster.clone());
            if is_of_another(observed, member, entry) {
                entry.cluster = cluster();
                // What this hub knows of the unit there begins now, too.
                (entry.placed, entry.known_since, entry.given_back) = (Some(now), None, None);
                (entry.granted, entry.granted_shown, entry.leaving, entry.expected) = (None, None, None, None);
                entry.claimed = None;
                (entry.withheld, entry.carried_out, entry.consent) = (None, 0, None);
            } else if is_learned(observed, member, entry) {
                entry.cluster = cluster();
            }
        }
    }
    Some(own)
}

/// Is all that is new of which clusters the entries are?
pub(super) fn is_only_learned(before: Option<&DecisionSpec>, after: &DecisionSpec) -> bool {
    let Some(before) = before else { return false };
    let mut learned = before.clone();
    for (member, entry) in &mut learned.members {
        let now = after.members.get(member).and_then(|entry| entry.cluster.clone());
        entry.cluster = entry.cluster.take().or(now);
    }
    learned == *after
}
