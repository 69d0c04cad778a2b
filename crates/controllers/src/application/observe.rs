//! The fleet, the source, what is stored, what members report; and the renderings that are wanted.

use std::cell::OnceCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use api::delivery::{
    Decision, DecisionSpec, HubId, Inputs, Origin, Owner, RemoteInput, Revision, RevisionSpec, UnitId, UnitStatus,
};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::SYNC;
use api::kurator::apps::v1alpha1::{Application, GitRepository};
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use client::{Api, NamespacedName, Store};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use model::{Digest, HashedKey, MemberName, ObjectKey, Timestamp};
use place::Candidate;
use plan::application::{FleetFacts, SourceFacts, fleet_name, owner_facts, units};
use plan::fleet::member_of_entry;
use plan::reach::MemberFacts;
use plan::rights::Rights;
use plan::unit::{
    Observed, OwnerFacts, Placement, Rendered, Unanswered, UnitSpec, Wanted, stays_there, unanswered, wanted,
    wanted_there,
};
use render::Remote;
use source::{GitReference, GitSpec};

use super::Ctx;
use crate::artifact::{self, RECOVER_AGAIN, Recovery, Refusal};
use crate::fetch::Follow;
use crate::index::ORIGIN;
use crate::lost;
use crate::origin::{self, OriginFacts, Origins};
use crate::reach::MemberReader;
use crate::record::{OWNER, application_of, owner_of_application};
use crate::rendering::{Failure, RemoteNeeds, Renderings, Summary};
use crate::stores::Stores;
use crate::write::WriteError;

/// Reads what is stored of an Application's units.
#[derive(Clone)]
pub(crate) struct Reader {
    fleets: Arc<Store<Fleet>>,
    namespaces: Arc<Store<Namespace>>,
    clusters: Arc<Store<Cluster>>,
    revisions: Arc<Store<Revision>>,
    decisions: Arc<Store<Decision>>,
    origins: Origins,
    members: MemberReader,
    /// What takes the place of stored objects, in a preview.
    edited: Arc<Edited>,
}

/// Objects as they would be after an edit.
#[derive(Default)]
pub(crate) struct Edited {
    pub(crate) fleets: BTreeMap<NamespacedName, Fleet>,
    pub(crate) attached: BTreeMap<NamespacedName, AttachedCluster>,
}

impl Reader {
    pub(crate) fn new(stores: &Stores) -> Self {
        Self {
            fleets: stores.fleets.clone(),
            namespaces: stores.namespaces.clone(),
            clusters: stores.clusters.clone(),
            revisions: stores.revisions.clone(),
            decisions: stores.decisions.clone(),
            origins: Origins::new(&stores.attached),
            members: MemberReader::new(stores),
            edited: Arc::default(),
        }
    }

    /// The same, with these objects in place of the stored ones.
    pub(crate) fn with(&self, edited: Edited) -> Self {
        Self { edited: Arc::new(edited), ..self.clone() }
    }

    /// Is this namespace restricted? One that is not known is about to go, or just came: then it is.
    pub(crate) fn is_restricted(&self, namespace: &str) -> bool {
        let namespace = self.namespaces.get(&NamespacedName::new("", namespace));
        namespace.is_none_or(|namespace| plan::team::is_restricted(namespace.metadata.labels.as_ref()))
    }

    fn fleet(&self, key: &NamespacedName) -> Option<Arc<Fleet>> {
        self.edited.fleets.get(key).map(|fleet| Arc::new(fleet.clone())).or_else(|| self.fleets.get(key))
    }

    fn origin(&self, origin: &Origin) -> Option<OriginFacts> {
        let key = NamespacedName::new(origin.namespace.clone(), origin.name.clone());
        let edited = self.edited.attached.get(&key).filter(|_| *origin == origin::of_attached(&key));
        edited.map(origin::facts).or_else(|| self.origins.get(origin))
    }

    /// How the members are that the units may have to do with: those that they may go to, and those that decisions name.
    fn members(
        &self,
        units: &[UnitSpec],
        decisions: &BTreeMap<String, DecisionSpec>,
    ) -> BTreeMap<MemberName, MemberFacts> {
        let mut all: BTreeSet<&MemberName> = decisions.values().flat_map(|d| d.members.keys()).collect();
        for unit in units {
            match &unit.placement {
                Placement::Rules(_, candidates) => all.extend(candidates.iter().filter_map(|c| c.member.as_ref())),
                Placement::Given(members) => all.extend(members.keys()),
                Placement::Missing(_) => {}
            }
        }
        all.into_iter().filter_map(|name| Some((name.clone(), self.members.facts(name)?))).collect()
    }

    /// What the hub may do in a member.
    fn rights(&self, member: &MemberName) -> Rights {
        let record = self.clusters.get(&NamespacedName::new("", member.as_str()));
        record.map(|record| origin::rights_of(&record)).unwrap_or_default()
    }

    /// The units that an Application asks for, given what is known of its source.
    pub(super) fn units(&self, key: &NamespacedName, application: &Application, source: &SourceFacts) -> Vec<UnitSpec> {
        let named = fleet_name(application);
        let fleet = named.and_then(|name| self.fleet(&key.beside(name)));
        let candidates = named.map(|name| self.candidates(key, name, fleet.as_deref())).unwrap_or_default();
        units(application, &candidates, source)
    }

    /// The fleet of this name, and the member that each of its entries means.
    fn candidates(&self, key: &NamespacedName, name: &str, fleet: Option<&Fleet>) -> FleetFacts {
        let Some(fleet) = fleet else { return FleetFacts::Missing(name.to_owned()) };
        let candidates = fleet.spec.clusters.iter().map(|entry| {
            let origin = origin::of_entry(&key.namespace, entry);
            let facts = origin.as_ref().and_then(|origin| self.origin(origin));
            let records =
                origin.as_ref().map(|origin| self.clusters.by_index(ORIGIN, &origin.to_string())).unwrap_or_default();
            // One that is being detached makes no member any more, also while its record is still there.
            let facts = facts.filter(|facts| facts.makes_member(&records));
            let records: Vec<MemberName> = records.iter().filter_map(|record| record.name_any().parse().ok()).collect();
            let (says, wants) = facts.as_ref().map(|f| (f.says.as_ref(), f.wants.as_ref())).unwrap_or_default();
            Candidate {
                is_unfollowed: origin.is_none(),
                name: entry.name.clone(),
                member: member_of_entry(says, wants, &records),
                labels: facts.map(|facts| facts.labels).unwrap_or_default(),
            }
        });
        FleetFacts::Found(candidates.collect())
    }
}

/// Everything that is read of one Application before anything is rendered.
pub(crate) struct World {
    owner: Owner,
    facts: OwnerFacts,
    units: Vec<UnitSpec>,
    pub(super) source: SourceFacts,
    revisions: BTreeMap<String, RevisionSpec>,
    decisions: BTreeMap<String, DecisionSpec>,
    statuses: BTreeMap<(UnitId, MemberName), UnitStatus>,
    members: BTreeMap<MemberName, MemberFacts>,
}

impl World {
    /// Reads it, and follows its source.
    pub(super) async fn read(
        ctx: &Ctx,
        key: &NamespacedName,
        application: Option<&Application>,
    ) -> Result<Self, WriteError> {
        let source = follow(ctx, key, application).await?;
        Ok(Self::of(&ctx.reader, key, application, source))
    }

    /// Reads it, given what is known of its source.
    pub(crate) fn of(
        reader: &Reader,
        key: &NamespacedName,
        application: Option<&Application>,
        source: SourceFacts,
    ) -> Self {
        let owner = owner_of_application(key);
        let term = owner.to_string();
        let units = application.map(|a| reader.units(key, a, &source)).unwrap_or_default();
        let fleet = application.and_then(fleet_name).and_then(|name| reader.fleet(&key.beside(name)));
        let revisions = reader.revisions.by_index(OWNER, &term);
        let decisions: BTreeMap<String, DecisionSpec> =
            reader.decisions.by_index(OWNER, &term).iter().map(|d| (d.name_any(), d.spec.clone())).collect();
        Self {
            facts: owner_facts(application, fleet.as_deref()),
            source,
            revisions: revisions.iter().map(|r| (r.name_any(), r.spec.clone())).collect(),
            statuses: reader.members.statuses_of(&owner),
            members: reader.members(&units, &decisions),
            decisions,
            units,
            owner,
        }
    }

    /// What units are decided from, before anything is rendered. What was read is handed over: of a thousand members it is
    /// not copied.
    pub(crate) fn observed<'a>(&'a mut self, hub: &'a HubId) -> Observed<'a> {
        Observed {
            owner: &self.owner,
            facts: self.facts.clone(),
            units: &self.units,
            hub,
            revisions: std::mem::take(&mut self.revisions),
            decisions: std::mem::take(&mut self.decisions),
            statuses: std::mem::take(&mut self.statuses),
            members: std::mem::take(&mut self.members),
            rendered: BTreeMap::new(),
            lost: BTreeMap::new(),
            claims: Vec::new(),
            renderer: render::VERSION,
        }
    }

    /// Renders what every unit should be rendered from, as far as it can be. Says when to look again, should something be
    /// missing that nothing announces; and what there is to note of the renderings.
    pub(super) async fn observe<'a>(
        &'a mut self,
        ctx: &'a Ctx,
        now: Timestamp,
    ) -> (Observed<'a>, Option<Duration>, Noted) {
        let owner = self.owner.clone();
        let suspended = self.source.suspended;
        let mut observed = self.observed(&ctx.hub);
        let mut again = None;
        let nothing = observed.units.iter().all(|unit| unit.frozen.is_some());
        let mut named = Noted { all: true, nothing, ..Noted::default() };
        for want in wanted(&observed, now) {
            let (rendered, missing) = render(ctx, &owner, &want, suspended, &mut named).await;
            named.waits |= rendered == Rendered::OnTheWay;
            again = again.or(missing);
            observed.rendered.insert(want.revision.unit.clone(), rendered);
        }
        if let Some(key) = application_of(&owner) {
            ctx.fetcher.name_remotes(&key, &named.remotes, named.all, &ctx.shutdown);
        }
        observed.lost = lost_by_absent(&ctx.renderings, |member| ctx.reader.rights(member), &observed, now).await;
        (observed, again, named)
    }
}

/// What renderings of one Application name on other machines, and what is likely to be a mistake.
#[derive(Default)]
pub(super) struct Noted {
    remotes: BTreeMap<String, Remote>,
    /// All of them are known: every unit could be rendered.
    all: bool,
    /// There is no unit that is rendered, whatever becomes of the source.
    nothing: bool,
    /// Some are being fetched.
    pub(super) waits: bool,
    /// Of each unit that was rendered, what is likely to be a mistake.
    warnings: BTreeMap<UnitId, Arc<[String]>>,
    /// And what its objects ask for in words that mean nothing.
    misspelt: BTreeMap<UnitId, Arc<[String]>>,
}

impl Noted {
    /// What is likely to be a mistake; `None` while something could not be rendered. Without a unit nothing is left to be one.
    pub(super) fn warnings(&self) -> Option<Vec<String>> {
        let of_unit = |(unit, warnings): (&UnitId, &Arc<[String]>)| -> Vec<String> {
            let policy = unit.policy.as_deref().unwrap_or_default();
            warnings.iter().map(|warning| format!("policy {policy}: {warning}")).collect()
        };
        let is_known = self.nothing || self.all && !self.warnings.is_empty();
        // Only the first are shown: what is missing is worse than what is misspelt.
        is_known.then(|| self.warnings.iter().chain(&self.misspelt).flat_map(of_unit).collect())
    }

    fn add(&mut self, remotes: &[Remote]) {
        for remote in remotes {
            self.remotes.entry(remote.id.clone()).or_insert_with(|| remote.clone());
        }
    }
}

async fn follow(ctx: &Ctx, key: &NamespacedName, application: Option<&Application>) -> Result<SourceFacts, WriteError> {
    let live = application.filter(|a| a.metadata.deletion_timestamp.is_none());
    let sync = live.and_then(|a| a.annotations().get(SYNC)).map(String::as_str);
    // The sync request counts as handled, so that `kurator sync` returns with this error.
    let refused = |error: Option<Refusal>| {
        ctx.fetcher.forget(key);
        SourceFacts { error, handled_sync: sync.map(str::to_owned), ..SourceFacts::default() }
    };
    let Some(git) = live.and_then(|a| a.spec.source.git_repository.as_ref()) else {
        let message = "spec.source.gitRepository is not set: only git sources are followed so far";
        return Ok(refused(live.map(|_| ("UnsupportedSource".to_owned(), message.to_owned()))));
    };
    if git.suspend {
        return Ok(ctx.fetcher.suspended(key));
    }
    let spec = match git_spec(&ctx.api, key, git).await? {
        Ok(spec) => spec,
        Err(error) => return Ok(refused(Some(error))),
    };
    let secret = git.secret_ref.as_ref().map(|secret| secret.name.clone());
    let follow = Follow { spec, secret, interval: Follow::interval(&git.interval) };
    Ok(match ctx.fetcher.follow(key, follow, sync, &ctx.shutdown) {
        Ok(facts) => facts,
        Err(error) => refused(Some((error.reason().to_owned(), error.to_string()))),
    })
}

/// The source that an Application names, with the credentials that its Secret has.
pub(crate) async fn git_spec(
    api: &Api,
    key: &NamespacedName,
    git: &GitRepository,
) -> Result<Result<GitSpec, Refusal>, WriteError> {
    if let Some(why) = unsupported(git) {
        return Ok(Err(("UnsupportedSource".to_owned(), why)));
    }
    let mut spec = GitSpec::new(&git.url, reference(git));
    spec.ignore.clone_from(&git.ignore);
    spec.submodules = git.recurse_submodules;
    if let Some(timeout) = git.timeout.as_deref().and_then(model::duration::parse) {
        spec.timeout = timeout.max(Duration::from_secs(1));
    }
    let Some(secret) = &git.secret_ref else { return Ok(Ok(spec)) };
    Ok(artifact::access(api, &key.namespace, &secret.name, &git.url).await?.map(|access| {
        (spec.credentials, spec.ca) = (access.credentials, access.ca);
        spec
    }))
}

/// Why a source is not followed at all: without what these fields ask for, something else would be delivered than what is meant.
fn unsupported(git: &GitRepository) -> Option<String> {
    let is_set = |field: &str| {
        let value = git.other.get(field)?;
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        (!is_empty).then_some(())
    };
    let says = |field: &str, why: &str| {
        let what = format!("spec.source.gitRepository.{field} is not supported so far: {why}; what runs stays");
        is_set(field).map(|()| what)
    };
    says("verify", "signatures of commits are not checked, and nothing is delivered that was to be verified")
        .or_else(|| says("include", "what other sources add to this one would be missing"))
}

/// Flux' order: commit, name, semver, tag, branch.
pub(super) fn reference(git: &GitRepository) -> GitReference {
    let given = git.reference.clone().unwrap_or_default();
    let set = |field: Option<String>| field.filter(|text| !text.is_empty());
    if let Some(commit) = set(given.commit) {
        GitReference::Commit(commit)
    } else if let Some(name) = set(given.name) {
        GitReference::Name(name)
    } else if let Some(range) = set(given.semver) {
        GitReference::Semver(range)
    } else if let Some(tag) = set(given.tag) {
        GitReference::Tag(tag)
    } else if let Some(branch) = set(given.branch) {
        GitReference::Branch(branch)
    } else {
        GitReference::Default
    }
}

/// What members that do not answer had, and are to have no longer. Of one whose last revision cannot be rendered any more
/// nothing is known.
async fn lost_by_absent(
    renderings: &Renderings,
    rights: impl Fn(&MemberName) -> Rights,
    observed: &Observed<'_>,
    now: Timestamp,
) -> BTreeMap<(UnitId, MemberName), Vec<Arc<HashedKey>>> {
    let mut out = BTreeMap::new();
    let away = unanswered(observed);
    if away.is_empty() {
        return out;
    }
    let wanted: BTreeMap<UnitId, Wanted> =
        wanted(observed, now).into_iter().map(|want| (want.revision.unit.clone(), want)).collect();
    let members: BTreeSet<&MemberName> = away.iter().map(|one| &one.member).collect();
    // Found out when something is lost at all.
    let units = OnceCell::new();
    let mut gone: BTreeMap<(&UnitId, &String), Vec<Arc<HashedKey>>> = BTreeMap::new();
    let mut payloads: BTreeMap<&str, HashSet<ObjectKey>> = BTreeMap::new();
    for Unanswered { unit, member, had, held } in &away {
        let (Some(want), Some(earlier)) = (wanted.get(unit), observed.revisions.get(had)) else { continue };
        // It has what it is to have; or what it would lose is stored, for as long as nothing else is wanted.
        if *had == want.name || is_known(observed, want, member) {
            continue;
        }
        // Members that ran the same lose the same.
        let keys = match gone.entry((unit, had)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let Some(keys) = lost::between(renderings, earlier, &want.revision).await else { continue };
                place.insert(keys)
            }
        };
        // The member names in its list what it may delete, and what no other unit has there.
        let (mut keys, _) = rights(member).split(&*keys);
        if let Some(digest) = held {
            let key = (unit.clone(), member.clone());
            let status = observed.statuses.get(&key);
            let goes = |key: &Arc<HashedKey>| !status.is_some_and(|status| stays_there(status, key));
            let split = |keys: Vec<Arc<HashedKey>>| rights(member).split(&keys).0.into_iter().filter(goes).collect();
            // Of what cannot be told, the member's own list counts on.
            let Some(waiting) = waiting_since(renderings, observed, earlier, *digest, split).await else { continue };
            if !payloads.contains_key(&*want.name) {
                payloads.insert(&want.name, lost::keys_of(renderings, &want.revision).await);
            }
            let is_new = |key: &Arc<HashedKey>| !payloads[&*want.name].contains(&***key) && !keys.contains(key);
            let waiting: Vec<_> = waiting.into_iter().filter(is_new).collect();
            keys.extend(waiting);
            if keys.is_empty() {
                out.insert(key, keys);
                continue;
            }
        }
        if keys.is_empty() {
            continue;
        }
        let units = units.get_or_init(|| wanted_there(observed, &wanted, &members));
        let others = units.iter().filter(|(other, _)| **other != unit);
        for (name, revision) in others.filter_map(|(_, there)| there.get(member).copied()) {
            if !payloads.contains_key(name) {
                payloads.insert(name, lost::keys_of(renderings, revision).await);
            }
            keys.retain(|key| !payloads[name].contains(&***key));
        }
        if !keys.is_empty() || held.is_some() {
            out.insert((unit.clone(), member.clone()), keys);
        }
    }
    out
}

/// The objects of a list that waits in a member since a revision: those that only one of the revisions before had. `split`: what of
/// these the member may delete.
async fn waiting_since(
    renderings: &Renderings,
    observed: &Observed<'_>,
    since: &RevisionSpec,
    digest: Digest,
    split: impl Fn(Vec<Arc<HashedKey>>) -> Vec<Arc<HashedKey>>,
) -> Option<Vec<Arc<HashedKey>>> {
    let is_before = |one: &&RevisionSpec| one.unit == since.unit && one.epoch < since.epoch;
    let mut earlier: Vec<&RevisionSpec> = observed.revisions.values().filter(is_before).collect();
    earlier.sort_by_key(|one| std::cmp::Reverse(one.epoch));
    for one in earlier {
        let Some(keys) = lost::between(renderings, one, since).await else { continue };
        let keys = split(keys);
        if plan::prune::deletions(&keys, 0, false).digest == digest {
            return Some(keys);
        }
    }
    None
}

/// Is what a member that does not answer would lose stored already, of what is wanted now?
fn is_known(observed: &Observed<'_>, want: &Wanted, member: &MemberName) -> bool {
    let slices = observed.decisions.values().filter(|decision| decision.unit == want.revision.unit);
    slices
        .filter_map(|decision| decision.members.get(member))
        .any(|entry| entry.epoch == want.revision.epoch && entry.expected.is_some())
}

/// Renders one unit. Says when to look again, should something be missing that nothing announces.
async fn render(
    ctx: &Ctx,
    owner: &Owner,
    want: &Wanted,
    suspended: bool,
    named: &mut Noted,
) -> (Rendered, Option<Duration>) {
    let summary = ctx.renderings.summary(&want.revision, want.missing_is_empty).await;
    match &summary {
        Ok(summary) => {
            named.add(&summary.remotes);
            named.warnings.insert(want.revision.unit.clone(), summary.warnings.clone());
            named.misspelt.insert(want.revision.unit.clone(), summary.misspelt.clone());
        }
        // What it would name besides is not known.
        Err(failure) => {
            named.all = false;
            if let Failure::Remotes(needs) = failure {
                named.add(&needs.asked);
            }
        }
    }
    match summary {
        Ok(Summary { refusals, .. }) if !refusals.is_empty() && ctx.reader.is_restricted(&owner.namespace) => {
            (Rendered::Refused(refusals.sentence(&owner.namespace)), None)
        }
        Ok(Summary { digest, objects, remotes, .. }) => {
            let remotes = used_remotes(&want.revision, &remotes);
            (Rendered::Payload { digest, objects, remotes }, None)
        }
        Err(Failure::Remotes(needs)) => fetch_remotes(ctx, owner, want, suspended, &needs),
        Err(Failure::ArtifactLost(digest)) => {
            let recovery = match &want.revision.inputs {
                Inputs::Artifact(inputs) => {
                    let (queue, key) = (ctx.fetcher.queue(), application_of(owner));
                    let wake = move || key.into_iter().for_each(|key| queue.add(key));
                    ctx.artifacts.recover(&owner.namespace, &inputs.artifact, owner.to_string(), Box::new(wake))
                }
                Inputs::Objects(_) | Inputs::Chart(_) => Recovery::Failed(format!("{digest} is not in the cache")),
            };
            match recovery {
                // The end of the fetch makes it look again.
                Recovery::UnderWay => (Rendered::OnTheWay, None),
                Recovery::Failed(why) => {
                    let why = format!("its artifact is lost and cannot be fetched again: {why}");
                    (Rendered::Failed(why), Some(RECOVER_AGAIN))
                }
            }
        }
        Err(failure) => {
            let passes = matches!(failure, Failure::Disk(_) | Failure::Hub(_) | Failure::Bug(_));
            (Rendered::Failed(failure.to_string()), passes.then_some(RECOVER_AGAIN))
        }
    }
}

/// What a rendering used of other machines, as it was for it.
pub(crate) fn used_remotes(revision: &RevisionSpec, used: &[Remote]) -> BTreeMap<String, RemoteInput> {
    let Inputs::Artifact(inputs) = &revision.inputs else { return BTreeMap::new() };
    used.iter().filter_map(|remote| Some((remote.id.clone(), inputs.remotes.get(&remote.id)?.clone()))).collect()
}

/// How a unit is that needs something on another machine. What was never fetched is fetched by who follows the source; what
/// the cache has lost is fetched again, as it was.
fn fetch_remotes(
    ctx: &Ctx,
    owner: &Owner,
    want: &Wanted,
    suspended: bool,
    needs: &RemoteNeeds,
) -> (Rendered, Option<Duration>) {
    let Some(key) = application_of(owner) else { return (Rendered::Failed(needs.to_string()), None) };
    for remote in &needs.missing {
        if let Some(why) = ctx.fetcher.remote_error(&key, &remote.id) {
            return (Rendered::Failed(why), None);
        }
        if suspended {
            let why = format!("{}: {} is not fetched while the source is suspended", remote.asked_by, remote.id);
            return (Rendered::Failed(why), None);
        }
    }
    let Inputs::Artifact(inputs) = &want.revision.inputs else { return (Rendered::OnTheWay, None) };
    for (remote, pinned) in &needs.lost {
        let (queue, key) = (ctx.fetcher.queue(), key.clone());
        let wake = Box::new(move || queue.add(key));
        let who = owner.to_string();
        let recovery = ctx.artifacts.recover_remote(&owner.namespace, &inputs.artifact, (remote, pinned), who, wake);
        if let Recovery::Failed(why) = recovery {
            let why = format!("{}: {} is lost and cannot be fetched again: {why}", remote.asked_by, remote.id);
            return (Rendered::Failed(why), Some(RECOVER_AGAIN));
        }
    }
    // The end of each fetch makes it look again.
    (Rendered::OnTheWay, None)
}

#[cfg(test)]
mod tests;
