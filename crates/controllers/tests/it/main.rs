//! Controllers over a real API server in process, under paused time. Each test runs one controller; what others would
//! have stored, it stores itself. No member is reached from here: `hub/tests/it` has whole fleets.

mod fleet;
mod member;
mod status;
mod world;
