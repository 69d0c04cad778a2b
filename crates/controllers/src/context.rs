//! What controllers share, and how they are wired to each other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use api::apps::v1alpha1::Application;
use api::cluster::v1alpha1::AttachedCluster;
use api::delivery::{Decision, HubId, MemberName, MemberStatus, Revision};
use api::fleet::v1alpha1::Fleet;
use api::member::v1alpha1::Cluster;
use client::Trust;
use kube::{Api, Client, ResourceExt};
use model::Clock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::delivery::Delivery;
use crate::fetch::Fetcher;
use crate::informer::{Informer, Key};
use crate::member::Members;
use crate::queue::Queue;
use crate::rendering::Renderings;
use crate::{application, delivery, fleet, member};

/// The newest known state of the hub's kinds, each watched once.
pub struct World {
    /// Applications.
    pub applications: Arc<Informer<Application>>,
    /// Fleets.
    pub fleets: Arc<Informer<Fleet>>,
    /// AttachedClusters.
    pub attached: Arc<Informer<AttachedCluster>>,
    /// Members' records.
    pub clusters: Arc<Informer<Cluster>>,
    /// Revisions.
    pub revisions: Arc<Informer<Revision>>,
    /// Decisions.
    pub decisions: Arc<Informer<Decision>>,
    /// Members' reports, as stored.
    pub statuses: Arc<Informer<MemberStatus>>,
}

/// How the hub wants its controllers.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is allowed of members' kubeconfigs.
    pub trust: Trust,
    /// Where artifacts are cached.
    pub cache: PathBuf,
    /// Most bytes of that cache.
    pub cache_bytes_max: u64,
}

/// What every controller is given.
pub struct Ctx {
    /// The hub, as the controllers' own user.
    pub client: Client,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The hub's id.
    pub hub: HubId,
    /// Spreads retries: a number in 0..1 from the composition root.
    pub jitter: applier::Jitter,
    /// What is allowed of members' kubeconfigs.
    pub trust: Trust,
    /// The hub's objects.
    pub world: World,
    /// Connections to members, and what their probes see.
    pub members: Members,
    /// Sources.
    pub fetcher: Fetcher,
    /// Rendered units.
    pub renderings: Renderings,
    /// Appliers and what they report.
    pub delivery: Delivery,
    /// AttachedClusters to look at.
    pub attached_queue: Queue<Key>,
    /// Fleets to look at.
    pub fleet_queue: Queue<Key>,
    /// Applications to look at.
    pub application_queue: Queue<Key>,
    /// Members whose delivery to look at.
    pub member_queue: Queue<MemberName>,
    /// Background tasks, waited for at shutdown.
    pub tasks: TaskTracker,
    /// Ends everything.
    pub shutdown: CancellationToken,
}

/// How many members are looked at once: each waits for its own network, and none of them for another.
const MEMBERS_AT_ONCE: usize = 64;
/// How many Applications are looked at once: rendering is CPU work, and two cores are what a hub has.
const APPLICATIONS_AT_ONCE: usize = 8;
/// Fleets are cheap.
const FLEETS_AT_ONCE: usize = 8;

impl Ctx {
    /// Makes the context. Nothing runs yet.
    ///
    /// # Errors
    /// The cache directory cannot be used, or the HTTP client cannot be made.
    pub fn new(
        client: Client,
        clock: Arc<dyn Clock>,
        jitter: applier::Jitter,
        hub: HubId,
        options: &Options,
        shutdown: CancellationToken,
    ) -> Result<Arc<Self>, source::Error> {
        let application_queue = Queue::new();
        let cache = source::Cache::open(&options.cache, options.cache_bytes_max)?;
        Ok(Arc::new(Self {
            fetcher: Fetcher::new(cache.clone(), application_queue.clone(), clock.clone())?,
            renderings: Renderings::new(cache),
            delivery: Delivery::new(hub.clone()),
            members: Members::default(),
            client,
            clock,
            hub,
            jitter,
            trust: options.trust,
            world: World {
                applications: Informer::new(),
                fleets: Informer::new(),
                attached: Informer::new(),
                clusters: Informer::new(),
                revisions: Informer::new(),
                decisions: Informer::new(),
                statuses: Informer::new(),
            },
            attached_queue: Queue::new(),
            fleet_queue: Queue::new(),
            application_queue,
            member_queue: Queue::new(),
            tasks: TaskTracker::new(),
            shutdown,
        }))
    }

    /// Is everything listed? Nothing is decided before.
    pub fn is_synced(&self) -> bool {
        let World { applications, fleets, attached, clusters, revisions, decisions, statuses } = &self.world;
        applications.is_synced()
            && fleets.is_synced()
            && attached.is_synced()
            && clusters.is_synced()
            && revisions.is_synced()
            && decisions.is_synced()
            && statuses.is_synced()
    }
}

/// Runs all controllers until shutdown.
pub async fn run(ctx: Arc<Ctx>) {
    wire(&ctx);
    let stop = ctx.shutdown.clone();
    let all = |client: &Client| client.clone();
    let w = &ctx.world;
    ctx.tasks.spawn(w.applications.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(w.fleets.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(w.attached.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(w.clusters.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(w.revisions.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(w.decisions.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(w.statuses.clone().run(Api::all(all(&ctx.client)), stop.clone()));
    ctx.tasks.spawn(member::watch_secrets(ctx.clone()));
    let synced = async {
        w.applications.synced().await;
        w.fleets.synced().await;
        w.attached.synced().await;
        w.clusters.synced().await;
        w.revisions.synced().await;
        w.decisions.synced().await;
        w.statuses.synced().await;
    };
    tokio::select! {
        () = synced => {}
        () = stop.cancelled() => return,
    }
    delivery::load(&ctx);
    let queues = async {
        tokio::join!(
            ctx.attached_queue.run(MEMBERS_AT_ONCE, stop.clone(), |key| member::reconcile(ctx.clone(), key)),
            ctx.fleet_queue.run(FLEETS_AT_ONCE, stop.clone(), |key| fleet::reconcile(ctx.clone(), key)),
            ctx.application_queue
                .run(APPLICATIONS_AT_ONCE, stop.clone(), |key| application::reconcile(ctx.clone(), key)),
            ctx.member_queue.run(MEMBERS_AT_ONCE, stop.clone(), |name| delivery::reconcile(ctx.clone(), name)),
        )
    };
    queues.await;
    ctx.delivery.close().await;
    ctx.tasks.close();
    ctx.tasks.wait().await;
}

/// Which change makes whom look again. Each line names the relation.
fn wire(ctx: &Arc<Ctx>) {
    let w = &ctx.world;
    let queues = || {
        (ctx.attached_queue.clone(), ctx.fleet_queue.clone(), ctx.application_queue.clone(), ctx.member_queue.clone())
    };

    let (_, _, applications, _) = queues();
    w.applications.on_change(move |key, _| applications.add(key.clone()));

    // A Fleet: itself, and the Applications of its namespace, which may name it.
    let (_, fleets, applications, _) = queues();
    let known = w.applications.clone();
    w.fleets.on_change(move |key, _| {
        fleets.add(key.clone());
        in_namespace(&known, &key.namespace, &applications);
    });

    // An AttachedCluster: itself, and the Fleets and Applications of its namespace.
    let (attached, fleets, applications, _) = queues();
    let (known_fleets, known_applications) = (w.fleets.clone(), w.applications.clone());
    w.attached.on_change(move |key, _| {
        attached.add(key.clone());
        in_namespace(&known_fleets, &key.namespace, &fleets);
        in_namespace(&known_applications, &key.namespace, &applications);
    });

    // A member's record: the AttachedCluster that made it, those that want its name, and its delivery.
    let (attached, fleets, applications, members) = queues();
    let (known, known_fleets, known_applications) = (w.attached.clone(), w.fleets.clone(), w.applications.clone());
    w.clusters.on_change(move |key, record| {
        if record.is_none() {
            // One that was the same cluster may be a member of its own now.
            known.list().iter().for_each(|object| attached.add(Key::of(object.as_ref())));
        }
        for object in known.list() {
            let wanted = object.spec.member_name.clone().unwrap_or_else(|| object.name_any());
            if wanted == key.name {
                let namespace = object.namespace().unwrap_or_default();
                attached.add(Key::new(&namespace, object.name_any()));
                in_namespace(&known_fleets, &namespace, &fleets);
                in_namespace(&known_applications, &namespace, &applications);
            }
        }
        if let Ok(name) = key.name.parse() {
            members.add(name);
        }
    });

    // A Revision: the Application whose unit it is of.
    let (_, _, applications, _) = queues();
    w.revisions.on_change(move |_, revision| {
        if let Some(revision) = revision {
            owner(&revision.spec.unit, &applications);
        }
    });

    // A Decision: the Application that it is for, and every member in it, or that was in it.
    let (_, _, applications, members) = queues();
    let before: std::sync::Mutex<BTreeMap<Key, Vec<MemberName>>> = std::sync::Mutex::default();
    w.decisions.on_change(move |key, decision| {
        let now: Vec<MemberName> = decision.map(|d| d.spec.members.keys().cloned().collect()).unwrap_or_default();
        if let Some(decision) = decision {
            owner(&decision.spec.unit, &applications);
        }
        let mut before = before.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let gone = before.insert(key.clone(), now.clone()).unwrap_or_default();
        if decision.is_none() {
            before.remove(key);
        }
        now.into_iter().chain(gone).for_each(|name| members.add(name));
    });

    // A member's report: the Applications whose units it speaks of.
    let (_, _, applications, _) = queues();
    w.statuses.on_change(move |_, status| {
        for unit in status.iter().filter_map(|s| s.status.as_ref()).flat_map(|s| s.units.keys()) {
            owner(unit, &applications);
        }
    });
}

fn in_namespace<K>(known: &Informer<K>, namespace: &str, queue: &Queue<Key>)
where
    K: kube::Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
{
    for object in known.list_in(namespace) {
        queue.add(Key::of(object.as_ref()));
    }
}

fn owner(unit: &api::delivery::UnitId, applications: &Queue<Key>) {
    if let Some((namespace, name)) = plan::application::owner(unit) {
        applications.add(Key::new(namespace, name));
    }
}
