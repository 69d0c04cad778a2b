//! An applier against our own API server, one scenario per promise.

mod crash;
mod deliver;
mod drift;
mod fence;
mod prune;
mod world;
