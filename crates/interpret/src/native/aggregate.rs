//! The template's status from the statuses of all members.
//!
//! A fold: every report is read once, and nothing of it is kept but numbers, times, names and the small entries that the
//! template's status lists. Its result does not depend on the order of members. A report that makes no sense is left
//! out as a whole, with a word, and counts like that of a member that has reported nothing; Karmada's aggregation fails
//! for all members then.

mod address;
mod cron_job;
mod job;
mod phase;
mod pod;
mod sums;

use std::collections::BTreeSet;

use model::{FieldPath, GroupVersionKind, Timestamp, object};
use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::interpreter::{Aggregated, Fold, LEFT_OUT_MAX, LeftOut, Reported};
use crate::read::get;

/// Most bytes that the entries of one list of a template's status take, about: a third of what one object may have
/// (1.5 MiB), since a status has up to two such lists beside the spec. A thousand members with five addresses each are
/// below.
const LIST_BYTES_MAX: usize = 512 * 1024;

/// A fold over the members of one template (Karmada's `native/aggregatestatus.go`).
pub(super) struct Aggregate<'a> {
    template: &'a Value,
    rule: Rule,
    members: usize,
    left_out: BTreeSet<LeftOut>,
    left_out_more: usize,
}

/// What is kept of the reports, by kind.
enum Rule {
    Sums(sums::Sums),
    Addresses(address::Addresses),
    Job(job::Jobs),
    CronJob(cron_job::CronJobs),
    Pod(pod::Pods),
    Phase(phase::Phases),
    /// The template's status is as it should be, whatever members say.
    Settled,
}

impl<'a> Aggregate<'a> {
    /// Begins the fold for a template of a kind that aggregation is native for.
    pub(super) fn new(kind: &GroupVersionKind, template: &'a Value) -> Result<Self, Fault> {
        let rule = match kind.kind.as_str() {
            "Service" if crate::read::text(template, "spec.type") != "LoadBalancer" => Rule::Settled,
            "Service" => Rule::Addresses(address::Addresses::new(true)),
            "Ingress" => Rule::Addresses(address::Addresses::new(false)),
            // What became of it does not change once it has ended.
            "Job" if crate::ended(template).is_some() => Rule::Settled,
            "Job" => Rule::Job(job::Jobs::default()),
            "CronJob" => Rule::CronJob(cron_job::CronJobs::default()),
            "Pod" => Rule::Pod(pod::Pods::default()),
            "PersistentVolume" => Rule::Phase(phase::Phases::of_volume()),
            "PersistentVolumeClaim" => Rule::Phase(phase::Phases::of_claim()),
            kind => Rule::Sums(sums::Sums::new(kind, template)?),
        };
        Ok(Self { template, rule, members: 0, left_out: BTreeSet::new(), left_out_more: 0 })
    }

    fn leave_out(&mut self, member: &str, why: String) {
        self.left_out.insert(LeftOut { member: member.to_owned(), why });
        if self.left_out.len() > LEFT_OUT_MAX {
            self.left_out.pop_last();
            self.left_out_more += 1;
        }
    }
}

impl Rule {
    fn add(&mut self, member: &str, reported: Reported<'_>) -> Result<(), Fault> {
        let is_shaped = |status: &Value| status.is_object() || status.is_null();
        match reported {
            Reported::Status(status) | Reported::Unreachable(Some(status)) if !is_shaped(status) => {
                return Err(Fault::field("status", "an object"));
            }
            _ => {}
        }
        match self {
            Self::Sums(sums) => sums.add(member, reported),
            Self::Addresses(addresses) => addresses.add(reported),
            Self::Job(jobs) => jobs.add(member, reported),
            Self::CronJob(jobs) => jobs.add(member, reported),
            Self::Pod(pods) => pods.add(member, reported),
            Self::Phase(phases) => phases.add(reported),
            Self::Settled => Ok(()),
        }
    }

    /// The new status, and words about what did not fit into it.
    fn finish(self, template: &Value, members: usize) -> (Option<Value>, Vec<String>) {
        match self {
            Self::Sums(sums) => sums.finish(template, members),
            Self::Addresses(addresses) => addresses.finish(template),
            Self::Job(jobs) => jobs.finish(template, members),
            Self::CronJob(jobs) => jobs.finish(template),
            Self::Pod(pods) => pods.finish(template, members),
            Self::Phase(phases) => phases.finish(template),
            Self::Settled => (None, Vec::new()),
        }
    }
}

impl Fold for Aggregate<'_> {
    fn add(&mut self, member: &str, reported: Reported<'_>) {
        self.members += 1;
        let reported = match reported {
            Reported::Status(Value::Null) => Reported::Nothing,
            reported => reported,
        };
        if let Err(fault) = self.rule.add(member, reported) {
            self.leave_out(member, fault.to_string());
            // The member is there all the same; a report of nothing is always well formed.
            let _ = self.rule.add(member, Reported::Nothing);
        }
    }

    fn finish(mut self: Box<Self>) -> Aggregated {
        let rule = std::mem::replace(&mut self.rule, Rule::Settled);
        let (status, words) = rule.finish(self.template, self.members);
        for word in words {
            self.leave_out("", word);
        }
        Aggregated { status, left_out: self.left_out.into_iter().collect(), left_out_more: self.left_out_more }
    }
}

/// The new status, if it says something else than the template's.
fn changed(template: &Value, status: Map<String, Value>) -> Option<Value> {
    let status = Value::Object(status);
    (!same(get(template, "status"), Some(&status))).then_some(status)
}

/// Do two values say the same? What Go's types leave out when they write (null, 0, false, and what is empty) is the same
/// as nothing.
fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one.filter(|value| !is_nothing(value)), other.filter(|value| !is_nothing(value))) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            one.iter().all(|(name, value)| same(Some(value), other.get(name)))
                && other.iter().all(|(name, value)| one.contains_key(name) || same(None, Some(value)))
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(Some(one), Some(other)))
        }
        (one, other) => one == other,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_nothing),
    }
}

/// As many entries as fit into [`LIST_BYTES_MAX`], and a word about the others, if there are any.
fn fit(what: &str, entries: impl Iterator<Item = Value>) -> (Vec<Value>, Option<String>) {
    let (mut fitting, mut bytes, mut more) = (Vec::new(), 0_usize, 0_usize);
    for entry in entries {
        bytes = bytes.saturating_add(object::weight(&entry));
        if bytes > LIST_BYTES_MAX {
            more += 1;
        } else {
            fitting.push(entry);
        }
    }
    (fitting, (more > 0).then(|| format!("{more} {what} do not fit into the status")))
}

/// A time of a status, in Kubernetes' form; `None` when it is missing.
fn time(status: &Value, field: &str) -> Result<Option<Timestamp>, Fault> {
    match status.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => match text.parse() {
            Ok(at) => Ok(Some(at)),
            Err(_) => Err(not_a_time(field)),
        },
        Some(_) => Err(not_a_time(field)),
    }
}

fn not_a_time(field: &str) -> Fault {
    Fault::Field { path: FieldPath::of("status").field(field), wanted: "a time such as 2026-01-31T12:00:00Z" }
}

/// A list of a status; empty when it is missing.
fn entries<'a>(status: &'a Value, field: &str) -> Result<&'a [Value], Fault> {
    match status.get(field) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) if items.iter().all(Value::is_object) => Ok(items),
        Some(_) => Err(Fault::Field { path: FieldPath::of("status").field(field), wanted: "a list of objects" }),
    }
}
