//! What is remembered of an object between passes: failures, changes that others made, reverts.

use std::sync::Arc;

use api::delivery::{ApplierCount, DriftRecord, UnitStatus};
use api::feed::{ObjectReport, UnitReport};
use client::Backoff;
use model::{Digest, KeyMap, KeySet, ObjectKey, Timestamp, Uid, words};
use plan::apply::{Accepted, WaitingOn};
use plan::drift::{self, Revert};
use plan::ownership::NotOurs;
use plan::report::Waits;
use plan::retry;
use tokio::time::Instant;

use crate::error::Error;
use crate::unit::Remembered;
use crate::unit::look::Look;

/// Why an object is not as the payload says.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) waiting: WaitingOn,
    pub(crate) message: String,
    /// What was tried.
    pub(crate) digest: Digest,
    pub(crate) attempts: u32,
    pub(crate) retry: Instant,
    /// Nothing is wrong but that the object is still there: it is tried as soon as it is seen to be gone.
    pub(crate) until_gone: bool,
}

/// A fight over an object, which is left alone for now.
#[derive(Clone, Debug)]
pub(crate) struct Contest {
    /// Who changes it; `None` when the server does not say.
    pub(crate) manager: Option<String>,
    /// What was fought over: another version of the object does not wait.
    pub(crate) digest: Digest,
    /// When it is tried again, on the clock that people read.
    pub(crate) until: Timestamp,
    /// The same moment, on the clock that timers follow.
    pub(crate) wake: Instant,
}

/// What is remembered of a unit's objects, over connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    /// Failures, changes and reverts, of the objects that have any.
    pub(crate) memory: KeyMap<Memory>,
    /// What is known of each object's last apply.
    pub(crate) accepted: KeyMap<Arc<Accepted>>,
    /// Objects that it let go of instead of deleting them, since they are not its own, and at which epoch. By cause and
    /// words, so that it stays short.
    pub(crate) not_ours: Option<(u64, Waits)>,
    /// Fields that the adoption of objects changed, as far as this process adopted them.
    pub(crate) adoptions: KeyMap<Vec<String>>,
    /// Objects that ran to their end, and that a read has shown to be gone, by UID.
    pub(crate) gone: KeyMap<Uid>,
    /// Objects that another unit delivers, and whether they are as this one has them.
    pub(crate) shared: KeyMap<Shared>,
    /// Since when the unit is on its way out.
    pub(crate) leaving_since: Option<Instant>,
    /// Who lives in Namespaces and definitions that would be deleted.
    pub(crate) looks: KeyMap<Look>,
    /// Of objects whose deletion waits and that no watch shows, when that was asked and why they would not be deleted.
    pub(crate) holders: KeyMap<(Instant, Option<NotOurs>)>,
    /// How many objects it let go of that are still there.
    pub(crate) let_go: u64,
    /// Reverts of all its objects, also of those that it no longer has.
    pub(crate) reverts: Option<ApplierCount>,
    /// Objects that it deleted since it has them no longer.
    pub(crate) deleted: Option<ApplierCount>,
    /// Objects that the unit had before this process, with their versions, and that were another hub's when it began.
    pub(crate) taken: KeyMap<Arc<str>>,
    /// The inventory as it was when the connection ended.
    pub(crate) remembered: Option<Box<Remembered>>,
}

/// How an object that another unit delivers compares with what this one has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared {
    /// What this unit has.
    pub(crate) digest: Digest,
    /// What was seen of the object.
    pub(crate) projection: Digest,
    /// It is as this unit has it.
    pub(crate) serves_both: bool,
}

impl Past {
    /// Notes that an object was let go of since it is not the unit's own.
    pub(crate) fn note_not_ours(&mut self, key: &ObjectKey, why: &NotOurs, epoch: u64) {
        let noted = self.not_ours.take().filter(|(noted_at, _)| *noted_at == epoch);
        let (_, noted) = self.not_ours.insert(noted.unwrap_or_else(|| (epoch, Waits::default())));
        noted.add_not_ours(key, why);
    }

    /// Notes that so many objects are probably left there of which nothing is recorded any more.
    pub(crate) fn note_unrecorded(&mut self, count: usize, epoch: u64) {
        let mut noted = self.not_ours_at(epoch).cloned().unwrap_or_default();
        noted.add_unrecorded(count);
        self.not_ours = Some((epoch, noted));
    }

    /// What it let go of at this epoch.
    pub(crate) fn not_ours_at(&self, epoch: u64) -> Option<&Waits> {
        self.not_ours.as_ref().filter(|(noted_at, _)| *noted_at == epoch).map(|(_, noted)| noted)
    }

    /// Counts what was recorded since the last report of the unit, whose rows do not name it: a list that is made of these rows alone
    /// would be too short.
    pub(crate) fn count_recorded(&self, last: &mut UnitReport) {
        let Some(remembered) = &self.remembered else { return };
        let named: KeySet = last.details.iter().map(|row| Arc::clone(&row.key)).collect();
        let unnamed = remembered.keys().filter(|key| !named.contains(*key)).count();
        // Rows may be of what the unit only wants, so that numbers alone do not tell whether each object has one.
        if unnamed > 0 {
            let all = u32::try_from(named.len() + unnamed).unwrap_or(u32::MAX);
            last.objects.inventory = last.objects.inventory.max(all);
        }
    }

    /// Counts an object that was deleted.
    pub(crate) fn count_deleted(&mut self, now: Timestamp) {
        self.deleted.get_or_insert(ApplierCount { since: now, count: 0 }).count += 1;
    }

    /// Counts a revert.
    pub(crate) fn count_revert(&mut self, now: Timestamp) {
        self.reverts.get_or_insert(ApplierCount { since: now, count: 0 }).count += 1;
    }
}

/// An object's past.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) failure: Option<Failure>,
    /// Its phase of this payload has run out of time without it, in words. Ends when it is as it was waited for.
    pub(crate) overdue: Option<(Digest, String)>,
    pub(crate) contested: Option<Contest>,
    pub(crate) history: Vec<Revert>,
    pub(crate) reverts: u64,
    pub(crate) drift: Vec<DriftRecord>,
    /// We asked for its deletion, and it is on its way out since.
    pub(crate) is_going: bool,
    /// Projection that was already reported while nothing may be written.
    pub(crate) noticed: Option<Option<Digest>>,
}

impl Memory {
    /// Notes a failure. The pause grows while the same thing fails for the same object.
    pub(crate) fn fail(&mut self, digest: Digest, waiting: WaitingOn, message: String, jitter: f64) {
        let attempts = self.failure.as_ref().filter(|f| f.digest == digest).map_or(0, |f| f.attempts) + 1;
        let retry = Instant::now() + Backoff::MEMBER.pause(attempts, jitter);
        let message = words::bounded(&message, UnitStatus::MESSAGE_MAX);
        self.failure = Some(Failure { waiting, message, digest, attempts, retry, until_gone: false });
    }

    /// Forgets what failed under another payload than this one.
    pub(crate) fn forget_before(&mut self, payload: Digest) {
        self.failure = self.failure.take().filter(|failure| failure.digest == payload);
        self.overdue = self.overdue.take().filter(|(digest, _)| *digest == payload);
    }

    /// What is wrong with the object: reason and words.
    pub(crate) fn problem(&self) -> Option<(&str, &str)> {
        let failure = self.failure.as_ref().map(|f| (f.waiting.reason(), f.message.as_str()));
        failure.or_else(|| Some((WaitingOn::Overdue.reason(), self.overdue.as_ref()?.1.as_str())))
    }

    /// Notes an error. What a server says about a Secret may quote it, so only fields are kept. `secret` is there for a Secret:
    /// its fields that have to be text and are not.
    pub(crate) fn fail_with(&mut self, digest: Digest, secret: Option<&[String]>, error: &Error, jitter: f64) {
        let message = secret.map_or_else(|| error.to_string(), |not_text| error.about_secret(not_text));
        let reason = words::bounded(error.reason(), UnitStatus::REASON_MAX);
        self.fail(digest, WaitingOn::Refused(reason), message, jitter);
    }

    /// Why the object must wait before it is tried again, if it must. `gone` says that the member was seen not to have it.
    pub(crate) fn rest(&self, digest: Digest, now: Instant, gone: bool) -> Option<WaitingOn> {
        let is_same = self.failure.as_ref().is_some_and(|failure| failure.digest == digest);
        retry::rest(&self.observed(digest, now), is_same, gone)
    }

    /// Why the object is not as the payload says, whether or not it may be tried again now.
    pub(crate) fn trouble(&self, digest: Digest, now: Instant) -> Option<WaitingOn> {
        retry::trouble(&self.observed(digest, now))
    }

    fn observed(&self, digest: Digest, now: Instant) -> retry::Observed<'_> {
        let failure = self.failure.as_ref().map(|failure| retry::Failure {
            waiting: &failure.waiting,
            left: failure.retry.saturating_duration_since(now),
            until_gone: failure.until_gone,
        });
        retry::Observed {
            failure,
            is_contested: self.contest(digest, now).is_some(),
            is_overdue: self.overdue.is_some(),
        }
    }

    /// The fight over this version of it after which it is left alone, while it is.
    pub(crate) fn contest(&self, digest: Digest, now: Instant) -> Option<&Contest> {
        self.contested.as_ref().filter(|contest| contest.digest == digest && contest.wake > now)
    }

    /// When to look again, after a pass that began then: what was due by its beginning is what it could do nothing about.
    pub(crate) fn wake(&self, began: Instant) -> Option<Instant> {
        let contested = self.contested.as_ref().map(|contest| contest.wake);
        let all = self.failure.as_ref().map(|f| f.retry).into_iter().chain(contested);
        all.filter(|at| *at > began).min()
    }

    /// Notes what somebody did to the object. The same change seen again replaces its record.
    pub(crate) fn notice(&mut self, record: DriftRecord, now: Timestamp) {
        if record.reverted {
            self.reverts += 1;
            let manager = record.fields.first().and_then(|f| f.manager.clone());
            drift::remember(&mut self.history, Revert { at: now, manager });
        }
        if self.drift.first().is_some_and(|last| !last.reverted && last.fields == record.fields) {
            self.drift.remove(0);
        }
        self.drift.insert(0, record);
        self.drift.truncate(ObjectReport::DRIFT_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pass_could_do_nothing_about_does_not_begin_another_one() {
        let (began, second) = (Instant::now(), std::time::Duration::from_secs(1));
        let mut memory = Memory::default();
        memory.fail(Digest::of(b"a"), WaitingOn::Overdue, String::new(), 1.0);
        let retry = memory.wake(began).unwrap();
        let wake = retry + second;
        memory.contested =
            Some(Contest { manager: None, digest: Digest::of(b"a"), until: Timestamp::UNIX_EPOCH, wake });
        // The pause ends while a pass is on its way.
        assert_eq!(memory.wake(retry - second), Some(retry));
        // A suspended unit tries nothing: it must not be looked at for that again and again.
        assert_eq!(memory.wake(retry), Some(wake));
        assert_eq!(memory.wake(wake), None);
    }

    #[test]
    fn a_fight_is_over_one_version_of_an_object() {
        let (now, digest) = (Instant::now(), Digest::of(b"a"));
        let wake = now + std::time::Duration::from_secs(1);
        let contested = Some(Contest { manager: None, digest, until: Timestamp::UNIX_EPOCH, wake });
        let memory = Memory { contested, ..Memory::default() };
        for (version, at, expect) in
            [(digest, now, Some(WaitingOn::Contested)), (digest, wake, None), (Digest::of(b"b"), now, None)]
        {
            assert_eq!(memory.rest(version, at, false), expect);
            assert_eq!(memory.trouble(version, at), expect);
        }
    }
}
