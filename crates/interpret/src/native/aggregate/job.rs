//! Jobs: how many pods run, have succeeded and failed, and whether the Job has ended in all members.

use std::collections::BTreeSet;

use model::Timestamp;
use model::clock::format_seconds;
use serde_json::{Map, Value, json};

use super::sums::counted;
use super::{changed, entries, time};
use crate::fault::Fault;
use crate::interpreter::Reported;
use crate::native::COUNT_MAX;
use crate::read::{get, text};

/// Members that the message of a failed Job names. A name has up to 48 characters: below 2 kB.
const FAILED_NAMED_MAX: usize = 30;

const COUNTS: [&str; 3] = ["active", "succeeded", "failed"];

/// What is kept of the reports (Karmada's `ParsingJobStatus`).
#[derive(Default)]
pub(super) struct Jobs {
    counts: [i64; 3],
    failed: BTreeSet<String>,
    /// Members in which a failed Job said first that it was going to fail.
    failure_target: usize,
    failed_at: Option<Timestamp>,
    complete: usize,
    complete_at: Option<Timestamp>,
    /// Members in which the Job has met its criteria of success.
    success_criteria_met: usize,
    started: usize,
    start: Option<Timestamp>,
    completed: usize,
    completion: Option<Timestamp>,
}

/// One report, read.
struct Read {
    counts: [i64; 3],
    /// Did it fail or complete, and when?
    end: Option<(bool, Option<Timestamp>)>,
    has_failure_target: bool,
    meets_criteria: bool,
    start: Option<Timestamp>,
    completion: Option<Timestamp>,
}

impl Jobs {
    pub(super) fn add(&mut self, member: &str, reported: Reported<'_>) -> Result<(), Fault> {
        let Reported::Status(status) = reported else { return Ok(()) };
        let read = read(status)?;
        for (sum, count) in self.counts.iter_mut().zip(read.counts) {
            *sum = sum.saturating_add(count);
        }
        match read.end {
            Some((true, at)) => {
                self.failed.insert(member.to_owned());
                self.failed_at = self.failed_at.max(at);
                self.failure_target += usize::from(read.has_failure_target);
            }
            Some((false, at)) => {
                self.complete += 1;
                self.complete_at = self.complete_at.max(at);
            }
            None => {}
        }
        self.success_criteria_met += usize::from(read.meets_criteria);
        if let Some(start) = read.start {
            self.started += 1;
            self.start = Some(self.start.map_or(start, |first| first.min(start)));
        }
        self.completed += usize::from(read.completion.is_some());
        self.completion = self.completion.max(read.completion);
        Ok(())
    }

    pub(super) fn finish(self, template: &Value, members: usize) -> (Option<Value>, Vec<String>) {
        let mut status = Map::new();
        let mut words = Vec::new();
        for (field, sum) in COUNTS.into_iter().zip(self.counts) {
            if sum > COUNT_MAX {
                words.push(format!("the sum of {field} is {sum}, more than a status can say"));
            }
            if sum > 0 {
                status.insert(field.to_owned(), json!(sum.min(COUNT_MAX)));
            }
        }
        let conditions = self.conditions(members);
        if !conditions.is_empty() {
            status.insert("conditions".to_owned(), Value::Array(conditions));
        }
        // When it began stays, also while it begins somewhere else.
        let own_start = get(template, "status.startTime").cloned();
        let all_started = self.start.filter(|_| self.started == members).map(|start| json!(format_seconds(start)));
        if let Some(start) = own_start.or(all_started) {
            status.insert("startTime".to_owned(), start);
        }
        if let Some(completion) = self.completion.filter(|_| self.completed == members) {
            status.insert("completionTime".to_owned(), json!(format_seconds(completion)));
        }
        (changed(template, status), words)
    }

    /// Failed as soon as it has failed in one member; complete when it is in all. What a Kubernetes of today wants to see
    /// before each (`FailureTarget`, `SuccessCriteriaMet`) is said when the members say it.
    fn conditions(&self, members: usize) -> Vec<Value> {
        let mut conditions = Vec::new();
        if !self.failed.is_empty() {
            let message = failed_in(&self.failed);
            if self.failure_target == self.failed.len() {
                conditions.push(condition("FailureTarget", "JobFailed", &message, self.failed_at));
            }
            conditions.push(condition("Failed", "JobFailed", &message, self.failed_at));
        }
        if self.complete == members && self.complete > 0 {
            conditions.push(condition("Complete", "Completed", "Job completed", self.complete_at));
            if self.success_criteria_met == members {
                let message = "All member clusters have met success criteria";
                conditions.push(condition("SuccessCriteriaMet", "CompletionsReached", message, self.complete_at));
            }
        }
        conditions
    }
}

/// A condition that is true. Its time is the latest at which a member's became true.
fn condition(kind: &str, reason: &str, message: &str, at: Option<Timestamp>) -> Value {
    let mut condition = json!({"type": kind, "status": "True", "reason": reason, "message": message});
    if let Some(at) = at.map(format_seconds) {
        condition["lastProbeTime"] = json!(at);
        condition["lastTransitionTime"] = json!(at);
    }
    condition
}

fn failed_in(members: &BTreeSet<String>) -> String {
    let named: Vec<&str> = members.iter().take(FAILED_NAMED_MAX).map(String::as_str).collect();
    let more = members.len() - named.len();
    let named = named.join(",");
    let end = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("Job executed failed in member clusters {named}{end}")
}

fn read(status: &Value) -> Result<Read, Fault> {
    let mut counts = [0; 3];
    for (count, field) in counts.iter_mut().zip(COUNTS) {
        *count = counted(status, field)?;
    }
    let conditions = entries(status, "conditions")?;
    let is_true =
        |kind: &str| conditions.iter().any(|found| text(found, "type") == kind && text(found, "status") == "True");
    let end = conditions
        .iter()
        .find(|found| matches!(text(found, "type"), "Complete" | "Failed") && text(found, "status") == "True");
    let end = match end {
        None => None,
        Some(found) => Some((text(found, "type") == "Failed", time(found, "lastTransitionTime")?)),
    };
    Ok(Read {
        counts,
        end,
        has_failure_target: is_true("FailureTarget"),
        meets_criteria: is_true("SuccessCriteriaMet"),
        start: time(status, "startTime")?,
        completion: time(status, "completionTime")?,
    })
}
