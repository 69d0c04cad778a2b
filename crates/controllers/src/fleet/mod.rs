//! Fleet: counts its members and labels the objects that made them.
//!
//! Reads Fleets, AttachedClusters, of members whether their appliers get through, and of Applications whether they hold an
//! edit. Writes `Fleet.status` (all of it) and the label `fleet.kurator.dev/fleet-name` on
//! AttachedClusters, which a fleet that is gone takes along. Of several fleets with one member, the first by name labels
//! it. One missing member does not stop the others.
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

use api::delivery::{LinkState, MemberStatus};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::FLEET_NAME;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::{ClusterRef, Fleet};
use api::{condition, reason};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use kube::ResourceExt;
use model::{Clock, MemberName};
use plan::application::fleet_name;

use crate::WriteError;
use crate::changes::Changes;
use crate::deps::{Deps, Running, work};
use crate::event::Recorder;
use crate::index::ENTRY;
use crate::metrics::Metrics;
use crate::origin::{self, OriginFacts, Origins};
use crate::record;
use client::queue::note_generation;
use client::{Api, NamespacedName, Store};
use client::{Next, Queue};

/// Field manager of the label.
const FIELD_MANAGER: &str = "kurator-fleet";

/// Fleets are cheap.
const AT_ONCE: usize = 8;

/// What a pass needs.
struct Ctx {
    api: Api,
    clock: Arc<dyn Clock>,
    applications: Arc<Store<Application>>,
    fleets: Arc<Store<Fleet>>,
    attached: Arc<Store<AttachedCluster>>,
    clusters: Arc<Store<Cluster>>,
    statuses: Arc<Store<MemberStatus>>,
    origins: Origins,
    metrics: Metrics,
    events: Recorder,
}

/// Wires the controller, and runs it.
pub(crate) fn run(deps: &Deps) -> Running {
    let ctx = Arc::new(Ctx {
        api: deps.api.with_manager(FIELD_MANAGER),
        clock: deps.clock.clone(),
        applications: deps.stores.applications.clone(),
        fleets: deps.stores.fleets.clone(),
        attached: deps.stores.attached.clone(),
        clusters: deps.stores.clusters.clone(),
        statuses: deps.stores.statuses.clone(),
        origins: Origins::new(&deps.stores.attached),
        metrics: deps.metrics.clone(),
        events: deps.events.clone(),
    });
    let queue = deps.queue("fleet");
    watch(&ctx, &queue);
    watch_links(&ctx, &queue);
    Box::pin(work(ctx, queue, AT_ONCE, deps.shutdown.clone(), reconcile, say_broken))
}

fn watch(ctx: &Ctx, queue: &Queue<NamespacedName>) {
    // A Fleet: itself, and when its list changed those of its namespace, which may list the same.
    let (fleets, all) = (queue.clone(), ctx.fleets.clone());
    let lists: Changes<Vec<ClusterRef>> = Changes::new();
    ctx.fleets.on_change(move |key, fleet| {
        fleets.add(key.clone());
        if lists.replace(key, fleet.and_then(|f| origin::list_of(f))).is_some() {
            all.list_in(&key.namespace).iter().for_each(|f| fleets.add(NamespacedName::of(f.as_ref())));
        }
    });

    // An Application that holds an edit, or holds it no longer: the Fleet that it names, or named.
    let fleets = queue.clone();
    let held: Changes<String> = Changes::new();
    ctx.applications.on_change(move |key, application| {
        let names = application.filter(|a| holds_edit(a)).and_then(|a| fleet_name(a).map(str::to_owned));
        let Some(before) = held.replace(key, names.clone()) else { return };
        before.into_iter().chain(names).for_each(|fleet| fleets.add(key.beside(&fleet)));
    });

    // An AttachedCluster: the Fleets that list it, and the one whose label is on it, which may not list it any more.
    let (fleets, all) = (queue.clone(), ctx.fleets.clone());
    let facts: Changes<OriginFacts> = Changes::new();
    ctx.attached.on_change(move |key, attached| {
        if facts.replace(key, attached.map(|a| origin::facts(a))).is_none() {
            return;
        }
        all.by_index(ENTRY, &key.to_string()).iter().for_each(|f| fleets.add(NamespacedName::of(f.as_ref())));
        let label = attached.and_then(|a| a.labels().get(FLEET_NAME).cloned());
        label.into_iter().for_each(|fleet| fleets.add(key.beside(&fleet)));
    });
}

/// An applier that gets on with its member otherwise than before: the Fleets that list the AttachedCluster of that member.
fn watch_links(ctx: &Ctx, queue: &Queue<NamespacedName>) {
    let (fleets, all, clusters) = (queue.clone(), ctx.fleets.clone(), ctx.clusters.clone());
    let links: Changes<(MemberName, LinkState)> = Changes::new();
    ctx.statuses.on_change(move |key, status| {
        let link = status.and_then(|status| Some((status.spec.member.clone(), record::link(status)?.state)));
        let Some(before) = links.replace(key, link.clone()) else { return };
        let record = link.or(before).and_then(|(member, _)| clusters.get(&NamespacedName::new("", member.as_str())));
        let Some(origin) = record.and_then(|record| origin::of_record(&record)) else { return };
        let entry = NamespacedName::new(origin.namespace, origin.name).to_string();
        all.by_index(ENTRY, &entry).iter().for_each(|f| fleets.add(NamespacedName::of(f.as_ref())));
    });
}

/// Does an Application keep something in members that an edit would take it out of?
fn holds_edit(application: &Application) -> bool {
    let conditions = application.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let held = condition::find(conditions, condition::DELETIONS_HELD);
    held.is_some_and(|held| held.reason == reason::EDIT_REMOVES_MEMBERS)
}

/// Says that a look at it panicked.
fn say_broken(ctx: Arc<Ctx>, key: NamespacedName) -> BoxFuture<'static, Result<(), WriteError>> {
    async move { status::write_broken(&ctx, &key).await }.boxed()
}

/// Looks at one Fleet.
async fn reconcile(ctx: Arc<Ctx>, key: NamespacedName) -> Result<Next, WriteError> {
    let (ctx, key) = (&*ctx, &key);
    let fleet = ctx.fleets.get(key);
    let observed = observe::observe(ctx, fleet.as_deref(), key); // the hub's cache
    let generation = fleet.as_ref().and_then(|f| f.metadata.generation);
    note_generation(generation);
    let (plan, report) = plan::fleet::plan(&observed, generation, ctx.clock.now()); // pure
    tracing::debug!(fleet = %key, ?report, "decided");
    apply::apply(ctx, key, &plan).await?; // client
    if let Some(fleet) = fleet {
        status::write(ctx, &fleet, plan.status).await?; // client
    }
    Ok(Next::Wait)
}
