//! One member, unit by unit.

use std::collections::BTreeSet;

use api::condition;
use api::delivery::{UnitId, UnitStatus};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::NAMESPACES;
use api::reason::{APPLIER_NOT_ANSWERED, APPLIER_REFUSED};
use kube::ResourceExt;
use model::Timestamp;
use plan::state::{Said, State};
use serde_json::{Value, json};

use super::world::{World, ready};
use super::{cell, conditions, unasked};
use crate::duration::since;
use crate::output::{Cell, Line, Table};

pub(super) fn value(world: &World, member: &Cluster) -> Value {
    let name = member.name_any();
    let units: Vec<Value> =
        world.of_member(&name).iter().map(|(unit, status)| value_of_unit(world, unit, &name, status)).collect();
    let said = world.member_state(member);
    let mut value = json!({"name": name, "region": member.spec.region, "state": said.state.as_str(),
        "reason": said.reason, "status": member.status, "units": units});
    if let Some(namespaces) = member.annotations().get(NAMESPACES) {
        value["namespaces"] = json!(namespaces.split(',').collect::<Vec<_>>());
    }
    if let Some(moving) = world.unasked.get(&name) {
        value["unasked"] = json!({"units": moving.unasked, "count": moving.unasked_count});
    }
    if let Some(link) = world.links.get(&name) {
        value["link"] = json!(link);
    }
    value
}

fn value_of_unit(world: &World, unit: &UnitId, member: &str, status: &UnitStatus) -> Value {
    let pair = world.unit(unit, member, status);
    json!({"unit": unit, "state": pair.state().as_str(), "reason": pair.reason(), "status": status})
}

pub(super) fn lines(world: &World, member: &Cluster, now: Timestamp, colour: bool, columns: usize) -> Vec<Line> {
    let name = member.name_any();
    let status = member.status.clone().unwrap_or_default();
    let version = status.kubernetes_version.clone().unwrap_or_default();
    let mut lines = vec![Line::from(format!("member/{name}  {version}").trim_end())];
    let mut about = Table::default();
    let said = world.member_state(member);
    if let Some(c) = ready(member) {
        // One that answers its prober and not its applier is not green.
        let tone = if said.state == State::Ready { cell::condition_tone(c) } else { cell::tone(said.state) };
        let cells =
            vec!["Ready".into(), Cell::new(c.status.clone(), tone), cell::age(c, now).into(), c.reason.clone().into()];
        about.wrap(cells, &c.message);
    }
    let noted = [
        condition::CREDENTIAL_CURRENT,
        condition::FACTS_CUT,
        condition::STATUS_CUT,
        condition::TAKE_OVER,
        condition::DETACHING,
    ];
    for c in status.conditions.iter().filter(|c| noted.contains(&c.type_.as_str())) {
        let cells =
            vec![c.type_.clone().into(), c.status.clone().into(), cell::age(c, now).into(), c.reason.clone().into()];
        about.wrap(cells, &c.message);
    }
    if let Some(at) = said.since.filter(|_| [APPLIER_REFUSED, APPLIER_NOT_ANSWERED].contains(&said.reason)) {
        let state = Cell::new(said.state.as_str(), cell::tone(said.state));
        about.wrap(vec!["Applier".into(), state, since(at, now).into(), said.reason.into()], said.message);
    }
    lines.extend(conditions::indented(&about, colour, columns));
    lines.push(format!("  server {}", member.spec.api_endpoint.as_deref().unwrap_or("not known yet")).into());
    if let Some(namespaces) = member.annotations().get(NAMESPACES) {
        lines
            .push(format!("  rights in {} only: nothing else is delivered here", namespaces.replace(',', ", ")).into());
    }
    if let Some(resources) = &status.resource_summary {
        lines.push(Line::default());
        let mut table = Table::new(&["RESOURCE", "REQUESTED", "ALLOCATABLE"]);
        for (resource, amount) in &resources.allocatable {
            // What no pod requests is not counted, pods themselves among it.
            let used = resources.allocated.get(resource).map_or("-", String::as_str);
            table.row(vec![resource.clone().into(), used.into(), amount.clone().into()]);
        }
        lines.extend(table.lines(colour));
    }
    lines.push(Line::default());
    let units = world.of_member(&name);
    if units.is_empty() {
        lines.push("nothing is delivered here".into());
        lines.extend(unasked_lines(world, &name));
        return lines;
    }
    let headings: Vec<&str> = ["APPLICATION", "POLICY"].into_iter().chain(cell::UNIT).collect();
    let mut table = Table::new(&headings);
    for (unit, status) in units {
        let mut cells =
            vec![format!("{}/{}", unit.namespace, unit.name).into(), unit.policy.clone().unwrap_or_default().into()];
        cells.extend(cell::unit(world, unit, &name, status, now));
        table.row(cells);
    }
    lines.extend(table.clipped(colour, columns));
    let troubles = troubles(world, &name, now);
    if !troubles.is_empty() {
        lines.push(Line::default());
        lines.extend(troubles);
    }
    lines.extend(unasked_lines(world, &name));
    lines
}

/// What this hub has here without an Application that asks for it.
fn unasked_lines(world: &World, member: &str) -> Vec<Line> {
    let Some(moving) = world.unasked.get(member) else { return Vec::new() };
    let mut lines = vec![Line::default(), "of this hub, and of no Application on it that asks for it here:".into()];
    let divided = unasked::Here::of(&world.applications).divided(moving);
    lines.extend(divided.iter().flat_map(unasked::Unasked::lines).map(Line::from));
    lines
}

/// Applications with something here that are not ready, such as those whose source is gone: what runs in this member may
/// be as it was wanted last all the same.
fn troubles(world: &World, member: &str, now: Timestamp) -> Vec<Line> {
    let here: BTreeSet<(&str, &str)> =
        world.of_member(member).iter().map(|(unit, _)| (unit.namespace.as_str(), unit.name.as_str())).collect();
    let mut lines = Vec::new();
    for app in &world.applications {
        let (namespace, name) = (app.namespace().unwrap_or_default(), app.name_any());
        let conditions = app.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let said = Said::of_object(conditions, app.metadata.generation);
        if here.contains(&(namespace.as_str(), name.as_str())) && said.state != State::Ready {
            lines.push(format!("app/{name} in namespace {namespace} is {}", cell::in_words(&said, now)).into());
        }
    }
    lines
}
