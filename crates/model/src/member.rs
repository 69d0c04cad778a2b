//! The name of a member.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text_form::NameError;

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
            return Err(NameError::new("member name", text, format!("must be no more than {} characters", Self::MAX)));
        }
        crate::name::check_dns_label(text).map_err(|problem| NameError::new("member name", text, problem))?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::text_form!(MemberName);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_name_is_a_label_of_at_most_48_characters() {
        assert_eq!("beijing".parse::<MemberName>().unwrap().as_str(), "beijing");
        for bad in ["", "Beijing", "a.b", "-a", &"a".repeat(49)] {
            assert!(bad.parse::<MemberName>().is_err(), "{bad:?} was accepted");
        }
        let e = serde_json::from_value::<MemberName>(json!("A")).unwrap_err().to_string();
        assert!(e.starts_with("member name \"A\": a lowercase RFC 1123 label"), "{e}");
    }
}
