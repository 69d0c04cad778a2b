//! Why an object could not be interpreted.

use model::{FieldPath, GroupVersionKind};

use crate::operation::Operation;

/// What is wrong with an object, or with the question. Values are never named: an object may be a Secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A field has a value that its kind does not allow.
    #[error("{path} must be {wanted}")]
    Field {
        /// Which field.
        path: FieldPath,
        /// What it must be: `a whole number from 0 to 2147483647`.
        wanted: &'static str,
    },
    /// The field that an operation needs is missing.
    #[error("{path} is missing")]
    Missing {
        /// Which field.
        path: FieldPath,
    },
    /// A member has no part in what was split over the members.
    #[error("nothing was split to member {member}")]
    NoPart {
        /// Which member.
        member: String,
    },
    /// `apiVersion` or `kind` is missing or malformed.
    #[error("apiVersion or kind is missing")]
    NotAnObject,
    /// There is no rule for the kind.
    #[error("there is no rule for {operation} of {kind}")]
    NoRule {
        /// Which kind.
        kind: GroupVersionKind,
        /// What was asked.
        operation: Operation,
    },
}

impl Fault {
    /// A field has a wrong value.
    pub(crate) fn field(path: &str, wanted: &'static str) -> Self {
        Self::Field { path: FieldPath::of(path), wanted }
    }

    /// A field is missing.
    pub(crate) fn missing(path: &str) -> Self {
        Self::Missing { path: FieldPath::of(path) }
    }
}
