//! The client against a real API server in process, under paused time.

mod follow;
mod object;
mod support;
