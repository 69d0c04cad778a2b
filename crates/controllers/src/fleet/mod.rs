//! Fleet: counts its members and labels the objects that made them.
//!
//! Triggered by Fleets, and by AttachedClusters and members' records of its namespace. Reads these. Writes
//! `Fleet.status` (all of it) and the label `fleet.kurator.dev/fleet-name` on AttachedClusters, which a fleet that is gone
//! takes along. Of several fleets with one member, the first by name labels it. One missing member stops nobody else.
//!
//! | step | what |
//! |---|---|
//! | `observe` | entries of `spec.clusters` with what is known of each |
//! | [`plan::fleet`] | who gets or loses the label; counts; conditions |
//! | `apply` | label patches |
//! | `status` | the status, when it differs |

mod apply;
mod observe;
mod status;

use std::sync::Arc;

use crate::informer::Key;
use crate::queue::Next;
use crate::{Ctx, WriteError};

/// Field manager of the label.
const FIELD_MANAGER: &str = "kurator-fleet";

/// Looks at one Fleet.
pub async fn reconcile(ctx: Arc<Ctx>, key: Key) -> Next {
    match pass(&ctx, &key).await {
        Ok(()) => Next::Wait,
        Err(error) if error.is_conflict() => Next::Retry,
        Err(error) => {
            tracing::warn!(fleet = %key, error = &error as &dyn std::error::Error, "cannot look after the fleet");
            Next::Retry
        }
    }
}

async fn pass(ctx: &Ctx, key: &Key) -> Result<(), WriteError> {
    let fleet = ctx.world.fleets.get(key);
    let observed = observe::observe(ctx, fleet.as_deref(), key); // the hub's cache
    let generation = fleet.as_ref().and_then(|f| f.metadata.generation);
    let plan = plan::fleet::plan(&observed, generation, ctx.clock.now()); // pure
    apply::apply(ctx, key, &plan).await?; // client
    match fleet {
        Some(fleet) => status::write(ctx, key, &fleet, plan.status).await, // client
        None => Ok(()),
    }
}
