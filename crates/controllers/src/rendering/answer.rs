//! Answers to what a rendering asks for, from the cache of artifacts.

use std::collections::BTreeMap;

use api::delivery::RemoteInput;
use api::kurator::apps::v1alpha1::KustomizeInputs;
use model::tree::FileTree;
use render::{Budget, Fetched, Outcome, Question, Remote, Remotes, Rendered, Request};
use source::{ARTIFACT_FILES_MAX, Artifact, Cache, FileSource};

use super::{Failure, RemoteNeeds};

/// Most names of files of all remote repositories of one rendering: four of the largest. Each takes some 150 bytes of memory
/// while something is rendered, and two are rendered at once.
const REMOTE_NAMES_MAX: usize = 4 * ARTIFACT_FILES_MAX;

/// What a rendering has been given.
pub(super) struct Given {
    pub(super) tree: FileTree,
    pub(super) remotes: Remotes,
}

/// Answers the questions of a turn.
type AnswerTurn<'a> = dyn FnMut(&mut Given, Vec<Question>) -> Result<(), Failure> + 'a;

/// Renders, and has the questions of each turn answered.
///
/// # Errors
/// See [`Failure`].
pub(super) fn render(
    given: &mut Given,
    inputs: &KustomizeInputs,
    answer: &mut AnswerTurn<'_>,
) -> Result<Rendered, Failure> {
    let budget = Budget::default();
    loop {
        let request = Request { tree: &given.tree, remotes: &given.remotes, inputs, budget: &budget };
        match render::render(&request)? {
            Outcome::Rendered(rendered) => return Ok(rendered),
            // The budget ends this: it has a limit of turns.
            Outcome::Needs(questions) => answer(given, questions)?,
        }
    }
}

/// Where answers come from.
pub(super) struct Answers<'a> {
    cache: &'a Cache,
    artifact: &'a Artifact,
    /// What things on other machines are, for this rendering.
    pinned: &'a BTreeMap<String, RemoteInput>,
    repositories: BTreeMap<String, Artifact>,
    needs: RemoteNeeds,
    /// Names of files that may still be added.
    names_left: usize,
}

impl<'a> Answers<'a> {
    pub(super) fn new(cache: &'a Cache, artifact: &'a Artifact, pinned: &'a BTreeMap<String, RemoteInput>) -> Self {
        let (repositories, needs) = (BTreeMap::new(), RemoteNeeds::default());
        Self { cache, artifact, pinned, repositories, needs, names_left: REMOTE_NAMES_MAX }
    }

    /// Answers the questions of one turn.
    ///
    /// # Errors
    /// See [`Failure`]. Things on other machines that are not in the cache are named together, as far as they are known.
    pub(super) fn answer(&mut self, given: &mut Given, questions: Vec<Question>) -> Result<(), Failure> {
        for question in questions {
            match question {
                Question::Directory(directory) => self.artifact.load(&mut given.tree, &directory)?,
                Question::DirectoryOf { id, path } => match (self.repositories.get(&id), given.remotes.get_mut(&id)) {
                    (Some(artifact), Some(Fetched::Tree(tree))) => artifact.load(tree, &path)?,
                    // It asks for directories of what it was given.
                    _ => return Err(Failure::Bug(format!("{id} was never given to the renderer"))),
                },
                Question::Remote(remote) => self.add(given, remote)?,
            }
        }
        if self.needs.missing.is_empty() && self.needs.lost.is_empty() {
            return Ok(());
        }
        Err(Failure::Remotes(Box::new(std::mem::take(&mut self.needs))))
    }

    fn add(&mut self, given: &mut Given, remote: Remote) -> Result<(), Failure> {
        // Asked for by several entries, it is the same.
        if self.needs.asked.iter().any(|known| known.id == remote.id) {
            return Ok(());
        }
        self.needs.asked.push(remote.clone());
        let Some(pinned) = self.pinned.get(&remote.id) else {
            self.needs.missing.push(remote);
            return Ok(());
        };
        let revision = pinned.revision.as_deref().unwrap_or_default();
        let Some(artifact) = self.cache.artifact(&pinned.digest.to_string(), revision)? else {
            self.needs.lost.push((remote, pinned.clone()));
            return Ok(());
        };
        if pinned.revision.is_none() {
            given.remotes.insert(remote.id, Fetched::File(FileSource::bytes(&artifact)?));
            return Ok(());
        }
        let too_many = || {
            let why = format!(
                "repositories of other machines have more than {REMOTE_NAMES_MAX} files in all; use fewer of them"
            );
            Failure::Manifests(format!("{}: {why}", remote.asked_by))
        };
        self.names_left = self.names_left.checked_sub(artifact.files().len()).ok_or_else(too_many)?;
        given.remotes.insert(remote.id.clone(), Fetched::Tree(artifact.names()?));
        self.repositories.insert(remote.id, artifact);
        Ok(())
    }
}
