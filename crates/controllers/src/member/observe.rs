//! The record, the kubeconfig with a client made of it, the last probe.

use api::kurator::annotation::{APPROVE_IDENTITY, ATTACHED_BY};
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::reason;
use client::{Credential, CredentialError};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt};
use plan::member::{Observed, Problem, Record};

use crate::Ctx;
use crate::informer::Key;
use crate::member::is_claimed;
use crate::world::IDENTITY;
use crate::write::{self, WriteError};

/// A connection that is not there yet.
pub(super) struct Fresh {
    pub(super) credential: Credential,
    pub(super) client: Client,
}

/// What there is, and a client for its kubeconfig if that is usable and new.
pub(super) async fn observe(
    ctx: &Ctx,
    attached: &AttachedCluster,
    key: &Key,
) -> Result<(Observed, Option<Fresh>), WriteError> {
    let member = super::name(attached);
    let record = ctx.world.clusters.get(&Key::new("", &member)).map(|cluster| Record {
        attached_by: cluster.annotations().get(ATTACHED_BY).cloned(),
        id: cluster.spec.id.clone(),
        approved_id: cluster.annotations().get(APPROVE_IDENTITY).cloned(),
        status: cluster.status.clone().unwrap_or_default(),
    });
    let (server, fresh) = match connection(ctx, attached, key, &member).await? {
        Ok((server, fresh)) => (Ok(server), fresh),
        Err(problem) => (Err(problem), None),
    };
    let probe = ctx.members.probe(&member);
    let seen = probe.as_ref().and_then(|p| p.facts.uid.clone());
    // A record whose AttachedCluster is gone, or goes by another name, is about to go too.
    let twin = seen.and_then(|uid| {
        let same = ctx.world.clusters.by(IDENTITY, &uid);
        same.iter().find(|c| c.name_any() != member && is_claimed(ctx, c)).map(|c| c.name_any())
    });
    let observed = Observed {
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        labels: attached.labels().clone(),
        member,
        secret: attached.spec.kubeconfig.name.clone(),
        conditions: attached.status.clone().unwrap_or_default().conditions,
        server,
        record,
        twin,
        probe,
    };
    Ok((observed, fresh))
}

/// The server in the kubeconfig, and a client for it unless there is one already.
async fn connection(
    ctx: &Ctx,
    attached: &AttachedCluster,
    key: &Key,
    member: &str,
) -> Result<Result<(String, Option<Fresh>), Problem>, WriteError> {
    let credential = match credential(ctx, attached, key).await? {
        Ok(credential) => credential,
        Err(problem) => return Ok(Err(problem)),
    };
    let server = credential.server().to_owned();
    if ctx.members.has(member, &credential) {
        return Ok(Ok((server, None)));
    }
    let client = credential.client().await.map_err(|error| malformed(attached, key, &error));
    Ok(client.map(|client| (server, Some(Fresh { credential, client }))))
}

async fn credential(
    ctx: &Ctx,
    attached: &AttachedCluster,
    key: &Key,
) -> Result<Result<Credential, Problem>, WriteError> {
    let reference = &attached.spec.kubeconfig;
    let secrets: Api<Secret> = write::namespaced(&ctx.client, &key.namespace);
    let found = secrets.get_opt(&reference.name).await;
    // The hub's own failure says nothing of the member: the whole look is tried again.
    let found = found.map_err(|error| WriteError::new::<Secret>("read", &reference.name, error))?;
    Ok(read(found, attached, key)
        .and_then(|text| Credential::parse(&text, ctx.trust).map_err(|error| malformed(attached, key, &error))))
}

/// The kubeconfig's text.
fn read(secret: Option<Secret>, attached: &AttachedCluster, key: &Key) -> Result<Vec<u8>, Problem> {
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

fn malformed(attached: &AttachedCluster, key: &Key, error: &CredentialError) -> Problem {
    let reason = match error {
        CredentialError::Refused { .. } => reason::KUBECONFIG_REFUSED,
        CredentialError::Malformed(_) | CredentialError::Unusable(_) => reason::KUBECONFIG_MALFORMED,
    };
    Problem { reason, message: format!("Secret {}/{}: {error}", key.namespace, attached.spec.kubeconfig.name) }
}
