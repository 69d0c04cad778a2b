//! What there is to say of a unit in a member: one row per object, their sum, and in one word how far it is.
//!
//! A row follows from what is known of its object alone, so when one object changes, one row is made again.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::delivery::{
    DeletionState, Deletions, DriftRecord, Health, ObjectsWaiting, PodCounts, UnitCounts, UnitId, UnitPhase,
    UnitStatus, label,
};
use api::feed::{ObjectReport, SyncState};
use api::reason;
use model::clock::format_seconds;
use model::{HashedKey, ObjectKey, Timestamp, words};

use crate::apply::{self, Accepted, Step, Why};
use crate::health::{self, Part, Reading};
use crate::instruction::{Asked, Handling};
use crate::inventory::Entry;
use crate::pool::Pool;
use crate::prune::WaitingOn;
use crate::rights::{Lack, OUTSIDE_RIGHTS};

mod overdue;
mod unready;
mod waits;

pub use overdue::{How, NOT_ANSWERED, Overdue, Unmet, overdue};
pub use waits::Waits;

/// Reason of an object that was adopted with our label on it, when nothing else is to be said of it.
pub const RECORD_LOST: &str = "RecordLost";
const RECORD_LOST_WORDS: &str = "it carries our label, and no inventory named it: it counts as adopted, so it is never deleted; if we made it, the inventory was lost";

/// Reason of an object that is accepted as it is, since its member could not be asked who changed it, when nothing else is to
/// be said of it.
pub const NOT_ASKED: &str = "NotAsked";
const NOT_ASKED_WORDS: &str = "fields that are set under Kurator's name differ from what was sent, and stay as they are: the member does not carry out a dry run, which would tell its admission from another client";

/// Reason of an object of a kind that the member does not show, and of a unit that has such objects.
pub const NOT_VISIBLE: &str = "NotVisible";

/// Reason of a Namespace or definition that stays, since something is in it, or of it, that the unit does not delete.
pub const INHABITED: &str = "Inhabited";

/// Reason of a Namespace or definition that stays, since another unit has something in it, or of it. Where that one leaves too, it goes.
pub const IN_USE: &str = "InUse";

/// Reason of a Namespace or definition that the source lost, and that stays recorded since the source has something in it still. Of a unit
/// that leaves it says nothing: what is in it goes along.
pub const NEEDED: &str = "Needed";

/// Reason of an object that another unit delivers, and of a unit that has such objects.
pub const CONFLICT: &str = "Conflict";
/// Ends the note on an object that another unit delivers, and that is as this one wants it.
const FOR_THIS_TOO: &str = " delivers it, for this one too";

/// What is said of an object that asks to be left alone.
pub(crate) fn left_alone_words(asked: Asked) -> String {
    format!("left alone, as the annotation {} asks", asked.by)
}

/// Is an object wanted by a unit, and another one's as long as that has it? When it lets go of it, this one takes it over.
pub fn is_of_another(row: &ObjectReport) -> bool {
    row.reason == CONFLICT || row.notes.iter().any(|note| note.ends_with(FOR_THIS_TOO))
}

/// Reason of an object that is left alone, since an annotation asks for that.
pub const LEFT_ALONE: &str = "LeftAlone";

const NOT_MADE_WORDS: &str = "not made, and not looked for: it exists only if something else made it";

const ENDED_AND_GONE_WORDS: &str = "it ran to its end and was removed; it runs again when its content changes";

/// Reason of an object that failed and is gone.
pub const FAILED_AND_GONE: &str = "FailedAndGone";
const FAILED_AND_GONE_WORDS: &str = "it failed, and was removed; it runs again when its content changes";

/// The other unit that has an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Its id, in words.
    pub unit: String,
    /// Nothing asks for that unit: only its inventory is known.
    pub is_idle: bool,
}

impl Elsewhere {
    /// What is said of an object that it delivers as this one wants it.
    pub(crate) fn shared_words(&self) -> String {
        format!("unit {}{FOR_THIS_TOO}", self.unit)
    }

    /// Why the object is not this unit's.
    pub(crate) fn words(&self) -> String {
        let Self { unit, is_idle } = self;
        match is_idle {
            false => format!("unit {unit} delivers it already"),
            true => format!(
                "unit {unit} has it here, and no Application asks for that unit: apply its Application again, under the same \
                 name and policy, and take the object out of one of the two"
            ),
        }
    }
}

/// What an object is to its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The unit wants it; this is what is to be done with it.
    Wanted(Step),
    /// The unit wants it, and another unit delivers it.
    Elsewhere(Elsewhere),
    /// The unit no longer wants it, and it is on its way out: nothing is waited for before it is deleted or given back.
    Leaving,
    /// The unit no longer wants it, and a word is needed before it is deleted.
    Held,
    /// The unit no longer wants it, and something else is waited for.
    Lost,
    /// The unit no longer wants it, and does not prune.
    NotPruned,
}

/// Everything that a row is made from.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The object.
    pub key: &'a Arc<HashedKey>,
    /// API version by which it is read.
    pub version: &'a str,
    /// What it is to the unit.
    pub standing: Standing,
    /// Why it is not sent, or is left alone, by [`apply::plan`].
    pub waiting: Option<apply::WaitingOn>,
    /// An earlier phase is waited for.
    pub phase_waits: bool,
    /// What is wrong with it: reason and words.
    pub problem: Option<(&'a str, &'a str)>,
    /// The fight over what the unit has of it now, after which it is left alone.
    pub contest: Option<Contest<'a>>,
    /// What is recorded of it.
    pub entry: Option<&'a Entry>,
    /// What is known of its last apply.
    pub accepted: Option<&'a Accepted>,
    /// What it says of itself, when it was seen.
    pub reading: Option<&'a Reading>,
    /// Why objects of its kind cannot be seen.
    pub hidden: Option<&'a str>,
    /// How often changes to it were reverted.
    pub reverts: u64,
    /// The last changes to it.
    pub drift: &'a [DriftRecord],
    /// Paths that were not sent, since only servers set them.
    pub unsent: &'a [String],
    /// Annotations in the source that ask for something that is not done.
    pub unhonoured: &'a [String],
    /// The same of those on the object in the member, as far as they are misspelt.
    pub misspelt: &'a [String],
    /// Fields that its adoption changed.
    pub adoption: &'a [String],
    /// Another unit delivers it, and it is as this one has it: it serves both.
    pub serves_both: bool,
    /// An annotation on it in the member asks that it is not deleted.
    pub stays: bool,
    /// Another object has its name.
    pub replaced: bool,
}

/// What else there is to know of an object, in sentences.
fn notes_of(facts: &Facts<'_>) -> Vec<String> {
    let left = facts.accepted.map_or(&[][..], |accepted| &accepted.left);
    let list = |paths: &[String], before: &str, after: &str| {
        (!paths.is_empty()).then(|| format!("{before}{}{after}", paths.join(", ")))
    };
    let owner = match &facts.standing {
        Standing::Elsewhere(owner) if facts.serves_both => Some(owner.shared_words()),
        _ => None,
    };
    let left_alone = match facts.standing {
        Standing::Wanted(Step::LeftAlone(asked)) => Some(left_alone_words(asked)),
        _ => None,
    };
    // What the source says is on the object as well.
    let in_member = facts.misspelt.iter().filter(|said| !facts.unhonoured.contains(said));
    let unhonoured: Vec<String> = facts.unhonoured.iter().chain(in_member).cloned().collect();
    let all = [
        owner,
        left_alone,
        list(facts.adoption, "its adoption changed ", ""),
        list(left, "left to the manager that filled it: ", "; take it out of the source"),
        list(facts.unsent, "not sent, since only a server sets it: ", ""),
        list(&unhonoured, "asked for by annotation, and not done: ", ""),
    ];
    all.into_iter().flatten().map(|note| words::bounded(&note, ObjectReport::NOTE_CHARS_MAX)).collect()
}

/// Is an object there, and not watched, since it is not this hub's? It was read when it was decided to leave it alone, which says
/// nothing of how it is now.
fn is_there_unwatched(facts: &Facts<'_>) -> bool {
    facts.problem.is_some_and(|(reason, _)| [apply::ADOPTION_REFUSED, apply::FOREIGN_HUB].contains(&reason))
}

/// How an object compares with what was applied.
fn sync(facts: &Facts<'_>) -> SyncState {
    match &facts.standing {
        Standing::Leaving => SyncState::Deleting,
        Standing::Held => SyncState::DeletionHeld,
        Standing::Lost => SyncState::PrunePending,
        Standing::NotPruned => SyncState::NotPruned,
        Standing::Elsewhere(_) if facts.serves_both => SyncState::Synced,
        Standing::Elsewhere(_) => SyncState::Failed,
        Standing::Wanted(Step::LeftAlone(_)) => SyncState::LeftAlone,
        Standing::Wanted(_) if facts.problem.is_some() => SyncState::Failed,
        Standing::Wanted(_) if facts.contest.is_some() => SyncState::Contested,
        Standing::Wanted(Step::Skip) => SyncState::Synced,
        Standing::Wanted(Step::Wait) => SyncState::Deleting,
        Standing::Wanted(Step::Send(Why::Revert | Why::Recreate)) => SyncState::Drifted,
        Standing::Wanted(Step::Send(_)) if facts.phase_waits => SyncState::Waiting,
        // It was read, and is there.
        Standing::Wanted(Step::Send(Why::Confirm)) => SyncState::Drifted,
        Standing::Wanted(Step::Send(_) | Step::Recall) => SyncState::Pending,
    }
}

/// Is what the unit wants of an object still to be sent?
fn is_on_its_way(sync: SyncState) -> bool {
    matches!(sync, SyncState::Pending | SyncState::Waiting)
}

/// One object's row, and its share in the unit.
pub fn row(facts: &Facts<'_>) -> (ObjectReport, Part) {
    let sync = sync(facts);
    let mut part = Part { health: Health::Unknown, pods: PodCounts::default() };
    let (mut reason, mut message) = ("", "");
    let ended = facts.entry.and_then(|entry| entry.ended.as_deref());
    // One that is made once is there. Of others only what is this hub's is watched.
    let is_unseen = facts.reading.is_none()
        && matches!(&facts.standing, Standing::Wanted(Step::LeftAlone(asked)) if asked.handling == Handling::LeaveAlone);
    match (facts.reading, facts.hidden) {
        // What was read of it once, or in an answer to a request of ours, says nothing of how it is now.
        (_, Some(why)) => (reason, message) = (NOT_VISIBLE, why),
        (Some(reading), None) => {
            part = reading.part;
            (reason, message) = (&reading.reason, &reading.message);
        }
        // Nothing is asked of it: that it is not there makes its unit neither ready nor unready.
        (None, None) if sync == SyncState::LeftAlone => {
            part.health = Health::Healthy;
            message = if is_unseen && facts.entry.is_none() { NOT_MADE_WORDS } else { "" };
        }
        (None, None) if sync == SyncState::Synced && ended.is_some() => {
            let failed = ended.is_some_and(|ended| ended.failed);
            part.health = if failed { Health::Degraded } else { Health::Healthy };
            (reason, message) =
                if failed { (FAILED_AND_GONE, FAILED_AND_GONE_WORDS) } else { ("", ENDED_AND_GONE_WORDS) };
        }
        (None, None) => {
            part.health = match is_on_its_way(sync) {
                true => Health::Progressing,
                false if is_there_unwatched(facts) => Health::Unknown,
                false => Health::Missing,
            };
        }
    }
    if reason.is_empty() && sync == SyncState::LeftAlone {
        reason = LEFT_ALONE;
    }
    let fight = facts.contest.filter(|_| sync == SyncState::Contested).map(|contest| contest.words());
    if let Some(fight) = &fight {
        (reason, message) = (reason::CONTESTED, fight);
    }
    if let Some(problem) = facts.problem {
        (reason, message) = problem;
    }
    let conflict = match &facts.standing {
        Standing::Elsewhere(owner) if !facts.serves_both => Some(owner.words()),
        _ => None,
    };
    if let Some(conflict) = &conflict {
        (reason, message) = (CONFLICT, conflict);
    }
    if matches!(facts.standing, Standing::Elsewhere(_)) || matches!(facts.waiting, Some(apply::WaitingOn::OtherHub(_)))
    {
        // They count where the object is delivered.
        part.pods = PodCounts::default();
    }
    if reason.is_empty() && facts.entry.is_some_and(|entry| entry.unrecorded) {
        (reason, message) = (RECORD_LOST, RECORD_LOST_WORDS);
    }
    if reason.is_empty() && facts.accepted.is_some_and(|accepted| accepted.unasked) {
        (reason, message) = (NOT_ASKED, NOT_ASKED_WORDS);
    }
    let row = ObjectReport {
        key: Arc::clone(facts.key),
        version: facts.version.to_owned(),
        sync,
        health: if is_unseen { Health::Unknown } else { part.health },
        reason: words::bounded(reason, UnitStatus::REASON_MAX),
        message: words::bounded(message, UnitStatus::MESSAGE_MAX),
        changed_by_admission: facts.accepted.map(|accepted| accepted.admission.clone()).unwrap_or_default(),
        notes: notes_of(facts),
        adopted: facts.entry.is_some_and(|entry| entry.adopted),
        kept: facts.stays || facts.entry.is_some_and(|entry| entry.kept),
        replaced: facts.replaced,
        unmade: facts.entry.is_none_or(|entry| {
            let was_tried = entry.uid.is_some() || !is_on_its_way(sync);
            !was_tried && facts.reading.is_none() && facts.hidden.is_none()
        }),
        outside: facts.entry.is_some() && facts.problem.is_some_and(|(reason, _)| reason == OUTSIDE_RIGHTS),
        reverts: facts.reverts,
        drift: facts.drift.to_vec(),
    };
    (row, part)
}

/// The rows of a unit's objects: first those that it wants, in their order, then those that it no longer wants. Members
/// share the rows that say the same.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    rows: Vec<Arc<ObjectReport>>,
    /// The shares of those that it wants.
    parts: Vec<Part>,
    /// The pods of those that are to go and that still run.
    left: PodCounts,
    /// Why those that it wants are not as wanted, and why the member does not delete others.
    waits: Waits,
}

impl Rows {
    /// No rows yet, and room for so many.
    pub fn with_room(count: usize) -> Self {
        Self { rows: Vec::with_capacity(count), parts: Vec::with_capacity(count), ..Self::default() }
    }

    /// Adds a row of an object that the unit wants. All of these come before the others.
    pub fn push_wanted(&mut self, facts: &Facts<'_>, pool: &Pool<ObjectReport>) {
        let (row, part) = row(facts);
        if let Some(waiting) = &facts.waiting {
            self.waits.add_object(facts.key, waiting);
        }
        self.rows.push(pool.share(row));
        self.parts.push(part);
    }

    /// Adds a row of an object that the unit no longer wants.
    pub fn push_unwanted(&mut self, facts: &Facts<'_>, pool: &Pool<ObjectReport>) {
        let (row, part) = row(facts);
        // They run until they are deleted. What is not to be deleted does not count: nobody delivers it.
        if facts.standing != Standing::NotPruned {
            self.left.desired = self.left.desired.saturating_add(part.pods.desired);
            self.left.ready = self.left.ready.saturating_add(part.pods.ready);
        }
        if let Some(waiting) = &facts.waiting {
            self.waits.add_object(facts.key, waiting);
        }
        self.rows.push(pool.share(row));
    }

    /// Makes one row again, of a unit in which nothing waits. True when it says something else now.
    pub fn replace(&mut self, index: usize, facts: &Facts<'_>, pool: &Pool<ObjectReport>) -> bool {
        let (Some(old), Some(old_part)) = (self.rows.get_mut(index), self.parts.get_mut(index)) else { return false };
        let (row, part) = row(facts);
        let changed = **old != row || *old_part != part;
        if changed {
            (*old, *old_part) = (pool.share(row), part);
        }
        changed
    }

    /// The objects, in the order of the rows.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<HashedKey>> {
        self.rows.iter().map(|row| &row.key)
    }

    /// The rows, shared.
    pub fn shared(&self) -> Vec<Arc<ObjectReport>> {
        self.rows.clone()
    }

    /// Which objects wait, are held or are left alone, and why; with those that the unit no longer wants, and those that
    /// it let go of.
    pub fn waiting(
        &self,
        kept: &[WaitingOn],
        deletions: Option<&Deletions>,
        not_ours: Option<&Waits>,
    ) -> Vec<ObjectsWaiting> {
        if self.waits.is_empty() && kept.is_empty() && not_ours.is_none() {
            return Vec::new();
        }
        let mut waits = self.waits.clone();
        if let Some(not_ours) = not_ours {
            waits.add_all(not_ours);
        }
        waits.add_kept(kept, deletions);
        waits.entries()
    }

    /// Counts and health of what the unit wants, and the pods of all that is there.
    /// `recorded`: counts of the inventory.
    pub fn sum(&self, recorded: UnitCounts) -> (UnitCounts, health::Sum) {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let wanted = &self.rows[..self.parts.len()];
        let of = |sync| count(wanted.iter().filter(|row| row.sync == sync).count());
        let is_there = |row: &&Arc<ObjectReport>| row.health != Health::Unknown;
        let left_alone = wanted.iter().filter(|row| row.sync == SyncState::LeftAlone).filter(is_there).count();
        let mut sum = health::sum(self.parts.iter().copied());
        sum.pods.desired = sum.pods.desired.saturating_add(self.left.desired);
        sum.pods.ready = sum.pods.ready.saturating_add(self.left.ready);
        let counts = UnitCounts {
            desired: count(wanted.len()),
            applied: of(SyncState::Synced) + count(left_alone),
            healthy: sum.healthy,
            failed: of(SyncState::Failed),
            ..recorded
        };
        (counts, sum)
    }
}

/// How far a pass got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassEnd {
    /// The hub has not said yet what the unit is, in words.
    NoPayload(String),
    /// The member has not listed the unit's objects for too long.
    Unlisted {
        /// The unit is on its way out.
        leaving: bool,
    },
    /// Observed only.
    Suspended,
    /// A phase waits.
    Waiting {
        /// Its name.
        phase: String,
    },
    /// Everything was tried.
    Done,
    /// The unit is on its way out, or out.
    Leaving {
        /// It is out.
        gone: bool,
    },
}

/// What keeps a unit from being as it should be.
#[derive(Clone, Debug, Default)]
pub struct Troubles<'a> {
    /// The first object that is not as the payload says: which, reason, words.
    pub problem: Option<(&'a ObjectKey, &'a str, &'a str)>,
    /// The first object that another unit delivers, and which unit that is.
    pub conflict: Option<(&'a ObjectKey, Elsewhere)>,
    /// How many objects have either.
    pub failed: usize,
    /// The first object that was neither sent nor refused: its version in the payload is not in the member.
    pub pending: Option<&'a ObjectKey>,
    /// The objects that are neither, since somebody deletes them; of a unit that leaves, those that are deleted and not gone.
    pub deleted: Option<Deleted<'a>>,
    /// The first object that is left alone after a fight.
    pub contested: Option<Contest<'a>>,
    /// The first object that cannot be seen, and why.
    pub hidden: Option<(&'a ObjectKey, String)>,
    /// Why objects that are no longer desired are still there.
    pub kept: &'a [WaitingOn],
    /// Deletions that the source causes.
    pub deletions: Option<&'a Deletions>,
    /// Objects in the inventory.
    pub left: usize,
    /// Those of them that were there before us.
    pub adopted: usize,
    /// How many of them bear our label, so that what was recorded of them seems to be lost.
    pub unrecorded: usize,
}

/// A fight over an object, of which the payload's version is applied: another version is tried at once.
#[derive(Clone, Copy, Debug)]
pub struct Contest<'a> {
    /// The object.
    pub key: &'a ObjectKey,
    /// Who changes it; `None` when the server does not say.
    pub manager: Option<&'a str>,
    /// Until when it is left alone.
    pub until: Timestamp,
}

impl Contest<'_> {
    /// Who fights, until when nothing is done about it, and what to do.
    fn words(&self) -> String {
        let Self { key: _, manager, until } = self;
        let until = format_seconds(*until);
        if *manager == Some(label::FIELD_MANAGER) {
            return format!(
                "changed again and again under Kurator's own name: probably a second hub runs from the same backup; it is left alone until {until}, \
                 then reverted again: stop one of the two hubs, then `kurator sync` tries at once"
            );
        }
        let whom = manager.map_or_else(|| "(Kubernetes does not record by whom)".to_owned(), |m| format!("by {m}"));
        format!(
            "changed again and again {whom}; it is left alone until {until}, then reverted again: let only one of the two write it"
        )
    }
}

/// Objects that are being deleted in the member: those that the unit wants, or those that a unit which leaves has deleted.
#[derive(Clone, Debug)]
pub struct Deleted<'a> {
    /// The first of them.
    pub key: &'a ObjectKey,
    /// What it says of itself: what its end waits for.
    pub message: String,
    /// How many there are.
    pub count: usize,
}

impl Deleted<'_> {
    /// Does a message of an object that is being deleted name finalizers that it waits for?
    pub fn waits_for_somebody(message: &str) -> bool {
        message.contains(", and waits for finalizer")
    }

    /// What goes.
    fn is_going(&self) -> String {
        let message = if self.message.is_empty() { "being deleted" } else { &self.message };
        let more = if self.count > 1 { format!(" (and {} more)", self.count - 1) } else { String::new() };
        format!("{} is {message}{more}", self.key)
    }

    /// What goes, and what happens then.
    fn words(&self) -> String {
        format!("{}; what the unit has is made again when it is gone", self.is_going())
    }
}

impl Troubles<'_> {
    fn waits_for_release(&self) -> Option<&Deletions> {
        self.deletions.filter(|deletions| deletions.state == DeletionState::Waiting)
    }

    fn hidden_words(&self) -> Option<String> {
        self.hidden.as_ref().map(|(key, why)| format!("{key} cannot be seen: {why}"))
    }

    fn kept_words(&self) -> String {
        self.kept.iter().map(|waiting| kept_words(waiting, self.deletions)).collect()
    }
}

fn kept_words(waiting: &WaitingOn, deletions: Option<&Deletions>) -> String {
    match waiting {
        WaitingOn::Guard if deletions.is_some_and(|deletions| deletions.behind) => {
            "; the hub is behind what the member has seen, as after a restore or a take-over: deletions wait for approval".to_owned()
        }
        WaitingOn::Guard if deletions.is_some_and(|deletions| deletions.unshown) => {
            "; what was not in the list that was agreed to waits for approval".to_owned()
        }
        // Not pruning is what the policy asks for.
        WaitingOn::Guard | WaitingOn::NotAsked(_) => String::new(),
        WaitingOn::Suspended(n) => format!("; {n} objects are not pruned while the unit is suspended"),
        WaitingOn::Frozen { why, .. } => format!("; nothing is pruned: {why}"),
        WaitingOn::Apply(n) => format!("; {n} objects are not pruned before everything is applied"),
        WaitingOn::Handover(moving) => {
            let whom: BTreeSet<&UnitId> = moving.iter().map(|(_, unit)| unit).collect();
            let policy = |unit: &UnitId| unit.policy.as_ref().map(|policy| format!(" (policy {policy})"));
            let named = |unit: &UnitId| format!("app/{}{}", unit.name, policy(unit).unwrap_or_default());
            let whom: Vec<String> = whom.into_iter().map(named).collect();
            format!("; {} objects are being handed over to {}", moving.len(), whom.join(", "))
        }
        WaitingOn::Claimed(keys) => format!("; {} objects stay: {} is to have them", keys.len(), waits::CLAIMED),
        WaitingOn::Inhabited(containers) | WaitingOn::InUse(containers) | WaitingOn::Needed(containers) => {
            containers.first().map_or_else(String::new, |(key, who)| format!("; {key} stays, since it has {who} in it"))
        }
        WaitingOn::Unseen(containers) => containers.first().map_or_else(String::new, |(key, why)| {
            format!("; {key} is not deleted, since it cannot be seen whether others have something in it: {why}")
        }),
        WaitingOn::OutsideRights { objects, widen } => outside_words(objects).map_or_else(String::new, |said| {
            format!("{said}, and stays recorded: `{widen}` widens them, and then it is deleted; it is let go of when the unit leaves the member")
        }),
        WaitingOn::LeftOutside(objects) => outside_words(objects).unwrap_or_default(),
        WaitingOn::Occupied(keys) => {
            let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
            format!("; waiting for what other units have in {}", names.join(", "))
        }
    }
}

/// Which objects stay that the member gives no rights to.
fn outside_words(objects: &[(Arc<HashedKey>, Lack)]) -> Option<String> {
    let (key, lack) = objects.first()?;
    let more = if objects.len() > 1 { format!(" (and {} more)", objects.len() - 1) } else { String::new() };
    Some(format!("; {key}{more} stays, since the member gives no rights in {lack}"))
}

/// Phase, reason and message of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How far delivery is.
    pub phase: UnitPhase,
    /// Why, in one CamelCase word.
    pub reason: String,
    /// Why, in words.
    pub message: String,
}

impl Summary {
    /// Puts the three together. They are cut to what is stored of a unit.
    pub fn new(phase: UnitPhase, reason: &str, message: impl Into<String>) -> Self {
        let mut message = message.into();
        words::bound(&mut message, UnitStatus::MESSAGE_MAX);
        Self { phase, reason: words::bounded(reason, UnitStatus::REASON_MAX), message }
    }
}

/// Reason of a unit that leaves a member.
pub const REMOVING: &str = "Removing";

/// Summarizes a pass: how far its unit is, and the worst of its troubles.
pub fn summarize(end: &PassEnd, troubles: &Troubles<'_>) -> Summary {
    let kept = || troubles.kept_words();
    match end {
        PassEnd::NoPayload(why) => Summary::new(UnitPhase::Pending, "NoPayload", why.clone()),
        PassEnd::Unlisted { leaving } => {
            let phase = if *leaving { UnitPhase::Removing } else { UnitPhase::Applying };
            Summary::new(phase, NOT_VISIBLE, troubles.hidden_words().unwrap_or_default())
        }
        PassEnd::Suspended => Summary::new(UnitPhase::Suspended, "Suspended", "observed only"),
        PassEnd::Waiting { phase } => {
            let waiting = format!("waiting for the {phase} of the unit");
            match &troubles.deleted {
                Some(deleted) => {
                    let message = format!("{}; {waiting}", deleted.words());
                    Summary::new(UnitPhase::Waiting, reason::BEING_DELETED, message)
                }
                None => Summary::new(UnitPhase::Waiting, "PhaseWaiting", waiting),
            }
        }
        PassEnd::Leaving { gone: true } => Summary::new(UnitPhase::Removed, "Removed", ""),
        PassEnd::Leaving { gone: false } => {
            // Without it, a member that refuses to change one object looks like one that is slow.
            let stuck = troubles.problem.map_or_else(String::new, |(key, _, message)| format!("; {key}: {message}"));
            // One that only its finalizer keeps goes when somebody else acts, and nothing else says who.
            let held = troubles.deleted.as_ref().filter(|going| Deleted::waits_for_somebody(&going.message));
            let reason = held.map_or(REMOVING, |_| reason::BEING_DELETED);
            let held = held.map(|going| format!("; {}", going.is_going())).unwrap_or_default();
            Summary::new(
                UnitPhase::Removing,
                reason,
                format!("{} objects are left{stuck}{held}{}", troubles.left, kept()),
            )
        }
        PassEnd::Done => done(troubles),
    }
}

/// Everything was tried: what came of it, the worst first.
fn done(troubles: &Troubles<'_>) -> Summary {
    if troubles.failed > 0 {
        let (reason, message) = match (troubles.problem, &troubles.conflict) {
            (Some((key, reason, message)), _) => (reason, format!("{key}: {message}")),
            (None, Some((key, owner))) => (CONFLICT, format!("{key}: {}", owner.words())),
            (None, None) => (CONFLICT, String::new()),
        };
        let more = if troubles.failed > 1 { format!(" (and {} more)", troubles.failed - 1) } else { String::new() };
        // What waits because of it is said too: an approved deletion comes after everything else.
        return Summary::new(UnitPhase::Failed, reason, message + &more + &troubles.kept_words());
    }
    if let Some(deleted) = &troubles.deleted {
        return Summary::new(UnitPhase::Applying, reason::BEING_DELETED, deleted.words());
    }
    if let Some(key) = troubles.pending {
        return Summary::new(UnitPhase::Applying, "ObjectsPending", format!("{key} is not applied yet"));
    }
    if let Some(deletions) = troubles.waits_for_release() {
        let message = format!("{} deletions wait to be released{}", deletions.count, troubles.kept_words());
        return Summary::new(UnitPhase::DeletionsHeld, "DeletionsHeld", message);
    }
    if let Some(contest) = troubles.contested {
        let message = format!("{} is {}", contest.key, contest.words());
        return Summary::new(UnitPhase::Applied, reason::CONTESTED, message);
    }
    let kept = troubles.kept_words();
    if let Some(hidden) = troubles.hidden_words() {
        return Summary::new(UnitPhase::Applied, NOT_VISIBLE, hidden + &kept);
    }
    let reason = match (kept.is_empty(), troubles.unrecorded) {
        (true, 0) => "Applied",
        (true, _) => RECORD_LOST,
        (false, _) => "PruneWaits",
    };
    let adopted = match troubles.adopted {
        0 => String::new(),
        1 => "; 1 object was there before and is adopted: it would be released, not deleted".to_owned(),
        n => format!("; {n} objects were there before and are adopted: they would be released, not deleted"),
    };
    let lost = match troubles.unrecorded {
        0 => String::new(),
        n => format!(
            "; {n} of them bear this hub's label, so that the inventory with what was made here seems to be lost"
        ),
    };
    Summary::new(UnitPhase::Applied, reason, format!("{kept}{adopted}{lost}").trim_start_matches("; "))
}

#[cfg(test)]
mod tests;
