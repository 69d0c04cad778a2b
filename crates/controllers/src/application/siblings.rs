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
use plan::sibling::{Claim, Stuck, line, open_members};
use plan::unit::{Observed, Placement, Plan, UnitSpec};

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
    /// The objects of renderings, by the key of their inputs.
    sets: HashMap<Digest, Arc<ObjectSet>>,
    bytes: usize,
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
    let mut claims = Vec::new();
    for other in ctx.applications.by_index(SOURCE, &repository(&artifact.url)) {
        let name = NamespacedName::of(&*other);
        let Some(theirs) = other.spec.source.git_repository.as_ref() else { continue };
        let is_live = other.metadata.deletion_timestamp.is_none();
        if name != *key && is_live && is_of_same_line(ctx, (&name, theirs), git, artifact) {
            Sibling::new(ctx, name, &other, theirs, artifact, now).claim(&mut claims).await;
        }
    }
    if is_unread {
        claims.iter_mut().for_each(|claim| claim.stuck = claim.stuck.or(Some(Stuck::Uncompared)));
    }
    claims
}

/// Does another Application follow the same branch? Of one that was never decided it is not known what its reference means.
fn is_of_same_line(
    ctx: &Ctx,
    (name, theirs): (&NamespacedName, &GitRepository),
    mine: &GitRepository,
    artifact: &Artifact,
) -> bool {
    reference(theirs) == reference(mine)
        || stored_commit(ctx, name)
            .is_none_or(|commit| line(&commit).is_some() && line(&commit) == line(&artifact.revision))
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
        let is_unread = || ctx.siblings.lock().sources.get(&name).is_some_and(|heard| heard.is_unread);
        let stuck = match git.suspend {
            true => Some(Stuck::Suspended),
            false => is_unread().then_some(Stuck::Unread),
        };
        Self {
            units: ctx.reader.units(&name, application, &source),
            decisions: ctx.decisions.by_index(OWNER, &term),
            revisions: revisions.collect(),
            is_restricted: ctx.reader.is_restricted(&name.namespace),
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
        inputs.artifact.revision == self.artifact.revision && inputs.kustomize == *kustomize
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
        let (objects, broken) = self.objects(unit, kustomize).await;
        if objects.as_ref().is_none_or(|objects| !objects.is_empty()) {
            claims.push(Claim { owner: self.owner.clone(), objects, members, stuck: stuck.or(broken) });
        }
    }

    /// What a unit has by the commit. What it uses of other machines is as it was for it before.
    async fn objects(&self, unit: &UnitId, kustomize: &KustomizeInputs) -> (Option<Arc<ObjectSet>>, Option<Stuck>) {
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
        let (key, is_restored) = (crate::rendering::key_of(&revision.inputs), summary.is_ok());
        let broken = (!is_restored).then_some(Stuck::Broken);
        if let Some(known) = key.and_then(|key| self.ctx.siblings.lock().sets.get(&key).cloned()) {
            return (Some(known), broken);
        }
        let keys: Result<BTreeSet<ObjectKey>, Failure> = match summary {
            Ok(_) => {
                let rendering = renderings.render(&revision, true).await;
                rendering.map(|rendering| rendering.payload.objects().map(|object| ObjectKey::of(object)).collect())
            }
            Err(Failure::Manifests(_) | Failure::NoDirectory(_)) => renderings.mentioned(&inputs).await,
            // It is fetched when the other one is.
            Err(Failure::Remotes(_)) => return (renderings.mentioned(&inputs).await.ok().map(|keys| set(&keys)), None),
            Err(failure) => Err(failure),
        };
        match keys {
            Ok(keys) => {
                let set = set(&keys);
                if let Some(key) = key {
                    self.ctx.siblings.lock().remember(key, set.clone());
                }
                (Some(set), broken)
            }
            Err(failure) => {
                tracing::debug!(%unit, %failure, "what it has by the commit of another one is not known");
                (None, None)
            }
        }
    }
}

fn set(keys: &BTreeSet<ObjectKey>) -> Arc<ObjectSet> {
    Arc::new(ObjectSet::new(keys))
}

impl Known {
    fn remember(&mut self, key: Digest, set: Arc<ObjectSet>) {
        if self.bytes > SETS_BYTES_MAX {
            (self.sets, self.bytes) = (HashMap::new(), 0);
        }
        self.bytes += set.len() * size_of::<u64>() + size_of::<Digest>();
        self.sets.insert(key, set);
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
        plan: &Plan,
    ) {
        let now = application.map(|application| Heard {
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
