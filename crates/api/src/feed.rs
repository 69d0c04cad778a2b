//! What passes between the hub and a member's applier: [`Snapshot`] and [`Payload`] on the way there, [`UnitReport`] on the
//! way back. Never stored as it is.

mod payload;
mod report;
#[cfg(test)]
mod tests;

pub use payload::{Payload, Phase, Snapshot, TakeOver, UnitEntry, Wait};
pub use report::{Going, ObjectReport, SyncState, UnitReport};
