//! Facts about built-in kinds: how each is served ([`Kind`]), and what its type looks like ([`schema::Schema`]).
//!
//! The types come from `table.txt`, written by `cargo xtask codegen` from Kubernetes' Go modules. It is embedded as
//! text (77 kB), and a type is parsed when it is first asked for, so that a process that touches only a few kinds
//! pays for a few.
//!
//! Absent on purpose: what kinds mean. Defaults, validation, patches and columns are functions of `apimachinery`.

mod builtin_type;
mod kind;
mod served;
mod wire;

pub mod schema;
pub mod table;

pub use builtin_type::{request_type, schema_at, type_index};
pub use kind::{Kind, ScalePaths, Subresource};
pub use served::{all, find};
pub use wire::Wire;

#[cfg(test)]
mod tests;
