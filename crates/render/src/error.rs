//! What can be wrong with a directory of manifests.

use model::ObjectKey;
use model::tree::TreeError;

use crate::object::Location;
use crate::{Question, Remote, remote};

/// A field that is understood and not done yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Kustomization file.
    pub file: String,
    /// Path of the field.
    pub field: String,
}

/// The field of an Application's policy that names the directory, as messages name it.
pub const DIRECTORY_FIELD: &str = "kustomization.path";

/// Why a directory cannot be rendered.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
#[allow(missing_docs, reason = "the messages are the documentation; `file` is a path from the root of the tree")]
pub enum RenderError {
    /// The directory of the policy is not in the source.
    #[error("{DIRECTORY_FIELD}: {0}")]
    NoDirectory(TreeError),
    #[error("{location}: {source}")]
    Tree { location: String, source: TreeError },
    #[error("{file}: {why}")]
    Yaml { file: String, why: String },
    #[error(
        "{location}: not a Kubernetes object: {why}; move files that are not manifests elsewhere, or list them in spec.source.gitRepository.ignore"
    )]
    NotAnObject { location: Location, why: String },
    #[error(
        "{location} is encrypted with SOPS, which is not decrypted here; leave it out by spec.source.gitRepository.ignore, and bring the Secret to the members by other means"
    )]
    Encrypted { location: Location },
    #[error("{file}: {field}: {why}")]
    Field { file: String, field: String, why: String },
    #[error("{}: not supported yet; remove these fields or render before committing", list(.0))]
    NotImplemented(Vec<Unsupported>),
    #[error(
        "{file}: {field}: {url:?} is remote, and only resources and components may be; copy the file into the source"
    )]
    Remote { file: String, field: String, url: String },
    #[error("{file}: {field}: {url:?} cannot be used: {why}")]
    RemoteRefused { file: String, field: String, url: String, why: String },
    /// Something on another machine that was not fetched: `RenderError::question`.
    #[error("{}: {} is not fetched", .0.asked_by, .0.id)]
    NotFetched(Box<Remote>),
    #[error("{asked_by}: more than {limit} things on other machines are used; copy some of them into the source")]
    TooManyRemotes { asked_by: String, limit: usize },
    #[error("{key} is defined twice: {first} and {second}; remove one or rename it")]
    Collision { key: String, first: String, second: String },
    #[error("{file}: {field}: {target} matches no object; check kind, name and namespace")]
    NoTarget { file: String, field: String, target: String },
    #[error("{file}: {field}: {target} matches more than one object: {places}")]
    Ambiguous { file: String, field: String, target: String, places: String },
    #[error("{file}: {field}: the patch does not apply to {key}: {why}")]
    Patch { file: String, field: String, key: String, why: String },
    #[error("{path}: kustomizations include each other: {chain}")]
    Cycle { path: String, chain: String },
    #[error("{file}: kustomizations are nested more than {limit} deep")]
    TooDeep { file: String, limit: usize },
    #[error("{file}: kustomizations use each other more than {limit} times in all; split the directory")]
    TooManyLayers { file: String, limit: usize },
    #[error("more than {limit} objects; split the directory")]
    TooMany { limit: usize },
    #[error(
        "rendering this takes more than {limit} bytes of work over files and objects; split the directory, or use fewer patches and layers"
    )]
    TooMuchWork { limit: u64 },
    #[error(
        "rendering this makes more than {limit} bytes of objects; split the directory, or add shorter labels and annotations"
    )]
    TooLarge { limit: u64 },
    #[error("{key} of {location} was renamed more than {limit} times; give it its name in fewer steps")]
    TooManyNames { key: String, location: Location, limit: usize },
    #[error("rendering this asks for files more than {limit} times; use files of fewer directories")]
    TooManyTurns { limit: u32 },
}

impl RenderError {
    /// The question to answer before the next call, when that is all that is missing.
    pub(crate) fn question(&self) -> Option<Question> {
        match self {
            Self::Tree { source: TreeError::NotLoaded { path }, .. } => Some(match remote::split(path) {
                Some((id, path)) => Question::DirectoryOf { id: id.to_owned(), path: path.to_owned() },
                None => Question::Directory(path.clone()),
            }),
            Self::NotFetched(remote) => Some(Question::Remote(Remote::clone(remote))),
            _ => None,
        }
    }

    pub(crate) fn collision(key: &ObjectKey, first: &Location, second: &Location) -> Self {
        Self::Collision { key: key.to_string(), first: first.to_string(), second: second.to_string() }
    }

    pub(crate) fn ambiguous(file: &str, field: &str, target: String, first: &Location, second: &Location) -> Self {
        let places = format!("{first} and {second}");
        Self::Ambiguous { file: file.to_owned(), field: field.to_owned(), target, places }
    }

    pub(crate) fn field(file: &str, field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Field { file: file.to_owned(), field: field.into(), why: why.into() }
    }
}

fn list(fields: &[Unsupported]) -> String {
    let all: Vec<String> = fields.iter().map(|u| format!("{}: {}", u.file, u.field)).collect();
    all.join(", ")
}

/// A parser's message without the values in quotes, which may be secret; field names are in backticks and stay.
pub(crate) fn without_values(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, quoted)) = rest.split_once('"') {
        out.push_str(before);
        out.push('…');
        // A quote within the value is escaped; everything after the last quote is the parser's again.
        rest = quoted.rsplit_once('"').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}
