//! What a cluster does for itself, as a client of any Kubernetes API: garbage collection of owned objects, emptying of
//! deleted namespaces, default service accounts, the rules of aggregated roles, the end of Events.
//!
//! The hub and the simulated members run it over their own API server in process; it is as right against a real
//! kube-apiserver. Every part watches metadata only, decides in a pure function ([`collect::decide`],
//! [`namespace::plan`], [`account::plan`], [`role::plan`]) and applies through [`client::Api`]. A settled cluster causes no request that
//! writes, and none at all but the renewal of watches.
//!
//! Absent on purpose: anything that knows fleets, and every controller that gives objects behaviour (see `member-sim`).

pub mod account;
pub mod collect;
pub mod events;
pub mod expiry;
pub mod graph;
mod keeper;
pub mod namespace;
pub mod role;

pub use events::{Events, Watches};
pub use keeper::{Housekeeper, Options};
