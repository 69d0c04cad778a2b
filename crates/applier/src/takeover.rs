//! Carrying out a take-over: another hub's inventories and labels become this hub's, before any unit is looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::delivery::{HubId, MemberTakeOver, TakeOverState, UnitId};
use api::feed::TakeOver;
use client::Resource;
use futures::{StreamExt as _, TryStreamExt as _};
use model::HashedKey;
use plan::inventory::Inventory;
use plan::takeover::{self, Observed, Plan, Standing};
use serde_json::Value;

use crate::connection::Connection;
use crate::error::Error;
use crate::shard::{self, Found, InventoryOwner, InventorySecrets};

/// An object that the other hub recorded, as the member has it.
struct Live {
    unit: UnitId,
    resource: Arc<Resource>,
    object: Value,
    standing: Standing,
}

/// Looks at what the other hub recorded, and takes it over if a person agreed to it. `ours` is what this hub recorded, and has
/// what was taken over afterwards.
///
/// # Errors
/// The member cannot be asked, or something changed between two requests; it is begun again with the next connection.
pub(crate) async fn carry_out(
    connection: &Connection,
    wanted: &TakeOver,
    ours: &mut Vec<Found>,
) -> Result<MemberTakeOver, Error> {
    let owner = InventoryOwner { hub: wanted.from.clone(), is_unproven: true, ..connection.owner.clone() };
    let mut found = shard::read(&connection.api, &owner, None).await?;
    let (mut theirs, mut objects, mut unreadable) = (BTreeMap::new(), Vec::new(), (0, None));
    for one in &found {
        match &one.inventory {
            Ok(inventory) => {
                let (kept, live) = still_theirs(connection, &wanted.from, inventory).await?;
                theirs.insert(one.unit.clone(), kept);
                objects.extend(live);
            }
            Err(why) => {
                unreadable.0 += 1;
                unreadable.1.get_or_insert_with(|| why.to_string());
            }
        }
    }
    let known: BTreeMap<UnitId, Inventory> =
        ours.iter().filter_map(|one| Some((one.unit.clone(), one.inventory.as_ref().ok()?.clone()))).collect();
    let observed =
        Observed { from: &wanted.from, theirs: &theirs, ours: &known, approved: wanted.approved, unreadable };
    let (Plan { go, write }, said) = takeover::plan(&observed);
    if !go {
        return Ok(said);
    }
    for inventory in write {
        record(connection, ours, inventory).await?;
    }
    relabel(connection, objects).await?;
    // Last: until then the list is the one that was approved.
    for one in found.iter_mut().filter(|one| one.inventory.is_ok()) {
        one.inventory_secrets.remove(&connection.api).await?;
    }
    Ok(MemberTakeOver { state: TakeOverState::Done, ..said })
}

/// What of an inventory the other hub still delivers, or this one since a take-over that was cut off.
async fn still_theirs(
    connection: &Connection,
    from: &HubId,
    inventory: &Inventory,
) -> Result<(Inventory, Vec<Live>), Error> {
    let unit = &inventory.unit;
    let read = |(key, entry): (Arc<HashedKey>, plan::inventory::Entry)| async move {
        let Some(resource) = connection.recorded_resource(&key, &entry.version).await? else { return Ok((key, None)) };
        let live = connection.api.get(&resource.target(&key.namespace, &key.name)).await?;
        let Some(object) = live else { return Ok((key, None)) };
        let standing = takeover::standing(&object, &entry, unit, from, &connection.ctx.hub);
        // Its body is not needed any more.
        let object = serde_json::json!({"metadata": {"name": key.name, "namespace": key.namespace,
            "uid": model::object::uid(&object), "resourceVersion": model::object::resource_version(&object)}});
        Ok::<_, Error>((key, Some(Live { unit: unit.clone(), resource, object, standing })))
    };
    let entries: Vec<_> = inventory.entries().iter().map(|(key, entry)| (Arc::clone(key), entry.clone())).collect();
    let lanes = connection.ctx.shared.lanes(connection.ctx.limits.objects_in_flight.min(entries.len()));
    let mut reads = futures::stream::iter(entries.into_iter().map(read)).buffered(lanes.width);
    let (mut kept, mut all) = (inventory.clone(), Vec::new());
    while let Some((key, live)) = reads.try_next().await? {
        match live {
            Some(live) if live.standing != Standing::Neither => all.push(live),
            // It is gone, or the other hub does not deliver it any more.
            _ => drop(kept.remove(&key)),
        }
    }
    Ok((kept, all))
}

/// Writes an inventory of this hub, and puts it among those that were read.
async fn record(connection: &Connection, ours: &mut Vec<Found>, mut inventory: Inventory) -> Result<(), Error> {
    let unit = inventory.unit.clone();
    let index = ours.iter().position(|one| one.unit == unit);
    let mut secrets = match index {
        Some(index) => ours[index].inventory_secrets.clone(),
        None => InventorySecrets::empty(unit.short(&connection.ctx.hub)),
    };
    secrets.write(&connection.api, &connection.owner, &mut inventory).await?;
    let found = Found { unit, inventory: Ok(inventory), inventory_secrets: secrets };
    match index {
        Some(index) => ours[index] = found,
        None => ours.push(found),
    }
    Ok(())
}

/// Gives objects this hub's labels.
async fn relabel(connection: &Connection, objects: Vec<Live>) -> Result<(), Error> {
    let todo: Vec<Live> = objects.into_iter().filter(|live| live.standing == Standing::Theirs).collect();
    let lanes = connection.ctx.shared.lanes(connection.ctx.limits.objects_in_flight.min(todo.len()));
    let one = |live: Live| async move {
        let patch = takeover::relabel(&live.object, &live.unit, &connection.ctx.hub);
        match connection.api.merge(&live.resource.target_of(&live.object), &patch).await {
            // Gone since it was read.
            Err(e) if e.is_gone() => Ok(()),
            other => other.map(drop).map_err(Error::from),
        }
    };
    futures::stream::iter(todo.into_iter().map(one)).buffer_unordered(lanes.width).try_collect().await
}
