//! What an Application's status says of its source, written when it differs and at most once a second.
//!
//! `Ready` is written by another controller. A person who sees `Ready` together with a new revision of the source must not
//! see what was ready before it: so the news of the source waits until `Ready` has been folded from the decisions that were
//! made of it.

use std::collections::BTreeMap;
use std::time::Duration;

use api::condition;
use api::kurator::apps::v1alpha1::{Application, ApplicationStatus};
use kube::ResourceExt;
use model::{GroupKind, Timestamp};
use plan::application::{FoldFacts, SourceFacts, SourcePart, broken_source, source_part, waits_for_ready};

use super::Ctx;
use crate::record::{OWNER, owner_of_application};
use crate::throttle::WRITE_EVERY;
use crate::write::{self, WriteError};
use client::NamespacedName;
use client::Next;

/// Longest wait for `Ready`. Its controller needs milliseconds; should it not run, the source's news is not lost.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// The condition that says that this part is cut.
const CUT: &str = condition::SOURCE_STATUS_CUT;

/// `generation`: that of the Application that was decided from. An edit that came since is looked at next.
pub(super) async fn write(
    ctx: &Ctx,
    key: &NamespacedName,
    source: &SourceFacts,
    generation: Option<i64>,
    now: Timestamp,
) -> Result<Next, WriteError> {
    let Some(application) = ctx.applications.get(key) else {
        ctx.throttle.forget(key);
        ctx.behind.forget(key);
        return Ok(Next::Wait);
    };
    let kind = GroupKind::new(plan::application::GROUP, plan::application::KIND);
    let unhonoured = admit::not_implemented(&kind, &serde_json::json!({"spec": application.spec}));
    let part = source_part(&application, source, &unhonoured, generation, now);
    let before = application.status.as_ref().map(SourcePart::of);
    let is_cut = application.status.as_ref().is_some_and(|status| write::is_marked(&status.conditions, CUT));
    if before.as_ref() == Some(&part) && !is_cut {
        ctx.behind.forget(key);
        return Ok(Next::Wait);
    }
    if is_ready_stale(ctx, key, &application, now)
        && let Some(wait) = ctx.behind.left(key, READY_WITHIN)
    {
        return Ok(Next::After(wait));
    }
    ctx.behind.forget(key);
    if let Some(wait) = ctx.throttle.wait(key, WRITE_EVERY, part.is_news(before.as_ref())) {
        return Ok(Next::After(wait));
    }
    write_part(ctx, &application, part).await?;
    Ok(Next::Wait)
}

/// Says that a look at it panicked.
pub(super) async fn write_broken(ctx: &Ctx, key: &NamespacedName) -> Result<(), WriteError> {
    let Some(application) = ctx.applications.get(key) else { return Ok(()) };
    let part = broken_source(&application, ctx.clock.now());
    if application.status.as_ref().map(SourcePart::of).as_ref() == Some(&part) {
        return Ok(());
    }
    write_part(ctx, &application, part).await
}

/// Writes this part of the status. An Application that is gone needs none.
async fn write_part(ctx: &Ctx, application: &Application, part: SourcePart) -> Result<(), WriteError> {
    let SourcePart { conditions, source_status, last_handled_sync } = part;
    let status = ApplicationStatus { conditions, source_status, last_handled_sync, ..ApplicationStatus::default() };
    match write::status_part(&ctx.api, &ctx.metrics, application, &status, CUT).await {
        Ok(written) => {
            ctx.events.record_source(application, &written);
            ctx.applications.learn(written);
        }
        Err(error) if error.is_gone() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Must the news of the source wait, as the stored decisions are?
fn is_ready_stale(ctx: &Ctx, key: &NamespacedName, application: &Application, now: Timestamp) -> bool {
    let owner = owner_of_application(key);
    let decisions = ctx.decisions.by_index(OWNER, &owner.to_string());
    let decisions: BTreeMap<_, _> = decisions.iter().map(|d| (d.name_any(), d.spec.clone())).collect();
    let names = decisions.values().flat_map(|d| d.members.keys());
    let members: BTreeMap<_, _> = names.filter_map(|name| Some((name.clone(), ctx.members.facts(name)?))).collect();
    let facts = FoldFacts {
        application,
        decisions: &decisions,
        // Names of revisions are not in `Ready`.
        revisions: BTreeMap::new(),
        statuses: &ctx.members.statuses_of(&owner),
        members: &members,
    };
    waits_for_ready(&facts, now)
}
