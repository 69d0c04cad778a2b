//! Why an apply is refused.

use std::fmt;

use model::{Reason, Status};
use serde_json::{Value, json};

use crate::fieldset::{Path, PathElement};
use crate::managed::{Entry, ManagedFieldsError, Operation};

/// A field that another manager owns and that the configuration would change. Ordered by manager, then path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// Who owns the field.
    pub manager: String,
    /// How it came to own it.
    pub operation: Operation,
    /// The version of its entry.
    pub api_version: String,
    /// The subresource of its entry; empty for the object itself.
    pub subresource: String,
    /// The field.
    pub path: Path,
    /// The manager as messages name it.
    described: String,
}

impl Conflict {
    pub(super) fn new(entry: &Entry, path: Path) -> Self {
        Self {
            manager: entry.manager.clone(),
            operation: entry.operation,
            api_version: entry.api_version.clone(),
            subresource: entry.subresource.clone(),
            path,
            described: entry.describe(),
        }
    }

    /// The cause's message: who.
    pub fn message(&self) -> String {
        format!("conflict with {}", self.described)
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conflict with {}: {}", self.described, self.path)
    }
}

/// A part of a configuration that does not fit the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Where.
    pub path: Path,
    /// What is wrong.
    pub why: String,
}

impl Invalid {
    /// A fault of the value itself; who calls knows where that is.
    pub(super) fn here(why: String) -> Self {
        Self { path: Path::default(), why }
    }

    /// The same fault, seen from one step further out.
    pub(super) fn within(mut self, element: PathElement) -> Self {
        self.path.0.insert(0, element);
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

/// Why an apply is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Others own what would change. Never empty.
    #[error("{}", conflicts_message(.0))]
    Conflicts(Vec<Conflict>),
    /// The configuration does not fit the schema. Never empty.
    #[error("the applied configuration does not fit the schema: {}", lines(.0))]
    Invalid(Vec<Invalid>),
    /// The configuration may not be applied here: what is wrong.
    #[error("{0}")]
    Request(String),
    /// The live object's records cannot be read: reset them by an update with `managedFields: [{}]`.
    #[error("failed to decode managed fields: {0}; reset them by an update with managedFields [{{}}]")]
    ManagedFields(ManagedFieldsError),
}

impl ApplyError {
    /// The failure on the wire: 409 with a cause for each conflicting field, else 400. (Upstream answers 500 to what
    /// does not fit the schema.)
    pub fn to_status(&self) -> Status {
        match self {
            Self::Conflicts(conflicts) => {
                let causes: Vec<Value> = conflicts
                    .iter()
                    .map(|c| json!({"reason": "FieldManagerConflict", "message": c.message(), "field": c.path.to_string()}))
                    .collect();
                Status { details: json!({"causes": causes}), ..Status::new(Reason::Conflict, self.to_string()) }
            }
            Self::Invalid(_) | Self::Request(_) => Status::bad_request(self.to_string()),
            Self::ManagedFields(_) => Status::internal(self),
        }
    }
}

fn lines(errors: &[Invalid]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// As upstream words it: kubectl shows this to people.
fn conflicts_message(conflicts: &[Conflict]) -> String {
    if let [one] = conflicts {
        return format!("Apply failed with 1 conflict: {one}");
    }
    let mut out = format!("Apply failed with {} conflicts:", conflicts.len());
    let mut last = None;
    for conflict in conflicts {
        if last != Some(&conflict.described) {
            let lead = if last.is_none() { " " } else { "\n" };
            out.push_str(&format!("{lead}conflicts with {}:", conflict.described));
            last = Some(&conflict.described);
        }
        out.push_str(&format!("\n- {}", conflict.path));
    }
    out
}
