//! What a commit or an edit would do, by the steps of controller [`crate::application`]: the world as it would be, rendered
//! and planned, and nothing applied.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use api::delivery::{Artifact, DecisionSpec, Inputs, MemberDecision, Removal, RevisionSpec, UnitId};
use api::feed::{SyncState, UnitReport};
use api::kurator::apps::v1alpha1::Application;
use api::view::{Differences, ObjectChange, ObjectDifference, Placing, PreviewSpec};
use client::NamespacedName;
use model::{Digest, HashedKey, KeyMap, MemberName};
use plan::application::SourceFacts;
use plan::departure::{Objects, Stays, why_it_stays};
use plan::difference::hidden::Hider;
use plan::difference::{self, Loss, group, placing, trial};
use plan::inventory;
use plan::prepare::Bundle;
use plan::send::Terms;
use plan::unit::{Observed, Rendered, wanted};
use source::{GitReference, GitSpec};
use tokio::time::Instant;

use super::arrival::{Ask, Judged};
use super::edit::Edits;
use super::trial::{Attempt, TRIED_MAX};
use super::{InspectError, Inspector, held};
use crate::application::{Reader, World, git_spec};
use crate::index::{ENTRY, FLEET};
use crate::record::{OWNER, owner_of_application};

/// Most Applications in one preview: an edit of a Fleet concerns all that name it, and each is planned and rendered.
const APPLICATIONS_MAX: usize = 50;
/// Longest time that one preview fetches: who asks waits, and so do others for its turn.
pub(super) const FETCH_WITHIN: Duration = Duration::from_secs(30);
/// Why it is not known what a policy that begins to prune, or is resumed, does in a member.
const NOT_SAID: &str = "what it has that the source has no longer is not known: it has not said so since the hub started, or its \
                        record cannot be read";
/// Why it is not known what a policy makes again in a member when `force` is switched on.
const NOT_SAID_REFUSED: &str = "what it refuses now, and would have deleted and made again, is not known: it has not said so since the \
                                hub started, or its record cannot be read";
/// What is said of deletions that an edit causes.
const EDIT_HELD: &str = "an edit takes it out of members; it waits for `kurator approve`";

impl Inspector {
    /// What a commit, or edited objects, would change.
    ///
    /// # Errors
    /// The question is wrong, its Application is not there, or its commit cannot be fetched.
    pub async fn preview(&self, namespace: &str, spec: &PreviewSpec) -> Result<Differences, InspectError> {
        let invalid = |path: &str, why: &str| InspectError::Invalid(path.to_owned(), why.to_owned());
        if spec.application.is_some() != spec.commit.is_some() {
            return Err(invalid("spec.commit", "an Application and a commit are given together"));
        }
        if spec.commit.is_none() && spec.objects.is_empty() {
            return Err(invalid("spec", "says nothing to preview: give a commit of an Application, or edited objects"));
        }
        let only = spec.member.as_ref().map(|name| name.parse::<MemberName>());
        let only = only.transpose().map_err(|error| invalid("spec.member", &error.to_string()))?;
        let _turn = self.turn().await?;
        let edits = self.edits(namespace, &spec.objects).await?;
        let target = spec.application.as_ref().map(|name| NamespacedName::new(namespace, name));
        let mut found = group::Found::default();
        let mut concerned = self.concerned(&edits, target.as_ref())?;
        if concerned.len() > APPLICATIONS_MAX {
            let more = concerned.len() - APPLICATIONS_MAX;
            found.notes.push(format!("{more} more Applications are concerned and are left out here"));
            concerned = concerned.into_iter().take(APPLICATIONS_MAX).collect();
        }
        let reader = self.reader.with(edits.others);
        // Who asks waits for all of them.
        let mut left = FETCH_WITHIN;
        for (key, after) in concerned {
            let commit = spec.commit.as_deref().filter(|_| target.as_ref() == Some(&key));
            let began = Instant::now();
            let source = self.source_of(&key, &after, commit, left).await?;
            left = left.saturating_sub(began.elapsed());
            self.preview_application(&reader, (&key, &after, &mut left), source, only.as_ref(), &mut found).await;
        }
        if let Some(member) = only.filter(|member| !found.members.contains(member)) {
            return Err(InspectError::NotFound(match &target {
                Some(key) => self.why_not_placed(&owner_of_application(key), key, &member),
                None => format!("no Application that the edit concerns is placed in member {member}, or would be"),
            }));
        }
        Ok(found.into_differences())
    }

    /// The Applications that the edits concern, as they would be.
    fn concerned(
        &self,
        edits: &Edits,
        target: Option<&NamespacedName>,
    ) -> Result<BTreeMap<NamespacedName, Arc<Application>>, InspectError> {
        let stores = &self.stores;
        let mut out: BTreeMap<NamespacedName, Arc<Application>> = BTreeMap::new();
        if let Some(key) = target {
            out.insert(key.clone(), self.application(key)?);
        }
        let mut fleets: BTreeSet<NamespacedName> = edits.others.fleets.keys().cloned().collect();
        for key in edits.others.attached.keys() {
            fleets
                .extend(stores.fleets.by_index(ENTRY, &key.to_string()).iter().map(|f| NamespacedName::of(f.as_ref())));
        }
        for fleet in fleets {
            for application in stores.applications.by_index(FLEET, &fleet.to_string()) {
                out.insert(NamespacedName::of(application.as_ref()), application);
            }
        }
        out.extend(edits.applications.iter().map(|(key, edited)| (key.clone(), Arc::new(edited.clone()))));
        Ok(out)
    }

    /// What would be known of an Application's source.
    async fn source_of(
        &self,
        key: &NamespacedName,
        after: &Application,
        commit: Option<&str>,
        left: Duration,
    ) -> Result<SourceFacts, InspectError> {
        let Some(git) = &after.spec.source.git_repository else { return Ok(SourceFacts::default()) };
        let before = self.stores.applications.get(key);
        let is_same = before.as_ref().and_then(|b| b.spec.source.git_repository.as_ref()).is_some_and(|b| b == git);
        if commit.is_none() && is_same {
            let heard = self.fetcher.heard(key).filter(|heard| heard.artifact.is_some());
            return Ok(heard.unwrap_or_else(|| SourceFacts { artifact: self.newest(key), ..SourceFacts::default() }));
        }
        let spec =
            git_spec(&self.api, key, git).await.map_err(|error| InspectError::Hub(model::cause::chain(&error)))?;
        let spec = spec.map_err(|(_, why)| InspectError::Source(why))?;
        let secret = git.secret_ref.as_ref().map(|secret| secret.name.clone());
        let fetched = tokio::time::timeout(left, self.fetch(&spec, commit, secret)).await;
        let late = |_| InspectError::Source(format!("no answer within {} s", FETCH_WITHIN.as_secs()));
        let artifact = fetched.map_err(late)??;
        Ok(SourceFacts { artifact: Some(artifact), since: Some(self.clock.now()), ..SourceFacts::default() })
    }

    /// The newest artifact that an Application's units were rendered from.
    fn newest(&self, key: &NamespacedName) -> Option<Artifact> {
        let revisions = self.stores.revisions.by_index(OWNER, &owner_of_application(key).to_string());
        let newest = revisions.iter().max_by_key(|revision| revision.spec.time)?;
        match &newest.spec.inputs {
            Inputs::Artifact(inputs) => Some(inputs.artifact.clone()),
            Inputs::Objects(_) | Inputs::Chart(_) => None,
        }
    }

    async fn fetch(
        &self,
        spec: &GitSpec,
        commit: Option<&str>,
        secret: Option<String>,
    ) -> Result<Artifact, InspectError> {
        let failed = |error: &source::Error| InspectError::Source(model::cause::chain(error));
        let references = commit.map_or_else(|| vec![spec.reference.clone()], references);
        let mut missing = None;
        for reference in references {
            let git = self.artifacts.source(GitSpec { reference, ..spec.clone() }).map_err(|e| failed(&e))?;
            let commit = match git.resolve().await {
                Ok(commit) => commit,
                Err(error @ source::Error::ReferenceNotFound { .. }) => {
                    missing.get_or_insert(error);
                    continue;
                }
                Err(error) => return Err(failed(&error)),
            };
            let fetched = self.artifacts.fetch(&git, &commit).await.map_err(|e| failed(&e))?;
            let digest = fetched.digest().parse();
            return Ok(Artifact {
                digest: digest.map_err(|_| InspectError::Source("its digest has another form".to_owned()))?,
                revision: fetched.revision().to_owned(),
                url: git.url().to_owned(),
                secret,
                ignore: spec.ignore.clone(),
                submodules: spec.submodules,
            });
        }
        Err(missing.as_ref().map_or_else(|| InspectError::Source("it names nothing".to_owned()), failed))
    }

    /// Plans one Application as it would be, and notes what differs. The last of the Application: how long may be fetched yet.
    async fn preview_application(
        &self,
        reader: &Reader,
        (key, after, left): (&NamespacedName, &Application, &mut Duration),
        source: SourceFacts,
        only: Option<&MemberName>,
        found: &mut group::Found,
    ) {
        let now = self.clock.now();
        let mut world = World::of(reader, key, Some(after), source);
        let mut observed = world.observed(&self.hub);
        let mut bundles = Bundles::default();
        for want in wanted(&observed, now) {
            let unit = want.revision.unit.clone();
            let rendered = self.render_fetching(key, after, &want.revision, want.missing_is_empty, left).await;
            let rendered = match rendered {
                Ok((_, summary, _)) if !summary.refusals.is_empty() && reader.is_restricted(&unit.namespace) => {
                    Rendered::Refused(summary.refusals.sentence(&unit.namespace))
                }
                Ok((bundle, summary, remotes)) => {
                    let policy = unit.policy.as_deref().unwrap_or_default();
                    let warning = |warning: &String| format!("app/{} policy {policy}: {warning}", key.name);
                    found.warnings.extend(summary.warnings.iter().map(warning));
                    let (digest, objects) = (bundle.digest, bundle.keys.len());
                    let rendered = Rendered::Payload { digest, objects, remotes };
                    bundles.add(&unit, bundle);
                    rendered
                }
                Err(failure) => Rendered::Failed(failure.to_string()),
            };
            observed.rendered.insert(unit, rendered);
        }
        let (plan, report) = plan::unit::plan(&observed, now);
        for unit in &report.units {
            let policy = unit.unit.policy.as_deref().unwrap_or_default();
            let waits =
                unit.waiting_on.iter().map(|waiting| format!("app/{} policy {policy} waits for {waiting}", key.name));
            found.notes.extend(waits);
        }
        let decided = placing::after(&observed.decisions, &plan);
        let mut revisions: BTreeMap<&String, &RevisionSpec> = observed.revisions.iter().collect();
        revisions.extend(plan.create_revisions.iter().map(|(name, spec)| (name, spec)));
        let owner = owner_of_application(key);
        let mut preview = Preview {
            inspector: self,
            key,
            observed: &observed,
            decided: &decided,
            revisions,
            bundles,
            hider: Hider { key: &self.key, owner: &owner },
            known: HashMap::new(),
            set_off: Vec::new(),
        };
        let (before, after) = (placing::entries(&observed.decisions), placing::entries(&decided));
        let units: BTreeSet<&UnitId> = before.keys().chain(after.keys()).collect();
        let none = placing::Entries::new();
        for unit in units {
            let (before, after) = (before.get(unit).unwrap_or(&none), after.get(unit).unwrap_or(&none));
            preview.compare_unit(unit, before, after, only, (found, &mut *left)).await;
        }
    }
}

/// Both together. What the member said of what goes has more of what stays, and why; what two payloads say of what changes has
/// the fields.
fn joined(between: &[ObjectDifference], put_off: Vec<ObjectDifference>, set_off: SetOff) -> Vec<ObjectDifference> {
    let goes = |object: &&ObjectDifference| matches!(object.change, ObjectChange::Delete | ObjectChange::Release);
    let mut out: Vec<_> = between.iter().filter(|object| !(set_off.prunes && goes(object))).cloned().collect();
    let known: BTreeSet<String> = out.iter().map(|object| object.object.clone()).collect();
    out.extend(put_off.into_iter().filter(|object| !known.contains(&object.object)));
    out
}

/// What a member would delete and nobody has agreed to: what a change says, and what is held there already.
fn lost(change: Option<&Change>, report: Option<&UnitReport>) -> Vec<Arc<HashedKey>> {
    let both = change.and_then(|change| change.both.as_ref());
    let is_wanted = |key: &HashedKey| both.is_some_and(|(_, new)| new.get(key).is_some());
    let rows = || report.into_iter().flat_map(|report| &report.details).filter(|row| !is_wanted(&row.key));
    let held = rows().filter(|row| row.sync == SyncState::DeletionHeld).map(|row| &row.key);
    let goes = |object: &&ObjectDifference| object.change == ObjectChange::Delete;
    let named: BTreeSet<&str> =
        change.iter().flat_map(|change| &*change.objects).filter(goes).map(|object| object.object.as_str()).collect();
    let had = both.into_iter().flat_map(|(old, _)| old.objects()).map(|object| &object.key);
    // What is being deleted was released before.
    let kept = rows().filter(|row| row.sync != SyncState::Deleting).map(|row| &row.key);
    let goes = had.chain(kept).filter(|key| !named.is_empty() && named.contains(key.to_string().as_str()));
    let all: BTreeSet<&Arc<HashedKey>> = held.chain(goes).collect();
    all.into_iter().cloned().collect()
}

/// What a word for a commit may mean, most likely first.
fn references(commit: &str) -> Vec<GitReference> {
    let is_id = commit.len() == 40 && commit.bytes().all(|c| c.is_ascii_hexdigit());
    let text = commit.to_owned();
    match commit {
        id if is_id => vec![GitReference::Commit(id.to_ascii_lowercase())],
        name if name.starts_with("refs/") => vec![GitReference::Name(text)],
        _ => vec![GitReference::Branch(text.clone()), GitReference::Tag(text)],
    }
}

/// Prepared payloads, each made once.
#[derive(Default)]
struct Bundles(HashMap<(UnitId, Digest), Arc<Bundle>>);

impl Bundles {
    fn add(&mut self, unit: &UnitId, bundle: Arc<Bundle>) {
        self.0.insert((unit.clone(), bundle.digest), bundle);
    }
}

/// One Application's preview.
struct Preview<'a> {
    inspector: &'a Inspector,
    key: &'a NamespacedName,
    observed: &'a Observed<'a>,
    decided: &'a BTreeMap<String, DecisionSpec>,
    revisions: BTreeMap<&'a String, &'a RevisionSpec>,
    bundles: Bundles,
    hider: Hider<'a>,
    /// Differences between two payloads that are known: most members have the same.
    known: HashMap<(UnitId, Digest, Digest), Arc<Vec<ObjectDifference>>>,
    /// What edits set off in members.
    set_off: Vec<Arc<Vec<ObjectDifference>>>,
}

/// What a unit would be in one member.
struct Change {
    member: MemberName,
    from: String,
    to: String,
    objects: Arc<Vec<ObjectDifference>>,
    /// The payload that comes there.
    new: Option<Arc<Bundle>>,
    /// The payloads, when the unit stays there and they differ: the guard weighs what the new one lacks.
    both: Option<(Arc<Bundle>, Arc<Bundle>)>,
    held: bool,
    /// Why not all of it is known.
    unknown: Option<&'static str>,
}

/// What an edit of a policy sets off in a member in which the policy stays: what was put off until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SetOff {
    /// What the unit does not want any more is counted and deleted from now on: it did not prune, was suspended, or was frozen.
    prunes: bool,
    /// What it wants is applied from now on: it was suspended.
    resumes: bool,
    /// What is refused there, since a field cannot change, is deleted and made again from now on.
    forces: bool,
}

impl SetOff {
    fn is_any(self) -> bool {
        self.prunes || self.resumes || self.forces
    }

    /// Why it is not known what it does in a member.
    fn why_unknown(self) -> &'static str {
        if self.prunes || self.resumes { NOT_SAID } else { NOT_SAID_REFUSED }
    }
}

impl Change {
    /// Takes in what the member answered. Members that answer the same share it: `all` are the answers so far.
    fn take_in(&mut self, judged: &Judged, all: &mut Vec<Arc<Vec<ObjectDifference>>>) {
        let one = |object: &ObjectDifference| match judged.get(&object.object) {
            Some(judged) => judged.clone(),
            None => Some(object.clone()),
        };
        let objects: Vec<ObjectDifference> = self.objects.iter().filter_map(one).collect();
        if *self.objects != objects {
            self.objects = shared(objects, all);
        }
    }
}

/// The same as one value for all members in which it is the same.
fn shared(objects: Vec<ObjectDifference>, all: &mut Vec<Arc<Vec<ObjectDifference>>>) -> Arc<Vec<ObjectDifference>> {
    if let Some(same) = all.iter().find(|known| ***known == objects) {
        return same.clone();
    }
    let objects = Arc::new(objects);
    if all.len() < group::GROUPS_MAX {
        all.push(objects.clone());
    }
    objects
}

impl Preview<'_> {
    async fn compare_unit(
        &mut self,
        unit: &UnitId,
        before: &placing::Entries,
        after: &placing::Entries,
        only: Option<&MemberName>,
        (found, left): (&mut group::Found, &mut Duration),
    ) {
        let policy = unit.policy.clone().unwrap_or_default();
        let members: BTreeSet<&MemberName> = before.keys().chain(after.keys()).collect();
        let mut changes = Vec::new();
        for member in members {
            let is_meant = only.is_none_or(|only| only == member);
            let (was, is) = (before.get(member), after.get(member));
            let placing = placing::placing(was, is);
            if is_meant {
                found.members.insert(member.clone());
                if let Some((change, reason)) = &placing {
                    let (application, reason) = (self.key.name.clone(), reason.clone());
                    found.placings.push((application, policy.clone(), *change, reason, member.clone()));
                }
            }
            match self.change(unit, member, was, is, placing.map(|(change, _)| change)).await {
                Ok(change) => {
                    let unknown = change.as_ref().and_then(|change| change.unknown).filter(|_| is_meant);
                    found.unknown.extend(unknown.map(|why| (member.clone(), why.to_owned())));
                    changes.extend(change);
                }
                Err(why) if is_meant => drop(found.unknown.insert(member.clone(), why)),
                Err(_) => {}
            }
        }
        // The guard weighs all members of a unit, whichever of them were asked for.
        let guarded = self.guarded(unit, after, &changes);
        changes.retain(|change| only.is_none_or(|only| *only == change.member));
        self.ask_members(unit, &mut changes, left).await;
        let unasked = self.try_changes(unit, &mut changes, left).await;
        if unasked > 0 {
            let changes = if unasked == 1 { "1 change".to_owned() } else { format!("{unasked} changes") };
            found.notes.push(format!(
                "app/{} policy {policy}: whether members would refuse {changes} is not known: one is asked of {TRIED_MAX} at most, and \
                 for a few seconds",
                self.key.name
            ));
        }
        for change in changes {
            let deletes = change.objects.iter().any(|object| object.change == ObjectChange::Delete);
            let held = match (change.held, &guarded) {
                (true, _) => EDIT_HELD.to_owned(),
                (false, Some(why)) if deletes && change.both.is_some() => why.clone(),
                _ => String::new(),
            };
            found.add(group::MemberDifference {
                member: change.member,
                application: self.key.name.clone(),
                policy: policy.clone(),
                from: change.from,
                to: change.to,
                held,
                objects: change.objects,
            });
        }
    }

    /// What becomes of a unit in a member; `None` when nothing does.
    async fn change(
        &mut self,
        unit: &UnitId,
        member: &MemberName,
        was: Option<&MemberDecision>,
        is: Option<&MemberDecision>,
        placing: Option<Placing>,
    ) -> Result<Option<Change>, String> {
        let change = |from: String, to: String, objects, held| {
            let objects = Arc::new(objects);
            Some(Change { member: member.clone(), from, to, objects, new: None, both: None, held, unknown: None })
        };
        let (from, to) =
            (was.map(|e| self.named(e)).unwrap_or_default(), is.map(|e| self.named(e)).unwrap_or_default());
        match (placing, was, is) {
            (Some(Placing::Comes), _, Some(entry)) => {
                let bundle = self.bundle(unit, entry).await?;
                let change = change(String::new(), to, difference::all(&bundle, ObjectChange::Add), false);
                Ok(change.map(|change| Change { new: Some(bundle), ..change }))
            }
            (Some(Placing::Leaves), Some(entry), after) => {
                let bundle = self.bundle(unit, entry).await?;
                let removal = after.map_or(Removal::None, |after| after.removal);
                // A member whose record is gone is left as it is.
                let leaves = match removal {
                    Removal::Prune | Removal::Release => {
                        self.leaving(unit, (member, after.unwrap_or(entry)), &bundle, removal).await
                    }
                    Removal::None => Vec::new(),
                };
                Ok(change(from, String::new(), leaves, false))
            }
            (Some(Placing::Held), Some(entry), _) => {
                let bundle = self.bundle(unit, entry).await?;
                let removal = if self.prunes(unit) { Removal::Prune } else { Removal::Release };
                Ok(change(from, String::new(), self.leaving(unit, (member, entry), &bundle, removal).await, true))
            }
            (_, Some(was), Some(is)) if was.removal.is_none() && is.removal.is_none() => {
                let set_off = self.set_off(unit, member, is);
                if was.digest == is.digest && !set_off.is_any() {
                    return Ok(None);
                }
                let (old, new) = (self.bundle(unit, was).await?, self.bundle(unit, is).await?);
                let mut objects = self.difference(unit, &old, &new);
                let stays = self.staying(unit, member, is);
                let is_spared = |object: &ObjectDifference| {
                    object.change == ObjectChange::Delete && stays.contains_key(&object.object)
                };
                if objects.iter().any(is_spared) {
                    objects = Arc::new(difference::spare(&objects, &stays));
                }
                let mut unknown = None;
                if set_off.is_any() {
                    match self.put_off(unit, member, set_off, &new).await {
                        Some(put_off) => objects = shared(joined(&objects, put_off, set_off), &mut self.set_off),
                        None => unknown = Some(set_off.why_unknown()),
                    }
                }
                let (new, both) = (Some(new.clone()), Some((old, new)));
                Ok(Some(Change { member: member.clone(), from, to, objects, new, both, held: false, unknown }))
            }
            _ => Ok(None),
        }
    }

    /// What an edit sets off in a member in which the unit stays.
    fn set_off(&self, unit: &UnitId, member: &MemberName, is: &MemberDecision) -> SetOff {
        let slice = |decisions: &'_ BTreeMap<String, DecisionSpec>| {
            let slice = decisions.values().find(|d| d.unit == *unit && d.members.contains_key(member));
            slice.map(|slice| (slice.weighs(), slice.suspended, slice.force))
        };
        match (slice(&self.observed.decisions), slice(self.decided)) {
            (Some((weighed, was_suspended, forced)), Some((weighs, is_suspended, forces))) if is.kept().is_none() => {
                SetOff {
                    prunes: !weighed && weighs,
                    resumes: was_suspended && !is_suspended,
                    forces: !forced && forces && !is_suspended,
                }
            }
            _ => SetOff::default(),
        }
    }

    /// What was put off until now in a member, by what that reported. `None`: it is not known what the member has.
    async fn put_off(
        &mut self,
        unit: &UnitId,
        member: &MemberName,
        set_off: SetOff,
        new: &Bundle,
    ) -> Option<Vec<ObjectDifference>> {
        let report = self.report(unit, member)?;
        let mut unwanted = Objects::of_unwanted(&report, &new.keys)?;
        let mut out = Vec::new();
        if set_off.resumes {
            out.extend(difference::resumed(&report, new));
        }
        if set_off.forces {
            out.extend(trial::forced(&report, new));
        }
        if set_off.prunes {
            self.hand_over(unit, member, &mut unwanted).await;
            let others = self.inspector.feed.reports_in(member);
            self.inspector.spare_occupied(&report, &others, &mut unwanted, |other| self.stays(other, member));
            for (key, units) in self.inspector.heirs_of(&report, &others) {
                let heir = units.first().map(|heir| format!("app/{}", heir.name)).unwrap_or_default();
                unwanted.hand_over(|other| *other == key, &heir);
            }
            out.extend(unwanted.differences());
        }
        Some(out)
    }

    /// Asks members whether what would come to them is there already, for as long as is `left`.
    async fn ask_members(&mut self, unit: &UnitId, changes: &mut [Change], left: &mut Duration) {
        let members = changes.iter().map(|change| change.member.clone()).collect();
        let reports = self.inspector.feed.reports_by_member(&members);
        let mut asks = Vec::new();
        for change in changes.iter() {
            let reports = reports.get(&change.member).map(Vec::as_slice).unwrap_or_default();
            asks.extend(self.question_for(unit, change, reports).await);
        }
        let hider = self.hider;
        let answers = self.inspector.judge_arrivals(asks, &hider, left).await;
        let mut all = Vec::new();
        for (member, judged) in answers {
            if let Some(change) = changes.iter_mut().find(|change| change.member == member) {
                change.take_in(&judged, &mut all);
            }
        }
    }

    /// Asks members whether they would carry out what would change, for as long as is `left`. Returns of how many objects they were
    /// not asked.
    async fn try_changes(&self, unit: &UnitId, changes: &mut [Change], left: &mut Duration) -> usize {
        let hub = &self.inspector.hub;
        let part_of = inventory::applyset_id(&unit.short(hub));
        let attempt = |change: &Change| {
            let decision = self.decided.values().find(|d| d.unit == *unit && d.members.contains_key(&change.member));
            let force = decision.is_some_and(|decision| decision.force);
            let terms = Terms { hub: hub.clone(), part_of: part_of.clone(), force, behind: false };
            let report = self.report(unit, &change.member);
            Attempt::of(&change.member, &change.objects, change.new.as_deref()?, report.as_deref(), terms)
        };
        let tried = self.inspector.try_changes(changes.iter().filter_map(attempt).collect(), left).await;
        let (mut all, mut unasked) = (Vec::new(), 0);
        for tried in tried {
            unasked += tried.unasked;
            if let Some(change) = changes.iter_mut().find(|change| change.member == tried.member) {
                let judged = |object: &ObjectDifference| {
                    let trial = tried.trials.get(&object.object)?;
                    Some((object.object.clone(), Some(trial::judge(object, trial))))
                };
                let judged = change.objects.iter().filter_map(judged).collect();
                change.take_in(&judged, &mut all);
            }
        }
        unasked
    }

    /// What a member is asked: whether it has what is new, or was refused until now.
    async fn question_for(&mut self, unit: &UnitId, change: &Change, reports: &[Arc<UnitReport>]) -> Option<Ask> {
        let new = change.new.as_ref()?;
        let own = reports.iter().find(|report| report.unit == *unit);
        let rows = || own.iter().flat_map(|report| &report.details);
        let unmade: BTreeSet<String> = rows().filter(|row| row.unmade).map(|row| row.key.to_string()).collect();
        let is_new = |object: &&ObjectDifference| match object.change {
            ObjectChange::Add => true,
            ObjectChange::Change => unmade.contains(&object.object),
            _ => false,
        };
        let names: BTreeSet<&String> = change.objects.iter().filter(is_new).map(|object| &object.object).collect();
        if names.is_empty() {
            return None;
        }
        let decision = self.decided.values().find(|d| d.unit == *unit && d.members.contains_key(&change.member));
        let mut ask = Ask {
            member: change.member.clone(),
            unit: unit.clone(),
            objects: new.objects().filter(|object| names.contains(&object.key.to_string())).cloned().collect(),
            own: rows().filter(|row| !row.unmade).map(|row| row.key.clone()).collect(),
            holders: KeyMap::default(),
            overwrites: decision.is_some_and(|decision| decision.overwrite),
            force: decision.is_some_and(|decision| decision.force),
        };
        let decided = self.decided;
        for report in reports.iter().filter(|report| report.unit != *unit) {
            let of_it = decided.values().find(|d| d.unit == report.unit && d.members.contains_key(&change.member));
            let entry = of_it.and_then(|decision| decision.members.get(&change.member));
            match entry {
                // Of a unit of this Application it is known what it will have.
                Some(entry) if entry.removal.is_none() => {
                    if let Ok(theirs) = self.bundle(&report.unit, entry).await {
                        ask.note_holder(report, Some(&|key| held::has(&theirs, key)));
                    }
                }
                Some(_) => ask.note_holder(report, Some(&|_| false)),
                None => ask.note_holder(report, None),
            }
        }
        Some(ask)
    }

    fn report(&self, unit: &UnitId, member: &MemberName) -> Option<Arc<UnitReport>> {
        self.inspector.feed.report(unit, member)
    }

    /// What becomes of a unit's objects in a member that it leaves: the list that `kurator approve` has.
    async fn leaving(
        &mut self,
        unit: &UnitId,
        (member, entry): (&MemberName, &MemberDecision),
        bundle: &Bundle,
        removal: Removal,
    ) -> Vec<ObjectDifference> {
        let report = self.report(unit, member);
        let reported = report.as_ref().and_then(|report| Objects::of_report(report, removal));
        let rights = self.inspector.rights(member);
        let mut objects = reported.unwrap_or_else(|| Objects::of_bundle(bundle, removal, &rights));
        if self.is_let_go(unit, member, entry) {
            objects.give_back();
        }
        self.hand_over(unit, member, &mut objects).await;
        if let Some(report) = report {
            let others = self.inspector.feed.reports_in(member);
            self.inspector.spare_occupied(&report, &others, &mut objects, |other| self.stays(other, member));
        }
        objects.differences()
    }

    /// Does a policy of the Application stay in a member?
    fn stays(&self, unit: &UnitId, member: &MemberName) -> bool {
        let mine = self.decided.values().filter(|decision| decision.unit == *unit);
        let mut entries = mine.filter_map(|decision| decision.members.get(member));
        entries.any(|entry| entry.removal.is_none() && entry.kept().is_none())
    }

    /// What another policy of the Application has in the member too is not deleted.
    async fn hand_over(&mut self, unit: &UnitId, member: &MemberName, objects: &mut Objects) {
        let decided = self.decided;
        for decision in decided.values().filter(|decision| decision.unit != *unit) {
            let entry = decision.members.get(member);
            let Some(entry) = entry.filter(|entry| entry.removal.is_none() && entry.kept().is_none()) else { continue };
            if let Ok(theirs) = self.bundle(&decision.unit, entry).await {
                let policy = decision.unit.policy.as_deref().unwrap_or_default();
                objects.hand_over(|key| held::has(&theirs, key), &format!("policy {policy}"));
            }
        }
    }

    /// The objects of a unit in a member that would be given back, by the words for them, as far as the member said so.
    fn staying(&self, unit: &UnitId, member: &MemberName, is: &MemberDecision) -> BTreeMap<String, Stays> {
        let report = self.report(unit, member);
        let rows = report.iter().flat_map(|report| &report.details);
        let is_let_go = self.is_let_go(unit, member, is);
        let why = |row| why_it_stays(row).or_else(|| is_let_go.then_some(Stays::GivenBack));
        rows.filter_map(|row| Some((row.key.to_string(), why(row)?))).collect()
    }

    /// Does all that a member said that it has of a unit stay there, since that was let go of?
    fn is_let_go(&self, unit: &UnitId, member: &MemberName, entry: &MemberDecision) -> bool {
        let status = self.observed.statuses.get(&(unit.clone(), member.clone()));
        status.is_some_and(|status| entry.gives_back(status.asked.placed))
    }

    fn difference(&mut self, unit: &UnitId, old: &Bundle, new: &Bundle) -> Arc<Vec<ObjectDifference>> {
        let (prune, hider) = (self.prunes(unit), self.hider);
        let known = self.known.entry((unit.clone(), old.digest, new.digest));
        known.or_insert_with(|| Arc::new(difference::bundles(old, new, prune, &hider))).clone()
    }

    /// Why the guard would hold what members lose. All that the unit stays in count, also those that lose nothing.
    fn guarded(&self, unit: &UnitId, after: &placing::Entries, changes: &[Change]) -> Option<String> {
        if !self.prunes(unit) {
            return None;
        }
        let change_of = |member: &MemberName| changes.iter().find(|change| change.member == *member);
        let stay = after.iter().filter(|(_, entry)| entry.removal.is_none() && entry.kept().is_none());
        let losses = stay.map(|(member, entry)| {
            let change = change_of(member);
            let both = change.and_then(|change| change.both.as_ref());
            let counts = self.observed.statuses.get(&(unit.clone(), member.clone())).map(|status| status.objects);
            let had = || both.map_or(0, |(old, _)| old.keys.len() as u64);
            let wants = || counts.map_or(0, |counts| u64::from(counts.desired));
            Loss {
                member,
                inventory: counts.map_or_else(had, |counts| u64::from(counts.inventory)),
                desired: both.map_or_else(wants, |(_, new)| new.keys.len() as u64),
                deleted: lost(change, self.report(unit, member).as_deref()),
                epoch: entry.epoch,
                withheld: entry.withheld,
            }
        });
        difference::held(&losses.collect::<Vec<_>>())
    }

    fn prunes(&self, unit: &UnitId) -> bool {
        self.decided.values().any(|decision| decision.unit == *unit && decision.prune)
    }

    fn named(&self, entry: &MemberDecision) -> String {
        let revision = self.revisions.get(&entry.revision);
        revision.map(|revision| revision.inputs.source_revision().to_owned()).unwrap_or_default()
    }

    async fn bundle(&mut self, unit: &UnitId, entry: &MemberDecision) -> Result<Arc<Bundle>, String> {
        let known = |digest: Digest| self.bundles.0.get(&(unit.clone(), digest)).cloned();
        if let Some(bundle) = entry.digest.and_then(known) {
            return Ok(bundle);
        }
        let revision = self.revisions.get(&entry.revision).copied();
        let revision = revision.ok_or_else(|| format!("Revision {} does not exist", entry.revision))?;
        let rendered = self.inspector.render(unit, revision, true).await;
        let (bundle, _) = rendered.map_err(|failure| failure.to_string())?;
        self.bundles.add(unit, bundle.clone());
        Ok(bundle)
    }
}
