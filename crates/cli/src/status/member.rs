//! One member, unit by unit.

use api::condition;
use api::delivery::LinkState;
use api::karmada::cluster::v1alpha1::Cluster;
use kube::ResourceExt;
use model::Timestamp;
use serde_json::{Value, json};

use super::cell;
use super::world::{World, ready};
use crate::duration::since;
use crate::output::{Cell, Line, Table, Tone};

pub(super) fn value(world: &World, member: &Cluster) -> Value {
    let name = member.name_any();
    let units: Vec<Value> =
        world.of_member(&name).iter().map(|(unit, status)| json!({"unit": unit, "status": status})).collect();
    let mut value = json!({"name": name, "region": member.spec.region, "status": member.status, "units": units});
    if let Some(link) = world.links.get(&name) {
        value["link"] = json!(link);
    }
    value
}

pub(super) fn lines(world: &World, member: &Cluster, now: Timestamp, colour: bool) -> Vec<Line> {
    let name = member.name_any();
    let status = member.status.clone().unwrap_or_default();
    let version = status.kubernetes_version.clone().unwrap_or_default();
    let mut lines = vec![Line::from(format!("member/{name}  {version}").trim_end())];
    let mut about = Table::default();
    if let Some(c) = ready(member) {
        let tone = cell::condition_tone(c);
        let cells =
            vec!["Ready".into(), Cell::new(c.status.clone(), tone), cell::age(c, now).into(), c.reason.clone().into()];
        about.wrap(cells, &c.message);
    }
    let noted = [condition::CREDENTIAL_CURRENT, condition::FACTS_CUT, condition::STATUS_CUT];
    for c in status.conditions.iter().filter(|c| noted.contains(&c.type_.as_str())) {
        let cells =
            vec![c.type_.clone().into(), c.status.clone().into(), cell::age(c, now).into(), c.reason.clone().into()];
        about.wrap(cells, &c.message);
    }
    if let Some(link) = world.kept_out(&name) {
        let (state, tone) = match link.state {
            LinkState::Blocked => ("Blocked", Tone::Bad),
            _ => ("Unreachable", Tone::Waiting),
        };
        let age = since(link.since, now);
        about.wrap(vec!["Applier".into(), Cell::new(state, tone), age.into(), "".into()], &link.message);
    }
    lines.extend(about.lines(colour).iter().map(|line| line.indented(2)));
    lines.push(format!("  server {}", member.spec.api_endpoint.as_deref().unwrap_or("not known yet")).into());
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
        return lines;
    }
    let headings: Vec<&str> = ["APPLICATION", "POLICY"].into_iter().chain(cell::UNIT).collect();
    let mut table = Table::new(&headings);
    for (unit, status) in units {
        let mut cells =
            vec![format!("{}/{}", unit.namespace, unit.name).into(), unit.policy.clone().unwrap_or_default().into()];
        cells.extend(cell::unit(world, &name, status, now));
        table.row(cells);
    }
    lines.extend(table.lines(colour));
    lines
}
