//! Karmada's kinds, as published, and the names, labels, annotations and finalizers that its tools rely on.
//!
//! Types hold every published field, also those whose part comes later: those are accepted, kept and reported
//! (`admit::unhonoured`).

pub mod annotation;
pub mod apps;
pub mod cluster;
pub mod finalizer;
pub mod label;
pub mod name;
pub mod policy;
pub mod quantity;
pub mod selector;
pub mod work;

pub use selector::{LabelSelector, LabelSelectorRequirement, Toleration};

/// For fields that Go leaves out when they are zero.
fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

/// For fields that Go leaves out when they are false.
fn is_false(flag: &bool) -> bool {
    !*flag
}
