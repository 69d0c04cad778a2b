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
//! Failure modes: a Secret that is missing or refused leaves the record and says so; a member that does not answer is
//! probed for ever with back-off by its own task.

mod apply;
mod observe;
mod probe;
mod registry;
mod status;

use std::sync::Arc;

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};

use crate::informer::Key;
use crate::queue::Next;
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
    let Some(attached) = ctx.world.attached.get(key) else { return apply::detach(ctx, key).await };
    let (observed, credential) = observe::observe(ctx, &attached, key).await; // client
    let plan = plan::member::plan(&observed, attached.metadata.generation, ctx.clock.now()); // pure
    apply::apply(ctx, key, &observed.member, &plan, credential).await?; // client
    status::write(ctx, key, &attached, &observed.member, plan).await // client
}

/// Makes every AttachedCluster that names a Secret look again when that Secret changes. Only names are kept.
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
        let namespace = secret.namespace().unwrap_or_default();
        for attached in ctx.world.attached.list_in(&namespace) {
            if attached.spec.kubeconfig.name == secret.name_any() {
                ctx.attached_queue.add(Key::of(attached.as_ref()));
            }
        }
    }
}
