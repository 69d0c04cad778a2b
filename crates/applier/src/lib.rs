//! Gets one member to hold what the hub says, and says what it holds.
//!
//! An [`Applier`] reads desired state from a [`Feed`], compares it with the inventory in the member and with what it
//! watches there, and sends what differs by server-side apply. All decisions are in crate `plan`, all requests go through
//! crate `client`; this crate reads, writes and waits. Used by the hub (push) and by the agent (pull).
//!
//! # What it promises
//! - A settled member gets no request that mutates, also right after a restart: what was sent is read from the objects.
//! - An inventory entry is written before its object is applied for the first time and dropped after the object is gone.
//!   Every write of it carries a resourceVersion; a conflict means another applier, and is reported.
//! - Nothing is deleted that is not in the inventory with its UID, nor anything that was adopted.
//! - An object that the server refuses stops only itself; a unit stops only itself; a member stops only itself.
//!
//! Absent on purpose: bodies of objects (it keeps digests), dry runs, guesses about schemas.

mod awaited;
mod connection;
mod error;
mod feed;
mod fence;
mod immutable;
mod limit;
mod lookalike;
mod member;
mod observation;
mod push;
mod record;
mod release;
mod session;
mod shard;
mod shared;
mod takeover;
mod trial;
mod unit;
mod watch;

pub use client::Jitter;
pub use error::Error;
pub use feed::{Feed, FeedError, FeedReport, Link, MemberReport, Renewed, Restored};
pub use limit::Limits;
pub use member::{Applier, Ctx, KeyOf, Recollect};
pub use push::PushFeed;
pub use release::who_stays;
pub use shared::Shared;
pub use takeover::look_at_hubs;
pub use trial::try_send;
