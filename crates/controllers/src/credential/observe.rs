//! The Secret with its annotation, and whether its credential is in use.

use api::kurator::annotation::MINTED;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::minted::Minted;
use client::{Credential, NamespacedName};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use model::MemberName;

use super::Ctx;
use super::kubeconfig::Made;
use crate::connection::Connection;
use crate::origin;
use crate::write::{self, WriteError};

/// A credential that Kurator made.
pub(super) struct Observed {
    pub(super) member: MemberName,
    /// The AttachedCluster.
    pub(super) attached: NamespacedName,
    pub(super) secret: NamespacedName,
    /// Key of the kubeconfig in the Secret.
    pub(super) key: String,
    /// resourceVersion of the Secret.
    pub(super) version: Option<String>,
    pub(super) kubeconfig: Made,
    pub(super) minted: Minted,
    /// The recorded identity of the member.
    pub(super) id: Option<String>,
    /// The connection with this credential.
    pub(super) connection: Option<Connection>,
}

/// Reads the credential; `None` when Kurator did not make it, or nobody uses it.
pub(super) async fn observe(
    ctx: &Ctx,
    attached: &AttachedCluster,
    key: &NamespacedName,
) -> Result<Option<Observed>, WriteError> {
    let Ok(member) = origin::wanted_name(attached) else { return Ok(None) };
    // The record is made by the member controller, for the object that has the name.
    let record = ctx.clusters.get(&NamespacedName::new("", member.as_str()));
    let Some(record) = record.filter(|r| origin::of_record(r) == Some(origin::of_attached(key))) else {
        return Ok(None);
    };
    let reference = &attached.spec.kubeconfig;
    let secret: Option<Secret> = write::read(&ctx.api, &key.namespace, &reference.name).await?;
    let Some(secret) = secret else { return Ok(None) };
    let Some(minted) = secret.annotations().get(MINTED).and_then(|text| Minted::parse(text)) else { return Ok(None) };
    let version = secret.metadata.resource_version.clone();
    let Some(kubeconfig) = secret.data.and_then(|mut data| data.remove(&reference.key)) else { return Ok(None) };
    let Some(made) = Made::parse(&kubeconfig.0, &minted) else { return Ok(None) };
    let Ok(credential) = Credential::parse(&kubeconfig.0, ctx.trust) else { return Ok(None) };
    if !ctx.connections.uses(&member, &credential)
        && let Ok(prepared) = ctx.connections.prepare(&member, &credential, record.spec.id.as_deref()).await
    {
        ctx.connections.open(&member, prepared);
    }
    let connection = ctx.connections.get(&member).filter(|_| ctx.connections.uses(&member, &credential));
    Ok(Some(Observed {
        member,
        attached: key.clone(),
        secret: NamespacedName::new(key.namespace.clone(), reference.name.clone()),
        key: reference.key.clone(),
        version,
        kubeconfig: made,
        minted,
        id: record.spec.id.clone(),
        connection,
    }))
}
