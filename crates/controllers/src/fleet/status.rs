//! The status of a fleet, written when it differs.

use api::kurator::fleet::v1alpha1::{Fleet, FleetStatus};

use super::{Ctx, FIELD_MANAGER};
use crate::write::{self, WriteError};
use client::NamespacedName;

pub(super) async fn write(
    ctx: &Ctx,
    key: &NamespacedName,
    fleet: &Fleet,
    status: FleetStatus,
) -> Result<(), WriteError> {
    if fleet.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let api = write::namespaced(&ctx.client, &key.namespace);
    let fleet = Fleet { status: Some(status), ..fleet.clone() };
    ctx.fleets.learn(write::status(&api, FIELD_MANAGER, &fleet).await?);
    Ok(())
}
