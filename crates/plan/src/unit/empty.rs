//! A unit that has nothing in a member leaves it, and nobody is asked: there is no object of which to agree that it goes.
//!
//! So an edit that is taken back leaves nothing to approve. While it is held, the unit that the member has moved to waits
//! there for the objects of the one that is kept; taken back, it is the one to leave, and has got nothing.
//!
//! What is known may be old. So nothing was shown to anybody: what it has in the member after all waits for a word of its own
//! ([`prune`](crate::prune)).

use std::collections::BTreeMap;

use api::delivery::{Leaving, LeavingCause, ObjectSet, UnitId, UnitPhase, UnitStatus};
use model::{Digest, MemberName};

use super::Observed;
use super::held::report_at;
use crate::report::CONFLICT;

/// Takes out of the members that a unit leaves those in which it has nothing, as far as is known.
pub(super) fn split_empty(
    observed: &Observed<'_>,
    unit: &UnitId,
    leaving: &mut BTreeMap<MemberName, Leaving>,
) -> BTreeMap<MemberName, Leaving> {
    let mut out = BTreeMap::new();
    for (member, entry) in observed.slices(unit).flat_map(|(_, decision)| &decision.members) {
        let status = observed.statuses.get(&(unit.clone(), member.clone()));
        let has_nothing = match status {
            Some(status) => report_at(Some(status), entry).is_some_and(has_nothing),
            // It has not answered since it was given the unit.
            None => observed.members.get(member).is_some_and(|facts| !facts.reports()),
        };
        let Some(why) = leaving.get(member).filter(|_| has_nothing) else { continue };
        let approval = Digest::of_texts(["nothing there".to_owned(), unit.to_string(), member.to_string()]);
        let said = Leaving::new(LeavingCause::NothingThere, format!("it has nothing there ({})", why.message));
        out.insert(member.clone(), Leaving { approval: Some(approval), shown: Some(ObjectSet::default()), ..said });
        leaving.remove(member);
    }
    out
}

/// Does this report, which is of a pass that knew the inventory, say that the unit has nothing?
fn has_nothing(status: &UnitStatus) -> bool {
    let is_known = match status.phase {
        UnitPhase::Applied => true,
        UnitPhase::Failed => status.reason == CONFLICT,
        _ => false,
    };
    is_known && status.objects.inventory == 0
}
