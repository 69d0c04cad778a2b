//! The record, the kubeconfig with a client made of it, the last probe.

use api::kurator::annotation::{APPROVE_IDENTITY, APPROVE_TAKE_OVER, MINTED, ON_DETACH, RELEASE, REMOVE};
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::minted::Minted;
use api::reason;
use client::{Credential, CredentialError};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use model::MemberName;
use plan::credential::Standing;
use plan::member::{CredentialRef, Going, Observed, Problem, Record, TakeOverWish};

use super::{Ctx, leave};
use crate::connection::Prepared;
use crate::credential::kubeconfig::Made;
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
    let id = record.as_ref().and_then(|record| record.id.as_deref());
    // Who claims the name of another's member must not change that member's connection.
    let origin = origin::of_attached(key);
    let own = name.filter(|_| record.as_ref().is_none_or(|record| record.origin.as_ref() == Some(&origin)));
    let Found { server, secret_version, standing, prepared } = find_connection(ctx, attached, key, own, id).await?;
    let probe = name.and_then(|name| ctx.probes.probe(name));
    let seen = probe.as_ref().and_then(|p| p.facts.uid.clone());
    // A record whose origin is gone, or goes by another name, is about to go too.
    let twin = seen.and_then(|uid| {
        let same = ctx.clusters.by_index(IDENTITY, &uid);
        let mut others = same.iter().filter(|c| Some(c.name_any().as_str()) != name.map(MemberName::as_str));
        others.find(|c| ctx.origins.is_claimed(c)).and_then(|c| c.name_any().parse().ok())
    });
    let emptying = leave::emptying(ctx, attached, key, own);
    let going = if emptying.is_some() { None } else { going(ctx, attached, name) };
    let take_over = take_over(ctx, attached, name);
    let is_probed = match (&prepared, name) {
        (Some(Prepared::Open(open)), Some(name)) => ctx.probes.is_probed(name, open.serial),
        _ => false,
    };
    let link = name.and_then(|name| {
        let record = ctx.clusters.get(&NamespacedName::new("", name.as_str()))?;
        let is_mine = origin::of_record(&record).as_ref() == Some(&origin);
        is_mine.then(|| record::link_of(&ctx.statuses, name, &record)).flatten()
    });
    let observed = Observed {
        origin,
        labels: attached.labels().clone(),
        namespaces: attached.spec.namespaces.clone(),
        credential: CredentialRef {
            namespace: key.namespace.clone(),
            secret: attached.spec.kubeconfig.name.clone(),
            key: attached.spec.kubeconfig.key.clone(),
        },
        member,
        conditions: attached.status.clone().unwrap_or_default().conditions,
        server,
        secret_version,
        standing,
        record,
        twin,
        probe,
        is_probed,
        link,
        alive_before: ctx.alive_before,
        going,
        emptying,
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
    if !is_going || !origin::waits_for_us(attached) {
        return None;
    }
    let how = attached.annotations().get(ON_DETACH).map(String::as_str);
    let is_released = how.is_some_and(|how| [RELEASE, REMOVE].contains(&how));
    let Some(member) = member.filter(|_| is_released) else { return Some(Going::Keep) };
    let record = ctx.clusters.get(&NamespacedName::new("", member.as_str()));
    let progress =
        record.and_then(|record| record::moving_of(&ctx.statuses, member, &record).release.map(|release| *release));
    Some(if how == Some(REMOVE) { Going::Remove(progress) } else { Going::Release(progress) })
}

/// What the Secret and the connections have.
struct Found {
    /// The server in use.
    server: Result<String, Problem>,
    secret_version: Option<String>,
    standing: Standing,
    prepared: Option<Prepared>,
}

/// Reads the kubeconfig, and finds the connection with it. A kubeconfig that is wrong does not put away one that works.
async fn find_connection(
    ctx: &Ctx,
    attached: &AttachedCluster,
    key: &NamespacedName,
    member: Option<&MemberName>,
    id: Option<&str>,
) -> Result<Found, WriteError> {
    // The hub's own failure says nothing of the member: the whole look is tried again.
    let secret: Option<Secret> = write::read(&ctx.api, &key.namespace, &attached.spec.kubeconfig.name).await?;
    let secret_version = secret.as_ref().and_then(|secret| secret.metadata.resource_version.clone());
    let minted = secret.as_ref().and_then(|secret| Minted::parse(secret.annotations().get(MINTED)?));
    let mut found = Found {
        server: Ok(String::new()),
        secret_version,
        standing: Standing { minted, ..Standing::default() },
        prepared: None,
    };
    let text = match read(secret, attached, key) {
        Ok(text) => text,
        // Who takes the credential away wants it not used.
        Err(problem) => {
            found.server = Err(problem);
            return Ok(found);
        }
    };
    // Of a person's kubeconfig it says nothing that one from before it could not be renewed.
    found.standing.minted = found.standing.minted.map(|minted| match Made::parse(&text, &minted) {
        Some(_) => minted,
        None => Minted { problem: None, ..minted },
    });
    let credential = Credential::parse(&text, ctx.trust);
    let Some(member) = member else {
        found.server = credential.map(|c| c.server().to_owned()).map_err(|error| malformed(attached, key, &error));
        return Ok(found);
    };
    let prepared = match credential {
        Ok(credential) => {
            found.standing.expires = credential.expires();
            found.server = Ok(credential.server().to_owned());
            ctx.connections.prepare(member, &credential, id).await
        }
        Err(error) => Err(error),
    };
    let kept = match prepared {
        Ok(Prepared::Kept(connection, why)) => Some((connection, unused(attached, key, &why))),
        Ok(prepared) => {
            found.prepared = Some(prepared);
            return Ok(found);
        }
        Err(error) => {
            let problem = malformed(attached, key, &error);
            match ctx.connections.working(member, id).await {
                Some(connection) => Some((connection, problem)),
                None => {
                    found.server = Err(problem);
                    None
                }
            }
        }
    };
    if let Some((connection, problem)) = kept {
        found.server = Ok(connection.server.to_string());
        found.standing.expires = connection.expires;
        found.standing.unused = Some(problem);
        found.prepared = Some(Prepared::Open(connection));
    }
    Ok(found)
}

/// Why a credential that can be read is not used.
fn unused(attached: &AttachedCluster, key: &NamespacedName, why: &client::Error) -> Problem {
    let reason = if why.is_denied() { reason::CREDENTIAL_REFUSED } else { reason::CLUSTER_NOT_REACHABLE };
    let secret = &attached.spec.kubeconfig.name;
    let message = format!("with the kubeconfig in Secret {}/{secret} the member does not answer: {why}", key.namespace);
    Problem { reason, message }
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
        CredentialError::Malformed(_) | CredentialError::Unfit { .. } | CredentialError::Unusable(_) => {
            reason::KUBECONFIG_MALFORMED
        }
    };
    Problem { reason, message: format!("Secret {}/{}: {error}", key.namespace, attached.spec.kubeconfig.name) }
}
