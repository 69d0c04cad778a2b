//! What is kept of an object that was seen: digests and a reading of its health, not the body.

use model::{Digest, Uid};
use plan::apply::{Seen, SeenState};
use plan::pool::Pool;
use plan::recall::Recalled;
use serde_json::Value;

/// An object as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Observation {
    pub(crate) seen: Seen,
    /// Position in the server's history, when the server's versions are numbers.
    pub(crate) version: Option<u64>,
    /// What was found out while the body was at hand, for the pass that awaits the object with this digest.
    pub(crate) recalled: Option<Box<(Digest, Recalled)>>,
}

impl Observation {
    /// Looks at a whole object, with its `apiVersion` and `kind`.
    pub(crate) fn of(object: &Value, states: &Pool<SeenState>) -> Self {
        Self::with_state(object, SeenState::of(object), states)
    }

    /// The same, of an object whose state is known.
    pub(crate) fn with_state(object: &Value, state: SeenState, states: &Pool<SeenState>) -> Self {
        let uid = model::object::uid(object).map(Uid::from).unwrap_or_default();
        let version = model::object::resource_version(object).and_then(|v| v.parse().ok());
        Self { seen: Seen { uid, state: states.share(state) }, version, recalled: None }
    }

    /// Is the other the same, apart from when it was seen?
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.seen == other.seen
    }

    /// Was the other seen later? Versions that are not numbers count as later, in the order in which they come.
    pub(crate) fn is_older_than(&self, version: Option<u64>) -> bool {
        match (self.version, version) {
            (Some(mine), Some(other)) => mine <= other,
            _ => true,
        }
    }
}
