//! `policy.karmada.io/v1alpha1`.

mod failover;
mod override_policy;
mod placement;
mod propagation_policy;

pub use failover::*;
pub use override_policy::*;
pub use placement::*;
pub use propagation_policy::*;
