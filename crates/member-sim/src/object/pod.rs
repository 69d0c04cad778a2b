//! Pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Quantity, Timestamp, object};
use serde_json::Value;

use super::{Condition, Meta, Object, Taint, TaintEffect, find_condition, int, list, text, time};

/// Amounts of compute resources, by name, in thousandths; pods are counted apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources(pub BTreeMap<String, i128>);

impl Resources {
    /// Reads a resource list; `pods` is left out.
    pub fn read(value: &Value) -> Self {
        let entries = value.as_object().into_iter().flatten();
        let parse = |(name, amount): (&String, &Value)| {
            let quantity: Quantity = match amount {
                Value::String(text) => text.parse().ok()?,
                other => other.to_string().parse().ok()?,
            };
            (name != "pods").then(|| (name.clone(), quantity.milli()))
        };
        Self(entries.filter_map(parse).collect())
    }

    /// Adds another amount.
    pub fn add(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            *self.0.entry(name.clone()).or_default() += amount;
        }
    }

    /// Takes the larger of both, name by name.
    pub fn raise(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            let mine = self.0.entry(name.clone()).or_default();
            *mine = (*mine).max(*amount);
        }
    }

    /// One amount, zero if absent.
    pub fn amount_of(&self, name: &str) -> i128 {
        self.0.get(name).copied().unwrap_or_default()
    }
}

/// A toleration.
#[derive(Clone, Debug, PartialEq)]
pub struct Toleration {
    /// Key; empty tolerates any.
    pub key: String,
    /// Value to be equal; `None` with `Exists`.
    pub value: Option<String>,
    /// Effect; `None` tolerates any.
    pub effect: Option<TaintEffect>,
    /// For how long `NoExecute` is tolerated; `None` for ever.
    pub seconds: Option<i64>,
}

impl Toleration {
    fn read(value: &Value) -> Self {
        let exists = text(value, "/operator") == "Exists";
        Self {
            key: text(value, "/key").to_owned(),
            value: (!exists).then(|| text(value, "/value").to_owned()),
            effect: TaintEffect::read(text(value, "/effect")),
            seconds: value.pointer("/tolerationSeconds").and_then(Value::as_i64),
        }
    }

    /// Does it tolerate a taint?
    pub fn tolerates(&self, taint: &Taint) -> bool {
        let key = if self.key.is_empty() { self.value.is_none() } else { self.key == taint.key };
        key && self.effect.is_none_or(|e| e == taint.effect) && self.value.as_ref().is_none_or(|v| *v == taint.value)
    }
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not all containers have started.
    Pending,
    /// At least one container runs.
    Running,
    /// All ended well.
    Succeeded,
    /// All ended, one not well.
    Failed,
    /// Its node does not answer.
    Unknown,
}

/// `spec.restartPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Containers run for ever.
    Always,
    /// Containers run until they end well.
    OnFailure,
    /// Containers run once.
    Never,
}

/// How far the kubelet has come with a pod, as its status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// No node yet.
    Unbound,
    /// A node, and the kubelet has said nothing.
    Bound,
    /// Containers are being created.
    Creating,
    /// Containers run; not ready.
    Started,
    /// Containers run and are ready.
    Ready,
    /// A container has ended badly and waits to be started again.
    Crashed {
        /// How often it was started again.
        restarts: u32,
    },
    /// Nothing more happens.
    Finished,
}

/// A port of a container.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Name, perhaps empty.
    pub name: String,
    /// Number.
    pub number: i64,
    /// Protocol.
    pub protocol: String,
}

/// A container.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// Name.
    pub name: String,
    /// Image.
    pub image: String,
    /// Ports.
    pub ports: Vec<Port>,
    /// Seconds until it is ready after it started.
    pub readiness_delay: i64,
}

impl Container {
    /// Does its image say that it fails? Those that match `*/fail*` do.
    pub fn fails(&self) -> bool {
        self.image.contains("/fail")
    }
}

/// A pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    /// Metadata.
    pub meta: Meta,
    /// The node it is bound to; empty if none.
    pub node: String,
    /// Who is to schedule it.
    pub scheduler: String,
    /// Is it held back by scheduling gates?
    pub gated: bool,
    /// What it asks for.
    pub requests: Resources,
    /// Quality of service class.
    pub qos: &'static str,
    /// `spec.nodeSelector`.
    pub node_selector: BTreeMap<String, String>,
    /// `requiredDuringSchedulingIgnoredDuringExecution` of its node affinity.
    pub node_affinity: Option<Arc<Value>>,
    /// Tolerations.
    pub tolerations: Vec<Toleration>,
    /// Priority.
    pub priority: i64,
    /// Containers.
    pub containers: Vec<Container>,
    /// Init containers, by name and image.
    pub init: Vec<Container>,
    /// What happens when containers end.
    pub restart_policy: RestartPolicy,
    /// Does it use its node's network?
    pub host_network: bool,
    /// Seconds that it gets to end.
    pub grace: i64,
    /// Phase.
    pub phase: Phase,
    /// How far the kubelet has come.
    pub progress: Progress,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Its address.
    pub ip: String,
    /// When the kubelet took it.
    pub started: Option<Timestamp>,
    /// When its containers started or ended last.
    pub moved: Option<Timestamp>,
    /// Restarts of all containers.
    pub restarts: i64,
}

impl Pod {
    /// Is it Ready?
    pub fn ready(&self) -> bool {
        self.condition("Ready").is_some_and(|c| c.status == "True")
    }

    /// Since when it is Ready.
    pub fn ready_since(&self) -> Option<Timestamp> {
        self.condition("Ready").filter(|c| c.status == "True")?.changed
    }

    /// One condition.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        find_condition(&self.conditions, kind)
    }

    /// Has it ended?
    pub fn finished(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }

    /// Does it count as a replica? Not when it ended or is on its way out.
    pub fn active(&self) -> bool {
        !self.finished() && !self.meta.deleting()
    }

    /// Has it been ready for long enough to be available?
    pub fn available(&self, min_ready_secs: i64, now: Timestamp) -> bool {
        let Some(since) = self.ready_since() else { return false };
        min_ready_secs == 0 || now.as_second() - since.as_second() >= min_ready_secs
    }

    /// Does it wait for the scheduler?
    pub fn unscheduled(&self) -> bool {
        self.node.is_empty() && self.active() && !self.gated && self.scheduler == "default-scheduler"
    }
}

fn container(value: &Value) -> Container {
    let port = |p: &Value| Port {
        name: text(p, "/name").to_owned(),
        number: int(p, "/containerPort", 0),
        protocol: p["protocol"].as_str().unwrap_or("TCP").to_owned(),
    };
    Container {
        name: text(value, "/name").to_owned(),
        image: text(value, "/image").to_owned(),
        ports: list(value, "/ports").iter().map(port).collect(),
        readiness_delay: int(value, "/readinessProbe/initialDelaySeconds", 0),
    }
}

/// What a pod asks for: the sum of its containers, or the largest init container, and its overhead.
fn requests(object: &Value) -> Resources {
    let of = |c: &Value| {
        let mut out = Resources::read(&c["resources"]["limits"]);
        out.0.extend(Resources::read(&c["resources"]["requests"]).0);
        out
    };
    let mut total = Resources::default();
    list(object, "/spec/containers").iter().for_each(|c| total.add(&of(c)));
    list(object, "/spec/initContainers").iter().for_each(|c| total.raise(&of(c)));
    total.add(&Resources::read(object.pointer("/spec/overhead").unwrap_or(&Value::Null)));
    total
}

/// Guaranteed, Burstable or BestEffort (`pkg/apis/core/v1/helper/qos/qos.go`).
fn qos(object: &Value) -> &'static str {
    let containers = || list(object, "/spec/containers").iter().chain(list(object, "/spec/initContainers"));
    let amounts = |c: &Value, side: &str| {
        let mut out = Resources::read(&c["resources"][side]);
        out.0.retain(|name, amount| matches!(name.as_str(), "cpu" | "memory") && *amount > 0);
        out
    };
    if containers().all(|c| amounts(c, "limits").0.is_empty() && amounts(c, "requests").0.is_empty()) {
        return "BestEffort";
    }
    let full = containers().all(|c| {
        let (limits, requests) = (amounts(c, "limits"), amounts(c, "requests"));
        limits.0.len() == 2 && requests.0.iter().all(|(name, amount)| limits.amount_of(name) == *amount)
    });
    if full { "Guaranteed" } else { "Burstable" }
}

fn progress(object: &Value, phase: Phase, node: &str, ready: bool) -> (Progress, Option<Timestamp>, i64) {
    let statuses = list(object, "/status/containerStatuses");
    let all = || statuses.iter().chain(list(object, "/status/initContainerStatuses"));
    let restarts = all().map(|s| int(s, "/restartCount", 0)).sum::<i64>();
    let latest = |path: &str| all().filter_map(|s| time(s, path)).max();
    let crashed = all().any(|s| s.pointer("/state/waiting/reason").is_some_and(|r| r == "CrashLoopBackOff"));
    let most = all().map(|s| int(s, "/restartCount", 0)).max().unwrap_or_default();
    let progress = match phase {
        _ if node.is_empty() => Progress::Unbound,
        Phase::Succeeded | Phase::Failed => Progress::Finished,
        _ if statuses.is_empty() => Progress::Bound,
        _ if crashed => Progress::Crashed { restarts: u32::try_from(most).unwrap_or_default() },
        Phase::Pending => Progress::Creating,
        _ if ready => Progress::Ready,
        _ => Progress::Started,
    };
    let moved = latest("/lastState/terminated/finishedAt").max(latest("/state/running/startedAt"));
    (progress, moved, restarts)
}

impl Object for Pod {
    fn read(object: &Value) -> Option<Self> {
        let phase = match text(object, "/status/phase") {
            "Running" => Phase::Running,
            "Succeeded" => Phase::Succeeded,
            "Failed" => Phase::Failed,
            "Unknown" => Phase::Unknown,
            _ => Phase::Pending,
        };
        let conditions = Condition::read_all(object);
        let node = text(object, "/spec/nodeName").to_owned();
        let kubelet_ready = find_condition(&conditions, "ContainersReady").is_some_and(|c| c.status == "True");
        let (progress, moved, restarts) = progress(object, phase, &node, kubelet_ready);
        let affinity = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
        Some(Self {
            meta: Meta::read(object)?,
            scheduler: object
                .pointer("/spec/schedulerName")
                .and_then(Value::as_str)
                .unwrap_or("default-scheduler")
                .to_owned(),
            gated: !list(object, "/spec/schedulingGates").is_empty(),
            requests: requests(object),
            qos: qos(object),
            node_selector: object::string_map(object.pointer("/spec/nodeSelector")),
            node_affinity: object.pointer(affinity).cloned().map(Arc::new),
            tolerations: list(object, "/spec/tolerations").iter().map(Toleration::read).collect(),
            priority: int(object, "/spec/priority", 0),
            containers: list(object, "/spec/containers").iter().map(container).collect(),
            init: list(object, "/spec/initContainers").iter().map(container).collect(),
            restart_policy: match text(object, "/spec/restartPolicy") {
                "Never" => RestartPolicy::Never,
                "OnFailure" => RestartPolicy::OnFailure,
                _ => RestartPolicy::Always,
            },
            host_network: super::flag(object, "/spec/hostNetwork"),
            grace: int(
                object,
                "/metadata/deletionGracePeriodSeconds",
                int(object, "/spec/terminationGracePeriodSeconds", 30),
            ),
            ip: text(object, "/status/podIP").to_owned(),
            started: time(object, "/status/startTime"),
            node,
            phase,
            progress,
            conditions,
            moved,
            restarts,
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}
