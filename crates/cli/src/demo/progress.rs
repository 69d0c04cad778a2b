//! How the demo converges, and how it is from then on: a table that is drawn again on a terminal, and one line for each
//! change elsewhere. What has not converged after a few seconds is shown as it is: it may never converge.
//!
//! [`Story`] decides what is said of what was read; nothing is read or written there.

use std::collections::BTreeMap;
use std::time::Duration;

use api::condition;
use api::feed::SyncState;
use client::NamespacedName;
use controllers::MemberState;
use hub::Hub;
use model::clock::format_seconds;
use model::{Clock, MemberName};
use plan::state::{Said, State};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{APPLICATION, Demo};
use crate::args::Format;
use crate::duration::tenths;
use crate::output::{self, Cell, Line, Screen, Tone, WriteError};
use crate::status;
use crate::sync::short_revision;
use crate::up::settled::{InTheWay, SAID_EVERY, STUCK_FOR, Stuck, hindrance, source_is_newest};

/// How often the table is drawn again: fast enough to watch, slow enough to read.
const DRAW_EVERY: Duration = Duration::from_millis(50);

/// The same once everything has converged, or has not for a while: a person sees no difference, and a settled demo costs nothing.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// One row: a member, or the Application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Row {
    region: String,
    nodes: String,
    pods: (u32, u32),
    objects: u32,
    drift: u64,
    said: MemberState,
    /// When it was ready for the first time, while it is.
    took: Option<Duration>,
}

impl Row {
    fn is_ready(&self) -> bool {
        self.said.is_ready()
    }

    /// The state with its cause.
    fn words(&self) -> String {
        let MemberState { state, reason, message, is_settled } = &self.said;
        match (*state, &self.took) {
            (State::Ready, Some(took)) => format!("Ready {}", tenths(*took)),
            (State::Ready, None) if !is_settled => "joining".to_owned(),
            (State::Ready, None) => "Ready".to_owned(),
            (state, _) if reason.is_empty() || reason == state.as_str() => format!("{state}: {message}"),
            (state, _) => format!("{state}, {reason}: {message}"),
        }
    }

    fn tone(&self) -> Tone {
        let MemberState { state, is_settled, .. } = self.said;
        if state == State::Ready && !is_settled { Tone::Waiting } else { status::tone(state) }
    }
}

/// Shows until everything has converged, or until the limit; says whether it has. Without a limit it goes on for ever: what
/// is shown stays true.
pub(crate) async fn show(
    hub: &Hub,
    demo: &Demo,
    begun: Instant,
    limit: Option<Duration>,
    format: Format,
) -> anyhow::Result<bool> {
    let mut screen = Screen::new(output::is_drawn_over());
    let mut story = Story::new(screen.is_terminal(), format, limit.is_some());
    let mut stuck = Stuck::default();
    loop {
        let seen = read(hub, demo);
        let done = seen.members.values().all(Row::is_ready)
            && has_converged(&seen.application)
            && source_is_newest(hub.controllers(), &shop());
        let took = begun.elapsed();
        let hopeless = !done && limit.is_some() && stuck.is_stuck(in_the_way(hub), took);
        let over = hopeless || limit.is_some_and(|limit| took >= limit);
        for part in story.tell_news(&seen, done, over, took) {
            output::unread(part.print(&mut screen, format))?;
        }
        if done && limit.is_some() {
            return Ok(true);
        }
        if over {
            let waiting = seen.members.iter().filter(|(_, row)| !row.is_ready());
            let (said, silent): (Vec<_>, Vec<_>) = waiting.partition(|(_, row)| row.said.state != State::Ready);
            let mut why: Vec<String> = said.iter().map(|(name, row)| format!("{name}: {}", row.said.message)).collect();
            // A member of which nothing is wrong waits for what comes before it; what only a person can mend is said first.
            if hopeless || why.is_empty() || !silent.is_empty() || seen.application.said.state == State::NotReady {
                why.insert(0, application_reason(hub));
            }
            let why = why.join("; ");
            output::print_stderr(format_args!(
                "error: not converged after {}: {why}; without --exit-when-ready it keeps running, and `kurator status \
                 app/{APPLICATION}` says more",
                tenths(begun.elapsed())
            ));
            return Ok(false);
        }
        tokio::time::sleep(story.pause()).await;
    }
}

/// Something to say.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    /// The table, and what stands below it.
    Table(Vec<Vec<Cell>>, Vec<Line>),
    /// The same for programs.
    Whole(Value),
    /// What is another one than before.
    Changed(String, Row),
}

impl Part {
    fn print(&self, screen: &mut Screen, format: Format) -> Result<(), WriteError> {
        let at = || format_seconds(hub::SystemClock.now());
        match (self, format) {
            (Self::Table(rows, footer), _) => screen.draw(rows, footer),
            (Self::Whole(value), _) => output::print_event(format, value),
            (Self::Changed(object, row), Format::Text) => {
                output::print(&[format!("{}  {object}  {}", at(), row.words()).into()])
            }
            (Self::Changed(object, Row { said, .. }), _) => {
                let event = json!({"event": "changed", "time": at(), "object": object, "state": said.state.as_str(),
                    "reason": said.reason, "message": said.message});
                output::print_event(format, &event)
            }
        }
    }
}

/// What was said so far, and so what there is to say of what is read next.
struct Story {
    /// The table is drawn again and again: on a terminal, for people.
    is_drawn: bool,
    is_text: bool,
    /// It ends when everything has converged, and says nothing before it ends.
    ends: bool,
    /// When members that are ready were so for the first time.
    took: BTreeMap<String, Duration>,
    /// What stands below the table once everything has converged.
    footer: Option<Vec<Line>>,
    /// What was said last, as far as it was said whole.
    known: Option<Seen>,
}

impl Story {
    fn new(is_terminal: bool, format: Format, ends: bool) -> Self {
        let is_text = format == Format::Text;
        Self { is_drawn: is_terminal && is_text, is_text, ends, took: BTreeMap::new(), footer: None, known: None }
    }

    /// What there is to say of this. `done`: everything has converged now; `over`: that is not waited for any more.
    fn tell_news(&mut self, seen: &Seen, done: bool, over: bool, elapsed: Duration) -> Vec<Part> {
        let mut seen = seen.clone();
        self.note_times(&mut seen, elapsed);
        let is_first = done && self.footer.is_none();
        if is_first {
            self.footer = Some(footer(&seen.members, elapsed));
        }
        let is_late = !self.ends && elapsed >= SAID_EVERY;
        let parts = match &self.known {
            _ if self.is_drawn => vec![self.table(&seen, is_late)],
            _ if is_first || over => match self.is_text {
                true => vec![self.table(&seen, over)],
                false => vec![Part::Whole(value(&seen.commit, &seen.members, done, elapsed))],
            },
            Some(before) => changes(before, &seen, self.footer.is_none()),
            None if is_late && self.is_text => vec![self.table(&seen, true)],
            None if is_late => seen.rows().map(|(object, row)| Part::Changed(object, row.clone())).collect(),
            None => Vec::new(),
        };
        if is_first || is_late || self.known.is_some() {
            self.known = Some(seen);
        }
        parts
    }

    /// Notes since when members are ready. Once everything had converged and one was not ready since, how long it took at first is
    /// of no interest.
    fn note_times(&mut self, seen: &mut Seen, elapsed: Duration) {
        for (name, row) in &mut seen.members {
            match (row.is_ready(), self.footer.is_some()) {
                (false, _) => drop(self.took.remove(name)),
                (true, false) => drop(self.took.entry(name.clone()).or_insert(elapsed)),
                (true, true) => {}
            }
            row.took = self.took.get(name).copied();
        }
    }

    /// The table of what was read. An application that is not where it is meant to be is below it, once there was time to get there.
    fn table(&self, seen: &Seen, is_late: bool) -> Part {
        let is_due = self.footer.is_some() || is_late;
        let below = match &self.footer {
            _ if is_due && seen.application.said.state != State::Ready => {
                vec![format!("app/{APPLICATION} {}", seen.application.words()).into()]
            }
            Some(footer) => footer.clone(),
            None => Vec::new(),
        };
        Part::Table(table(&seen.commit, &seen.members), below)
    }

    /// How long until the next look. Once there is something to follow, a person sees no difference, and a demo at rest costs nothing.
    fn pause(&self) -> Duration {
        if self.known.is_some() { LOOK_EVERY } else { DRAW_EVERY }
    }
}

/// Rows whose state or cause is another one. A message alone may hold a number that grows. `joins`: not everything has converged yet, and
/// that a member has come is one too.
fn changes(before: &Seen, now: &Seen, joins: bool) -> Vec<Part> {
    let what = |row: &Row| (row.said.state, row.said.reason.clone(), joins && row.said.is_settled);
    let known: BTreeMap<String, &Row> = before.rows().collect();
    let differs = |(object, row): &(String, &Row)| known.get(object).is_none_or(|was| what(was) != what(row));
    now.rows().filter(differs).map(|(object, row)| Part::Changed(object, row.clone())).collect()
}

/// What is said when everything has converged.
fn footer(members: &BTreeMap<String, Row>, took: Duration) -> Vec<Line> {
    let objects: u32 = members.values().map(|row| row.objects).sum();
    let drift: u64 = members.values().map(|row| row.drift).sum();
    let line = format!(
        "converged {} · {objects} objects · {drift} drift       try: kurator demo commit | edit | wipe | unplug beijing | \
         restart",
        tenths(took)
    );
    vec![line.into()]
}

/// Is the Application where it is meant to be? One that a person suspended stays as it is.
fn has_converged(application: &Row) -> bool {
    matches!(application.said.state, State::Ready | State::Suspended)
}

/// The demo's Application.
fn shop() -> NamespacedName {
    NamespacedName::new("default", APPLICATION)
}

fn in_the_way(hub: &Hub) -> Option<InTheWay> {
    let exists = hub.controllers().stores.applications.get(&shop()).is_some();
    if !exists {
        return Some(InTheWay { reason: "NotFound".to_owned(), long: STUCK_FOR });
    }
    hindrance(&conditions(hub))
}

/// What keeps the Application: its source before its members, which may be ready with what was fetched earlier.
fn application_reason(hub: &Hub) -> String {
    let conditions = conditions(hub);
    let wrong = |type_| condition::find(&conditions, type_).filter(|c| c.status != "True");
    let gone = hub.controllers().stores.applications.get(&shop()).is_none();
    match wrong(condition::SOURCE_READY).or_else(|| wrong(condition::READY)) {
        Some(c) => format!("app/{APPLICATION}: {}: {}", c.reason, c.message),
        None if gone => format!("there is no Application {APPLICATION} in namespace default"),
        None => format!("app/{APPLICATION}: its source has not been asked since the start"),
    }
}

fn conditions(hub: &Hub) -> Vec<api::Condition> {
    let app = hub.controllers().stores.applications.get(&shop());
    app.and_then(|app| Some(app.status.as_ref()?.conditions.clone())).unwrap_or_default()
}

/// What is shown at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    commit: String,
    members: BTreeMap<String, Row>,
    application: Row,
}

impl Seen {
    /// Everything, by its name.
    fn rows(&self) -> impl Iterator<Item = (String, &Row)> {
        let members = self.members.iter().map(|(name, row)| (format!("member/{name}"), row));
        members.chain([(format!("app/{APPLICATION}"), &self.application)])
    }
}

/// The newest state.
fn read(hub: &Hub, demo: &Demo) -> Seen {
    let ctx = hub.controllers();
    let app = ctx.stores.applications.get(&shop());
    let git = app.as_ref().and_then(|a| a.status.clone()?.source_status?.git_repo_status?.artifact);
    let commit = git.map(|a| short_revision(&a.revision)).unwrap_or_default();
    let commit = commit.rsplit_once('@').map_or(commit.clone(), |(_, sha)| sha.to_owned());
    let mut application = Row::default();
    application.said.is_settled = true;
    let generation = app.as_ref().and_then(|app| app.metadata.generation);
    application.said.set(&Said::of_object(&conditions(hub), generation));
    let members = demo.names().into_iter().map(|name| {
        let row = read_member(ctx, &name);
        (name, row)
    });
    Seen { commit, members: members.collect(), application }
}

/// One member. Its state is what a test compares with all other places that show one.
fn read_member(ctx: &controllers::Controllers, name: &str) -> Row {
    let mut row = Row::default();
    let Ok(member) = name.parse::<MemberName>() else { return row };
    row.said = ctx.member_state(&member);
    if let Some(cluster) = ctx.stores.clusters.get(&NamespacedName::new("", name)) {
        row.region = cluster.spec.region.clone().unwrap_or_default();
        let nodes = cluster.status.as_ref().and_then(|status| status.node_summary.as_ref());
        row.nodes = nodes.map(|nodes| nodes.total_num.to_string()).unwrap_or_default();
    }
    for report in ctx.feed.reports_in(&member) {
        row.pods.0 += report.pods.ready;
        row.pods.1 += report.pods.desired;
        row.objects += report.objects.desired;
        row.drift += report.details.iter().filter(|d| is_drift(d.sync)).count() as u64;
    }
    row
}

/// Is an object changed by others? One that waits, or is left alone, is not.
fn is_drift(sync: SyncState) -> bool {
    matches!(sync, SyncState::Drifted | SyncState::Contested)
}

fn table(commit: &str, rows: &BTreeMap<String, Row>) -> Vec<Vec<Cell>> {
    let heading = if commit.is_empty() { APPLICATION.to_owned() } else { format!("{APPLICATION}@{commit}") };
    let head = ["MEMBER", "REGION", "NODES", &heading, "STATE"].iter().map(|h| Cell::from(*h)).collect();
    let mut out = vec![head];
    for (name, row) in rows {
        let cells = vec![
            name.clone().into(),
            row.region.clone().into(),
            row.nodes.clone().into(),
            pods(row).into(),
            Cell::new(row.words(), row.tone()),
        ];
        out.push(cells);
    }
    out
}

/// Pods of a row. How many are ready in a member that is Unknown is not known.
fn pods(row: &Row) -> String {
    match row.said.state {
        State::Unknown => format!("?/{}", row.pods.1),
        _ => format!("{}/{}", row.pods.0, row.pods.1),
    }
}

/// What the table says, for programs.
fn value(commit: &str, rows: &BTreeMap<String, Row>, converged: bool, took: Duration) -> Value {
    let member = |(name, row): (&String, &Row)| {
        json!({"name": name, "region": row.region, "nodes": row.nodes, "pods": {"ready": row.pods.0, "desired": row.pods.1},
            "objects": row.objects, "drift": row.drift, "ready": row.is_ready(), "state": row.said.state.as_str(),
            "reason": row.said.reason, "message": row.said.message})
    };
    json!({"event": "converged", "converged": converged, "commit": commit, "seconds": took.as_secs_f64(),
        "members": rows.iter().map(member).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests;
