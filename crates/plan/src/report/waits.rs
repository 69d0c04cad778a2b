//! Which objects of a unit wait, are held or are left alone, gathered by cause.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::delivery::{Deletions, ObjectsWaiting, WaitingCause};
use model::{HashedKey, ObjectKey, words};

use crate::ownership::NotOurs;
use crate::{apply, prune};

/// Who is to have an object that the source took out of a unit: the hub alone knows its name.
pub(super) const CLAIMED: &str = "another application of the same source";

/// Why what leaves waits though a person agreed that its unit leaves.
const NOT_SHOWN: &str = "it was not in the list that was agreed to";

/// Why objects stay that a unit had when it left.
const UNRECORDED: &str = "its inventory was deleted there, and what it named is not known";

/// Objects by cause and detail: how many, and the first by key.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    by_cause: BTreeMap<(WaitingCause, String), (usize, String)>,
}

impl Waits {
    /// Is there nothing that waits?
    pub fn is_empty(&self) -> bool {
        self.by_cause.is_empty()
    }

    /// What is kept is cut: details and names are words of members and of sources.
    fn add(&mut self, cause: WaitingCause, detail: &str, count: usize, mut first: String) {
        let detail = words::bounded(detail, ObjectsWaiting::DETAIL_MAX);
        words::bound(&mut first, ObjectKey::CHARS_MAX);
        let (all, known) = self.by_cause.entry((cause, detail)).or_default();
        *all += count;
        if known.is_empty() || (!first.is_empty() && first < *known) {
            *known = first;
        }
    }

    /// Adds an object that the unit wants.
    pub fn add_object(&mut self, key: &ObjectKey, waiting: &apply::WaitingOn) {
        self.add(waiting.cause(), &waiting.detail(), 1, key.to_string());
    }

    /// Adds an object that the unit no longer wants, and let go of since it is not its own.
    pub fn add_not_ours(&mut self, key: &ObjectKey, why: &NotOurs) {
        self.add(WaitingCause::NotOurs, &why.to_string(), 1, key.to_string());
    }

    /// Adds objects that the unit had and of which nothing is recorded any more, so that they stay.
    pub fn add_unrecorded(&mut self, count: usize) {
        self.add(WaitingCause::NotOurs, UNRECORDED, count, String::new());
    }

    /// Adds what others gathered.
    pub fn add_all(&mut self, others: &Self) {
        for ((cause, detail), (count, first)) in &others.by_cause {
            self.add(*cause, detail, *count, first.clone());
        }
    }

    /// Adds objects that the unit no longer wants. `deletions` are those that the guard weighs.
    pub fn add_kept(&mut self, kept: &[prune::WaitingOn], deletions: Option<&Deletions>) {
        let first = |keys: &[Arc<HashedKey>]| keys.iter().min().map(ToString::to_string).unwrap_or_default();
        for waiting in kept {
            match waiting {
                prune::WaitingOn::NotAsked(n) => self.add(WaitingCause::NotPruned, "", *n, String::new()),
                prune::WaitingOn::Suspended(n) => self.add(WaitingCause::Suspended, "", *n, String::new()),
                prune::WaitingOn::Frozen { why, count } => self.add(WaitingCause::Frozen, why, *count, String::new()),
                prune::WaitingOn::Apply(n) => self.add(WaitingCause::Unsettled, "", *n, String::new()),
                prune::WaitingOn::Occupied(keys) => self.add(WaitingCause::Occupied, "", keys.len(), first(keys)),
                prune::WaitingOn::Inhabited(containers)
                | prune::WaitingOn::InUse(containers)
                | prune::WaitingOn::Needed(containers) => {
                    for (key, who) in containers {
                        self.add(WaitingCause::Inhabited, who, 1, key.to_string());
                    }
                }
                prune::WaitingOn::Unseen(containers) => {
                    for (key, why) in containers {
                        self.add(WaitingCause::Unseen, why, 1, key.to_string());
                    }
                }
                prune::WaitingOn::OutsideRights { objects, .. } | prune::WaitingOn::LeftOutside(objects) => {
                    for (key, lack) in objects {
                        self.add(WaitingCause::OutsideRights, &lack.to_string(), 1, key.to_string());
                    }
                }
                prune::WaitingOn::Handover(moving) => {
                    for (key, unit) in moving {
                        self.add(WaitingCause::Handover, &unit.to_string(), 1, key.to_string());
                    }
                }
                prune::WaitingOn::Claimed(keys) => {
                    self.add(WaitingCause::Handover, CLAIMED, keys.len(), first(keys));
                }
                prune::WaitingOn::Guard => {
                    let Some(list) = deletions else { continue };
                    let why = match list {
                        list if list.behind => "the hub is behind what the member has seen",
                        list if list.unshown => NOT_SHOWN,
                        _ => "",
                    };
                    let first = list.sample.first().cloned().unwrap_or_default();
                    self.add(WaitingCause::Release, why, list.count as usize, first);
                }
            }
        }
    }

    /// As they are stored: the worst causes first.
    pub fn entries(&self) -> Vec<ObjectsWaiting> {
        let entry = |((cause, detail), (count, first)): (&(WaitingCause, String), &(usize, String))| ObjectsWaiting {
            cause: *cause,
            count: u32::try_from(*count).unwrap_or(u32::MAX),
            first: first.clone(),
            detail: detail.clone(),
        };
        let any = self.by_cause.iter().filter(|(_, (count, _))| *count > 0);
        any.map(entry).take(ObjectsWaiting::ENTRIES_MAX).collect()
    }
}

#[cfg(test)]
mod tests;
