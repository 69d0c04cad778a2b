//! Pods: the status that people know is computed from the states of the containers.

use std::collections::BTreeSet;

use model::Timestamp;
use serde_json::{Value, json};

use super::cell::{NONE, Row, condition, get, int, list, or, text};
use super::duration;

pub(super) fn pod(row: &Row<'_>) -> Vec<Value> {
    let summary = summarize(row.object);
    let restarts = match summary.last_restart {
        Some(at) if summary.restarts != 0 => {
            format!("{} ({} ago)", summary.restarts, duration::human(at, row.now))
        }
        _ => summary.restarts.to_string(),
    };
    let address = row.list("status.podIPs").first().map(|ip| text(ip, "ip")).unwrap_or_default();
    let gates = row.list("spec.readinessGates");
    let open = gates.iter().filter(|g| condition(row.object, "status.conditions", text(g, "conditionType"))).count();
    vec![
        row.name().into(),
        format!("{}/{}", summary.ready, summary.total).into(),
        summary.reason.into(),
        restarts.into(),
        row.age().into(),
        or(address.to_owned(), NONE).into(),
        row.text_or("spec.nodeName", NONE).into(),
        row.text_or("status.nominatedNodeName", NONE).into(),
        if gates.is_empty() { NONE.into() } else { format!("{open}/{}", gates.len()).into() },
    ]
}

/// The row's conditions: kubectl greys out pods that have finished.
pub(super) fn row_conditions(pod: &Value) -> Option<Value> {
    let (reason, message) = match text(pod, "status.phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]))
}

struct Summary {
    reason: String,
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: Option<Timestamp>,
}

/// Restarts of some containers, and when the last one was.
#[derive(Default)]
struct Restarts {
    count: i64,
    last: Option<Timestamp>,
}

impl Restarts {
    fn add(&mut self, status: &Value) {
        self.count += int(status, "restartCount");
        let finished = text(status, "lastState.terminated.finishedAt").parse().ok();
        self.last = self.last.max(finished);
    }
}

fn summarize(pod: &Value) -> Summary {
    let phase = text(pod, "status.phase");
    let mut reason = or(text(pod, "status.reason").to_owned(), phase);
    let gated = |c: &Value| text(c, "type") == "PodScheduled" && text(c, "reason") == "SchedulingGated";
    if list(pod, "status.conditions").iter().any(gated) {
        "SchedulingGated".clone_into(&mut reason);
    }
    let init = list(pod, "spec.initContainers");
    // An init container that restarts always is a sidecar: it counts among the containers.
    let sidecars: BTreeSet<&str> =
        init.iter().filter(|c| text(c, "restartPolicy") == "Always").map(|c| text(c, "name")).collect();
    let total = list(pod, "spec.containers").len() + sidecars.len();
    let mut ready = 0;
    let (mut restarts, mut of_sidecars) = (Restarts::default(), Restarts::default());
    let mut initializing = false;
    for (index, status) in list(pod, "status.initContainerStatuses").iter().enumerate() {
        let sidecar = sidecars.contains(text(status, "name"));
        restarts.add(status);
        if sidecar {
            of_sidecars.add(status);
        }
        let terminated = get(status, "state.terminated");
        if terminated.is_some_and(|t| int(t, "exitCode") == 0) {
            continue;
        }
        if sidecar && get(status, "started") == Some(&Value::Bool(true)) {
            ready += usize::from(get(status, "ready") == Some(&Value::Bool(true)));
            continue;
        }
        let waiting = text(status, "state.waiting.reason");
        reason = match terminated {
            Some(terminated) => format!("Init:{}", end(terminated)),
            None if !waiting.is_empty() && waiting != "PodInitializing" => format!("Init:{waiting}"),
            None => format!("Init:{index}/{}", init.len()),
        };
        initializing = true;
        break;
    }
    if !initializing || condition(pod, "status.conditions", "Initialized") {
        restarts = of_sidecars;
        let (mut running, mut failure) = (false, None);
        for status in list(pod, "status.containerStatuses").iter().rev() {
            restarts.add(status);
            let waiting = text(status, "state.waiting.reason");
            if !waiting.is_empty() {
                waiting.clone_into(&mut reason);
            } else if let Some(terminated) = get(status, "state.terminated") {
                reason = end(terminated);
                if int(terminated, "exitCode") != 0 {
                    failure = Some(reason.clone());
                }
            } else if get(status, "ready") == Some(&Value::Bool(true)) && get(status, "state.running").is_some() {
                running = true;
                ready += 1;
            }
        }
        if reason == "Completed" {
            if running && condition(pod, "status.conditions", "Ready") {
                "Running".clone_into(&mut reason);
            } else if let Some(failure) = failure {
                reason = failure;
            } else if running {
                "NotReady".clone_into(&mut reason);
            }
        }
    }
    if model::object::is_deleting(pod) {
        if text(pod, "status.reason") == "NodeLost" {
            "Unknown".clone_into(&mut reason);
        } else if !matches!(phase, "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut reason);
        }
    }
    Summary { reason, ready, total, restarts: restarts.count, last_restart: restarts.last }
}

/// How a container ended.
fn end(terminated: &Value) -> String {
    let reason = text(terminated, "reason");
    match int(terminated, "signal") {
        _ if !reason.is_empty() => reason.to_owned(),
        0 => format!("ExitCode:{}", int(terminated, "exitCode")),
        signal => format!("Signal:{signal}"),
    }
}
