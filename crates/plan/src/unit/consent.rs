//! What a person agreed to before making the edit: which members leave by it, and with which objects.
//!
//! A consent is for a policy in a member, as it was placed then, and for one edit, and it lapses after a day: a command may have
//! written it and not made the edit, and what somebody else edits later is not what was agreed to. What
//! leaves by it is never more than it says: here the members, and in each member the objects
//! ([`prune`](crate::prune) holds the others).

use std::collections::BTreeMap;

use api::delivery::{Leaving, UnitId};
use api::kurator::consent::Consent;
use api::kurator::fleet::v1alpha1::{ClusterRef, Fleet};
use model::{MemberName, Timestamp};

use super::Observed;

/// Those of these consents whose edit is what was made of the Fleet: it does not list the entry, and all that was to stay. Of
/// several that were agreed to one after the other, each knew the list without those before.
pub(crate) fn of_edits(mut all: Vec<Consent>, fleet: Option<&Fleet>) -> Vec<Consent> {
    let Some(fleet) = fleet else { return Vec::new() };
    let (name, listed) = (fleet.metadata.name.as_deref().unwrap_or_default(), &fleet.spec.clusters);
    all.sort_by_key(|consent| consent.given);
    let (mut made, mut agreed): (Vec<Consent>, Vec<ClusterRef>) = (Vec::new(), Vec::new());
    for consent in all.into_iter().rev() {
        let Some(edit) = consent.edit.as_ref().filter(|edit| edit.fleet == name) else { continue };
        if !listed.contains(&edit.entry) && edit.keeps_the_rest(listed, &agreed) {
            agreed.push(edit.entry.clone());
            made.push(consent);
        }
    }
    made.reverse();
    made
}

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
