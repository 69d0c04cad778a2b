//! How the demo converges, and how it is from then on: a table that is drawn again on a terminal, and one line for each
//! change elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use api::condition;
use api::delivery::Health;
use api::feed::{SyncState, UnitReport};
use client::NamespacedName;
use hub::Hub;
use model::clock::format_seconds;
use model::{Clock, MemberName};
use plan::state::{Said, State};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{APPLICATION, Demo};
use crate::args::Format;
use crate::duration::tenths;
use crate::output::{self, Cell, Line, Screen, Tone};
use crate::status;
use crate::sync::short_revision;
use crate::up::settled::{InTheWay, STUCK_FOR, Stuck, hindrance, is_settled, source_is_newest};

/// How often the table is drawn again: fast enough to watch, slow enough to read.
const DRAW_EVERY: Duration = Duration::from_millis(50);

/// The same once everything has converged: a person sees no difference, and a settled demo costs nothing.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// One row: a member, or the Application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Row {
    region: String,
    nodes: String,
    pods: (u32, u32),
    objects: u32,
    drift: u64,
    state: State,
    /// Why, in one word.
    reason: String,
    /// Why, in words.
    message: String,
    /// What this process was told says so, too: what was stored before it started counts for nothing.
    is_settled: bool,
    /// When it was ready for the first time, while it is.
    took: Option<Duration>,
}

impl Row {
    fn is_ready(&self) -> bool {
        self.state == State::Ready && self.is_settled
    }

    /// The state with its cause.
    fn words(&self) -> String {
        match (self.state, &self.took) {
            (State::Ready, Some(took)) => format!("Ready {}", tenths(*took)),
            (State::Ready, None) if !self.is_settled => "joining".to_owned(),
            (State::Ready, None) => "Ready".to_owned(),
            (state, _) if self.reason.is_empty() || self.reason == state.as_str() => {
                format!("{state}: {}", self.message)
            }
            (state, _) => format!("{state}, {}: {}", self.reason, self.message),
        }
    }

    fn tone(&self) -> Tone {
        if self.state == State::Ready && !self.is_settled { Tone::Waiting } else { status::tone(self.state) }
    }

    fn set_state(&mut self, said: &Said<'_>) {
        self.state = said.state;
        (self.reason, self.message) = (said.reason.to_owned(), said.message.to_owned());
    }
}

/// Draws until everything has converged, or until the limit; says whether it has. Without a limit it goes on for ever: what
/// is shown stays true.
pub(crate) async fn show(
    hub: &Hub,
    demo: &Demo,
    begun: Instant,
    limit: Option<Duration>,
    format: Format,
) -> anyhow::Result<bool> {
    let mut screen = Screen::new(output::is_drawn_over());
    let mut took: BTreeMap<String, Duration> = BTreeMap::new();
    let mut stuck = Stuck::default();
    loop {
        let Seen { commit, mut members, application } = read(hub, demo);
        for (name, row) in &mut members {
            row.took = row.is_ready().then(|| *took.entry(name.clone()).or_insert_with(|| begun.elapsed()));
            if row.took.is_none() {
                took.remove(name);
            }
        }
        let done = members.values().all(Row::is_ready)
            && has_converged(&application)
            && source_is_newest(hub.controllers(), &shop());
        let hopeless = !done && limit.is_some() && stuck.is_stuck(in_the_way(hub), begun.elapsed());
        let over = hopeless || limit.is_some_and(|limit| begun.elapsed() >= limit);
        let footer = if done { footer(&members, begun.elapsed()) } else { Vec::new() };
        if format == Format::Text {
            output::unread(screen.draw(&table(&commit, &members), &footer, done || over))?;
        } else if done || over {
            output::unread(output::print_event(format, &value(&commit, &members, done, begun.elapsed())))?;
        }
        if done && limit.is_none() {
            return follow(hub, demo, screen, Seen { commit, members, application }, footer, format).await;
        }
        if done {
            return Ok(true);
        }
        if over {
            let waiting = members.iter().filter(|(_, row)| !row.is_ready());
            let (said, silent): (Vec<_>, Vec<_>) = waiting.partition(|(_, row)| row.state != State::Ready);
            let mut why: Vec<String> = said.iter().map(|(name, row)| format!("{name}: {}", row.message)).collect();
            // A member of which nothing is wrong waits for what comes before it; what only a person can mend is said first.
            if hopeless || why.is_empty() || !silent.is_empty() || application.state == State::NotReady {
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
        tokio::time::sleep(DRAW_EVERY).await;
    }
}

/// Goes on after everything has converged. On a terminal the table stays true; elsewhere each change is one line.
async fn follow(
    hub: &Hub,
    demo: &Demo,
    mut screen: Screen,
    first: Seen,
    footer: Vec<Line>,
    format: Format,
) -> anyhow::Result<bool> {
    let took: BTreeMap<String, Option<Duration>> =
        first.members.iter().map(|(name, row)| (name.clone(), row.took)).collect();
    let mut known = first;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let mut seen = read(hub, demo);
        for (name, row) in &mut seen.members {
            // Once it was not ready, how long it took at first is of no interest.
            let was_ready = known.members.get(name).is_some_and(|before| before.took.is_some());
            row.took = took.get(name).copied().flatten().filter(|_| was_ready && row.is_ready());
        }
        if format == Format::Text && screen.is_terminal() {
            let mut lines = footer.clone();
            if seen.application.state != State::Ready {
                lines = vec![format!("app/{APPLICATION} {}", seen.application.words()).into()];
            }
            output::unread(screen.draw(&table(&seen.commit, &seen.members), &lines, true))?;
        } else {
            for (object, row) in changes(&known, &seen) {
                let at = format_seconds(hub::SystemClock.now());
                let event = json!({"event": "changed", "time": at, "object": object, "state": row.state.as_str(),
                    "reason": row.reason, "message": row.message});
                output::unread(match format {
                    Format::Text => output::print(&[format!("{at}  {object}  {}", row.words()).into()]),
                    _ => output::print_event(format, &event),
                })?;
            }
        }
        known = seen;
    }
}

/// Rows whose state or cause is another one. A message alone may hold a number that grows.
fn changes<'a>(before: &Seen, now: &'a Seen) -> Vec<(String, &'a Row)> {
    let differs =
        |was: Option<&Row>, is: &Row| was.is_none_or(|was| (was.state, &was.reason) != (is.state, &is.reason));
    let members = now.members.iter().filter(|(name, row)| differs(before.members.get(*name), row));
    let mut out: Vec<_> = members.map(|(name, row)| (format!("member/{name}"), row)).collect();
    if differs(Some(&before.application), &now.application) {
        out.push((format!("app/{APPLICATION}"), &now.application));
    }
    out
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
    matches!(application.state, State::Ready | State::Suspended)
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
struct Seen {
    commit: String,
    members: BTreeMap<String, Row>,
    application: Row,
}

/// The newest state.
fn read(hub: &Hub, demo: &Demo) -> Seen {
    let ctx = hub.controllers();
    let app = ctx.stores.applications.get(&shop());
    let git = app.as_ref().and_then(|a| a.status.clone()?.source_status?.git_repo_status?.artifact);
    let commit = git.map(|a| short_revision(&a.revision)).unwrap_or_default();
    let commit = commit.rsplit_once('@').map_or(commit.clone(), |(_, sha)| sha.to_owned());
    let mut application = Row { is_settled: true, ..Row::default() };
    let generation = app.as_ref().and_then(|app| app.metadata.generation);
    application.set_state(&Said::of_object(&conditions(hub), generation));
    let members = demo.names().into_iter().map(|name| {
        let row = read_member(ctx, &name);
        (name, row)
    });
    Seen { commit, members: members.collect(), application }
}

/// One member: its own state, or the worst of its units if it is ready.
fn read_member(ctx: &controllers::Controllers, name: &str) -> Row {
    let mut row = Row { message: "joining".to_owned(), ..Row::default() };
    let Ok(member) = name.parse::<MemberName>() else { return row };
    let Some(cluster) = ctx.stores.clusters.get(&NamespacedName::new("", name)) else { return row };
    let status = cluster.status.clone().unwrap_or_default();
    row.region = cluster.spec.region.clone().unwrap_or_default();
    row.nodes = status.node_summary.map(|n| n.total_num.to_string()).unwrap_or_default();
    let link = ctx.member_link(&member);
    row.set_state(&Said::of_member(&status.conditions, link.as_ref()));
    let reports = ctx.feed.reports_in(&member);
    row.is_settled = !reports.is_empty();
    for report in &reports {
        row.pods.0 += report.pods.ready;
        row.pods.1 += report.pods.desired;
        row.objects += report.objects.desired;
        row.drift += report.details.iter().filter(|d| is_drift(d.sync)).count() as u64;
        let is_settled = is_settled(report) && is_newest(ctx, report);
        row.is_settled &= is_settled;
        let ready = ctx.unit_ready(&report.unit, &member);
        let state = State::of_reason(ready.reason);
        if state > row.state {
            let worst = unsettled(report);
            let message = if worst.is_empty() { ready.message.as_str() } else { worst.as_str() };
            row.set_state(&Said { state, reason: ready.reason, message, since: None });
        } else if row.state == State::Ready && !is_settled {
            row.message = unsettled(report);
        }
    }
    row
}

/// Is an object changed by others? One that waits, or is left alone, is not.
fn is_drift(sync: SyncState) -> bool {
    matches!(sync, SyncState::Drifted | SyncState::Contested)
}

/// What keeps a unit from being settled: its own message, else its worst object.
fn unsettled(report: &UnitReport) -> String {
    if !report.message.is_empty() {
        return report.message.clone();
    }
    let delivered = report.details.iter().filter(|d| d.sync != SyncState::NotPruned);
    let worst = delivered.max_by_key(|d| d.health).filter(|d| d.health > Health::Suspended);
    worst.map_or_else(String::new, |d| {
        let said = if d.message.is_empty() { String::new() } else { format!(", {}", d.message) };
        format!("{} is {}{said}", d.key, d.health)
    })
}

/// Does the report speak of the revision that is decided now?
fn is_newest(ctx: &controllers::Controllers, report: &UnitReport) -> bool {
    let decisions = ctx.stores.decisions_of(&report.unit);
    let entry = decisions.iter().find_map(|d| d.spec.members.get(&report.member));
    entry.is_some_and(|e| e.revision == report.revision)
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
    match row.state {
        State::Unknown => format!("?/{}", row.pods.1),
        _ => format!("{}/{}", row.pods.0, row.pods.1),
    }
}

/// What the table says, for programs.
fn value(commit: &str, rows: &BTreeMap<String, Row>, converged: bool, took: Duration) -> Value {
    let member = |(name, row): (&String, &Row)| {
        json!({"name": name, "region": row.region, "nodes": row.nodes, "pods": {"ready": row.pods.0, "desired": row.pods.1},
            "objects": row.objects, "drift": row.drift, "ready": row.is_ready(), "state": row.state.as_str(),
            "reason": row.reason, "message": row.message})
    };
    json!({"event": "converged", "converged": converged, "commit": commit, "seconds": took.as_secs_f64(),
        "members": rows.iter().map(member).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests;
