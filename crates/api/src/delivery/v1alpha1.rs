//! `delivery.kurator.dev/v1alpha1`.

mod decision;
mod expected;
mod explanation;
mod leaving;
mod link;
mod memberstatus;
mod moving;
mod question;
mod revision;
mod state;
mod waiting;

pub use decision::{Decision, DecisionSpec, MemberDecision, NotedConsent, Removal, Withheld};
pub use expected::ExpectedDeletions;
pub use explanation::{Explanation, Missing, PassedOver, Trigger, TriggerCause, WaitingOn};
pub use leaving::{LabelDifference, Leaving, LeavingCause};
pub use link::{LinkState, MemberLink};
pub use memberstatus::{MemberStatus, MemberStatusSpec, MemberStatusStatus, UnitStatus};
pub use moving::{MemberMove, MemberRelease, MemberTakeOver, OtherHub, TakeOverState, TakenUnit};
pub use question::Question;
pub use revision::{
    Answer, Artifact, ArtifactInputs, ChartInputs, Inputs, ObjectInputs, RemoteInput, Revision, RevisionSpec,
    SealedAnswer,
};
pub use state::{
    ApplierCount, ChangedField, DeletionState, Deletions, DriftRecord, Health, PodCounts, UnitCounts, UnitPhase,
};
pub use waiting::{ObjectsWaiting, WaitingCause};
