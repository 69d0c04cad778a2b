//! One application, member by member.

use api::condition::{self, Condition};
use api::kurator::apps::v1alpha1::{Application, ApplicationStatus};
use kube::ResourceExt;
use model::Timestamp;
use serde_json::{Value, json};

use super::world::{REPORTS, World};
use super::{cell, drift, held};
use crate::output::{Cell, Line, Table};
use crate::sync::revision;

pub(super) fn value(world: &World, app: &Application) -> Value {
    let units: Vec<Value> = world
        .of_application(app)
        .iter()
        .map(|(unit, member, status)| json!({"member": member, "policy": unit.policy, "status": status}))
        .collect();
    json!({"name": app.name_any(), "namespace": app.namespace(), "status": app.status, "units": units})
}

pub(super) fn lines(world: &World, app: &Application, now: Timestamp, colour: bool) -> Vec<Line> {
    let status = app.status.clone().unwrap_or_default();
    let mut lines = vec![Line::from(format!("app/{}  {}", app.name_any(), revision(&status)).trim_end())];
    if status.conditions.is_empty() {
        lines.push("  nothing is known yet: the hub has not looked at it".into());
    }
    lines.extend(conditions(&status, now).lines(colour).iter().map(|line| line.indented(2)));
    let units = world.of_application(app);
    if world.hides(REPORTS) {
        let name = app.name_any();
        let (count, namespace) = (status.summary.as_ref().map_or(0, |s| s.placed), app.namespace().unwrap_or_default());
        lines.push(Line::default());
        lines.push(
            format!(
                "what its {count} members report is not shown here: this credential may not list it for all namespaces; \
                 `kurator tree app/{name} -n {namespace}` shows it"
            )
            .into(),
        );
    }
    if !units.is_empty() {
        let headings: Vec<&str> = ["MEMBER", "POLICY"].into_iter().chain(cell::UNIT).collect();
        let mut table = Table::new(&headings);
        for (unit, member, status) in &units {
            let mut cells = vec![Cell::from(*member), unit.policy.clone().unwrap_or_default().into()];
            cells.extend(cell::unit(world, member, status, now));
            table.row(cells);
        }
        lines.push(Line::default());
        lines.extend(table.lines(colour));
    }
    let drifts: Vec<Line> = units
        .iter()
        .filter_map(|(_, member, s)| Some(format!("  {member}: {}", drift(s.last_drift.as_ref()?)).into()))
        .collect();
    if !drifts.is_empty() {
        lines.push(Line::default());
        lines.push("changed by somebody else (the last change in each member):".into());
        lines.extend(drifts);
    }
    lines.extend(held(app, &status));
    lines
}

fn conditions(status: &ApplicationStatus, now: Timestamp) -> Table {
    let mut table = Table::default();
    let mut conditions: Vec<&Condition> = status.conditions.iter().collect();
    // The hub's order is that of their first appearance; who compares two applications needs one order.
    conditions.sort_by_key(|c| (c.type_ != condition::READY, c.type_.as_str()));
    for condition in conditions {
        let tone = cell::condition_tone(condition);
        table.wrap(
            vec![
                condition.type_.clone().into(),
                Cell::new(condition.status.clone(), tone),
                cell::age(condition, now).into(),
                condition.reason.clone().into(),
            ],
            &message(condition, status),
        );
    }
    table
}

/// A condition's sentence; a list that is shown below is not shown twice.
fn message(condition: &Condition, status: &ApplicationStatus) -> String {
    if condition.type_ == condition::DELETIONS_HELD && !status.held.is_empty() {
        let head = condition.message.split("): ").next().unwrap_or_default();
        return format!("{head}{}, listed below", if head.contains('(') { ")" } else { "" });
    }
    condition.message.clone()
}

fn held(app: &Application, status: &ApplicationStatus) -> Vec<Line> {
    let mut lines = Vec::new();
    for held in &status.held {
        lines.push(Line::default());
        lines.extend(held::lines(held).iter().map(Line::from));
    }
    if !lines.is_empty() {
        let command = held::command(&app.name_any(), &app.namespace().unwrap_or_default());
        lines.push(Line::default());
        lines.push(format!("release exactly these with: {command}").into());
        if status.held.iter().any(held::is_edit) {
            lines.push("to keep what a policy would leave, take the edit back".into());
        }
    }
    lines
}
