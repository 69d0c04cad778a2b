//! `delivery.kurator.dev/v1alpha1`.

mod decision;
mod memberstatus;
mod revision;
mod state;

pub use decision::{Decision, DecisionSpec, MemberDecision, Removal};
pub use memberstatus::{MemberStatus, MemberStatusSpec, MemberStatusStatus, UnitStatus};
pub use revision::{Artifact, Revision, RevisionSpec};
pub use state::{ChangedField, DeletionState, Deletions, DriftRecord, Health, PodCounts, UnitCounts, UnitPhase};
