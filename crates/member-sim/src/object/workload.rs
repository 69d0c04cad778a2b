//! Deployments, ReplicaSets, StatefulSets, DaemonSets and Jobs.

use std::sync::Arc;

use model::{LabelSelector, Timestamp};
use serde_json::Value;

use super::{Condition, Meta, Object, flag, int, text, time};

/// A number or a percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntOrPercent {
    /// A number.
    Int(i64),
    /// Percent of something.
    Percent(i64),
}

impl IntOrPercent {
    pub(super) fn read(value: Option<&Value>, default: Self) -> Self {
        match value {
            Some(Value::Number(number)) => Self::Int(number.as_i64().unwrap_or_default()),
            Some(Value::String(text)) => match text.strip_suffix('%').map(str::parse) {
                Some(Ok(percent)) => Self::Percent(percent),
                _ => default,
            },
            _ => default,
        }
    }

    /// Of a total, rounded up.
    pub fn up(self, total: i64) -> i64 {
        match self {
            Self::Int(n) => n,
            Self::Percent(p) => (p * total + 99).div_euclid(100),
        }
    }

    /// Of a total, rounded down.
    pub fn down(self, total: i64) -> i64 {
        match self {
            Self::Int(n) => n,
            Self::Percent(p) => (p * total).div_euclid(100),
        }
    }
}

/// How a Deployment replaces pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// All old ones go before a new one comes.
    Recreate,
    /// Little by little.
    Rolling {
        /// How many more than wanted there may be.
        surge: IntOrPercent,
        /// How many of those wanted may be unavailable.
        unavailable: IntOrPercent,
    },
}

/// A Deployment's status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeploymentStatus {
    /// Generation that the rest is about.
    pub observed_generation: i64,
    /// Pods that are not on their way out.
    pub replicas: i64,
    /// Those with the newest template.
    pub updated: i64,
    /// Ready ones.
    pub ready: i64,
    /// Ready for long enough.
    pub available: i64,
    /// Missing ones.
    pub unavailable: i64,
    /// Those on their way out.
    pub terminating: i64,
    /// How often a hash was taken.
    pub collisions: i64,
    /// Conditions.
    pub conditions: Vec<Condition>,
}

/// A Deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// Metadata.
    pub meta: Meta,
    /// Pods wanted.
    pub replicas: i64,
    /// Is its rollout paused?
    pub paused: bool,
    /// How it replaces pods.
    pub strategy: Strategy,
    /// Seconds of readiness that make a pod available.
    pub min_ready_secs: i64,
    /// Seconds without progress that make a rollout fail.
    pub deadline_secs: Option<i64>,
    /// Old ReplicaSets kept.
    pub history: i64,
    /// `spec.selector`.
    pub selector: Arc<Value>,
    /// `spec.template`.
    pub template: Arc<Value>,
    /// Status.
    pub status: DeploymentStatus,
}

fn shared(object: &Value, path: &str) -> Arc<Value> {
    Arc::new(object.pointer(path).cloned().unwrap_or_default())
}

impl Object for Deployment {
    fn read(object: &Value) -> Option<Self> {
        let quarter = IntOrPercent::Percent(25);
        let strategy = if text(object, "/spec/strategy/type") == "Recreate" {
            Strategy::Recreate
        } else {
            let at = |field: &str| object.pointer(&format!("/spec/strategy/rollingUpdate/{field}"));
            Strategy::Rolling {
                surge: IntOrPercent::read(at("maxSurge"), quarter),
                unavailable: IntOrPercent::read(at("maxUnavailable"), quarter),
            }
        };
        let status = |field: &str| int(object, &format!("/status/{field}"), 0);
        let deadline = int(object, "/spec/progressDeadlineSeconds", 600);
        Some(Self {
            meta: Meta::read(object)?,
            replicas: int(object, "/spec/replicas", 1),
            paused: flag(object, "/spec/paused"),
            strategy,
            min_ready_secs: int(object, "/spec/minReadySeconds", 0),
            deadline_secs: (deadline < i64::from(i32::MAX)).then_some(deadline),
            history: int(object, "/spec/revisionHistoryLimit", 10),
            selector: shared(object, "/spec/selector"),
            template: shared(object, "/spec/template"),
            status: DeploymentStatus {
                observed_generation: status("observedGeneration"),
                replicas: status("replicas"),
                updated: status("updatedReplicas"),
                ready: status("readyReplicas"),
                available: status("availableReplicas"),
                unavailable: status("unavailableReplicas"),
                terminating: status("terminatingReplicas"),
                collisions: status("collisionCount"),
                conditions: Condition::read_all(object),
            },
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

impl Deployment {
    /// Which ReplicaSets are its own.
    pub fn labels_of_sets(&self) -> LabelSelector {
        LabelSelector::from_object(&self.selector).unwrap_or_default()
    }
}

/// Counts in the status of a ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetStatus {
    /// Generation that the rest is about.
    pub observed_generation: i64,
    /// Pods that are not on their way out.
    pub replicas: i64,
    /// Those with all labels of the template.
    pub labeled: i64,
    /// Ready ones.
    pub ready: i64,
    /// Ready for long enough.
    pub available: i64,
    /// Those on their way out.
    pub terminating: i64,
}

/// A ReplicaSet.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaSet {
    /// Metadata.
    pub meta: Meta,
    /// Pods wanted.
    pub replicas: i64,
    /// Seconds of readiness that make a pod available.
    pub min_ready_secs: i64,
    /// Which pods are its own.
    pub selector: LabelSelector,
    /// `spec.template`.
    pub template: Arc<Value>,
    /// Status.
    pub status: SetStatus,
}

fn selector(object: &Value) -> LabelSelector {
    LabelSelector::from_object(&object["spec"]["selector"]).unwrap_or_default()
}

impl Object for ReplicaSet {
    fn read(object: &Value) -> Option<Self> {
        let status = |field: &str| int(object, &format!("/status/{field}"), 0);
        Some(Self {
            meta: Meta::read(object)?,
            replicas: int(object, "/spec/replicas", 1),
            min_ready_secs: int(object, "/spec/minReadySeconds", 0),
            selector: selector(object),
            template: shared(object, "/spec/template"),
            status: SetStatus {
                observed_generation: status("observedGeneration"),
                replicas: status("replicas"),
                labeled: status("fullyLabeledReplicas"),
                ready: status("readyReplicas"),
                available: status("availableReplicas"),
                terminating: status("terminatingReplicas"),
            },
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

/// A StatefulSet.
#[derive(Clone, Debug, PartialEq)]
pub struct StatefulSet {
    /// Metadata.
    pub meta: Meta,
    /// Pods wanted.
    pub replicas: i64,
    /// Which pods are its own.
    pub selector: LabelSelector,
    /// First ordinal.
    pub first: i64,
    /// Name of its headless service.
    pub service: String,
    /// All at once?
    pub parallel: bool,
    /// Pods are replaced only when somebody deletes them?
    pub on_delete: bool,
    /// So many pods, from the first on, keep the old template.
    pub partition: i64,
    /// Revisions kept that nothing uses.
    pub history: i64,
    /// Seconds of readiness that make a pod available.
    pub min_ready_secs: i64,
    /// `spec.template`.
    pub template: Arc<Value>,
    /// `spec.volumeClaimTemplates`.
    pub claims: Arc<Value>,
    /// `status`.
    pub status: Arc<Value>,
}

impl Object for StatefulSet {
    fn read(object: &Value) -> Option<Self> {
        Some(Self {
            meta: Meta::read(object)?,
            replicas: int(object, "/spec/replicas", 1),
            selector: selector(object),
            first: int(object, "/spec/ordinals/start", 0),
            service: text(object, "/spec/serviceName").to_owned(),
            parallel: text(object, "/spec/podManagementPolicy") == "Parallel",
            on_delete: text(object, "/spec/updateStrategy/type") == "OnDelete",
            partition: int(object, "/spec/updateStrategy/rollingUpdate/partition", 0),
            history: int(object, "/spec/revisionHistoryLimit", 10),
            min_ready_secs: int(object, "/spec/minReadySeconds", 0),
            template: shared(object, "/spec/template"),
            claims: shared(object, "/spec/volumeClaimTemplates"),
            status: shared(object, "/status"),
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

/// A template that a StatefulSet had.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// Metadata.
    pub meta: Meta,
    /// Its number: the highest is the newest.
    pub number: i64,
    /// The pod template.
    pub template: Arc<Value>,
}

impl Object for Revision {
    fn read(object: &Value) -> Option<Self> {
        let mut template = object.pointer("/data/spec/template").cloned().unwrap_or_default();
        if let Some(fields) = template.as_object_mut() {
            // Says how the revision is applied, and is no part of a template.
            fields.remove("$patch");
        }
        let (meta, number) = (Meta::read(object)?, int(object, "/revision", 0));
        Some(Self { meta, number, template: Arc::new(template) })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

/// A DaemonSet.
#[derive(Clone, Debug, PartialEq)]
pub struct DaemonSet {
    /// Metadata.
    pub meta: Meta,
    /// Which pods are its own.
    pub selector: LabelSelector,
    /// Pods are replaced only when somebody deletes them?
    pub on_delete: bool,
    /// How many nodes may be without an available pod.
    pub unavailable: IntOrPercent,
    /// Seconds of readiness that make a pod available.
    pub min_ready_secs: i64,
    /// `spec.template`.
    pub template: Arc<Value>,
    /// `status`.
    pub status: Arc<Value>,
}

impl Object for DaemonSet {
    fn read(object: &Value) -> Option<Self> {
        let unavailable = object.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable");
        Some(Self {
            meta: Meta::read(object)?,
            selector: selector(object),
            on_delete: text(object, "/spec/updateStrategy/type") == "OnDelete",
            unavailable: IntOrPercent::read(unavailable, IntOrPercent::Int(1)),
            min_ready_secs: int(object, "/spec/minReadySeconds", 0),
            template: shared(object, "/spec/template"),
            status: shared(object, "/status"),
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

/// A Job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Metadata.
    pub meta: Meta,
    /// Which pods are its own.
    pub selector: LabelSelector,
    /// Pods at the same time.
    pub parallelism: i64,
    /// Pods that have to end well; `None`: one is enough, and then no more are started.
    pub completions: Option<i64>,
    /// Has each completion an index of its own?
    pub indexed: bool,
    /// `spec.successPolicy.rules`.
    pub success: Arc<Value>,
    /// Failures that are too many.
    pub backoff_limit: i64,
    /// Is it suspended?
    pub suspended: bool,
    /// Seconds after its end at which it deletes itself.
    pub ttl_secs: Option<i64>,
    /// `spec.template`.
    pub template: Arc<Value>,
    /// When it started.
    pub started: Option<Timestamp>,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// `status`.
    pub status: Arc<Value>,
}

impl Object for Job {
    fn read(object: &Value) -> Option<Self> {
        let number = |path: &str| object.pointer(path).and_then(Value::as_i64);
        Some(Self {
            meta: Meta::read(object)?,
            selector: selector(object),
            parallelism: int(object, "/spec/parallelism", 1),
            completions: number("/spec/completions"),
            indexed: text(object, "/spec/completionMode") == "Indexed",
            success: shared(object, "/spec/successPolicy/rules"),
            backoff_limit: int(object, "/spec/backoffLimit", 6),
            suspended: flag(object, "/spec/suspend"),
            ttl_secs: number("/spec/ttlSecondsAfterFinished"),
            template: shared(object, "/spec/template"),
            started: time(object, "/status/startTime"),
            conditions: Condition::read_all(object),
            status: shared(object, "/status"),
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}
