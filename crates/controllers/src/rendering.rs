//! Renders revisions: once for each distinct input, shared by all members that it goes to.
//!
//! A rendering is inputs → [`render::Request`] → answers to its questions → objects → phases (`plan::phase`). What it may
//! cost is bounded by [`render::Budget`]; a revision that exceeds it fails as other wrong manifests do.

mod answer;
mod kept;
mod mention;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::delivery::{ArtifactInputs, Inputs, ObjectInputs, RemoteInput, RevisionSpec};
use api::feed::Payload;
use api::kurator::apps::v1alpha1::KustomizeInputs;
use client::contain::caught;
use client::{Api, Metrics};
use k8s_openapi::api::core::v1::Secret;
use model::{Digest, ObjectKey};
use plan::application;
use plan::team::Refusals;
use render::{Remote, RenderError};
use serde_json::Value;
use source::Cache;
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use crate::artifact::text;
use crate::write;
use answer::{Answers, Given};
use kept::Kept;

/// Renders at once: CPU work, and two cores are what a hub has.
const AT_ONCE: usize = 2;

/// Most misspelt requests of objects that are named of one rendering: enough to see what is wrong, as of other mistakes in a source.
const MISSPELT_MAX: usize = 20;

/// Rendered objects of one revision.
#[derive(Debug)]
pub struct Rendering {
    /// The objects in phases.
    pub payload: Arc<Payload>,
    /// What there is to know of them without having them.
    pub summary: Summary,
    bytes: usize,
}

/// What a decision needs of a rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Digest of the payload.
    pub digest: Digest,
    /// How many objects.
    pub objects: usize,
    /// What of it a restricted namespace may not deliver.
    pub refusals: Refusals,
    /// What it uses of other machines.
    pub remotes: Arc<[Remote]>,
    /// What is likely to be a mistake.
    pub warnings: Arc<[String]>,
    /// What objects ask for in words that mean nothing.
    pub misspelt: Arc<[String]>,
}

/// What a rendering needs of other machines before it can go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteNeeds {
    /// All that it asked for, also what is there.
    pub asked: Vec<Remote>,
    /// What was never fetched.
    pub missing: Vec<Remote>,
    /// What the cache has lost, with what it was.
    pub lost: Vec<(Remote, RemoteInput)>,
}

impl std::fmt::Display for RemoteNeeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let first = self.missing.first().or_else(|| self.lost.first().map(|(remote, _)| remote));
        match first {
            Some(remote) => write!(f, "{}: {} is not fetched yet", remote.asked_by, remote.id),
            None => f.write_str("something on another machine is not fetched yet"),
        }
    }
}

/// Why there is no rendering.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The cache has lost the artifact: fetch it again.
    #[error("artifact {0} is not in the cache any more")]
    ArtifactLost(Digest),
    /// Something on another machine has to be fetched first.
    #[error("{0}")]
    Remotes(Box<RemoteNeeds>),
    /// The directory of the policy is not in the artifact.
    #[error("{0}")]
    NoDirectory(String),
    /// The manifests are wrong; the sentence names file and field.
    #[error("{0}")]
    Manifests(String),
    /// The hub cannot be asked for what the revision keeps beside it.
    #[error("{0}")]
    Hub(String),
    /// The renderer panicked: a bug.
    #[error("the renderer panicked: {0}")]
    Bug(String),
    /// The cache's disk failed.
    #[error("the artifact cannot be read: {0}")]
    Disk(String),
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::NoDirectory(_) => Self::NoDirectory(error.to_string()),
            _ => Self::Manifests(error.to_string()),
        }
    }
}

impl From<source::Error> for Failure {
    fn from(error: source::Error) -> Self {
        Self::Disk(error.to_string())
    }
}

impl Failure {
    /// Whether the same inputs fail in the same way next time.
    fn is_lasting(&self) -> bool {
        match self {
            Self::NoDirectory(_) | Self::Manifests(_) => true,
            Self::ArtifactLost(_) | Self::Remotes(_) | Self::Hub(_) | Self::Bug(_) | Self::Disk(_) => false,
        }
    }
}

/// All renderings, by their inputs.
pub struct Renderings {
    cache: Cache,
    api: Api,
    metrics: Metrics,
    kept: Mutex<Kept>,
    at_once: Semaphore,
    rendered: AtomicU64,
    /// Two inputs each, of which the later has every object of the earlier.
    nothing_lost: Mutex<HashSet<(Digest, Digest)>>,
}

/// Most pairs of inputs that are remembered to lose nothing: 64 bytes each, 256 KiB. There is one for each revision that a member ran
/// before it went away, and each revision that came since.
const PAIRS_MAX: usize = 4_096;

/// What names the inputs of one rendering, and those of a later one.
pub(crate) type Pair = (Digest, Digest);

impl Renderings {
    /// Renders from artifacts of this cache.
    pub(crate) fn new(cache: Cache, api: Api, metrics: &Metrics) -> Self {
        let (kept, at_once, metrics) = (Mutex::default(), Semaphore::new(AT_ONCE), metrics.clone());
        let (rendered, nothing_lost) = (AtomicU64::new(0), Mutex::default());
        Self { cache, api, metrics, kept, at_once, rendered, nothing_lost }
    }

    /// What names the inputs of two revisions; `None` when one is of a kind that is not rendered.
    pub(crate) fn pair(earlier: &RevisionSpec, later: &RevisionSpec) -> Option<Pair> {
        Some((key_of(&earlier.inputs)?, key_of(&later.inputs)?))
    }

    /// Is it known that the later of two has every object of the earlier? Of a member that is away this is asked at each look, and neither
    /// need be at hand any more.
    pub(crate) fn is_nothing_lost(&self, pair: &Pair) -> bool {
        self.nothing_lost.lock().unwrap_or_else(PoisonError::into_inner).contains(pair)
    }

    /// Notes that.
    pub(crate) fn note_nothing_lost(&self, pair: Pair) {
        let mut known = self.nothing_lost.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PAIRS_MAX {
            known.clear();
        }
        known.insert(pair);
    }

    /// How many times something was rendered since the start.
    pub fn count(&self) -> u64 {
        self.rendered.load(Ordering::Relaxed)
    }

    /// Digest and size of a revision's rendering, which need not be at hand for that. As [`Self::render`] otherwise.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn summary(&self, revision: &RevisionSpec, missing_is_empty: bool) -> Result<Summary, Failure> {
        let inputs = self.work(revision).await?;
        let known = self.kept().find(&inputs.key()).outcome.clone();
        let outcome = match known {
            Some(outcome) => outcome,
            None => self.render_once(inputs).await.map(|rendering| rendering.summary.clone()),
        };
        match outcome {
            Err(Failure::NoDirectory(why)) if missing_is_empty => Ok(without_directory(&why)?.summary),
            outcome => outcome,
        }
    }

    /// The objects that the files of a directory mention which cannot be rendered, as far as they can be read; and whether there may be
    /// others whose names nobody can tell.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn mentioned(&self, inputs: &ArtifactInputs) -> Result<(BTreeSet<ObjectKey>, bool), Failure> {
        let (cache, inputs) = (self.cache.clone(), inputs.clone());
        // The semaphore is never closed.
        let _permit = self.at_once.acquire().await;
        let work = async {
            let done = tokio::task::spawn_blocking(move || mention::keys(&cache, &inputs)).await;
            done.unwrap_or_else(|_| Err(Failure::Bug("reading the files panicked".to_owned())))
        };
        let done = caught("mentions", &self.metrics, work).await;
        done.unwrap_or_else(|panic| Err(Failure::Bug(format!("please report it: {panic}"))))
    }

    /// The rendering of a revision. `missing_is_empty`: a directory that is not in the artifact stands for no objects
    /// (git keeps no empty directories, so emptying one removes it). However many ask for it at the same time, it is
    /// rendered once.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn render(&self, revision: &RevisionSpec, missing_is_empty: bool) -> Result<Arc<Rendering>, Failure> {
        match self.render_once(self.work(revision).await?).await {
            Err(Failure::NoDirectory(why)) if missing_is_empty => Ok(Arc::new(without_directory(&why)?)),
            outcome => outcome,
        }
    }

    async fn render_once(&self, inputs: Work) -> Result<Arc<Rendering>, Failure> {
        let key = inputs.key();
        let gate = self.kept().find(&key).gate.clone();
        let _only = gate.lock().await;
        if let Some(known) = self.kept().find(&key).reusable() {
            return known;
        }
        // The semaphore is never closed.
        let _permit = self.at_once.acquire().await;
        self.rendered.fetch_add(1, Ordering::Relaxed);
        let (cache, inputs) = (self.cache.clone(), Arc::new(inputs));
        let blocking = inputs.clone();
        let work = async {
            match tokio::task::spawn_blocking(move || blocking.render(&cache)).await.map_err(JoinError::try_into_panic)
            {
                Ok(done) => done,
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                Err(Err(_)) => Err(Failure::Bug("the hub is going down".to_owned())),
            }
        };
        // A panic in the renderer stops this unit only, and says nothing of its inputs: they are rendered again later.
        let done = caught("rendering", &self.metrics, work).await;
        match done.unwrap_or_else(|panic| Err(Failure::Bug(format!("please report it: {panic}")))) {
            Ok(rendering) => {
                let rendering = Arc::new(rendering);
                let used = inputs.key_of_used(&rendering.summary.remotes);
                let mut kept = self.kept();
                if used != key {
                    // Asked for once more with what it uses alone, as a revision records it.
                    kept.find(&key).outcome = Some(Ok(rendering.summary.clone()));
                }
                kept.remember(&used, rendering.clone());
                drop(kept);
                Ok(rendering)
            }
            Err(failure) => {
                if failure.is_lasting() {
                    self.kept().find(&key).outcome = Some(Err(failure.clone()));
                }
                Err(failure)
            }
        }
    }

    /// What a revision is rendered from, with what it keeps beside it.
    async fn work(&self, revision: &RevisionSpec) -> Result<Work, Failure> {
        match &revision.inputs {
            Inputs::Artifact(inputs) => Ok(Work::Tree {
                artifact: inputs.artifact.digest,
                revision: inputs.artifact.revision.clone(),
                policy: inputs.kustomize.clone(),
                remotes: inputs.remotes.clone(),
            }),
            Inputs::Objects(inputs) => {
                let sealed = match &inputs.sealed {
                    Some(name) => Some(self.sealed(&revision.unit.namespace, name).await?),
                    None => None,
                };
                Ok(Work::Objects { inputs: inputs.clone(), sealed })
            }
            Inputs::Chart(_) => Err(Failure::Manifests("charts are not rendered so far".to_owned())),
        }
    }

    /// The bodies of Secrets that a revision keeps beside it.
    async fn sealed(&self, namespace: &str, name: &str) -> Result<Vec<u8>, Failure> {
        let secret = write::read::<Secret>(&self.api, namespace, name).await;
        let secret = secret.map_err(|error| Failure::Hub(text(&error)))?;
        let secret = secret.ok_or_else(|| Failure::Hub(format!("Secret {namespace}/{name} does not exist")))?;
        let data = secret.data.and_then(|mut data| data.remove(ObjectInputs::SEALED_KEY));
        let missing = || Failure::Hub(format!("Secret {name} has no key {}", ObjectInputs::SEALED_KEY));
        data.map(|bytes| bytes.0).ok_or_else(missing)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn key_of(inputs: &Inputs) -> Option<Digest> {
    match inputs {
        Inputs::Artifact(inputs) => Some(key_of_tree(&inputs.artifact.digest, &inputs.kustomize, &inputs.remotes)),
        Inputs::Objects(inputs) => Some(inputs.digest),
        Inputs::Chart(_) => None,
    }
}

fn key_of_tree(artifact: &Digest, policy: &KustomizeInputs, remotes: &BTreeMap<String, RemoteInput>) -> Digest {
    let digests = remotes.iter().map(|(id, fetched)| (id.clone(), fetched.digest)).collect();
    render::sharing_key(artifact, policy, &digests)
}

/// Everything that a rendering depends on.
enum Work {
    /// A fetched tree; `revision` is what the source calls it. With what was fetched of other machines.
    Tree { artifact: Digest, revision: String, policy: KustomizeInputs, remotes: BTreeMap<String, RemoteInput> },
    /// Objects of the hub, with the bodies of Secrets that are kept beside the revision.
    Objects { inputs: ObjectInputs, sealed: Option<Vec<u8>> },
}

impl Work {
    fn key(&self) -> Digest {
        match self {
            Self::Tree { artifact, policy, remotes, .. } => key_of_tree(artifact, policy, remotes),
            Self::Objects { inputs, .. } => inputs.digest,
        }
    }

    /// The key with what was used of other machines alone.
    fn key_of_used(&self, used: &[Remote]) -> Digest {
        match self {
            Self::Tree { artifact, policy, remotes, .. } => {
                let used = used.iter().filter_map(|remote| Some((remote.id.clone(), remotes.get(&remote.id)?.digest)));
                render::sharing_key(artifact, policy, &used.collect())
            }
            Self::Objects { .. } => self.key(),
        }
    }

    fn render(&self, cache: &Cache) -> Result<Rendering, Failure> {
        let (digest, revision, policy, remotes) = match self {
            Self::Tree { artifact, revision, policy, remotes } => (artifact, revision, policy, remotes),
            Self::Objects { inputs, sealed } => {
                let bodies = plan::unit::objects::unpack(inputs, sealed.as_deref());
                return in_phases(bodies.map_err(|e| Failure::Manifests(e.to_string()))?, None);
            }
        };
        let artifact = cache.artifact(&digest.to_string(), revision)?;
        let artifact = artifact.ok_or(Failure::ArtifactLost(*digest))?;
        let mut given = Given { tree: artifact.tree(&render::directory(policy)?)?, remotes: render::Remotes::new() };
        let mut answers = Answers::new(cache, &artifact, remotes);
        let answer = &mut |given: &mut Given, questions| answers.answer(given, questions);
        let rendered = answer::render(&mut given, policy, answer)?;
        of_tree(rendered, policy)
    }
}

/// What is delivered of what a tree rendered to, with what is likely to be a mistake in it.
fn of_tree(rendered: render::Rendered, policy: &KustomizeInputs) -> Result<Rendering, Failure> {
    let objects = named_as_they_may_be(rendered.objects)?;
    let misspelt = objects.iter().flat_map(misspelt).take(MISSPELT_MAX).collect();
    let mut rendering = in_phases(objects, policy.timeout.as_deref().and_then(model::duration::parse))?;
    let mut warnings = rendered.warnings;
    if rendering.summary.objects == 0 {
        warnings.push(application::held::without_objects(policy.path.as_deref().unwrap_or_default()));
    }
    (rendering.summary.remotes, rendering.summary.warnings) = (rendered.remotes.into(), warnings.into());
    rendering.summary.misspelt = misspelt;
    Ok(rendering)
}

/// What an object asks for in words that mean nothing, such as to stay: a person finds that out when it goes.
fn misspelt(object: &Value) -> impl Iterator<Item = String> {
    let why =
        |why: String| format!("{}: {why}", ObjectKey::of(object)).replace(application::held::BETWEEN_SENTENCES, ", ");
    plan::instruction::misspelt(object).into_iter().map(why)
}

/// Objects without the places where they were written: only here it is known where a wrong name comes from.
fn named_as_they_may_be(objects: Vec<render::Object>) -> Result<Vec<Value>, Failure> {
    let check = |render::Object { value, location }: render::Object| match plan::phase::check_name(&value) {
        Ok(()) => Ok(value),
        Err(why) => Err(Failure::Manifests(format!("{location}: {why}"))),
    };
    objects.into_iter().map(check).collect()
}

/// What a directory that is not in the source stands for, after it was there: no objects. That is said for as long as it is so.
fn without_directory(why: &str) -> Result<Rendering, Failure> {
    let mut rendering = in_phases(Vec::new(), None)?;
    rendering.summary.warnings = [application::held::without_directory(why)].into();
    Ok(rendering)
}

/// The payload of rendered objects. `timeout` bounds the wait of each phase, instead of the phase's own limit.
fn in_phases(objects: Vec<Value>, timeout: Option<Duration>) -> Result<Rendering, Failure> {
    let (mut payload, report) = plan::phase::plan(objects);
    if let Some(timeout) = timeout {
        let secs = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX).max(1);
        payload.phases.iter_mut().for_each(|phase| phase.timeout_secs = secs);
    }
    if !report.refused.is_empty() {
        let list: Vec<String> = report.refused.iter().map(ToString::to_string).collect();
        return Err(Failure::Manifests(list.join("; ")));
    }
    let (digest, objects, refusals) = (payload.digest(), payload.objects().count(), plan::team::refusals(&payload));
    let summary = Summary {
        digest,
        objects,
        refusals,
        remotes: Arc::default(),
        warnings: Arc::default(),
        misspelt: Arc::default(),
    };
    let bytes = payload.objects().map(|object| kept::memory(object)).sum();
    Ok(Rendering { payload: Arc::new(payload), summary, bytes })
}

#[cfg(test)]
mod tests;
