//! The member's record and its connection.

use std::sync::Arc;

use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use kube::api::{DeleteParams, Preconditions};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Resource, ResourceExt};
use model::MemberName;
use plan::member::Plan;
use serde_json::Value;

use super::registry::Start;
use super::{Ctx, FIELD_MANAGER, probe};
use crate::connection::{Connection, Prepared};
use crate::index::ORIGIN;
use crate::origin;
use crate::write::{self, WriteError};
use client::NamespacedName;
use client::contain::restarting;

pub(super) async fn apply(
    ctx: &Arc<Ctx>,
    key: &NamespacedName,
    member: Option<&MemberName>,
    plan: &Plan,
    prepared: Option<Prepared>,
) -> Result<(), WriteError> {
    let Plan { record, cluster_status: _, origin_status: _ } = plan;
    // Before there is another record of the same cluster: that would be the same cluster twice.
    detach(ctx, key, member).await?;
    let (Some(wanted), Some(member)) = (record, member) else { return Ok(()) };
    let live = ctx.clusters.get(&NamespacedName::new("", member.as_str()));
    let live = live.and_then(|c| serde_json::to_value(c.as_ref()).ok()).unwrap_or_default();
    if !model::object::holds(&live, wanted) || owns_more(&live, wanted) {
        let api: Api<Cluster> = Api::all(ctx.client.clone());
        ctx.clusters.learn(write::apply(&api, FIELD_MANAGER, wanted).await?);
    }
    if let Some(prepared) = prepared {
        let connection = ctx.connections.open(member, prepared);
        if let Some(start) = ctx.probes.start(member, connection.serial, &ctx.shutdown) {
            start_probing(ctx, key, member, connection, start);
        }
    }
    Ok(())
}

/// Probes a member. A probe that panics costs itself.
pub(super) fn start_probing(
    ctx: &Arc<Ctx>,
    key: &NamespacedName,
    member: &MemberName,
    connection: Connection,
    start: Start,
) {
    let (here, key, member) = (ctx.clone(), key.clone(), member.clone());
    let run = move || probe::run(here.clone(), key.clone(), member.clone(), connection.clone(), start.clone());
    ctx.tasks.spawn(restarting("probe", ctx.metrics.queues().clone(), ctx.jitter.clone(), run));
}

/// Does the record have a label or a region from us that is not wanted any more? Others' stay.
fn owns_more(live: &Value, wanted: &Value) -> bool {
    let fields = model::object::get(live, &["metadata", "managedFields"]).and_then(Value::as_array);
    let ours = fields.into_iter().flatten().filter(|entry| entry["manager"] == FIELD_MANAGER);
    let ours = ours.filter(|entry| model::object::get_str(entry, &["subresource"]).unwrap_or_default().is_empty());
    let under = |entry: &Value, path: [&str; 2], below: &[&str]| -> bool {
        let set = &entry["fieldsV1"][format!("f:{}", path[0])];
        let set = if path[1].is_empty() { set } else { &set[format!("f:{}", path[1])] };
        let names = set.as_object().into_iter().flatten().filter_map(|(name, _)| name.strip_prefix("f:"));
        names.into_iter().any(|name| model::object::get(wanted, &[below, &[name]].concat()).is_none())
    };
    ours.into_iter().any(|entry| {
        under(entry, ["metadata", "labels"], &["metadata", "labels"]) || under(entry, ["spec", ""], &["spec"])
    })
}

/// The AttachedCluster is gone, or goes by another name: so are the records that it made and their connections, but for
/// the one that it has now. Nothing is deleted in the member.
pub(super) async fn detach(ctx: &Ctx, key: &NamespacedName, but: Option<&MemberName>) -> Result<(), WriteError> {
    let api: Api<Cluster> = Api::all(ctx.client.clone());
    for cluster in ctx.clusters.by(ORIGIN, &origin::of_attached(key).to_string()) {
        let name = cluster.name_any();
        if but.is_some_and(|but| but.as_str() == name) {
            continue;
        }
        // Exactly this one: a record that was made under the name since belongs to another object.
        let preconditions = Preconditions { uid: cluster.uid(), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match api.delete(&name, &params).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(WriteError::new::<Cluster>("delete", &name, error)),
        }
        if let Ok(member) = name.parse() {
            ctx.probes.remove(&member);
            ctx.connections.close(&member);
        }
        tracing::info!(member = %name, "detached; nothing was deleted in the member");
        say_so(ctx, key, &name).await;
    }
    Ok(())
}

async fn say_so(ctx: &Ctx, key: &NamespacedName, member: &str) {
    let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: None };
    let mut about = AttachedCluster::new(&key.name, api::kurator::cluster::v1alpha1::AttachedClusterSpec::default());
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
