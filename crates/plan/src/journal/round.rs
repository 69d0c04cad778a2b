//! A revision on its way to its members: one line when it is there, or when it takes long, with who waits.

use std::time::Duration;

use api::delivery::{UnitId, UnitPhase, UnitStatus};
use model::{MemberName, Timestamp};

use super::{GATHER, Line, NAMES_MAX, REFILL, counted, lasting, name, passed, short};
use crate::event::Severity;

/// How long members that have not come to an end are waited for, until the line names them.
const WAITED_FOR: Duration = Duration::from_secs(10);

/// How many lines on one revision come soon after each other: it fails, it is repaired.
const QUICK_LINES: u32 = 3;
/// How soon.
const QUICK_PAUSE: Duration = Duration::from_secs(5);

/// How far a revision of a unit is in its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What the source calls the revision; its own name when there is no source.
    pub source: String,
    /// Objects that it has, when a member has said so.
    objects: u32,
    placed: u64,
    applied: u64,
    failed: u64,
    waiting: u64,
    /// The first that failed, with what they said.
    failures: Vec<(MemberName, String)>,
    /// The first that wait.
    waits: Vec<MemberName>,
}

impl Progress {
    /// Of a revision that is decided for no member.
    pub fn new(source: &str) -> Self {
        Self { source: source.to_owned(), ..Self::default() }
    }

    /// Adds a member that the revision is decided for, with what it reported last.
    pub fn add(&mut self, member: &MemberName, revision: &str, status: Option<&UnitStatus>) {
        self.placed += 1;
        match status.filter(|status| status.revision == revision) {
            Some(status) if matches!(status.phase, UnitPhase::Applied | UnitPhase::DeletionsHeld) => {
                self.applied += 1;
                self.objects = self.objects.max(status.objects.desired);
            }
            Some(status) if status.phase == UnitPhase::Failed => {
                self.failed += 1;
                if self.failures.len() < NAMES_MAX {
                    self.failures.push((member.clone(), short(&status.message)));
                }
            }
            _ => {
                self.waiting += 1;
                if self.waits.len() < NAMES_MAX {
                    self.waits.push(member.clone());
                }
            }
        }
    }

    /// The line without what differs each time, so that the same is not said twice.
    fn result(&self) -> String {
        let mut parts = Vec::new();
        if self.failed > 0 {
            let said: Vec<String> = self.failures.iter().map(|(member, why)| format!("{member}: {why}")).collect();
            let more = self.failed.saturating_sub(said.len() as u64);
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            parts.push(format!("failed in {}: {}{more}", self.failed, said.join("; ")));
        }
        if self.waiting > 0 {
            let more = self.waiting.saturating_sub(self.waits.len() as u64);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let names: Vec<&str> = self.waits.iter().map(MemberName::as_str).collect();
            let verb = if self.waiting == 1 { "waits" } else { "wait" };
            parts.push(format!("{} {verb}: {}{more}", self.waiting, names.join(", ")));
        }
        parts.join("; ")
    }
}

/// A revision that was made, or that members came to an end with.
#[derive(Clone, Debug)]
pub(super) struct Round {
    revision: String,
    began: Timestamp,
    /// It was made while this process ran.
    is_new: bool,
    /// When a member came to an end last.
    last: Timestamp,
    /// Something is to be said.
    has_news: bool,
    /// Not before this.
    not_before: Option<Timestamp>,
    /// The longest that a member took since the last line.
    slowest: Option<Duration>,
    /// What was said last.
    said: String,
    /// How many lines there were.
    lines: u32,
    is_over: bool,
}

impl Round {
    pub(super) fn new(revision: String, now: Timestamp) -> Self {
        Self {
            revision,
            began: now,
            is_new: true,
            last: now,
            has_news: true,
            not_before: None,
            slowest: None,
            said: String::new(),
            lines: 0,
            is_over: false,
        }
    }

    /// One that was made before, or that this process knows nothing of.
    pub(super) fn resumed(revision: String, now: Timestamp) -> Self {
        Self { is_new: false, ..Self::new(revision, now) }
    }

    /// A member came to an end. What it says of an older revision is old.
    pub(super) fn delivered(&mut self, revision: &str, took: Option<Duration>, now: Timestamp) {
        if self.revision != revision {
            return;
        }
        (self.last, self.has_news) = (now, true);
        self.slowest = self.slowest.max(took);
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        let quiet = (self.last + GATHER).min(self.began + WAITED_FOR);
        self.has_news.then(|| self.not_before.map_or(quiet, |not_before| not_before.max(quiet)))
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(super) fn take_line(
        &mut self,
        unit: &UnitId,
        now: Timestamp,
        progress: &dyn Fn(&UnitId, &str) -> Progress,
    ) -> Option<Line> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        let so_far = progress(unit, &self.revision);
        if so_far.placed == 0 {
            // Another revision took its place, or no member is selected, which the Application says.
            self.is_over = true;
            return None;
        }
        let Progress { source, objects, placed, applied, .. } = &so_far;
        let is_done = applied == placed;
        let is_late = is_done || passed(self.began, now) >= WAITED_FOR;
        let new = if self.is_new { "new revision " } else { "" };
        let objects = if *objects > 0 && self.is_new {
            format!(" ({})", counted((*objects).into(), "object"))
        } else {
            String::new()
        };
        let head = format!("{}: {new}{source}{objects}", name(unit));
        if !is_late && so_far.failed == 0 {
            // Most are on their way: this is the line that says where to.
            self.not_before = Some((self.began + WAITED_FOR).min(now + GATHER));
            let is_new = std::mem::take(&mut self.is_new);
            return is_new
                .then(|| Line::new(Severity::Normal, format!("{head} goes to {}", counted(*placed, "member"))));
        }
        let result = so_far.result();
        (self.has_news, self.is_over) = (false, is_done);
        let took = self.slowest.take().map(|time| format!(" in {}", lasting(time))).unwrap_or_default();
        let applied = format!("applied in {applied} of {}", counted(*placed, "member"));
        let said = format!("{applied}; {result}");
        if std::mem::replace(&mut self.said, said.clone()) == said {
            return None;
        }
        self.is_new = false;
        self.lines = self.lines.saturating_add(1);
        self.not_before = Some(now + if self.lines < QUICK_LINES { QUICK_PAUSE } else { REFILL });
        let severity = if result.is_empty() { Severity::Normal } else { Severity::Warning };
        let result = if result.is_empty() { String::new() } else { format!("; {result}") };
        Some(Line::new(severity, format!("{head} {applied}{took}{result}")))
    }
}
