//! The status of a fleet, written when it differs.

use api::kurator::fleet::v1alpha1::{Fleet, FleetStatus};

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
