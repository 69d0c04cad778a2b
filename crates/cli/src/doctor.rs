//! `kurator doctor`: looks at the process, its store, members, fleets, applications and units, and says what to do about
//! each known fault. It changes nothing.
//!
//! | step | what |
//! |---|---|
//! | `observe` | reads the hub's API, and its directory when it lies on this machine |
//! | `stored` | counts objects of kinds that nothing acts on |
//! | `diagnose` | facts → findings, by the table in `fault`; a pure function |
//! | here | prints them, worst first; exits with 1 when there is a fault |

mod diagnose;
mod fault;
mod observe;
mod remedy;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::process::ExitCode;

use model::Clock;
use serde_json::{Value, json};

use crate::args::Common;
use crate::output::{self, Cell, Line, Table, Tone};

use diagnose::Finding;
use fault::{Names, Place, Severity};

/// Objects, and different sentences, of one fault that are shown; the others are counted. `--verbose` and `-o json` have all.
const SHOWN_MAX: usize = 4;

pub(crate) async fn run(common: &Common, verbose: bool) -> anyhow::Result<ExitCode> {
    let facts = observe::observe(common).await?;
    let findings = diagnose::diagnose(&facts, hub::SystemClock.now());
    if !output::structured(common.output, &value(&findings))? {
        let shown_max = if verbose { usize::MAX } else { SHOWN_MAX };
        output::print(&lines(&findings, shown_max, output::colour(), output::columns()))?;
    }
    let broken = findings.iter().any(|finding| finding.severity == Severity::Fault);
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}

fn value(findings: &[Finding]) -> Value {
    let one = |f: &Finding| {
        json!({
            "place": f.place.as_str(), "object": f.object, "state": f.severity.as_str(),
            "reason": f.reason, "message": f.message, "remedy": f.remedy,
        })
    };
    json!({
        "findings": findings.iter().map(one).collect::<Vec<_>>(),
        "summary": {
            "faults": count(findings, Severity::Fault),
            "warnings": count(findings, Severity::Warning),
            "passed": count(findings, Severity::Fine),
        },
    })
}

/// Faults first, then warnings, each with what to do; what is fine is counted by place.
fn lines(findings: &[Finding], shown_max: usize, colour: bool, columns: usize) -> Vec<Line> {
    let (mut lines, mut is_cut) = (Vec::<Line>::new(), false);
    for severity in [Severity::Fault, Severity::Warning] {
        let mut groups: BTreeMap<(Place, &str, &str), Vec<&Finding>> = BTreeMap::new();
        for finding in findings.iter().filter(|finding| finding.severity == severity) {
            groups.entry((finding.place, &finding.reason, finding.template)).or_default().push(finding);
        }
        for ((place, reason, _), group) in groups {
            is_cut |= group.len() > shown_max;
            let head = head(severity, place, reason, &group, shown_max, colour);
            lines.push(head);
            lines.extend(group_table(&group, shown_max).wrapped(colour, columns));
        }
    }
    if is_cut {
        lines.push("all objects of each fault: `kurator doctor -v`".into());
    }
    let mut passed: BTreeMap<Place, Vec<&Finding>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Fine) {
        passed.entry(finding.place).or_default().push(finding);
    }
    let mut table = Table::default();
    for (place, group) in &passed {
        table.row(vec![Cell::new("ok", Tone::Good), place.as_str().into(), well(group).into()]);
    }
    lines.extend(table.wrapped(colour, columns));
    let (faults, warnings) = (count(findings, Severity::Fault), count(findings, Severity::Warning));
    lines.push(match (faults, warnings) {
        (0, 0) => "no known fault".into(),
        _ => format!("{}, {}", counted(faults, "fault"), counted(warnings, "warning")).into(),
    });
    lines
}

/// What of one place needs nobody. What is not there yet is not called as it should be.
fn well(group: &[&Finding]) -> String {
    let coming = group.iter().filter(|finding| finding.is_on_its_way).count();
    match group {
        [one] if !one.message.is_empty() => one.message.clone(),
        [one] if coming == 1 => format!("{} is on its way", one.object),
        [one] => format!("{} is as it should be", one.object),
        _ => {
            let some = |number: usize, one: &str, many: &str| match number {
                0 => None,
                1 => Some(format!("1 {one}")),
                _ => Some(format!("{number} {many}")),
            };
            let settled = some(group.len() - coming, "is as it should be", "are as they should be");
            let coming = some(coming, "is on its way", "are on their way");
            settled.into_iter().chain(coming).collect::<Vec<_>>().join(", ")
        }
    }
}

fn counted(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// The beginning of a list, and how many more there are.
fn some<T: AsRef<str>>(names: impl ExactSizeIterator<Item = T>, max: usize) -> String {
    let more = names.len().saturating_sub(max);
    let shown: Vec<T> = names.take(max).collect();
    let shown: Vec<&str> = shown.iter().map(AsRef::as_ref).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// One fault: what it is, and whose.
fn head(severity: Severity, place: Place, reason: &str, group: &[&Finding], max: usize, colour: bool) -> Line {
    let tone = if severity == Severity::Fault { Tone::Bad } else { Tone::Waiting };
    let objects = some(group.iter().map(|finding| &finding.object), max);
    let head = Line::default().cell(&Cell::new(severity.as_str(), tone), colour);
    head.text(&format!("  {} {objects}: {reason}", place.as_str()))
}

/// The words that came with a fault, and what to do. Objects of which the same is said share its line.
fn group_table(group: &[&Finding], max: usize) -> Table {
    let mut said: Vec<(&str, Vec<&str>)> = Vec::new();
    for finding in group {
        match said.iter_mut().find(|(message, _)| *message == finding.message) {
            Some((_, objects)) => objects.push(&finding.object),
            None => said.push((&finding.message, vec![&finding.object])),
        }
    }
    let mut table = Table::default();
    for (message, objects) in said.iter().take(max).filter(|(message, _)| !message.is_empty()) {
        match said.len() {
            1 => table.wrap(vec!["  ".into()], message),
            _ => table.wrap(vec!["  ".into()], &format!("{}: {message}", some(objects.iter(), max))),
        }
    }
    if said.len() > max {
        table.row(vec!["  ".into(), format!("and {} more", said.len() - max).into()]);
    }
    let names: Vec<&Names> = group.iter().map(|finding| &finding.names).collect();
    let template = group.first().map(|finding| finding.template).unwrap_or_default();
    table.wrap(vec!["  →".into()], &fault::remedy(template, &names));
    table
}
