//! A unit's inventory as Secrets in the member.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use api::delivery::{HubId, ShortId, UnitId, label};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use model::Digest;
use plan::inventory::{self, Inventory, SHARD_BYTES_MAX};
use serde_json::{Value, json};

use crate::discovery::Resource;
use crate::error::Error;
use crate::wire::Wire;

/// Key of the Secret's data.
const DATA: &str = "inventory";
/// Type of the Secret.
const TYPE: &str = "kurator.dev/inventory";

#[derive(Clone, Debug)]
struct Stored {
    object: Value,
    content: Digest,
}

/// A unit's Secrets as they were last read or written.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    short: ShortId,
    shards: BTreeMap<u32, Stored>,
}

/// A unit that has an inventory in the member.
pub(crate) struct Found {
    pub(crate) unit: UnitId,
    pub(crate) inventory: Result<Inventory, Error>,
    pub(crate) shelf: Shelf,
}

fn secrets() -> Resource {
    Resource::core("Secret", "secrets", true)
}

/// Reads all inventories of a hub, or one unit's. Secrets with our labels that do not say whose they are are left alone.
pub(crate) async fn read(wire: &Wire, hub: &HubId, only: Option<&ShortId>) -> Result<Vec<Found>, Error> {
    let selector = match only {
        Some(short) => format!("{}={hub},{}={short}", label::HUB, label::UNIT),
        None => format!("{}={hub},{}", label::HUB, label::UNIT),
    };
    let path = secrets().path(label::SYSTEM_NAMESPACE, "");
    let mut units: BTreeMap<UnitId, Vec<(u32, Value)>> = BTreeMap::new();
    for secret in wire.list(&path, &selector).await?.items {
        let unit = model::object::annotation(&secret, label::UNIT_ID).and_then(|text| text.parse().ok());
        let number: Option<u32> = model::object::label(&secret, label::SHARD).and_then(|text| text.parse().ok());
        let name = model::object::name(&secret);
        let unit: Option<UnitId> = unit;
        // A copy under another name, as of a backup, is older than what it was copied from.
        let place = |unit: &UnitId, number| Some(inventory::secret_name(&unit.short(hub), number));
        match (unit, number) {
            (Some(unit), Some(number)) if name == place(&unit, number).as_deref() => {
                units.entry(unit).or_default().push((number, secret));
            }
            _ => tracing::warn!(secret = name, "a Secret looks like an inventory and is none; it is left alone"),
        }
    }
    Ok(units.into_iter().map(|(unit, secrets)| found(hub, unit, secrets)).collect())
}

/// Reads a unit's Secrets by their names, for the case that somebody took their labels off; the next write puts them back.
pub(crate) async fn read_by_name(wire: &Wire, hub: &HubId, unit: &UnitId) -> Result<Option<Found>, Error> {
    let short = unit.short(hub);
    let mut secrets_found = Vec::new();
    for number in 0.. {
        let name = inventory::secret_name(&short, number);
        match wire.get(&secrets(), label::SYSTEM_NAMESPACE, &name).await? {
            Some(secret) => secrets_found.push((number, secret)),
            None => break,
        }
    }
    if secrets_found.is_empty() {
        return Ok(None);
    }
    let mut found = found(hub, unit.clone(), secrets_found);
    found.shelf.shards.values_mut().for_each(|stored| stored.content = Digest::of(b"without labels"));
    Ok(Some(found))
}

fn found(hub: &HubId, unit: UnitId, secrets: Vec<(u32, Value)>) -> Found {
    let mut shelf = Shelf::empty(unit.short(hub));
    let mut shards = Vec::new();
    for (number, secret) in secrets {
        // What does not decode goes on as it is: the inventory then says which shard is not readable.
        let packed = model::object::get_str(&secret, &["data", DATA]).unwrap_or_default();
        let bytes = unpack(packed).unwrap_or_default();
        let content = Digest::of_texts([packed]);
        shelf.shards.insert(number, Stored { object: slim(&secret), content });
        shards.push((number, bytes));
    }
    let inventory = Inventory::decode(hub, &unit, &shards).map_err(Error::from);
    if let Ok(inventory) = &inventory {
        // Compare by what would be written now, so that another compressor's bytes do not count as a change.
        for (number, json) in inventory.encode() {
            if let Some(stored) = shelf.shards.get_mut(&number)
                && shards.iter().any(|(n, bytes)| *n == number && *bytes == json)
            {
                stored.content = content(inventory, &shelf.short, number, &json);
            }
        }
    }
    Found { unit, inventory, shelf }
}

/// What a precondition needs of a Secret.
fn slim(secret: &Value) -> Value {
    json!({"metadata": {
        "name": model::object::name(secret), "namespace": model::object::namespace(secret),
        "uid": model::object::uid(secret), "resourceVersion": model::object::resource_version(secret),
    }})
}

fn unpack(text: &str) -> Option<Vec<u8>> {
    let packed = STANDARD.decode(text).ok()?;
    let mut out = Vec::new();
    // A shard is never longer; the margin is for versions with larger ones.
    GzDecoder::new(packed.as_slice()).take(4 * SHARD_BYTES_MAX as u64).read_to_end(&mut out).ok()?;
    Some(out)
}

fn pack(json: &[u8]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(json).and_then(|()| encoder.finish()).expect("writing to memory does not fail");
    STANDARD.encode(packed)
}

/// Digest of a shard with its labels and annotations.
fn content(inventory: &Inventory, short: &ShortId, number: u32, json: &[u8]) -> Digest {
    let (labels, annotations) = inventory.metadata(short, number);
    let meta = serde_json::to_string(&(labels, annotations)).expect("maps of strings serialize");
    Digest::of_texts([meta, Digest::of(json).to_string()])
}

impl Shelf {
    /// A unit without Secrets.
    pub(crate) fn empty(short: ShortId) -> Self {
        Self { short, shards: BTreeMap::new() }
    }

    /// Is there no Secret at all?
    pub(crate) fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// Writes the shards that changed and deletes those that are empty. Each write is bound to the version that was read;
    /// 409 means that somebody else wrote.
    pub(crate) async fn write(&mut self, wire: &Wire, inventory: &Inventory) -> Result<(), Error> {
        let shards = inventory.encode();
        for (number, json) in &shards {
            let content = content(inventory, &self.short, *number, json);
            let stored = self.shards.get(number);
            if stored.is_some_and(|s| s.content == content) {
                continue;
            }
            let (labels, annotations) = inventory.metadata(&self.short, *number);
            let mut secret = json!({
                "apiVersion": "v1", "kind": "Secret", "type": TYPE,
                "metadata": {
                    "name": inventory::secret_name(&self.short, *number), "namespace": label::SYSTEM_NAMESPACE,
                    "labels": labels, "annotations": annotations,
                },
                "data": {DATA: pack(json)},
            });
            let written = if let Some(stored) = stored {
                for field in ["uid", "resourceVersion"] {
                    secret["metadata"][field] = stored.object["metadata"][field].clone();
                }
                match wire.replace(&secrets(), &secret).await {
                    // Somebody deleted it; what it said is still known.
                    Err(e) if e.code() == Some(404) => {
                        model::object::remove(&mut secret, &["metadata", "uid"]);
                        model::object::remove(&mut secret, &["metadata", "resourceVersion"]);
                        create(wire, &secret).await?
                    }
                    other => other?,
                }
            } else {
                create(wire, &secret).await?
            };
            self.shards.insert(*number, Stored { object: slim(&written), content });
        }
        let empty: Vec<u32> = self.shards.keys().filter(|n| !shards.contains_key(n)).copied().collect();
        self.delete(wire, &empty).await
    }

    /// Deletes all Secrets, the parent last.
    pub(crate) async fn remove(&mut self, wire: &Wire) -> Result<(), Error> {
        let all: Vec<u32> = self.shards.keys().rev().copied().collect();
        self.delete(wire, &all).await
    }

    async fn delete(&mut self, wire: &Wire, numbers: &[u32]) -> Result<(), Error> {
        for number in numbers {
            if let Some(stored) = self.shards.get(number) {
                wire.delete(&secrets(), &stored.object).await?;
                self.shards.remove(number);
            }
        }
        Ok(())
    }
}

/// Creates a Secret, and its namespace when that is not there.
async fn create(wire: &Wire, secret: &Value) -> Result<Value, Error> {
    match wire.create(&secrets(), secret).await {
        Err(e) if e.code() == Some(404) => {}
        other => return other,
    }
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": label::SYSTEM_NAMESPACE}});
    match wire.create(&Resource::core("Namespace", "namespaces", false), &namespace).await {
        Err(e) if e.code() != Some(409) => return Err(e),
        _ => {}
    }
    wire.create(&secrets(), secret).await
}
