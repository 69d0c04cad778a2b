//! Where desired state comes from and where reports go.

use std::sync::Arc;

use api::delivery::{MemberMove, UnitId};
use api::feed::{Snapshot, UnitEntry, UnitReport};
use futures::future::BoxFuture;
use model::{Digest, HashedKey, MemberName};
use plan::prepare::Bundle;

/// A feed cannot say what a unit is.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum FeedError {
    /// The payload is not there, or no longer.
    #[error("the payload {0} is not available yet")]
    Missing(Digest),
    /// The feed itself cannot be asked.
    #[error("the hub cannot be asked: {0}")]
    Unavailable(String),
}

/// How the applier gets on with its member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is being connected to for the first time.
    Connecting,
    /// It answers.
    Connected,
    /// It does not answer; in words why.
    Unreachable(String),
    /// It answers, and we must not deliver to it; in words why.
    Blocked(String),
}

/// What an applier says of its member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberReport {
    /// The member.
    pub member: MemberName,
    /// How it gets on with it.
    pub link: Link,
    /// Units that have an inventory of this hub there and are in no snapshot. Nothing is done to them.
    pub orphans: Vec<UnitId>,
    /// What is on its way between the member's hubs.
    pub moving: MemberMove,
}

/// The inventory of a unit was gone, and is written again from what the hub knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The member.
    pub member: MemberName,
    /// The unit.
    pub unit: UnitId,
    /// How many objects it had, by the last report.
    pub objects: u32,
    /// How many were found and are the unit's own.
    pub own: u32,
    /// How many were found and existed before us.
    pub adopted: u32,
}

/// Objects were deleted to be made again: a field of each cannot change, and `force` asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// The member.
    pub member: MemberName,
    /// The unit.
    pub unit: UnitId,
    /// The objects, in the order in which they were deleted.
    pub objects: Vec<Arc<HashedKey>>,
}

/// A report that goes from an applier through its feed to the hub.
#[derive(Clone, Debug)]
pub enum FeedReport {
    /// Of its member.
    Member(MemberReport),
    /// Of an inventory that was gone.
    Restored(Restored),
    /// Of objects that were deleted to be made again.
    Renewed(Renewed),
    /// Of a unit in its member; replaces the last one.
    Unit(Arc<UnitReport>),
}

/// One member's desired state. Push implements it in process, pull over the hub's API.
pub trait Feed: Send + Sync + 'static {
    /// The snapshot as it is now, if there is one.
    fn snapshot(&self) -> Option<Arc<Snapshot>>;

    /// Waits until the snapshot's digest is another than `from`, and returns it.
    fn delta(&self, from: Option<Digest>) -> BoxFuture<'_, Arc<Snapshot>>;

    /// A unit's payload, ready to be sent.
    ///
    /// # Errors
    /// When it is not there (yet). The unit waits; nothing of it is deleted.
    fn blob<'a>(&'a self, entry: &'a UnitEntry) -> BoxFuture<'a, Result<Arc<Bundle>, FeedError>>;

    /// Takes a report. Waits when the hub is behind with reading them.
    fn report(&self, report: FeedReport) -> BoxFuture<'_, ()>;
}
