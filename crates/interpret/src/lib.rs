//! What an object means: its health, and how many replicas it wants and has.
//!
//! Rules follow kstatus (`sigs.k8s.io/cli-utils/pkg/kstatus`) and differ where it calls a stuck object "in progress":
//! crash-looping pods, failed creations and failed jobs are [`State::Degraded`] here. Everything is read from the object
//! alone.
//!
//! Absent on purpose: time. An object that has been on its way for too long is decided by the code that waits for it.

mod cluster;
mod end;
mod generic;
mod health;
mod network;
mod pod;
mod read;
mod replica;
mod storage;
mod workload;

#[cfg(test)]
mod tests;

pub use end::ended;
pub use health::{Health, MESSAGE_MAX, REASON_MAX, State, health};
pub use replica::{Replicas, replicas};
