//! What a person agreed to before making the edit: which members leave by it, and with which objects.
//!
//! A consent is for a policy in a member, as it was placed then, and for one edit, and it lapses after a day: a command may have
//! written it and not made the edit, and what somebody else edits later is not what was agreed to. What
//! leaves by it is never more than it says: here the members, and in each member the objects
//! ([`prune`](crate::prune) holds the others).
//!
//! A unit that is not decided does not follow an edit yet. The member's entry notes the consent then, so that an edit that is taken back
//! before it was followed ends it: the same edit made again is another one.

use std::collections::BTreeMap;

use api::delivery::{Leaving, MemberDecision, NotedConsent, UnitId};
use api::kurator::consent::{Consent, ConsentScope};
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
            let is_same = entry.is_some_and(|entry| is_of(scope, entry) && !is_over(consent, entry));
            let is_it = |why: &&Leaving| why.cause == consent.cause && is_same;
            let Some(why) = leaving.get(&scope.member).filter(is_it) else { continue };
            let (approval, shown) = (Some(consent.digest()), Some(scope.objects.clone()));
            agreed.insert(scope.member.clone(), Leaving { approval, shown, ..why.clone() });
            leaving.remove(&scope.member);
        }
    }
    agreed
}

/// Is this of the member as it was given the unit? Placed again since, it is not what was agreed to. Nor is what has no time of its
/// placement.
fn is_of(scope: &ConsentScope, entry: &MemberDecision) -> bool {
    entry.placed.is_some() && entry.placed == scope.placed
}

/// Was the edit of this consent taken back before the unit followed it?
fn is_over(consent: &Consent, entry: &MemberDecision) -> bool {
    entry.consent.is_some_and(|noted| noted.taken_back && consent.given <= noted.given)
}

/// Notes of a member that keeps the unit the newest consent whose edit is made, unless the unit is to be there; or that the edit of the one
/// that is noted was taken back.
pub(super) fn note_consent(
    observed: &Observed<'_>,
    unit: &UnitId,
    member: &MemberName,
    entry: &mut MemberDecision,
    is_wanted: bool,
) {
    let policy = unit.policy.as_deref().unwrap_or_default();
    let is_it = |scope: &ConsentScope| scope.policy == policy && scope.member == *member && is_of(scope, entry);
    let made = observed.facts.consents.iter().filter(|consent| consent.scopes.iter().any(is_it));
    let newest = made.map(|consent| consent.given).max();
    entry.consent = match (newest, entry.consent) {
        (Some(given), Some(noted)) if given == noted.given => Some(noted),
        (newest, Some(noted)) if newest.is_none_or(|given| given < noted.given) => {
            Some(NotedConsent { taken_back: true, ..noted })
        }
        (newest, noted) if is_wanted || newest.is_none() => noted,
        (newest, _) => newest.map(|given| NotedConsent { given, taken_back: false }),
    };
}
