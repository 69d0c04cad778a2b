//! What the hub's log says of its work: facts become lines, few enough to be read.
//!
//! | fact | line |
//! |---|---|
//! | a thing has turned (`turn`): a member is lost or back, a source cannot be fetched, deletions are held | one for each, or one for many that turned alike |
//! | a revision was made, and members came to an end with it (`round`) | one for each revision, with who waits |
//! | changes of others were reverted, objects were deleted (`tally`) | one for each unit, with counts |
//!
//! | limit | |
//! |---|---|
//! | `GATHER` | facts of so long are told together |
//! | `SINGLES_MAX`, `NAMES_MAX` | lines of one kind in one look, then one with the first names |
//! | `BURST`, `REFILL` | lines on one thing; what turns more often is told later, with how often |
//! | `LINES_MAX` | lines of one look |
//! | `KNOWN_MAX` | things that are remembered |
//!
//! Pure: time comes in, lines go out. Its caller knows from `Journal::due` when to look; at rest that is never. Absent on
//! purpose: what is stored of it, since a process that starts again has nothing to add; and values, which may be secret.

pub mod audit;
mod round;
mod tally;
pub mod turn;

use std::collections::BTreeMap;
use std::time::Duration;

use api::delivery::{Removal, UnitId, UnitStatus};
use model::{MemberName, Timestamp, words};

use crate::event::{self, Severity};
use crate::unit::{Delivered, delivered, is_leaving};

pub use round::Progress;
use round::Round;
use tally::Tally;
pub use turn::Turn;

/// How long facts are gathered: a person reads no faster, and what belongs together comes within it.
pub const GATHER: Duration = Duration::from_secs(1);
/// Most lines of one kind in one look. Three clusters fit in a glance; more of them are one event.
const SINGLES_MAX: usize = 3;
/// Most members that a line names.
const NAMES_MAX: usize = 5;
/// Most characters of a message that a line repeats. What is cut is in the object's status.
const MESSAGE_MAX: usize = 300;
/// How many lines on one thing are said at once: lost, back, lost, back.
const BURST: u32 = 4;
/// How long it takes until one more may be said of it.
const REFILL: Duration = Duration::from_secs(60);
/// Most lines of one look: a screen. More come only when hundreds of Applications change in the same second.
const LINES_MAX: usize = 40;
/// Most turns that wait for the next look, and most things that are remembered: four times a thousand members. 1 MiB.
const KNOWN_MAX: usize = 4_096;

/// Something that the log may have to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A thing is otherwise than before.
    Turned(Turn),
    /// A revision of a unit was made.
    Revision {
        /// The unit.
        unit: UnitId,
        /// Name of the revision.
        revision: String,
    },
    /// A unit came to an end in a member.
    Delivered {
        /// The unit.
        unit: UnitId,
        /// Name of the revision.
        revision: String,
        /// From the moment that the revision was made, when it was applied.
        took: Option<Duration>,
    },
    /// Changes that others made in a member were reverted.
    Reverted {
        /// The unit.
        unit: UnitId,
        /// The member.
        member: MemberName,
        /// How many.
        count: u64,
        /// The last one, in words.
        what: String,
    },
    /// Objects of a unit were deleted in a member, or the unit has left it.
    Gone {
        /// The unit.
        unit: UnitId,
        /// The member.
        member: MemberName,
        /// How many objects were deleted.
        objects: u64,
        /// How.
        how: How,
    },
}

/// How objects of a unit went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The source has them no longer, and they were deleted.
    Deleted,
    /// The unit has left the member, and took them along.
    Left,
    /// The unit has left the member, and what it had stays there.
    Released,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Must somebody look at it?
    pub severity: Severity,
    /// What happened.
    pub text: String,
}

impl Line {
    fn new(severity: Severity, text: String) -> Self {
        Self { severity, text }
    }
}

/// What a report says of a unit in a member that was not said before. `removal`: how the unit is to leave the member.
pub fn unit_facts(
    unit: &UnitId,
    member: &MemberName,
    before: Option<&UnitStatus>,
    after: &UnitStatus,
    removal: Removal,
    took: Option<Duration>,
) -> Vec<Fact> {
    let mut out = Vec::new();
    let reverts = after.reverts.saturating_sub(before.map_or(0, |before| before.reverts));
    if reverts > 0 {
        let what = after.last_drift.as_ref().map(event::drift).unwrap_or_default();
        out.push(Fact::Reverted { unit: unit.clone(), member: member.clone(), count: reverts, what });
    }
    let gone = |objects, how| Fact::Gone { unit: unit.clone(), member: member.clone(), objects, how };
    let result = delivered(before, after);
    match result {
        Some(Delivered::Removed) if removal == Removal::Release => out.push(gone(0, How::Released)),
        Some(Delivered::Removed) => out.push(gone(after.deleted, How::Left)),
        Some(Delivered::Applied | Delivered::Failed) => {
            out.push(Fact::Delivered { unit: unit.clone(), revision: after.revision.clone(), took });
        }
        None => {}
    }
    // They are added up within an epoch. What was said before this process began is not said again.
    if let Some(before) = before.filter(|_| !is_leaving(after.phase)) {
        let known = if before.epoch == after.epoch { before.deleted } else { 0 };
        if after.deleted > known {
            out.push(gone(after.deleted - known, How::Deleted));
        }
    }
    out
}

/// How many more lines on a thing may be said, and what waits for that.
#[derive(Clone, Debug)]
struct Allowance {
    left: u32,
    since: Timestamp,
    waits: Option<(Turn, u32)>,
}

impl Allowance {
    fn full(now: Timestamp) -> Self {
        Self { left: BURST, since: now, waits: None }
    }

    /// Fills it up by the time that has passed. A clock that was set back has passed no time.
    fn refill(&mut self, now: Timestamp) {
        let more = u32::try_from(passed(self.since, now).as_secs() / REFILL.as_secs()).unwrap_or(u32::MAX);
        if more > 0 || now < self.since {
            self.left = self.left.saturating_add(more).min(BURST);
            self.since = now;
        }
    }

    fn is_idle(&self) -> bool {
        self.left >= BURST && self.waits.is_none()
    }
}

/// Facts that were not said yet, and what was said lately.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// One for each thing, by its subject.
    turns: BTreeMap<String, Turn>,
    /// How many turns did not fit.
    lost: u64,
    gathered: Option<Timestamp>,
    allowances: BTreeMap<String, Allowance>,
    rounds: BTreeMap<UnitId, Round>,
    reverts: BTreeMap<UnitId, Tally>,
    gone: BTreeMap<(UnitId, How), Tally>,
}

impl Journal {
    /// Takes a fact.
    pub fn note_fact(&mut self, fact: Fact, now: Timestamp) {
        match fact {
            Fact::Turned(turn) => self.note_turn(turn, now),
            Fact::Revision { unit, revision } => {
                if self.rounds.len() < KNOWN_MAX || self.rounds.contains_key(&unit) {
                    self.rounds.insert(unit, Round::new(revision, now));
                } else {
                    self.lost += 1;
                }
            }
            Fact::Delivered { unit, revision, took } => {
                if self.rounds.len() < KNOWN_MAX || self.rounds.contains_key(&unit) {
                    let round = self.rounds.entry(unit).or_insert_with(|| Round::resumed(revision.clone(), now));
                    round.delivered(&revision, took, now);
                } else {
                    self.lost += 1;
                }
            }
            Fact::Reverted { unit, member, count, what } => {
                note_tally(&mut self.reverts, unit, member, count, what, now);
            }
            Fact::Gone { unit, member, objects, how } => {
                note_tally(&mut self.gone, (unit, how), member, objects, String::new(), now);
            }
        }
    }

    fn note_turn(&mut self, turn: Turn, now: Timestamp) {
        self.gathered.get_or_insert(now);
        if self.turns.len() < KNOWN_MAX || self.turns.contains_key(&turn.subject) {
            self.turns.insert(turn.subject.clone(), turn);
        } else {
            self.lost += 1;
        }
    }

    /// When to look next; `None` when nothing waits to be said.
    pub fn due(&self) -> Option<Timestamp> {
        let waiting = self.allowances.values().filter(|allowance| allowance.waits.is_some());
        let all = self.gathered.map(|at| at + GATHER).into_iter();
        all.chain(waiting.map(|allowance| allowance.since + REFILL))
            .chain(self.rounds.values().filter_map(Round::due))
            .chain(self.reverts.values().filter_map(Tally::due))
            .chain(self.gone.values().filter_map(Tally::due))
            .min()
    }

    /// What is to be said now. `progress` says how far a revision of a unit is.
    pub fn lines(&mut self, now: Timestamp, progress: &dyn Fn(&UnitId, &str) -> Progress) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.gathered.is_some_and(|at| now >= at + GATHER) {
            self.gathered = None;
            let turns = std::mem::take(&mut self.turns);
            let said = turns.into_values().filter_map(|turn| self.allow(turn, now)).collect();
            lines.extend(turn::lines_of_turns(said));
        }
        lines.extend(self.waited(now));
        for (unit, round) in &mut self.rounds {
            lines.extend(round.take_line(unit, now, progress));
        }
        self.rounds.retain(|_, round| !round.is_over());
        for (unit, tally) in &mut self.reverts {
            lines.extend(tally.take_line(now, |tally| tally.reverted(unit)));
        }
        for ((unit, how), tally) in &mut self.gone {
            lines.extend(tally.take_line(now, |tally| tally.gone(unit, *how)));
        }
        self.reverts.retain(|_, tally| !tally.is_over(now));
        self.gone.retain(|_, tally| !tally.is_over(now));
        self.forget(now);
        // What somebody must look at goes first, should it be too much.
        let over = lines.len().saturating_sub(LINES_MAX);
        if over > 0 {
            lines.sort_by_key(|line| line.severity != Severity::Warning);
            lines.truncate(LINES_MAX);
        }
        let lost = std::mem::take(&mut self.lost) + u64::try_from(over).unwrap_or(u64::MAX);
        if lost > 0 {
            let text = format!("{lost} more lines are left out; `kurator status` shows how everything is");
            lines.push(Line::new(Severity::Warning, text));
        }
        lines
    }

    /// A turn that may be said. One of a thing that turns too often is kept until it may be.
    fn allow(&mut self, turn: Turn, now: Timestamp) -> Option<Turn> {
        let allowance = self.allowances.entry(turn.subject.clone()).or_insert_with(|| Allowance::full(now));
        allowance.refill(now);
        if allowance.left == 0 || allowance.waits.is_some() {
            let times = allowance.waits.as_ref().map_or(0, |(_, times)| *times);
            allowance.waits = Some((turn, times.saturating_add(1)));
            return None;
        }
        allowance.left -= 1;
        Some(turn)
    }

    /// What waited and may be said now, with how often it happened meanwhile.
    fn waited(&mut self, now: Timestamp) -> Vec<Line> {
        let mut lines = Vec::new();
        for allowance in self.allowances.values_mut().filter(|allowance| allowance.waits.is_some()) {
            allowance.refill(now);
            if allowance.left == 0 {
                continue;
            }
            let Some((turn, times)) = allowance.waits.take() else { continue };
            allowance.left -= 1;
            let often = if times > 1 { format!(" (it changed {times} times meanwhile)") } else { String::new() };
            lines.push(Line::new(turn.severity, turn.line() + &often));
        }
        lines
    }

    /// What was quiet for long is forgotten.
    fn forget(&mut self, now: Timestamp) {
        if self.allowances.len() <= KNOWN_MAX {
            return;
        }
        self.allowances.values_mut().for_each(|allowance| allowance.refill(now));
        self.allowances.retain(|_, allowance| !allowance.is_idle());
        if self.allowances.len() > KNOWN_MAX {
            self.allowances.clear();
        }
    }
}

fn note_tally<K: Ord>(
    tallies: &mut BTreeMap<K, Tally>,
    key: K,
    member: MemberName,
    count: u64,
    what: String,
    now: Timestamp,
) {
    if tallies.len() < KNOWN_MAX || tallies.contains_key(&key) {
        tallies.entry(key).or_insert_with(|| Tally::new(now)).add(member, count, what, now);
    }
}

/// A unit as a line names it.
fn name(unit: &UnitId) -> String {
    let policy = unit.policy.as_ref().map(|policy| format!(" ({policy})")).unwrap_or_default();
    object_name(&unit.kind, &unit.namespace, &unit.name) + &policy
}

/// An object as a line names it.
fn object_name(kind: &str, namespace: &str, name: &str) -> String {
    if namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {namespace}/{name}") }
}

/// The first names, and how many more.
fn names<'a>(all: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = all.len().saturating_sub(NAMES_MAX);
    let first: Vec<&str> = all.take(NAMES_MAX).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    first.join(", ") + &more
}

fn short(message: &str) -> String {
    words::bounded(message, MESSAGE_MAX)
}

/// `1 member`, `2 members`.
fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// How long something took or lasted, as a person says it.
fn lasting(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        secs @ 60..7_200 => format!("{} min", secs / 60),
        secs @ 7_200..172_800 => format!("{} h", secs / 3_600),
        secs => format!("{} days", secs / 86_400),
    }
}

/// A clock that was set back has passed no time.
fn passed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
