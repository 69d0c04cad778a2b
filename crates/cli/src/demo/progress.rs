//! How the demo converges: a table that is drawn again on a terminal, and lines where something changed elsewhere.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use api::condition;
use api::delivery::{Health, UnitPhase, UnitReport};
use controllers::informer::Key;
use hub::Hub;
use tokio::time::Instant;

use super::{APPLICATION, Demo};
use crate::duration::tenths;
use crate::output::{self, Cell, Table, Tone};
use crate::sync::short_revision;

/// How often the table is drawn again: fast enough to watch, slow enough to read.
const DRAW_EVERY: Duration = Duration::from_millis(50);

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Row {
    region: String,
    nodes: String,
    pods: (u32, u32),
    objects: u32,
    drift: u64,
    state: String,
    tone: Tone,
    ready: bool,
    reason: String,
}

/// Draws until everything has converged, or until the limit; says whether it has.
pub(crate) async fn show(hub: &Hub, demo: &Demo, begun: Instant, limit: Option<Duration>) -> anyhow::Result<bool> {
    let terminal = std::io::stdout().is_terminal();
    let mut screen = Screen::default();
    let mut since: BTreeMap<String, Duration> = BTreeMap::new();
    loop {
        let (commit, mut rows) = read(hub, demo);
        for (name, row) in &mut rows {
            if row.ready {
                let took = *since.entry(name.clone()).or_insert_with(|| begun.elapsed());
                row.state = format!("Ready {}", tenths(took));
            } else {
                since.remove(name);
            }
        }
        let done = rows.values().all(|r| r.ready) && application_ready(hub) && source_is_newest(hub);
        let over = limit.is_some_and(|limit| begun.elapsed() >= limit);
        screen.draw(&table(&commit, &rows), terminal, done || over)?;
        if done {
            let objects: u32 = rows.values().map(|r| r.objects).sum();
            let drift: u64 = rows.values().map(|r| r.drift).sum();
            output::print(&[format!(
                "converged {} · {objects} objects · {drift} drift       try: kurator demo commit | edit | wipe | unplug \
                 beijing | restart",
                tenths(begun.elapsed())
            )])?;
            return Ok(true);
        }
        if over {
            let waiting: Vec<String> = rows
                .iter()
                .filter(|(_, r)| !r.ready)
                .map(|(name, r)| format!("{name}: {}", if r.reason.is_empty() { &r.state } else { &r.reason }))
                .collect();
            let why = if waiting.is_empty() { application_reason(hub) } else { waiting.join("; ") };
            eprintln!(
                "error: not converged after {}: {why}; without --exit-when-ready it keeps running, and `kurator status \
                 app/{APPLICATION}` says more",
                tenths(begun.elapsed())
            );
            return Ok(false);
        }
        tokio::time::sleep(DRAW_EVERY).await;
    }
}

fn application_ready(hub: &Hub) -> bool {
    condition::find(&conditions(hub), condition::READY).is_some_and(|c| c.status == "True")
}

/// Was the repository asked since this process started, and is its answer what the Application shows? After a restart
/// what was stored is ready at once, and says nothing of what was committed meanwhile.
fn source_is_newest(hub: &Hub) -> bool {
    let key = Key::new("default", APPLICATION);
    let Some(app) = hub.controllers().world.applications.get(&key) else { return false };
    if app.spec.source.git_repository.as_ref().is_some_and(|git| git.suspend) {
        return true;
    }
    let shown = app.status.as_ref().and_then(|s| s.source_status.clone()?.git_repo_status?.artifact);
    let heard = hub.controllers().fetcher.heard(&key);
    heard.is_some_and(|facts| {
        facts.error.is_none() && facts.artifact.map(|a| a.revision) == shown.map(|artifact| artifact.revision)
    })
}

fn application_reason(hub: &Hub) -> String {
    let conditions = conditions(hub);
    let said = |type_| condition::find(&conditions, type_).map(|c| format!("{}: {}", c.reason, c.message));
    // Members may be ready with what was fetched before: then it is the source that keeps them from the newest commit.
    let type_ = if application_ready(hub) { condition::SOURCE_READY } else { condition::READY };
    said(type_).unwrap_or_else(|| "the Application has no status yet".to_owned())
}

fn conditions(hub: &Hub) -> Vec<api::Condition> {
    let app = hub.controllers().world.applications.get(&Key::new("default", APPLICATION));
    app.and_then(|app| Some(app.status.as_ref()?.conditions.clone())).unwrap_or_default()
}

/// The newest state, from what this process was told: what was stored before it started counts for nothing.
fn read(hub: &Hub, demo: &Demo) -> (String, BTreeMap<String, Row>) {
    let ctx = hub.controllers();
    let app = ctx.world.applications.get(&Key::new("default", APPLICATION));
    let git = app.as_ref().and_then(|a| a.status.clone()?.source_status?.git_repo_status?.artifact);
    let commit = git.map(|a| short_revision(&a.revision)).unwrap_or_default();
    let commit = commit.rsplit_once('@').map_or(commit.clone(), |(_, sha)| sha.to_owned());
    let mut rows = BTreeMap::new();
    for name in demo.names() {
        let cluster = ctx.world.clusters.get(&Key::new("", &name));
        let mut row = Row { state: "joining".to_owned(), tone: Tone::Waiting, ..Row::default() };
        let mut answers = false;
        if let Some(cluster) = &cluster {
            let status = cluster.status.clone().unwrap_or_default();
            row.region = cluster.spec.region.clone().unwrap_or_default();
            row.nodes = status.node_summary.map(|n| n.total_num.to_string()).unwrap_or_default();
            if let Some(ready) = condition::find(&status.conditions, condition::READY) {
                answers = ready.status == "True";
                row.reason = if answers { String::new() } else { ready.message.clone() };
            }
        }
        let reports = name.parse().map(|member| ctx.delivery.reports_in(&member)).unwrap_or_default();
        let mut settled = !reports.is_empty();
        for report in &reports {
            row.pods.0 += report.pods.ready;
            row.pods.1 += report.pods.desired;
            row.objects += report.objects.desired;
            row.drift += report.details.iter().filter(|d| d.sync != api::delivery::SyncState::Synced).count() as u64;
            settled &= is_settled(report) && is_newest(ctx, report);
            if !settled && row.reason.is_empty() {
                row.reason = unsettled(report);
            }
        }
        if answers {
            row.state = match reports.first() {
                Some(report) => format!("{} {}", report.phase, report.health).to_lowercase(),
                None => "joined".to_owned(),
            };
        }
        if answers && settled {
            row.ready = true;
            row.tone = Tone::Good;
        }
        rows.insert(name, row);
    }
    (commit, rows)
}

fn is_settled(report: &UnitReport) -> bool {
    report.phase == UnitPhase::Applied && matches!(report.health, Health::Healthy | Health::Suspended)
}

/// What keeps a unit from being settled: its own message, else its worst object.
fn unsettled(report: &UnitReport) -> String {
    if !report.message.is_empty() {
        return report.message.clone();
    }
    let worst = report.details.iter().max_by_key(|d| d.health).filter(|d| d.health > Health::Suspended);
    worst.map_or_else(String::new, |d| {
        let said = if d.message.is_empty() { String::new() } else { format!(", {}", d.message) };
        format!("{} is {}{said}", d.key, d.health)
    })
}

/// Does the report speak of the revision that is decided now?
fn is_newest(ctx: &controllers::Ctx, report: &UnitReport) -> bool {
    let decisions = ctx.world.decisions.list();
    let entry =
        decisions.iter().filter(|d| d.spec.unit == report.unit).find_map(|d| d.spec.members.get(&report.member));
    entry.is_some_and(|e| e.revision == report.revision)
}

fn table(commit: &str, rows: &BTreeMap<String, Row>) -> Vec<(String, Vec<Cell>)> {
    let heading = if commit.is_empty() { APPLICATION.to_owned() } else { format!("{APPLICATION}@{commit}") };
    let head = ["MEMBER", "REGION", "NODES", &heading, "STATE"].iter().map(|h| Cell::from(*h)).collect();
    let mut out = vec![(String::new(), head)];
    for (name, row) in rows {
        let cells = vec![
            name.clone().into(),
            row.region.clone().into(),
            row.nodes.clone().into(),
            format!("{}/{}", row.pods.0, row.pods.1).into(),
            Cell::new(row.state.clone(), row.tone),
        ];
        out.push((name.clone(), cells));
    }
    out
}

/// What is on the screen.
#[derive(Default)]
struct Screen {
    height: usize,
    said: BTreeMap<String, Vec<Cell>>,
}

impl Screen {
    /// Draws over the last table on a terminal. Elsewhere prints the table once, at the end.
    fn draw(&mut self, rows: &[(String, Vec<Cell>)], terminal: bool, last: bool) -> std::io::Result<()> {
        if !terminal && !last {
            return Ok(());
        }
        let now: BTreeMap<String, Vec<Cell>> = rows.iter().cloned().collect();
        if now == self.said {
            return Ok(());
        }
        let mut table = Table::default();
        rows.iter().for_each(|(_, cells)| table.row(cells.clone()));
        let lines = table.lines(output::colour());
        let mut out = std::io::stdout().lock();
        if terminal && self.height > 0 {
            write!(out, "\x1b[{}A", self.height)?;
        }
        for line in &lines {
            // Clears to the end of the line: the last text may have been longer.
            if terminal { writeln!(out, "{line}\x1b[K")? } else { writeln!(out, "{line}")? }
        }
        self.height = lines.len();
        self.said = now;
        out.flush()
    }
}
