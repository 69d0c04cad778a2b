//! What a kind's rules may know besides the object: the rules themselves read nothing.

use std::collections::BTreeSet;

use model::Timestamp;
use serde_json::Value;

use crate::user::UserInfo;

/// The surroundings of one write.
pub(crate) trait Surroundings {
    /// The user that writes.
    fn user(&self) -> &UserInfo;
    /// The time of the write.
    fn now(&self) -> Timestamp;
    /// A stored object in its storage version, without resourceVersion.
    fn stored(&self, group: &str, resource: &str, namespace: &str, name: &str) -> Option<Value>;
    /// The names in a group that belong to other kinds than that of this CRD.
    fn names_in_use(&self, group: &str, crd: &str) -> NamesInUse;
}

/// Names of kinds.
#[derive(Debug, Default)]
pub(crate) struct NamesInUse {
    /// Plural, singular and short names.
    pub(crate) resources: BTreeSet<String>,
    /// Kinds and kinds of lists.
    pub(crate) kinds: BTreeSet<String>,
}
