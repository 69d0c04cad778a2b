//! What a unit has in a member: the record that pruning trusts.
//!
//! Kept in the member, in Secrets of namespace `kurator-system`: one per unit, in shards that stay below 512 kB. The
//! first shard is the parent of an ApplySet (KEP-3659) and carries epoch and released deletions; each shard decodes
//! alone. An entry stays in the shard in which it was first written, so a crash between the writes of two shards cannot
//! lose one.
//!
//! Order of writes (the applier's side of the promise): an entry is written before its object is applied for the first
//! time, and dropped after its object is gone. Compression and base64 are the applier's.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::{HubId, ShortId, UnitId, label};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Digest, GroupKind, ObjectKey};
use serde::{Deserialize, Serialize};

/// Largest shard as JSON, in bytes. Base64 makes 4/3 of it, so a Secret stays below 512 kB even when nothing
/// compresses.
pub const SHARD_BYTES_MAX: usize = 380 * 1024;
/// Format of the JSON. A reader refuses a newer one.
pub const FORMAT: u32 = 1;

/// One object that a unit put into a member, or took over there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// API version by which it is applied and read.
    pub version: String,
    /// Its UID; absent until the server confirmed the first apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Digest of what was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Digest>,
    /// Digest of the server's answer, projected onto our fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Digest>,
    /// It existed before us: it is released, never deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// An autoscaler owns its replicas.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scaled: bool,
    /// Its deletion was released.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doomed: bool,
    /// Paths that admission changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admission: Vec<String>,
    /// The shard that holds the entry.
    #[serde(skip)]
    pub shard: u32,
}

/// Deletions that were released at an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// At which epoch.
    pub epoch: u64,
    /// Digest of the last list.
    pub digest: Digest,
    /// How many, over all lists released at that epoch.
    pub count: u32,
}

/// A unit's inventory in a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The hub that writes it.
    pub hub: HubId,
    /// The unit.
    pub unit: UnitId,
    /// Highest epoch that wrote it.
    pub epoch: u64,
    /// Deletions released at that epoch.
    pub released: Option<Released>,
    /// A hub with a lower epoch has written it since, as after a restore from an older backup, and nobody has said yet
    /// that it may delete. Kept until then: its epoch catches up by itself, its memory does not.
    pub behind: bool,
    /// The objects.
    pub entries: BTreeMap<ObjectKey, Entry>,
}

/// Text that is not a shard of an inventory.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The JSON does not parse.
    #[error(
        "shard {shard} of the inventory is not readable; restore the Secret, or delete it to have its objects adopted"
    )]
    Malformed {
        /// Which shard.
        shard: u32,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A newer Kurator wrote it.
    #[error(
        "shard {shard} of the inventory has format {format}, and this Kurator reads up to {FORMAT}; use the newer one"
    )]
    Newer {
        /// Which shard.
        shard: u32,
        /// Its format.
        format: u32,
    },
    /// A shard of another unit or hub.
    #[error("shard {shard} of the inventory belongs to unit {unit} of hub {hub}")]
    Foreign {
        /// Which shard.
        shard: u32,
        /// Whose it is.
        unit: Box<UnitId>,
        /// Which hub's.
        hub: HubId,
    },
}

#[derive(Serialize, Deserialize)]
struct Shard {
    format: u32,
    hub: HubId,
    unit: UnitId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    released: Option<Released>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    behind: bool,
    entries: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    key: ObjectKey,
    #[serde(flatten)]
    entry: Entry,
}

/// Bytes of an entry as JSON, at most: key and paths as they are, two digests of 71, a UID of 36 and the field names.
fn cost(key: &ObjectKey, entry: &Entry) -> usize {
    let paths: usize = entry.admission.iter().map(|p| p.len() + 3).sum();
    420 + key.group.len() + key.kind.len() + key.namespace.len() + key.name.len() + entry.version.len() + paths
}

impl Inventory {
    /// An inventory of nothing.
    pub fn empty(hub: HubId, unit: UnitId) -> Self {
        Self { hub, unit, epoch: 0, released: None, behind: false, entries: BTreeMap::new() }
    }

    /// Puts shards together. `shards` are their numbers and JSON, in any order.
    ///
    /// # Errors
    /// A shard that is not readable, is newer, or is of another unit. Nothing may be pruned then.
    pub fn decode(hub: &HubId, unit: &UnitId, shards: &[(u32, Vec<u8>)]) -> Result<Self, InventoryError> {
        let mut out = Self::empty(hub.clone(), unit.clone());
        for (number, json) in shards {
            let shard = *number;
            let read: Shard =
                serde_json::from_slice(json).map_err(|source| InventoryError::Malformed { shard, source })?;
            if read.format > FORMAT {
                return Err(InventoryError::Newer { shard, format: read.format });
            }
            if read.hub != *hub || read.unit != *unit {
                return Err(InventoryError::Foreign { shard, unit: Box::new(read.unit), hub: read.hub });
            }
            out.epoch = out.epoch.max(read.epoch.unwrap_or(0));
            out.released = out.released.or(read.released);
            out.behind |= read.behind;
            out.entries.extend(read.entries.into_iter().map(|line| (line.key, Entry { shard, ..line.entry })));
        }
        Ok(out)
    }

    /// The unit that a shard's JSON says it belongs to, so that a member can be read without knowing its units.
    ///
    /// # Errors
    /// When the JSON does not parse.
    pub fn unit_of(shard: u32, json: &[u8]) -> Result<(HubId, UnitId), InventoryError> {
        #[derive(Deserialize)]
        struct Head {
            hub: HubId,
            unit: UnitId,
        }
        let head: Head = serde_json::from_slice(json).map_err(|source| InventoryError::Malformed { shard, source })?;
        Ok((head.hub, head.unit))
    }

    /// Adds an entry in the first shard that has room, or changes it where it is.
    pub fn put(&mut self, key: ObjectKey, entry: Entry) {
        self.put_all([(key, entry)]);
    }

    /// Adds or changes entries as [`put`](Self::put) does; weighs the shards once for all of them.
    pub fn put_all(&mut self, entries: impl IntoIterator<Item = (ObjectKey, Entry)>) {
        let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
        for (key, entry) in &self.entries {
            *sizes.entry(entry.shard).or_default() += cost(key, entry);
        }
        for (key, mut entry) in entries {
            if let Some(old) = self.entries.get(&key) {
                entry.shard = old.shard;
            } else {
                let size = cost(&key, &entry);
                let fits = |n: &u32| sizes.get(n).copied().unwrap_or(0) + size <= SHARD_BYTES_MAX;
                entry.shard = (0..).find(fits).unwrap_or(0);
                *sizes.entry(entry.shard).or_default() += size;
            }
            self.entries.insert(key, entry);
        }
    }

    /// The JSON of each shard. The first is always there; others only when they hold something.
    pub fn encode(&self) -> BTreeMap<u32, Vec<u8>> {
        let mut lines: BTreeMap<u32, Vec<Line>> = BTreeMap::from([(0, Vec::new())]);
        for (key, entry) in &self.entries {
            lines.entry(entry.shard).or_default().push(Line { key: key.clone(), entry: entry.clone() });
        }
        let encode = |(number, entries): (u32, Vec<Line>)| {
            let first = number == 0;
            let shard = Shard {
                format: FORMAT,
                hub: self.hub.clone(),
                unit: self.unit.clone(),
                epoch: first.then_some(self.epoch),
                released: self.released.filter(|_| first),
                behind: self.behind && first,
                entries,
            };
            (number, serde_json::to_vec(&shard).expect("a shard has string keys and no foreign serializers"))
        };
        lines.into_iter().map(encode).collect()
    }

    /// The group-kinds of its objects.
    pub fn group_kinds(&self) -> BTreeSet<GroupKind> {
        self.entries.keys().map(ObjectKey::group_kind).collect()
    }

    /// Labels and annotations of a shard's Secret: the parent of an ApplySet when it is the first.
    pub fn metadata(&self, short: &ShortId, shard: u32) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
        let text = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let mut labels = BTreeMap::from([
            text(label::HUB, self.hub.as_str()),
            text(label::UNIT, short.as_str()),
            text(label::SHARD, &shard.to_string()),
        ]);
        let mut annotations = BTreeMap::from([text(label::UNIT_ID, &self.unit.to_string())]);
        if shard == 0 {
            let kinds: BTreeSet<String> = self.group_kinds().iter().map(ToString::to_string).collect();
            let namespaces: BTreeSet<&str> = self
                .entries
                .keys()
                .map(|key| key.namespace.as_str())
                .filter(|n| !n.is_empty() && *n != label::SYSTEM_NAMESPACE)
                .collect();
            labels.insert(label::APPLYSET_ID.to_owned(), applyset_id(short));
            annotations.extend([
                text(label::APPLYSET_TOOLING, TOOLING),
                text(label::APPLYSET_GROUP_KINDS, &kinds.into_iter().collect::<Vec<_>>().join(",")),
                text(label::APPLYSET_NAMESPACES, &namespaces.into_iter().collect::<Vec<_>>().join(",")),
            ]);
        }
        (labels, annotations)
    }
}

/// The tool in ApplySet parents: KEP-3659 asks for name and version, and other tools to keep their hands off.
const TOOLING: &str = concat!("kurator/v", env!("CARGO_PKG_VERSION"));

/// The name of a shard's Secret.
pub fn secret_name(short: &ShortId, shard: u32) -> String {
    if shard == 0 { format!("kurator-{short}") } else { format!("kurator-{short}-{shard}") }
}

/// The id of a unit's ApplySet: `applyset-BASE64URL(sha256("NAME.NAMESPACE.KIND.GROUP"))-v1` of the parent (KEP-3659).
pub fn applyset_id(short: &ShortId) -> String {
    let parent = format!("{}.{}.Secret.", secret_name(short, 0), label::SYSTEM_NAMESPACE);
    format!("applyset-{}-v1", URL_SAFE_NO_PAD.encode(Digest::of(parent.as_bytes()).as_bytes()))
}

#[cfg(test)]
mod tests;
