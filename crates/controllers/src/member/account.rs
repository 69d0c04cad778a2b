//! The account that `kurator attach` made in a member: it goes as the last thing, when everything else is given back. That is
//! stored before, so that a process that ends in between, after which the member knows the hub no more, is not stuck.

use std::time::Duration;

use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::minted::{ACCOUNT_REMOVED, ACCOUNT_SHARED, ACCOUNT_STAYS, SERVICE_ACCOUNT, account_event};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::{Resource, ResourceExt};
use model::words;
use plan::member::{Going, Observed};

use super::{Ctx, FIELD_MANAGER};
use crate::account::{self, End};
use crate::write::{self, WriteError};
use client::NamespacedName;

/// Pause before a member that did not answer is asked again to let go of the account.
const AGAIN: Duration = Duration::from_secs(10);

/// Longest note of an Event, in characters: it may have 1,024 bytes (`pkg/apis/core/validation/events.go`).
const NOTE_CHARS_MAX: usize = 1_024 / 4;

/// Removes the account of a member that is left for good, and notes what became of it. Returns when to try again, if it has
/// to be tried again before the AttachedCluster may go.
pub(super) async fn leave(
    ctx: &Ctx,
    key: &NamespacedName,
    attached: &AttachedCluster,
    observed: &Observed,
) -> Result<Option<Duration>, WriteError> {
    let is_given_back = matches!(&observed.going, Some(Going::Release(Some(progress)) | Going::Remove(Some(progress))) if progress.done)
        && observed.record.is_some();
    let (true, Some(minted), Ok(member)) = (is_given_back, &observed.standing.minted, &observed.member) else {
        return Ok(None);
    };
    let end = match ctx.connections.get(member) {
        Some(connection) => {
            match account::remove(&connection.api, &ctx.hub, minted, !observed.namespaces.is_empty()).await {
                Ok(end) => end,
                Err(error) => {
                    tracing::info!(%member, %error, "its account in the member cannot be removed yet");
                    return Ok(Some(AGAIN));
                }
            }
        }
        None => End::Stays("the hub has no credential for the member any more".to_owned()),
    };
    let (reason, note) = match &end {
        End::Removed(None) => {
            (ACCOUNT_REMOVED, format!("in member {member}, the hub's account and all its rights are gone"))
        }
        End::Removed(Some(why)) => {
            (ACCOUNT_REMOVED, format!("in member {member}, the hub's account and all its rights are gone; {why}"))
        }
        End::Stays(why) => {
            (ACCOUNT_STAYS, format!("in member {member}, the hub's account stays, with its rights: {why}"))
        }
        End::Left { why, has_rights } => {
            let rights = if *has_rights { "with its rights" } else { "without its rights in the whole cluster" };
            (ACCOUNT_STAYS, format!("in member {member}, the hub's account is deleted and not gone, {rights}: {why}"))
        }
        End::Shared(hubs) => {
            (ACCOUNT_SHARED, format!("in member {member}, the account stays, since others work as it: {hubs}"))
        }
        End::ShutOut(why) => (
            ACCOUNT_STAYS,
            format!(
                "member {member} does not let the hub in any more; see whether ClusterRole {SERVICE_ACCOUNT} is gone \
                 there, with which the hub's account goes: {why}"
            ),
        ),
    };
    tracing::info!(%member, note, "left for good");
    let event = event(ctx, key, attached, reason, &note);
    if let Err(error) = write::create(&ctx.api, &event).await
        && !error.is_conflict()
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "cannot record an event");
    }
    // After the note: a pass that is made again finds the mark, and comes to the same end.
    if let (End::Stays(_) | End::Left { .. }, Some(connection)) = (&end, ctx.connections.get(member)) {
        match account::unmark(&connection.api, minted).await {
            Ok(None) => {}
            Ok(Some(why)) => tracing::warn!(%member, why, "the mark that this hub works as the account stays on it"),
            // With the mark on it, other hubs would leave the account for this one for ever.
            Err(error) => {
                tracing::info!(%member, %error, "its mark cannot be taken off the account in the member yet");
                return Ok(Some(AGAIN));
            }
        }
    }
    Ok(None)
}

fn event(ctx: &Ctx, key: &NamespacedName, attached: &AttachedCluster, reason: &str, note: &str) -> Event {
    let mut event = Event {
        type_: Some(if reason == ACCOUNT_STAYS { "Warning" } else { "Normal" }.to_owned()),
        reason: Some(reason.to_owned()),
        note: Some(words::bounded(note, NOTE_CHARS_MAX)),
        action: Some("Detach".into()),
        regarding: Some(attached.object_ref(&())),
        event_time: Some(MicroTime(ctx.clock.now())),
        reporting_controller: Some(FIELD_MANAGER.to_owned()),
        reporting_instance: Some(FIELD_MANAGER.to_owned()),
        ..Event::default()
    };
    event.metadata.namespace = Some(key.namespace.clone());
    event.metadata.name = Some(account_event(&key.name, &attached.uid().unwrap_or_default()));
    event
}
