//! What other Applications of the same source are to have by its commit, and do not have yet ([`plan::sibling`], ADR 83).
//!
//! It is found out at each look of an Application of which something waits to be deleted, from what is stored and from the artifact of the
//! commit. What is kept here says whom to ask and whom to tell: it decides nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::delivery::{
    Artifact, ArtifactInputs, Decision, Inputs, MemberDecision, ObjectSet, Owner, Revision, RevisionSpec, UnitId,
};
use api::kurator::apps::v1alpha1::{Application, GitRepository, KustomizeInputs};
use client::NamespacedName;
use kube::ResourceExt;
use model::{Digest, MemberName, ObjectKey, Timestamp};
use plan::application::SourceFacts;
use plan::sibling::{Claim, Stuck, is_same_commit, is_same_line, open_members};
use plan::unit::{Observed, Placement, Plan, Rendered, UnitSpec};
use source::GitReference;

use super::Ctx;
use super::observe::reference;
use crate::index::{SOURCE, repository};
use crate::record::{OWNER, application_of, owner_of_application};
use crate::rendering::Failure;

/// How often those are asked that take the commit up by themselves, and have not.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// The time between two sources that are asked: hundreds of one server are not asked in the same moment.
const ASK_APART: Duration = Duration::from_millis(20);

/// Most bytes of sets of objects that are remembered: 8 bytes for each object, so that it is a thousand Applications with five hundred
/// objects each.
const SETS_BYTES_MAX: usize = 4 << 20;

/// What one process remembers of all Applications.
#[derive(Default)]
pub(super) struct Siblings(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// For whom each waits.
    waiting: BTreeMap<NamespacedName, Wait>,
    /// What the source of each was at its last look.
    sources: BTreeMap<NamespacedName, Heard>,
    /// What inputs have, by their key.
    found: HashMap<Digest, Found>,
    bytes: usize,
}

/// What inputs are rendered to, or what their files mention where they cannot be.
#[derive(Clone)]
struct Found {
    objects: Arc<ObjectSet>,
    /// There may be others, whose names nobody can tell.
    generates: bool,
}

/// For whom an Application waits.
struct Wait {
    /// The commit by which it is decided.
    commit: Option<String>,
    others: BTreeSet<NamespacedName>,
}

/// What was heard of a source, as far as those that wait for its Application look at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Heard {
    revision: Option<String>,
    is_suspended: bool,
    is_unread: bool,
    /// A part of it could not be rendered by that revision, or may not be delivered.
    is_broken: bool,
    generation: Option<i64>,
}

/// What others claim of what this Application may delete. Costs nothing for as long as nothing waits to be deleted.
pub(super) async fn claims(
    ctx: &Ctx,
    key: &NamespacedName,
    application: Option<&Application>,
    source: &SourceFacts,
    observed: &Observed<'_>,
    now: Timestamp,
) -> Vec<Claim> {
    let live = application.filter(|application| application.metadata.deletion_timestamp.is_none());
    let git = live.and_then(|live| live.spec.source.git_repository.as_ref());
    // What waits was caused by what is stored, whatever becomes of the source now: it may be edited, or fail.
    let artifact = source.artifact.as_ref().or_else(|| observed.newest_artifact());
    let (Some(git), Some(artifact), true) = (git, artifact, observed.may_delete()) else { return Vec::new() };
    let is_unread = git.suspend || source.artifact.is_none() || source.error.is_some();
    let before = observed.commit_before(&artifact.revision);
    let mut claims = Vec::new();
    for other in ctx.applications.by_index(SOURCE, &repository(&artifact.url)) {
        let name = NamespacedName::of(&*other);
        let Some(theirs) = other.spec.source.git_repository.as_ref() else { continue };
        let is_live = other.metadata.deletion_timestamp.is_none();
        if name == *key || !is_live {
            continue;
        }
        let (theirs_at, refs) = (stored_commit(ctx, &name), [reference(theirs), reference(git)]);
        let are_branches = refs.iter().all(|one| matches!(one, GitReference::Branch(_) | GitReference::Default));
        if refs[0] == refs[1] || is_same_line(theirs_at.as_deref(), &artifact.revision, before, are_branches) {
            let mut sibling = Sibling::new(ctx, name, &other, theirs, artifact, now);
            sibling.was_beside = is_same_commit(theirs_at.as_deref(), before);
            sibling.claim(&mut claims).await;
        }
    }
    if is_unread {
        claims.iter_mut().for_each(|claim| claim.stuck = claim.stuck.or(Some(Stuck::Uncompared)));
    }
    claims
}

/// Another Application, as it would be by the commit.
struct Sibling<'a> {
    ctx: &'a Ctx,
    owner: Owner,
    units: Vec<UnitSpec>,
    decisions: Vec<Arc<Decision>>,
    revisions: BTreeMap<String, Arc<Revision>>,
    artifact: &'a Artifact,
    /// Why it does not take the commit up.
    stuck: Option<Stuck>,
    is_restricted: bool,
    /// It has other files of the commit: what is left out, or added from submodules, is not the same.
    reads_otherwise: bool,
    /// It was decided by the commit that the one that waits had before.
    was_beside: bool,
    now: Timestamp,
}

impl<'a> Sibling<'a> {
    fn new(
        ctx: &'a Ctx,
        name: NamespacedName,
        application: &Application,
        git: &GitRepository,
        artifact: &'a Artifact,
        now: Timestamp,
    ) -> Self {
        let owner = owner_of_application(&name);
        let source = SourceFacts { artifact: Some(artifact.clone()), ..SourceFacts::default() };
        let term = owner.to_string();
        let revisions = ctx.revisions.by_index(OWNER, &term).into_iter().map(|one| (one.name_any(), one));
        let heard = ctx.siblings.lock().sources.get(&name).cloned().unwrap_or_default();
        let is_there = is_same_commit(heard.revision.as_deref(), Some(&artifact.revision));
        let stuck = match heard {
            _ if git.suspend => Some(Stuck::Suspended),
            Heard { is_unread: true, .. } => Some(Stuck::Unread),
            Heard { is_broken: true, .. } if is_there => Some(Stuck::Broken),
            Heard { .. } => None,
        };
        Self {
            units: ctx.reader.units(&name, application, &source),
            decisions: ctx.decisions.by_index(OWNER, &term),
            revisions: revisions.collect(),
            is_restricted: ctx.reader.is_restricted(&name.namespace),
            reads_otherwise: (&git.ignore, git.recurse_submodules) != (&artifact.ignore, artifact.submodules),
            was_beside: false,
            ctx,
            owner,
            artifact,
            stuck,
            now,
        }
    }

    async fn claim(&self, claims: &mut Vec<Claim>) {
        for unit in self.units.iter().filter(|unit| unit.frozen.is_none()) {
            let Some(Inputs::Artifact(inputs)) = &unit.inputs else { continue };
            let members =
                open_members(unit, self.entries(&unit.id), |revision| self.is_taken(revision, &inputs.kustomize));
            let unplaced = matches!(unit.placement, Placement::Missing(_)).then_some(Stuck::Unplaced);
            self.claim_one(&unit.id, &inputs.kustomize, members, self.stuck.or(unplaced), claims).await;
        }
        // Where an edit is held, the unit has what it had before, and has it by the commit when the edit is taken back.
        let mut held: BTreeMap<(&UnitId, &String), BTreeSet<MemberName>> = BTreeMap::new();
        for decision in &self.decisions {
            for (member, entry) in decision.spec.members.iter().filter(|(_, entry)| entry.kept().is_some()) {
                held.entry((&decision.spec.unit, &entry.revision)).or_default().insert(member.clone());
            }
        }
        for ((unit, revision), members) in held {
            let inputs = self.revisions.get(revision).map(|revision| &revision.spec.inputs);
            if let Some(Inputs::Artifact(inputs)) = inputs {
                self.claim_one(unit, &inputs.kustomize, members, Some(Stuck::Held), claims).await;
            }
        }
    }

    fn entries(&self, unit: &UnitId) -> impl Iterator<Item = (&MemberName, &MemberDecision)> {
        self.decisions.iter().filter(move |decision| decision.spec.unit == *unit).flat_map(|d| &d.spec.members)
    }

    /// Is a revision of the commit, and rendered as it is asked for now?
    fn is_taken(&self, revision: &str, kustomize: &KustomizeInputs) -> bool {
        let inputs = self.revisions.get(revision).map(|revision| &revision.spec.inputs);
        let Some(Inputs::Artifact(inputs)) = inputs else { return false };
        let is_of_commit = is_same_commit(Some(&inputs.artifact.revision), Some(&self.artifact.revision));
        is_of_commit && inputs.kustomize == *kustomize
    }

    async fn claim_one(
        &self,
        unit: &UnitId,
        kustomize: &KustomizeInputs,
        members: BTreeSet<MemberName>,
        stuck: Option<Stuck>,
        claims: &mut Vec<Claim>,
    ) {
        if members.is_empty() {
            return;
        }
        if self.reads_otherwise {
            // What it has is known when it has taken the commit up; one that is stuck would keep everything.
            if stuck.is_none() {
                claims.push(Claim { owner: self.owner.clone(), objects: None, members, stuck });
            }
            return;
        }
        let (objects, broken) = self.objects(unit, kustomize, stuck.is_some()).await;
        if objects.as_ref().is_none_or(|objects| !objects.is_empty()) {
            claims.push(Claim { owner: self.owner.clone(), objects, members, stuck: stuck.or(broken) });
        }
    }

    /// What a unit has by the commit. What it uses of other machines is as it was for it before.
    async fn objects(
        &self,
        unit: &UnitId,
        kustomize: &KustomizeInputs,
        is_stuck: bool,
    ) -> (Option<Arc<ObjectSet>>, Option<Stuck>) {
        let mine = self.revisions.values().map(|revision| &revision.spec).filter(|spec| spec.unit == *unit);
        let remotes = match mine.max_by_key(|spec| spec.epoch).map(|spec| &spec.inputs) {
            Some(Inputs::Artifact(inputs)) => inputs.remotes.clone(),
            _ => BTreeMap::new(),
        };
        let inputs = ArtifactInputs { artifact: self.artifact.clone(), kustomize: kustomize.clone(), remotes };
        let revision = RevisionSpec {
            unit: unit.clone(),
            epoch: 0,
            inputs: Inputs::Artifact(inputs.clone()),
            overrides: BTreeMap::new(),
            answers: BTreeMap::new(),
            renderer: render::VERSION.to_owned(),
            time: self.now,
        };
        let renderings = &self.ctx.renderings;
        let summary = renderings.summary(&revision, true).await;
        if summary.as_ref().is_ok_and(|summary| self.is_restricted && !summary.refusals.is_empty()) {
            // It may not deliver them.
            return (Some(Arc::default()), None);
        }
        let broken = match &summary {
            Ok(_) => None,
            // It is fetched when the other one takes the commit up.
            Err(Failure::Remotes(_)) if !is_stuck => return (None, None),
            Err(Failure::Remotes(_)) => {
                let mentioned = renderings.mentioned(&inputs).await.ok();
                return (mentioned.map(|(keys, _)| set(&keys)), None);
            }
            Err(Failure::Manifests(_) | Failure::NoDirectory(_)) => Some(Stuck::Broken),
            Err(failure) => {
                tracing::debug!(%unit, %failure, "what it has by the commit of another one is not known");
                return (None, None);
            }
        };
        match self.find(&revision, &inputs, broken.is_some()).await {
            // The commit broke it: what it had is likely to be there again.
            Ok(Found { generates: true, .. }) if self.was_beside => (None, broken),
            Ok(Found { objects, .. }) => (Some(objects), broken),
            Err(failure) => {
                tracing::debug!(%unit, %failure, "what it has by the commit of another one is not known");
                (None, None)
            }
        }
    }

    /// What inputs have that are rendered, or cannot be (`is_broken`). Found out once.
    async fn find(&self, revision: &RevisionSpec, inputs: &ArtifactInputs, is_broken: bool) -> Result<Found, Failure> {
        let key = crate::rendering::key_of(&revision.inputs);
        if let Some(known) = key.and_then(|key| self.ctx.siblings.lock().found.get(&key).cloned()) {
            return Ok(known);
        }
        let renderings = &self.ctx.renderings;
        let (keys, generates) = match is_broken {
            true => renderings.mentioned(inputs).await?,
            false => (
                renderings
                    .render(revision, true)
                    .await?
                    .payload
                    .objects()
                    .map(|object| ObjectKey::of(object))
                    .collect(),
                false,
            ),
        };
        let found = Found { objects: set(&keys), generates };
        if let Some(key) = key {
            self.ctx.siblings.lock().remember(key, found.clone());
        }
        Ok(found)
    }
}

fn set(keys: &BTreeSet<ObjectKey>) -> Arc<ObjectSet> {
    Arc::new(ObjectSet::new(keys))
}

impl Known {
    fn remember(&mut self, key: Digest, found: Found) {
        if self.bytes > SETS_BYTES_MAX {
            (self.found, self.bytes) = (HashMap::new(), 0);
        }
        self.bytes += found.objects.len() * size_of::<u64>() + size_of::<Digest>();
        self.found.insert(key, found);
    }
}

impl Siblings {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for these, and asks the sources of those that take the commit up by themselves (`true`). The others are asked once for each commit,
    /// which may mend them. Says when to look again, should nothing be heard.
    pub(super) fn wait(
        &self,
        ctx: &Ctx,
        key: &NamespacedName,
        source: &SourceFacts,
        others: &BTreeMap<Owner, bool>,
    ) -> Option<Duration> {
        let named = |(owner, is_coming): (&Owner, &bool)| Some((application_of(owner)?, *is_coming));
        let others: BTreeMap<NamespacedName, bool> = others.iter().filter_map(named).collect();
        let commit = source.artifact.as_ref().map(|artifact| artifact.revision.clone());
        let mut known = self.lock();
        let before = match others.is_empty() {
            true => known.waiting.remove(key),
            false => {
                let wait = Wait { commit: commit.clone(), others: others.keys().cloned().collect() };
                known.waiting.insert(key.clone(), wait)
            }
        };
        drop(known);
        let is_asked = |name: &NamespacedName| {
            let before = before.as_ref().filter(|wait| wait.commit == commit);
            before.is_some_and(|wait| wait.others.contains(name))
        };
        let due = |name: &&NamespacedName| ctx.fetcher.asked(name).is_none_or(|asked| asked.elapsed() >= ASK_EVERY);
        let is_coming = others.values().any(|is_coming| *is_coming);
        let coming = others.iter().filter(|(_, is_coming)| **is_coming).map(|(name, _)| name);
        // Its own too: the others may be at a later commit.
        let coming = coming.chain(is_coming.then_some(key)).filter(due);
        let stuck = others.iter().filter(|(name, is_coming)| !**is_coming && !is_asked(name)).map(|(name, _)| name);
        let mut after = Duration::ZERO;
        for name in coming.chain(stuck) {
            ctx.fetcher.ask_out_of_turn(name, after);
            after += ASK_APART;
        }
        is_coming.then_some(ASK_EVERY.max(after))
    }

    /// Notes what was heard of an Application, which those look at that wait for it; they look again when that, or what is decided of it, has
    /// changed. One that is gone is forgotten.
    pub(super) fn note_decided(
        &self,
        ctx: &Ctx,
        key: &NamespacedName,
        application: Option<&Application>,
        source: &SourceFacts,
        (rendered, plan): (&BTreeMap<UnitId, Rendered>, &Plan),
    ) {
        let is_broken = rendered.values().any(|unit| matches!(unit, Rendered::Failed(_) | Rendered::Refused(_)));
        let now = application.map(|application| Heard {
            is_broken,
            revision: source.artifact.as_ref().map(|artifact| artifact.revision.clone()),
            is_suspended: source.suspended,
            is_unread: source.error.is_some(),
            generation: application.metadata.generation,
        });
        let mut known = self.lock();
        let before = match &now {
            Some(now) => known.sources.insert(key.clone(), now.clone()),
            None => {
                known.waiting.remove(key);
                known.sources.remove(key)
            }
        };
        if before == now && plan.is_settled() {
            return;
        }
        let told = known.waiting.iter().filter(|(other, wait)| *other != key && wait.others.contains(key));
        let told: Vec<NamespacedName> = told.map(|(other, _)| other.clone()).collect();
        drop(known);
        told.into_iter().for_each(|other| ctx.fetcher.queue().add(other));
    }
}

/// The commit by which an Application is decided, as it is stored.
fn stored_commit(ctx: &Ctx, key: &NamespacedName) -> Option<String> {
    let revisions = ctx.revisions.by_index(OWNER, &owner_of_application(key).to_string());
    let newest = revisions.iter().max_by_key(|revision| (revision.spec.time, revision.spec.epoch))?;
    Some(newest.spec.inputs.source_revision().to_owned()).filter(|commit| !commit.is_empty())
}
