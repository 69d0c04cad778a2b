//! Keys of objects with their hash, for tables in which they are looked up again and again.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hash, Hasher, RandomState};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::object::ObjectKey;
use crate::weigh::Weigh;

/// What the hashes of this process begin with: members choose names, and must not choose which of them collide.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// An [`ObjectKey`] and its hash. A hub has tables of keys for each of a thousand members, which share the keys: looking up
/// a shared one reads its hash and compares its place, and none of its words.
#[derive(Debug, Default)]
pub struct HashedKey {
    key: ObjectKey,
    hash: u64,
}

impl HashedKey {
    /// Takes a key and hashes it.
    pub fn new(key: ObjectKey) -> Self {
        let hash = SEED.hash_one((&key.name, &key.namespace, &key.kind, &key.group));
        Self { key, hash }
    }
}

impl From<ObjectKey> for HashedKey {
    fn from(key: ObjectKey) -> Self {
        Self::new(key)
    }
}

impl From<ObjectKey> for Arc<HashedKey> {
    fn from(key: ObjectKey) -> Self {
        Self::new(HashedKey::new(key))
    }
}

impl Deref for HashedKey {
    type Target = ObjectKey;

    fn deref(&self) -> &ObjectKey {
        &self.key
    }
}

impl PartialEq for HashedKey {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.hash == other.hash && self.key == other.key)
    }
}

impl Eq for HashedKey {}

impl PartialEq<ObjectKey> for HashedKey {
    fn eq(&self, other: &ObjectKey) -> bool {
        self.key == *other
    }
}

impl Hash for HashedKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Ord for HashedKey {
    fn cmp(&self, other: &Self) -> Ordering {
        if std::ptr::eq(self, other) { Ordering::Equal } else { self.key.cmp(&other.key) }
    }
}

impl PartialOrd for HashedKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for HashedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

impl Serialize for HashedKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.key.serialize(to)
    }
}

impl<'de> Deserialize<'de> for HashedKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        ObjectKey::deserialize(from).map(Self::new)
    }
}

impl Weigh for HashedKey {
    fn weight(&self) -> usize {
        self.key.weight()
    }
}

/// Hands on the hash that a key has.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// Keys have no bytes to hash; another value in such a table is hashed as FNV-1a does it.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// How tables of keys hash.
pub type KeyState = BuildHasherDefault<KeyHasher>;

/// A table by key, in no order.
pub type KeyMap<V> = HashMap<Arc<HashedKey>, V, KeyState>;

/// Keys in no order.
pub type KeySet = HashSet<Arc<HashedKey>, KeyState>;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey { kind: "ConfigMap".to_owned(), name: name.to_owned(), ..ObjectKey::default() }
    }

    #[test]
    fn a_key_is_found_by_itself_and_by_another_copy() {
        let shared: Arc<HashedKey> = key("a").into();
        let table: KeyMap<u32> = [(Arc::clone(&shared), 1), (key("b").into(), 2)].into_iter().collect();
        assert_eq!(table.get(&shared), Some(&1));
        assert_eq!(table.get(&HashedKey::new(key("b"))), Some(&2));
        assert_eq!(table.get(&HashedKey::new(key("c"))), None);
        let other = ObjectKey { namespace: "shop".to_owned(), ..key("a") };
        assert_eq!(table.get(&HashedKey::new(other)), None);
    }

    #[test]
    fn keys_have_the_order_of_their_words() {
        let (a, b) = (HashedKey::new(key("a")), HashedKey::new(key("b")));
        assert!(a < b && a == HashedKey::new(key("a")) && a == key("a"));
    }

    #[test]
    fn it_is_written_as_the_key_is() {
        let (plain, hashed) = (key("a"), HashedKey::new(key("a")));
        assert_eq!(serde_json::to_string(&hashed).unwrap(), serde_json::to_string(&plain).unwrap());
        assert_eq!(hashed.to_string(), plain.to_string());
    }
}
