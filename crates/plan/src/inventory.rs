//! What a unit has in a member: the record that pruning trusts.
//!
//! It names objects by key and UID, with what tells ours from what we adopted. What was last sent is said by the objects
//! themselves ([`crate::mark`]), so the inventory changes only when a key comes or goes. How it is kept in the member,
//! and what proves that this hub wrote it, is in [`shard`].
//!
//! Order of writes (the applier's side of the promise): an entry is written before its object is applied for the first
//! time, and dropped after its object is gone.

mod recollection;
pub mod shard;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use api::delivery::{HubId, ShortId, UnitId, label};
use api::feed::UnitEntry;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use indexmap::IndexMap;
use model::{Digest, GroupKind, HashedKey, KeySet, KeyState, ObjectKey, Timestamp, Uid};
use serde::{Deserialize, Deserializer, Serialize};

pub use recollection::{Found, Recollection};
pub use shard::InventoryError;

use crate::inhabitant;
use crate::phase;
use crate::pool::Pools;

/// One object that a unit put into a member, or took over there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// API version by which it is applied and read.
    pub version: Arc<str>,
    /// Its UID; absent until the server confirmed the first apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Uid>,
    /// It existed before us: it is released, never deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// It was adopted with our label on it: what was recorded of it before seems to be lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unrecorded: bool,
    /// It asks to stay ([`crate::keep`]): it is released too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// The epoch at which its deletion was released. At any other it says nothing: the source may have had the object again since,
    /// and an older shard may have been put back.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "release_epoch")]
    pub doomed: Option<NonZeroU64>,
    /// A content of it ran to its end, as Jobs do. When the object is gone, that content is not run again.
    // Boxed: hardly an object has it, and there is an entry for each object in each member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Box<Ended>>,
    /// The shard that holds the entry.
    #[serde(skip)]
    pub shard: u32,
}

/// Reads the epoch of a release. An earlier version wrote `true`, which names none.
fn release_epoch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU64>, D::Error> {
    let said = serde_json::Value::deserialize(deserializer)?;
    Ok(said.as_u64().and_then(NonZeroU64::new))
}

impl Entry {
    /// Was the deletion of the object released at this epoch?
    pub fn is_doomed(&self, epoch: u64) -> bool {
        self.doomed.is_some_and(|released| released.get() == epoch)
    }

    /// May it never be deleted, only be given back?
    pub fn is_only_released(&self) -> bool {
        self.adopted || self.kept
    }
}

/// What ran to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Digest of the object as it was sent.
    pub digest: Digest,
    /// It failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
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

/// What a unit has, in the order of the keys.
pub type Entries = IndexMap<Arc<HashedKey>, Entry, KeyState>;

/// A unit's inventory in a member.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The unit.
    pub unit: UnitId,
    /// Highest epoch that wrote it. Raised by writes that happen anyway: every key that came later than a hub's backup
    /// raised it beyond that backup's epoch.
    epoch: u64,
    /// When the hub last gave the unit to the member, as of that write. A removal that was decided before is outdated.
    placed: Option<Timestamp>,
    /// Deletions released last.
    released: Option<Released>,
    /// A hub that knows less than it was told before has looked at it, as after a restore from an older backup, and
    /// nobody has said yet that it may delete. Kept until then: its epoch catches up by itself, its memory does not.
    behind: bool,
    entries: Entries,
    /// Something is not in the member yet.
    changed: bool,
    /// How often an entry came, went or changed.
    mutations: u64,
}

impl PartialEq for Inventory {
    /// Do they say the same, and is as much of it in the member? How they came to it does not count.
    fn eq(&self, other: &Self) -> bool {
        let parts = |i: &Self| (i.epoch, i.placed, i.released, i.behind, i.changed);
        self.unit == other.unit && parts(self) == parts(other) && self.entries == other.entries
    }
}

/// Bytes of an [`Ended`] as JSON, at most: a digest of 71 and the names of fields.
const ENDED_BYTES: usize = 120;

/// Bytes of an entry as JSON, at most: key and version as they are, a UID of 36 and the field names.
fn cost(key: &ObjectKey, entry: &Entry) -> usize {
    let ended = if entry.ended.is_some() { ENDED_BYTES } else { 0 };
    220 + ended + key.group.len() + key.kind.len() + key.namespace.len() + key.name.len() + entry.version.len()
}

impl Inventory {
    /// An inventory of nothing.
    pub fn empty(unit: UnitId) -> Self {
        let entries = Entries::default();
        Self { unit, epoch: 0, placed: None, released: None, behind: false, entries, changed: false, mutations: 0 }
    }

    /// The objects, in the order of their keys.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// What is recorded of an object.
    pub fn get(&self, key: &HashedKey) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Was the deletion of an object released at this epoch?
    pub fn is_doomed(&self, key: &HashedKey, epoch: u64) -> bool {
        self.get(key).is_some_and(|entry| entry.is_doomed(epoch))
    }

    /// Highest epoch that wrote it.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Deletions released last.
    pub fn released(&self) -> Option<Released> {
        self.released
    }

    /// Adds an entry in the first shard that has room, or changes it where it is.
    pub fn put_entry(&mut self, key: impl Into<Arc<HashedKey>>, entry: Entry) {
        self.put_entries([(key.into(), entry)], shard::SHARD_BYTES_MAX);
    }

    /// Adds or changes entries as [`put_entry`](Self::put_entry) does, with shards of so many bytes as JSON; weighs the shards once for
    /// all of them.
    pub fn put_entries(&mut self, entries: impl IntoIterator<Item = (Arc<HashedKey>, Entry)>, shard_bytes_max: usize) {
        let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
        for (key, entry) in &self.entries {
            *sizes.entry(entry.shard).or_default() += cost(key, entry);
        }
        let entries = entries.into_iter();
        // Of nearly all units everything is recorded at once, and then no more.
        self.entries.reserve_exact(entries.size_hint().0);
        for (key, mut entry) in entries {
            if let Some(old) = self.entries.get(&key) {
                entry.shard = old.shard;
            } else {
                let size = cost(&key, &entry);
                let fits = |n: &u32| sizes.get(n).copied().unwrap_or(0) + size <= shard_bytes_max;
                entry.shard = (0..).find(fits).unwrap_or(0);
                *sizes.entry(entry.shard).or_default() += size;
            }
            if self.entries.get(&key) != Some(&entry) {
                self.note_mutation();
                self.entries.insert(key, entry);
            }
        }
        self.sort();
    }

    /// Brings the entries into the order of their keys, after some were added at the end.
    fn sort(&mut self) {
        if !self.entries.keys().is_sorted() {
            self.entries.sort_unstable_keys();
        }
    }

    /// Uses the keys and versions that all members share.
    pub fn share(&mut self, pools: &Pools) {
        let entries = std::mem::take(&mut self.entries).into_iter();
        let shared = |(key, entry): (_, Entry)| {
            let version = pools.versions.share(Arc::clone(&entry.version));
            (pools.keys.share(key), Entry { version, ..entry })
        };
        self.entries = entries.map(shared).collect();
    }

    /// Changes what is recorded of an object, if it is recorded. True when that differs from before.
    pub fn update(&mut self, key: &HashedKey, change: impl FnOnce(&mut Entry)) -> bool {
        let Some(entry) = self.entries.get_mut(key) else { return false };
        let before = entry.clone();
        change(entry);
        let changed = *entry != before;
        if changed {
            self.note_mutation();
        }
        changed
    }

    /// Drops an object. True when it was recorded.
    pub fn remove(&mut self, key: &HashedKey) -> bool {
        let removed = self.entries.shift_remove(key).is_some();
        if removed {
            self.note_mutation();
        }
        removed
    }

    fn note_mutation(&mut self) {
        self.changed = true;
        self.mutations += 1;
    }

    /// How often an entry came, went or changed: the same number means the same entries.
    pub fn mutations(&self) -> u64 {
        self.mutations
    }

    /// Is there something that the member does not have yet?
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// Everything is in the member now.
    pub fn set_written(&mut self) {
        self.changed = false;
        self.entries.shrink_to_fit();
    }

    /// It has to be written again though it says the same.
    pub fn set_changed(&mut self) {
        self.changed = true;
    }

    /// Takes over what the hub says, for a write that happens now.
    pub fn raise(&mut self, entry: &UnitEntry) {
        self.epoch = self.epoch.max(entry.epoch);
        self.placed = self.placed.max(entry.placed);
    }

    /// Does the hub know less than what it said when it last wrote here, or did it until it was told to go on?
    pub fn is_behind(&self, entry: &UnitEntry) -> bool {
        self.behind || entry.epoch < self.epoch || entry.placed < self.placed || self.is_forgotten(entry)
    }

    /// Was the unit given to the member before the hub knows of it? So it is when its owner was made after a backup, and made again
    /// on the hub that was restored from it: epochs begin at 1 again.
    fn is_forgotten(&self, entry: &UnitEntry) -> bool {
        let known_since = entry.known_since.or(entry.placed);
        // What was there before us is never deleted.
        let is_any = self.entries.values().any(|entry| !entry.adopted);
        self.placed.is_some() && self.placed < known_since && is_any
    }

    /// Notes that all it has counts as adopted, if it is of a placement whose objects are to stay ([`UnitEntry::gives_back`]). Of a unit that left
    /// and came back otherwise, only what asks to stay does, with the Namespaces that stay because of that. `asks`: does an object ask for it in
    /// the member? True if anything was to stay. This is to be in the member before anything says there that the unit was given to it again.
    pub fn note_given_back(&mut self, entry: &UnitEntry, asks: impl Fn(&HashedKey) -> bool) -> bool {
        let (all_stay, returns) = (entry.gives_back(self.placed), entry.returns_after(self.placed));
        if self.entries.is_empty() || !(all_stay || returns) {
            return false;
        }
        let stays = |key: &HashedKey, entry: &Entry| all_stay || entry.kept || asks(key);
        let mut any_stays = self.note_adopted(stays);
        if returns {
            let known = self.clone();
            let is_inhabited = |key: &HashedKey| {
                phase::is_container(key) && inhabitant::stays_inside(key, &known, &KeySet::default(), true).is_some()
            };
            any_stays |= self.note_adopted(|key, _| is_inhabited(key));
        }
        all_stay || any_stays
    }

    /// Notes that these count as adopted. True when one did not before.
    fn note_adopted(&mut self, is_meant: impl Fn(&HashedKey, &Entry) -> bool) -> bool {
        let own = self.entries.iter().filter(|(key, entry)| !entry.adopted && is_meant(key, entry));
        let own: Vec<Arc<HashedKey>> = own.map(|(key, _)| Arc::clone(key)).collect();
        for key in &own {
            self.update(key, |entry| entry.adopted = true);
        }
        !own.is_empty()
    }

    /// Was it noted that a hub is behind, and has no person said since that it may go on?
    pub fn is_noted_behind(&self) -> bool {
        self.behind
    }

    /// Notes that the hub may be behind without its epoch telling: an inventory that was written again does not say what the member was told
    /// last, and one that was taken over from another hub says nothing of what this hub told.
    pub fn note_behind(&mut self) {
        self.changed |= !self.behind;
        self.behind = true;
    }

    /// Notes what the hub's epoch tells. A hub that is behind stays so until a person told it to go on, or until all
    /// that the member has is what the unit wants at an epoch that has caught up. A unit that was given to the member
    /// once more is noted before anything else: a backup from in between says that it leaves.
    pub fn judge(&mut self, entry: &UnitEntry, is_desired: impl Fn(&HashedKey) -> bool) {
        let before = self.behind;
        if entry.epoch < self.epoch || entry.placed < self.placed {
            self.behind = true;
        } else if self.behind || self.is_forgotten(entry) {
            self.behind = !self.entries.keys().all(|key| is_desired(key));
        }
        let placed_again = entry.removal.is_none() && entry.placed > self.placed && !self.entries.is_empty();
        self.changed |= before != self.behind || placed_again;
    }

    /// Some objects are kept that the unit no longer wants. A hub restored from before that does not know why.
    pub fn note_kept(&mut self, entry: &UnitEntry) {
        self.changed |= entry.epoch > self.epoch;
    }

    /// Records which deletions were released, before any of them is begun. `asked_all`: nothing is left of which a person was not asked.
    pub fn doom<'a>(
        &mut self,
        keys: impl IntoIterator<Item = &'a HashedKey>,
        released: Released,
        entry: &UnitEntry,
        asked_all: bool,
    ) {
        for key in keys {
            self.update(key, |entry| entry.doomed = NonZeroU64::new(released.epoch));
        }
        self.released = Some(released);
        if asked_all || !self.is_behind(entry) {
            // A person told a restored hub to go on: from now on its epoch counts.
            (self.epoch, self.placed, self.behind) = (entry.epoch, entry.placed, false);
        } else {
            // The rest was in no list: it makes one of its own.
            self.behind = true;
        }
        self.changed = true;
    }

    /// The group-kinds of its objects.
    pub fn group_kinds(&self) -> BTreeSet<GroupKind> {
        self.entries.keys().map(|key| key.group_kind()).collect()
    }

    /// Labels and annotations of a shard's Secret: the parent of an ApplySet when it is the first.
    pub fn metadata(
        &self,
        hub: &HubId,
        short: &ShortId,
        shard: u32,
    ) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
        let text = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let mut labels = BTreeMap::from([
            text(label::HUB, hub.as_str()),
            text(label::GROUP, short.as_str()),
            text(label::SHARD, &shard.to_string()),
        ]);
        let mut annotations = BTreeMap::from([text(label::GROUP_ID, &self.unit.to_string())]);
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

/// What the names of inventories begin with.
pub const SECRET_PREFIX: &str = "kurator-";

/// The name of a shard's Secret.
pub fn secret_name(short: &ShortId, shard: u32) -> String {
    if shard == 0 { format!("{SECRET_PREFIX}{short}") } else { format!("{SECRET_PREFIX}{short}-{shard}") }
}

/// The id of a unit's ApplySet: `applyset-BASE64URL(sha256("NAME.NAMESPACE.KIND.GROUP"))-v1` of the parent (KEP-3659).
pub fn applyset_id(short: &ShortId) -> String {
    let parent = format!("{}.{}.Secret.", secret_name(short, 0), label::SYSTEM_NAMESPACE);
    format!("applyset-{}-v1", URL_SAFE_NO_PAD.encode(Digest::of(parent.as_bytes()).as_bytes()))
}

#[cfg(test)]
mod tests;
