//! Housekeeping over a real API server in process, under paused time.

mod collect;
mod namespace;
mod panic;
mod refusal;
mod role;
mod support;
