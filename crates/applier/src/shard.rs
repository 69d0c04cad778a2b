//! A unit's inventory as Secrets in the member.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::io::{Read as _, Write as _};

use api::delivery::{HubId, MemberMove, OtherHub, ShortId, UnitId, label};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use client::{Api, Resource, Selection};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use model::{Digest, Uid};
use plan::authenticator::{HubKey, KEY_BYTES, MemberKey};
use plan::inventory::shard::{self, FIRST, Opened, Place, SHARD_BYTES_MAX, Sealed};
use plan::inventory::{self, Inventory, InventoryError};
use serde_json::{Value, json};

use crate::connection;
use crate::error::Error;
use crate::limit;

/// Key of the Secret's data: the shard, compressed.
const DATA: &str = "inventory";
/// Key of the Secret's data: what proves that this hub wrote it.
const AUTHENTICATOR: &str = "authenticator";
/// Largest shard that is unpacked, in bytes. One is never longer than [`SHARD_BYTES_MAX`]; the margin is for versions with
/// larger ones.
const SHARD_UNPACKED_MAX: usize = 4 * SHARD_BYTES_MAX;
/// Longest id of a unit in an annotation, in bytes: group, kind, namespace, name and policy are 885 at most.
const UNIT_ID_BYTES_MAX: usize = 1_024;
/// Type of the Secret.
const TYPE: &str = "kurator.dev/inventory";

/// What is kept of a Secret: what a precondition needs, and not its body.
#[derive(Clone, Debug)]
struct Stored {
    uid: Option<Uid>,
    version: Option<Box<str>>,
    content: Digest,
    /// It was found by its labels; else the next write puts them back.
    is_labelled: bool,
}

impl Stored {
    fn new(secret: &Value, content: Digest, is_labelled: bool) -> Box<Self> {
        let uid = model::object::uid(secret).map(Uid::from);
        let version = model::object::resource_version(secret).map(Into::into);
        Box::new(Self { uid, version, content, is_labelled })
    }

    /// What tells it from every other state of the Secret of its name, as `metadata`.
    fn precondition(&self) -> Value {
        json!({"uid": self.uid.as_ref().map(Uid::to_string), "resourceVersion": self.version})
    }
}

/// A unit's Secrets as they were last read or written.
#[derive(Clone, Debug)]
pub(crate) struct InventorySecrets {
    short: ShortId,
    // Boxed: a map has room for eleven values as soon as there is one, and nearly every unit has one.
    shards: BTreeMap<u32, Box<Stored>>,
}

/// What a look found of a unit's Secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// All are there with their labels.
    Whole,
    /// All are there, and some lost labels.
    Unlabelled,
    /// Some are gone, or there is none.
    Gone,
}

/// A unit that has an inventory in the member.
pub(crate) struct Found {
    pub(crate) unit: UnitId,
    pub(crate) inventory: Result<Inventory, Error>,
    pub(crate) inventory_secrets: InventorySecrets,
}

/// Whose inventories are read and written.
#[derive(Clone, Debug)]
pub(crate) struct InventoryOwner {
    pub(crate) hub: HubId,
    /// UID of the kube-system namespace.
    pub(crate) cluster: String,
    pub(crate) key: MemberKey,
    /// Another hub's, of whose inventories nothing can be checked.
    pub(crate) is_unproven: bool,
}

impl InventoryOwner {
    fn place<'a>(&'a self, group: &'a UnitId) -> Place<'a> {
        Place { hub: &self.hub, cluster: &self.cluster, group, key: &self.key }
    }
}

fn secrets() -> Resource {
    Resource::core("Secret", "secrets", true)
}

/// Reads all inventories of a hub, or one unit's. Secrets with our labels that do not say whose they are are left alone.
pub(crate) async fn read(api: &Api, owner: &InventoryOwner, only: Option<&ShortId>) -> Result<Vec<Found>, Error> {
    let hub = &owner.hub;
    let selector = match only {
        Some(short) => format!("{}={hub},{}={short}", label::HUB, label::GROUP),
        None => format!("{}={hub},{}", label::HUB, label::GROUP),
    };
    let listed = api.list(&secrets(), label::SYSTEM_NAMESPACE, &Selection::labels(selector)).await?;
    put_together(api, owner, listed.items).await
}

/// Reads all inventories of a hub, and says which other hubs have any, and of how many units.
pub(crate) async fn read_all(api: &Api, owner: &InventoryOwner) -> Result<(Vec<Found>, Vec<OtherHub>), Error> {
    let selection = Selection::labels(label::GROUP.to_owned());
    let listed = api.list(&secrets(), label::SYSTEM_NAMESPACE, &selection).await?;
    let is_ours = |secret: &Value| model::object::label(secret, label::HUB) == Some(owner.hub.as_str());
    let (ours, others): (Vec<Value>, Vec<Value>) = listed.items.into_iter().partition(is_ours);
    let mut hubs: BTreeMap<HubId, u32> = BTreeMap::new();
    for secret in others.iter().filter(|secret| model::object::label(secret, label::SHARD) == Some("0")) {
        if let Some(hub) = model::object::label(secret, label::HUB).and_then(|hub| hub.parse().ok()) {
            *hubs.entry(hub).or_default() += 1;
        }
    }
    let hubs = hubs.into_iter().take(MemberMove::HUBS_MAX).map(|(hub, units)| OtherHub { hub, units });
    Ok((put_together(api, owner, ours).await?, hubs.collect()))
}

/// Reads the inventories of all hubs, of which nothing can be checked: which hub has what there, for a person to see. `cluster`:
/// the UID of the kube-system namespace.
pub(crate) async fn read_hubs(api: &Api, cluster: &str) -> Result<BTreeMap<HubId, Vec<Found>>, Error> {
    let selection = Selection::labels(label::GROUP.to_owned());
    let listed = api.list(&secrets(), label::SYSTEM_NAMESPACE, &selection).await?;
    let mut hubs: BTreeMap<HubId, Vec<Value>> = BTreeMap::new();
    for secret in listed.items {
        if let Some(hub) = model::object::label(&secret, label::HUB).and_then(|hub| hub.parse().ok()) {
            hubs.entry(hub).or_default().push(secret);
        }
    }
    let mut out = BTreeMap::new();
    for (hub, secrets) in hubs.into_iter().take(MemberMove::HUBS_MAX) {
        // No key is needed where nothing is proven.
        let key = HubKey::from_random([0; KEY_BYTES]).of_member(&hub, cluster);
        let owner = InventoryOwner { hub: hub.clone(), cluster: cluster.to_owned(), key, is_unproven: true };
        out.insert(hub, put_together(api, &owner, secrets).await?);
    }
    Ok(out)
}

/// The names of the hub's inventories that are in the member with their labels.
pub(crate) async fn names(api: &Api, hub: &HubId) -> Result<HashSet<String>, Error> {
    let labels = format!("{}={hub},{},{}", label::HUB, label::GROUP, label::SHARD);
    let selection = Selection { labels, ..Selection::metadata() };
    let listed = api.list(&secrets(), label::SYSTEM_NAMESPACE, &selection).await?;
    let there = listed.items.iter().filter(|secret| !model::object::is_deleting(secret));
    Ok(there.filter_map(model::object::name).map(str::to_owned).collect())
}

async fn put_together(api: &Api, owner: &InventoryOwner, secrets: Vec<Value>) -> Result<Vec<Found>, Error> {
    let hub = &owner.hub;
    let mut units: BTreeMap<UnitId, BTreeMap<u32, Value>> = BTreeMap::new();
    for secret in secrets {
        let unit = model::object::annotation(&secret, label::GROUP_ID).filter(|text| text.len() <= UNIT_ID_BYTES_MAX);
        let unit: Option<UnitId> = unit.and_then(|text| text.parse().ok());
        let number: Option<u32> = model::object::label(&secret, label::SHARD).and_then(|text| text.parse().ok());
        let number = number.filter(|number| *number < limit::SHARDS_MAX);
        let name = model::object::name(&secret);
        // A copy under another name, as of a backup, is older than what it was copied from.
        let place = |unit: &UnitId, number| Some(inventory::secret_name(&unit.short(hub), number));
        match (unit, number) {
            (Some(unit), Some(number)) if name == place(&unit, number).as_deref() => {
                units.entry(unit).or_default().insert(number, secret);
            }
            _ => tracing::warn!(secret = name, "a Secret looks like an inventory and is none; it is left alone"),
        }
    }
    let mut unpacked = Unpacked { is_unproven: owner.is_unproven, ..Unpacked::default() };
    let mut out = Vec::with_capacity(units.len());
    for (unit, secrets) in units {
        out.push(found(api, owner, unit, secrets, &mut unpacked).await?);
    }
    Ok(out)
}

/// Reads a unit's Secrets by their names, for the case that they lost all their labels.
pub(crate) async fn read_by_name(api: &Api, owner: &InventoryOwner, unit: &UnitId) -> Result<Option<Found>, Error> {
    let name = inventory::secret_name(&unit.short(&owner.hub), FIRST);
    if api.get(&secrets().target(label::SYSTEM_NAMESPACE, &name)).await?.is_none() {
        return Ok(None);
    }
    found(api, owner, unit.clone(), BTreeMap::new(), &mut Unpacked::default()).await.map(Some)
}

/// Puts a unit's Secrets together: the first one, and once that is checked, those that it names. Those that were not found
/// by their labels are read by their names. What cannot be checked is not kept, and ends the reading.
///
/// Those that the first one does not name are what an interrupted write left: nothing in them was applied, or all of it is
/// gone. They count if they can be checked, as what that write said. Of the others it is only known that they are there, so
/// that the next write replaces or deletes them.
async fn found(
    api: &Api,
    owner: &InventoryOwner,
    unit: UnitId,
    mut labelled: BTreeMap<u32, Value>,
    unpacked: &mut Unpacked,
) -> Result<Found, Error> {
    let mut inventory_secrets = InventorySecrets::empty(unit.short(&owner.hub));
    let place = owner.place(&unit);
    let (mut opened, mut digests) = (BTreeMap::new(), BTreeMap::new());
    let mut wanted = VecDeque::from([FIRST]);
    let is_none = labelled.is_empty();
    let read: Result<(), InventoryError> = loop {
        let Some(number) = wanted.pop_front() else { break Ok(()) };
        let (secret, is_labelled) = if let Some(secret) = labelled.remove(&number) {
            (secret, true)
        } else {
            let name = inventory::secret_name(&inventory_secrets.short, number);
            match api.get(&secrets().target(label::SYSTEM_NAMESPACE, &name)).await? {
                Some(secret) => (secret, false),
                // Without any, there is nothing to miss.
                None if number == FIRST && is_none => break Ok(()),
                None => break Err(InventoryError::Missing { shard: number }),
            }
        };
        inventory_secrets.add(number, &secret, is_labelled);
        match unpacked.open(&place, number, &secret) {
            Ok((shard, json)) => {
                if number == FIRST {
                    wanted.extend(shard.others());
                }
                opened.insert(number, shard);
                digests.insert(number, json);
            }
            Err(error) => break Err(error),
        }
    };
    for (number, secret) in labelled {
        inventory_secrets.add(number, &secret, true);
        if read.is_ok()
            && let Ok((shard, json)) = unpacked.open(&place, number, &secret)
        {
            opened.insert(number, shard);
            digests.insert(number, json);
        }
    }
    let mut inventory = read.and_then(|()| shard::join_own(&place, opened)).map_err(Error::from);
    if let Ok(inventory) = &mut inventory {
        // The JSON counts, so that another compressor's bytes are no change.
        for (number, json) in &digests {
            let content = content(owner, inventory, &inventory_secrets.short, *number, json);
            if let Some(stored) = inventory_secrets.shards.get_mut(number) {
                stored.content = content;
            }
        }
        if inventory_secrets.have_lost_labels() {
            inventory.set_changed();
        }
    }
    Ok(Found { unit, inventory, inventory_secrets })
}

/// What may still be unpacked of a member's inventories. A Secret of 2 kB can become one of 2 MB.
struct Unpacked {
    left: usize,
    is_unproven: bool,
}

impl Default for Unpacked {
    fn default() -> Self {
        Self { left: limit::INVENTORIES_BYTES_MAX, is_unproven: false }
    }
}

impl Unpacked {
    /// Unpacks a shard, checks it, and gives it with the digest of its JSON.
    fn open(&mut self, place: &Place<'_>, number: u32, secret: &Value) -> Result<(Opened, Digest), InventoryError> {
        let sealed = self.unpack(number, secret)?;
        let open = if self.is_unproven { shard::open_unproven } else { shard::open };
        Ok((open(place, number, &sealed)?, Digest::of(&sealed.json)))
    }

    /// Unpacks a shard. What is no gzip or no Base64 becomes an empty one, which is not readable.
    fn unpack(&mut self, number: u32, secret: &Value) -> Result<Sealed, InventoryError> {
        let text = |key: &str| model::object::get_str(secret, &["data", key]).unwrap_or_default();
        let packed = STANDARD.decode(text(DATA)).unwrap_or_default();
        let max = SHARD_UNPACKED_MAX.min(self.left);
        let mut json = Vec::new();
        let read = GzDecoder::new(packed.as_slice()).take(max as u64 + 1).read_to_end(&mut json);
        self.left = self.left.saturating_sub(json.len());
        match read {
            Ok(_) if json.len() <= max => {}
            Ok(_) if max < SHARD_UNPACKED_MAX => {
                return Err(InventoryError::LargeTogether { max: limit::INVENTORIES_BYTES_MAX });
            }
            Ok(_) => return Err(InventoryError::Large { shard: number, max }),
            Err(_) => json = Vec::new(),
        }
        Ok(Sealed { json, authenticator: STANDARD.decode(text(AUTHENTICATOR)).unwrap_or_default() })
    }
}

fn pack(json: &[u8]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(json).and_then(|()| encoder.finish()).expect("writing to memory does not fail");
    STANDARD.encode(packed)
}

/// Digest of a shard with its labels and annotations.
fn content(owner: &InventoryOwner, inventory: &Inventory, short: &ShortId, number: u32, json: &Digest) -> Digest {
    let (labels, annotations) = inventory.metadata(&owner.hub, short, number);
    let meta = serde_json::to_string(&(labels, annotations)).expect("maps of strings serialize");
    Digest::of_texts([meta, json.to_string()])
}

impl InventorySecrets {
    /// A unit without Secrets.
    pub(crate) fn empty(short: ShortId) -> Self {
        Self { short, shards: BTreeMap::new() }
    }

    /// Notes a Secret as it was read.
    fn add(&mut self, number: u32, secret: &Value, is_labelled: bool) {
        let content = Digest::of_texts([model::object::get_str(secret, &["data", DATA]).unwrap_or_default()]);
        self.shards.insert(number, Stored::new(secret, content, is_labelled));
    }

    /// Were some found by their names only?
    pub(crate) fn have_lost_labels(&self) -> bool {
        self.shards.values().any(|stored| !stored.is_labelled)
    }

    /// Is there more than one?
    pub(crate) fn are_several(&self) -> bool {
        self.shards.len() > 1
    }

    /// Is there no Secret at all?
    pub(crate) fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// Are all of them among these names?
    pub(crate) fn are_among(&self, names: &HashSet<String>) -> bool {
        self.shards.keys().all(|number| names.contains(&inventory::secret_name(&self.short, *number)))
    }

    /// Is any of them among these names?
    pub(crate) fn is_any_among(&self, names: &HashSet<String>) -> bool {
        self.shards.keys().any(|number| names.contains(&inventory::secret_name(&self.short, *number)))
    }

    /// Do both say the same? Their resourceVersions, and what others noted on them, may differ.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let contents = |secrets: &Self| -> Vec<(u32, Digest)> {
            secrets.shards.iter().map(|(number, stored)| (*number, stored.content)).collect()
        };
        contents(self) == contents(other)
    }

    /// Writes the shards that changed and deletes those that are empty: new ones first, then the first one, which names
    /// the others, then the rest. A process that dies in between leaves none that is named and not there. Each write is bound to the version that was read;
    /// 409 means that somebody else wrote. Costs nothing when nothing changed.
    pub(crate) async fn write(
        &mut self,
        api: &Api,
        owner: &InventoryOwner,
        inventory: &mut Inventory,
    ) -> Result<(), Error> {
        if !inventory.is_changed() {
            return Ok(());
        }
        let place = owner.place(&inventory.unit);
        let shards = shard::encode(&place, &[inventory]);
        if self.shards.is_empty() && shards.len() > 1 {
            // The first shard names another one only when that is there.
            if let Some(first) = shard::encode_first(&place, &[inventory]) {
                self.write_shard(api, owner, inventory, FIRST, &first).await?;
            }
        }
        let (known, new): (Vec<_>, Vec<_>) = shards.iter().partition(|(number, _)| self.shards.contains_key(number));
        for (number, sealed) in new.into_iter().chain(known) {
            self.write_shard(api, owner, inventory, *number, sealed).await?;
        }
        let empty: Vec<u32> = self.shards.keys().filter(|n| !shards.contains_key(n)).copied().collect();
        self.delete(api, &empty).await?;
        inventory.set_written();
        Ok(())
    }

    /// Writes one shard, if it differs from what is stored.
    async fn write_shard(
        &mut self,
        api: &Api,
        owner: &InventoryOwner,
        inventory: &Inventory,
        number: u32,
        sealed: &Sealed,
    ) -> Result<(), Error> {
        let content = content(owner, inventory, &self.short, number, &Digest::of(&sealed.json));
        let stored = self.shards.get(&number);
        if stored.is_some_and(|s| s.is_labelled && s.content == content) {
            return Ok(());
        }
        let (labels, annotations) = inventory.metadata(&owner.hub, &self.short, number);
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": TYPE,
            "metadata": {
                "name": inventory::secret_name(&self.short, number), "namespace": label::SYSTEM_NAMESPACE,
                "labels": labels, "annotations": annotations,
            },
            "data": {DATA: pack(&sealed.json), AUTHENTICATOR: STANDARD.encode(&sealed.authenticator)},
        });
        let written = if let Some(stored) = stored {
            let mut precondition = stored.precondition();
            for field in ["uid", "resourceVersion"] {
                secret["metadata"][field] = precondition[field].take();
            }
            match api.replace(&secrets().target_of(&secret), &secret).await {
                // Somebody deleted it; what it said is still known.
                Err(e) if e.is_gone() => {
                    model::object::remove(&mut secret, &["metadata", "uid"]);
                    model::object::remove(&mut secret, &["metadata", "resourceVersion"]);
                    create(api, &secret).await?
                }
                other => other?,
            }
        } else {
            create(api, &secret).await?
        };
        self.shards.insert(number, Stored::new(&written, content, true));
        Ok(())
    }

    /// Looks whether the Secrets are in the member and bear their labels. The next write makes those that are gone again, and puts
    /// the labels back. It is bound to the versions that were read before: what else somebody wrote is read first.
    pub(crate) async fn look_for_lost(&mut self, api: &Api, owner: &InventoryOwner) -> Result<Seen, Error> {
        // Nearly always it is one Secret, and the look at it one small answer.
        let listed = if self.are_several() {
            let labels = format!("{}={},{}={}", label::HUB, owner.hub, label::GROUP, self.short);
            let selection = Selection { labels, ..Selection::metadata() };
            api.list(&secrets(), label::SYSTEM_NAMESPACE, &selection).await?.items
        } else {
            Vec::new()
        };
        let (mut gone, mut unlabelled) = (BTreeSet::new(), BTreeSet::new());
        for number in self.shards.keys() {
            let name = inventory::secret_name(&self.short, *number);
            let is_whole = |secret: &Value| self.bears_labels(&owner.hub, *number, secret);
            if listed.iter().any(|secret| model::object::name(secret) == Some(&name) && is_whole(secret)) {
                continue;
            }
            match api.get_metadata(&secrets().target(label::SYSTEM_NAMESPACE, &name)).await? {
                None => drop(gone.insert(*number)),
                Some(secret) if !is_whole(&secret) => drop(unlabelled.insert(*number)),
                Some(_) => {}
            }
        }
        // Only now, so that an answer that does not come leaves everything to the next look.
        self.shards.retain(|number, _| !gone.contains(number));
        for (_, stored) in self.shards.iter_mut().filter(|(number, _)| unlabelled.contains(number)) {
            stored.is_labelled = false;
        }
        Ok(match () {
            () if !gone.is_empty() || self.shards.is_empty() => Seen::Gone,
            () if !unlabelled.is_empty() => Seen::Unlabelled,
            () => Seen::Whole,
        })
    }

    /// Does a shard's Secret bear the labels by which it is found?
    fn bears_labels(&self, hub: &HubId, number: u32, secret: &Value) -> bool {
        let is = |key: &str, value: &str| model::object::label(secret, key) == Some(value);
        is(label::HUB, hub.as_str()) && is(label::GROUP, self.short.as_str()) && is(label::SHARD, &number.to_string())
    }

    /// Deletes all Secrets, the parent last.
    pub(crate) async fn remove(&mut self, api: &Api) -> Result<(), Error> {
        let all: Vec<u32> = self.shards.keys().rev().copied().collect();
        self.delete(api, &all).await
    }

    async fn delete(&mut self, api: &Api, numbers: &[u32]) -> Result<(), Error> {
        for number in numbers {
            if let Some(stored) = self.shards.get(number) {
                let mut live = json!({"metadata": stored.precondition()});
                live["metadata"]["name"] = inventory::secret_name(&self.short, *number).into();
                live["metadata"]["namespace"] = label::SYSTEM_NAMESPACE.into();
                connection::delete(api, &secrets(), &live).await?;
                self.shards.remove(number);
            }
        }
        Ok(())
    }
}

/// Creates a Secret, and its namespace when that is not there.
async fn create(api: &Api, secret: &Value) -> Result<Value, Error> {
    match api.create(&secrets(), label::SYSTEM_NAMESPACE, secret).await {
        Err(e) if e.lacks_namespace(label::SYSTEM_NAMESPACE) => {}
        other => return Ok(other?),
    }
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": label::SYSTEM_NAMESPACE}});
    match api.create(&Resource::core("Namespace", "namespaces", false), "", &namespace).await {
        Err(e) if !e.is_conflict() => return Err(e.into()),
        _ => {}
    }
    Ok(api.create(&secrets(), label::SYSTEM_NAMESPACE, secret).await?)
}

#[cfg(test)]
mod tests;
