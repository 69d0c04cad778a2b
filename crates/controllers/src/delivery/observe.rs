//! Decisions that name a member, rendered, with what the guard says of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::delivery::{Decision, Digest, MemberName, Payload, Snapshot, UnitId};
use applier::Link;
use kube::ResourceExt;
use plan::application::{Reach, scopes};
use plan::delivery::Wanted;
use plan::guard;
use plan::prepare::Bundle;

use crate::Ctx;
use crate::application::reach;
use crate::informer::Key;

pub(super) struct Observed {
    decisions: Vec<(Arc<Decision>, Option<Digest>)>,
    pub(super) bundles: BTreeMap<UnitId, Arc<Bundle>>,
}

pub(super) async fn observe(ctx: &Ctx, member: &MemberName) -> Observed {
    let mut out = Observed { decisions: Vec::new(), bundles: BTreeMap::new() };
    for decision in ctx.world.decisions.list() {
        let Some(entry) = decision.spec.members.get(member) else { continue };
        let unit = decision.spec.unit.clone();
        let short = unit.short(&ctx.hub);
        let mut rendered = None;
        if entry.removal.is_none() {
            let namespace = decision.namespace().unwrap_or_default();
            let revision = ctx.world.revisions.get(&Key::new(namespace, &entry.revision));
            match revision {
                Some(revision) => match ctx.renderings.render(&revision.spec, true).await {
                    Ok(rendering) => {
                        rendered = Some(rendering.digest);
                        out.bundles.insert(unit, ctx.delivery.feed.bundle(&short, &rendering.payload));
                    }
                    Err(failure) => tracing::debug!(%unit, %member, %failure, "waits for its rendering"),
                },
                None => tracing::debug!(%unit, %member, revision = entry.revision, "waits for its revision"),
            }
        } else {
            out.bundles.insert(unit, ctx.delivery.feed.bundle(&short, &Payload::default()));
        }
        out.decisions.push((decision, rendered));
    }
    out
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
        let (snapshot, grants) = plan::delivery::plan(member, &ctx.hub, &wanted, &state.grants);
        state.grants.retain(|(_, m), _| m != member);
        state.grants.extend(grants);
        snapshot
    }
}

/// What the guard says of a unit over all its members. Costs nothing while no member lists a deletion.
fn weigh(ctx: &Ctx, unit: &UnitId, approved: Option<Digest>) -> guard::Plan {
    let reports = ctx.delivery.state().statuses.get(unit).cloned().unwrap_or_default();
    if reports.values().all(|s| s.held.is_none()) {
        return guard::Plan::default();
    }
    let slices: Vec<Arc<Decision>> = ctx.world.decisions.list().into_iter().filter(|d| d.spec.unit == *unit).collect();
    let entries: Vec<_> = slices.iter().flat_map(|d| &d.spec.members).collect();
    let scopes = scopes(unit, &entries, |_, m| reports.get(m).cloned(), |m| reporting(ctx, m));
    guard::plan(&scopes, approved).0
}

/// Whether a member's reports are to be waited for. One whose applier is kept out, though it answers probes, would be
/// waited for in vain.
pub(super) fn reporting(ctx: &Ctx, member: &MemberName) -> Option<Reach> {
    let cluster = ctx.world.clusters.get(&Key::new("", member.as_str()))?;
    let (_, reach) = reach(ctx, &cluster)?;
    let kept_out = ctx.delivery.link(member).is_some_and(|l| !matches!(l.link, Link::Connected | Link::Connecting));
    Some(if kept_out { Reach::Unknown } else { reach })
}
