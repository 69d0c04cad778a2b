//! Decisions that name a member, rendered.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::delivery::{Decision, Inputs, MemberDecision, Missing, ShortId, UnitId, UnitPhase, WaitingOn};
use api::feed::Payload;
use kube::ResourceExt;
use model::{Digest, MemberName};
use plan::delivery::Wanted;
use plan::inventory::Recollection;
use plan::prepare::Bundle;

use super::{Ctx, status};
use crate::artifact::{RECOVER_AGAIN, Recovery};
use crate::record::{MEMBER, OWNER};
use crate::rendering::Failure;
use client::NamespacedName;

/// How often a unit is looked at that the hub or its disk did not let be rendered; nothing else says that they do.
const LOST_AGAIN: Duration = Duration::from_secs(1);

/// How often a unit is looked at that made the renderer panic.
const BUG_AGAIN: Duration = Duration::from_secs(60);

pub(super) struct Observed {
    decisions: Vec<(Arc<Decision>, Option<Digest>)>,
    pub(super) bundles: BTreeMap<UnitId, Arc<Bundle>>,
    /// What is lacking of units that cannot be rendered. One that is being fetched again is not among them: that ends soon.
    pub(super) waiting: BTreeMap<UnitId, WaitingOn>,
    /// When to look again, because something is waited for that nothing announces.
    pub(super) again: Option<Duration>,
}

impl Observed {
    fn look_again(&mut self, after: Duration) {
        self.again = Some(self.again.map_or(after, |before| before.min(after)));
    }

    /// What the snapshot is made of.
    pub(super) fn wanted(&self) -> Vec<Wanted<'_>> {
        let all = self.decisions.iter();
        all.map(|(decision, rendered)| Wanted { decision: &decision.spec, rendered: *rendered }).collect()
    }
}

pub(super) async fn observe(ctx: &Ctx, member: &MemberName) -> Observed {
    let mut out = Observed { decisions: Vec::new(), bundles: BTreeMap::new(), waiting: BTreeMap::new(), again: None };
    for decision in ctx.decisions.by_index(MEMBER, member.as_str()) {
        let Some(entry) = decision.spec.members.get(member) else { continue };
        let unit = decision.spec.unit.clone();
        let short = unit.short(&ctx.hub);
        let bundle = if entry.removal.is_none() {
            bundle(ctx, member, &decision, entry, &short, &mut out).await
        } else {
            let nothing = Payload::default();
            let had = what_leaves(ctx, member, &unit, &short, &mut out).await;
            Some(had.unwrap_or_else(|| ctx.feed.bundle(&short, nothing.digest(), &nothing)))
        };
        let rendered = bundle.as_ref().map(|b| b.digest).filter(|_| entry.removal.is_none());
        if let Some(bundle) = bundle {
            out.bundles.insert(unit, bundle);
        }
        out.decisions.push((decision, rendered));
    }
    out
}

/// What a unit had in a member that it leaves, by the payload that was applied there last: an applier that starts may find no inventory.
/// Nothing is fetched for that, and nothing is rendered once a report says what is there.
async fn what_leaves(
    ctx: &Ctx,
    member: &MemberName,
    unit: &UnitId,
    short: &ShortId,
    out: &mut Observed,
) -> Option<Arc<Bundle>> {
    let record = ctx.clusters.get(&NamespacedName::new("", member.as_str()))?;
    let stored = status::stored_unit(&ctx.statuses, member, &record, unit)?;
    let digest = Recollection::of(&stored)?.payload_of(true)?;
    if let Some(ready) = ctx.feed.prepared(short, digest) {
        return Some(ready);
    }
    if ctx.feed.report(unit, member).is_some_and(|report| tells_what_is_there(report.phase)) {
        return None;
    }
    let mut revisions = ctx.revisions.by_index(OWNER, &unit.owner().to_string());
    revisions.retain(|revision| revision.spec.unit == *unit);
    // The report may name one that came after the payload that was applied in full.
    revisions.sort_by_key(|revision| (revision.name_any() != stored.revision, Reverse(revision.spec.epoch)));
    for revision in revisions {
        match ctx.renderings.summary(&revision.spec, true).await {
            Ok(summary) if summary.digest == digest => {
                let rendering = ctx.renderings.render(&revision.spec, true).await.ok()?;
                return Some(ctx.feed.bundle(short, digest, &rendering.payload));
            }
            Err(failure @ (Failure::Hub(_) | Failure::Disk(_))) => {
                tracing::debug!(%unit, %failure, "what leaves waits for its rendering");
                out.look_again(LOST_AGAIN);
            }
            Ok(_) | Err(_) => {}
        }
    }
    None
}

/// Does a report of this phase come from an applier that has found, or recollected, what the unit has in its member?
fn tells_what_is_there(phase: UnitPhase) -> bool {
    !matches!(phase, UnitPhase::Unknown | UnitPhase::Pending | UnitPhase::Failed)
}

/// What a unit should be in a member: prepared already for another member that has it too, or rendered now.
async fn bundle(
    ctx: &Ctx,
    member: &MemberName,
    decision: &Decision,
    entry: &MemberDecision,
    short: &ShortId,
    out: &mut Observed,
) -> Option<Arc<Bundle>> {
    if let Some(ready) = entry.digest.and_then(|digest| ctx.feed.prepared(short, digest)) {
        return Some(ready);
    }
    let unit = &decision.spec.unit;
    let namespace = decision.namespace().unwrap_or_default();
    // Its own change makes this member look again.
    let revision = ctx.revisions.get(&NamespacedName::new(namespace.clone(), &entry.revision))?;
    match ctx.renderings.render(&revision.spec, true).await {
        Ok(rendering) => Some(ctx.feed.bundle(short, rendering.summary.digest, &rendering.payload)),
        Err(failure) => {
            tracing::debug!(%unit, %failure, "waits for its rendering");
            let rendering = || Some(WaitingOn::new(Missing::Render, failure.to_string()));
            let waiting = match (&failure, &revision.spec.inputs) {
                (Failure::ArtifactLost(_), Inputs::Artifact(inputs)) => {
                    let (members, name) = (ctx.members.clone(), member.clone());
                    let wake = Box::new(move || members.add(name));
                    let recovery =
                        ctx.artifacts.recover(&namespace, &inputs.artifact, format!("member {member}"), wake);
                    match recovery {
                        // The end of the fetch makes the member look again.
                        Recovery::UnderWay => None,
                        Recovery::Failed(why) => {
                            out.look_again(RECOVER_AGAIN);
                            Some(WaitingOn::new(Missing::Source, why))
                        }
                    }
                }
                (Failure::Remotes(needs), Inputs::Artifact(inputs)) => {
                    // A revision names all that it uses, so that nothing is missing that was not lost.
                    let mut waiting = needs.missing.first().and_then(|_| rendering());
                    if waiting.is_some() {
                        out.look_again(RECOVER_AGAIN);
                    }
                    for (remote, pinned) in &needs.lost {
                        let (members, name) = (ctx.members.clone(), member.clone());
                        let wake = Box::new(move || members.add(name));
                        let (lost, who) = ((remote, pinned), format!("member {member}"));
                        let recovery = ctx.artifacts.recover_remote(&namespace, &inputs.artifact, lost, who, wake);
                        if let Recovery::Failed(why) = recovery {
                            out.look_again(RECOVER_AGAIN);
                            waiting = Some(WaitingOn::new(Missing::Source, format!("{}: {why}", remote.id)));
                        }
                    }
                    waiting
                }
                (Failure::Manifests(_), _) => rendering(),
                (Failure::Bug(_), _) => {
                    // What panicked is most likely to panic again.
                    out.look_again(BUG_AGAIN);
                    rendering()
                }
                _ => {
                    out.look_again(LOST_AGAIN);
                    rendering()
                }
            };
            out.waiting.extend(waiting.map(|waiting| (unit.clone(), waiting)));
            None
        }
    }
}
