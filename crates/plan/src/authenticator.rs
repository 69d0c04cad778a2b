//! Proof that this hub wrote something: keyed digests (HMAC-SHA256).
//!
//! A hub has one key. Each member has a key of its own, derived from it, so that whatever learns one member's key (an
//! agent that runs there) can forge nothing for another member. The hub's key also makes the digests of Secrets, which
//! could be guessed if they were plain.
//!
//! Absent on purpose: where the key is kept and how it is made. That is the composition root's.

use std::fmt;
use std::str::FromStr;

use api::delivery::HubId;
use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac};
use model::Digest;
use sha2::Sha256;

/// Bytes of a key and of an authenticator: those of SHA-256.
pub const KEY_BYTES: usize = 32;
/// Bytes of a key's id: enough to tell the few keys that a hub ever has from each other.
const KEY_ID_BYTES: usize = 8;

/// What a key is used for. It goes into every computation, so that an answer for one purpose is none for another.
mod purpose {
    pub(super) const KEY_ID: &str = "kurator.dev/key-id/v1";
    pub(super) const MEMBER_KEY: &str = "kurator.dev/member-key/v1";
    pub(super) const INVENTORY: &str = "kurator.dev/inventory/v2";
    pub(super) const APPLIED: &str = "kurator.dev/applied/v1";
    pub(super) const OBJECTS: &str = "kurator.dev/objects/v1";
    pub(super) const SHOWN: &str = "kurator.dev/shown/v1";
}

/// HMAC-SHA256 over texts and bytes, each with its length before it, so that nothing can move from one to the next.
fn authenticate(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

fn finish(mac: Hmac<Sha256>) -> [u8; KEY_BYTES] {
    mac.finalize().into_bytes().into()
}

/// Text that is not a hub's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hub's key is {} hexadecimal digits", 2 * KEY_BYTES)]
pub struct HubKeyError;

/// A hub's key. Its text form is hexadecimal; it is never printed otherwise.
#[derive(Clone, PartialEq, Eq)]
pub struct HubKey([u8; KEY_BYTES]);

impl fmt::Debug for HubKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HubKey({})", self.id())
    }
}

impl FromStr for HubKey {
    type Err = HubKeyError;

    fn from_str(text: &str) -> Result<Self, HubKeyError> {
        let bytes = HEXLOWER.decode(text.trim().as_bytes()).map_err(|_| HubKeyError)?;
        bytes.try_into().map(Self).map_err(|_| HubKeyError)
    }
}

impl HubKey {
    /// A key of these random bytes.
    pub fn from_random(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its id, from which the key cannot be found.
    pub fn id(&self) -> KeyId {
        let mac = finish(authenticate(&self.0, &[purpose::KEY_ID.as_bytes()]));
        KeyId(HEXLOWER.encode(&mac[..KEY_ID_BYTES]))
    }

    /// The key of one member of one hub. `cluster` is its identity, the UID of its kube-system namespace: a member that is
    /// attached under another name keeps its key, and another cluster behind its name has another.
    pub fn of_member(&self, hub: &HubId, cluster: &str) -> MemberKey {
        let parts = [purpose::MEMBER_KEY, hub.as_str(), cluster].map(str::as_bytes);
        MemberKey { id: self.id(), key: finish(authenticate(&self.0, &parts)) }
    }

    /// The digest of what was sent, when a plain digest would let its values be guessed. Members of one hub share it.
    pub fn digest_sent(&self, canonical: &[u8]) -> Digest {
        Digest::of(&finish(authenticate(&self.0, &[purpose::APPLIED.as_bytes(), canonical])))
    }

    /// The digest that people see in place of a secret value. `place` says where the value stands: the same value in another
    /// place has another digest.
    pub fn digest_shown(&self, place: &[String], value: &[u8]) -> Digest {
        let mut parts = vec![purpose::SHOWN.as_bytes()];
        parts.extend(place.iter().map(String::as_bytes));
        parts.push(value);
        Digest::of(&finish(authenticate(&self.0, &parts)))
    }

    /// The digest of the objects that are the inputs of a revision, when there are Secrets among them.
    pub fn digest_of_objects(&self, canonical: &[u8]) -> Digest {
        Digest::of(&finish(authenticate(&self.0, &[purpose::OBJECTS.as_bytes(), canonical])))
    }
}

/// Names a hub's key.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One member's key.
#[derive(Clone, PartialEq, Eq)]
pub struct MemberKey {
    id: KeyId,
    key: [u8; KEY_BYTES],
}

impl fmt::Debug for MemberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberKey({})", self.id)
    }
}

impl MemberKey {
    /// Which hub's key it comes from.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    fn of_shard(&self, hub: &HubId, cluster: &str, shard: u32, bytes: &[u8]) -> Hmac<Sha256> {
        let texts = [purpose::INVENTORY, hub.as_str(), cluster].map(str::as_bytes);
        authenticate(&self.key, &[texts[0], texts[1], texts[2], &shard.to_be_bytes(), bytes])
    }

    /// The authenticator of an inventory's shard, bound to its hub, cluster and number.
    pub fn sign(&self, hub: &HubId, cluster: &str, shard: u32, bytes: &[u8]) -> Vec<u8> {
        finish(self.of_shard(hub, cluster, shard, bytes)).to_vec()
    }

    /// Is this the authenticator of the shard? Compares in constant time.
    pub fn verifies(&self, hub: &HubId, cluster: &str, shard: u32, bytes: &[u8], authenticator: &[u8]) -> bool {
        self.of_shard(hub, cluster, shard, bytes).verify_slice(authenticator).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authenticator_holds_for_one_place_only() {
        let (hub, other_hub) = (HubId::from_random([1; 10]), HubId::from_random([2; 10]));
        let (cluster, other) = ("uid-of-beijing", "uid-of-shanghai");
        let hub_key = HubKey::from_random([7; 32]);
        let key = hub_key.of_member(&hub, cluster);
        let mac = key.sign(&hub, cluster, 0, b"shard");
        assert!(key.verifies(&hub, cluster, 0, b"shard", &mac));
        assert!(!key.verifies(&hub, cluster, 1, b"shard", &mac));
        assert!(!key.verifies(&hub, cluster, 0, b"Shard", &mac));
        assert!(!key.verifies(&hub, other, 0, b"shard", &mac));
        assert!(!key.verifies(&other_hub, cluster, 0, b"shard", &mac));
        assert!(!key.verifies(&hub, cluster, 0, b"shard", &mac[..16]));
        assert!(!hub_key.of_member(&hub, other).verifies(&hub, cluster, 0, b"shard", &mac));
        assert!(!HubKey::from_random([8; 32]).of_member(&hub, cluster).verifies(&hub, cluster, 0, b"shard", &mac));
    }

    #[test]
    fn a_key_is_read_and_never_printed() {
        let key = HubKey::from_random([0xab; 32]);
        assert_eq!("ab".repeat(32).parse::<HubKey>().unwrap(), key);
        for bad in ["", "ab", &"xy".repeat(32), &"ab".repeat(33)] {
            assert_eq!(bad.parse::<HubKey>(), Err(HubKeyError));
        }
        let shown = format!("{key:?} {:?}", key.of_member(&HubId::from_random([1; 10]), "a"));
        assert!(!shown.contains("abab"), "{shown}");
        assert_ne!(key.id(), HubKey::from_random([0xac; 32]).id());
    }
}
