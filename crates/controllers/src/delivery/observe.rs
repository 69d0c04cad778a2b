//! Decisions that name a member, rendered, with what the guard says of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::delivery::{Decision, MemberDecision, ShortId, UnitId};
use api::feed::{Payload, Snapshot};
use applier::Link;
use kube::ResourceExt;
use model::{Digest, MemberName};
use plan::application::{Reach, scopes};
use plan::delivery::Wanted;
use plan::guard;
use plan::prepare::Bundle;

use crate::Ctx;
use crate::application::reach;
use crate::informer::Key;
use crate::rendering::Failure;
use crate::world::MEMBER;

/// How often a unit is looked at whose artifact is being fetched again; nothing else says that it has come.
const LOST_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Observed {
    decisions: Vec<(Arc<Decision>, Option<Digest>)>,
    pub(super) bundles: BTreeMap<UnitId, Arc<Bundle>>,
    /// When to look again, because something is waited for that nothing announces.
    pub(super) again: Option<Duration>,
}

pub(super) async fn observe(ctx: &Ctx, member: &MemberName) -> Observed {
    let mut out = Observed { decisions: Vec::new(), bundles: BTreeMap::new(), again: None };
    for decision in ctx.world.decisions.by(MEMBER, member.as_str()) {
        let Some(entry) = decision.spec.members.get(member) else { continue };
        let unit = decision.spec.unit.clone();
        let short = unit.short(&ctx.hub);
        let bundle = if entry.removal.is_none() {
            bundle(ctx, &decision, entry, &short, &mut out.again).await
        } else {
            Some(ctx.delivery.feed.bundle(&short, &Payload::default()))
        };
        let rendered = bundle.as_ref().map(|b| b.digest).filter(|_| entry.removal.is_none());
        if let Some(bundle) = bundle {
            out.bundles.insert(unit, bundle);
        }
        out.decisions.push((decision, rendered));
    }
    out
}

/// What a unit should be in a member: prepared already for whichever member has it too, or rendered now.
async fn bundle(
    ctx: &Ctx,
    decision: &Decision,
    entry: &MemberDecision,
    short: &ShortId,
    again: &mut Option<Duration>,
) -> Option<Arc<Bundle>> {
    if let Some(ready) = entry.digest.and_then(|digest| ctx.delivery.feed.prepared(short, digest)) {
        return Some(ready);
    }
    let unit = &decision.spec.unit;
    // Its own change makes this member look again.
    let key = Key::new(decision.namespace().unwrap_or_default(), &entry.revision);
    let revision = ctx.world.revisions.get(&key)?;
    match ctx.renderings.render(&revision.spec, true).await {
        Ok(rendering) => Some(ctx.delivery.feed.bundle(short, &rendering.payload)),
        Err(failure) => {
            tracing::debug!(%unit, %failure, "waits for its rendering");
            match (&failure, plan::application::owner(unit)) {
                (Failure::ArtifactLost(_), Some((namespace, name))) => {
                    ctx.fetcher.recover(&Key::new(namespace, name), &revision.spec.artifact);
                    *again = Some(LOST_AGAIN);
                }
                (Failure::Manifests(_), _) => {}
                _ => *again = Some(LOST_AGAIN),
            }
            None
        }
    }
}

impl Observed {
    /// The snapshot, from what was observed and what all members report.
    pub(super) fn snapshot(&self, ctx: &Ctx, member: &MemberName) -> Snapshot {
        let wanted: Vec<Wanted<'_>> = self
            .decisions
            .iter()
            .map(|(decision, rendered)| Wanted {
                decision: &decision.spec,
                rendered: *rendered,
                guard: weigh(ctx, &decision.spec.unit, decision.spec.approved),
            })
            .collect();
        let mut state = ctx.delivery.state();
        let before = state.grants.remove(member).unwrap_or_default();
        let (snapshot, grants) = plan::delivery::plan(member, &ctx.hub, &wanted, &before);
        if !grants.is_empty() {
            state.grants.insert(member.clone(), grants);
        }
        snapshot
    }
}

/// What the guard says of a unit over all its members. Costs nothing while no list of deletions waits.
fn weigh(ctx: &Ctx, unit: &UnitId, approved: Option<Digest>) -> guard::Plan {
    let reports = {
        let state = ctx.delivery.state();
        if !state.waiting.contains_key(unit) {
            return guard::Plan::default();
        }
        state.statuses.get(unit).cloned().unwrap_or_default()
    };
    let slices = ctx.world.decisions_of(unit);
    let entries: Vec<_> = slices.iter().flat_map(|d| &d.spec.members).collect();
    let scopes = scopes(unit, &entries, |_, m| reports.get(m).cloned(), |m| reporting(ctx, m));
    guard::plan(&scopes, approved).0
}

/// Whether a member's reports are to be waited for. One whose applier is kept out, though it answers probes, would be
/// waited for in vain.
pub(super) fn reporting(ctx: &Ctx, member: &MemberName) -> Option<Reach> {
    let reach = reach(ctx, member)?;
    let kept_out = ctx.delivery.link(member).is_some_and(|l| !matches!(l.link, Link::Connected | Link::Connecting));
    Some(if kept_out { Reach::Unknown } else { reach })
}
