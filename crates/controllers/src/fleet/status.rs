//! The status of a fleet, written when it differs.

use api::condition;
use api::kurator::fleet::v1alpha1::{Fleet, FleetStatus};
use client::NamespacedName;
use plan::state::{self, State};

use super::Ctx;
use crate::write::{self, WriteError};

pub(super) async fn write(ctx: &Ctx, fleet: &Fleet, status: FleetStatus) -> Result<(), WriteError> {
    if fleet.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let wanted = Fleet { status: Some(status), ..fleet.clone() };
    let written = write::status(&ctx.api, &ctx.metrics, &wanted).await?;
    ctx.events.record(fleet, &written);
    ctx.fleets.learn(written);
    Ok(())
}

/// Says that a look at it panicked.
pub(super) async fn write_broken(ctx: &Ctx, key: &NamespacedName) -> Result<(), WriteError> {
    let Some(fleet) = ctx.fleets.get(key) else { return Ok(()) };
    let before = fleet.status.clone().unwrap_or_default();
    let generation = fleet.metadata.generation;
    let conditions = state::broken(&before.conditions, condition::READY, generation, ctx.clock.now());
    let phase = Some(State::of_conditions(&conditions).to_string());
    write(ctx, &fleet, FleetStatus { phase, conditions, ..before }).await
}
