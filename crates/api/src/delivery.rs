//! The records of delivery (group `delivery.kurator.dev`): what the hub stores.
//!
//! [`Revision`] says what a unit's inputs were, [`Decision`] which member gets which revision, [`MemberStatus`] what
//! became of it. What passes between hub and applier is in [`crate::feed`].

#![allow(clippy::duplicated_attributes, reason = "each printer column names its type, and two may be of the same")]

pub mod crd;
mod id;
pub mod label;
mod objects;
pub mod v1alpha1;

#[cfg(test)]
mod tests;

pub use crd::crds;
pub use id::{HubId, Origin, Owner, ShortId, UnitId};
pub use objects::ObjectSet;
pub use v1alpha1::*;

/// API group of the records.
pub const GROUP: &str = "delivery.kurator.dev";
/// API version of the records.
pub const VERSION: &str = "v1alpha1";
