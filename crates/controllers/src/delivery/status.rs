//! MemberStatus: what one member reports of its units, in slices.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::delivery::{MemberStatus, MemberStatusSpec, MemberStatusStatus, UnitId, UnitStatus};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt};
use model::MemberName;

use crate::Ctx;
use crate::informer::Key;
use crate::queue::Next;
use crate::world::MEMBER;
use crate::write::{self, WriteError};

/// Field manager of MemberStatus.
const FIELD_MANAGER: &str = "kurator-delivery";
/// Shortest time between two writes of one member's status (DESIGN 6).
const WRITE_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn write(ctx: &Ctx, member: &MemberName) -> Result<Next, WriteError> {
    let decisions = ctx.world.decisions.by(MEMBER, member.as_str());
    let decided: BTreeSet<&UnitId> = decisions.iter().map(|d| &d.spec.unit).collect();
    let statuses = {
        let mut state = ctx.delivery.state();
        state.retain(member, |unit| decided.contains(unit));
        state.of(member)
    };
    let slices: Vec<BTreeMap<UnitId, UnitStatus>> =
        statuses.chunks(MemberStatusSpec::UNITS_MAX).map(|chunk| chunk.iter().cloned().collect()).collect();
    let stored = stored(ctx, member);
    let api: Api<MemberStatus> = Api::all(ctx.client.clone());
    for (index, units) in slices.iter().enumerate() {
        let slice = u32::try_from(index).unwrap_or(u32::MAX);
        let name = MemberStatusSpec::object_name(member, slice);
        let known = stored.iter().find(|s| s.name_any() == name);
        let before = known.and_then(|s| s.status.clone()).unwrap_or_default();
        if known.is_some() && before.units == *units {
            continue;
        }
        if let Some(wait) = ctx.delivery.pace(&Key::new("", &name), WRITE_EVERY, is_news(&before.units, units)) {
            return Ok(Next::After(wait));
        }
        let object = match known {
            Some(object) => object.as_ref().clone(),
            None => create(&api, &name, member, slice).await?,
        };
        let status = MemberStatusStatus { units: units.clone() };
        let value = serde_json::to_value(status).unwrap_or_default();
        ctx.world.statuses.learn(write::status(&api, FIELD_MANAGER, &object, value).await?);
    }
    for surplus in stored.iter().filter(|s| s.spec.slice as usize >= slices.len()) {
        delete(&api, &surplus.name_any()).await?;
    }
    Ok(Next::Wait)
}

/// The member is no more.
pub(super) async fn remove(ctx: &Ctx, member: &MemberName) -> Result<Next, WriteError> {
    let api: Api<MemberStatus> = Api::all(ctx.client.clone());
    for status in stored(ctx, member) {
        delete(&api, &status.name_any()).await?;
        ctx.delivery.unpace(&Key::of(status.as_ref()));
    }
    Ok(Next::Wait)
}

fn stored(ctx: &Ctx, member: &MemberName) -> Vec<std::sync::Arc<MemberStatus>> {
    let mut out = Vec::new();
    for slice in 0.. {
        match ctx.world.statuses.get(&Key::new("", MemberStatusSpec::object_name(member, slice))) {
            Some(status) => out.push(status),
            None => return out,
        }
    }
    out
}

async fn create(
    api: &Api<MemberStatus>,
    name: &str,
    member: &MemberName,
    slice: u32,
) -> Result<MemberStatus, WriteError> {
    let object = MemberStatus::new(name, MemberStatusSpec { member: member.clone(), slice });
    match api
        .create(&PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }, &object)
        .await
    {
        Ok(created) => Ok(created),
        Err(error) => Err(WriteError::new::<MemberStatus>("create", name, error)),
    }
}

async fn delete(api: &Api<MemberStatus>, name: &str) -> Result<(), WriteError> {
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(WriteError::new::<MemberStatus>("delete", name, error)),
    }
}

/// Whether somebody waits for it: a unit came, went, or changed its phase, health, revision or deletions.
fn is_news(before: &BTreeMap<UnitId, UnitStatus>, after: &BTreeMap<UnitId, UnitStatus>) -> bool {
    let said = |units: &BTreeMap<UnitId, UnitStatus>| -> Vec<_> {
        units.iter().map(|(u, s)| (u.clone(), s.phase, s.health, s.revision.clone(), s.held.clone())).collect()
    };
    said(before) != said(after)
}
