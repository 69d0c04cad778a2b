//! One fleet, member by member, and the applications that name it.

use api::condition::Condition;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::fleet::v1alpha1::Fleet;
use kube::ResourceExt;
use model::Timestamp;
use serde_json::{Value, json};

use super::conditions;
use super::overview::{applications, member_row, members_table};
use super::world::World;
use crate::output::{Cell, Line, Tone};

pub(super) fn value(fleet: &Fleet) -> Value {
    json!({"name": fleet.name_any(), "namespace": fleet.namespace(), "clusters": fleet.spec.clusters,
        "status": fleet.status})
}

pub(super) fn lines(world: &World, fleet: &Fleet, now: Timestamp, colour: bool, columns: usize) -> Vec<Line> {
    let (name, namespace) = (fleet.name_any(), fleet.namespace().unwrap_or_default());
    let status = fleet.status.clone().unwrap_or_default();
    let mut lines = vec![Line::from(format!("fleet/{name}"))];
    if status.conditions.is_empty() {
        lines.push("  nothing is known yet: the hub has not looked at it".into());
    }
    let table = conditions::table(&status.conditions, now, |c: &Condition| c.message.clone());
    lines.extend(conditions::indented(&table, colour, columns));
    lines.push(Line::default());
    if fleet.spec.clusters.is_empty() {
        lines.push("it lists no cluster: add them to spec.clusters".into());
        return lines;
    }
    let mut table = members_table();
    for entry in &fleet.spec.clusters {
        match world.member_of_attached(&namespace, &entry.name).filter(|_| entry.kind == "AttachedCluster") {
            Some(member) => table.row(member_row(world, member, now)),
            None => {
                let mut cells = vec![Cell::from(entry.name.clone())];
                cells.resize(6, Cell::default());
                let why = if entry.kind == "AttachedCluster" {
                    "there is no AttachedCluster of this name in the namespace"
                } else {
                    "its kind is not followed so far"
                };
                cells.push(Cell::new(format!("NotReady: {why}"), Tone::Bad));
                table.row(cells);
            }
        }
    }
    lines.extend(table.clipped(colour, columns));
    let names_it = |app: &&Application| {
        app.namespace().as_deref() == Some(&namespace) && plan::application::fleet_name(app) == Some(&name)
    };
    let mine: Vec<&Application> = world.applications.iter().filter(names_it).collect();
    lines.push(Line::default());
    if mine.is_empty() {
        lines.push("no application names it".into());
    } else {
        lines.extend(applications(world, mine.into_iter(), now).clipped(colour, columns));
    }
    lines
}
