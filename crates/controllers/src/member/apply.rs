//! The member's record and its connection.

use std::sync::Arc;

use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::{APPROVE_TAKE_OVER, DETACH_FINALIZER, NAMESPACES, ON_DETACH, TAKE_OVER};
use api::kurator::cluster::v1alpha1::AttachedCluster;
use futures::FutureExt as _;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::{Resource, ResourceExt};
use model::MemberName;
use plan::journal::turn::Detached;
use plan::journal::{Fact, turn};
use plan::member::Plan;
use serde_json::{Value, json};

use super::registry::Start;
use super::{Ctx, FIELD_MANAGER, probe};
use crate::connection::{Connection, Prepared};
use crate::index::ORIGIN;
use crate::origin;
use crate::write::{self, WriteError};
use client::NamespacedName;
use client::contain::restarting;

/// Most characters of an object's name at the beginning of an event's: a name has 253, a dot and a UID take 37.
const EVENT_PREFIX_MAX: usize = 200;

pub(super) async fn apply(
    ctx: &Arc<Ctx>,
    key: &NamespacedName,
    member: Option<&MemberName>,
    plan: &Plan,
    prepared: Option<Prepared>,
) -> Result<(), WriteError> {
    let Plan { record, cluster_status: _, origin_status: _, let_go, is_taken_over: _ } = plan;
    // Before there is another record of the same cluster: that would be the same cluster twice.
    detach(ctx, key, member).await?;
    let (Some(wanted), Some(member)) = (record, member) else { return Ok(()) };
    let live = ctx.clusters.get(&NamespacedName::new("", member.as_str()));
    let live = live.and_then(|c| serde_json::to_value(c.as_ref()).ok()).unwrap_or_default();
    if !model::object::holds(&live, wanted)
        || is_told_more(&live, wanted, *let_go)
        || holds_more(&live, wanted) && owns_more(&read(ctx, member).await?, wanted)
    {
        ctx.clusters.learn(write::apply(&ctx.api, wanted).await?);
    }
    if let Some(prepared) = prepared {
        let connection = ctx.connections.open(member, prepared);
        if let Some(start) = ctx.probes.start(member, connection.serial, &ctx.shutdown) {
            start_probing(ctx, key, member, connection, start);
        }
    }
    Ok(())
}

/// Does the record say to take something over that is not to be taken over any more, name limits of rights that are gone, or say
/// that the member is left, though its AttachedCluster was made again?
pub(super) fn is_told_more(live: &Value, wanted: &Value, is_leaving: bool) -> bool {
    let has = |object: &Value, name: &str| model::object::annotation(object, name).is_some();
    // A record that is about to go keeps it: what was given back would be delivered again.
    let on_detach = (!is_leaving).then_some(ON_DETACH);
    let told = [TAKE_OVER, APPROVE_TAKE_OVER, NAMESPACES].into_iter().chain(on_detach);
    told.into_iter().any(|name| has(live, name) && !has(wanted, name))
}

/// Does the record have a label or a field of the spec that is not wanted? Whose it is, is not kept in memory.
fn holds_more(live: &Value, wanted: &Value) -> bool {
    let more = |path: &[&str]| {
        let names = model::object::get(live, path).and_then(Value::as_object).into_iter().flat_map(|map| map.keys());
        names.into_iter().any(|name| model::object::get(wanted, &[path, &[name]].concat()).is_none())
    };
    more(&["metadata", "labels"]) || more(&["spec"])
}

/// The record with who owns which of its fields.
async fn read(ctx: &Ctx, member: &MemberName) -> Result<Value, WriteError> {
    let found = write::read::<Cluster>(&ctx.api, "", member.as_str()).await?;
    Ok(found.and_then(|cluster| serde_json::to_value(cluster).ok()).unwrap_or_default())
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
    ctx.tasks.spawn(restarting("probe", ctx.metrics.queues().clone(), ctx.jitter.clone(), run).boxed());
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
    for cluster in ctx.clusters.by_index(ORIGIN, &origin::of_attached(key).to_string()) {
        let name = cluster.name_any();
        if but.is_some_and(|but| but.as_str() == name) {
            continue;
        }
        // Exactly this one: a record that was made under the name since belongs to another object.
        write::delete::<Cluster>(&ctx.api, &NamespacedName::new("", &name), cluster.uid().as_deref()).await?;
        if let Ok(member) = name.parse() {
            ctx.probes.remove(&member);
            ctx.connections.close(&member);
        }
        ctx.events.journal().note_fact(Fact::Turned(turn::detached(&name, origin::detached(&cluster))));
        say_so(ctx, key, &cluster).await;
    }
    Ok(())
}

/// Takes our finalizer off an attached cluster that may go.
pub(super) async fn let_go(ctx: &Ctx, key: &NamespacedName, attached: &AttachedCluster) -> Result<(), WriteError> {
    let others: Vec<&String> = attached.finalizers().iter().filter(|f| *f != DETACH_FINALIZER).collect();
    if others.len() == attached.finalizers().len() {
        return Ok(());
    }
    // No finalizer can come to an object that is being deleted, so that none is lost here.
    let patch = json!({"metadata": {"finalizers": others, "uid": attached.metadata.uid}});
    write::patch::<AttachedCluster>(&ctx.api, key, "take the finalizer off", &patch).await?;
    Ok(())
}

/// Takes the wish to take over away, which is done: said again, it would be asked of another hub's objects that come later.
pub(super) async fn forget_take_over(
    ctx: &Ctx,
    key: &NamespacedName,
    attached: &AttachedCluster,
) -> Result<(), WriteError> {
    // A person may have named another hub meanwhile.
    let patch = json!({"metadata": {"resourceVersion": attached.metadata.resource_version,
        "annotations": {APPROVE_TAKE_OVER: null}}, "spec": {"takeOver": null}});
    write::patch::<AttachedCluster>(&ctx.api, key, "take spec.takeOver away from", &patch).await.map(drop)
}

async fn say_so(ctx: &Ctx, key: &NamespacedName, cluster: &Cluster) {
    let member = cluster.name_any();
    let detached = origin::detached(cluster);
    let advice = match detached {
        Detached::Kept => "; to remove what was delivered, take a member out of its Fleet first",
        Detached::Released | Detached::Removed => "",
    };
    let what = detached.in_words();
    let mut about = AttachedCluster::new(&key.name, api::kurator::cluster::v1alpha1::AttachedClusterSpec::default());
    about.metadata.namespace = Some(key.namespace.clone());
    let mut event = Event {
        type_: Some("Normal".into()),
        reason: Some("MemberDetached".into()),
        note: Some(format!("member {member} was detached: its record is gone, and {what}{advice}")),
        action: Some("Detach".into()),
        regarding: Some(about.object_ref(&())),
        event_time: Some(MicroTime(ctx.clock.now())),
        reporting_controller: Some(FIELD_MANAGER.to_owned()),
        // There is one.
        reporting_instance: Some(FIELD_MANAGER.to_owned()),
        ..Event::default()
    };
    event.metadata.namespace = Some(key.namespace.clone());
    // Its name follows from the record, so that one detachment is one event, also when it is done twice.
    let prefix: String = key.name.chars().take(EVENT_PREFIX_MAX).collect();
    event.metadata.name = Some(format!("{prefix}.{}", cluster.uid().unwrap_or_default()));
    if let Err(error) = write::create(&ctx.api, &event).await
        && !error.is_conflict()
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "cannot record an event");
    }
}
