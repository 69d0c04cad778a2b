//! Kubernetes API semantics as pure functions over JSON values.
//!
//! [`schema::Schema`] is the one description of a type that everything here reads: built-in kinds are converted from the
//! generated table, custom kinds from their CRD. No I/O, no clock, no randomness.

pub mod builtin;
pub mod defaults;
pub mod fieldset;
pub mod managed;
pub mod openapi;
pub mod patch;
pub mod protobuf;
pub mod schema;
pub mod structural;
pub mod table;
pub mod validate;
