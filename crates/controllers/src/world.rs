//! The hub's objects as controllers see them, how they find each other, and which change makes whom look again.
//!
//! Every look-up on the way of a change goes through an index: what one member or one unit costs does not grow with the
//! members and units that there are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::condition;
use api::delivery::{Decision, MemberStatus, Revision, UnitId};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::ATTACHED_BY;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::{ClusterRef, Fleet};
use kube::ResourceExt;
use model::MemberName;

use crate::informer::{Index, Informer, Key};
use crate::queue::Queue;
use crate::{Ctx, member};

/// AttachedClusters by the member name that they want.
pub(crate) const CLAIM: &str = "claim";
/// AttachedClusters and Applications by the Secret that they name, as `NAMESPACE/NAME`.
pub(crate) const SECRET: &str = "secret";
/// Applications by their Fleet, as `NAMESPACE/NAME`.
const FLEET: &str = "fleet";
/// Fleets by an AttachedCluster that they list, as `NAMESPACE/NAME`; Decisions by a member that they name.
pub(crate) const MEMBER: &str = "member";
/// Members' records by the AttachedCluster that made them, as `NAMESPACE/NAME`.
pub(crate) const MADE_BY: &str = "made-by";
/// Members' records by the identity of the cluster.
pub(crate) const IDENTITY: &str = "identity";
/// Decisions and Revisions by the owner of their unit, as [`owner_of`] writes it.
pub(crate) const OWNER: &str = "owner";

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

impl World {
    /// Knows nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            applications: Informer::indexed(vec![
                Index { name: FLEET, terms: |a: &Application| fleets_of(a) },
                Index { name: SECRET, terms: |a: &Application| secrets_of(a) },
            ]),
            fleets: Informer::indexed(vec![Index { name: MEMBER, terms: |f: &Fleet| members_of(f) }]),
            attached: Informer::indexed(vec![
                Index { name: CLAIM, terms: |a: &AttachedCluster| vec![member::name(a)] },
                Index { name: SECRET, terms: |a: &AttachedCluster| vec![beside(a, &a.spec.kubeconfig.name)] },
            ]),
            clusters: Informer::indexed(vec![
                Index {
                    name: MADE_BY,
                    terms: |c: &Cluster| c.annotations().get(ATTACHED_BY).cloned().into_iter().collect(),
                },
                Index { name: IDENTITY, terms: |c: &Cluster| c.spec.id.clone().into_iter().collect() },
            ]),
            revisions: Informer::indexed(vec![Index {
                name: OWNER,
                terms: |r: &Revision| vec![owner_of(&r.spec.unit)],
            }]),
            decisions: Informer::indexed(vec![
                Index { name: OWNER, terms: |d: &Decision| vec![owner_of(&d.spec.unit)] },
                Index { name: MEMBER, terms: |d: &Decision| d.spec.members.keys().map(ToString::to_string).collect() },
            ]),
            statuses: Informer::new(),
        }
    }

    /// Is everything listed?
    pub(crate) fn is_synced(&self) -> bool {
        let Self { applications, fleets, attached, clusters, revisions, decisions, statuses } = self;
        applications.is_synced()
            && fleets.is_synced()
            && attached.is_synced()
            && clusters.is_synced()
            && revisions.is_synced()
            && decisions.is_synced()
            && statuses.is_synced()
    }

    /// Waits until everything is listed.
    pub(crate) async fn synced(&self) {
        let Self { applications, fleets, attached, clusters, revisions, decisions, statuses } = self;
        applications.synced().await;
        fleets.synced().await;
        attached.synced().await;
        clusters.synced().await;
        revisions.synced().await;
        decisions.synced().await;
        statuses.synced().await;
    }

    /// Decisions of one unit, in the order of their slices' names.
    pub fn decisions_of(&self, unit: &UnitId) -> Vec<Arc<Decision>> {
        let mut all = self.decisions.by(OWNER, &owner_of(unit));
        all.retain(|d| d.spec.unit == *unit);
        all
    }
}

/// The owner of a unit as a term of [`OWNER`]: all units of one Application have the same.
pub(crate) fn owner_of(unit: &UnitId) -> String {
    format!("{}/{}/{}/{}", unit.group, unit.kind, unit.namespace, unit.name)
}

/// The term of [`OWNER`] for an Application.
pub(crate) fn owner_term(application: &Key) -> String {
    format!("apps.kurator.dev/Application/{}/{}", application.namespace, application.name)
}

/// The key of an object in the namespace of another, as a term.
fn beside(object: &impl ResourceExt, name: &str) -> String {
    Key::new(object.namespace().unwrap_or_default(), name).to_string()
}

fn fleets_of(application: &Application) -> Vec<String> {
    let spec = &application.spec;
    let named = spec.sync_policies.iter().filter_map(|p| spec.destination_of(p)).chain(&spec.destination);
    let mut out: Vec<String> = named.map(|d| beside(application, &d.fleet)).collect();
    out.sort();
    out.dedup();
    out
}

fn secrets_of(application: &Application) -> Vec<String> {
    let git = application.spec.source.git_repository.as_ref();
    git.and_then(|g| g.secret_ref.as_ref()).map(|s| beside(application, &s.name)).into_iter().collect()
}

fn members_of(fleet: &Fleet) -> Vec<String> {
    fleet.spec.clusters.iter().map(|c| beside(fleet, &c.name)).collect()
}

/// Says whether something changed that others depend on: most writes are of counts and messages.
struct Changes<T>(Mutex<HashMap<Key, T>>);

impl<T: PartialEq> Changes<T> {
    fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// What was there before, when it differs.
    fn see(&self, key: &Key, now: Option<T>) -> Option<Option<T>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(key) == now.as_ref() {
            return None;
        }
        Some(match now {
            Some(now) => known.insert(key.clone(), now),
            None => known.remove(key),
        })
    }
}

/// What Fleets and Applications read of an AttachedCluster.
#[derive(PartialEq)]
struct AttachedFacts {
    labels: Vec<(String, String)>,
    claim: String,
    going: bool,
    member: Option<String>,
    ready: bool,
}

impl AttachedFacts {
    fn of(attached: &AttachedCluster) -> Self {
        let status = attached.status.clone().unwrap_or_default();
        Self {
            labels: attached.labels().clone().into_iter().collect(),
            claim: member::name(attached),
            going: attached.metadata.deletion_timestamp.is_some(),
            member: status.member,
            ready: status.ready,
        }
    }
}

/// What others read of a member's record.
#[derive(PartialEq)]
struct ClusterFacts {
    made_by: Option<String>,
    id: Option<String>,
    ready: Option<(String, String)>,
}

impl ClusterFacts {
    fn of(cluster: &Cluster) -> Self {
        let conditions = cluster.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        let ready = condition::find(conditions, condition::READY).map(|c| (c.status.clone(), c.reason.clone()));
        Self { made_by: cluster.annotations().get(ATTACHED_BY).cloned(), id: cluster.spec.id.clone(), ready }
    }
}

/// Which change makes whom look again. Each block names the relation.
pub(crate) fn wire(ctx: &Arc<Ctx>) {
    let w = &ctx.world;

    let applications = ctx.application_queue.clone();
    w.applications.on_change(move |key, _| applications.add(key.clone()));

    // A Fleet: itself, the Fleets that may list the same members, and the Applications that name it.
    let (fleets, applications) = (ctx.fleet_queue.clone(), ctx.application_queue.clone());
    let (known_fleets, known_applications) = (w.fleets.clone(), w.applications.clone());
    let lists: Changes<Vec<ClusterRef>> = Changes::new();
    w.fleets.on_change(move |key, fleet| {
        fleets.add(key.clone());
        let going = |f: &Arc<Fleet>| f.metadata.deletion_timestamp.is_some();
        if lists.see(key, fleet.filter(|f| !going(f)).map(|f| f.spec.clusters.clone())).is_some() {
            known_fleets.list_in(&key.namespace).iter().for_each(|f| fleets.add(Key::of(f.as_ref())));
            enqueue(&known_applications.by(FLEET, &key.to_string()), &applications);
        }
    });

    // An AttachedCluster: itself; the Fleets that list it, with their Applications; those that have something there.
    let (attached, fleets, applications) =
        (ctx.attached_queue.clone(), ctx.fleet_queue.clone(), ctx.application_queue.clone());
    let (known_fleets, known_applications, decisions) = (w.fleets.clone(), w.applications.clone(), w.decisions.clone());
    let facts = Changes::new();
    w.attached.on_change(move |key, object| {
        attached.add(key.clone());
        let now = object.map(|a| AttachedFacts::of(a));
        let claim = now.as_ref().map(|facts| facts.claim.clone());
        let Some(before) = facts.see(key, now) else { return };
        for fleet in known_fleets.by(MEMBER, &key.to_string()) {
            fleets.add(Key::of(fleet.as_ref()));
            enqueue(&known_applications.by(FLEET, &Key::of(fleet.as_ref()).to_string()), &applications);
        }
        // A Fleet that lists it no more may still have its label on it.
        if let Some(object) = object
            && let Some(fleet) = object.labels().get(api::kurator::annotation::FLEET_NAME)
        {
            fleets.add(Key::new(&key.namespace, fleet));
        }
        for member in before.map(|facts| facts.claim).into_iter().chain(claim) {
            decisions.by(MEMBER, &member).iter().for_each(|d| owner(&d.spec.unit, &applications));
        }
    });

    // A member's record: the AttachedCluster that made it and those that want its name, its delivery, and the
    // Applications that have something there.
    let (attached, applications, members) =
        (ctx.attached_queue.clone(), ctx.application_queue.clone(), ctx.member_queue.clone());
    let (known, decisions) = (w.attached.clone(), w.decisions.clone());
    let facts = Changes::new();
    w.clusters.on_change(move |key, cluster| {
        for object in known.by(CLAIM, &key.name) {
            attached.add(Key::of(object.as_ref()));
        }
        let made_by =
            cluster.and_then(|c| c.annotations().get(ATTACHED_BY)?.split_once('/').map(|(n, a)| Key::new(n, a)));
        made_by.into_iter().for_each(|made_by| attached.add(made_by));
        let now = cluster.map(|c| ClusterFacts::of(c));
        let id = now.as_ref().and_then(|facts| facts.id.clone());
        let Some(before) = facts.see(key, now) else { return };
        if before.and_then(|facts| facts.id).is_some_and(|before| Some(before) != id) {
            // Whoever was refused for being the same cluster may not be any more. This is rare: all look.
            enqueue(&known.list(), &attached);
        }
        if let Ok(name) = key.name.parse() {
            members.add(name);
        }
        decisions.by(MEMBER, &key.name).iter().for_each(|d| owner(&d.spec.unit, &applications));
    });

    // A Revision: the Application whose unit it is of, and the members that wait for it.
    let (applications, members) = (ctx.application_queue.clone(), ctx.member_queue.clone());
    let decisions = w.decisions.clone();
    w.revisions.on_change(move |key, revision| {
        let Some(revision) = revision else { return };
        owner(&revision.spec.unit, &applications);
        let theirs = decisions.by(OWNER, &owner_of(&revision.spec.unit));
        let waiting = theirs.iter().flat_map(|d| &d.spec.members).filter(|(_, entry)| entry.revision == key.name);
        waiting.for_each(|(member, _)| members.add(member.clone()));
    });

    // A Decision: the Application that it is for, and every member in it, or that was in it.
    let (applications, members) = (ctx.application_queue.clone(), ctx.member_queue.clone());
    let specs: Changes<Arc<Decision>> = Changes::new();
    w.decisions.on_change(move |key, decision| {
        if let Some(decision) = decision {
            owner(&decision.spec.unit, &applications);
        }
        let Some(before) = specs.see(key, decision.cloned()) else { return };
        let names = |d: &Arc<Decision>| -> Vec<MemberName> { d.spec.members.keys().cloned().collect() };
        before.iter().chain(decision).flat_map(names).for_each(|name| members.add(name));
    });

    // A stored report that somebody else has changed or deleted: whoever writes it looks. What members report is read
    // from memory (`delivery`), before it is stored.
    let statuses = ctx.status_queue.clone();
    w.statuses.on_change(move |key, status| {
        let named = match status {
            Some(status) => Some(status.spec.member.clone()),
            // `NAME-SLICE`
            None => key.name.rsplit_once('-').and_then(|(member, _)| member.parse().ok()),
        };
        named.into_iter().for_each(|member| statuses.add(member));
    });
}

fn enqueue<K>(objects: &[Arc<K>], queue: &Queue<Key>)
where
    K: ResourceExt,
{
    objects.iter().for_each(|object| queue.add(Key::of(object.as_ref())));
}

fn owner(unit: &UnitId, applications: &Queue<Key>) {
    if let Some((namespace, name)) = plan::application::owner(unit) {
        applications.add(Key::new(namespace, name));
    }
}
