//! Patches: JSON patch, JSON merge patch, strategic merge patch and server-side apply.
//!
//! Everything here maps values to values. Absent: reading a patch from bytes, defaulting, validation of the result,
//! and restoring what an endpoint may not write (`status` on the main resource): those are the API server's steps.

pub mod apply;
mod error;
mod json;
mod merge;
mod strategic;

pub use apply::{ApplyError, Change, Conflict, apply, keep_times, reset_fields, update};
pub use error::PatchError;
pub use json::{OPERATIONS_MAX, json};
pub use merge::merge;
pub use strategic::strategic;

#[cfg(test)]
mod tests;
