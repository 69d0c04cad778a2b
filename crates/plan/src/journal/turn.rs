//! A thing that is otherwise than before: members, sources, and what keeps an Application from being as it should be.

use api::condition::{self, Condition};
use api::kurator::apps::v1alpha1::ApplicationStatus;
use api::kurator::cluster::v1alpha1::AttachedClusterStatus;
use api::reason;
use model::Timestamp;

use super::{Line, NAMES_MAX, SINGLES_MAX, counted, lasting, names, object_name, passed, short};
use crate::application::KIND;
use crate::event::Severity;
use crate::state::State;

/// Why an Application is not ready, in reasons that have a line of their own elsewhere: its source, its members, what was
/// delivered to them.
pub(super) const SAID_ELSEWHERE: [&str; 6] = [
    reason::FETCH_FAILED,
    reason::RECONCILIATION_FAILED,
    reason::MEMBER_GONE,
    reason::MEMBER_BLOCKED,
    reason::MEMBER_NOT_READY,
    reason::MEMBER_NOT_FOUND,
];

/// Why nothing is known of a member that answers neither its prober nor its applier.
const SILENT: [&str; 2] = [reason::CLUSTER_NOT_REACHABLE, reason::APPLIER_NOT_ANSWERED];

/// That a thing has turned. Several things that turn in the same way are told in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Must somebody look at it?
    pub severity: Severity,
    /// What turns: a newer turn of the same takes the place of one that was not told yet.
    pub subject: String,
    /// The thing, as a line names it: `member beijing`.
    thing: String,
    /// The thing without its kind: `beijing`.
    name: String,
    /// Kind of the thing, for a count: `member`.
    kind: &'static str,
    /// What it does now, for one and for many: `is lost` and `are lost`.
    now: [&'static str; 2],
    /// Why, in one word; empty when it says nothing.
    reason: String,
    /// The rest of the line.
    detail: String,
}

impl Turn {
    /// The line of this one.
    pub(super) fn line(&self) -> String {
        let reason = if self.reason.is_empty() { String::new() } else { format!(" ({})", self.reason) };
        let detail = match self.detail.as_str() {
            "" => String::new(),
            // How long it lasted, or to where.
            detail if detail.starts_with("after ") => format!(" {detail}"),
            detail => format!(": {detail}"),
        };
        format!("{} {}{reason}{detail}", self.thing, self.now[0])
    }
}

/// Turns as lines: one for each, or one for all that turned alike.
pub(super) fn lines_of_turns(turns: Vec<Turn>) -> Vec<Line> {
    let mut alike: Vec<Vec<Turn>> = Vec::new();
    for turn in turns {
        let same = |group: &&mut Vec<Turn>| {
            group
                .first()
                .is_some_and(|first| (first.kind, first.now, &first.reason) == (turn.kind, turn.now, &turn.reason))
        };
        match alike.iter_mut().find(same) {
            Some(group) => group.push(turn),
            None => alike.push(vec![turn]),
        }
    }
    let mut lines = Vec::new();
    for group in alike {
        if group.len() <= SINGLES_MAX {
            lines.extend(group.iter().map(|turn| Line::new(turn.severity, turn.line())));
            continue;
        }
        let Some(first) = group.first() else { continue };
        let reason = if first.reason.is_empty() { String::new() } else { format!(" ({})", first.reason) };
        let all = names(group.iter().map(|turn| turn.name.as_str()));
        let count = counted(group.len() as u64, first.kind);
        let example =
            if first.detail.is_empty() { String::new() } else { format!("; {}: {}", first.name, first.detail) };
        lines.push(Line::new(first.severity, format!("{count} {}{reason}: {all}{example}", first.now[1])));
    }
    lines
}

/// What a member is called in a line.
fn of_member(name: &str, severity: Severity, now: [&'static str; 2], reason: &str, detail: String) -> Turn {
    Turn {
        severity,
        subject: format!("member/{name}"),
        thing: format!("member {name}"),
        name: name.to_owned(),
        kind: "member",
        now,
        reason: reason.to_owned(),
        detail,
    }
}

/// A member that came, is lost, is not well or is back. Until it has answered once, nothing is said of it.
pub fn member(name: &str, before: Option<&AttachedClusterStatus>, after: &AttachedClusterStatus) -> Option<Turn> {
    let find = |conditions| condition::find(conditions, condition::READY);
    let is = find(&after.conditions)?;
    let was = before.and_then(|before| find(&before.conditions)).filter(|was| was.reason != reason::PROBING);
    if was.is_some_and(|was| (&was.status, &was.reason) == (&is.status, &is.reason)) {
        return None;
    }
    // Its applier and its prober hear nothing one after the other, and hear it again so.
    let is_silent = |ready: &Condition| SILENT.contains(&ready.reason.as_str());
    if was.is_some_and(is_silent) && is_silent(is) {
        return None;
    }
    match State::of(Some(is)) {
        State::Ready => Some(match was.and_then(|was| lasted(was, is)) {
            Some(time) => {
                of_member(name, Severity::Normal, ["is back", "are back"], "", format!("after {}", lasting(time)))
            }
            None => of_member(name, Severity::Normal, ["is attached", "are attached"], "", String::new()),
        }),
        State::Unknown if is.reason == reason::PROBING => None,
        State::Unknown => {
            Some(of_member(name, Severity::Warning, ["is lost", "are lost"], &is.reason, short(&is.message)))
        }
        State::NotReady => {
            Some(of_member(name, Severity::Warning, ["is not ready", "are not ready"], &is.reason, short(&is.message)))
        }
        State::Suspended | State::Progressing | State::Held | State::Terminating => None,
    }
}

/// What became of what a member had, whose record is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detached {
    /// It stays as it was.
    Kept,
    /// It was given back.
    Released,
    /// What was delivered was removed, and the rest given back.
    Removed,
}

impl Detached {
    /// In words, after "its record is gone, and ".
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Kept => "nothing was deleted in it",
            Self::Released => "what was delivered stays in it, without Kurator",
            Self::Removed => "what was delivered was deleted in it, but for what was to stay",
        }
    }
}

/// A member whose record is gone. `what`: what became of what it had.
pub fn detached(name: &str, what: Detached) -> Turn {
    let detail = format!("its record is gone, and {}", what.in_words());
    of_member(name, Severity::Normal, ["is detached", "are detached"], "", detail)
}

/// A member whose credential was renewed.
pub fn renewed(name: &str) -> Turn {
    let now = ["has a new credential", "have new credentials"];
    Turn { subject: format!("credential/{name}"), ..of_member(name, Severity::Normal, now, "", String::new()) }
}

/// A member whose credential cannot be renewed.
pub fn not_renewed(name: &str, why: &str) -> Turn {
    let now = ["cannot get a new credential", "cannot get new credentials"];
    Turn { subject: format!("credential/{name}"), ..of_member(name, Severity::Warning, now, "", short(why)) }
}

/// How long a condition was as it was before.
fn lasted(was: &Condition, is: &Condition) -> Option<std::time::Duration> {
    let time = |condition: &Condition| condition.last_transition_time.parse::<Timestamp>().ok();
    Some(passed(time(was)?, time(is)?))
}

/// What an Application is called in a line. `what`: which part of it turns.
fn of_application(
    (what, namespace, name): (&str, &str, &str),
    severity: Severity,
    now: [&'static str; 2],
    reason: &str,
    detail: String,
) -> Turn {
    Turn {
        severity,
        subject: format!("{what}/{namespace}/{name}"),
        thing: object_name(KIND, namespace, name),
        name: format!("{namespace}/{name}"),
        kind: KIND,
        now,
        reason: reason.to_owned(),
        detail,
    }
}

/// A condition before and after.
fn two_states<'a>(
    before: Option<&'a ApplicationStatus>,
    after: &'a ApplicationStatus,
    type_: &str,
) -> (Option<&'a Condition>, Option<&'a Condition>) {
    let before = before.map(|before| before.conditions.as_slice()).unwrap_or_default();
    (condition::find(before, type_), condition::find(&after.conditions, type_))
}

/// That the source of an Application cannot be fetched, or can be again. Two writers: see [`crate::event::source`].
pub fn source(
    namespace: &str,
    name: &str,
    before: Option<&ApplicationStatus>,
    after: &ApplicationStatus,
) -> Option<Turn> {
    let about = ("source", namespace, name);
    let (was, is) = two_states(before, after, condition::SOURCE_READY);
    let has_failed = |c: &&Condition| c.status == "False" && c.reason == reason::FETCH_FAILED;
    match (was.filter(has_failed), is.filter(has_failed), is) {
        (None, Some(is), _) => {
            let now = ["cannot fetch its source", "cannot fetch their sources"];
            Some(of_application(about, Severity::Warning, now, "", short(&is.message)))
        }
        (Some(was), None, Some(is)) if is.status == "True" => {
            let time = lasted(was, is).map(|time| format!("after {}", lasting(time))).unwrap_or_default();
            let now = ["fetches its source again", "fetch their sources again"];
            Some(of_application(about, Severity::Normal, now, "", time))
        }
        _ => None,
    }
}

/// What turned of the delivery of an Application: deletions that are held, and what keeps it from being delivered.
pub fn delivery(
    namespace: &str,
    name: &str,
    before: Option<&ApplicationStatus>,
    after: &ApplicationStatus,
) -> Vec<Turn> {
    let find = |type_| two_states(before, after, type_);
    let turn = |what: &str, severity, now, reason: &str, detail: String| {
        of_application((what, namespace, name), severity, now, reason, detail)
    };
    let mut out = Vec::new();
    let (was, is) = find(condition::DELETIONS_HELD);
    let holds = |c: &&Condition| c.status == "True";
    match (was.filter(holds), is.filter(holds)) {
        (was, Some(is)) if was.is_none_or(|was| was.message != is.message) => {
            let now = ["holds deletions", "hold deletions"];
            out.push(turn("held", Severity::Warning, now, &is.reason, short(&is.message)));
        }
        (Some(_), None) => {
            let now = ["holds nothing any more", "hold nothing any more"];
            let detail = "it was approved, or what asked for it was taken back".to_owned();
            out.push(turn("held", Severity::Normal, now, "", detail));
        }
        _ => {}
    }
    let (was, is) = find(condition::READY);
    let is = is.filter(|is| State::of(Some(is)) == State::NotReady && !SAID_ELSEWHERE.contains(&is.reason.as_str()));
    if let Some(is) = is
        && was.is_none_or(|was| (&was.status, &was.reason) != (&is.status, &is.reason))
    {
        out.push(turn("ready", Severity::Warning, ["is not ready", "are not ready"], &is.reason, short(&is.message)));
    }
    out
}

const _: () = assert!(NAMES_MAX > SINGLES_MAX, "a line for many names more than there are lines for few");
