//! Statuses that are numbers: the sum over all members.

use std::collections::BTreeMap;

use model::FieldPath;
use serde_json::{Map, Value, json};

use super::{LIST_BYTES_MAX, changed, time};
use crate::fault::Fault;
use crate::interpreter::Reported;
use crate::native::number::{Number, has_generations, numbers};
use crate::native::{A_COUNT, COUNT_MAX};
use crate::read::{get, int, whole};

/// Most numbers that a kind has: those of a DaemonSet.
const NUMBERS_MAX: usize = 7;

/// Bytes of a time with quotes, colon and comma, about.
const TIME_BYTES: usize = 30;

pub(super) struct Sums {
    numbers: &'static [Number],
    totals: [i64; NUMBERS_MAX],
    /// Of kinds whose status says which generation it is of.
    generations: Option<Generations>,
    /// Pods that a PodDisruptionBudget waits for, as `member/pod`, with the time of their eviction. `None` for other kinds.
    disrupted: Option<BTreeMap<String, Value>>,
}

struct Generations {
    /// Generation of the template.
    template: i64,
    /// Members whose status is of that generation.
    up_to_date: usize,
}

impl Sums {
    pub(super) fn new(kind: &str, template: &Value) -> Result<Self, Fault> {
        let generation = whole(template, "metadata.generation")?.unwrap_or(0);
        let generations = has_generations(kind).then_some(Generations { template: generation, up_to_date: 0 });
        let disrupted = (kind == "PodDisruptionBudget").then(BTreeMap::new);
        Ok(Self { numbers: numbers(kind), totals: [0; NUMBERS_MAX], generations, disrupted })
    }

    pub(super) fn add(&mut self, member: &str, reported: Reported<'_>) -> Result<(), Fault> {
        let Reported::Status(status) = reported else { return Ok(()) };
        let mut read = [0; NUMBERS_MAX];
        for (place, number) in read.iter_mut().zip(self.numbers) {
            *place = counted(status, number.name)?;
        }
        let is_up_to_date = match &self.generations {
            Some(generations) => generations.are_met(status)?,
            None => false,
        };
        let pods = if self.disrupted.is_some() { pods(status)? } else { None };
        for (total, number) in self.totals.iter_mut().zip(read) {
            *total = total.saturating_add(number);
        }
        if let Some(generations) = &mut self.generations {
            generations.up_to_date += usize::from(is_up_to_date);
        }
        if let (Some(disrupted), Some(pods)) = (&mut self.disrupted, pods) {
            disrupted.extend(pods.iter().map(|(pod, at)| (format!("{member}/{pod}"), at.clone())));
        }
        Ok(())
    }

    pub(super) fn finish(self, template: &Value, members: usize) -> (Option<Value>, Vec<String>) {
        let mut words = Vec::new();
        let mut totals = Vec::with_capacity(self.numbers.len());
        for (number, total) in self.numbers.iter().zip(self.totals) {
            if total > COUNT_MAX {
                words.push(format!("the sum of {} is {total}, more than a status can say", number.name));
            }
            totals.push((*number, total.min(COUNT_MAX)));
        }
        match &self.generations {
            Some(generations) => (kept(template, &totals, generations.observed(template, members)), words),
            None => (self.replaced(template, &totals, &mut words), words),
        }
    }

    /// A status that is nothing but these numbers and the disrupted pods.
    fn replaced(self, template: &Value, totals: &[(Number, i64)], words: &mut Vec<String>) -> Option<Value> {
        let mut status = Map::new();
        write(&mut status, totals);
        let disrupted = self.disrupted.unwrap_or_default();
        let (all, mut bytes) = (disrupted.len(), 0_usize);
        let mut fits = |pod: &String| {
            bytes = bytes.saturating_add(pod.len() + TIME_BYTES);
            bytes <= LIST_BYTES_MAX
        };
        let pods: Map<String, Value> = disrupted.into_iter().take_while(|(pod, _)| fits(pod)).collect();
        if pods.len() < all {
            words.push(format!("{} disrupted pods do not fit into the status", all - pods.len()));
        }
        if !pods.is_empty() {
            status.insert("disruptedPods".to_owned(), Value::Object(pods));
        }
        changed(template, status)
    }
}

impl Generations {
    /// Is the report of the template's generation, and of the latest one of the object in the member?
    fn are_met(&self, status: &Value) -> Result<bool, Fault> {
        let read = |field: &str| match whole(status, field) {
            Ok(number) => Ok(number.unwrap_or(0)),
            Err(_) => Err(Fault::Field { path: FieldPath::of("status").field(field), wanted: "a whole number" }),
        };
        let of_object = read("observedGeneration")? >= read("generation")?;
        Ok(of_object && read("resourceTemplateGeneration")? >= self.template)
    }

    /// The generation that all members have seen. Until they have, it stays what it is.
    fn observed(&self, template: &Value, members: usize) -> i64 {
        if self.up_to_date == members { self.template } else { int(template, "status.observedGeneration") }
    }
}

/// The template's status with these numbers in it; `None` when it has them. Everything else in it stays.
fn kept(template: &Value, totals: &[(Number, i64)], observed: i64) -> Option<Value> {
    let old = get(template, "status");
    let has = |field: &str, number: i64| match old.and_then(|status| status.get(field)) {
        None | Some(Value::Null) => number == 0,
        Some(found) => found.as_i64() == Some(number),
    };
    if has("observedGeneration", observed) && totals.iter().all(|(number, total)| has(number.name, *total)) {
        return None;
    }
    let mut status = old.and_then(Value::as_object).cloned().unwrap_or_default();
    write(&mut status, totals);
    write(&mut status, &[(Number { name: "observedGeneration", always: false }, observed)]);
    Some(Value::Object(status))
}

fn write(status: &mut Map<String, Value>, totals: &[(Number, i64)]) {
    for (number, total) in totals {
        if *total != 0 || number.always {
            status.insert(number.name.to_owned(), json!(total));
        } else {
            status.remove(number.name);
        }
    }
}

/// Pods that wait for their eviction, with times; `None` when the field is missing.
fn pods(status: &Value) -> Result<Option<&Map<String, Value>>, Fault> {
    let wrong = || Fault::field("status.disruptedPods", "a map of times");
    let found = match status.get("disruptedPods") {
        None | Some(Value::Null) => return Ok(None),
        Some(found) => found,
    };
    let pods = found.as_object().ok_or_else(wrong)?;
    for pod in pods.keys() {
        time(found, pod).map_err(|_| wrong())?;
    }
    Ok(Some(pods))
}

/// A number of a report; 0 when it is missing.
pub(super) fn counted(status: &Value, field: &str) -> Result<i64, Fault> {
    let number = match status.get(field) {
        None | Some(Value::Null) => Some(0),
        Some(found) => found.as_i64().filter(|number| (0..=COUNT_MAX).contains(number)),
    };
    number.ok_or_else(|| Fault::Field { path: FieldPath::of("status").field(field), wanted: A_COUNT })
}
