//! The statuses of the record and of the AttachedCluster, written when they differ.

use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::cluster::v1alpha1::{AttachedCluster, AttachedClusterStatus};
use model::MemberName;
use plan::member::{OriginStatus, Plan};

use super::Ctx;
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
    if attached.status.as_ref() != Some(&status) {
        let wanted = AttachedCluster { status: Some(status), ..attached.clone() };
        let written = write::status(&ctx.api, &ctx.metrics, &wanted).await?;
        ctx.events.record(attached, &written);
        ctx.attached.learn(written.clone());
        return Ok(Some(written));
    }
    Ok(None)
}
