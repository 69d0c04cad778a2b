//! What behaviours remember of objects: projections, read once from JSON.
//!
//! They hold what decisions need and nothing else; templates, which are copied into what is created, are shared.

mod disruption;
mod meta;
mod node;
mod pod;
mod service;
mod workload;

pub use disruption::{Bound, Budget};
pub use meta::{Condition, Meta, Uid, find_condition, set_condition, time};
pub use node::{Node, Taint, TaintEffect};
pub use pod::{Container, Phase, Pod, Port, Progress, Resources, RestartPolicy, Toleration};
pub(crate) use service::{MANAGED_BY, SERVICE_NAME};
pub use service::{Service, ServicePort, Slice};
pub use workload::{
    DaemonSet, Deployment, DeploymentStatus, IntOrPercent, Job, ReplicaSet, Revision, SetStatus, StatefulSet, Strategy,
};

use serde_json::Value;

/// An object that behaviours remember.
pub trait Object: Send + Sync + Sized + 'static {
    /// Reads it. `None` when the JSON is not such an object.
    fn read(object: &Value) -> Option<Self>;
    /// Its metadata.
    fn meta(&self) -> &Meta;
}

pub(crate) fn int(object: &Value, path: &str, default: i64) -> i64 {
    object.pointer(path).and_then(Value::as_i64).unwrap_or(default)
}

pub(crate) fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn flag(object: &Value, path: &str) -> bool {
    object.pointer(path).and_then(Value::as_bool).unwrap_or_default()
}

pub(crate) fn list<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    object.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
