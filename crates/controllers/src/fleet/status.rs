//! The status of a fleet, written when it differs.

use api::kurator::fleet::v1alpha1::{Fleet, FleetStatus};

use crate::Ctx;
use crate::informer::Key;
use crate::write::{self, WriteError};

pub(super) async fn write(ctx: &Ctx, key: &Key, fleet: &Fleet, status: FleetStatus) -> Result<(), WriteError> {
    if fleet.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let api = write::namespaced(&ctx.client, &key.namespace);
    let value = serde_json::to_value(status).unwrap_or_default();
    ctx.world.fleets.learn(write::status(&api, super::FIELD_MANAGER, fleet, value).await?);
    Ok(())
}
