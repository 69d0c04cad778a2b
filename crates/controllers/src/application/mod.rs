//! Application: its source is followed, its policies become units with revisions, members get decisions.
//!
//! Reads Applications, Fleets, Namespaces' labels, members'' records and reports, and the artifact. Writes Revisions, Decisions, the
//! Application's finalizer, and what `Application.status` says of the source. What it says of members is
//! [`crate::status`]'s.
//!
//! | step | what |
//! |---|---|
//! | `observe` | the fleet, the source, stored revisions and decisions, members' reports; renders what is wanted |
//! | `siblings` | what other Applications of the same source are to have by its commit, and do not have yet |
//! | [`plan::application`] | its units |
//! | [`plan::unit`] | new revisions, who gets which, tombstones, approvals and grants, why |
//! | `apply` | revisions before the decisions that name them |
//! | `status` | the source's part of the status, when it differs, at most once a second |
//!
//! Failure modes: what cannot be resolved freezes deletions and leaves what runs; an Application that is gone is still
//! looked after until its tombstones are gone; of one that goes with its definition nothing is removed.

mod apply;
mod definition;
mod observe;
mod orphan;
mod siblings;
mod status;
mod watch;
mod without_status;

use std::sync::Arc;

use api::delivery::{Decision, HubId, Revision};
use api::kurator::apps::v1alpha1::Application;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use model::Clock;
use tokio_util::sync::CancellationToken;

use crate::WriteError;
use crate::artifact::Artifacts;
use crate::deps::{Deps, Running, work};
use crate::event::Recorder;
use crate::fetch::Fetcher;
use crate::metrics::Metrics;
use crate::reach::MemberReader;
use crate::record::application_of;
use crate::rendering::Renderings;
use crate::throttle::{Patience, Throttle};
use client::Next;
use client::queue::note_generation;
use client::{Api, NamespacedName, Store};

use orphan::Orphans;
use siblings::Siblings;
use without_status::WithoutStatus;

/// Field manager of Decisions and Revisions, and of the source's part of the status.
const FIELD_MANAGER: &str = "kurator-application";

/// How many Applications are looked at once: rendering is CPU work, and two cores are what a hub has.
const AT_ONCE: usize = 8;

pub(crate) use observe::{Edited, Reader, World, git_spec, used_remotes};
pub(crate) use watch::{gathered, watch_applications, watch_decisions};

/// What a pass needs.
struct Ctx {
    api: Api,
    clock: Arc<dyn Clock>,
    hub: HubId,
    applications: Arc<Store<Application>>,
    revisions: Arc<Store<Revision>>,
    decisions: Arc<Store<Decision>>,
    reader: Reader,
    members: MemberReader,
    fetcher: Arc<Fetcher>,
    artifacts: Arc<Artifacts>,
    renderings: Arc<Renderings>,
    throttle: Throttle,
    orphans: Arc<Orphans>,
    siblings: Siblings,
    /// Since when the source's news waits for `Ready`.
    behind: Patience,
    metrics: Metrics,
    events: Recorder,
    shutdown: CancellationToken,
}

/// Wires the controller, and runs it. A source with news makes its Application look again.
pub(crate) fn run(deps: &Deps, fetcher: Arc<Fetcher>) -> Running {
    let stores = &deps.stores;
    let queue = fetcher.queue();
    let ctx = Arc::new(Ctx {
        api: deps.api.with_manager(FIELD_MANAGER),
        clock: deps.clock.clone(),
        hub: deps.hub.clone(),
        applications: stores.applications.clone(),
        revisions: stores.revisions.clone(),
        decisions: stores.decisions.clone(),
        reader: Reader::new(stores),
        members: MemberReader::new(stores),
        fetcher,
        artifacts: deps.artifacts.clone(),
        renderings: deps.renderings.clone(),
        throttle: Throttle::default(),
        orphans: Arc::default(),
        siblings: Siblings::default(),
        behind: Patience::default(),
        metrics: deps.metrics.clone(),
        events: deps.events.clone(),
        shutdown: deps.shutdown.clone(),
    });
    watch::watch(stores, &queue, &ctx.orphans);
    Box::pin(work(ctx, queue, AT_ONCE, deps.shutdown.clone(), reconcile, say_broken))
}

/// Says that a look at it panicked.
fn say_broken(ctx: Arc<Ctx>, key: NamespacedName) -> BoxFuture<'static, Result<(), WriteError>> {
    async move { status::write_broken(&ctx, &key).await }.boxed()
}

/// Looks at one Application.
async fn reconcile(ctx: Arc<Ctx>, key: NamespacedName) -> Result<Next, WriteError> {
    let (ctx, key) = (&*ctx, &key);
    let now = ctx.clock.now();
    orphan::write(ctx, key).await?; // client
    let application = ctx.applications.get(key);
    let generation = application.as_ref().and_then(|a| a.metadata.generation);
    note_generation(generation);
    if let Some(next) = definition::wait(&ctx.api, application.as_deref()).await? {
        return Ok(next); // client
    }
    let mut world = observe::World::read(ctx, key, application.as_deref()).await?; // source, cache
    let mut source = world.source.clone();
    let (mut observed, again, noted) = world.observe(ctx, now).await; // renderer
    observed.claims = siblings::claims(ctx, key, application.as_deref(), &source, &observed, now).await; // renderer
    source.waits_for_remotes |= noted.waits;
    source.warnings = noted.warnings();
    let (plan, report) = plan::unit::plan(&observed, now); // pure
    tracing::debug!(application = %key, ?report, "decided");
    apply::apply(ctx, key, application.as_deref(), &plan).await?; // client
    let waits = ctx.siblings.wait(ctx, key, &source, &report.waits_for);
    let decided = (&observed.rendered, &plan);
    ctx.siblings.note_decided(ctx, key, application.as_deref(), &source, decided);
    let next = status::write(ctx, key, &source, generation, now).await?; // client
    Ok(next.or_after(again).or_after(waits))
}

/// The Applications that have something in a member, or are about to.
fn with_member(decisions: &Store<Decision>, member: &str) -> Vec<NamespacedName> {
    let all = decisions.by_index(crate::record::MEMBER, member);
    all.iter().filter_map(|decision| application_of(&decision.spec.unit.owner())).collect()
}
