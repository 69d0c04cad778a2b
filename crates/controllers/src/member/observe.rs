//! The record, the kubeconfig with a client made of it, the last probe.

use api::kurator::annotation::{APPROVE_IDENTITY, APPROVE_TAKE_OVER, DETACH_FINALIZER, ON_DETACH, RELEASE};
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::reason;
use client::{Credential, CredentialError};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use model::MemberName;
use plan::member::{CredentialRef, Going, Observed, Problem, Record, TakeOverWish};

use super::Ctx;
use crate::connection::Prepared;
use crate::index::IDENTITY;
use crate::origin;
use crate::record;
use crate::write::{self, WriteError};
use client::NamespacedName;

/// What there is, and a connection for its kubeconfig if that is usable.
pub(super) async fn observe(
    ctx: &Ctx,
    attached: &AttachedCluster,
    key: &NamespacedName,
) -> Result<(Observed, Option<Prepared>), WriteError> {
    let member = origin::wanted_name(attached);
    let name = member.as_ref().ok();
    let record =
        name.and_then(|name| ctx.clusters.get(&NamespacedName::new("", name.as_str()))).map(|cluster| Record {
            origin: origin::of_record(&cluster),
            id: cluster.spec.id.clone(),
            approved_id: cluster.annotations().get(APPROVE_IDENTITY).cloned(),
            status: cluster.status.clone().unwrap_or_default(),
        });
    let (server, prepared) = match connection(ctx, attached, key, name).await? {
        Ok((server, prepared)) => (Ok(server), prepared),
        Err(problem) => (Err(problem), None),
    };
    let probe = name.and_then(|name| ctx.probes.probe(name));
    let seen = probe.as_ref().and_then(|p| p.facts.uid.clone());
    // A record whose origin is gone, or goes by another name, is about to go too.
    let twin = seen.and_then(|uid| {
        let same = ctx.clusters.by_index(IDENTITY, &uid);
        let mut others = same.iter().filter(|c| Some(c.name_any().as_str()) != name.map(MemberName::as_str));
        others.find(|c| ctx.origins.is_claimed(c)).and_then(|c| c.name_any().parse().ok())
    });
    let going = going(ctx, attached, name);
    let take_over = take_over(ctx, attached, name);
    let observed = Observed {
        origin: origin::of_attached(key),
        labels: attached.labels().clone(),
        credential: CredentialRef {
            namespace: key.namespace.clone(),
            secret: attached.spec.kubeconfig.name.clone(),
            key: attached.spec.kubeconfig.key.clone(),
        },
        member,
        conditions: attached.status.clone().unwrap_or_default().conditions,
        server,
        record,
        twin,
        probe,
        going,
        take_over,
    };
    Ok((observed, prepared))
}

/// What an attached cluster says of another hub's objects.
fn take_over(ctx: &Ctx, attached: &AttachedCluster, member: Option<&MemberName>) -> Option<TakeOverWish> {
    let hub = attached.spec.take_over.as_ref()?.hub.clone();
    let progress = member.and_then(|member| {
        let record = ctx.clusters.get(&NamespacedName::new("", member.as_str()))?;
        record::moving_of(&ctx.statuses, member, &record).take_over.map(|said| *said)
    });
    Some(TakeOverWish { hub, approved: attached.annotations().get(APPROVE_TAKE_OVER).cloned(), progress })
}

/// How an attached cluster is to go that is being deleted and waits for our word.
fn going(ctx: &Ctx, attached: &AttachedCluster, member: Option<&MemberName>) -> Option<Going> {
    let is_going = attached.metadata.deletion_timestamp.is_some();
    let waits = attached.finalizers().iter().any(|finalizer| finalizer == DETACH_FINALIZER);
    if !is_going || !waits {
        return None;
    }
    let is_released = attached.annotations().get(ON_DETACH).is_some_and(|how| how == RELEASE);
    let Some(member) = member.filter(|_| is_released) else { return Some(Going::Keep) };
    let record = ctx.clusters.get(&NamespacedName::new("", member.as_str()));
    let progress =
        record.and_then(|record| record::moving_of(&ctx.statuses, member, &record).release.map(|release| *release));
    Some(Going::Release(progress))
}

/// The server in the kubeconfig, and a connection to it.
async fn connection(
    ctx: &Ctx,
    attached: &AttachedCluster,
    key: &NamespacedName,
    member: Option<&MemberName>,
) -> Result<Result<(String, Option<Prepared>), Problem>, WriteError> {
    let credential = match credential(ctx, attached, key).await? {
        Ok(credential) => credential,
        Err(problem) => return Ok(Err(problem)),
    };
    let server = credential.server().to_owned();
    let Some(member) = member else { return Ok(Ok((server, None))) };
    let prepared = ctx.connections.prepare(member, &credential).await;
    Ok(prepared.map(|prepared| (server, Some(prepared))).map_err(|error| malformed(attached, key, &error)))
}

async fn credential(
    ctx: &Ctx,
    attached: &AttachedCluster,
    key: &NamespacedName,
) -> Result<Result<Credential, Problem>, WriteError> {
    let reference = &attached.spec.kubeconfig;
    // The hub's own failure says nothing of the member: the whole look is tried again.
    let found = write::read(&ctx.api, &key.namespace, &reference.name).await?;
    Ok(read(found, attached, key)
        .and_then(|text| Credential::parse(&text, ctx.trust).map_err(|error| malformed(attached, key, &error))))
}

/// The kubeconfig's text.
fn read(secret: Option<Secret>, attached: &AttachedCluster, key: &NamespacedName) -> Result<Vec<u8>, Problem> {
    let reference = &attached.spec.kubeconfig;
    let problem = |reason, message| Problem { reason, message };
    let Some(secret) = secret else {
        let message = format!(
            "Secret {}/{} does not exist; create it with the member's kubeconfig under key {:?}",
            key.namespace, reference.name, reference.key
        );
        return Err(problem(reason::SECRET_NOT_FOUND, message));
    };
    let data = secret.data.unwrap_or_default();
    let Some(bytes) = data.get(&reference.key) else {
        let keys: Vec<&str> = data.keys().map(String::as_str).collect();
        let message = format!(
            "Secret {}/{} has no key {:?} (it has: {}); set spec.kubeconfig.key",
            key.namespace,
            reference.name,
            reference.key,
            if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
        );
        return Err(problem(reason::SECRET_KEY_NOT_FOUND, message));
    };
    Ok(bytes.0.clone())
}

fn malformed(attached: &AttachedCluster, key: &NamespacedName, error: &CredentialError) -> Problem {
    let reason = match error {
        CredentialError::Refused { .. } => reason::KUBECONFIG_REFUSED,
        CredentialError::Malformed(_) | CredentialError::Unusable(_) => reason::KUBECONFIG_MALFORMED,
    };
    Problem { reason, message: format!("Secret {}/{}: {error}", key.namespace, attached.spec.kubeconfig.name) }
}
