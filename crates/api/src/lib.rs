//! Kinds and wire types of the fleet.
//!
//! One folder per API group, one file per kind. Kurator's and Karmada's kinds keep their published spellings; what we add
//! to them is optional and listed in `docs/adr`. Types here hold only what our code reads or writes: unknown fields live
//! on in the stored object, since nothing writes a whole spec back.

pub mod annotation;
pub mod apps;
pub mod cluster;
pub mod condition;
pub mod crd;
pub mod delivery;
pub mod fleet;
pub mod member;
pub mod reason;

pub use condition::Condition;
