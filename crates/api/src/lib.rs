//! Kinds and wire types of the fleet.
//!
//! One folder per vendor, in it `<group>/<version>/<kind>.rs`: [`kurator`], [`karmada`], and our own records in
//! [`delivery`]; [`feed`] is what passes between hub and applier, [`view`] what is computed for who asks. Kurator's and Karmada's kinds keep their published
//! spellings; what we add to them is optional and listed in `docs/adr`. Types here hold only what our code reads or writes:
//! unknown fields live on in the stored object, since nothing writes a whole spec back.

pub mod condition;
pub mod crd;
pub mod delivery;
mod description;
pub mod feed;
pub mod karmada;
pub mod kurator;
pub mod reason;
pub mod view;
mod wire;

pub use condition::Condition;
