//! A simulated member: an API server with the behaviour of nodes, workloads and services, and faults on demand.
//!
//! State is only in the API server's store, so a member that is killed goes on where it was. Behaviours are clients of
//! the API like any controller: they observe through watches, decide in [`plan`] and apply. A settled member writes
//! nothing.
//!
//! Absent on purpose: containers, networks and volumes. What a pod's image would do is decided by its name.

mod admission;
mod fault;
mod front;
mod identity;
mod ids;
mod member;
pub mod object;
pub mod option;
pub mod plan;
mod sim;
mod world;

pub use fault::{Fault, Faults};
pub use identity::IdentityError;
pub use member::{Error, Member};
pub use option::{NodeSpec, Options, Pace, TokioClock};
