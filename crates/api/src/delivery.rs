//! The records of delivery (group `delivery.kurator.dev/v1alpha1`) and the wire types between hub and applier.
//!
//! [`Revision`] says what a unit's inputs were, [`Decision`] which member gets which revision, [`MemberStatus`] what
//! became of it. [`Snapshot`] and [`Payload`] are what a feed hands to an applier, [`UnitReport`] what comes back.
//! Names and digests are newtypes: see [`name`].

#![allow(clippy::duplicated_attributes, reason = "each printer column names its type, and two may be of the same")]

pub mod crd;
pub mod decision;
pub mod label;
pub mod memberstatus;
pub mod name;
pub mod payload;
pub mod report;
pub mod revision;

#[cfg(test)]
mod tests;

pub use crd::crds;
pub use decision::{Decision, DecisionSpec, MemberDecision};
pub use memberstatus::{MemberStatus, MemberStatusSpec, MemberStatusStatus, UnitStatus};
pub use name::{Digest, HubId, MemberName, NameError, ShortId, UnitId};
pub use payload::{Payload, Phase, Removal, Snapshot, UnitEntry, Wait};
pub use report::{
    ChangedField, DeletionState, Deletions, DriftRecord, Health, ObjectReport, PodCounts, SyncState, UnitCounts,
    UnitPhase, UnitReport,
};
pub use revision::{Artifact, Revision, RevisionSpec};

/// API group of the records.
pub const GROUP: &str = "delivery.kurator.dev";
/// API version of the records.
pub const VERSION: &str = "v1alpha1";
