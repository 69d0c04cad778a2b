//! The statuses of the record and of the AttachedCluster, written when they differ.

use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::cluster::v1alpha1::{AttachedCluster, AttachedClusterStatus};
use kube::Api;
use model::MemberName;
use plan::member::{OriginStatus, Plan};

use super::{Ctx, FIELD_MANAGER};
use crate::write::{self, WriteError};
use client::NamespacedName;

pub(super) async fn write(
    ctx: &Ctx,
    key: &NamespacedName,
    attached: &AttachedCluster,
    member: Option<&MemberName>,
    plan: Plan,
) -> Result<(), WriteError> {
    let cluster = member.and_then(|member| ctx.clusters.get(&NamespacedName::new("", member.as_str())));
    if let (Some(status), Some(cluster)) = (plan.cluster_status, cluster)
        && cluster.status.as_ref() != Some(&status)
    {
        let api: Api<Cluster> = Api::all(ctx.client.clone());
        let cluster = Cluster { status: Some(status), ..cluster.as_ref().clone() };
        ctx.clusters.learn(write::status(&api, FIELD_MANAGER, &cluster).await?);
    }
    let OriginStatus { ready, member, conditions } = plan.origin_status;
    let status = AttachedClusterStatus { ready, member: member.map(|name| name.to_string()), conditions };
    if attached.status.as_ref() != Some(&status) {
        let api = write::namespaced(&ctx.client, &key.namespace);
        let attached = AttachedCluster { status: Some(status), ..attached.clone() };
        ctx.attached.learn(write::status(&api, FIELD_MANAGER, &attached).await?);
    }
    Ok(())
}
