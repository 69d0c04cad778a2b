//! One application, member by member.

use std::collections::BTreeMap;

use api::condition::{self, Condition};
use api::kurator::apps::v1alpha1::{Application, ApplicationStatus};
use kube::ResourceExt;
use model::Timestamp;
use serde_json::{Value, json};

use super::world::{REPORTS, World};
use super::{cell, conditions, drift, held};
use crate::output::{Cell, Line, Table};
use crate::sync::revision;

/// Most reasons, and most names of each, that are listed of candidates that a policy leaves out.
const LEFT_OUT_MAX: usize = 5;

pub(super) fn value(world: &World, app: &Application) -> Value {
    let units: Vec<Value> = world
        .of_application(app)
        .iter()
        .map(|(unit, member, status)| {
            let pair = world.unit(unit, member, status);
            json!({"member": member, "policy": unit.policy, "state": pair.state().as_str(), "reason": pair.reason(),
                "status": status})
        })
        .collect();
    json!({"name": app.name_any(), "namespace": app.namespace(), "status": app.status, "units": units})
}

pub(super) fn lines(world: &World, app: &Application, now: Timestamp, colour: bool, columns: usize) -> Vec<Line> {
    let status = app.status.clone().unwrap_or_default();
    let mut lines = vec![Line::from(format!("app/{}  {}", app.name_any(), revision(&status)).trim_end())];
    if status.conditions.is_empty() {
        lines.push("  nothing is known yet: the hub has not looked at it".into());
    }
    let table = conditions::table(&status.conditions, now, |condition| message(condition, &status));
    lines.extend(conditions::indented(&table, colour, columns));
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
            cells.extend(cell::unit(world, unit, member, status, now));
            table.row(cells);
        }
        lines.push(Line::default());
        lines.extend(table.clipped(colour, columns));
    }
    let agreed = world.agreed(app);
    if !agreed.is_empty() {
        lines.push(Line::default());
        lines.push("agreed to, and done as soon as the member answers:".into());
        lines.extend(agreed.iter().map(|(member, said)| Line::from(format!("  {member}: {said}"))));
    }
    let left_out = left_out(world, app);
    if !left_out.is_empty() {
        lines.push(Line::default());
        lines.push("not delivered to, by selection:".into());
        lines.extend(left_out);
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

/// A condition's sentence; a list that is shown below is not shown twice.
fn message(condition: &Condition, status: &ApplicationStatus) -> String {
    if condition.type_ == condition::DELETIONS_HELD && !status.held.is_empty() {
        let head = condition.message.split("): ").next().unwrap_or_default();
        return format!("{head}{}, listed below", if head.contains('(') { ")" } else { "" });
    }
    condition.message.clone()
}

/// Candidates that policies do not select, by reason.
fn left_out(world: &World, app: &Application) -> Vec<Line> {
    let mut lines = Vec::new();
    for unit in plan::application::unit_ids(app) {
        let Some(explanation) = world.explanations.get(&unit) else { continue };
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for one in &explanation.passed_over {
            by_reason.entry(&one.reason).or_default().push(&one.name);
        }
        let policy = unit.policy.as_deref().unwrap_or_default();
        for (reason, names) in by_reason.iter().take(LEFT_OUT_MAX) {
            let shown = names.len().min(LEFT_OUT_MAX);
            let more = names.len() - shown;
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            lines.push(format!("  policy {policy}: {}{more}: {reason}", names[..shown].join(", ")).into());
        }
        let more = by_reason.len().saturating_sub(LEFT_OUT_MAX);
        if more > 0 {
            lines.push(format!("  policy {policy}: and {more} more reasons").into());
        }
    }
    lines
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
        lines.push(format!("approve exactly these with: {command}").into());
        if status.held.iter().any(held::is_edit) {
            lines.push("to keep what a policy would leave, take the edit back".into());
        }
    }
    lines
}
