//! The statuses of the record and of the AttachedCluster, written when they differ.

use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use kube::Api;
use plan::member::Plan;

use crate::Ctx;
use crate::informer::Key;
use crate::write::{self, WriteError};

pub(super) async fn write(
    ctx: &Ctx,
    key: &Key,
    attached: &AttachedCluster,
    member: &str,
    plan: Plan,
) -> Result<(), WriteError> {
    let cluster = ctx.world.clusters.get(&Key::new("", member));
    if let (Some(status), Some(cluster)) = (plan.cluster_status, cluster)
        && cluster.status.as_ref() != Some(&status)
    {
        let api: Api<Cluster> = Api::all(ctx.client.clone());
        let value = serde_json::to_value(status).unwrap_or_default();
        ctx.world.clusters.learn(write::status(&api, super::FIELD_MANAGER, cluster.as_ref(), value).await?);
        ctx.member_queue.add(match member.parse() {
            Ok(name) => name,
            Err(_) => return Ok(()),
        });
    }
    if attached.status.as_ref() != Some(&plan.attached_status) {
        let api = write::namespaced(&ctx.client, &key.namespace);
        let value = serde_json::to_value(plan.attached_status).unwrap_or_default();
        ctx.world.attached.learn(write::status(&api, super::FIELD_MANAGER, attached, value).await?);
    }
    Ok(())
}
