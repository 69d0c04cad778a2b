//! Kubernetes API semantics as pure functions over JSON values.
//!
//! [`kinds::schema::Schema`] is the one description of a type that everything here reads: built-in kinds have it in the
//! generated table of the crate `kinds`, custom kinds get it from their CRD. No I/O, no clock, no randomness.

pub mod defaults;
pub mod fieldset;
pub mod managed;
pub mod normal;
pub mod openapi;
pub mod patch;
pub mod protobuf;
pub mod structural;
pub mod table;
pub mod validate;
