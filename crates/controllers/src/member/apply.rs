//! The member's record and its connection.

use std::sync::Arc;

use api::annotation::ATTACHED_BY;
use api::cluster::v1alpha1::AttachedCluster;
use api::member::v1alpha1::Cluster;
use client::Credential;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Resource, ResourceExt};
use plan::member::Plan;

use super::registry::Offered;
use super::{FIELD_MANAGER, probe};
use crate::Ctx;
use crate::informer::Key;
use crate::write::{self, WriteError};

pub(super) async fn apply(
    ctx: &Arc<Ctx>,
    key: &Key,
    member: &str,
    plan: &Plan,
    credential: Option<Credential>,
) -> Result<(), WriteError> {
    let Plan { record, deliver, cluster_status: _, attached_status: _ } = plan;
    if let Some(wanted) = record {
        let live = ctx.world.clusters.get(&Key::new("", member));
        let live = live.and_then(|c| serde_json::to_value(c.as_ref()).ok()).unwrap_or_default();
        if !model::object::holds(&live, wanted) {
            let api: Api<Cluster> = Api::all(ctx.client.clone());
            let cluster = write::apply(&api, FIELD_MANAGER, wanted).await?;
            ctx.world.clusters.learn(cluster);
        }
        if let Some(credential) = credential {
            connect(ctx, key, member, &credential).await;
        }
    }
    if ctx.members.allow(member, *deliver && record.is_some())
        && let Ok(name) = member.parse()
    {
        ctx.member_queue.add(name);
    }
    Ok(())
}

async fn connect(ctx: &Arc<Ctx>, key: &Key, member: &str, credential: &Credential) {
    match ctx.members.offer(member, credential, &ctx.shutdown).await {
        Ok(Offered::Same) => {}
        Ok(Offered::New(connection, stop)) => {
            ctx.tasks.spawn(probe::run(ctx.clone(), key.clone(), member.to_owned(), connection, stop));
        }
        Err(error) => tracing::warn!(%member, %error, "cannot connect"),
    }
}

/// The AttachedCluster is gone: so are the record and the connection. Nothing is deleted in the member.
pub(super) async fn detach(ctx: &Ctx, key: &Key) -> Result<(), WriteError> {
    let me = key.to_string();
    let api: Api<Cluster> = Api::all(ctx.client.clone());
    for cluster in ctx.world.clusters.list() {
        if cluster.annotations().get(ATTACHED_BY) != Some(&me) {
            continue;
        }
        let name = cluster.name_any();
        match api.delete(&name, &kube::api::DeleteParams::default()).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(WriteError::new::<Cluster>("delete", &name, error)),
        }
        ctx.members.remove(&name);
        if let Ok(name) = name.parse() {
            ctx.member_queue.add(name);
        }
        tracing::info!(member = %name, "detached; nothing was deleted in the member");
        say_so(ctx, key, &name).await;
    }
    Ok(())
}

async fn say_so(ctx: &Ctx, key: &Key, member: &str) {
    let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: None };
    let mut about = AttachedCluster::new(&key.name, api::cluster::v1alpha1::AttachedClusterSpec::default());
    about.metadata.namespace = Some(key.namespace.clone());
    let event = Event {
        type_: EventType::Normal,
        reason: "MemberDetached".into(),
        note: Some(format!(
            "member {member} was detached: its record is gone, and nothing was deleted in it; to remove what was \
             delivered, take a member out of its Fleet first"
        )),
        action: "Detach".into(),
        secondary: None,
    };
    let recorder = Recorder::new(ctx.client.clone(), reporter);
    if let Err(error) = recorder.publish(&event, &about.object_ref(&())).await {
        tracing::debug!(%error, "cannot record an event");
    }
}
