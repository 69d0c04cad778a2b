//! A member that is left as a whole: every unit of this hub in it is given back, also those that no decision names any more,
//! and then the namespace of the inventories goes, if nothing else is in it.

use std::collections::BTreeMap;

use api::delivery::{HubId, MemberRelease, Removal, UnitId, label};
use api::feed::{Payload, UnitEntry};
use api::kurator::minted;
use client::{Api, Class, Resource};
use model::{HashedKey, ObjectKey, object};
use plan::inhabitant::Inhabitants;

use crate::connection::Connection;
use crate::error::Error;
use crate::unit::look;

/// What is asked of units that are given back. Each has the epoch that it was written with: what is given back is not
/// deleted, so that it does not matter how much this hub has forgotten.
pub(crate) fn entries(hub: &HubId, units: BTreeMap<UnitId, u64>) -> Vec<UnitEntry> {
    let entry = |(unit, epoch): (UnitId, u64)| UnitEntry {
        short: unit.short(hub),
        unit,
        revision: String::new(),
        epoch,
        placed: None,
        known_since: None,
        given_back: None,
        payload: Payload::default().digest(),
        prune: false,
        suspend: false,
        force: false,
        overwrite: false,
        approved: None,
        approved_shown: None,
        claimed: None,
        frozen: None,
        removal: Removal::Release,
        shown: None,
        unapproved: false,
    };
    units.into_iter().map(entry).collect()
}

/// How far it is: so many units have something left, and one of them says this.
pub(crate) fn going(left: usize, trouble: Option<&str>) -> MemberRelease {
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    MemberRelease::new(left, false, trouble.unwrap_or_default())
}

/// Is the account of `kurator attach` in the namespace? The hub works as it until this is reported; with its end, the namespace
/// goes too.
async fn has_account(connection: &Connection) -> Result<bool, Error> {
    let accounts = Resource::core("ServiceAccount", "serviceaccounts", true);
    match connection.api.get_metadata(&accounts.target(minted::NAMESPACE, minted::SERVICE_ACCOUNT)).await {
        Ok(found) => Ok(found.is_some_and(|found| object::label(&found, minted::MANAGED_BY) == Some(minted::MANAGER))),
        Err(e) if e.class() == Class::Unreachable => Err(e.into()),
        // It cannot be seen, so that it is not touched either.
        Err(_) => Ok(true),
    }
}

/// Who has something in the namespace of the inventories, in which this hub has nothing any more but its account.
///
/// # Errors
/// The member cannot be asked.
pub async fn who_stays(api: &Api, width: usize) -> Result<Inhabitants, Error> {
    let container =
        ObjectKey { kind: "Namespace".into(), name: label::SYSTEM_NAMESPACE.into(), ..ObjectKey::default() };
    look::into_namespace(api, width, &HashedKey::from(container)).await
}

/// Everything is given back. Removes the namespace of the inventories if nobody else has anything in it, and says why it
/// stays otherwise.
///
/// # Errors
/// The member cannot be asked.
pub(crate) async fn conclude(connection: &Connection) -> Result<MemberRelease, Error> {
    let namespaces = Resource::core("Namespace", "namespaces", false);
    let stays =
        |why: String| MemberRelease::new(0, true, format!("namespace {} stays: {why}", label::SYSTEM_NAMESPACE));
    if connection.ctx.rights.are_limited() {
        // To be emptied it has to be looked into, and to be deleted it takes rights in the whole cluster.
        return Ok(stays("the member gives no rights to look into it".to_owned()));
    }
    let live = match connection.api.get(&namespaces.target("", label::SYSTEM_NAMESPACE)).await {
        Ok(Some(live)) => live,
        Ok(None) => return Ok(MemberRelease::new(0, true, "")),
        Err(e) if e.class() == Class::Unreachable => return Err(e.into()),
        Err(e) => return Ok(stays(e.to_string())),
    };
    if model::object::is_deleting(&live) {
        return Ok(MemberRelease::new(0, true, ""));
    }
    let lanes = connection.ctx.shared.lanes(connection.ctx.limits.objects_in_flight);
    match who_stays(&connection.api, lanes.width).await {
        Ok(Inhabitants::Nobody) if has_account(connection).await? => return Ok(MemberRelease::new(0, true, "")),
        Ok(Inhabitants::Nobody) => {}
        Ok(Inhabitants::Unseen(why)) => return Ok(stays(format!("it cannot be seen whether it is empty: {why}"))),
        Ok(strangers) => return Ok(stays(format!("it has {} in it", strangers.strangers().unwrap_or_default()))),
        Err(e) if e.class() == Class::Unreachable => return Err(e),
        Err(e) => return Ok(stays(e.to_string())),
    }
    match connection.delete(&namespaces, &live).await {
        Ok(_) => Ok(MemberRelease::new(0, true, "")),
        Err(e) if e.class() == Class::Unreachable => Err(e),
        Err(e) => Ok(stays(e.to_string())),
    }
}
