//! The statuses of the record and of the AttachedCluster, written when they differ.

use api::condition;
use api::karmada::cluster::v1alpha1::{Cluster, ClusterStatus};
use api::kurator::cluster::v1alpha1::{AttachedCluster, AttachedClusterStatus};
use model::MemberName;
use plan::member::{OriginStatus, Plan};
use plan::state;

use super::Ctx;
use crate::index::ORIGIN;
use crate::origin;
use crate::write::{self, WriteError};
use client::NamespacedName;

/// Writes them. The AttachedCluster as it is then, if it was written.
pub(super) async fn write(
    ctx: &Ctx,
    attached: &AttachedCluster,
    member: Option<&MemberName>,
    plan: Plan,
) -> Result<Option<AttachedCluster>, WriteError> {
    let cluster = member.and_then(|member| ctx.clusters.get(&NamespacedName::new("", member.as_str())));
    if let (Some(status), Some(cluster)) = (plan.cluster_status, cluster)
        && cluster.status.as_ref() != Some(&status)
    {
        let cluster = Cluster { status: Some(status), ..cluster.as_ref().clone() };
        ctx.clusters.learn(write::status(&ctx.api, &ctx.metrics, &cluster).await?);
    }
    let OriginStatus { ready, member, secret_version, observed_generation, conditions } = plan.origin_status;
    let status = AttachedClusterStatus {
        ready,
        member: member.map(|name| name.to_string()),
        observed_secret_version: secret_version,
        observed_generation,
        conditions,
    };
    write_origin(ctx, attached, status).await
}

/// Says of an AttachedCluster, and of the record that it made, that a look at it panicked: what its prober sees is not stored as long
/// as that comes again, and nothing may stay as it was said last.
pub(super) async fn write_broken(ctx: &Ctx, key: &NamespacedName) -> Result<(), WriteError> {
    let now = ctx.clock.now();
    for cluster in ctx.clusters.by_index(ORIGIN, &origin::of_attached(key).to_string()) {
        let before = cluster.status.clone().unwrap_or_default();
        let conditions = state::broken(&before.conditions, condition::READY, None, now);
        if before.conditions != conditions {
            let status = ClusterStatus { conditions, ..before };
            let wanted = Cluster { status: Some(status), ..cluster.as_ref().clone() };
            ctx.clusters.learn(write::status(&ctx.api, &ctx.metrics, &wanted).await?);
        }
    }
    let Some(attached) = ctx.attached.get(key) else { return Ok(()) };
    let before = attached.status.clone().unwrap_or_default();
    let conditions = state::broken(&before.conditions, condition::READY, attached.metadata.generation, now);
    let status = AttachedClusterStatus { ready: false, conditions, ..before };
    write_origin(ctx, &attached, status).await.map(drop)
}

/// Writes the status of an AttachedCluster when it differs. The object as it is then, if it was written.
async fn write_origin(
    ctx: &Ctx,
    attached: &AttachedCluster,
    status: AttachedClusterStatus,
) -> Result<Option<AttachedCluster>, WriteError> {
    if attached.status.as_ref() == Some(&status) {
        return Ok(None);
    }
    let wanted = AttachedCluster { status: Some(status), ..attached.clone() };
    let written = write::status(&ctx.api, &ctx.metrics, &wanted).await?;
    ctx.events.record(attached, &written);
    ctx.attached.learn(written.clone());
    Ok(Some(written))
}
