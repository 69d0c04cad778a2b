//! What a person agreed to before making the edit: which members leave by it, and with which objects.
//!
//! A consent is for a policy in a member, as it was placed then, and for one kind of edit, and it lapses after a day. What
//! leaves by it is never more than it says: here the members, and in each member the objects
//! ([`prune`](crate::prune) holds the others).

use std::collections::BTreeMap;

use api::delivery::{Leaving, UnitId};
use model::{MemberName, Timestamp};

use super::Observed;

/// Takes out of the members that a unit leaves those for which there is a consent. They say by which one, and which objects
/// were shown.
pub(super) fn split_agreed(
    observed: &Observed<'_>,
    unit: &UnitId,
    leaving: &mut BTreeMap<MemberName, Leaving>,
    now: Timestamp,
) -> BTreeMap<MemberName, Leaving> {
    let mut agreed = BTreeMap::new();
    let policy = unit.policy.as_deref().unwrap_or_default();
    for consent in observed.facts.consents.iter().filter(|consent| consent.holds_at(now)) {
        for scope in consent.scopes.iter().filter(|scope| scope.policy == policy) {
            let entry = observed.slices(unit).find_map(|(_, decision)| decision.members.get(&scope.member));
            // Placed again since: that is not what was agreed to. Nor is what has no time of its placement.
            let is_same = entry.is_some_and(|entry| entry.placed.is_some() && entry.placed == scope.placed);
            let is_it = |why: &&Leaving| why.cause == consent.cause && is_same;
            let Some(why) = leaving.get(&scope.member).filter(is_it) else { continue };
            let (approval, shown) = (Some(consent.digest()), Some(scope.objects.clone()));
            agreed.insert(scope.member.clone(), Leaving { approval, shown, ..why.clone() });
            leaving.remove(&scope.member);
        }
    }
    agreed
}
