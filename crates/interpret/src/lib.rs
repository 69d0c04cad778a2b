//! What an object means: its health, how many replicas it wants and has, what it needs, what its status says.
//!
//! Two kinds of callers ask. *Units* ask for [`health`], [`replicas`] and [`ended`] of any object, and get reasons for
//! people. *Bindings* ask a [`Chain`] of interpreters, which ends with the [`Native`] one, in Karmada's operations and words.
//!
//! Rules of [`health`] follow kstatus (`sigs.k8s.io/cli-utils/pkg/kstatus`) and differ where it calls a stuck object "in progress":
//! crash-looping pods, failed creations and failed jobs are [`State::Degraded`] here. Everything is read from the object
//! alone.
//!
//! Absent on purpose: time. An object that has been on its way for too long is decided by the code that waits for it.

mod cluster;
mod completion;
mod end;
mod fault;
mod generic;
mod health;
mod interpreter;
mod label;
mod native;
mod network;
mod operation;
mod pod;
mod prune;
mod read;
mod replica;
mod storage;
mod workload;

#[cfg(test)]
mod tests;

pub use completion::Completions;
pub use end::ended;
pub use fault::Fault;
pub use health::{Health, MESSAGE_MAX, REASON_MAX, State, health};
pub use interpreter::{
    Aggregated, Chain, Component, Demand, Dependency, Fold, Interpreter, LEFT_OUT_MAX, LeftOut, NodeClaim,
    ReplicaRequirements, Reported, ResourceHealth, Which,
};
pub use native::Native;
pub use operation::{NATIVE, NativeKind, Operation, Operations, native_operations};
pub use prune::prune;
pub use replica::{Replicas, replicas};
