//! The record, the kubeconfig, the last probe.

use api::annotation::{APPROVE_IDENTITY, ATTACHED_BY};
use api::cluster::v1alpha1::AttachedCluster;
use api::reason;
use client::{Credential, CredentialError};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};
use plan::member::{Observed, Problem, Record};

use crate::Ctx;
use crate::informer::Key;
use crate::write;

/// What there is, and the credential if there is a usable one.
pub(super) async fn observe(ctx: &Ctx, attached: &AttachedCluster, key: &Key) -> (Observed, Option<Credential>) {
    let member = attached.spec.member_name.clone().unwrap_or_else(|| attached.name_any());
    let record = ctx.world.clusters.get(&Key::new("", &member)).map(|cluster| Record {
        attached_by: cluster.annotations().get(ATTACHED_BY).cloned(),
        id: cluster.spec.id.clone(),
        approved_id: cluster.annotations().get(APPROVE_IDENTITY).cloned(),
        status: cluster.status.clone().unwrap_or_default(),
    });
    let credential = credential(ctx, attached, key).await;
    let probe = ctx.members.probe(&member);
    let seen = probe.as_ref().and_then(|p| p.facts.uid.clone());
    let twin = seen.and_then(|uid| {
        let clusters = ctx.world.clusters.list();
        clusters.iter().find(|c| c.name_any() != member && c.spec.id.as_ref() == Some(&uid)).map(|c| c.name_any())
    });
    let observed = Observed {
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        labels: attached.labels().clone(),
        member,
        secret: attached.spec.kubeconfig.name.clone(),
        conditions: attached.status.clone().unwrap_or_default().conditions,
        server: credential.as_ref().map(|c| c.server().to_owned()).map_err(Clone::clone),
        record,
        twin,
        probe,
    };
    (observed, credential.ok())
}

async fn credential(ctx: &Ctx, attached: &AttachedCluster, key: &Key) -> Result<Credential, Problem> {
    let reference = &attached.spec.kubeconfig;
    let secrets: Api<Secret> = write::namespaced(&ctx.client, &key.namespace);
    let problem = |reason, message| Problem { reason, message };
    let secret = match secrets.get_opt(&reference.name).await {
        Ok(Some(secret)) => secret,
        Ok(None) => {
            let message = format!(
                "Secret {}/{} does not exist; create it with the member's kubeconfig under key {:?}",
                key.namespace, reference.name, reference.key
            );
            return Err(problem(reason::SECRET_NOT_FOUND, message));
        }
        Err(error) => {
            let message = format!("cannot read Secret {}/{}: {error}", key.namespace, reference.name);
            return Err(problem(reason::SECRET_UNREADABLE, message));
        }
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
    Credential::parse(&bytes.0, ctx.trust).map_err(|error| {
        let reason = match error {
            CredentialError::Refused { .. } => reason::KUBECONFIG_REFUSED,
            CredentialError::Malformed(_) | CredentialError::Unusable(_) => reason::KUBECONFIG_MALFORMED,
        };
        problem(reason, format!("Secret {}/{}: {error}", key.namespace, reference.name))
    })
}
