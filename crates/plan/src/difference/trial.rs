//! Whether a member would carry out a change: what it answered to a send of which nothing is carried out. Which objects are made
//! again is decided by [`crate::send`]: what a preview says is what the applier will do.

use api::feed::{ObjectReport, SyncState, UnitReport};
use api::view::{ObjectChange, ObjectDifference};

use super::whole;
use crate::phase;
use crate::prepare::Bundle;
use crate::report;
use crate::send::Keeps;

/// Reason of an object whose change was refused since a field cannot change.
pub const IMMUTABLE: &str = "Immutable";

/// What the member would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It takes the object as it would be sent.
    Taken,
    /// These fields cannot change: the object is deleted and made again.
    Renewed(Vec<String>),
    /// These fields cannot change, and the object is not made again.
    Immutable(Vec<String>, Keeps),
    /// It refuses the object for another reason, in these words. What comes before it, such as a definition or a policy, may change that.
    Refused(String),
}

/// What becomes of an object, by what the member said of it.
pub fn judge(difference: &ObjectDifference, trial: &Trial) -> ObjectDifference {
    let other = |change, note: String| ObjectDifference { change, note, ..difference.clone() };
    match trial {
        // What was refused at the last report is taken now.
        Trial::Taken if difference.change == ObjectChange::Replace => other(ObjectChange::Change, String::new()),
        Trial::Taken => difference.clone(),
        Trial::Renewed(fields) => other(ObjectChange::Replace, format!("{}, and `force` asks for it", cannot(fields))),
        Trial::Immutable(fields, keeps) => {
            let note = format!("refused: {}; it is not applied{}", cannot(fields), keeps.advice());
            other(ObjectChange::LeaveAlone, note)
        }
        Trial::Refused(words) => {
            let refused = format!("refused as things are there now: {words}");
            match difference.change {
                ObjectChange::Replace => other(ObjectChange::Change, refused),
                change if difference.note.is_empty() => other(change, refused),
                change => other(change, format!("{}; {refused}", difference.note)),
            }
        }
    }
}

fn cannot(fields: &[String]) -> String {
    if fields.is_empty() { "a field cannot change".to_owned() } else { format!("{} cannot change", fields.join(", ")) }
}

/// The objects that a member refuses now since a field cannot change, by what it reported, and that are deleted and made again
/// when `force` is switched on.
pub fn forced(report: &UnitReport, bundle: &Bundle) -> Vec<ObjectDifference> {
    let refused = |row: &&ObjectReport| row.sync == SyncState::Failed && row.reason == IMMUTABLE;
    let is_renewed = |row: &&ObjectReport| {
        let stays = row.adopted || row.kept || phase::is_guarded(&row.key) || report::is_of_another(row);
        !stays && bundle.get(&row.key).is_some_and(|object| !object.stays)
    };
    let rows = report.details.iter().map(AsRef::as_ref).filter(refused).filter(is_renewed);
    rows.map(|row| {
        let note = format!("{}, and `force` asks for it", cannot(&[]));
        ObjectDifference { note, ..whole(&row.key, ObjectChange::Replace) }
    })
    .collect()
}
