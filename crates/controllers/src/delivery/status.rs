//! MemberStatus: what one member reports of its units, in slices, and how its applier gets on with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use api::delivery::{LinkState, MemberLink, MemberStatus, MemberStatusSpec, MemberStatusStatus, UnitId, UnitStatus};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::REPORT_OF;
use api::reason;
use applier::{Link, MemberReport};
use kube::{Resource, ResourceExt};
use model::{MemberName, Timestamp};
use plan::unit::{is_news, set_waiting_on};
use serde_json::json;

use super::{Ctx, State};
use crate::record::{self, MEMBER};
use crate::throttle::WRITE_EVERY;
use crate::write::{self, WriteError};
use client::Next;
use client::{NamespacedName, Store};

/// Field manager of MemberStatus.
pub(super) const FIELD_MANAGER: &str = "kurator-delivery";

/// What is stored of one unit in a member.
pub(super) fn stored_unit(
    statuses: &Store<MemberStatus>,
    member: &MemberName,
    record: &Cluster,
    unit: &UnitId,
) -> Option<UnitStatus> {
    let slices = record::slices_of(statuses, member);
    slices
        .iter()
        .filter(|slice| record::is_report_of(slice, record))
        .find_map(|slice| slice.status.as_ref()?.units.get(unit).cloned())
}

/// A link as it is stored; `None` for one that is tried for the first time, so that a restart writes nothing.
pub(super) fn link(report: &MemberReport, now: Timestamp) -> Option<MemberLink> {
    let (state, message) = match &report.link {
        Link::Connecting => return None,
        Link::Connected => (LinkState::Connected, String::new()),
        Link::Unreachable(why) => (LinkState::Unreachable, why.clone()),
        Link::Blocked(why) => (LinkState::Blocked, why.clone()),
    };
    Some(MemberLink { state, message, since: now })
}

/// Everything that is to be stored of a member, by slice: what is stored, with what was reported since, of units that are
/// decided.
fn wanted(ctx: &Ctx, member: &MemberName, stored: &[Arc<MemberStatus>]) -> BTreeMap<u32, MemberStatusStatus> {
    let decisions = ctx.decisions.by_index(MEMBER, member.as_str());
    let decided: BTreeSet<&UnitId> = decisions.iter().map(|d| &d.spec.unit).collect();
    let before: BTreeMap<u32, BTreeMap<UnitId, UnitStatus>> =
        stored.iter().filter_map(|s| Some((s.spec.slice, s.status.as_ref()?.units.clone()))).collect();
    let mut units: BTreeMap<UnitId, UnitStatus> =
        before.values().flatten().map(|(u, s)| (u.clone(), s.clone())).collect();
    let first = stored.iter().find(|slice| slice.spec.slice == 0);
    let mut link = first.and_then(|slice| slice.status.as_ref()?.link.clone());
    let stored_moving = first.and_then(|slice| slice.status.as_ref()).map(|status| status.moving.clone());
    let mut moving = stored_moving.unwrap_or_default();
    {
        let mut state = ctx.state();
        let State { unstored, waiting, refused, .. } = &mut *state;
        let waiting = waiting.get(member);
        // What is stored of these lacks what was reported.
        for whole in refused.get(member).into_iter().flat_map(BTreeMap::values) {
            units.extend(whole.units.iter().map(|(unit, status)| (unit.clone(), status.clone())));
            link = whole.link.clone().or(link);
        }
        let set_waiting = |(unit, status): (&UnitId, &mut UnitStatus)| {
            waiting.into_iter().for_each(|waiting| set_waiting_on(status, waiting.get(unit)));
        };
        units.iter_mut().for_each(set_waiting);
        if let Some(unstored) = unstored.get_mut(member) {
            unstored.units.retain(|unit, _| decided.contains(unit));
            unstored.units.iter_mut().for_each(set_waiting);
            units.extend(unstored.units.iter().map(|(unit, status)| (unit.clone(), status.clone())));
            link = unstored.link.clone().or(link);
            moving = unstored.moving.clone().unwrap_or(moving);
        }
    }
    units.retain(|unit, _| decided.contains(unit));
    let slices = plan::unit::slices(&before, units).into_iter();
    let mut out: BTreeMap<u32, MemberStatusStatus> =
        slices.map(|(slice, units)| (slice, MemberStatusStatus { units, ..MemberStatusStatus::default() })).collect();
    if link.is_some() {
        out.entry(0).or_default().link = link;
    }
    if !moving.is_nothing() {
        out.entry(0).or_default().moving = moving;
    }
    out
}

/// A slice that differs from what is stored.
struct Changed<'a> {
    slice: u32,
    status: &'a MemberStatusStatus,
    known: Option<&'a MemberStatus>,
    news: bool,
}

/// The slices that differ. Those that others wait for come first, so that no other slice's failure delays them. One that was
/// `refused` as it is, and is stored bare, is tried again when it changes.
fn changed<'a>(
    slices: &'a BTreeMap<u32, MemberStatusStatus>,
    stored: &'a [Arc<MemberStatus>],
    refused: &BTreeMap<u32, MemberStatusStatus>,
) -> Vec<Changed<'a>> {
    let none = MemberStatusStatus::default();
    let mut out = Vec::new();
    for (&slice, status) in slices {
        let known = stored.iter().find(|s| s.spec.slice == slice).map(Arc::as_ref);
        let before = known.and_then(|s| s.status.as_ref()).unwrap_or(&none);
        let refused = refused.get(&slice);
        let is_stored = before == status || (refused == Some(status) && *before == without_details(status));
        if known.is_some() && is_stored {
            continue;
        }
        let before = refused.unwrap_or(before);
        let news = before.link.as_ref().map(|l| l.state) != status.link.as_ref().map(|l| l.state)
            || before.moving != status.moving
            || is_news(&before.units, &status.units);
        out.push(Changed { slice, status, known, news });
    }
    out.sort_by_key(|changed| !changed.news);
    out
}

pub(super) async fn write(ctx: &Ctx, member: &MemberName, record: &Cluster) -> Result<Next, WriteError> {
    let stored = record::slices_of(&ctx.statuses, member);
    // Of an earlier record of this name, which may have been another cluster.
    let (mut stored, others): (Vec<_>, Vec<_>) = stored.into_iter().partition(|s| record::is_report_of(s, record));
    let mut slices = wanted(ctx, member, &stored);
    // Each slice is written for itself: one that must wait, or cannot be written, holds back no other. What fails is tried
    // again.
    let mut failed: Option<WriteError> = None;
    for other in &others {
        if let Err(error) = delete(ctx, other).await {
            keep_first_failure(&mut failed, error);
        }
    }
    if let Some(event) = what_stays(record, &others).filter(|_| failed.is_none()) {
        tracing::warn!(%member, "{}", event.note);
        ctx.events.record_member(member, event);
    }
    for slice in stored.iter_mut().filter(|slice| slices.contains_key(&slice.spec.slice)) {
        if let Err(error) = say_of_which_cluster(ctx, record, slice).await {
            keep_first_failure(&mut failed, error);
        }
    }
    let mut again: Option<Duration> = None;
    let mut waiting = Vec::new();
    let refused = ctx.state().refused.get(member).cloned().unwrap_or_default();
    for Changed { slice, status, known, news } in changed(&slices, &stored, &refused) {
        let name = MemberStatusSpec::object_name(member, slice);
        if let Some(wait) = ctx.throttle.wait(&NamespacedName::new("", &name), WRITE_EVERY, news) {
            again = Some(again.map_or(wait, |again| again.min(wait)));
            waiting.push(slice);
            continue;
        }
        let written = async {
            let object = match known {
                Some(object) => object.clone(),
                None => create(ctx, &name, member, record, slice).await?,
            };
            write_slice(ctx, member, object, status).await
        };
        if let Err(error) = written.await {
            keep_first_failure(&mut failed, error);
            waiting.push(slice);
        }
    }
    for surplus in stored.iter().filter(|s| !slices.contains_key(&s.spec.slice)) {
        if let Err(error) = delete(ctx, surplus).await {
            keep_first_failure(&mut failed, error);
        }
    }
    forget_refused(ctx, member, &slices);
    slices.retain(|slice, _| !waiting.contains(slice));
    forget_stored(ctx, member, &slices);
    let Some(error) = failed else { return Ok(Next::Wait.or_after(again)) };
    // What waits its turn does not wait for what failed, whose pauses grow.
    if let Some(again) = again {
        ctx.reported.add_after(member.clone(), again);
    }
    Err(error)
}

/// Keeps the first failure. A lost race is none: it counts only when there is nothing else.
fn keep_first_failure(failed: &mut Option<WriteError>, error: WriteError) {
    if failed.as_ref().is_none_or(WriteError::is_conflict) {
        *failed = Some(error);
    }
}

/// Writes the status of a slice. One that the hub's API server does not take is written without its details: how 100 units
/// are must not depend on what one of them has to say. Each of these says so. The details are kept for the next try.
async fn write_slice(
    ctx: &Ctx,
    member: &MemberName,
    object: MemberStatus,
    status: &MemberStatusStatus,
) -> Result<(), WriteError> {
    let (slice, before) = (object.spec.slice, object.status.clone());
    let whole = MemberStatus { status: Some(status.clone()), ..object };
    let mut is_refused = false;
    let bare = |_: &client::Error| {
        is_refused = true;
        Ok(MemberStatus { status: Some(without_details(status)), ..whole.clone() })
    };
    let written = write::status_or_brief(&ctx.api, &ctx.metrics, &whole, bare).await?;
    ctx.events.record_units(&ctx.applications, member, before.as_ref(), status);
    ctx.statuses.learn(written);
    let mut state = ctx.state();
    if is_refused {
        state.refused.entry(member.clone()).or_default().insert(slice, status.clone());
    } else if let Some(refused) = state.refused.get_mut(member) {
        refused.remove(&slice);
    }
    Ok(())
}

/// Slices that are no more, and those that were taken, are refused no longer.
fn forget_refused(ctx: &Ctx, member: &MemberName, slices: &BTreeMap<u32, MemberStatusStatus>) {
    let mut state = ctx.state();
    let Some(refused) = state.refused.get_mut(member) else { return };
    refused.retain(|slice, _| slices.contains_key(slice));
    if refused.is_empty() {
        state.refused.remove(member);
    }
}

/// How the units of a slice are, without what they say.
fn without_details(status: &MemberStatusStatus) -> MemberStatusStatus {
    let units = status.units.iter().map(|(unit, status)| (unit.clone(), plan::unit::without_details(status)));
    let link = status.link.clone().map(|link| MemberLink { message: plan::unit::DETAILS_LEFT_OUT.to_owned(), ..link });
    MemberStatusStatus { link, units: units.collect(), moving: status.moving.clone() }
}

/// What was written is read from the store from now on; what came meanwhile, or waits, stays.
fn forget_stored(ctx: &Ctx, member: &MemberName, written: &BTreeMap<u32, MemberStatusStatus>) {
    let mut state = ctx.state();
    let Some(unstored) = state.unstored.get_mut(member) else { return };
    let is_written = |unit: &UnitId, status: &UnitStatus| written.values().any(|s| s.units.get(unit) == Some(status));
    unstored.units.retain(|unit, status| !is_written(unit, status));
    if written.get(&0).map(|first| &first.link) == Some(&unstored.link) {
        unstored.link = None;
    }
    if unstored.moving.as_ref().is_some_and(|moving| written.get(&0).is_some_and(|first| first.moving == *moving)) {
        unstored.moving = None;
    }
    if unstored.units.is_empty() && unstored.link.is_none() && unstored.moving.is_none() {
        state.unstored.remove(member);
    }
}

/// The member has no record. What was on its way to be stored goes too: the next member of this name is another one.
pub(super) async fn remove(ctx: &Ctx, member: &MemberName) -> Result<Next, WriteError> {
    ctx.state().forget_reports(member);
    for status in record::slices_of(&ctx.statuses, member) {
        delete(ctx, &status).await?;
    }
    Ok(Next::Wait)
}

async fn create(
    ctx: &Ctx,
    name: &str,
    member: &MemberName,
    record: &Cluster,
    slice: u32,
) -> Result<MemberStatus, WriteError> {
    let mut object = MemberStatus::new(name, MemberStatusSpec { member: member.clone(), slice });
    // It says whose report it is, and goes with the record also while delivery does not run.
    object.metadata.owner_references = record.owner_ref(&()).map(|owner| vec![owner]);
    let cluster = record.spec.id.as_ref();
    object.metadata.annotations = cluster.map(|id| BTreeMap::from([(REPORT_OF.to_owned(), id.clone())]));
    write::create(&ctx.api, &object).await
}

/// Notes on a slice of an earlier version of which cluster it is, while it is sure that this is the one.
async fn say_of_which_cluster(ctx: &Ctx, record: &Cluster, slice: &mut Arc<MemberStatus>) -> Result<(), WriteError> {
    let Some(id) = record.spec.id.as_ref().filter(|_| !slice.annotations().contains_key(REPORT_OF)) else {
        return Ok(());
    };
    let conditions = record.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    if conditions.iter().any(|condition| condition.reason == reason::IDENTITY_CHANGED) {
        return Ok(());
    }
    let patch = json!({"metadata": {"uid": slice.metadata.uid, "annotations": {REPORT_OF: id}}});
    let verb = "note the cluster of";
    if let Some(noted) = write::patch::<MemberStatus>(&ctx.api, &NamespacedName::of(&**slice), verb, &patch).await? {
        ctx.statuses.learn(noted.clone());
        *slice = Arc::new(noted);
    }
    Ok(())
}

/// What stays in the cluster that was there, by its last report, after a person approved another one for the member.
pub(super) fn what_stays(record: &Cluster, others: &[Arc<MemberStatus>]) -> Option<plan::event::Event> {
    let of_record = others.iter().filter(|slice| record::is_of_record(slice, record));
    let before = of_record.clone().find_map(|slice| slice.annotations().get(REPORT_OF).cloned());
    let units = of_record.filter_map(|slice| slice.status.as_ref()).flat_map(|status| &status.units);
    let left: Vec<(UnitId, u32)> = units
        .filter(|(_, status)| status.objects.inventory > 0)
        .map(|(unit, status)| (unit.clone(), status.objects.inventory))
        .collect();
    plan::event::left_in_other_cluster(&left, &before?)
}

/// Deletes exactly this slice. Another may have been made under the name since: that one stays.
async fn delete(ctx: &Ctx, slice: &MemberStatus) -> Result<(), WriteError> {
    let key = NamespacedName::of(slice);
    match write::delete::<MemberStatus>(&ctx.api, &key, slice.metadata.uid.as_deref()).await {
        Err(error) if !error.is_conflict() => return Err(error),
        _ => ctx.throttle.forget(&key),
    }
    Ok(())
}
