//! What becomes of an object that a unit brings to a member in which it may be already. Crate-wide there is one judgement,
//! [`adopt::plan`]: what a preview says is what the applier will do.

use api::delivery::{HubId, UnitId};
use api::view::{FieldDifference, ObjectChange, ObjectDifference};
use serde_json::Value;

use super::hidden::Hider;
use super::{changed, coming, field, whole, with_fields};
use crate::adopt::{self, Known};
use crate::apply::WaitingOn;
use crate::instruction;
use crate::phase;
use crate::prepare::Prepared;
use crate::report;

const ADOPTED_WORDS: &str = "it is there already: it is taken over, and given back later instead of deleted";

/// A unit of this hub that has an object in the member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The unit.
    pub unit: UnitId,
    /// It will want the object still.
    pub wants: bool,
    /// It did not make it.
    pub adopted: bool,
}

/// What is known of an object in a member.
#[derive(Clone, Copy, Debug, Default)]
pub struct There<'a> {
    /// How the member has it, if it does.
    pub live: Option<&'a Value>,
    /// The inventory of the unit itself has it already.
    pub is_own: bool,
    /// Another unit that has it.
    pub holder: Option<&'a Holder>,
    /// An autoscaler has its replicas.
    pub scaled: bool,
    /// Everything of the unit is taken over, whatever that restarts.
    pub overwrites: bool,
}

/// What becomes of the object; `None` when it is there and will be as it is.
pub fn judge(object: &Prepared, there: &There<'_>, hub: &HubId, hider: &Hider<'_>) -> Option<ObjectDifference> {
    let There { live, is_own, holder, scaled, overwrites } = *there;
    let key = &*object.key;
    let left_alone = |note: String| ObjectDifference { note, ..whole(key, ObjectChange::LeaveAlone) };
    if let Some(holder) = holder.filter(|holder| holder.wants) {
        let owner = report::Elsewhere { unit: holder.unit.to_string(), is_idle: false };
        let same = |live| adopt::changes(object, live, false).all.is_empty();
        let serves_both = phase::is_container(key) && live.is_some_and(same);
        return Some(left_alone(if serves_both {
            owner.shared_words()
        } else {
            format!("{}: {}", report::CONFLICT, owner.words())
        }));
    }
    let Some(live) = live else { return Some(coming(object)) };
    let mut fields = field::live(&object.object, live, &[], scaled, hider);
    fields.retain(|field: &FieldDifference| !adopt::is_mark(&field.path));
    if is_own && fields.is_empty() {
        return None;
    }
    if let Some(asked) = instruction::stronger(object.asked, instruction::asked(live)) {
        return Some(left_alone(report::left_alone_words(asked)));
    }
    if is_own {
        return Some(changed(key, fields));
    }
    let recorded = holder.map(|holder| holder.adopted);
    let known = Known { recorded, scaled, overwrites, ..Known::default() };
    let (plan, report) = adopt::plan(object, Some(live), hub, known);
    Some(match (plan, report.waiting) {
        (adopt::Plan::Leave, Some(WaitingOn::BeingDeleted)) => {
            let note = "it is being deleted there; it is made again when it is gone".to_owned();
            ObjectDifference { note, ..whole(key, ObjectChange::Add) }
        }
        (adopt::Plan::Leave, waiting) => {
            let words = match &waiting {
                Some(WaitingOn::OtherHub(other)) => format!("hub {other} delivers it"),
                _ => adopt::refusal_words(&adopt::changes(object, live, scaled).restarts),
            };
            let reason = waiting.as_ref().map(WaitingOn::reason).unwrap_or_default();
            ObjectDifference {
                note: format!("{reason}: {words}"),
                ..with_fields(key, ObjectChange::LeaveAlone, fields)
            }
        }
        (adopt::Plan::Adopt { .. }, _) => {
            ObjectDifference { note: ADOPTED_WORDS.to_owned(), ..with_fields(key, ObjectChange::Adopt, fields) }
        }
        (adopt::Plan::Ours, _) => {
            let from = holder.map(|holder| format!("unit {} hands it over", holder.unit)).unwrap_or_default();
            ObjectDifference { note: from, ..changed(key, fields) }
        }
    })
}

/// An object of which nobody could be asked whether it is there.
pub fn unasked(object: &Prepared, why: &str) -> ObjectDifference {
    match coming(object) {
        coming if coming.change == ObjectChange::Add => {
            let note = format!("not known whether it is there already: {why}");
            ObjectDifference { note, ..coming }
        }
        left_alone => left_alone,
    }
}
