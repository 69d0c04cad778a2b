//! Answers about what members get, have and would get: for `view.kurator.dev`. Writes nothing, anywhere.
//!
//! | question | where |
//! |---|---|
//! | what does a member get of an Application? | here: its decision, rendered and prepared as for its applier |
//! | what waits for an approval, by name? | `held` |
//! | what does it have against that? | `compare`, which reads the member (`live`) |
//! | what was a member sent that has not said what it has? | `sent` |
//! | what have other units to do with what one has in a member? | `beside` |
//! | what would a commit or an edit do? | `preview`: the same steps as controller [`crate::application`], without `apply` |
//! | is what would come to a member there already? | `arrival`, which asks the member (`live`) |
//! | would a member carry out a change? | `trial`, which asks it by requests of which nothing is carried out |
//!
//! Decisions, renderings and comparisons are those of crates `plan`, `place` and `render`: there is no second way to make
//! them. Values of Secrets are hidden before anything leaves.

mod arrival;
mod beside;
mod compare;
mod edit;
mod held;
mod live;
mod preview;
mod remote;
mod sent;
#[cfg(test)]
mod tests;
mod trial;
mod undecided;

use std::sync::Arc;
use std::time::Duration;

use api::delivery::{Decision, HubId, MemberDecision, Owner, RevisionSpec, UnitId};
use api::kurator::apps::v1alpha1::Application;
use api::view::{RenderedUnit, Rendering};
use applier::PushFeed;
use client::{Api, NamespacedName};
use kube::ResourceExt;
use model::{Clock, MemberName};
use plan::authenticator::HubKey;
use plan::difference::hidden::Hider;
use plan::prepare::Bundle;
use plan::rights::Rights;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::application::Reader;
use crate::artifact::Artifacts;
use crate::connection::Connections;
use crate::deps::Deps;
use crate::fetch::Fetcher;
use crate::origin;
use crate::reach::MemberReader;
use crate::record::{OWNER, owner_of_application};
use crate::rendering::{Failure, Renderings, Summary};
use crate::stores::Stores;

pub use edit::{Named, named};

/// Questions that are answered at the same time: each may render, and ask members. Two cores are what a hub has, and delivery
/// needs them more.
const AT_ONCE: usize = 4;
/// How long a question waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// What is asked about is not there.
    #[error("{0}")]
    NotFound(String),
    /// The question is wrong: path of the field, and why.
    #[error("{0}: {1}")]
    Invalid(String, String),
    /// The source cannot be fetched.
    #[error("the source cannot be fetched: {0}")]
    Source(String),
    /// Too many questions at once.
    #[error("too many comparisons run at the same time; try again in a moment")]
    Busy,
    /// The hub itself cannot be asked.
    #[error("the hub cannot be asked: {0}")]
    Hub(String),
}

/// Answers questions.
pub struct Inspector {
    api: Api,
    hub: HubId,
    key: HubKey,
    clock: Arc<dyn Clock>,
    stores: Arc<Stores>,
    reader: Reader,
    members: MemberReader,
    connections: Arc<Connections>,
    artifacts: Arc<Artifacts>,
    renderings: Arc<Renderings>,
    feed: Arc<PushFeed>,
    fetcher: Arc<Fetcher>,
    turns: Semaphore,
    /// Those of lists of what is held, and of what was sent: who approves or deletes does not wait for previews, which wait for other
    /// machines.
    list_turns: Semaphore,
}

impl Inspector {
    pub(crate) fn new(deps: &Deps, feed: Arc<PushFeed>, fetcher: Arc<Fetcher>, key: HubKey) -> Self {
        Self {
            api: deps.api.clone(),
            hub: deps.hub.clone(),
            key,
            clock: deps.clock.clone(),
            stores: deps.stores.clone(),
            reader: Reader::new(&deps.stores),
            members: MemberReader::new(&deps.stores),
            connections: deps.connections.clone(),
            artifacts: deps.artifacts.clone(),
            renderings: deps.renderings.clone(),
            feed,
            fetcher,
            turns: Semaphore::new(AT_ONCE),
            list_turns: Semaphore::new(AT_ONCE),
        }
    }

    /// The objects that a member gets of an Application, as its applier sends them.
    ///
    /// # Errors
    /// The Application is not there, or not placed in the member; the sentence says why.
    pub async fn rendering(&self, key: &NamespacedName, member: &MemberName) -> Result<Rendering, InspectError> {
        let _turn = self.turn().await?;
        let application = self.application(key)?;
        let owner = owner_of_application(key);
        let hider = Hider { key: &self.key, owner: &owner };
        let mut units = Vec::new();
        for placed in self.placed(&application, &owner) {
            let Some(entry) = placed.decision.spec.members.get(member) else { continue };
            units.push(self.rendered_unit(&placed, entry, &hider).await);
        }
        if units.is_empty() {
            return Err(InspectError::NotFound(self.why_not_placed(&owner, key, member)));
        }
        Ok(Rendering { application: key.name.clone(), member: member.to_string(), units })
    }

    async fn rendered_unit(&self, placed: &Placed, entry: &MemberDecision, hider: &Hider<'_>) -> RenderedUnit {
        let mut out = RenderedUnit {
            policy: placed.policy(),
            revision: self.source_revision(&placed.decision, entry),
            ..RenderedUnit::default()
        };
        if !entry.removal.is_none() {
            out.message = "it is being taken out of this member".to_owned();
            return out;
        }
        if let Some(leaving) = entry.kept() {
            out.message = format!("held: {}; it stays until it is approved", leaving.message);
        }
        match self.bundle(&placed.decision, entry).await {
            Ok(bundle) => out.objects = bundle.objects().map(|object| hider.hide(&object.object)).collect(),
            Err(failure) => out.message = format!("it cannot be rendered: {failure}"),
        }
        for warning in self.warnings(&placed.decision, entry).await.iter() {
            out.message = if out.message.is_empty() { warning.clone() } else { format!("{}; {warning}", out.message) };
        }
        out
    }

    /// What is likely to be a mistake in what a member should have.
    async fn warnings(&self, decision: &Decision, entry: &MemberDecision) -> Arc<[String]> {
        let name = NamespacedName::new(decision.spec.unit.namespace.clone(), &entry.revision);
        let Some(revision) = self.stores.revisions.get(&name) else { return Arc::default() };
        let summary = self.renderings.summary(&revision.spec, true).await;
        summary.map(|summary| summary.warnings).unwrap_or_default()
    }

    /// Does an edited object exist already?
    pub fn is_there(&self, namespace: &str, edit: &Named) -> bool {
        let key = NamespacedName::new(namespace, &edit.name);
        match edit.kind {
            "Application" => self.stores.applications.get(&key).is_some(),
            "Fleet" => self.stores.fleets.get(&key).is_some(),
            _ => self.stores.attached.get(&key).is_some(),
        }
    }

    /// Waits for a turn.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, InspectError> {
        turn_of(&self.turns).await
    }

    fn application(&self, key: &NamespacedName) -> Result<Arc<Application>, InspectError> {
        let missing =
            || InspectError::NotFound(format!("there is no Application {} in namespace {}", key.name, key.namespace));
        self.stores.applications.get(key).ok_or_else(missing)
    }

    /// The units of an Application: those of its policies, then those that it has no more and that are still in members.
    pub fn units(&self, application: &Application) -> Vec<UnitId> {
        let owner = owner_of_application(&NamespacedName::of(application));
        let mut units = plan::application::unit_ids(application);
        for placed in self.placed(application, &owner) {
            if !units.contains(placed.unit()) {
                units.push(placed.unit().clone());
            }
        }
        units
    }

    /// The slices of decisions of an Application's units, in the order of its policies; units that it has no more come last.
    fn placed(&self, application: &Application, owner: &Owner) -> Vec<Placed> {
        let order = plan::application::unit_ids(application);
        let decisions = self.stores.decisions.by_index(OWNER, &owner.to_string());
        let mut out: Vec<Placed> = decisions.into_iter().map(|decision| Placed { decision }).collect();
        let rank = |unit: &UnitId| order.iter().position(|known| known == unit).unwrap_or(order.len());
        out.sort_by_key(|placed| (rank(placed.unit()), placed.unit().clone(), placed.decision.spec.slice));
        out
    }

    /// Why a member has nothing of an Application.
    fn why_not_placed(&self, owner: &Owner, key: &NamespacedName, member: &MemberName) -> String {
        let decisions = self.stores.decisions.by_index(OWNER, &owner.to_string());
        let mut passed_over = decisions.iter().filter_map(|d| d.spec.explanation.as_ref()).flat_map(|e| &e.passed_over);
        let why = passed_over.find(|passed| passed.name == member.as_str());
        let why = why.map_or_else(String::new, |passed| format!(": {}", passed.reason));
        format!("app/{} is not placed in member {member}{why}", key.name)
    }

    /// What a member should have of a unit, prepared.
    async fn bundle(&self, decision: &Decision, entry: &MemberDecision) -> Result<Arc<Bundle>, Failure> {
        let unit = &decision.spec.unit;
        let short = unit.short(&self.hub);
        if let Some(ready) = entry.digest.and_then(|digest| self.feed.prepared(&short, digest)) {
            return Ok(ready);
        }
        let name = NamespacedName::new(unit.namespace.clone(), &entry.revision);
        let revision = self.stores.revisions.get(&name);
        let revision = revision.ok_or_else(|| Failure::Hub(format!("Revision {} does not exist", entry.revision)))?;
        self.render(unit, &revision.spec, true).await.map(|(bundle, _)| bundle)
    }

    async fn render(
        &self,
        unit: &UnitId,
        revision: &RevisionSpec,
        missing_is_empty: bool,
    ) -> Result<(Arc<Bundle>, Summary), Failure> {
        let rendering = self.renderings.render(revision, missing_is_empty).await?;
        let bundle = self.feed.bundle(&unit.short(&self.hub), rendering.summary.digest, &rendering.payload);
        Ok((bundle, rendering.summary.clone()))
    }

    /// What the hub may do in a member.
    fn rights(&self, member: &MemberName) -> Rights {
        let record = self.stores.clusters.get(&NamespacedName::new("", member.as_str()));
        record.map(|record| origin::rights_of(&record)).unwrap_or_default()
    }

    /// What the source calls what a member should have.
    fn source_revision(&self, decision: &Decision, entry: &MemberDecision) -> String {
        let namespace = decision.namespace().unwrap_or_default();
        let revision = self.stores.revisions.get(&NamespacedName::new(namespace, &entry.revision));
        revision.map(|revision| revision.spec.inputs.source_revision().to_owned()).unwrap_or_default()
    }
}

/// A slice of a unit's decision.
struct Placed {
    decision: Arc<Decision>,
}

impl Placed {
    fn unit(&self) -> &UnitId {
        &self.decision.spec.unit
    }

    fn policy(&self) -> String {
        self.unit().policy.clone().unwrap_or_default()
    }
}

/// Waits for a turn.
async fn turn_of(turns: &Semaphore) -> Result<SemaphorePermit<'_>, InspectError> {
    match tokio::time::timeout(TURN_WITHIN, turns.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        // The semaphore is never closed.
        Ok(Err(_)) | Err(_) => Err(InspectError::Busy),
    }
}
