//! Status: what became of an Application's units in its members, folded from all members.
//!
//! Reads Decisions, Revisions, members' records and reports. Writes of `Application.status`: `Ready`, `DeletionsHeld`,
//! `syncStatus`, `truncated`, `summary`, `held`, `observedGeneration`. What it says of the source is
//! [`crate::application`]'s; the two share no field.
//!
//! | step | what |
//! |---|---|
//! | `observe` | decisions, what members report, whether they can be reached |
//! | [`plan::application::fold`] | the fields |
//! | here | one write when they differ, at most once a second; what a person waits for at once |
//!
//! Failure modes: none of its own; it says what others stored.

mod observe;
mod watch;

use std::sync::Arc;

use api::condition;
use api::delivery::{Decision, Revision};
use api::kurator::apps::v1alpha1::{Application, ApplicationStatus};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use model::Clock;
use plan::application::{Fold, broken_fold, fold};

use crate::WriteError;
use crate::deps::{Deps, Running, work};
use crate::event::Recorder;
use crate::metrics::Metrics;
use crate::reach::MemberReader;
use crate::throttle::{Throttle, WRITE_EVERY};
use crate::write;
use client::Next;
use client::queue::note_generation;
use client::{Api, NamespacedName, Store};

/// Field manager of its part of the status.
const FIELD_MANAGER: &str = "kurator-status";

/// The condition that says that its part is cut.
const CUT: &str = condition::STATUS_CUT;

/// How many Applications are looked at once: folding is CPU work, and two cores are what a hub has.
const AT_ONCE: usize = 4;

/// What a pass needs.
struct Ctx {
    api: Api,
    clock: Arc<dyn Clock>,
    applications: Arc<Store<Application>>,
    decisions: Arc<Store<Decision>>,
    revisions: Arc<Store<Revision>>,
    members: MemberReader,
    throttle: Throttle,
    metrics: Metrics,
    events: Recorder,
}

/// Wires the controller, and runs it.
pub(crate) fn run(deps: &Deps) -> Running {
    let stores = &deps.stores;
    let ctx = Arc::new(Ctx {
        api: deps.api.with_manager(FIELD_MANAGER),
        clock: deps.clock.clone(),
        applications: stores.applications.clone(),
        decisions: stores.decisions.clone(),
        revisions: stores.revisions.clone(),
        members: MemberReader::new(stores),
        throttle: Throttle::default(),
        metrics: deps.metrics.clone(),
        events: deps.events.clone(),
    });
    let queue = deps.queue("status");
    watch::watch(stores, &queue);
    Box::pin(work(ctx, queue, AT_ONCE, deps.shutdown.clone(), reconcile, say_broken))
}

/// Says that a look at it panicked.
fn say_broken(ctx: Arc<Ctx>, key: NamespacedName) -> BoxFuture<'static, Result<(), WriteError>> {
    async move { write_broken(&ctx, &key).await }.boxed()
}

/// Looks at one Application.
async fn reconcile(ctx: Arc<Ctx>, key: NamespacedName) -> Result<Next, WriteError> {
    let (ctx, key) = (&*ctx, &key);
    let Some(application) = ctx.applications.get(key) else {
        ctx.throttle.forget(key);
        return Ok(Next::Wait);
    };
    let world = observe::World::read(ctx, key); // the hub's cache
    note_generation(application.metadata.generation);
    let Some(fold) = fold(&world.facts(&application), ctx.clock.now()) else { return Ok(Next::Wait) }; // pure
    let before = application.status.as_ref().map(Fold::of);
    let is_cut = application.status.as_ref().is_some_and(|status| write::is_marked(&status.conditions, CUT));
    if before.as_ref() == Some(&fold) && !is_cut {
        return Ok(Next::Wait);
    }
    if let Some(wait) = ctx.throttle.wait(key, WRITE_EVERY, fold.is_news(before.as_ref())) {
        return Ok(Next::After(wait));
    }
    write_fold(ctx, &application, fold).await?; // client
    Ok(Next::Wait)
}

async fn write_broken(ctx: &Ctx, key: &NamespacedName) -> Result<(), WriteError> {
    let Some(application) = ctx.applications.get(key) else { return Ok(()) };
    let fold = broken_fold(&application, ctx.clock.now());
    if application.status.as_ref().map(Fold::of).as_ref() == Some(&fold) {
        return Ok(());
    }
    write_fold(ctx, &application, fold).await
}

/// Writes this part of the status. An Application that is gone needs none.
async fn write_fold(ctx: &Ctx, application: &Application, fold: Fold) -> Result<(), WriteError> {
    let Fold { conditions, sync_status, truncated, observed_generation, summary, held } = fold;
    let status = ApplicationStatus {
        conditions,
        sync_status,
        truncated,
        observed_generation,
        summary,
        held,
        ..ApplicationStatus::default()
    };
    match write::status_part(&ctx.api, &ctx.metrics, application, &status, CUT).await {
        Ok(written) => {
            ctx.events.record_delivery(application, &written);
            ctx.applications.learn(written);
        }
        Err(error) if error.is_gone() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
