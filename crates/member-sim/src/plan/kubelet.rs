//! The kubelet's part: what a pod on a node does next.
//!
//! | progress | after | then |
//! |---|---|---|
//! | bound | `accept` | `ContainerCreating` is written |
//! | creating | `create` and jitter | address, Running, Ready at once unless a readiness probe delays it |
//! | creating, image `*/fail*` | the same | the container ends with 1: `CrashLoopBackOff`, or Failed if never restarted; an init container keeps the others from starting |
//! | crashed | 10 s, 20 s, … 300 s from the crash | one more restart, one more crash |
//! | ready, not to be restarted | `run` | Succeeded |
//! | being deleted | `stop`, at most the grace period | it is gone |
//!
//! Not here: probes that fail, exec, logs, volumes.

use std::time::Duration;

use model::{Timestamp, clock};
use serde_json::{Value, json};

use super::hash;
use crate::object::{Condition, Container, Pod, Progress, RestartPolicy};

/// First pause before a crashed container is started again (kubelet's `MaxContainerBackOff` and its base).
const BACKOFF_MIN: i64 = 10;
/// Longest such pause, in seconds.
const BACKOFF_MAX: i64 = 300;

/// How long things take.
#[derive(Clone, Debug)]
pub struct Pace {
    /// From bound to `ContainerCreating`.
    pub accept: Duration,
    /// From there to running.
    pub create: Duration,
    /// At most this much more, different for each pod, the same for the same seed.
    pub jitter: Duration,
    /// From deleted to gone.
    pub stop: Duration,
    /// How long containers run that are not to be restarted.
    pub run: Duration,
    /// How long a node may be silent before it is not Ready (kube-controller-manager: 50 s).
    pub node_grace: Duration,
    /// How long pods stay on a node that is not Ready when they say nothing else (admission's default: 300 s).
    pub eviction: Duration,
}

impl Default for Pace {
    /// A pod is ready about 300 ms after it was made.
    fn default() -> Self {
        Self {
            accept: Duration::from_millis(20),
            create: Duration::from_millis(130),
            jitter: Duration::from_millis(100),
            stop: Duration::from_millis(100),
            run: Duration::from_millis(500),
            node_grace: Duration::from_secs(50),
            eviction: Duration::from_secs(300),
        }
    }
}

/// What is known of a pod besides itself.
pub struct Observed<'a> {
    /// The pod; bound to a node that is up.
    pub pod: &'a Pod,
    /// Its node's address.
    pub host_ip: &'a str,
    /// The address it is to get.
    pub pod_ip: &'a str,
    /// When it was first seen in this progress, or first seen being deleted.
    pub since: Timestamp,
    /// Seed of the member's delays.
    pub seed: u64,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing, until something changes.
    Rest,
    /// Nothing for that long.
    Wait(Duration),
    /// This status, as a merge patch.
    Write(Value),
    /// The pod has ended: it is deleted for good.
    Remove,
}

/// Decides.
pub fn plan(observed: &Observed<'_>, pace: &Pace, now: Timestamp) -> Step {
    let pod = observed.pod;
    let at = |delay: Duration, what: &dyn Fn() -> Step| {
        let spent = Duration::try_from(now.duration_since(observed.since)).unwrap_or_default();
        if spent >= delay { what() } else { Step::Wait(delay - spent) }
    };
    if pod.meta.deleting() {
        let grace = Duration::from_secs(u64::try_from(pod.grace).unwrap_or_default());
        return if pod.finished() { Step::Remove } else { at(pace.stop.min(grace), &|| Step::Remove) };
    }
    let create = pace.create + jitter(observed, pace.jitter);
    let fails = pod.containers.iter().chain(&pod.init).any(Container::fails);
    match pod.progress {
        Progress::Unbound | Progress::Finished => Step::Rest,
        Progress::Bound => at(pace.accept, &|| write(observed, creating(pod), now)),
        Progress::Creating if fails => at(create, &|| write(observed, crash(pod, 0, now), now)),
        Progress::Creating => at(create, &|| {
            let ready = pod.containers.iter().all(|c| c.readiness_delay == 0);
            write(observed, running(pod, ready, now), now)
        }),
        Progress::Started => {
            let delay = pod.containers.iter().map(|c| c.readiness_delay).max().unwrap_or_default();
            at(seconds(delay), &|| write(observed, running(pod, true, pod.moved.unwrap_or(now)), now))
        }
        // Its node was silent, and the pod was called not ready for it.
        Progress::Ready if !pod.ready() => write(observed, running(pod, true, pod.moved.unwrap_or(now)), now),
        Progress::Ready if pod.restart_policy == RestartPolicy::Always => Step::Rest,
        Progress::Ready => at(pace.run, &|| write(observed, finished(pod, now), now)),
        Progress::Crashed { restarts } => {
            let due = pod.moved.unwrap_or(observed.since).as_second() + backoff(restarts);
            let left = due - now.as_second();
            if left > 0 {
                Step::Wait(seconds(left))
            } else {
                write(observed, crash(pod, i64::from(restarts) + 1, now), now)
            }
        }
    }
}

fn seconds(n: i64) -> Duration {
    Duration::from_secs(u64::try_from(n).unwrap_or_default())
}

fn backoff(restarts: u32) -> i64 {
    BACKOFF_MIN.saturating_mul(1 << restarts.min(10)).min(BACKOFF_MAX)
}

fn jitter(observed: &Observed<'_>, most: Duration) -> Duration {
    let part = hash(&[&observed.seed.to_be_bytes(), observed.pod.meta.uid.as_bytes()]) % 1000;
    most.mul_f64(part as f64 / 1000.0)
}

/// The part of a status that differs from progress to progress.
struct Report {
    phase: &'static str,
    running: bool,
    ready: bool,
    /// Why not ready.
    reason: &'static str,
    statuses: Vec<Value>,
    /// How often the init container that fails was started again; `None` when none fails.
    stuck: Option<i64>,
}

fn status_of(container: &Container, pod: &Pod, ready: bool, started: bool, restarts: i64, state: Value) -> Value {
    let mut out = json!({
        "name": container.name, "image": container.image, "imageID": "", "ready": ready, "started": started,
        "restartCount": restarts, "state": state, "lastState": {},
    });
    if started || restarts > 0 {
        let digest = hash(&[container.image.as_bytes()]);
        out["imageID"] =
            json!(format!("{}@sha256:{digest:016x}{digest:016x}{digest:016x}{digest:016x}", container.image));
        out["containerID"] = json!(format!(
            "sim://{:016x}",
            hash(&[pod.meta.uid.as_bytes(), container.name.as_bytes(), &restarts.to_be_bytes()])
        ));
    }
    out
}

fn creating(pod: &Pod) -> Report {
    let waiting = json!({"waiting": {"reason": "ContainerCreating"}});
    let statuses = pod.containers.iter().map(|c| status_of(c, pod, false, false, 0, waiting.clone())).collect();
    Report { phase: "Pending", running: false, ready: false, reason: "ContainersNotReady", statuses, stuck: None }
}

fn running(pod: &Pod, ready: bool, since: Timestamp) -> Report {
    let state = json!({"running": {"startedAt": clock::format_seconds(since)}});
    let statuses = pod.containers.iter().map(|c| status_of(c, pod, ready, true, 0, state.clone())).collect();
    Report { phase: "Running", running: true, ready, reason: "ContainersNotReady", statuses, stuck: None }
}

fn ended(code: i64, reason: &str, since: Timestamp, now: Timestamp) -> Value {
    json!({"terminated": {
        "exitCode": code, "reason": reason,
        "startedAt": clock::format_seconds(since), "finishedAt": clock::format_seconds(now),
    }})
}

fn finished(pod: &Pod, now: Timestamp) -> Report {
    let state = ended(0, "Completed", pod.moved.unwrap_or(now), now);
    let statuses = pod.containers.iter().map(|c| status_of(c, pod, false, false, 0, state.clone())).collect();
    Report { phase: "Succeeded", running: false, ready: false, reason: "PodCompleted", statuses, stuck: None }
}

/// A failing container has just ended, after so many restarts; the others run, or wait for an init container that fails.
fn crash(pod: &Pod, restarts: i64, now: Timestamp) -> Report {
    let never = pod.restart_policy == RestartPolicy::Never;
    let stuck = pod.init.iter().any(Container::fails).then_some(restarts);
    let one = |container: &Container| {
        if stuck.is_some() {
            return status_of(container, pod, false, false, 0, json!({"waiting": {"reason": "PodInitializing"}}));
        }
        if container.fails() {
            return crashed(container, pod, restarts, now);
        }
        let state = json!({"running": {"startedAt": clock::format_seconds(pod.started.unwrap_or(now))}});
        let state = if never { ended(0, "Completed", pod.started.unwrap_or(now), now) } else { state };
        status_of(container, pod, !never, !never, 0, state)
    };
    let statuses = pod.containers.iter().map(one).collect();
    let (phase, reason) = match (never, stuck) {
        (true, _) => ("Failed", "PodFailed"),
        (false, Some(_)) => ("Pending", "ContainersNotReady"),
        (false, None) => ("Running", "ContainersNotReady"),
    };
    Report { phase, running: phase == "Running", ready: false, reason, statuses, stuck }
}

/// The status of a container that has just failed.
fn crashed(container: &Container, pod: &Pod, restarts: i64, now: Timestamp) -> Value {
    let over = ended(1, "Error", now, now);
    if pod.restart_policy == RestartPolicy::Never {
        return status_of(container, pod, false, false, 0, over);
    }
    let message = format!(
        "back-off {} restarting failed container={} pod={}_{}({})",
        span(backoff(u32::try_from(restarts).unwrap_or_default())),
        container.name,
        pod.meta.name,
        pod.meta.namespace,
        pod.meta.uid
    );
    let waiting = json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}});
    let mut status = status_of(container, pod, false, false, restarts, waiting);
    status["lastState"] = over;
    status
}

/// Init containers run one after the other: those before the one that fails have ended well, those behind it wait.
fn init(pod: &Pod, over: bool, stuck: Option<i64>, started: Timestamp, now: Timestamp) -> Vec<Value> {
    let failing = stuck.and_then(|_| pod.init.iter().position(Container::fails));
    let one = |(index, container): (usize, &Container)| {
        let done = failing.map_or(over, |failing| index < failing);
        match (failing == Some(index), done) {
            (true, _) => crashed(container, pod, stuck.unwrap_or_default(), now),
            (false, true) => status_of(container, pod, true, false, 0, ended(0, "Completed", started, started)),
            (false, false) => {
                status_of(container, pod, false, false, 0, json!({"waiting": {"reason": "PodInitializing"}}))
            }
        }
    };
    pod.init.iter().enumerate().map(one).collect()
}

/// As Go prints a duration of whole seconds.
fn span(secs: i64) -> String {
    match (secs / 60, secs % 60) {
        (0, s) => format!("{s}s"),
        (m, s) => format!("{m}m{s}s"),
    }
}

fn write(observed: &Observed<'_>, report: Report, now: Timestamp) -> Step {
    let pod = observed.pod;
    let Report { phase, running, ready, reason, statuses, stuck } = report;
    let started = pod.started.unwrap_or(now);
    let has_ip = phase != "Pending" || stuck.is_some();
    let names: Vec<&str> = pod.containers.iter().map(|c| c.name.as_str()).collect();
    let unready = format!("containers with unready status: [{}]", names.join(" "));
    let completed = phase == "Succeeded";
    let mut conditions: Vec<Value> = Vec::with_capacity(5);
    let mut put = |kind: &str, on: bool, why: &str, message: &str| {
        let status = if on { "True" } else { "False" };
        let before = pod.condition(kind);
        let changed = before.filter(|c| c.status == status).and_then(|c| c.changed).unwrap_or(now);
        let mut condition =
            Condition::new(kind, status, if on { "" } else { why }, if on { "" } else { message }, changed);
        condition.updated = None;
        // Written so in every status of kubelet, although it is never probed here.
        let mut value = condition.to_value();
        value["lastProbeTime"] = Value::Null;
        value["observedGeneration"] = json!(pod.meta.generation.max(1));
        conditions.push(value);
    };
    put("PodReadyToStartContainers", running || ready || stuck.is_some(), "", "");
    let initial: Vec<&str> = pod.init.iter().skip_while(|c| !c.fails()).map(|c| c.name.as_str()).collect();
    let incomplete = format!("containers with incomplete status: [{}]", initial.join(" "));
    put("Initialized", stuck.is_none(), "ContainersNotInitialized", &incomplete);
    let message = if completed { "" } else { unready.as_str() };
    put("Ready", ready, reason, message);
    put("ContainersReady", ready, reason, message);
    put("PodScheduled", true, "", "");
    let ip = if pod.host_network { observed.host_ip } else { observed.pod_ip };
    let init = init(pod, has_ip, stuck, started, now);
    let mut status = json!({
        "observedGeneration": pod.meta.generation.max(1),
        "phase": phase,
        "conditions": conditions,
        "containerStatuses": statuses,
        "hostIP": observed.host_ip,
        "hostIPs": [{"ip": observed.host_ip}],
        "startTime": clock::format_seconds(started),
        "qosClass": pod.qos,
    });
    if !init.is_empty() {
        status["initContainerStatuses"] = Value::Array(init);
    }
    if has_ip {
        status["podIP"] = json!(ip);
        status["podIPs"] = json!([{"ip": ip}]);
    }
    Step::Write(json!({"metadata": {"uid": &*pod.meta.uid}, "status": status}))
}

#[cfg(test)]
mod tests;
