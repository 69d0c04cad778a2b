//! Trees of files to objects: plain YAML and Kustomize (`kustomize.config.k8s.io/v1beta1`, components `v1alpha1`).
//!
//! [`render`] is the only entry. It is a pure function: the same request gives the same outcome, objects in the same
//! order, each with the file that it comes from. When it needs something that the request does not have, it returns
//! [`Outcome::Needs`] with typed questions; the caller answers them and calls again. It never reaches out itself.
//!
//! | module | what it does |
//! |---|---|
//! | `plain` | the list of manifests of a directory that has no kustomization file |
//! | `kustomize` | objects from kustomization files, and from that list; it adds what the policy says |
//! | `remote` | entries that name a repository or a file of another machine |
//! | `files`, `object`, `budget` | shared: reading a tree, a rendered object, what a rendering may cost |
//!
//! Everything that `kubectl kustomize` 1.37 (kustomize 5.8) makes of a tree is made here, object by object and in the same
//! order; `cargo xtask kustomize` compares both. What runs a program or a container, and Helm charts, are errors that name
//! the field, and so are files of other machines outside of `resources` and `components`. Nothing is ignored in silence.
//!
//! What `resources` and `components` name on other machines is asked for ([`Question::Remote`]) and never fetched here: who
//! calls says what the id stands for, and so decides that the same inputs give the same objects (ADR 46).
//!
//! Absent: Helm charts (no module for them exists yet), and everything that differs between members. A rendering reads no
//! fact of a member, so all members share it; [`sharing_key`] says which inputs it depends on.
//!
//! Differences from kustomize, on purpose:
//! - objects come in the order of their resources unless `sortOptions` says otherwise (kubectl sorts them), and base64 values
//!   are not wrapped into lines;
//! - custom kinds whose CRD is among the objects and says `scope: Cluster`, and kinds that Kubernetes got after 1.21 and that
//!   have no namespace, get none;
//! - a `scaleTargetRef`, or a subject of a binding, follows a renamed object only if it is of the kind that it names;
//! - `labels` without `includeSelectors` never reach a selector (kustomize's share a value with labels set earlier);
//! - a merged list whose items have two keys, such as ports, takes a missing `protocol` for `TCP`;
//! - a field that is written without a value stays `null` where a strategic merge patch of kustomize removes it;
//! - a folded text (`>`) with indented lines is what YAML says; kustomize writes it again, with more lines;
//! - an entry that is there under its name is meant, also a directory `github.com/a/b`; a file in the repository of a remote
//!   base may be used from every directory of it;
//! - a path of a replacement that leads into YAML inside of a text changes scalars where they stand; what adds fields, lists
//!   or mappings there writes that text again, without its comments;
//! - taken though kustomize refuses it: a file with several strategic merge patches that has a `target`, annotations added by
//!   `patchesJson6902` to an object that has none, a text where a step looks for a mapping;
//! - refused though kustomize takes it: a mapping that replaces a text, a text that replaces a number inside of JSON, fields that a builtin plugin does not have, words of
//!   `buildMetadata` that mean nothing, objects that are encrypted with SOPS.

mod budget;
mod error;
mod files;
mod kustomize;
mod mention;
mod object;
mod plain;
mod remote;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::kurator::apps::v1alpha1::KustomizeInputs;
use model::Digest;
use model::tree::{self, FileTree, Node, TreeError};

pub use budget::Budget;
pub use error::{DIRECTORY_FIELD, RenderError, Unsupported};
pub use mention::Mentions;
pub use object::{Location, Object};
pub use remote::{Remote, RemoteAt, Repository};

use files::Files;

/// Version of the renderer, recorded with each revision. Change it when the same inputs render to other objects, or when
/// `plan::phase` puts the same objects into other phases: the change then makes new revisions, which pass stages like any
/// other change. `tests/it/version.rs`, and a test of the controllers for the phases, fail when it is forgotten.
pub const VERSION: &str = "3";

/// What to render.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The source. Files that are known by name only are asked for when they are read.
    pub tree: &'a FileTree,
    /// What was fetched of other machines so far.
    pub remotes: &'a Remotes,
    /// The fields of the policy that decide what is rendered.
    pub inputs: &'a KustomizeInputs,
    /// What this rendering may still cost. One budget serves all calls for one rendering.
    pub budget: &'a Budget,
}

/// What was fetched of other machines, by the id of the [`Remote`].
pub type Remotes = BTreeMap<String, Fetched>;

/// What was fetched of another machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A repository. Files that are known by name only are asked for when they are read.
    Tree(FileTree),
    /// A file.
    File(Arc<[u8]>),
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The objects.
    Rendered(Rendered),
    /// What has to be answered first, at least one question, sorted. Then call again.
    Needs(Vec<Question>),
}

/// Something that a rendering needs to know and that the request does not have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// The files below this directory of the tree, empty for the root. Answered by loading them into the tree.
    Directory(String),
    /// The same, of a repository of another machine.
    DirectoryOf {
        /// Which one: the id of its [`Remote`].
        id: String,
        /// The directory, empty for the root.
        path: String,
    },
    /// What is there on another machine. Answered by an entry of [`Request::remotes`].
    Remote(Remote),
}

/// What was rendered, in the order of the resources.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// The objects. No two have the same key.
    pub objects: Vec<Object>,
    /// What it used of other machines, sorted by id; each with the first field that names it.
    pub remotes: Vec<Remote>,
    /// What is likely to be a mistake though kustomize takes it, sorted; each names the file and the field.
    pub warnings: Vec<String>,
}

/// Renders a directory of a tree.
///
/// Without a kustomization file in it, every `*.yaml` and `*.yml` below it is a resource, and directories below it that
/// have a kustomization file are rendered as such, as Flux does.
///
/// # Errors
/// See [`RenderError`]. Each names the file and the field, and says what to do.
pub fn render(request: &Request<'_>) -> Result<Outcome, RenderError> {
    let files = Files::new(request.tree, request.remotes, request.budget);
    let mut questions = BTreeSet::new();
    match rendered(&files, request.inputs, &mut questions) {
        Ok(rendered) => Ok(Outcome::Rendered(rendered)),
        Err(error) => match error.question() {
            None => Err(error),
            Some(last) => {
                questions.insert(last);
                request.budget.next_turn()?;
                Ok(Outcome::Needs(questions.into_iter().collect()))
            }
        },
    }
}

/// The directory that a policy names, from the root of the tree; empty for the root.
///
/// # Errors
/// The path leaves the tree.
pub fn directory(inputs: &KustomizeInputs) -> Result<String, RenderError> {
    tree::normalize("", inputs.path.as_deref().unwrap_or_default()).map_err(spec_path)
}

/// Names everything that a rendering depends on: requests with the same key render to the same objects. `source` is the
/// digest of the whole tree; `remotes` are the digests of what is fetched of other machines, by id.
pub fn sharing_key(source: &Digest, inputs: &KustomizeInputs, remotes: &BTreeMap<String, Digest>) -> Digest {
    let inputs = serde_json::to_value(inputs).expect("the inputs have string keys and no foreign serializers");
    let mut texts = vec![VERSION.to_owned(), source.to_string(), inputs.to_string()];
    texts.extend(remotes.iter().flat_map(|(id, digest)| [id.clone(), digest.to_string()]));
    Digest::of_texts(texts)
}

fn rendered(
    files: &Files<'_>,
    inputs: &KustomizeInputs,
    questions: &mut BTreeSet<Question>,
) -> Result<Rendered, RenderError> {
    let (dir, node) = files.node(&directory(inputs)?)?.map_err(spec_path)?;
    if node == Node::File {
        return Err(spec_path(TreeError::WrongNode { path: dir, wanted: "directory" }));
    }
    let file = match files.kustomization_file(&dir)? {
        Some(path) => kustomize::read(files, &path, DIRECTORY_FIELD)?,
        None => kustomize::with_resources(&dir, plain::manifests(files, &dir)?),
    };
    kustomize::build(files, file, inputs, questions)
}

fn spec_path(source: TreeError) -> RenderError {
    match source {
        TreeError::NotFound { .. } => RenderError::NoDirectory(source),
        source => RenderError::Tree { location: DIRECTORY_FIELD.into(), source },
    }
}
