//! A member that goes with what was delivered to it: out of its Fleets first, and when that has left, its AttachedCluster is
//! deleted as with a release.
//!
//! One annotation says so, and each step follows from what is stored: a command that is interrupted leaves nothing half done, and
//! a hub that is restarted goes on.

use std::sync::Arc;
use std::time::Duration;

use api::condition;
use api::delivery::MemberDecision;
use api::kurator::annotation::DETACH_FINALIZER;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use client::{NamespacedName, Next};
use kube::ResourceExt;
use model::MemberName;
use plan::member::Emptying;
use serde_json::json;

use super::Ctx;
use crate::index::ENTRY;
use crate::origin;
use crate::record::{self, MEMBER};
use crate::write::{self, WriteError};

/// How often it is looked at whether the next step can be taken: a person may wait for it, and few members leave at a time.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The same while the member does not answer: its return is news.
const AWAY_EVERY: Duration = Duration::from_secs(30);

/// What is to be done before an attached cluster goes with what was delivered; `None` unless it says that it does. Somebody may
/// delete it meanwhile: then it is the same until everything has left, and from there on the rest is given back.
pub(super) fn emptying(
    ctx: &Ctx,
    attached: &AttachedCluster,
    key: &NamespacedName,
    member: Option<&MemberName>,
) -> Option<Emptying> {
    if !origin::is_emptied_first(attached) {
        return None;
    }
    let is_going = attached.metadata.deletion_timestamp.is_some();
    let record = member.and_then(|member| ctx.clusters.get(&NamespacedName::new("", member.as_str())));
    if is_going && record.is_some_and(|record| origin::is_released(&record)) {
        return None;
    }
    let fleets = listing(ctx, key).iter().map(|fleet| fleet.name_any()).collect();
    let decisions = member.map(|member| ctx.decisions.by_index(MEMBER, member.as_str())).unwrap_or_default();
    let leaves = |decision: &&Arc<api::delivery::Decision>| {
        let entry = member.and_then(|member| decision.spec.members.get(member));
        entry.is_some_and(|entry| is_leaving(ctx, &decision.spec.unit.owner(), entry))
    };
    let emptying = Emptying { fleets, units: decisions.iter().filter(leaves).count() };
    Some(emptying).filter(|emptying| !is_going || !emptying.is_done())
}

/// Does a unit leave a member that no Fleet lists? One whose Fleet is gone stays where it is until it gets another one: it is
/// given back with the rest.
fn is_leaving(ctx: &Ctx, owner: &api::delivery::Owner, entry: &MemberDecision) -> bool {
    let application = record::application_of(owner).and_then(|key| ctx.applications.get(&key));
    let has_fleet = application.is_some_and(|application| {
        let spec = &application.spec;
        let named = spec.sync_policies.iter().filter_map(|policy| spec.destination_of(policy)).chain(&spec.destination);
        let of = |name: &str| NamespacedName::of(application.as_ref()).beside(name);
        named
            .into_iter()
            .any(|to| ctx.fleets.get(&of(&to.fleet)).is_some_and(|fleet| origin::list_of(&fleet).is_some()))
    });
    has_fleet || !entry.removal.is_none()
}

/// The Fleets that list an attached cluster.
fn listing(ctx: &Ctx, key: &NamespacedName) -> Vec<Arc<Fleet>> {
    let mut all = ctx.fleets.by_index(ENTRY, &key.to_string());
    let me = origin::of_attached(key);
    all.retain(|fleet| {
        let entries = origin::list_of(fleet).unwrap_or_default();
        entries.iter().any(|entry| origin::of_entry(&key.namespace, entry).as_ref() == Some(&me))
    });
    all
}

/// Takes the next step.
pub(super) async fn go_on(
    ctx: &Ctx,
    key: &NamespacedName,
    attached: &AttachedCluster,
    emptying: &Emptying,
) -> Result<Next, WriteError> {
    // First: a deletion in between waits until everything has left.
    if !origin::waits_for_us(attached) {
        let finalizers: Vec<&str> =
            attached.finalizers().iter().map(String::as_str).chain([DETACH_FINALIZER]).collect();
        let patch =
            json!({"metadata": {"resourceVersion": attached.metadata.resource_version, "finalizers": finalizers}});
        if let Some(written) = write::patch::<AttachedCluster>(&ctx.api, key, "put the finalizer on", &patch).await? {
            ctx.attached.learn(written);
        }
    }
    let me = origin::of_attached(key);
    for fleet in listing(ctx, key) {
        let is_other = |entry: &&_| origin::of_entry(&key.namespace, entry).as_ref() != Some(&me);
        let rest: Vec<_> = fleet.spec.clusters.iter().filter(is_other).collect();
        let patch =
            json!({"metadata": {"resourceVersion": fleet.metadata.resource_version}, "spec": {"clusters": rest}});
        let name = NamespacedName::of(fleet.as_ref());
        if let Some(written) = write::patch::<Fleet>(&ctx.api, &name, "take a member out of", &patch).await? {
            ctx.fleets.learn(written);
        }
    }
    if !emptying.is_done() {
        let conditions = attached.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let answers = condition::find(conditions, condition::READY).is_some_and(|ready| ready.status == "True");
        return Ok(Next::After(if answers { LOOK_EVERY } else { AWAY_EVERY }));
    }
    write::delete::<AttachedCluster>(&ctx.api, key, attached.metadata.uid.as_deref()).await?;
    Ok(Next::Wait)
}
