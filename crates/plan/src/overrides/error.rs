//! Why an override cannot be applied.

use model::words;

use super::provenance::By;

/// An overrider that does not fit an object. The object does not go to the members of that variant; others, and other
/// objects, are not touched (Karmada: `SyncFailed`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{by}{}: {why}; correct the overrider, or narrow resourceSelectors or targetCluster of the policy to what it fits", at(.path))]
pub struct Error {
    /// The overrider.
    pub by: By,
    /// The field of the object, as the policy or its kind says; `None` when it is about the whole object.
    pub path: Option<String>,
    /// What is wrong. Never a value of a Secret.
    pub why: String,
}

fn at(path: &Option<String>) -> String {
    path.as_ref().map(|path| format!(" ({})", words::cut(path))).unwrap_or_default()
}

/// What is wrong with one overrider.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) path: Option<String>,
    pub(super) why: String,
    /// The same without values of the object.
    pub(super) without_values: Option<&'static str>,
}

impl Fault {
    /// At a field. `why` repeats no value of the object.
    pub(super) fn at(path: &str, why: impl Into<String>) -> Self {
        Self { path: Some(path.to_owned()), why: why.into(), without_values: None }
    }

    /// At a field. `why` repeats its value; `plain` does not.
    pub(super) fn of_value(path: &str, why: String, plain: &'static str) -> Self {
        Self { path: Some(path.to_owned()), why, without_values: Some(plain) }
    }

    /// About the whole object.
    pub(super) fn of_object(why: impl Into<String>) -> Self {
        Self { path: None, why: why.into(), without_values: None }
    }

    /// The error. Of a Secret no value is repeated.
    pub(super) fn at_overrider(self, by: By, is_secret: bool) -> Error {
        let why = match self.without_values {
            Some(plain) if is_secret => plain.to_owned(),
            _ => self.why,
        };
        Error { by, path: self.path, why }
    }
}
