//! Renders revisions: once for each distinct input, shared by all members that it goes to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::delivery::{Digest, Payload, RevisionSpec};
use model::tree::TreeError;
use render::{Overlay, Render};
use source::Cache;

/// Version of the renderer, recorded with each revision. Change it when the same inputs render otherwise: that makes new
/// revisions, which pass stages like any other change.
pub const RENDERER: &str = "1";

/// Most renderings that are kept. The newest revision of each unit is in use; 10,000 units are what a hub is made for,
/// and a rendering that is dropped costs one more render.
const KEPT_MAX: usize = 10_000;

/// Rendered objects of one revision.
#[derive(Debug)]
pub struct Rendering {
    /// The objects in phases.
    pub payload: Arc<Payload>,
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

#[derive(Default)]
struct Kept {
    by_input: HashMap<Digest, (u64, Arc<Rendering>)>,
    uses: u64,
}

/// All renderings, by their inputs.
pub struct Renderings {
    cache: Cache,
    kept: Mutex<Kept>,
}

impl Renderings {
    /// Renders from artifacts of this cache.
    pub(crate) fn new(cache: Cache) -> Self {
        Self { cache, kept: Mutex::default() }
    }

    /// The rendering of a revision. `missing_is_empty`: a directory that is not in the artifact stands for no objects
    /// (git keeps no empty directories, so emptying one removes it).
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn render(&self, revision: &RevisionSpec, missing_is_empty: bool) -> Result<Arc<Rendering>, Failure> {
        let inputs = Digest::of_texts([
            revision.artifact.digest.to_string(),
            revision.policy.to_string(),
            revision.renderer.clone(),
        ]);
        if let Some(rendering) = self.find(&inputs) {
            return Ok(rendering);
        }
        let cache = self.cache.clone();
        let revision = revision.clone();
        let work = move || render_now(&cache, &revision, missing_is_empty);
        let done = tokio::task::spawn_blocking(work).await;
        // A panic in the renderer is a bug; it stops this unit only.
        let rendering =
            Arc::new(done.map_err(|_| Failure::Manifests("the renderer panicked: please report it".into()))??);
        self.keep(inputs, rendering.clone());
        Ok(rendering)
    }

    fn find(&self, inputs: &Digest) -> Option<Arc<Rendering>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        let (used, rendering) = kept.by_input.get_mut(inputs)?;
        *used = now;
        Some(rendering.clone())
    }

    fn keep(&self, inputs: Digest, rendering: Arc<Rendering>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        kept.by_input.insert(inputs, (now, rendering));
        if kept.by_input.len() > KEPT_MAX {
            let oldest = kept.by_input.iter().min_by_key(|(_, (used, _))| *used).map(|(inputs, _)| *inputs);
            if let Some(oldest) = oldest {
                kept.by_input.remove(&oldest);
            }
        }
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
fn rendering(objects: Vec<serde_json::Value>, timeout: Option<Duration>) -> Result<Rendering, Failure> {
    let (mut payload, report) = plan::phase::plan(objects);
    if let Some(timeout) = timeout {
        let secs = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX).max(1);
        payload.phases.iter_mut().for_each(|phase| phase.timeout_secs = secs);
    }
    if !report.refused.is_empty() {
        let list: Vec<String> = report.refused.iter().map(ToString::to_string).collect();
        return Err(Failure::Manifests(list.join("; ")));
    }
    let objects = payload.objects().count();
    Ok(Rendering { digest: payload.digest(), payload: Arc::new(payload), objects })
}
