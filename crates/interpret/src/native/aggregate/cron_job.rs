//! CronJobs: the Jobs that run now, and when they last ran.

use std::collections::BTreeMap;

use model::Timestamp;
use model::clock::format_seconds;
use serde_json::{Value, json};

use super::{entries, fit, same, time};
use crate::fault::Fault;
use crate::interpreter::Reported;
use crate::read::get;

#[derive(Default)]
pub(super) struct CronJobs {
    /// References to Jobs that run, by member and place.
    active: BTreeMap<(String, usize), Value>,
    last_schedule: Option<Timestamp>,
    last_success: Option<Timestamp>,
}

impl CronJobs {
    /// Of a member that does not answer, the past counts and the present does not.
    pub(super) fn add(&mut self, member: &str, reported: Reported<'_>) -> Result<(), Fault> {
        let (status, is_now) = match reported {
            Reported::Status(status) => (status, true),
            Reported::Unreachable(Some(status)) => (status, false),
            _ => return Ok(()),
        };
        let active = entries(status, "active")?;
        let (scheduled, succeeded) = (time(status, "lastScheduleTime")?, time(status, "lastSuccessfulTime")?);
        for (index, job) in active.iter().enumerate().filter(|_| is_now) {
            self.active.insert((member.to_owned(), index), job.clone());
        }
        self.last_schedule = self.last_schedule.max(scheduled);
        self.last_success = self.last_success.max(succeeded);
        Ok(())
    }

    pub(super) fn finish(self, template: &Value) -> (Option<Value>, Vec<String>) {
        let (active, word) = fit("running Jobs", self.active.into_values());
        let fields = [
            ("active", json!(active)),
            ("lastScheduleTime", json!(self.last_schedule.map(format_seconds))),
            ("lastSuccessfulTime", json!(self.last_success.map(format_seconds))),
        ];
        let old = get(template, "status");
        let is_same = |(name, new): &(&str, Value)| same(old.and_then(|status| status.get(*name)), Some(new));
        if fields.iter().all(is_same) {
            return (None, word.into_iter().collect());
        }
        let mut status = old.and_then(Value::as_object).cloned().unwrap_or_default();
        for (name, new) in fields {
            if super::is_nothing(&new) {
                status.remove(name);
            } else {
                status.insert(name.to_owned(), new);
            }
        }
        (Some(Value::Object(status)), word.into_iter().collect())
    }
}
