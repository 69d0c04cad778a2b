//! A rendered object and where it was written.

use std::fmt;

use serde_json::Value;

/// One rendered object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// The object.
    pub value: Value,
    /// Where it was written.
    pub location: Location,
}

/// Where an object was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Path from the root of the tree.
    pub file: String,
    /// Number of the document in the file, from 1; in a kustomization file, of the generator.
    pub document: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} document {}", self.file, self.document)
    }
}
