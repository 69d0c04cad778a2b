//! One folder per controller, the same files in each: `mod` (what it is and its wiring), `observe` (reads the world),
//! `apply` (writes what the plan says), `status`. The decisions are in crate `plan`, in modules of the same names.
//!
//! Controllers reach state only through the Kubernetes API, and meet only at stored objects:
//!
//! | controller | reads | writes |
//! |---|---|---|
//! | [`member`] | AttachedCluster, its Secret, the member | Cluster, AttachedCluster status |
//! | [`fleet`] | Fleet, AttachedCluster, Cluster | Fleet status, the fleet's label |
//! | [`application`] | Application, Fleet, Cluster, members' reports, the source | Revision, Decision, Application status |
//! | [`delivery`] | Decision, Revision, Cluster, members (through appliers) | MemberStatus |

pub mod application;
mod context;
pub mod delivery;
pub mod fetch;
pub mod fleet;
pub mod informer;
pub mod member;
pub mod queue;
pub mod rendering;
mod world;
mod write;

pub use context::{Ctx, Options, run};
pub use world::World;
pub use write::WriteError;
