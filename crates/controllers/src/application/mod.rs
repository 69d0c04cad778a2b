//! Application: its source is followed, its policies become units with revisions, members get decisions.
//!
//! Triggered by Applications, Fleets, AttachedClusters, members' records and reports, and by a source with news. Reads
//! these and the artifact. Writes Revisions, Decisions, the Application's finalizer and all of `Application.status`.
//!
//! | step | what |
//! |---|---|
//! | `observe` | the fleet, the source, stored revisions and decisions, members' reports; renders what is wanted |
//! | [`plan::application`] | new revisions, who gets which, tombstones, approvals, status |
//! | `apply` | revisions before the decisions that name them |
//! | `status` | the status, when it differs, at most once a second |
//!
//! Failure modes: whatever cannot be resolved freezes deletions and leaves what runs; an Application that is gone is
//! still looked after until its tombstones are gone.

mod apply;
mod observe;
mod status;

use std::sync::Arc;

use crate::informer::Key;
use crate::queue::Next;
use crate::{Ctx, WriteError};

use observe::Lost;
pub(crate) use observe::reach;

/// Field manager of Decisions and Revisions.
const FIELD_MANAGER: &str = "kurator-application";

/// Looks at one Application.
pub async fn reconcile(ctx: Arc<Ctx>, key: Key) -> Next {
    match pass(&ctx, &key).await {
        Ok(next) => next,
        Err(error) if error.is_conflict() => Next::Retry,
        Err(error) => {
            tracing::warn!(application = %key, error = &error as &dyn std::error::Error, "cannot look after it");
            Next::Retry
        }
    }
}

async fn pass(ctx: &Ctx, key: &Key) -> Result<Next, WriteError> {
    let now = ctx.clock.now();
    let application = ctx.world.applications.get(key);
    let (observed, lost) = observe::observe(ctx, key, application.as_deref(), now).await?; // source, cache
    if lost == Some(Lost::UnderWay) {
        return Ok(Next::After(Lost::UnderWay.look_again()));
    }
    let (plan, report) = plan::application::plan(&observed, now); // pure
    tracing::debug!(application = %key, ?report, "decided");
    apply::apply(ctx, key, application.as_deref(), &plan).await?; // client
    let next = status::write(ctx, key, application.as_deref(), plan.status).await?; // client
    Ok(next.or_after(lost.map(Lost::look_again)))
}
