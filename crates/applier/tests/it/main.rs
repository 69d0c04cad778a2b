//! An applier against our own API server, one scenario per promise.

mod contain;
mod crash;
mod deliver;
mod drift;
mod fault;
mod fence;
mod foreign;
mod given_back;
mod inhabited;
mod leave;
mod lie;
mod link;
mod object;
mod overdue;
mod own;
mod part;
mod proof;
mod prune;
mod recollection;
mod restart;
mod rights;
mod sample;
mod shard;
mod takeover;
mod world;
