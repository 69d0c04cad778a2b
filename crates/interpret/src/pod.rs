//! Pods.

use serde_json::Value;

use crate::health::{Health, State};
use crate::read::{condition, get, int, list, text};

/// Why a container waits when waiting will not help by itself.
const STUCK: [&str; 9] = [
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

pub(crate) fn health(object: &Value) -> Health {
    let phase = text(object, "status.phase");
    match phase {
        "Succeeded" => return Health::new(State::Healthy, "", "completed"),
        "Failed" => {
            let reason = or(text(object, "status.reason"), "Failed");
            let message = or(text(object, "status.message"), "a container ended with an error");
            return Health::degraded(reason, message);
        }
        "Unknown" => {
            return Health::new(
                State::Unknown,
                or(text(object, "status.reason"), "Unknown"),
                "the node does not report",
            );
        }
        _ => {}
    }
    let statuses = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"];
    for status in statuses.iter().flat_map(|field| list(object, &format!("status.{field}"))) {
        let reason = text(status, "state.waiting.reason");
        if STUCK.contains(&reason) {
            let restarts = int(status, "restartCount");
            let said = text(status, "state.waiting.message");
            let message = format!("container {} after {restarts} restarts: {said}", text(status, "name"));
            return Health::degraded(reason, message.trim_end_matches([':', ' ']));
        }
    }
    if condition(object, "Ready").is_some_and(|c| c.is_true()) {
        return Health::healthy();
    }
    match phase {
        "Running" => {
            let containers = list(object, "status.containerStatuses");
            let ready = containers.iter().filter(|c| get(c, "ready") == Some(&Value::Bool(true))).count();
            Health::progressing("NotReady", format!("{ready} of {} containers ready", containers.len()))
        }
        _ => match condition(object, "PodScheduled").filter(|c| c.is_false()) {
            Some(found) => Health::of(State::Progressing, found, "NotScheduled"),
            None => Health::progressing(or(phase, "Pending"), "the pod is being started"),
        },
    }
}

fn or<'a>(text: &'a str, or: &'a str) -> &'a str {
    if text.is_empty() { or } else { text }
}
