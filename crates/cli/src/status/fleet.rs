//! All members and all applications.

use api::condition;
use api::kurator::apps::v1alpha1::Application;
use kube::ResourceExt;
use model::Timestamp;
use serde_json::{Value, json};

use super::cell::{counted, kept_out, state};
use super::world::{MEMBERS, REPORTS, World, ready};
use super::{application, held, member};
use crate::output::{Line, Table};
use crate::sync::revision;
use api::delivery::{Health, UnitPhase, UnitStatus};

pub(super) fn lines(world: &World, now: Timestamp, colour: bool) -> Vec<Line> {
    let mut lines = if world.hides(MEMBERS) {
        vec!["members are not shown: this credential may not list them".into()]
    } else if world.members.is_empty() {
        vec!["no members yet: apply an AttachedCluster to the hub".into()]
    } else {
        members(world, now).lines(colour)
    };
    lines.push(Line::default());
    if world.applications.is_empty() {
        let namespace = &world.namespace;
        lines.push(format!("no applications in namespace {namespace}: apply an Application, or choose with -n").into());
    } else {
        lines.extend(applications(world, now).lines(colour));
        let waits = waits(world);
        if !waits.is_empty() {
            lines.push(Line::default());
            lines.extend(waits.iter().map(Line::from));
        }
    }
    lines
}

fn members(world: &World, now: Timestamp) -> Table {
    let mut table = Table::new(&["MEMBER", "REGION", "VERSION", "NODES", "UNITS", "PODS", "STATE"]);
    for member in &world.members {
        let name = member.name_any();
        let status = member.status.clone().unwrap_or_default();
        let units = world.of_member(&name);
        let good = units.iter().filter(|(_, s)| is_good(s)).count();
        let (ready_pods, pods) = units.iter().fold((0, 0), |(r, d), (_, s)| (r + s.pods.ready, d + s.pods.desired));
        let answers = world.answers(&name);
        let is_reported = answers && !world.hides(REPORTS);
        let nodes = status.node_summary.map(|n| counted(answers, n.ready_num, n.total_num));
        table.row(vec![
            name.clone().into(),
            member.spec.region.clone().unwrap_or_default().into(),
            status.kubernetes_version.unwrap_or_default().into(),
            nodes.unwrap_or_default().into(),
            counted(is_reported, good, units.len()).into(),
            counted(is_reported, ready_pods, pods).into(),
            world.kept_out(&name).map_or_else(|| state(ready(member), now), |link| kept_out(link, now)),
        ]);
    }
    table
}

fn applications(world: &World, now: Timestamp) -> Table {
    let mut table = Table::new(&["APPLICATION", "REVISION", "READY", "OBJECTS", "STATE"]);
    for app in &world.applications {
        let status = app.status.clone().unwrap_or_default();
        let summary = status.summary.clone().unwrap_or_default();
        table.row(vec![
            app.name_any().into(),
            revision(&status).into(),
            format!("{}/{}", summary.ready, summary.placed).into(),
            summary.objects.to_string().into(),
            state(condition::find(&status.conditions, condition::READY), now),
        ]);
    }
    table
}

/// What waits for an approval, one line for each cause.
fn waits(world: &World) -> Vec<String> {
    let lists = |app: &Application| {
        let (name, namespace) = (app.name_any(), app.namespace().unwrap_or_default());
        let held = app.status.iter().flat_map(|status| &status.held);
        held.flat_map(|list| held::in_short(&name, &namespace, list)).collect::<Vec<_>>()
    };
    world.applications.iter().flat_map(lists).collect()
}

fn is_good(status: &UnitStatus) -> bool {
    status.phase == UnitPhase::Applied && matches!(status.health, Health::Healthy | Health::Suspended)
}

pub(super) fn value(world: &World) -> Value {
    let mut value = json!({
        "members": world.members.iter().map(|m| member::value(world, m)).collect::<Vec<_>>(),
        "applications": world.applications.iter().map(|a| application::value(world, a)).collect::<Vec<_>>(),
    });
    if !world.hidden.is_empty() {
        value["hidden"] = json!(world.hidden);
    }
    value
}
