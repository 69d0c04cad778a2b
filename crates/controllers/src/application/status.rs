//! The status of an Application, written when it differs and at most once a second.

use std::time::Duration;

use api::kurator::apps::v1alpha1::{Application, ApplicationStatus};

use crate::Ctx;
use crate::informer::Key;
use crate::queue::Next;
use crate::write::{self, WriteError};

/// Shortest time between two status writes of one Application (DESIGN 6): reports of a thousand members in one second
/// are then one write.
const WRITE_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn write(
    ctx: &Ctx,
    key: &Key,
    application: Option<&Application>,
    status: Option<ApplicationStatus>,
) -> Result<Next, WriteError> {
    // What apply wrote a moment ago (the finalizer) is newer than what was decided from.
    let newest = ctx.world.applications.get(key);
    let (Some(_), Some(newest), Some(status)) = (application, newest, status) else {
        ctx.delivery.unpace(key);
        return Ok(Next::Wait);
    };
    if newest.status.as_ref() == Some(&status) {
        return Ok(Next::Wait);
    }
    if let Some(wait) = ctx.delivery.pace(key, WRITE_EVERY, is_news(newest.status.as_ref(), &status)) {
        return Ok(Next::After(wait));
    }
    let api = write::namespaced(&ctx.client, &key.namespace);
    let value = serde_json::to_value(status).unwrap_or_default();
    match write::status(&api, super::FIELD_MANAGER, newest.as_ref(), value).await {
        Ok(written) => ctx.world.applications.learn(written),
        Err(error) if error.is_gone() => {}
        Err(error) => return Err(error),
    }
    Ok(Next::Wait)
}

/// Whether a person waits for it: a condition changed its status or reason. Counts may wait.
fn is_news(before: Option<&ApplicationStatus>, after: &ApplicationStatus) -> bool {
    let said = |s: &ApplicationStatus| -> Vec<(String, String, String)> {
        s.conditions.iter().map(|c| (c.type_.clone(), c.status.clone(), c.reason.clone())).collect()
    };
    before.is_none_or(|before| said(before) != said(after) || before.last_handled_sync != after.last_handled_sync)
}
