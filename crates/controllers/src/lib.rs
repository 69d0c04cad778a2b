//! One folder per controller, the same files in each: `mod` (what it is, its context and its watches), `observe` (reads
//! what is stored), `apply` (writes what the plan says), `status`. The decisions are in crate `plan`.
//!
//! Controllers reach state only through the Kubernetes API, and meet only at stored objects:
//!
//! | controller | reads | writes |
//! |---|---|---|
//! | [`member`] | AttachedCluster, its Secret, the member, MemberStatus | Cluster, AttachedCluster status |
//! | [`credential`] | AttachedCluster, its Secret, Cluster, the member | that Secret, when `kurator attach` made it |
//! | [`fleet`] | Fleet, AttachedCluster | Fleet status, the fleet's label |
//! | [`application`] | Application, Fleet, Cluster, MemberStatus, the source | Revision, Decision, Application status: the source |
//! | [`delivery`] | Decision, Revision, Cluster, its Secret, members (through appliers) | MemberStatus |
//! | [`status`] | Application, Decision, Revision, Cluster, MemberStatus | Application status: its units |
//!
//! What they share in one process are caches of stored objects: [`stores`], [`connection`], [`artifact`], [`rendering`].

pub mod account;
pub mod application;
pub mod artifact;
mod changes;
pub mod connection;
pub mod credential;
pub mod delivery;
mod deps;
mod event;
pub mod fetch;
pub mod fleet;
mod index;
pub mod inspect;
mod journal;
mod lost;
pub mod member;
pub mod metrics;
pub mod mint;
mod origin;
mod reach;
mod record;
mod remote;
pub mod rendering;
mod secrets;
mod state;
pub mod status;
pub mod stores;
mod throttle;
mod write;

pub use applier::look_at_hubs;
pub use connection::Connect;
pub use deps::{Controller, Controllers, Deps, Options};
pub use metrics::Metrics;
pub use state::{MemberState, is_settled};
pub use write::WriteError;
