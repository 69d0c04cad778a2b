//! What a delivered object says of itself: the digest of what was sent, in an annotation.
//!
//! It is written in the same request as the object, so one changed object is one write in a member, and a process that
//! starts knows from a list what it had sent. It proves nothing: what it says is compared with the object
//! ([`crate::recall`]), and no deletion depends on it.

use std::fmt;
use std::str::FromStr;

use api::delivery::label;
use model::Digest;
use serde_json::Value;

use crate::recall;

/// The value of the annotation `kurator.dev/applied`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Digest of what the unit has, without this annotation.
    pub digest: Digest,
    /// The digest is keyed, since a plain one of a Secret would let its values be guessed.
    pub keyed: bool,
    /// `spec.replicas` was sent as an autoscaler had set it, not as the unit has it.
    pub scaled: bool,
}

/// What a keyed digest begins with, instead of `sha256:`.
const KEYED: &str = "hmac-sha256:";
/// What a plain digest begins with.
const PLAIN: &str = "sha256:";
/// What follows when the replicas are an autoscaler's.
const SCALED: &str = "+scaled";

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.keyed { KEYED } else { PLAIN };
        write!(f, "{kind}{}{}", self.digest.hex(), if self.scaled { SCALED } else { "" })
    }
}

/// Text that is no mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a digest of what was applied")]
pub struct MarkError;

impl FromStr for Mark {
    type Err = MarkError;

    fn from_str(text: &str) -> Result<Self, MarkError> {
        let (text, scaled) = text.strip_suffix(SCALED).map_or((text, false), |text| (text, true));
        let keyed = text.starts_with(KEYED);
        let hex = text.strip_prefix(if keyed { KEYED } else { PLAIN }).ok_or(MarkError)?;
        let digest = format!("{PLAIN}{hex}").parse().map_err(|_| MarkError)?;
        Ok(Self { digest, keyed, scaled })
    }
}

impl Mark {
    /// What an object says was applied, if it says so.
    pub fn read(object: &Value) -> Option<Self> {
        model::object::annotation(object, label::APPLIED)?.parse().ok()
    }

    /// Writes it onto an object.
    pub fn write(&self, object: &mut Value) {
        *model::object::slot(object, &["metadata", "annotations", label::APPLIED]) = self.to_string().into();
    }
}

/// Does the object say that something else was applied to it, in an annotation that our manager owns? Only another process that works
/// under our name writes that, such as a second hub from the same backup.
pub fn is_of_another_apply(live: &Value, ours: &Mark) -> bool {
    let differs = |mark: Mark| (mark.digest, mark.keyed) != (ours.digest, ours.keyed);
    Mark::read(live).is_some_and(differs) && recall::owns_mark(live)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_round_trips() {
        for (keyed, scaled) in [(false, false), (true, false), (false, true), (true, true)] {
            let mark = Mark { digest: Digest::of(b"x"), keyed, scaled };
            assert_eq!(mark.to_string().parse(), Ok(mark));
            let mut object = serde_json::json!({"metadata": {"name": "a"}});
            mark.write(&mut object);
            assert_eq!(Mark::read(&object), Some(mark));
        }
        for bad in ["", "sha256:", "sha256:xy", "md5:ab", "hmac-sha256:ab+scaled"] {
            assert_eq!(bad.parse::<Mark>(), Err(MarkError), "{bad}");
        }
    }
}
