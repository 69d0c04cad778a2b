//! How the demo converges: a table that is drawn again on a terminal, and lines where something changed elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use api::condition;
use api::delivery::{Health, UnitPhase};
use api::feed::UnitReport;
use api::reason;
use client::NamespacedName;
use hub::Hub;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{APPLICATION, Demo};
use crate::args::Format;
use crate::duration::tenths;
use crate::output::{self, Cell, Screen, Tone};
use crate::sync::short_revision;

/// How often the table is drawn again: fast enough to watch, slow enough to read.
const DRAW_EVERY: Duration = Duration::from_millis(50);

/// How long something that only a person can change has to be in the way before nothing more is waited for: longer than
/// the hub takes from a fetch to the members' first reports on it.
const STUCK_FOR: Duration = Duration::from_secs(3);
/// The same for what may still mend itself: an applier's first retries, a container's first restarts.
const FAILING_FOR: Duration = Duration::from_secs(15);

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
pub(crate) async fn show(
    hub: &Hub,
    demo: &Demo,
    begun: Instant,
    limit: Option<Duration>,
    format: Format,
) -> anyhow::Result<bool> {
    let mut screen = Screen::new(output::is_drawn_over());
    let mut since: BTreeMap<String, Duration> = BTreeMap::new();
    let mut stuck = Stuck::default();
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
        let hopeless = !done && limit.is_some() && stuck.is_stuck(in_the_way(hub), begun.elapsed());
        let over = hopeless || limit.is_some_and(|limit| begun.elapsed() >= limit);
        let objects: u32 = rows.values().map(|r| r.objects).sum();
        let drift: u64 = rows.values().map(|r| r.drift).sum();
        if format == Format::Text {
            output::unread(screen.draw(&table(&commit, &rows), done || over))?;
        } else if done || over {
            output::unread(output::structured(format, &value(&commit, &rows, done, begun.elapsed())))?;
        }
        if done {
            if format != Format::Text {
                return Ok(true);
            }
            output::unread(output::print(&[format!(
                "converged {} · {objects} objects · {drift} drift       try: kurator demo commit | edit | wipe | unplug \
                 beijing | restart",
                tenths(begun.elapsed())
            )
            .into()]))?;
            return Ok(true);
        }
        if over {
            let waiting = rows.iter().filter(|(_, row)| !row.ready);
            let (said, silent): (Vec<_>, Vec<_>) = waiting.partition(|(_, row)| !row.reason.is_empty());
            let mut why: Vec<String> = said.iter().map(|(name, row)| format!("{name}: {}", row.reason)).collect();
            // A member of which nothing is wrong waits for what comes before it; what only a person can mend is said first.
            if hopeless || why.is_empty() || !silent.is_empty() {
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

/// What keeps the Application from converging, and for how long it has to before there is no hope.
#[derive(Clone, Debug, PartialEq, Eq)]
struct InTheWay {
    reason: String,
    long: Duration,
}

/// Since when the same is in the way.
#[derive(Debug, Default)]
struct Stuck(Option<(InTheWay, Duration)>);

impl Stuck {
    /// Remembers what is in the way now, and says whether it has been there for long enough. `now` is any time that goes
    /// on.
    fn is_stuck(&mut self, found: Option<InTheWay>, now: Duration) -> bool {
        let since = match (&self.0, &found) {
            (Some((before, since)), Some(found)) if before == found => *since,
            _ => now,
        };
        self.0 = found.map(|found| (found, since));
        self.0.as_ref().is_some_and(|(found, since)| now.saturating_sub(*since) >= found.long)
    }
}

fn in_the_way(hub: &Hub) -> Option<InTheWay> {
    let exists = hub.controllers().stores.applications.get(&NamespacedName::new("default", APPLICATION)).is_some();
    if !exists {
        return Some(InTheWay { reason: "NotFound".to_owned(), long: STUCK_FOR });
    }
    hindrance(&conditions(hub))
}

fn hindrance(conditions: &[api::Condition]) -> Option<InTheWay> {
    let refused = |type_| condition::find(conditions, type_).filter(|c| c.status == "False");
    let ready = refused(condition::READY).and_then(|c| {
        let long = match c.reason.as_str() {
            reason::BUILD_FAILED
            | reason::RESTRICTED_NAMESPACE
            | reason::FLEET_NOT_FOUND
            | reason::DUPLICATE_POLICY_NAME
            | reason::NOT_IMPLEMENTED
            | reason::NO_MEMBER_SELECTED
            | reason::DELETIONS_HELD => STUCK_FOR,
            reason::RECONCILIATION_FAILED | reason::HEALTH_CHECK_FAILED | reason::MEMBER_BLOCKED => FAILING_FOR,
            _ => return None,
        };
        Some(InTheWay { reason: c.reason.clone(), long })
    });
    let source = refused(condition::SOURCE_READY).map(|c| InTheWay { reason: c.reason.clone(), long: STUCK_FOR });
    ready.or(source)
}

fn application_ready(hub: &Hub) -> bool {
    condition::find(&conditions(hub), condition::READY).is_some_and(|c| c.status == "True")
}

/// Was the repository asked since this process started, and is its answer what the Application shows? After a restart
/// what was stored is ready at once, and says nothing of what was committed meanwhile.
fn source_is_newest(hub: &Hub) -> bool {
    let key = NamespacedName::new("default", APPLICATION);
    let Some(app) = hub.controllers().stores.applications.get(&key) else { return false };
    if app.spec.source.git_repository.as_ref().is_some_and(|git| git.suspend) {
        return true;
    }
    let shown = app.status.as_ref().and_then(|s| s.source_status.clone()?.git_repo_status?.artifact);
    let heard = hub.controllers().fetcher.heard(&key);
    heard.is_some_and(|facts| {
        facts.error.is_none() && facts.artifact.map(|a| a.revision) == shown.map(|artifact| artifact.revision)
    })
}

/// What keeps the Application: its source before its members, which may be ready with what was fetched earlier.
fn application_reason(hub: &Hub) -> String {
    let conditions = conditions(hub);
    let wrong = |type_| condition::find(&conditions, type_).filter(|c| c.status != "True");
    let gone = hub.controllers().stores.applications.get(&NamespacedName::new("default", APPLICATION)).is_none();
    match wrong(condition::SOURCE_READY).or_else(|| wrong(condition::READY)) {
        Some(c) => format!("app/{APPLICATION}: {}: {}", c.reason, c.message),
        None if gone => format!("there is no Application {APPLICATION} in namespace default"),
        None => format!("app/{APPLICATION}: its source has not been asked since the start"),
    }
}

fn conditions(hub: &Hub) -> Vec<api::Condition> {
    let app = hub.controllers().stores.applications.get(&NamespacedName::new("default", APPLICATION));
    app.and_then(|app| Some(app.status.as_ref()?.conditions.clone())).unwrap_or_default()
}

/// The newest state, from what this process was told: what was stored before it started counts for nothing.
fn read(hub: &Hub, demo: &Demo) -> (String, BTreeMap<String, Row>) {
    let ctx = hub.controllers();
    let app = ctx.stores.applications.get(&NamespacedName::new("default", APPLICATION));
    let git = app.as_ref().and_then(|a| a.status.clone()?.source_status?.git_repo_status?.artifact);
    let commit = git.map(|a| short_revision(&a.revision)).unwrap_or_default();
    let commit = commit.rsplit_once('@').map_or(commit.clone(), |(_, sha)| sha.to_owned());
    let mut rows = BTreeMap::new();
    for name in demo.names() {
        let cluster = ctx.stores.clusters.get(&NamespacedName::new("", &name));
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
        let reports = name.parse().map(|member| ctx.feed.reports_in(&member)).unwrap_or_default();
        let mut settled = !reports.is_empty();
        for report in &reports {
            row.pods.0 += report.pods.ready;
            row.pods.1 += report.pods.desired;
            row.objects += report.objects.desired;
            row.drift += report.details.iter().filter(|d| d.sync != api::feed::SyncState::Synced).count() as u64;
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
            format!("{}/{}", row.pods.0, row.pods.1).into(),
            Cell::new(row.state.clone(), row.tone),
        ];
        out.push(cells);
    }
    out
}

/// What the table says, for programs.
fn value(commit: &str, rows: &BTreeMap<String, Row>, converged: bool, took: Duration) -> Value {
    let member = |(name, row): (&String, &Row)| {
        json!({"name": name, "region": row.region, "nodes": row.nodes, "pods": {"ready": row.pods.0, "desired": row.pods.1},
            "objects": row.objects, "drift": row.drift, "ready": row.ready, "state": row.state, "reason": row.reason})
    };
    json!({"converged": converged, "commit": commit, "seconds": took.as_secs_f64(),
        "members": rows.iter().map(member).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests;
