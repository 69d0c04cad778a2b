//! `kurator doctor`: looks at the process, its store, members, fleets, applications and units, and says what to do about
//! each known fault. It changes nothing.
//!
//! | step | what |
//! |---|---|
//! | `observe` | reads the hub's API, and its directory when it lies on this machine |
//! | `diagnose` | facts → findings, by the table in `fault`; a pure function |
//! | here | prints them, worst first; exits with 1 when there is a fault |

mod diagnose;
mod fault;
mod observe;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::process::ExitCode;

use model::Clock;
use serde_json::{Value, json};

use crate::args::Common;
use crate::output::{self, Cell, Table, Tone};

use diagnose::Finding;
use fault::{Names, Place, Severity};

/// Objects of one fault that a line names; the others are counted. `-o json` has all.
const NAMED_MAX: usize = 3;

pub(crate) async fn run(common: &Common) -> anyhow::Result<ExitCode> {
    let facts = observe::observe(common).await?;
    let findings = diagnose::diagnose(&facts, hub::SystemClock.now());
    if !output::structured(common.output, &value(&findings))? {
        output::print(&lines(&findings, output::colour()))?;
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
fn lines(findings: &[Finding], colour: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for severity in [Severity::Fault, Severity::Warning] {
        let mut groups: BTreeMap<(Place, &str, &str), Vec<&Finding>> = BTreeMap::new();
        for finding in findings.iter().filter(|finding| finding.severity == severity) {
            groups.entry((finding.place, &finding.reason, finding.template)).or_default().push(finding);
        }
        for ((place, reason, _), group) in groups {
            lines.extend(group_lines(severity, place, reason, &group, colour));
        }
    }
    let mut passed: BTreeMap<Place, (usize, &str)> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Fine) {
        let entry = passed.entry(finding.place).or_insert((0, &finding.message));
        entry.0 += 1;
    }
    let mut table = Table::default();
    for (place, (number, message)) in &passed {
        let text = if *number == 1 { (*message).to_owned() } else { format!("{number} are as they should be") };
        table.row(vec![Cell::new("ok", Tone::Good), place.as_str().into(), text.into()]);
    }
    lines.extend(table.lines(colour));
    let (faults, warnings) = (count(findings, Severity::Fault), count(findings, Severity::Warning));
    lines.push(match (faults, warnings) {
        (0, 0) => "no known fault".to_owned(),
        _ => format!("{}, {}", counted(faults, "fault"), counted(warnings, "warning")),
    });
    lines
}

fn counted(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// One fault: what, whose, the words that came with it, and what to do.
fn group_lines(severity: Severity, place: Place, reason: &str, group: &[&Finding], colour: bool) -> Vec<String> {
    let tone = if severity == Severity::Fault { Tone::Bad } else { Tone::Waiting };
    let named: Vec<&str> = group.iter().take(NAMED_MAX).map(|finding| finding.object.as_str()).collect();
    let more = group.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let head = Cell::new(severity.as_str(), tone).paint(colour);
    let mut lines = vec![format!("{head}  {} {}{more}: {reason}", place.as_str(), named.join(", "))];
    let Some(first) = group.first() else { return lines };
    let mut table = Table::default();
    if !first.message.is_empty() {
        table.wrap(vec!["  ".into()], &first.message);
    }
    let names: Vec<&Names> = group.iter().map(|finding| &finding.names).collect();
    table.wrap(vec!["  →".into()], &fault::remedy(first.template, &names));
    lines.extend(table.lines(colour));
    lines
}
