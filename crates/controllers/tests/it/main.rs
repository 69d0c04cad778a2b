//! Controllers over a real API server in process, under paused time. Most tests run one controller; what others would have
//! stored, they store themselves. Members are API servers in process too: `hub/tests/it` has whole fleets over the network.

mod application;
mod delivery;
mod fleet;
mod member;
mod member_api;
mod remote;
mod repository;
mod status;
mod world;
