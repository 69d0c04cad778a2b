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
    /// The kind of this name that the server serves without a CRD: a built-in one, or one from code.
    fn fixed_kind(&self, crd: &str) -> Option<FixedKind>;
    /// Characters that make a name unique.
    fn suffix(&self) -> String;
}

/// A kind that the server serves without a CRD.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FixedKind {
    /// Its kind.
    pub(crate) kind: String,
    /// Do objects live in namespaces?
    pub(crate) namespaced: bool,
    /// The versions that are served.
    pub(crate) versions: BTreeSet<String>,
}

/// Names of kinds.
#[derive(Debug, Default)]
pub(crate) struct NamesInUse {
    /// Plural, singular and short names.
    pub(crate) resources: BTreeSet<String>,
    /// Kinds and kinds of lists.
    pub(crate) kinds: BTreeSet<String>,
}
