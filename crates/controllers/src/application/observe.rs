//! The fleet, the source, what is stored, what members report; and the renderings that are wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::delivery::{DecisionSpec, Inputs, Owner, RevisionSpec, UnitId, UnitStatus};
use api::kurator::annotation::SYNC;
use api::kurator::apps::v1alpha1::{Application, GitRepository};
use api::kurator::fleet::v1alpha1::Fleet;
use kube::ResourceExt;
use model::{MemberName, Timestamp};
use place::Candidate;
use plan::application::{FleetFacts, SourceFacts, fleet_name, owner_facts, units};
use plan::fleet::member_of_entry;
use plan::reach::MemberFacts;
use plan::unit::{Observed, OwnerFacts, Placement, Rendered, UnitSpec, Wanted, wanted};
use source::{GitReference, GitSpec};

use super::Ctx;
use crate::artifact::{self, RECOVER_AGAIN, Recovery, Refusal};
use crate::fetch::Follow;
use crate::index::ORIGIN;
use crate::origin;
use crate::record::{OWNER, application_of, owner_of_application};
use crate::rendering::{Failure, Summary};
use crate::write::WriteError;
use client::NamespacedName;

/// Everything that is read of one Application before anything is rendered.
pub(super) struct World {
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
    pub(super) async fn read(
        ctx: &Ctx,
        key: &NamespacedName,
        application: Option<&Application>,
    ) -> Result<Self, WriteError> {
        let owner = owner_of_application(key);
        let term = owner.to_string();
        let source = follow(ctx, key, application).await?;
        let named = application.and_then(fleet_name);
        let fleet = named.and_then(|name| ctx.fleets.get(&key.beside(name)));
        let candidates = named.map(|name| candidates(ctx, key, name, fleet.as_deref())).unwrap_or_default();
        let units = application.map(|a| units(a, &candidates, &source)).unwrap_or_default();
        let revisions = ctx.revisions.by_index(OWNER, &term);
        let decisions: BTreeMap<String, DecisionSpec> =
            ctx.decisions.by_index(OWNER, &term).iter().map(|d| (d.name_any(), d.spec.clone())).collect();
        Ok(Self {
            facts: owner_facts(application, fleet.as_deref()),
            source,
            revisions: revisions.iter().map(|r| (r.name_any(), r.spec.clone())).collect(),
            statuses: ctx.members.statuses_of(&owner),
            members: members(ctx, &units, &decisions),
            decisions,
            units,
            owner,
        })
    }

    /// Renders what every unit should be rendered from, as far as it can be. Says when to look again, should something be
    /// missing that nothing announces. What was read is handed over: of a thousand members it is not copied.
    pub(super) async fn observe<'a>(&'a mut self, ctx: &'a Ctx, now: Timestamp) -> (Observed<'a>, Option<Duration>) {
        let mut observed = Observed {
            owner: &self.owner,
            facts: self.facts.clone(),
            units: &self.units,
            hub: &ctx.hub,
            revisions: std::mem::take(&mut self.revisions),
            decisions: std::mem::take(&mut self.decisions),
            statuses: std::mem::take(&mut self.statuses),
            members: std::mem::take(&mut self.members),
            rendered: BTreeMap::new(),
            renderer: render::VERSION,
        };
        let mut again = None;
        for want in wanted(&observed, now) {
            let (rendered, missing) = render(ctx, &self.owner, &want).await;
            again = again.or(missing);
            observed.rendered.insert(want.revision.unit.clone(), rendered);
        }
        (observed, again)
    }
}

/// How the members are that the units may have to do with: those that they may go to, and those that decisions name.
fn members(
    ctx: &Ctx,
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
    all.into_iter().filter_map(|name| Some((name.clone(), ctx.members.facts(name)?))).collect()
}

/// The fleet of this name, and the member that each of its entries means.
fn candidates(ctx: &Ctx, key: &NamespacedName, name: &str, fleet: Option<&Fleet>) -> FleetFacts {
    let Some(fleet) = fleet else { return FleetFacts::Missing(name.to_owned()) };
    let candidates = fleet.spec.clusters.iter().map(|entry| {
        let origin = origin::of_entry(&key.namespace, entry);
        let facts = origin.as_ref().and_then(|origin| ctx.origins.get(origin));
        // One that is being detached makes no member any more, also while its record is still there.
        let facts = facts.filter(|facts| !facts.going);
        let records = origin.map(|origin| ctx.clusters.by_index(ORIGIN, &origin.to_string())).unwrap_or_default();
        let records: Vec<MemberName> = records.iter().filter_map(|record| record.name_any().parse().ok()).collect();
        let (says, wants) = facts.as_ref().map(|f| (f.says.as_ref(), f.wants.as_ref())).unwrap_or_default();
        Candidate {
            name: entry.name.clone(),
            member: member_of_entry(says, wants, &records),
            labels: facts.map(|facts| facts.labels).unwrap_or_default(),
        }
    });
    FleetFacts::Found(candidates.collect())
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
    let spec = match git_spec(ctx, key, git).await? {
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

async fn git_spec(
    ctx: &Ctx,
    key: &NamespacedName,
    git: &GitRepository,
) -> Result<Result<GitSpec, Refusal>, WriteError> {
    let mut spec = GitSpec::new(&git.url, reference(git));
    spec.ignore.clone_from(&git.ignore);
    spec.submodules = git.recurse_submodules;
    if let Some(timeout) = git.timeout.as_deref().and_then(model::duration::parse) {
        spec.timeout = timeout.max(Duration::from_secs(1));
    }
    let Some(secret) = &git.secret_ref else { return Ok(Ok(spec)) };
    Ok(artifact::access(&ctx.api, &key.namespace, &secret.name, &git.url).await?.map(|access| {
        (spec.credentials, spec.ca) = (access.credentials, access.ca);
        spec
    }))
}

/// Flux' order: commit, name, semver, tag, branch.
fn reference(git: &GitRepository) -> GitReference {
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

/// Renders one unit. Says when to look again, should something be missing that nothing announces.
async fn render(ctx: &Ctx, owner: &Owner, want: &Wanted) -> (Rendered, Option<Duration>) {
    match ctx.renderings.summary(&want.revision, want.missing_is_empty).await {
        Ok(Summary { digest, objects }) => (Rendered::Payload { digest, objects }, None),
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
