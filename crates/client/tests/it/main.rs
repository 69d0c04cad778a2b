//! The client against a real API server in process, under paused time; trust in servers against real TLS.

mod follow;
mod object;
mod support;
mod trust;
