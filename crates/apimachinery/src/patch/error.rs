//! Why a patch cannot be applied.

use model::FieldPath;

/// Why a patch cannot be applied to an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The body is not a patch of its type.
    #[error("not a {patch}: {why}")]
    Malformed {
        /// Which type of patch was expected.
        patch: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// More operations than one JSON patch may have.
    #[error("the allowed maximum operations in a JSON patch is {max}, got {got}: split the patch")]
    TooManyOperations {
        /// How many there are.
        got: usize,
        /// How many there may be.
        max: usize,
    },
    /// An operation of a JSON patch could not be done.
    #[error("operation {index} at {pointer:?} failed: {why}")]
    Operation {
        /// The place of the operation in the patch, from 0.
        index: usize,
        /// Its JSON pointer.
        pointer: String,
        /// What is wrong.
        why: String,
    },
    /// A directive of a strategic merge patch is unknown, or its value is of the wrong type.
    #[error("{path}: {directive} {why}")]
    Directive {
        /// The field that holds the directive.
        path: FieldPath,
        /// The directive.
        directive: String,
        /// What is wrong.
        why: String,
    },
    /// An item of a list that is merged by key has no such key.
    #[error("{path}: the item has no {key:?}, by which items of this list are merged: add it")]
    MergeKey {
        /// The item.
        path: FieldPath,
        /// The merge key.
        key: String,
    },
    /// Items of a merged list are of different types, or lists themselves.
    #[error("{path}: {why}")]
    Items {
        /// The list.
        path: FieldPath,
        /// What is wrong.
        why: &'static str,
    },
}

impl PatchError {
    /// The HTTP status that upstream answers with: 400 when the patch itself is wrong, 413 when it is too large, 422
    /// when it does not fit the object.
    pub fn code(&self) -> u16 {
        match self {
            Self::TooManyOperations { .. } => 413,
            Self::Operation { .. } => 422,
            Self::Malformed { .. } | Self::Directive { .. } | Self::MergeKey { .. } | Self::Items { .. } => 400,
        }
    }
}
