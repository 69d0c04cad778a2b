//! What is said of a unit while no look at it comes to an end.
//!
//! A report is written when a pass ends. A pass that waits for its member would leave the one before as it is, however much
//! is known by then. The words have no number that grows: what is stored is written once.

use std::sync::Arc;

use api::delivery::{Health, UnitPhase};
use api::feed::{ObjectReport, SyncState, UnitEntry, UnitReport};
use model::HashedKey;

use super::{NOT_VISIBLE, Summary};
use crate::apply::{Step, Why};
use crate::pool::Pool;

/// Reason of a unit of which an object is known not to be as it was reported, while the member does not answer what is asked
/// because of that.
pub const NOT_ANSWERED: &str = "NotAnswered";

/// How an object is, as far as that is known before it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is not there any more.
    Gone,
    /// It is otherwise than it was.
    Changed,
    /// What the payload has is not there yet.
    Unsent,
    /// It is not known how it compares with what was delivered.
    Unknown,
}

impl How {
    /// The same by what is to be done with it; `None` when that is nothing.
    pub fn of(step: Step) -> Option<Self> {
        Some(match step {
            // What ran to its end may be gone, as it should be.
            Step::Skip | Step::LeftAlone(_) | Step::Send(Why::Confirm) => return None,
            Step::Send(Why::Recreate) | Step::Wait => Self::Gone,
            Step::Send(Why::Revert) => Self::Changed,
            Step::Send(Why::New | Why::Changed | Why::Rerun) => Self::Unsent,
            Step::Recall => Self::Unknown,
        })
    }

    fn sync(self) -> SyncState {
        match self {
            Self::Gone | Self::Changed => SyncState::Drifted,
            Self::Unsent | Self::Unknown => SyncState::Pending,
        }
    }
}

/// An object of a unit that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The object.
    pub key: Arc<HashedKey>,
    /// How it is.
    pub how: How,
}

impl Unmet {
    fn words(&self) -> String {
        let key = &self.key;
        match self.how {
            How::Gone => format!("{key} is gone in the member"),
            How::Changed => format!("{key} has changed in the member"),
            How::Unsent => format!("{key} is not applied yet"),
            How::Unknown => format!("it is not known yet how {key} is in the member"),
        }
    }
}

/// Why there is no report for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// Since the member was reached, its objects of a kind were not listed.
    Unlisted(String),
    /// They were, and no look at the unit came to an end; an object that is known to be otherwise.
    Unseen(Option<Unmet>),
    /// It was reported since, and an object is known to be otherwise.
    Unmet(Unmet),
}

/// What is reported of a unit until a pass ends; `None` when what was said last does not say that all is well. `last` is the last report,
/// or one that says nothing.
pub fn overdue(
    last: UnitReport,
    entry: &UnitEntry,
    overdue: &Overdue,
    pool: &Pool<ObjectReport>,
) -> Option<UnitReport> {
    let unseen = |why: String| {
        let details = last
            .details
            .iter()
            .map(|row| pool.share(ObjectReport { health: Health::Unknown, ..ObjectReport::clone(row) }));
        let details = details.collect();
        let Summary { phase, reason, message } = Summary::new(UnitPhase::Unknown, NOT_VISIBLE, why);
        Some(UnitReport { phase, health: Health::Unknown, reason, message, details, ..last.clone() })
    };
    match overdue {
        Overdue::Unlisted(kind) => {
            unseen(format!("the member has not listed the objects of {kind} since the connection came about"))
        }
        Overdue::Unseen(None) => {
            unseen("the member has not answered what is asked of it since the connection came about".to_owned())
        }
        // It is being sent: what is stored is of another payload, or nothing.
        Overdue::Unseen(Some(Unmet { how: How::Unsent, .. })) => None,
        Overdue::Unseen(Some(unmet)) => {
            unseen(format!("{}, and the member has not answered what was asked because of that", unmet.words()))
        }
        Overdue::Unmet(unmet) => {
            let is_well = last.phase == UnitPhase::Applied;
            if !is_well || (last.epoch, last.payload) != (entry.epoch, entry.payload) {
                return None;
            }
            let why = format!("{}, and the member has not answered what was asked because of that", unmet.words());
            let Summary { phase, reason, message } = Summary::new(UnitPhase::Applying, NOT_ANSWERED, why);
            let mut details = last.details.clone();
            for row in details.iter_mut().filter(|row| row.key == unmet.key) {
                let health = if unmet.how == How::Gone { Health::Missing } else { Health::Unknown };
                let (sync, reason, message) = (unmet.how.sync(), reason.clone(), message.clone());
                *row = pool.share(ObjectReport { sync, health, reason, message, ..ObjectReport::clone(row) });
            }
            Some(UnitReport { phase, reason, message, details, ..last })
        }
    }
}
