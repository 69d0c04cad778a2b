//! Limits of schemas and of what is reported.

/// Most errors that one call reports. A person fixes a handful at a time, and an object of 3 MiB could otherwise produce
/// a status of several times its size.
pub const ERRORS_MAX: usize = 100;

/// Deepest nesting that is followed. JSON text stops at 128 levels in the parser; deeper values can only be built in
/// memory.
pub(crate) const DEPTH_MAX: usize = 130;
