//! What happens again and again, added up: changes that are reverted, objects that go.

use std::collections::BTreeMap;

use api::delivery::UnitId;
use model::{MemberName, Timestamp};

use super::{GATHER, How, Line, REFILL, counted, name, names, short};
use crate::event::Severity;

/// Counts of one unit since the last line.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// By member. It has as many entries as the unit has members, for as long as [`REFILL`].
    counts: BTreeMap<MemberName, u64>,
    /// The last that happened, with where.
    last: String,
    since: Timestamp,
    /// When the last line was.
    told: Option<Timestamp>,
}

impl Tally {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { counts: BTreeMap::new(), last: String::new(), since: now, told: None }
    }

    pub(super) fn add(&mut self, member: MemberName, count: u64, what: String, now: Timestamp) {
        if self.counts.is_empty() {
            self.since = now;
        }
        if !what.is_empty() {
            self.last = format!("{member}: {}", short(&what));
        }
        let known = self.counts.entry(member).or_default();
        *known = known.saturating_add(count);
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        let gathered = self.since + GATHER;
        (!self.counts.is_empty()).then(|| self.told.map_or(gathered, |told| gathered.max(told + REFILL)))
    }

    /// Was the last line long ago, and nothing happened since?
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.counts.is_empty() && self.told.is_none_or(|told| now >= told + REFILL)
    }

    pub(super) fn take_line(&mut self, now: Timestamp, line: impl FnOnce(&Self) -> String) -> Option<Line> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        let line = Line::new(Severity::Normal, line(self));
        self.counts.clear();
        self.last.clear();
        self.told = Some(now);
        Some(line)
    }

    fn total(&self) -> u64 {
        self.counts.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn members(&self) -> String {
        let members = names(self.counts.keys().map(MemberName::as_str));
        format!("{} ({members})", counted(self.counts.len() as u64, "member"))
    }

    pub(super) fn reverted(&self, unit: &UnitId) -> String {
        let changes = counted(self.total(), "change");
        let last = if self.last.is_empty() { String::new() } else { format!("; {}", self.last) };
        format!("{}: reverted {changes} by others in {}{last}", name(unit), self.members())
    }

    pub(super) fn gone(&self, unit: &UnitId, how: How) -> String {
        let objects = counted(self.total(), "object");
        let (unit, members) = (name(unit), self.members());
        let verb = if self.total() == 1 { "was" } else { "were" };
        match how {
            How::Deleted => format!("{unit}: {objects} that the source has no longer {verb} deleted in {members}"),
            How::Left if self.total() == 0 => format!("{unit}: has left {members}; nothing was deleted"),
            How::Left => format!("{unit}: has left {members}; {objects} {verb} deleted"),
            How::Released => format!("{unit}: has left {members}; what it had stays there"),
        }
    }
}
