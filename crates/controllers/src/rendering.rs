//! Renders revisions: once for each distinct input, shared by all members that it goes to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::delivery::RevisionSpec;
use api::feed::Payload;
use model::{Digest, tree::TreeError};
use render::{Overlay, Render};
use serde_json::Value;
use source::Cache;
use tokio::sync::Semaphore;

/// Version of the renderer, recorded with each revision. Change it when the same inputs render otherwise: that makes new
/// revisions, which pass stages like any other change.
pub const RENDERER: &str = "1";

/// Most inputs whose result is remembered, as a digest and a count of 100 bytes: the newest revision of 10,000 units,
/// which is what a hub is made for, and one more each.
const KNOWN_MAX: usize = 20_000;

/// Most bytes of objects that are kept. A rendering is needed until it has become a bundle, which the feed keeps for as
/// long as a member has it; one that is needed again costs one more render.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// Renders at once: CPU work, and two cores are what a hub has.
const AT_ONCE: usize = 2;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Digest of the payload.
    pub digest: Digest,
    /// How many objects.
    pub objects: usize,
}

/// Why there is no rendering.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The cache has lost the artifact: fetch it again.
    #[error("artifact {0} is not in the cache any more")]
    ArtifactLost(Digest),
    /// The manifests are wrong; the sentence names file and field.
    #[error("{0}")]
    Manifests(String),
    /// The cache's disk failed.
    #[error("the artifact cannot be read: {0}")]
    Disk(String),
}

/// What is known of one input.
#[derive(Default)]
struct Entry {
    used: u64,
    /// Rendering is a function of the input: a mistake stays one.
    outcome: Option<Result<Summary, String>>,
    rendering: Option<Arc<Rendering>>,
    /// Held by whoever renders it: the others wait for the result.
    gate: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Kept {
    by_input: HashMap<Digest, Entry>,
    uses: u64,
    bytes: usize,
}

/// All renderings, by their inputs.
pub struct Renderings {
    cache: Cache,
    kept: Mutex<Kept>,
    at_once: Semaphore,
    rendered: AtomicU64,
}

impl Renderings {
    /// Renders from artifacts of this cache.
    pub(crate) fn new(cache: Cache) -> Self {
        Self { cache, kept: Mutex::default(), at_once: Semaphore::new(AT_ONCE), rendered: AtomicU64::new(0) }
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
        let inputs = inputs(revision, missing_is_empty);
        if let Some(outcome) = self.kept().find(&inputs).outcome.clone() {
            return outcome.map_err(Failure::Manifests);
        }
        self.render(revision, missing_is_empty).await.map(|rendering| rendering.summary)
    }

    /// The rendering of a revision. `missing_is_empty`: a directory that is not in the artifact stands for no objects
    /// (git keeps no empty directories, so emptying one removes it). However many ask for it at the same time, it is
    /// rendered once.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn render(&self, revision: &RevisionSpec, missing_is_empty: bool) -> Result<Arc<Rendering>, Failure> {
        let inputs = inputs(revision, missing_is_empty);
        let gate = self.kept().find(&inputs).gate.clone();
        let _only = gate.lock().await;
        {
            let mut kept = self.kept();
            let entry = kept.find(&inputs);
            match (&entry.rendering, &entry.outcome) {
                (Some(rendering), _) => return Ok(rendering.clone()),
                (None, Some(Err(why))) => return Err(Failure::Manifests(why.clone())),
                (None, _) => {}
            }
        }
        // The semaphore is never closed.
        let _permit = self.at_once.acquire().await;
        self.rendered.fetch_add(1, Ordering::Relaxed);
        let cache = self.cache.clone();
        let revision = revision.clone();
        let work = move || render_now(&cache, &revision, missing_is_empty);
        let done = tokio::task::spawn_blocking(work).await;
        // A panic in the renderer is a bug; it stops this unit only.
        let done = done.unwrap_or_else(|_| Err(Failure::Manifests("the renderer panicked: please report it".into())));
        let mut kept = self.kept();
        match done {
            Ok(rendering) => {
                let rendering = Arc::new(rendering);
                kept.keep(&inputs, rendering.clone());
                Ok(rendering)
            }
            Err(Failure::Manifests(why)) => {
                kept.find(&inputs).outcome = Some(Err(why.clone()));
                Err(Failure::Manifests(why))
            }
            Err(other) => Err(other),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that a rendering depends on.
fn inputs(revision: &RevisionSpec, missing_is_empty: bool) -> Digest {
    Digest::of_texts([
        revision.artifact.digest.to_string(),
        revision.policy.to_string(),
        revision.renderer.clone(),
        missing_is_empty.to_string(),
    ])
}

impl Kept {
    /// The entry of an input, which is then the last one used.
    fn find(&mut self, inputs: &Digest) -> &mut Entry {
        self.uses += 1;
        if !self.by_input.contains_key(inputs) && self.by_input.len() >= KNOWN_MAX {
            // Half of them at a time, so that the search for the oldest is paid by many.
            let mut uses: Vec<u64> = self.by_input.values().map(|entry| entry.used).collect();
            let middle = uses.len() / 2;
            let (_, limit, _) = uses.select_nth_unstable(middle);
            let limit = *limit;
            self.by_input.retain(|_, entry| entry.used > limit);
            self.bytes = self.by_input.values().filter_map(|e| e.rendering.as_ref()).map(|r| r.bytes).sum();
        }
        let entry = self.by_input.entry(*inputs).or_default();
        entry.used = self.uses;
        entry
    }

    fn keep(&mut self, inputs: &Digest, rendering: Arc<Rendering>) {
        self.bytes += rendering.bytes;
        let entry = self.find(inputs);
        entry.outcome = Some(Ok(rendering.summary));
        let before = entry.rendering.replace(rendering);
        self.bytes -= before.map_or(0, |before| before.bytes);
        while self.bytes > KEPT_BYTES_MAX {
            let with = self.by_input.iter_mut().filter(|(other, entry)| *other != inputs && entry.rendering.is_some());
            let Some((_, oldest)) = with.min_by_key(|(_, entry)| entry.used) else { return };
            self.bytes -= oldest.rendering.take().map_or(0, |gone| gone.bytes);
        }
    }
}

/// About how much memory a value takes: its texts, and 32 bytes for each value and each entry of a map.
fn weigh(value: &Value) -> usize {
    32 + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weigh).sum(),
        Value::Object(map) => map.iter().map(|(name, value)| 32 + name.len() + weigh(value)).sum(),
        _ => 0,
    }
}

fn render_now(cache: &Cache, revision: &RevisionSpec, missing_is_empty: bool) -> Result<Rendering, Failure> {
    let digest = revision.artifact.digest;
    let artifact = cache
        .artifact(&digest.to_string(), &revision.artifact.revision)
        .map_err(|e| Failure::Disk(e.to_string()))?
        .ok_or(Failure::ArtifactLost(digest))?;
    let path = model::object::get_str(&revision.policy, &["path"]).unwrap_or_default();
    let path = model::tree::normalize("", path).map_err(|e| Failure::Manifests(format!("spec path: {e}")))?;
    let overlay: Overlay = serde_json::from_value(revision.policy.clone())
        .map_err(|e| Failure::Manifests(format!("the policy cannot be read: {e}")))?;
    let mut tree = artifact.tree(&path).map_err(|e| Failure::Disk(e.to_string()))?;
    if missing_is_empty && matches!(tree.node(&path), Err(TreeError::NotFound { .. })) {
        return rendering(Vec::new(), None);
    }
    let request = Render { path, overlay };
    let rendered = loop {
        match render::render(&tree, &request) {
            Err(error) => match error.needs().map(str::to_owned) {
                // Each turn loads one more directory of a finite tree.
                Some(directory) => artifact.load(&mut tree, &directory).map_err(|e| Failure::Disk(e.to_string()))?,
                None => return Err(Failure::Manifests(error.to_string())),
            },
            Ok(rendered) => break rendered,
        }
    };
    let values = rendered.objects.into_iter().map(|o| o.value).collect();
    let timeout = model::object::get_str(&revision.policy, &["timeout"]).and_then(model::duration::parse);
    rendering(values, timeout)
}

/// `timeout` bounds the wait of each phase, instead of the phase's own limit.
fn rendering(objects: Vec<Value>, timeout: Option<Duration>) -> Result<Rendering, Failure> {
    let (mut payload, report) = plan::phase::plan(objects);
    if let Some(timeout) = timeout {
        let secs = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX).max(1);
        payload.phases.iter_mut().for_each(|phase| phase.timeout_secs = secs);
    }
    if !report.refused.is_empty() {
        let list: Vec<String> = report.refused.iter().map(ToString::to_string).collect();
        return Err(Failure::Manifests(list.join("; ")));
    }
    let summary = Summary { digest: payload.digest(), objects: payload.objects().count() };
    let bytes = payload.objects().map(|object| weigh(object)).sum();
    Ok(Rendering { payload: Arc::new(payload), summary, bytes })
}

#[cfg(test)]
mod tests;
