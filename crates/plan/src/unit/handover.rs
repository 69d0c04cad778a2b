//! A policy that is renamed: the unit of the new name has the same objects in the same members.
//!
//! Nothing is deleted then, and nobody is asked: the old unit leaves, and the new one takes over what it has
//! ([`crate::handover`]). What it does not take over waits for a word of its own, since no object was shown to anybody.

use std::collections::BTreeMap;

use api::delivery::{Leaving, LeavingCause, ObjectSet, UnitId};
use model::{Digest, MemberName};

use super::Observed;
use super::decide::Wish;

/// Takes out of the members that a removed unit leaves those in which another unit of the owner has the same objects. They
/// say which one.
pub(super) fn split_handed_over(
    observed: &Observed<'_>,
    wishes: &BTreeMap<UnitId, Wish>,
    unit: &UnitId,
    leaving: &mut BTreeMap<MemberName, Leaving>,
) -> BTreeMap<MemberName, Leaving> {
    let mut out = BTreeMap::new();
    if wishes.contains_key(unit) {
        return out;
    }
    for (member, entry) in observed.slices(unit).flat_map(|(_, decision)| &decision.members) {
        let Some(digest) = entry.digest.filter(|_| leaving.contains_key(member)) else { continue };
        let heir = wishes.iter().find(|(_, wish)| {
            let wanted = wish.members.as_ref().and_then(|members| members.get(member));
            !wish.suspended && wanted.is_some_and(|wanted| wanted.digest == Some(digest))
        });
        let Some((heir, _)) = heir else { continue };
        let policy = |unit: &UnitId| unit.policy.clone().unwrap_or_default();
        let message = format!("policy {} has the same objects, and takes over those of {}", policy(heir), policy(unit));
        leaving.remove(member);
        let approval = Digest::of_texts(["handover".to_owned(), unit.to_string(), heir.to_string()]);
        let why = Leaving::new(LeavingCause::HandedOver, message);
        out.insert(member.clone(), Leaving { approval: Some(approval), shown: Some(ObjectSet::default()), ..why });
    }
    out
}
