//! The fleet, the source, what is stored, what members report; and the renderings that are wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use api::condition;
use api::delivery::Decision;
use api::kurator::annotation::SYNC;
use api::kurator::apps::v1alpha1::{Application, GitRepository};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};
use model::{GroupKind, MemberName, Timestamp};
use place::Candidate;
use plan::application::{FleetFacts, Observed, Reach, Rendered, SourceFacts, wanted};
use source::{Credentials, GitReference, GitSpec};

use crate::Ctx;
use crate::fetch::{Follow, Recovery};
use crate::informer::Key;
use crate::member::{self, is_claimed};
use crate::rendering::{Failure, Summary};
use crate::world::{MADE_BY, OWNER, owner_term};
use crate::write::{self, WriteError};

/// An artifact that a unit needs is not at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It is on its way: nothing is decided before it is there, or known not to come.
    UnderWay,
    /// It cannot be had for now.
    Failed,
}

impl Lost {
    /// When to look again: nothing says that it has come.
    pub(super) fn look_again(self) -> Duration {
        match self {
            Self::UnderWay => Duration::from_millis(200),
            Self::Failed => Duration::from_secs(10),
        }
    }
}

pub(super) async fn observe<'a>(
    ctx: &'a Ctx,
    key: &'a Key,
    application: Option<&'a Application>,
    now: Timestamp,
) -> Result<(Observed<'a>, Option<Lost>), WriteError> {
    let term = owner_term(key);
    let revisions = ctx.world.revisions.by(OWNER, &term);
    let decisions = ctx.world.decisions.by(OWNER, &term);
    let fleet = application.map(|a| fleet(ctx, key, a)).unwrap_or_default();
    let mut observed = Observed {
        key: (&key.namespace, &key.name),
        application,
        hub: &ctx.hub,
        source: follow(ctx, key, application).await?,
        revisions: revisions.iter().map(|r| (r.name_any(), r.spec.clone())).collect(),
        decisions: decisions.iter().map(|d| (d.name_any(), d.spec.clone())).collect(),
        statuses: ctx.delivery.statuses(key),
        members: members(ctx, &fleet, &decisions),
        fleet,
        rendered: BTreeMap::new(),
        not_implemented: application.map(not_implemented).unwrap_or_default(),
        renderer: render::VERSION,
    };
    let lost = render_wanted(ctx, key, &mut observed, now).await;
    Ok((observed, lost))
}

/// How the members are that this Application may have to do with: those of its fleet, and those that its decisions name.
fn members(ctx: &Ctx, fleet: &FleetFacts, decisions: &[Arc<Decision>]) -> BTreeMap<MemberName, Reach> {
    let candidates = match fleet {
        FleetFacts::Found(candidates) => candidates.as_slice(),
        FleetFacts::Unnamed | FleetFacts::Missing(_) => &[],
    };
    let wanted = candidates.iter().filter_map(|c| c.member.as_ref()?.parse::<MemberName>().ok());
    let all: BTreeSet<MemberName> =
        wanted.chain(decisions.iter().flat_map(|d| d.spec.members.keys().cloned())).collect();
    all.into_iter().filter_map(|name| Some((name.clone(), reach(ctx, &name)?))).collect()
}

fn not_implemented(application: &Application) -> Vec<model::FieldPath> {
    let value = serde_json::json!({"spec": application.spec});
    admit::not_implemented(&GroupKind::new("apps.kurator.dev", "Application"), &value)
}

/// Whether a member answers, by its record. A record that nobody claims any more is no member: detaching deletes nothing
/// in the member, so nothing may be removed from it in that moment either.
pub(crate) fn reach(ctx: &Ctx, member: &MemberName) -> Option<Reach> {
    let cluster = ctx.world.clusters.get(&Key::new("", member.as_str()))?;
    if !is_claimed(ctx, &cluster) {
        return None;
    }
    let conditions = cluster.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    let ready = condition::find(conditions, condition::READY).map(|c| c.status.as_str());
    Some(match ready {
        Some("True") => Reach::Reachable,
        Some("False") if ctx.members.deliverable(member.as_str()).is_none() => Reach::Blocked,
        Some("False") => Reach::Reachable,
        _ => Reach::Unknown,
    })
}

/// The one fleet that the Application names: admission sees to it that all policies agree.
fn fleet(ctx: &Ctx, key: &Key, application: &Application) -> FleetFacts {
    let spec = &application.spec;
    let named = spec.sync_policies.iter().find_map(|p| spec.destination_of(p)).or(spec.destination.as_ref());
    let Some(name) = named.map(|d| d.fleet.clone()).filter(|n| !n.is_empty()) else { return FleetFacts::Unnamed };
    let Some(fleet) = ctx.world.fleets.get(&Key::new(&key.namespace, &name)) else {
        return FleetFacts::Missing(name);
    };
    let candidates = fleet.spec.clusters.iter().map(|reference| {
        let attached = (reference.kind == "AttachedCluster")
            .then(|| ctx.world.attached.get(&Key::new(&key.namespace, &reference.name)))
            .flatten();
        let said = attached.as_ref().and_then(|a| a.status.as_ref()?.member.clone());
        let wanted = attached.as_ref().map(|a| member::name(a));
        // One that was just made anew does not know its member yet; the member's record knows it.
        let by_record = || {
            let me = Key::new(&key.namespace, &reference.name).to_string();
            let mut records = ctx.world.clusters.by(MADE_BY, &me).into_iter().map(|record| record.name_any());
            records.find(|member| Some(member) == wanted.as_ref())
        };
        Candidate {
            reference: reference.clone(),
            // What its status says may be of the name that it had before.
            member: said.filter(|member| Some(member) == wanted.as_ref()).or_else(by_record),
            labels: attached.map(|a| a.labels().clone()).unwrap_or_default(),
        }
    });
    FleetFacts::Found(candidates.collect())
}

/// Why a source cannot be followed: reason and sentence.
type Refusal = (String, String);

async fn follow(ctx: &Ctx, key: &Key, application: Option<&Application>) -> Result<SourceFacts, WriteError> {
    let live = application.filter(|a| a.metadata.deletion_timestamp.is_none());
    let sync = live.and_then(|a| a.annotations().get(SYNC)).map(String::as_str);
    // There is no more to a sync than to say why there is nothing to fetch: whoever waits for it is told.
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
    let follow = Follow { spec, interval: Follow::interval(&git.interval) };
    Ok(match ctx.fetcher.follow(key, follow, sync, &ctx.shutdown) {
        Ok(facts) => facts,
        Err(error) => refused(Some((error.reason().to_owned(), error.to_string()))),
    })
}

async fn git_spec(ctx: &Ctx, key: &Key, git: &GitRepository) -> Result<Result<GitSpec, Refusal>, WriteError> {
    let mut spec = GitSpec::new(&git.url, reference(git));
    spec.ignore.clone_from(&git.ignore);
    if let Some(timeout) = git.timeout.as_deref().and_then(model::duration::parse) {
        spec.timeout = timeout.max(Duration::from_secs(1));
    }
    let Some(secret_ref) = &git.secret_ref else { return Ok(Ok(spec)) };
    let about = format!("Secret {}/{}", key.namespace, secret_ref.name);
    let api: Api<Secret> = write::namespaced(&ctx.client, &key.namespace);
    let secret = api.get_opt(&secret_ref.name).await;
    let Some(secret) = secret.map_err(|e| WriteError::new::<Secret>("read", &secret_ref.name, e))? else {
        let message = format!("{about} does not exist; spec.source.gitRepository.secretRef names it");
        return Ok(Err(("SecretNotFound".into(), message)));
    };
    let data = secret.data.unwrap_or_default();
    let text = |field: &str| data.get(field).map(|b| String::from_utf8_lossy(&b.0).trim_end().to_owned());
    spec.credentials = match (text("bearerToken"), text("username"), text("password")) {
        (Some(token), _, _) => Some(Credentials::Bearer(token)),
        (None, Some(username), Some(password)) => Some(Credentials::Basic { username, password }),
        _ => None,
    };
    spec.ca = data.get("ca.crt").or_else(|| data.get("caFile")).map(|b| b.0.clone());
    if spec.credentials.is_none() && spec.ca.is_none() {
        let message = format!("{about} has neither username and password, nor bearerToken, nor ca.crt");
        return Ok(Err(("SecretInvalid".into(), message)));
    }
    Ok(Ok(spec))
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

/// Renders what every unit should be rendered from, as far as it can be. Says when to look again, should an artifact have
/// to be fetched again first.
async fn render_wanted(ctx: &Ctx, key: &Key, observed: &mut Observed<'_>, now: Timestamp) -> Option<Lost> {
    let mut lost = None;
    for want in wanted(observed, now) {
        let unit = want.revision.unit.clone();
        // A directory that was there in an earlier revision and is gone was emptied; one that never was is a mistake.
        let path = |r: &api::delivery::RevisionSpec| r.policy.get("path").cloned();
        let known = observed.revisions.values().any(|r| r.unit == unit && path(r) == path(&want.revision));
        let missing_is_empty = known || !want.is_new;
        let rendered = match ctx.renderings.summary(&want.revision, missing_is_empty).await {
            Ok(Summary { digest, objects }) => Rendered::Payload { digest, objects },
            Err(Failure::ArtifactLost(_)) => match ctx.fetcher.recover(key, &want.revision.artifact) {
                Recovery::UnderWay => return Some(Lost::UnderWay),
                Recovery::Failed(why) => {
                    lost = Some(Lost::Failed);
                    Rendered::Failed(format!("its artifact is lost and cannot be fetched again: {why}"))
                }
            },
            Err(failure) => {
                if matches!(failure, Failure::Disk(_)) {
                    lost = Some(Lost::Failed);
                }
                Rendered::Failed(failure.to_string())
            }
        };
        observed.rendered.insert(unit, rendered);
    }
    lost
}
