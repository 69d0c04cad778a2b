//! All members, fleets and applications.

use api::condition::{self, Condition};
use api::delivery::{UnitId, UnitStatus};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::fleet::v1alpha1::Fleet;
use api::reason;
use kube::ResourceExt;
use model::Timestamp;
use plan::state::{Said, State};
use serde_json::{Value, json};

use super::cell::{age, counted, state, tone};
use super::world::{APPLICATIONS, FLEETS, MEMBERS, MOVING, REPORTS, Scope, World, conditions};
use super::{application, fleet, held, member};
use crate::args::Shown;
use crate::output::{Cell, Line, Table, Tone};
use crate::sync::revision;

pub(super) fn lines(world: &World, now: Timestamp, colour: bool, columns: usize) -> Vec<Line> {
    let mut lines = if world.hides(MEMBERS) {
        vec!["members are not shown: this credential may not list them".into()]
    } else if world.members.is_empty() {
        vec!["no members yet: `kurator attach CONTEXT`, or apply an AttachedCluster to the hub".into()]
    } else {
        let mut table = members_table();
        world.members.iter().for_each(|one| table.row(member_row(world, one, now)));
        table.clipped(colour, columns)
    };
    lines.extend(world.members.iter().flat_map(|member| moves(member, now)).map(Line::from));
    if !world.fleets.is_empty() {
        lines.push(Line::default());
        lines.extend(fleets(world, now).clipped(colour, columns));
    }
    lines.push(Line::default());
    if world.hides(APPLICATIONS) {
        lines.push("applications are not shown: this credential may not list them; choose a namespace with -n".into());
        return lines;
    }
    if world.applications.is_empty() {
        let place = world.scope.words();
        lines.push(format!("no applications {place}: apply an Application, or choose with -n or -A").into());
        return lines;
    }
    lines.extend(applications(world, world.applications.iter(), now).clipped(colour, columns));
    let waits = waits(world.applications.iter());
    if !waits.is_empty() {
        lines.push(Line::default());
        lines.extend(waits.iter().map(Line::from));
    }
    lines
}

/// A table of members, without rows.
pub(super) fn members_table() -> Table {
    Table::new(&["MEMBER", "REGION", "VERSION", "NODES", "UNITS", "PODS", "STATE"])
}

/// A member's row.
pub(super) fn member_row(world: &World, member: &Cluster, now: Timestamp) -> Vec<Cell> {
    let name = member.name_any();
    let status = member.status.clone().unwrap_or_default();
    let units = world.of_member(&name);
    let (ready_pods, pods) = units.iter().fold((0u32, 0u32), |(ready, desired), (_, s)| {
        (ready.saturating_add(s.pods.ready), desired.saturating_add(s.pods.desired))
    });
    let said = world.member_state(member);
    let known = said.state != State::Unknown && world.is_known(&name);
    let is_reported = known && !world.hides(REPORTS);
    let nodes = status.node_summary.map(|nodes| {
        let tone = if nodes.ready_num < nodes.total_num { Tone::Waiting } else { Tone::Plain };
        Cell::new(counted(known, nodes.ready_num, nodes.total_num), tone)
    });
    vec![
        name.clone().into(),
        member.spec.region.clone().unwrap_or_default().into(),
        status.kubernetes_version.unwrap_or_default().into(),
        nodes.unwrap_or_default(),
        counted(is_reported, world.ready_units(&name), units.len()).into(),
        counted(is_reported, ready_pods, pods).into(),
        state(&said, now),
    ]
}

/// Members that are being taken over or detached, which their `Ready` does not say.
fn moves(member: &Cluster, now: Timestamp) -> Vec<String> {
    let name = member.name_any();
    // A take-over that is done is no news.
    let open = |c: &&Condition| c.type_ != condition::TAKE_OVER || c.status != "True";
    let moving = conditions(member).iter().filter(|c| MOVING.contains(&c.type_.as_str())).filter(open);
    let line = |c: &Condition| format!("member/{name}: {} for {}: {}", c.reason, age(c, now), c.message);
    moving.map(line).collect()
}

/// Headings, with the namespace before them when several are shown.
fn table(world: &World, headings: &[&str]) -> Table {
    let namespace = (world.scope == Scope::All).then_some("NAMESPACE");
    Table::new(&namespace.into_iter().chain(headings.iter().copied()).collect::<Vec<_>>())
}

/// A row, with the namespace before it when several are shown.
fn row(world: &World, namespace: Option<String>, cells: Vec<Cell>) -> Vec<Cell> {
    let namespace = (world.scope == Scope::All).then(|| namespace.unwrap_or_default().into());
    namespace.into_iter().chain(cells).collect()
}

fn fleets(world: &World, now: Timestamp) -> Table {
    let mut table = table(world, &["FLEET", "READY", "STATE"]);
    for fleet in &world.fleets {
        let status = fleet.status.clone().unwrap_or_default();
        let all = status.ready_clusters.saturating_add(status.un_ready_clusters);
        let cells = vec![
            fleet.name_any().into(),
            format!("{}/{all}", status.ready_clusters).into(),
            state(&Said::of_object(&status.conditions, fleet.metadata.generation), now),
        ];
        table.row(row(world, fleet.namespace(), cells));
    }
    table
}

/// A table of applications.
pub(super) fn applications<'a>(
    world: &World,
    applications: impl Iterator<Item = &'a Application>,
    now: Timestamp,
) -> Table {
    let mut table = table(world, &["APPLICATION", "REVISION", "READY", "OBJECTS", "STATE"]);
    for app in applications {
        let status = app.status.clone().unwrap_or_default();
        let summary = status.summary.clone().unwrap_or_default();
        let said = Said::of_object(&status.conditions, app.metadata.generation);
        let cells = vec![
            app.name_any().into(),
            revision(&status).into(),
            format!("{}/{}", summary.ready, summary.placed).into(),
            summary.objects.to_string().into(),
            state(&said, now),
        ];
        table.row(row(world, app.namespace(), cells));
    }
    table
}

/// What waits for an approval.
fn waits<'a>(applications: impl Iterator<Item = &'a Application>) -> Vec<String> {
    let lists = |app: &Application| {
        let (name, namespace) = (app.name_any(), app.namespace().unwrap_or_default());
        let lists = app.status.as_ref().map(|status| status.held.as_slice()).unwrap_or_default();
        held::in_short(&name, &namespace, lists)
    };
    applications.flat_map(lists).collect()
}

pub(super) fn value(world: &World) -> Value {
    let mut value = json!({
        "members": world.members.iter().map(|m| member::value(world, m)).collect::<Vec<_>>(),
        "fleets": world.fleets.iter().map(fleet::value).collect::<Vec<_>>(),
        "applications": world.applications.iter().map(|a| application::value(world, a)).collect::<Vec<_>>(),
    });
    if !world.hidden.is_empty() {
        value["hidden"] = json!(world.hidden);
    }
    value
}

/// Members, fleets and applications that are shown, each with its state: the causes of what is below first. Then what hangs on its way
/// out of a member, which mostly has no application any more that would say so.
pub(super) fn entries(world: &World, now: Timestamp) -> Vec<Entry> {
    let entry = |object: String, namespace: Option<String>, said: Said<'_>| Entry {
        object,
        namespace,
        state: said.state,
        reason: said.reason.to_owned(),
        message: said.message.to_owned(),
        since: said.since,
    };
    let members = world.members.iter().map(|m| entry(format!("member/{}", m.name_any()), None, world.member_state(m)));
    let of_fleet = |fleet: &Fleet| {
        let status = fleet.status.clone().unwrap_or_default();
        let said = Said::of_object(&status.conditions, fleet.metadata.generation);
        entry(format!("fleet/{}", fleet.name_any()), fleet.namespace(), said)
    };
    let of_app = |app: &Application| {
        let status = app.status.clone().unwrap_or_default();
        let said = Said::of_object(&status.conditions, app.metadata.generation);
        let mut entry = entry(format!("app/{}", app.name_any()), app.namespace(), said);
        let causes = held::causes(&status.held);
        if entry.state == State::Held && !causes.is_empty() {
            entry.message = format!("{}; {causes}", entry.message);
        }
        entry
    };
    let mut out: Vec<Entry> =
        members.chain(world.fleets.iter().map(of_fleet)).chain(world.applications.iter().map(of_app)).collect();
    let is_said = |entry: &Entry, unit: &UnitId| {
        let is_its = entry.object == format!("app/{}", unit.name) && entry.namespace.as_ref() == Some(&unit.namespace);
        is_its && entry.state == State::Terminating
    };
    let hanging = world.hanging(now).filter(|(unit, _, _)| !out.iter().any(|entry| is_said(entry, unit)));
    let hanging: Vec<Entry> = hanging.map(|(unit, member, status)| of_unit(world, unit, member, status)).collect();
    out.extend(hanging);
    out
}

/// A unit in a member, with its state.
fn of_unit(world: &World, unit: &UnitId, member: &str, status: &UnitStatus) -> Entry {
    let pair = world.unit(unit, member, status);
    let policy = unit.policy.as_deref().map(|policy| format!("/{policy}")).unwrap_or_default();
    let is_held = status.reason == reason::BEING_DELETED && pair.state() == State::Terminating;
    Entry {
        object: format!("app/{}{policy} in {member}", unit.name),
        namespace: Some(unit.namespace.clone()),
        state: pair.state(),
        reason: if is_held { reason::BEING_DELETED } else { pair.reason() }.to_owned(),
        message: pair.message(&world.revisions),
        since: Some(status.since),
    }
}

/// One thing with its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Kind and name.
    pub(super) object: String,
    /// Its namespace, if it has one.
    pub(super) namespace: Option<String>,
    /// How it is.
    pub(super) state: State,
    /// Why, in one word.
    pub(super) reason: String,
    /// Why, in words.
    pub(super) message: String,
    /// Since when.
    pub(super) since: Option<Timestamp>,
}

impl Entry {
    /// What tells it from the others.
    pub(super) fn key(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} in namespace {namespace}", self.object),
            None => self.object.clone(),
        }
    }

    /// What it says of itself.
    pub(super) fn as_said(&self) -> Said<'_> {
        Said { state: self.state, reason: &self.reason, message: &self.message, since: self.since }
    }

    /// Its row: what it is, and its state with the cause.
    pub(super) fn row(&self, world: &World, now: Timestamp) -> Vec<Cell> {
        let said = Cell::new(super::cell::in_words(&self.as_said(), now), tone(self.state));
        row(world, self.namespace.clone(), vec![self.object.clone().into(), said])
    }

    /// The same for programs.
    pub(super) fn value(&self) -> Value {
        json!({"object": self.object, "namespace": self.namespace, "state": self.state.as_str(), "reason": self.reason,
            "message": self.message, "since": self.since.map(model::clock::format_seconds)})
    }
}

/// What is not ready, the worst of each kind first; or one line that says that everything is.
pub(super) fn problem_lines(world: &World, now: Timestamp, colour: bool, columns: usize) -> Vec<Line> {
    let problems = problems(world, now);
    let hidden = not_seen(world);
    if problems.is_empty() {
        let count = |n: usize, word: &str| held::count(u32::try_from(n).unwrap_or(u32::MAX), word);
        let all = [
            (MEMBERS, world.members.len(), "member"),
            (FLEETS, world.fleets.len(), "fleet"),
            (APPLICATIONS, world.applications.len(), "application"),
        ];
        let seen = all.into_iter().filter(|(what, _, _)| !world.hides(what));
        let seen: Vec<String> = seen.map(|(_, number, word)| count(number, word)).collect();
        let said = match (seen.as_slice(), hidden.is_some()) {
            ([], _) => "nothing is known".to_owned(),
            (seen, true) => format!("nothing is wrong in what can be seen: {} are ready", seen.join(", ")),
            (seen, false) => format!("nothing is wrong: {} are ready", seen.join(", ")),
        };
        return [Some(said.into()), warned(world), hidden].into_iter().flatten().collect();
    }
    let mut table = table(world, &["OBJECT", "STATE"]);
    problems.iter().for_each(|entry| table.row(entry.row(world, now)));
    let mut lines = table.clipped(colour, columns);
    lines.extend(warned(world).into_iter().chain(hidden));
    lines
}

/// Applications with a likely mistake that are named: a line.
const WARNED_SHOWN: usize = 5;

/// Applications that are likely to have a mistake in their sources, and may be ready all the same.
fn with_warnings(world: &World) -> Vec<String> {
    let is_warned = |app: &&Application| {
        let conditions = app.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        condition::find(conditions, condition::SOURCE_WARNINGS).is_some_and(|said| said.status == "True")
    };
    let name = |app: &Application| match (&app.metadata.namespace, &world.scope) {
        (Some(namespace), Scope::All) => format!("{namespace}/{}", app.name_any()),
        _ => app.name_any(),
    };
    world.applications.iter().filter(is_warned).map(name).collect()
}

/// The same in a line.
fn warned(world: &World) -> Option<Line> {
    let all = with_warnings(world);
    let count = held::count(u32::try_from(all.len()).unwrap_or(u32::MAX), "application");
    let mut names = all.iter().take(WARNED_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if all.len() > WARNED_SHOWN {
        names += &format!(" and {} more", all.len() - WARNED_SHOWN);
    }
    (!all.is_empty())
        .then(|| format!("{count} with a likely mistake in the source (`kurator doctor` says which): {names}").into())
}

/// What the credential may not list, and so is not among the problems.
fn not_seen(world: &World) -> Option<Line> {
    let hidden = world.hidden.join(", ");
    (!hidden.is_empty()).then(|| format!("not looked at, since this credential may not list it: {hidden}").into())
}

/// What is not ready, for programs.
pub(super) fn problem_value(world: &World, now: Timestamp) -> Value {
    let mut value = json!({"problems": problems(world, now).iter().map(Entry::value).collect::<Vec<_>>()});
    if !world.hidden.is_empty() {
        value["hidden"] = json!(world.hidden);
    }
    let warned = with_warnings(world);
    if !warned.is_empty() {
        value["warned"] = json!(warned);
    }
    value
}

/// What is not ready, the worst of each kind first.
pub(super) fn problems(world: &World, now: Timestamp) -> Vec<Entry> {
    let mut problems: Vec<Entry> =
        entries(world, now).into_iter().filter(|entry| entry.state != State::Ready).collect();
    let kind = |entry: &Entry| match entry.object.split('/').next() {
        Some("member") => 0,
        Some("fleet") => 1,
        _ => 2,
    };
    problems.sort_by_key(|entry| (kind(entry), std::cmp::Reverse(entry.state)));
    problems
}

/// The units of an object, each with its state.
pub(super) fn units(world: &World, object: Option<&Shown>) -> Vec<Entry> {
    let entry = |unit: &UnitId, member: &str, status: &UnitStatus| of_unit(world, unit, member, status);
    match object {
        Some(Shown::App(name)) => {
            let apps = world.applications.iter().filter(|app| app.name_any() == *name);
            let units = apps.flat_map(|app| world.of_application(app));
            units.map(|(unit, member, status)| entry(unit, member, status)).collect()
        }
        Some(Shown::Member(name)) => {
            world.of_member(name).iter().map(|(unit, status)| entry(unit, name, status)).collect()
        }
        Some(Shown::Fleet(_)) | None => Vec::new(),
    }
}

/// What an entry says, without since when.
pub(super) fn without_age(entry: &Entry) -> Said<'_> {
    Said { since: None, ..entry.as_said() }
}
