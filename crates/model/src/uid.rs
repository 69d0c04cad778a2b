//! The UID that a server gives to an object.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

/// Where a UUID has hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// What tells an object from every other one, also from one of the same name that was made in its place.
///
/// Servers use UUIDs, which are kept as 16 bytes: a hub remembers one for each object in each member. Any other text is
/// kept as it is. Both are written as they were read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Uid {
    /// A UUID in lower case with hyphens.
    Uuid([u8; 16]),
    /// Any other text.
    Text(Box<str>),
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let is_hyphen = |(index, byte): (usize, u8)| HYPHENS.contains(&index) == (byte == b'-');
    if text.len() != 36 || !text.bytes().enumerate().all(is_hyphen) {
        return None;
    }
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    HEXLOWER.decode(&digits).ok()?.try_into().ok()
}

impl Uid {
    /// Is it this text?
    pub fn is(&self, text: &str) -> bool {
        match self {
            Self::Uuid(uuid) => parse_uuid(text).as_ref() == Some(uuid),
            Self::Text(mine) => **mine == *text,
        }
    }
}

impl Default for Uid {
    /// No UID: an empty text.
    fn default() -> Self {
        Self::Text("".into())
    }
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        parse_uuid(text).map_or_else(|| Self::Text(text.into()), Self::Uuid)
    }
}

impl From<String> for Uid {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<Uid> for String {
    fn from(uid: Uid) -> Self {
        uid.to_string()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(uuid) => {
                for (index, digit) in HEXLOWER.encode(uuid).chars().enumerate() {
                    if [8, 12, 16, 20].contains(&index) {
                        f.write_str("-")?;
                    }
                    write!(f, "{digit}")?;
                }
                Ok(())
            }
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_written_as_it_was_read() {
        let uuid = "b1946ac9-2492-4d23-87d6-21a7c0ea7d22";
        assert!(matches!(Uid::from(uuid), Uid::Uuid(_)));
        for text in [uuid, "", "u", "B1946AC9-2492-4D23-87D6-21A7C0EA7D22", "b1946ac92-492-4d23-87d6-21a7c0ea7d22"] {
            let uid = Uid::from(text);
            assert_eq!((uid.to_string().as_str(), uid.is(text)), (text, true));
            assert_eq!(serde_json::from_value::<Uid>(serde_json::to_value(&uid).unwrap()).unwrap(), uid);
            assert!(!uid.is("another"));
        }
        assert!(!Uid::from(uuid).is(&uuid.to_uppercase()));
        assert_eq!(size_of::<Option<Uid>>(), 24);
    }
}
