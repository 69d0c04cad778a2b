//! Member: an AttachedCluster becomes a member of the hub, and is watched from then on.
//!
//! Triggered by AttachedClusters, their Secrets, members' records, and by a probe that saw something new. Reads the
//! Secret and the member. Writes the Cluster record (spec by server-side apply, all of its status) and
//! `AttachedCluster.status`. Deleting an AttachedCluster deletes the record and nothing in the member.
//!
//! | step | what |
//! |---|---|
//! | `observe` | the record of that name, the Secret's kubeconfig, the last probe |
//! | [`plan::member`] | whose name it is, who it is, how it is |
//! | `apply` | the record; the connection and its prober |
//! | `status` | both statuses, when they differ |
//!
//! An AttachedCluster that gets another `memberName` gives its record up: the member of the old name is no member any
//! more, as after detaching, and nothing is deleted in it.
//!
//! Failure modes: a Secret that is missing or refused leaves the record and says so; a member that does not answer is
//! probed for ever with back-off by its own task.

mod apply;
mod observe;
mod probe;
mod registry;
mod status;

use std::sync::Arc;

use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::ATTACHED_BY;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};

use crate::informer::Key;
use crate::queue::Next;
use crate::world::SECRET;
use crate::{Ctx, WriteError};

pub use registry::{Connection, Members};

/// Field manager of members' records.
const FIELD_MANAGER: &str = "kurator-member";

/// Looks at one AttachedCluster.
pub async fn reconcile(ctx: Arc<Ctx>, key: Key) -> Next {
    match pass(&ctx, &key).await {
        Ok(()) => Next::Wait,
        Err(error) if error.is_conflict() => Next::Retry,
        Err(error) => {
            tracing::warn!(attached = %key, error = &error as &dyn std::error::Error, "cannot look after the member");
            Next::Retry
        }
    }
}

async fn pass(ctx: &Arc<Ctx>, key: &Key) -> Result<(), WriteError> {
    let Some(attached) = ctx.world.attached.get(key) else { return apply::detach(ctx, key, None).await };
    let (observed, fresh) = observe::observe(ctx, &attached, key).await?; // client
    let plan = plan::member::plan(&observed, attached.metadata.generation, ctx.clock.now()); // pure
    apply::apply(ctx, key, &observed.member, &plan, fresh).await?; // client
    status::write(ctx, key, &attached, &observed.member, plan).await // client
}

/// The name that an AttachedCluster wants for its member.
pub(crate) fn name(attached: &AttachedCluster) -> String {
    attached.spec.member_name.clone().unwrap_or_else(|| attached.name_any())
}

/// Does the AttachedCluster that made a record still want it? One that is gone or going, or goes by another name, does not:
/// its member is none any more, even while the record itself is still there. A record that nobody made is its own.
pub(crate) fn is_claimed(ctx: &Ctx, cluster: &Cluster) -> bool {
    let Some((namespace, made_by)) = cluster.annotations().get(ATTACHED_BY).and_then(|by| by.split_once('/')) else {
        return true;
    };
    let made_by = ctx.world.attached.get(&Key::new(namespace, made_by));
    made_by.is_some_and(|a| a.metadata.deletion_timestamp.is_none() && name(&a) == cluster.name_any())
}

/// Makes every AttachedCluster and every Application that names a Secret look again when that Secret changes. Only names
/// are kept.
pub(crate) async fn watch_secrets(ctx: Arc<Ctx>) {
    let api: Api<PartialObjectMeta<Secret>> = Api::all(ctx.client.clone());
    let stream = watcher::watcher(api, watcher::Config::default()).default_backoff();
    let mut stream = std::pin::pin!(stream);
    loop {
        let event = tokio::select! {
            () = ctx.shutdown.cancelled() => return,
            event = stream.try_next() => event,
        };
        let secret = match event {
            Ok(Some(Event::Apply(secret) | Event::InitApply(secret) | Event::Delete(secret))) => secret,
            Ok(Some(_)) => continue,
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(%error, "watch of Secrets interrupted");
                continue;
            }
        };
        let term = Key::of(&secret).to_string();
        for attached in ctx.world.attached.by(SECRET, &term) {
            ctx.attached_queue.add(Key::of(attached.as_ref()));
        }
        for application in ctx.world.applications.by(SECRET, &term) {
            ctx.application_queue.add(Key::of(application.as_ref()));
        }
    }
}
