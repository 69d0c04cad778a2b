//! A set of objects, short enough for an annotation.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use model::{Digest, NameError, ObjectKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes kept of the digest of an object's key. Two of 5,000 objects have the same eight bytes once in 10^12 sets.
const FINGERPRINT_BYTES: usize = 8;

/// Which objects, by the first eight bytes of the digests of their keys: it can be asked whether it has an object, and not
/// which it has. Written in base64url.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ObjectSet(Vec<[u8; FINGERPRINT_BYTES]>);

impl ObjectSet {
    /// Most objects. A set of so many has 54 kB as text: four of them fit into what Kubernetes allows for all annotations
    /// of an object, 256 KiB.
    pub const OBJECTS_MAX: usize = 5_000;

    /// The set of these objects.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a ObjectKey>) -> Self {
        let mut all: Vec<_> = keys.into_iter().map(fingerprint).collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }

    /// Is the object in it?
    pub fn contains(&self, key: &ObjectKey) -> bool {
        self.0.binary_search(&fingerprint(key)).is_ok()
    }

    /// What is in it, or in another one.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = [self.0.as_slice(), &other.0].concat();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }

    /// What is in it, and not in another one.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|object| other.0.binary_search(object).is_err()).copied().collect())
    }

    /// What is in both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|object| other.0.binary_search(object).is_ok()).copied().collect())
    }

    /// Is an object in both?
    pub fn meets(&self, other: &Self) -> bool {
        let (few, many) = if self.0.len() <= other.0.len() { (self, other) } else { (other, self) };
        few.0.iter().any(|object| many.0.binary_search(object).is_ok())
    }

    /// What names the set.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_flattened())
    }

    /// How many objects it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn fingerprint(key: &ObjectKey) -> [u8; FINGERPRINT_BYTES] {
    let digest = Digest::of(key.to_string().as_bytes());
    std::array::from_fn(|index| digest.as_bytes()[index])
}

impl fmt::Display for ObjectSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(self.0.as_flattened()))
    }
}

impl FromStr for ObjectSet {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let expected = || NameError::new("set of objects", text, "must be base64url of eight bytes for each object");
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| expected())?;
        let (all, rest) = bytes.as_chunks::<FINGERPRINT_BYTES>();
        if !rest.is_empty() || all.len() > Self::OBJECTS_MAX {
            return Err(expected());
        }
        let mut all = all.to_vec();
        all.sort_unstable();
        all.dedup();
        Ok(Self(all))
    }
}

impl TryFrom<String> for ObjectSet {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<ObjectSet> for String {
    fn from(set: ObjectSet) -> Self {
        set.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey { kind: "ConfigMap".into(), namespace: "shop".into(), name: name.into(), ..ObjectKey::default() }
    }

    #[test]
    fn a_set_has_what_was_put_into_it_also_after_it_was_written() {
        let keys = [key("b"), key("a"), key("a")];
        let set = ObjectSet::new(&keys);
        assert_eq!((set.len(), set.is_empty()), (2, false));
        let read: ObjectSet = set.to_string().parse().unwrap();
        assert_eq!(read, set);
        assert!(read.contains(&key("a")) && read.contains(&key("b")) && !read.contains(&key("c")));
        assert!(read.meets(&ObjectSet::new(&[key("x"), key("b")])) && ObjectSet::new(&[key("b")]).meets(&read));
        assert!(!read.meets(&ObjectSet::new(&[key("c")])) && !read.meets(&ObjectSet::default()));
        let (a, b) = (key("a"), key("b"));
        assert_eq!(read.without(&ObjectSet::new(&[key("b"), key("c")])), ObjectSet::new(&[a]));
        assert_eq!(read.common(&ObjectSet::new(&[key("b"), key("c")])), ObjectSet::new(&[b]));
        let other_namespace = ObjectKey { namespace: "web".into(), ..key("a") };
        assert!(!read.contains(&other_namespace));
        assert_eq!("".parse::<ObjectSet>().unwrap(), ObjectSet::default());
    }

    #[test]
    fn what_is_no_set_is_refused() {
        let long = BASE64URL_NOPAD.encode(&vec![7; FINGERPRINT_BYTES * (ObjectSet::OBJECTS_MAX + 1)]);
        for text in ["x", "AAAA", "AAAAAAAAAAA=", "not base64url!", &long] {
            assert!(text.parse::<ObjectSet>().is_err(), "{text}");
        }
    }
}
