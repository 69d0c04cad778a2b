//! The fleet, the source, what is stored, what members report; and the renderings that are wanted.

use std::collections::BTreeMap;
use std::time::Duration;

use api::annotation::{ATTACHED_BY, SYNC};
use api::apps::v1alpha1::{Application, GitRepository};
use api::condition;
use api::delivery::MemberName;
use api::member::v1alpha1::Cluster;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};
use model::{GroupKind, Timestamp};
use place::Candidate;
use plan::application::{FleetFacts, Observed, Reach, Rendered, SourceFacts, owner, wanted};
use source::{Credentials, GitReference, GitSpec};

use crate::Ctx;
use crate::fetch::Follow;
use crate::informer::Key;
use crate::rendering::{Failure, RENDERER};
use crate::write;

pub(super) async fn observe<'a>(
    ctx: &'a Ctx,
    key: &'a Key,
    application: Option<&'a Application>,
    now: Timestamp,
) -> Observed<'a> {
    let mine = |unit: &api::delivery::UnitId| owner(unit) == Some((key.namespace.as_str(), key.name.as_str()));
    let revisions = ctx.world.revisions.list_in(&key.namespace);
    let decisions = ctx.world.decisions.list_in(&key.namespace);
    let mut observed = Observed {
        key: (&key.namespace, &key.name),
        application,
        hub: &ctx.hub,
        fleet: application.map(|a| fleet(ctx, key, a)).unwrap_or_default(),
        source: follow(ctx, key, application).await,
        revisions: revisions.iter().filter(|r| mine(&r.spec.unit)).map(|r| (r.name_any(), r.spec.clone())).collect(),
        decisions: decisions.iter().filter(|d| mine(&d.spec.unit)).map(|d| (d.name_any(), d.spec.clone())).collect(),
        statuses: ctx.delivery.statuses(mine),
        members: ctx.world.clusters.list().iter().filter_map(|c| reach(ctx, c)).collect(),
        rendered: BTreeMap::new(),
        not_implemented: application.map(not_implemented).unwrap_or_default(),
        renderer: RENDERER,
    };
    render_wanted(ctx, key, &mut observed, now).await;
    observed
}

fn not_implemented(application: &Application) -> Vec<model::FieldPath> {
    let value = serde_json::json!({"spec": application.spec});
    admit::not_implemented(&GroupKind::new("apps.kurator.dev", "Application"), &value)
}

/// Whether a member answers, by its record. A record whose AttachedCluster is gone, or is going, is no member any more,
/// even while the record itself is still there: detaching deletes nothing in the member, so nothing may be removed from
/// it in that moment either.
pub(crate) fn reach(ctx: &Ctx, cluster: &Cluster) -> Option<(MemberName, Reach)> {
    let name: MemberName = cluster.name_any().parse().ok()?;
    if let Some((namespace, attached)) = cluster.annotations().get(ATTACHED_BY).and_then(|by| by.split_once('/')) {
        let attached = ctx.world.attached.get(&Key::new(namespace, attached))?;
        if attached.metadata.deletion_timestamp.is_some() {
            return None;
        }
    }
    let conditions = cluster.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    let ready = condition::find(conditions, condition::READY).map(|c| c.status.as_str());
    let reach = match ready {
        Some("True") => Reach::Reachable,
        Some("False") if ctx.members.deliverable(name.as_str()).is_none() => Reach::Blocked,
        Some("False") => Reach::Reachable,
        _ => Reach::Unknown,
    };
    Some((name, reach))
}

/// The one fleet that the Application names: admission sees to it that all policies agree.
fn fleet(ctx: &Ctx, key: &Key, application: &Application) -> FleetFacts {
    let spec = &application.spec;
    let named = spec.sync_policies.iter().find_map(|p| spec.destination_of(p)).or(spec.destination.as_ref());
    let Some(name) = named.map(|d| d.fleet.clone()).filter(|n| !n.is_empty()) else { return FleetFacts::Unnamed };
    let Some(fleet) = ctx.world.fleets.get(&Key::new(&key.namespace, &name)) else {
        return FleetFacts::Missing(name);
    };
    let records = ctx.world.clusters.list();
    let candidates = fleet.spec.clusters.iter().map(|reference| {
        let attached = (reference.kind == "AttachedCluster")
            .then(|| ctx.world.attached.get(&Key::new(&key.namespace, &reference.name)))
            .flatten();
        // One that was just made anew does not know its member yet; the member's record knows it.
        let by_record = || {
            attached.as_ref()?;
            let me = format!("{}/{}", key.namespace, reference.name);
            let mut records = records.iter();
            records.find(|c| c.annotations().get(ATTACHED_BY) == Some(&me)).map(|c| c.name_any())
        };
        Candidate {
            reference: reference.clone(),
            member: attached.as_ref().and_then(|a| a.status.as_ref()?.member.clone()).or_else(by_record),
            labels: attached.map(|a| a.labels().clone()).unwrap_or_default(),
        }
    });
    FleetFacts::Found(candidates.collect())
}

async fn follow(ctx: &Ctx, key: &Key, application: Option<&Application>) -> SourceFacts {
    let live = application.filter(|a| a.metadata.deletion_timestamp.is_none());
    let Some(git) = live.and_then(|a| a.spec.source.git_repository.as_ref()) else {
        ctx.fetcher.forget(key);
        let unsupported = live.map(|_| {
            let message = "spec.source.gitRepository is not set: only git sources are followed so far";
            ("UnsupportedSource".to_owned(), message.to_owned())
        });
        return SourceFacts { error: unsupported, ..SourceFacts::default() };
    };
    if git.suspend {
        return ctx.fetcher.suspended(key);
    }
    let failed = |(reason, message)| SourceFacts { error: Some((reason, message)), ..SourceFacts::default() };
    let spec = match git_spec(ctx, key, git).await {
        Ok(spec) => spec,
        Err(error) => return failed(error),
    };
    let follow = Follow { spec, interval: Follow::interval(&git.interval) };
    let sync = live.and_then(|a| a.annotations().get(SYNC)).map(String::as_str);
    match ctx.fetcher.follow(key, follow, sync, &ctx.shutdown) {
        Ok(facts) => facts,
        Err(error) => failed((error.reason().to_owned(), error.to_string())),
    }
}

async fn git_spec(ctx: &Ctx, key: &Key, git: &GitRepository) -> Result<GitSpec, (String, String)> {
    let mut spec = GitSpec::new(&git.url, reference(git));
    spec.ignore.clone_from(&git.ignore);
    if let Some(timeout) = git.timeout.as_deref().and_then(model::duration::parse) {
        spec.timeout = timeout.max(Duration::from_secs(1));
    }
    let Some(secret_ref) = &git.secret_ref else { return Ok(spec) };
    let about = format!("Secret {}/{}", key.namespace, secret_ref.name);
    let api: Api<Secret> = write::namespaced(&ctx.client, &key.namespace);
    let secret = match api.get_opt(&secret_ref.name).await {
        Ok(Some(secret)) => secret,
        Ok(None) => return Err(("SecretNotFound".into(), format!("{about} does not exist; spec.source names it"))),
        Err(error) => return Err(("SecretUnreadable".into(), format!("{about}: {error}"))),
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
        return Err(("SecretInvalid".into(), message));
    }
    Ok(spec)
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

/// Renders what every unit should be rendered from, as far as it can be.
async fn render_wanted(ctx: &Ctx, key: &Key, observed: &mut Observed<'_>, now: Timestamp) {
    for want in wanted(observed, now) {
        let unit = want.revision.unit.clone();
        // A directory that was there in an earlier revision and is gone was emptied; one that never was is a mistake.
        let path = |r: &api::delivery::RevisionSpec| r.policy.get("path").cloned();
        let known = observed.revisions.values().any(|r| r.unit == unit && path(r) == path(&want.revision));
        let missing_is_empty = known || !want.is_new;
        let mut result = ctx.renderings.render(&want.revision, missing_is_empty).await;
        if let Err(Failure::ArtifactLost(_)) = &result {
            result = match ctx.fetcher.recover(key, &want.revision.artifact).await {
                Ok(()) => ctx.renderings.render(&want.revision, missing_is_empty).await,
                Err(error) => Err(Failure::Disk(error.to_string())),
            };
        }
        let rendered = match result {
            Ok(rendering) => Rendered::Payload { digest: rendering.digest, objects: rendering.objects },
            Err(failure) => Rendered::Failed(failure.to_string()),
        };
        observed.rendered.insert(unit, rendered);
    }
}
