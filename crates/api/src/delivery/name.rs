//! Names and digests of delivery, as types that cannot be mixed up.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A text that is not the name, id or digest it should be.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} {text:?}: {problem}")]
pub struct NameError {
    /// What the text should have been.
    pub what: &'static str,
    /// The text.
    pub text: String,
    /// What is wrong and what is expected.
    pub problem: String,
}

fn wrong(what: &'static str, text: &str, problem: impl Into<String>) -> NameError {
    NameError { what, text: text.to_owned(), problem: problem.into() }
}

macro_rules! text_form {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.to_string()
            }
        }
    };
}

/// Name of a member: a DNS label of at most 48 characters, unique over the hub.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct MemberName(String);

impl MemberName {
    /// Longest name. Karmada derives the namespace `karmada-es-NAME` from it, which must stay a DNS label of 63
    /// characters; 48 leaves 4 for the slice suffix of our own records. It is also Karmada's own limit.
    pub const MAX: usize = 48;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MemberName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > Self::MAX {
            return Err(wrong("member name", text, format!("must be no more than {} characters", Self::MAX)));
        }
        model::name::check_dns_label(text).map_err(|problem| wrong("member name", text, problem))?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(MemberName);

/// The one thing that is delivered as a whole, named by its owner: `group/Kind/namespace/name[/policy]`.
///
/// Holds neither a UID (deleting the owner and making it again must find what it delivered) nor an API version. The
/// group is empty for core kinds and the namespace for cluster-scoped owners; their slashes stay.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct UnitId {
    /// API group of the owner, empty for the core group.
    pub group: String,
    /// Kind of the owner.
    pub kind: String,
    /// Namespace of the owner, empty when it is cluster-scoped.
    pub namespace: String,
    /// Name of the owner.
    pub name: String,
    /// Which of the owner's sync policies, for owners that have several.
    pub policy: Option<String>,
}

impl UnitId {
    /// Makes an id.
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str, policy: Option<&str>) -> Self {
        Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            policy: policy.map(str::to_owned),
        }
    }

    /// The id that stands for this unit in object names and labels.
    pub fn short(&self, hub: &HubId) -> ShortId {
        ShortId::of(hub, self)
    }
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.group, self.kind, self.namespace, self.name)?;
        match &self.policy {
            Some(policy) => write!(f, "/{policy}"),
            None => Ok(()),
        }
    }
}

impl FromStr for UnitId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        // No part but the last can hold a slash; a policy's name may be any text.
        let parts: Vec<&str> = text.splitn(5, '/').collect();
        let (group, kind, namespace, name, policy) = match parts[..] {
            [group, kind, namespace, name] => (group, kind, namespace, name, None),
            [group, kind, namespace, name, policy] => (group, kind, namespace, name, Some(policy)),
            _ => {
                return Err(wrong(
                    "unit id",
                    text,
                    "must be group/Kind/namespace/name or group/Kind/namespace/name/policy",
                ));
            }
        };
        if kind.is_empty() || name.is_empty() || policy == Some("") {
            return Err(wrong("unit id", text, "kind, name and policy must not be empty"));
        }
        Ok(Self::new(group, kind, namespace, name, policy))
    }
}

text_form!(UnitId);

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// RFC 4648 base32 in lower case, without padding.
fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut buffer, mut bits) = (0_u16, 0_u8);
    for &byte in bytes {
        buffer = (buffer << 8) | u16::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(BASE32[usize::from((buffer >> bits) & 31)]));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        out.push(char::from(BASE32[usize::from((buffer << (5 - bits)) & 31)]));
    }
    out
}

/// Which hub delivered an object: random, made once, kept in a Secret in `kurator-system` and in backups. A valid label
/// value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct HubId(String);

impl HubId {
    /// Makes an id of 80 random bits: 16 characters.
    pub fn from_random(bits: [u8; 10]) -> Self {
        Self(base32(&bits))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HubId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        model::name::check_dns_label(text).map_err(|problem| wrong("hub id", text, problem))?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(HubId);

/// Ten base32 characters of sha256(hub id, unit id): names a unit's records and its inventory.
///
/// Fifty bits: among the 10,000 units that a hub is made for, two share one with a probability of 4e-8.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct ShortId(String);

impl ShortId {
    /// Characters.
    pub const LENGTH: usize = 10;

    /// The short id of a unit of a hub.
    pub fn of(hub: &HubId, unit: &UnitId) -> Self {
        // A hub id holds no slash, so the two cannot run into each other.
        let hash = Sha256::digest(format!("{hub}/{unit}").as_bytes());
        let mut text = base32(&hash);
        text.truncate(Self::LENGTH);
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ShortId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() != Self::LENGTH || !text.bytes().all(|b| BASE32.contains(&b)) {
            return Err(wrong("short id", text, format!("must be {} characters of a-z2-7", Self::LENGTH)));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(ShortId);

/// A SHA-256 digest, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of a value's canonical JSON: no spaces, keys in order (the order of `serde_json`'s sorted maps).
    pub fn of_json(value: &Value) -> Self {
        struct Sink(Sha256);
        impl std::io::Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.update(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut sink = Sink(Sha256::new());
        serde_json::to_writer(&mut sink, value).expect("a JSON value has string keys and the sink never fails");
        Self(sink.0.finalize().into())
    }

    /// The digest of a list of texts, in the order given. Each is preceded by its length, so two lists with the same
    /// digest are the same list.
    pub fn of_texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut hash = Sha256::new();
        for text in texts {
            let text = text.as_ref();
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        Self(hash.finalize().into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The hexadecimal digits without the prefix.
    pub fn hex(&self) -> String {
        let mut out = String::with_capacity(64);
        for byte in self.0 {
            out.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
            out.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        }
        out
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let expected = || wrong("digest", text, "must be sha256: and 64 hexadecimal digits in lower case");
        let digits = text.strip_prefix("sha256:").filter(|d| d.len() == 64).ok_or_else(expected)?;
        let mut out = [0_u8; 32];
        for (byte, pair) in out.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let nibble = |c: u8| match c {
                b'0'..=b'9' => Ok(c - b'0'),
                b'a'..=b'f' => Ok(c - b'a' + 10),
                _ => Err(expected()),
            };
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(out))
    }
}

text_form!(Digest);
