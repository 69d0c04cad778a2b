//! Renderings of previews, with what they need of other machines. Nothing of it is followed, or recorded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::delivery::{Inputs, RemoteInput, RevisionSpec};
use api::kurator::apps::v1alpha1::Application;
use client::NamespacedName;
use futures::future::{try_join, try_join_all};
use plan::prepare::Bundle;
use render::Remote;
use source::GitSpec;
use tokio::time::Instant;

use super::Inspector;
use super::preview::FETCH_WITHIN;
use crate::application::{git_spec, used_remotes};
use crate::artifact::text;
use crate::remote::RemoteSource;
use crate::rendering::{Failure, RemoteNeeds, Summary};

/// Most turns in which a preview fetches what turned up: a base that names a base is one more. Public ones are two deep.
const TURNS_MAX: usize = 8;

/// A rendering, and what it used of other machines.
pub(super) type Fetched = (Arc<Bundle>, Summary, BTreeMap<String, RemoteInput>);

impl Inspector {
    /// Renders a revision that may be a preview's. What it needs of other machines and was never fetched is fetched now, for as
    /// long as is `left` to the preview.
    pub(super) async fn render_fetching(
        &self,
        key: &NamespacedName,
        after: &Application,
        revision: &RevisionSpec,
        missing_is_empty: bool,
        left: &mut Duration,
    ) -> Result<Fetched, Failure> {
        let mut revision = revision.clone();
        for _ in 0..TURNS_MAX {
            match self.render(&revision.unit, &revision, missing_is_empty).await {
                Ok((bundle, summary)) => {
                    let used = used_remotes(&revision, &summary.remotes);
                    return Ok((bundle, summary, used));
                }
                Err(Failure::Remotes(needs)) => {
                    let began = Instant::now();
                    let work = self.fetch_remotes(key, after, &mut revision, &needs);
                    let done = tokio::time::timeout(*left, work).await;
                    *left = left.saturating_sub(began.elapsed());
                    let late =
                        |_| Failure::Manifests(format!("{needs}: no answer within {} s", FETCH_WITHIN.as_secs()));
                    done.map_err(late)??;
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Manifests(format!("bases of other machines name each other more than {TURNS_MAX} deep")))
    }

    async fn fetch_remotes(
        &self,
        key: &NamespacedName,
        after: &Application,
        revision: &mut RevisionSpec,
        needs: &RemoteNeeds,
    ) -> Result<(), Failure> {
        let (Some(git), Inputs::Artifact(inputs)) = (&after.spec.source.git_repository, &mut revision.inputs) else {
            return Err(Failure::Remotes(Box::new(needs.clone())));
        };
        let spec = git_spec(&self.api, key, git).await.map_err(|error| Failure::Hub(text(&error)))?;
        let spec = spec.map_err(|(_, why)| Failure::Manifests(why))?;
        let missing = try_join_all(needs.missing.iter().map(|remote| self.fetch_remote(remote, &spec, None)));
        let lost = needs.lost.iter().map(|(remote, pinned)| self.fetch_remote(remote, &spec, Some(pinned)));
        let (fetched, _) = try_join(missing, try_join_all(lost)).await?;
        inputs.remotes.extend(needs.missing.iter().map(|remote| remote.id.clone()).zip(fetched));
        Ok(())
    }

    /// What is there now; or, when it is lost, what was there.
    async fn fetch_remote(
        &self,
        remote: &Remote,
        source: &GitSpec,
        lost: Option<&RemoteInput>,
    ) -> Result<RemoteInput, Failure> {
        let failed = |why: String| Failure::Manifests(format!("{}: {why}", remote.asked_by));
        let from = RemoteSource::new(&self.artifacts, remote, source).map_err(|error| failed(text(&error)))?;
        match lost {
            None => from.fetch(&self.artifacts, None).await.map_err(|error| failed(text(&error))),
            Some(pinned) => {
                let again = from.fetch_again(&self.artifacts, pinned).await;
                again.map(|()| pinned.clone()).map_err(failed)
            }
        }
    }
}
