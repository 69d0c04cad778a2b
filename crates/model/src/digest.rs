//! The digest by which content is named.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::text_form::NameError;

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

    /// The digest of a value's canonical JSON: no spaces, keys in order (the order of `serde_json`'s sorted maps). What is
    /// not a `Value` writes its keys in that order itself, and has text for keys.
    pub fn of_json(value: &impl Serialize) -> Self {
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
        HEXLOWER.encode(&self.0)
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
        let expected = || NameError::new("digest", text, "must be sha256: and 64 hexadecimal digits in lower case");
        let digits = text.strip_prefix("sha256:").ok_or_else(expected)?;
        let bytes = HEXLOWER.decode(digits.as_bytes()).map_err(|_| expected())?;
        Ok(Self(bytes.try_into().map_err(|_| expected())?))
    }
}

crate::text_form!(Digest);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_digest_round_trips_and_separates_lists() {
        let digest = Digest::of(b"x");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert_eq!(Digest::of_json(&json!({"b": 1, "a": [true]})), Digest::of(br#"{"a":[true],"b":1}"#));
        assert_ne!(Digest::of_texts(["ab", "c"]), Digest::of_texts(["a", "bc"]));
        for bad in ["sha256:XY", "sha256:", "", &digest.to_string().to_uppercase(), &digest.to_string()[..70]] {
            assert!(bad.parse::<Digest>().is_err(), "{bad:?} was accepted");
        }
    }
}
