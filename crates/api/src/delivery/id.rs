//! Ids of delivery, as types that cannot be mixed up.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use model::{Digest, NameError, text_form};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// RFC 4648 base32 in lower case, without padding: what a DNS label and a label value can hold.
fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

/// The one thing that is delivered as a whole, named by its owner: `group/Kind/namespace/name[/policy]`.
///
/// Holds neither a UID (deleting the owner and making it again must find what it delivered) nor an API version. The
/// group is empty for core kinds and the namespace for cluster-scoped owners; their slashes stay.
///
/// Copies share the text: a unit is named in a dozen places for each member.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct UnitId(Arc<UnitName>);

/// What a [`UnitId`] says.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitName {
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

impl Deref for UnitId {
    type Target = UnitName;

    fn deref(&self) -> &UnitName {
        &self.0
    }
}

/// The object that units are made for: `group/Kind/namespace/name`. Like [`UnitId`] it holds neither a UID nor an API
/// version, and keeps its slashes when the group or the namespace is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Owner {
    /// API group, empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace, empty when it is cluster-scoped.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// The object that made a member. It has the same form as the owner of a unit.
pub type Origin = Owner;

impl Owner {
    /// Makes an owner.
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self { group: group.to_owned(), kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// One of its units; `policy` for owners that have several.
    pub fn unit(&self, policy: Option<&str>) -> UnitId {
        UnitId::new(&self.group, &self.kind, &self.namespace, &self.name, policy)
    }

    /// Is it of this kind?
    pub fn is_of(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.group, self.kind, self.namespace, self.name)
    }
}

impl FromStr for Owner {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let problem = |why: &str| NameError::new("owner", text, why);
        let parts: Vec<&str> = text.split('/').collect();
        let [group, kind, namespace, name] = parts[..] else {
            return Err(problem("must be group/Kind/namespace/name"));
        };
        if kind.is_empty() || name.is_empty() {
            return Err(problem("kind and name must not be empty"));
        }
        Ok(Self::new(group, kind, namespace, name))
    }
}

text_form!(Owner);

impl UnitId {
    /// Makes an id.
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str, policy: Option<&str>) -> Self {
        Self(Arc::new(UnitName {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            policy: policy.map(str::to_owned),
        }))
    }

    /// The object that the unit is made for.
    pub fn owner(&self) -> Owner {
        Owner::new(&self.group, &self.kind, &self.namespace, &self.name)
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
                return Err(NameError::new(
                    "unit id",
                    text,
                    "must be group/Kind/namespace/name or group/Kind/namespace/name/policy",
                ));
            }
        };
        if kind.is_empty() || name.is_empty() || policy == Some("") {
            return Err(NameError::new("unit id", text, "kind, name and policy must not be empty"));
        }
        Ok(Self::new(group, kind, namespace, name, policy))
    }
}

text_form!(UnitId);

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
        model::name::check_dns_label(text).map_err(|problem| NameError::new("hub id", text, problem))?;
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
        let hash = Digest::of(format!("{hub}/{unit}").as_bytes());
        let mut text = base32(hash.as_bytes());
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
        if text.len() != Self::LENGTH || !text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')) {
            return Err(NameError::new("short id", text, format!("must be {} characters of a-z2-7", Self::LENGTH)));
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
