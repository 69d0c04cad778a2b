//! Carrying out a take-over: another hub's inventories and labels become this hub's, before any unit is looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::delivery::{HubId, MemberTakeOver, TakeOverState, UnitId, label};
use api::feed::TakeOver;
use client::{Api, Class, Resource};
use futures::{StreamExt as _, TryStreamExt as _};
use model::{HashedKey, words};
use plan::inventory::Inventory;
use plan::takeover::{self, Observed, Plan, Standing};
use serde_json::Value;

use crate::connection::Connection;
use crate::error::Error;
use crate::shard::{self, Found, InventoryOwner, InventorySecrets};

/// How often an object is relabelled when others write it at the same time: a status that is written every second is
/// written between a read and the patch once in a hundred times.
const RELABEL_TRIES: u32 = 5;

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
        // A write would replace what this hub recorded there, and that record cannot be read.
        let own = ours.iter().find(|own| own.unit == one.unit).and_then(|own| own.inventory.as_ref().err());
        if let Some(why) = own {
            note_unreadable(&mut unreadable, format!("of {}: this hub's own cannot be read: {why}", one.unit));
            continue;
        }
        match &one.inventory {
            Ok(inventory) => match still_theirs(connection, &wanted.from, inventory).await {
                Ok((kept, live)) => {
                    theirs.insert(one.unit.clone(), kept);
                    objects.extend(live);
                }
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                // One object that cannot be read keeps its unit back, and no other.
                Err(e) => note_unreadable(&mut unreadable, format!("of {}: {e}", one.unit)),
            },
            Err(why) => note_unreadable(&mut unreadable, why.to_string()),
        }
    }
    let known: BTreeMap<UnitId, Inventory> =
        ours.iter().filter_map(|one| Some((one.unit.clone(), one.inventory.as_ref().ok()?.clone()))).collect();
    let labelled = objects.iter().filter(|live| live.standing == Standing::Theirs).count();
    let (approved, is_whole) = (wanted.approved, unreadable.0 == 0);
    let observed = Observed { from: &wanted.from, theirs: &theirs, ours: &known, approved, labelled, unreadable };
    let (Plan { go, write }, said) = takeover::plan(&observed);
    if !go {
        return Ok(said);
    }
    for inventory in write {
        record(connection, ours, inventory).await?;
    }
    let stuck = relabel(connection, &wanted.from, objects).await?;
    // Last: until then the list is the one that was approved.
    let done = |one: &&mut Found| theirs.contains_key(&one.unit) && !stuck.contains_key(&one.unit);
    for one in found.iter_mut().filter(done) {
        one.inventory_secrets.remove(&connection.api).await?;
    }
    let message = match stuck.values().next() {
        Some(why) => words::bounded(&format!("{why}; {}", said.message), MemberTakeOver::MESSAGE_MAX),
        None => said.message.clone(),
    };
    let state = if is_whole && stuck.is_empty() { TakeOverState::Done } else { TakeOverState::Stuck };
    Ok(MemberTakeOver { state, message, ..said })
}

/// What hubs have recorded in a cluster, each as a take-over by a hub that has nothing there would list it. Its digest is that of
/// this list too, as long as every object that a hub recorded is still there and still that hub's. `cluster`: the UID of the
/// kube-system namespace.
///
/// # Errors
/// The cluster cannot be asked.
pub async fn look_at_hubs(api: &Api, cluster: &str) -> Result<Vec<MemberTakeOver>, Error> {
    let nothing = BTreeMap::new();
    let list = |(from, found): (HubId, Vec<Found>)| {
        let (mut theirs, mut unreadable) = (BTreeMap::new(), (0, None));
        for one in found {
            match one.inventory {
                Ok(inventory) => drop(theirs.insert(one.unit, inventory)),
                Err(why) => note_unreadable(&mut unreadable, format!("of {}: {why}", one.unit)),
            }
        }
        let observed = Observed {
            from: &from,
            theirs: &theirs,
            ours: &nothing,
            approved: None,
            labelled: theirs.len(),
            unreadable,
        };
        takeover::plan(&observed).1
    };
    Ok(shard::read_hubs(api, cluster).await?.into_iter().map(list).collect())
}

/// Counts an inventory that stays; the first reason is kept.
fn note_unreadable(unreadable: &mut (usize, Option<String>), why: String) {
    unreadable.0 += 1;
    unreadable.1.get_or_insert(why);
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

/// Gives objects this hub's labels. One that the member refuses to change keeps its unit back, with the reason.
///
/// # Errors
/// The member does not answer.
async fn relabel(connection: &Connection, from: &HubId, objects: Vec<Live>) -> Result<BTreeMap<UnitId, String>, Error> {
    let todo: Vec<Live> = objects.into_iter().filter(|live| live.standing == Standing::Theirs).collect();
    let lanes = connection.ctx.shared.lanes(connection.ctx.limits.objects_in_flight.min(todo.len()));
    let one = |live: Live| async move {
        let (unit, is_secret) = (live.unit.clone(), live.resource.kind == "Secret");
        match relabel_one(connection, from, live).await {
            Ok(()) => Ok(None),
            Err(e) if e.class() == Class::Unreachable => Err(Error::from(e)),
            // What a member says of a Secret may have its values in it.
            Err(e) if is_secret => Ok(Some((unit, format!("a Secret cannot be changed ({})", e.reason())))),
            Err(e) => Ok(Some((unit, Error::from(e).to_string()))),
        }
    };
    let done = futures::stream::iter(todo.into_iter().map(one)).buffer_unordered(lanes.width);
    done.try_fold(BTreeMap::new(), |mut stuck, one| async move {
        if let Some((unit, why)) = one {
            stuck.entry(unit).or_insert(why);
        }
        Ok(stuck)
    })
    .await
}

/// Gives one object this hub's labels. Others may write it meanwhile, as autoscalers do: then it is read again.
async fn relabel_one(connection: &Connection, from: &HubId, live: Live) -> Result<(), client::Error> {
    let Live { unit, resource, mut object, .. } = live;
    let mut tries = 1;
    loop {
        let patch = takeover::relabel(&object, &unit, &connection.ctx.hub);
        match connection.api.merge(&resource.target_of(&object), &patch).await {
            Ok(_) => return Ok(()),
            // Gone since it was read.
            Err(e) if e.is_gone() => return Ok(()),
            Err(e) if e.is_conflict() && tries < RELABEL_TRIES => tries += 1,
            Err(e) => return Err(e),
        }
        let again = connection.api.get(&resource.target_of(&object)).await?;
        let same = |again: &Value| {
            model::object::uid(again) == model::object::uid(&object)
                && model::object::label(again, label::HUB) == Some(from.as_str())
        };
        // Another object, or none, or it was let go of: it is not in the other hub's list any more.
        let Some(again) = again.filter(same) else { return Ok(()) };
        object = again;
    }
}
