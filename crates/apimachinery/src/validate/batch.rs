//! Jobs and their schedules.

use model::{FieldError, LabelSelector, object};
use serde_json::Value;

use super::collect::{At, FieldErrors, get, text};
use super::pod;

/// A CronJob appends a time to its name for the names of its jobs: 63 - 11.
const CRON_NAME_MAX: usize = 52;

pub(super) fn job(new: &Value, old: Option<&Value>, found: &mut FieldErrors) {
    let at = At::from("spec");
    let empty = Value::Object(serde_json::Map::new());
    let spec = new.get("spec").unwrap_or(&empty);
    job_spec(spec, &at, found);
    if let Some(selector) = get(spec, "selector") {
        found.selector(selector, &at.field("selector"));
        let labels = get(spec, "template.metadata.labels");
        let matches =
            LabelSelector::from_object(selector).is_ok_and(|selector| selector.matches(&object::string_map(labels)));
        if !matches {
            let why = "`selector` does not match template `labels`";
            found.invalid(at.field("template.metadata.labels"), labels.cloned().unwrap_or(Value::Null), why);
        }
    }
    let Some(old) = old else {
        generated(new, spec, found);
        return;
    };
    for field in
        ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"]
    {
        found.immutable(new, old, &format!("spec.{field}"));
    }
    // Indexed jobs may be resized, and a suspended job that never started may get another template.
    if text(spec, "completionMode") != "Indexed" {
        found.immutable(new, old, "spec.completions");
    }
    let untouched = get(old, "spec.suspend") == Some(&Value::Bool(true)) && get(old, "status.startTime").is_none();
    if !untouched {
        found.immutable(new, old, "spec.template");
    }
}

/// A selector that the API server makes selects by the UID of the job; labels and selectors of a client's own must not
/// get in its way (`ValidateGeneratedSelector`).
fn generated(new: &Value, spec: &Value, found: &mut FieldErrors) {
    let uid = text(new, "metadata.uid");
    if get(spec, "manualSelector") == Some(&Value::Bool(true)) || uid.is_empty() || get(spec, "selector").is_none() {
        return;
    }
    let name = text(new, "metadata.name");
    let labels = object::string_map(get(spec, "template.metadata.labels"));
    let at = At::from("spec.template.metadata.labels");
    let wanted = [
        ("batch.kubernetes.io/controller-uid", uid),
        ("batch.kubernetes.io/job-name", name),
        ("controller-uid", uid),
        ("job-name", name),
    ];
    for (label, wanted) in wanted {
        match labels.get(label) {
            Some(value) if value == wanted => {}
            Some(_) => {
                let given = get(spec, "template.metadata.labels").cloned().unwrap_or(Value::Null);
                found.invalid(at.key(label), given, format!("must be '{wanted}'"));
            }
            None => found.required(at.key(label), &format!("must be '{wanted}'")),
        }
    }
    let own = wanted.into_iter().map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
    let selector = get(spec, "selector").unwrap_or(&Value::Null);
    if !LabelSelector::from_object(selector).is_ok_and(|selector| selector.matches(&own)) {
        found.invalid("spec.selector".into(), selector.clone(), "`selector` not auto-generated");
    }
}

fn job_spec(spec: &Value, at: &At, found: &mut FieldErrors) {
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        found.non_negative(spec, field, at);
    }
    found.one_of(spec, "completionMode", at, &["NonIndexed", "Indexed"]);
    if text(spec, "completionMode") == "Indexed" && get(spec, "completions").is_none() {
        found.required(at.field("completions"), "when completion mode is Indexed");
    }
    pod::template(get(spec, "template"), &at.field("template"), found);
    let policy = text(spec, "template.spec.restartPolicy");
    let place = at.field("template.spec.restartPolicy");
    match policy {
        "OnFailure" | "Never" => {}
        "Always" | "" => found.required(place, "valid values: \"OnFailure\", \"Never\""),
        other => found.push(FieldError::not_supported(place.path(), other, &["OnFailure", "Never"])),
    }
}

pub(super) fn cron_job(new: &Value, found: &mut FieldErrors) {
    let at = At::from("spec");
    let empty = Value::Object(serde_json::Map::new());
    let spec = new.get("spec").unwrap_or(&empty);
    if text(new, "metadata.name").len() > CRON_NAME_MAX {
        found.invalid("metadata.name".into(), text(new, "metadata.name"), "must be no more than 52 characters");
    }
    let schedule = text(spec, "schedule");
    if schedule.is_empty() {
        found.required(at.field("schedule"), "");
    } else if let Err(why) = check_schedule(schedule) {
        found.invalid(at.field("schedule"), schedule, why);
    }
    let zone = text(spec, "timeZone");
    if get(spec, "timeZone").is_some() && (zone.is_empty() || zone.eq_ignore_ascii_case("local")) {
        found.invalid(at.field("timeZone"), zone, "timeZone must be nil or non-empty string, and not Local");
    }
    found.one_of(spec, "concurrencyPolicy", &at, &["Allow", "Forbid", "Replace"]);
    for field in ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        found.non_negative(spec, field, &at);
    }
    let template = get(spec, "jobTemplate.spec").unwrap_or(&empty);
    job_spec(template, &at.field("jobTemplate.spec"), found);
    if get(template, "manualSelector") == Some(&Value::Bool(true)) {
        let place = at.field("jobTemplate.spec.manualSelector");
        found.push(FieldError::not_supported(place.path(), true, &["nil", "false"]));
    }
}

/// A schedule has five fields or is one of the named ones. The values of the fields are checked by the controller that
/// runs it.
fn check_schedule(schedule: &str) -> Result<(), String> {
    const NAMED: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    if schedule.contains("TZ") {
        return Err("cannot use TZ or CRON_TZ in schedule, use timeZone field instead".to_owned());
    }
    if schedule.starts_with('@') {
        let known = NAMED.contains(&schedule) || schedule.starts_with("@every ");
        return if known { Ok(()) } else { Err(format!("unrecognized descriptor: {schedule}")) };
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != 5 {
        return Err(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "*/,-?".contains(c);
    match fields.iter().find(|f| !f.chars().all(allowed)) {
        Some(bad) => Err(format!("failed to parse int from {bad}")),
        None => Ok(()),
    }
}
