//! How inventories are kept in a member: Secrets of namespace `kurator-system`, one per owner group, in shards.
//!
//! A shard is JSON (format 2) and an authenticator over it ([`crate::authenticator`]), bound to hub, cluster and number:
//! a shard without one that verifies proves nothing. A group has one or more units; today each unit is
//! its own group. The first shard is the parent of an ApplySet (KEP-3659) and carries epochs and released deletions; each
//! shard decodes alone. An entry stays in the shard in which it was first written, so a crash between the writes of two
//! shards cannot lose one. The first shard names the others, so that one that is lost is not taken for one that never was;
//! it names each only after that is written, and no longer before that is deleted. Compression and base64 are the applier's.

use std::collections::BTreeMap;

use api::delivery::{HubId, UnitId};
use model::{ObjectKey, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Entry, Inventory, Released};
use crate::authenticator::{KeyId, MemberKey};

/// Largest shard as JSON, in bytes. Base64 makes 4/3 of it, so a Secret stays below 512 kB even when nothing
/// compresses.
pub const SHARD_BYTES_MAX: usize = 380 * 1024;
/// Format of the JSON. A reader refuses every other.
pub const FORMAT: u32 = 2;

/// Number of the shard that carries what holds for the whole group.
pub const FIRST: u32 = 0;

/// What to do about an inventory that proves nothing.
const REMEDY: &str = "restore the Secret from a backup of the member, or delete it to have its objects adopted";

/// A shard as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    /// JSON.
    pub json: Vec<u8>,
    /// Proof that this hub wrote it.
    pub authenticator: Vec<u8>,
}

/// Whose shards they are.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The hub.
    pub hub: &'a HubId,
    /// The cluster that holds them: the UID of its kube-system namespace. A member may get another name.
    pub cluster: &'a str,
    /// The owner group.
    pub group: &'a UnitId,
    /// The member's key.
    pub key: &'a MemberKey,
}

/// Shards that are no inventory of this group.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The JSON does not parse.
    #[error("shard {shard} of the inventory is not readable; {REMEDY}")]
    Malformed {
        /// Which shard.
        shard: u32,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Another Kurator wrote it.
    #[error("shard {shard} of the inventory has format {format}, and this Kurator reads format {FORMAT} only; {}",
        if *.format > FORMAT { "use the newer one" } else { "delete the Secret to have its objects adopted" })]
    Format {
        /// Which shard.
        shard: u32,
        /// Its format.
        format: u32,
    },
    /// Nothing proves that this hub wrote it for this member.
    #[error(
        "nothing proves that this hub wrote shard {shard} of the inventory ({why}); nothing of the unit is touched; {REMEDY}"
    )]
    Unverified {
        /// Which shard.
        shard: u32,
        /// What is wrong with the proof.
        why: Unverified,
    },
    /// A shard of another group, though this hub wrote it for this cluster.
    #[error("shard {shard} of the inventory is a copy of one of {group}; {REMEDY}")]
    Foreign {
        /// Which shard.
        shard: u32,
        /// Whose it is.
        group: Box<UnitId>,
    },
    /// The first shard names one that is not there, or the first one itself is not there.
    #[error(
        "shard {shard} of the inventory is missing; nothing of the unit is touched; restore its Secret from a backup of the member, or delete the Secrets of the other shards too, to have all objects adopted"
    )]
    Missing {
        /// Which shard.
        shard: u32,
    },
    /// A shard is larger than any that was written.
    #[error("shard {shard} of the inventory has more than {max} bytes when it is unpacked; {REMEDY}")]
    Large {
        /// Which shard.
        shard: u32,
        /// The limit.
        max: usize,
    },
    /// The inventories of a member are larger than all that a hub is made for, so that this one was not read.
    #[error("the inventories of the member have more than {max} bytes when they are unpacked; {REMEDY}")]
    LargeTogether {
        /// The limit.
        max: usize,
    },
    /// A group with other units than the one that is its own.
    #[error("the inventory has units that share it, such as {unit}; a newer Kurator wrote it: use that one")]
    Shared {
        /// One of them.
        unit: Box<UnitId>,
    },
}

/// What is wrong with a shard's proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// There is none.
    #[error("it has no authenticator")]
    Missing,
    /// It was made with a key that this hub does not have.
    #[error("it is signed with key {0}, which this hub does not have")]
    UnknownKey(KeyId),
    /// It is of another text, place or key.
    #[error("its authenticator does not match; somebody changed it or copied it here")]
    Mismatch,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shard {
    format: u32,
    hub: HubId,
    cluster: String,
    group: UnitId,
    key: KeyId,
    units: Vec<UnitLine>,
    /// Numbers of the other shards. In the first shard only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<u32>,
    entries: Vec<Line>,
}

/// A unit of the group. All but its id is in the first shard only.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UnitLine {
    unit: UnitId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    placed: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    released: Option<Released>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    behind: bool,
}

/// An object, and which of the shard's units has it.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    key: ObjectKey,
    #[serde(flatten)]
    entry: Entry,
    unit: usize,
}

/// The shards of a group. The first is always there; others only when they hold something.
pub fn encode(place: &Place<'_>, inventories: &[&Inventory]) -> BTreeMap<u32, Sealed> {
    let mut shards = distribute(place, inventories);
    let others: Vec<u32> = shards.keys().copied().filter(|number| *number != FIRST).collect();
    if let Some(first) = shards.get_mut(&FIRST) {
        first.others = others;
    }
    shards.into_iter().map(|(number, shard)| (number, seal(place, number, &shard))).collect()
}

/// The first shard as it is written when none is there yet: it names no other.
pub fn encode_first(place: &Place<'_>, inventories: &[&Inventory]) -> Option<Sealed> {
    distribute(place, inventories).remove(&FIRST).map(|first| seal(place, FIRST, &first))
}

fn seal(place: &Place<'_>, number: u32, shard: &Shard) -> Sealed {
    let json = serde_json::to_vec(shard).expect("a shard has string keys and no foreign serializers");
    let authenticator = place.key.sign(place.hub, place.cluster, number, &json);
    Sealed { json, authenticator }
}

/// Puts entries into their shards.
fn distribute(place: &Place<'_>, inventories: &[&Inventory]) -> BTreeMap<u32, Shard> {
    let shard = |number: u32| Shard {
        format: FORMAT,
        hub: place.hub.clone(),
        cluster: place.cluster.to_owned(),
        group: place.group.clone(),
        key: place.key.id().clone(),
        units: inventories.iter().map(|inventory| line(inventory, number == FIRST)).collect(),
        others: Vec::new(),
        entries: Vec::new(),
    };
    let mut shards = BTreeMap::from([(FIRST, shard(FIRST))]);
    for (unit, inventory) in inventories.iter().enumerate() {
        for (key, entry) in inventory.entries() {
            let line = Line { key: ObjectKey::clone(key), entry: entry.clone(), unit };
            shards.entry(entry.shard).or_insert_with(|| shard(entry.shard)).entries.push(line);
        }
    }
    shards
}

fn line(inventory: &Inventory, first: bool) -> UnitLine {
    UnitLine {
        unit: inventory.unit.clone(),
        epoch: first.then_some(inventory.epoch),
        placed: inventory.placed.filter(|_| first),
        released: inventory.released.filter(|_| first),
        behind: inventory.behind && first,
    }
}

/// A shard that this hub wrote for this place: what it says may be believed.
#[derive(Debug)]
pub struct Opened(Shard);

impl Opened {
    /// The numbers of the other shards, if it is the first one.
    pub fn others(&self) -> &[u32] {
        &self.0.others
    }
}

/// Puts a group's shards together, after checking each. In any order.
///
/// # Errors
/// A shard that is not readable, of another format, not proven, of another place or missing. Nothing may be deleted then.
pub fn decode(
    place: &Place<'_>,
    shards: &BTreeMap<u32, Sealed>,
) -> Result<BTreeMap<UnitId, Inventory>, InventoryError> {
    let opened = shards.iter().map(|(&number, sealed)| Ok((number, open(place, number, sealed)?)));
    join(opened.collect::<Result<_, _>>()?)
}

/// Puts checked shards together.
///
/// # Errors
/// A shard that is missing.
fn join(shards: BTreeMap<u32, Opened>) -> Result<BTreeMap<UnitId, Inventory>, InventoryError> {
    let mut out: BTreeMap<UnitId, Inventory> = BTreeMap::new();
    let first = shards.get(&FIRST).map(Opened::others).unwrap_or_default();
    // One that is there and not named is one whose deletion was cut short, or whose first write was.
    let missing = [FIRST].iter().chain(first).find(|number| !shards.contains_key(number));
    if let Some(&shard) = missing.filter(|_| !shards.is_empty()) {
        return Err(InventoryError::Missing { shard });
    }
    for (shard, Opened(read)) in shards {
        for unit in &read.units {
            let inventory = out.entry(unit.unit.clone()).or_insert_with(|| Inventory::empty(unit.unit.clone()));
            inventory.epoch = inventory.epoch.max(unit.epoch.unwrap_or(0));
            inventory.placed = inventory.placed.max(unit.placed);
            inventory.released = inventory.released.or(unit.released);
            inventory.behind |= unit.behind;
        }
        for Line { key, entry, unit } in read.entries {
            let unit = read.units.get(unit).and_then(|line| out.get_mut(&line.unit));
            // The authenticator holds, so the number is one that we wrote.
            if let Some(inventory) = unit {
                inventory.entries.insert(key.into(), Entry { shard, ..entry });
            }
        }
    }
    out.values_mut().for_each(Inventory::sort);
    Ok(out)
}

/// The inventory of a group that is one unit's own.
///
/// # Errors
/// As of [`decode`], and when other units share it.
pub fn decode_own(place: &Place<'_>, shards: &BTreeMap<u32, Sealed>) -> Result<Inventory, InventoryError> {
    own(place, decode(place, shards)?)
}

/// The same of shards that were checked one by one.
///
/// # Errors
/// A shard that is missing, and when other units share the inventory.
pub fn join_own(place: &Place<'_>, shards: BTreeMap<u32, Opened>) -> Result<Inventory, InventoryError> {
    own(place, join(shards)?)
}

fn own(place: &Place<'_>, mut units: BTreeMap<UnitId, Inventory>) -> Result<Inventory, InventoryError> {
    let own = units.remove(place.group);
    match units.into_keys().next() {
        Some(unit) => Err(InventoryError::Shared { unit: Box::new(unit) }),
        None => Ok(own.unwrap_or_else(|| Inventory::empty(place.group.clone()))),
    }
}

/// Reads a shard of another hub, of which nothing is proven: it may be believed only as far as a person agrees to what it says.
/// What that hub had decided (epochs, releases) is left out.
///
/// # Errors
/// A shard that is not readable, of another format, or of another place.
pub fn open_unproven(place: &Place<'_>, shard: u32, sealed: &Sealed) -> Result<Opened, InventoryError> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let malformed = |source| InventoryError::Malformed { shard, source };
    let head: Head = serde_json::from_slice(&sealed.json).map_err(malformed)?;
    if head.format != FORMAT {
        return Err(InventoryError::Format { shard, format: head.format });
    }
    let mut read: Shard = serde_json::from_slice(&sealed.json).map_err(malformed)?;
    if (&read.hub, read.cluster.as_str()) != (place.hub, place.cluster) {
        return Err(InventoryError::Unverified { shard, why: Unverified::Mismatch });
    }
    if read.group != *place.group {
        return Err(InventoryError::Foreign { shard, group: Box::new(read.group) });
    }
    for unit in &mut read.units {
        (unit.epoch, unit.placed, unit.released, unit.behind) = (None, None, None, false);
    }
    Ok(Opened(read))
}

/// Checks a shard and reads it.
///
/// # Errors
/// A shard that is not readable, of another format, not proven, or of another place.
pub fn open(place: &Place<'_>, shard: u32, sealed: &Sealed) -> Result<Opened, InventoryError> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
        key: Option<KeyId>,
    }
    let malformed = |source| InventoryError::Malformed { shard, source };
    let head: Head = serde_json::from_slice(&sealed.json).map_err(malformed)?;
    if head.format != FORMAT {
        return Err(InventoryError::Format { shard, format: head.format });
    }
    let unverified = |why| InventoryError::Unverified { shard, why };
    if sealed.authenticator.is_empty() {
        return Err(unverified(Unverified::Missing));
    }
    match head.key {
        Some(key) if key != *place.key.id() => return Err(unverified(Unverified::UnknownKey(key))),
        None => return Err(unverified(Unverified::Missing)),
        Some(_) => {}
    }
    if !place.key.verifies(place.hub, place.cluster, shard, &sealed.json, &sealed.authenticator) {
        return Err(unverified(Unverified::Mismatch));
    }
    let read: Shard = serde_json::from_slice(&sealed.json).map_err(malformed)?;
    if read.group != *place.group {
        return Err(InventoryError::Foreign { shard, group: Box::new(read.group) });
    }
    Ok(Opened(read))
}
