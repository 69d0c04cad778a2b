//! `kurator sync`, `suspend`, `resume`.

use std::time::Duration;

use anyhow::bail;
use api::kurator::annotation::SYNC;
use api::kurator::apps::v1alpha1::Application;
use api::{condition, reason};
use kube::api::{Patch, PatchParams};
use model::Clock;
use serde_json::{Value, json};

use crate::args::{Common, Sync};
use crate::connect::{self, Api, asked};
use crate::output;

/// How often a waiting command looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long something has to be in the way before `kurator sync` gives up: longer than the hub takes from a fetch to
/// the members' first reports on it.
const STUCK_FOR: Duration = Duration::from_secs(2);

/// The same for what may still mend itself: an applier's first retries, a container's first restarts.
const FAILING_FOR: Duration = Duration::from_secs(15);

/// How long a reason of `Ready` is waited with, when only a person can mend it; `None` for what passes by itself.
pub(crate) fn patience(reason: &str) -> Option<Duration> {
    match reason {
        reason::DELETIONS_HELD
        | reason::BUILD_FAILED
        | reason::RESTRICTED_NAMESPACE
        | reason::FLEET_NOT_FOUND
        | reason::MEMBER_NOT_FOUND
        | reason::NO_MEMBER_SELECTED
        | reason::NO_POLICIES
        | reason::DUPLICATE_POLICY_NAME
        | reason::NOT_IMPLEMENTED
        | reason::SUSPENDED => Some(STUCK_FOR),
        reason::RECONCILIATION_FAILED
        | reason::HEALTH_CHECK_FAILED
        | reason::CONTESTED
        | reason::BEING_DELETED
        | reason::MEMBER_BLOCKED
        | reason::MEMBER_NOT_READY => Some(FAILING_FOR),
        _ => None,
    }
}

/// How long a command waits before it says what it waits for: most fleets follow sooner.
pub(crate) const SILENT_FOR: Duration = Duration::from_secs(3);

/// Field manager of what this command line writes.
pub(crate) const FIELD_MANAGER: &str = "kurator-cli";

/// Asks for a fetch and waits until the fleet follows.
pub(crate) async fn sync(common: &Common, what: Sync) -> anyhow::Result<()> {
    let name = what.name.as_str();
    let client = connect::hub(common).await?;
    let api: Api<Application> = Api::namespaced(client.clone(), &common.namespace);
    let asked_for = model::clock::format_micros(hub::SystemClock.now());
    let patch = json!({"metadata": {"annotations": {SYNC: asked_for}}});
    let app = connect::application(&client, common, name).await?;
    if app.spec.source.git_repository.is_some_and(|git| git.suspend) {
        bail!("app/{name}: its source is suspended and is not fetched; first `kurator resume app/{name}`");
    }
    api.patch(name, &params(), &Patch::Merge(&patch)).await.map_err(asked(&format!("cannot sync app/{name}")))?;
    if what.wait.no_wait {
        return done(common, name, "asked to sync", json!({"requested": asked_for}));
    }
    let deadline = tokio::time::Instant::now() + what.wait.timeout;
    let mut stuck: Option<(String, tokio::time::Instant)> = None;
    let (began, mut said) = (tokio::time::Instant::now(), None);
    loop {
        let app = api.get(name).await.map_err(asked(&format!("cannot read app/{name}")))?;
        let status = app.status.unwrap_or_default();
        let ready = condition::find(&status.conditions, condition::READY);
        let source = condition::find(&status.conditions, condition::SOURCE_READY);
        if status.last_handled_sync.as_deref() == Some(&asked_for) {
            let revision = revision(&status);
            if let Some(failed) = source.filter(|c| c.status == "False") {
                bail!("app/{name}: the source cannot be fetched: {}", failed.message);
            }
            match ready {
                Some(c) if c.status == "True" => {
                    let said = format!("{revision}, {}", c.message);
                    return done(common, name, &said, json!({"revision": revision, "message": c.message}));
                }
                Some(c) if patience(&c.reason).is_some() => {
                    // The first status after a fetch may still speak of the commit before.
                    let now = tokio::time::Instant::now();
                    let (_, since) =
                        stuck.take().filter(|(before, _)| *before == c.reason).unwrap_or((c.reason.clone(), now));
                    if patience(&c.reason).is_some_and(|patience| since.elapsed() >= patience) {
                        bail!("app/{name}: {revision}, {}: {}", c.reason, held_or(&status, &c.message));
                    }
                    stuck = Some((c.reason.clone(), since));
                }
                _ => stuck = None,
            }
        }
        // What it waits for is said once.
        let waits = ready.filter(|c| c.status != "True").map(|c| format!("{}: {}", c.reason, c.message));
        if began.elapsed() >= SILENT_FOR && waits.is_some() && waits != said {
            output::print_stderr(format_args!("app/{name}: {}", waits.as_deref().unwrap_or_default()));
            said = waits;
        }
        if tokio::time::Instant::now() >= deadline {
            let why = ready.map(|c| format!("{}: {}", c.reason, c.message)).unwrap_or_default();
            bail!(
                "app/{name}: not there after {} s ({why}); see `kurator status app/{name}`",
                what.wait.timeout.as_secs()
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The list that waits, of an Application that is held; else its message.
pub(crate) fn held_or(status: &api::kurator::apps::v1alpha1::ApplicationStatus, message: &str) -> String {
    condition::find(&status.conditions, condition::DELETIONS_HELD)
        .map_or_else(|| message.to_owned(), |c| c.message.clone())
}

pub(crate) fn revision(status: &api::kurator::apps::v1alpha1::ApplicationStatus) -> String {
    let git = status.source_status.as_ref().and_then(|s| s.git_repo_status.as_ref());
    git.and_then(|g| g.artifact.as_ref()).map(|a| short_revision(&a.revision)).unwrap_or_default()
}

/// `main@3f2c1a` for `main@sha1:3f2c1a…`.
pub(crate) fn short_revision(revision: &str) -> String {
    match revision.rsplit_once("sha1:") {
        Some((name, sha)) => format!("{name}{}", sha.chars().take(6).collect::<String>()),
        None => revision.to_owned(),
    }
}

/// Stops or starts the fetching of a source.
pub(crate) async fn suspend(common: &Common, name: String, on: bool) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let api: Api<Application> = Api::namespaced(client.clone(), &common.namespace);
    let app = connect::application(&client, common, &name).await?;
    if app.spec.source.git_repository.is_none() {
        bail!("app/{name}: only git sources can be suspended, and spec.source.gitRepository is not set");
    }
    let patch = json!({"spec": {"source": {"gitRepository": {"suspend": on}}}});
    api.patch(&name, &params(), &Patch::Merge(&patch)).await.map_err(asked(&format!("cannot change app/{name}")))?;
    let said = if on { "suspended; what runs stays" } else { "resumed" };
    done(common, &name, said, json!({"suspended": on}))
}

/// Says what was done: a sentence on stderr, or the facts on stdout.
fn done(common: &Common, name: &str, said: &str, mut facts: Value) -> anyhow::Result<()> {
    facts["name"] = json!(name);
    facts["namespace"] = json!(common.namespace);
    if !output::structured(common.output, &facts)? {
        output::print_stderr(format_args!("app/{name}: {said}"));
    }
    Ok(())
}

pub(crate) fn params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_by_itself_is_waited_for() {
        for (reason, expect) in [
            (reason::PROGRESSING, false),
            (reason::PENDING, false),
            (reason::MEMBER_UNKNOWN, false),
            (reason::SOURCE_NOT_READY, false),
            (reason::HEALTH_CHECK_FAILED, true),
            (reason::BUILD_FAILED, true),
            (reason::NO_MEMBER_SELECTED, true),
            (reason::DUPLICATE_POLICY_NAME, true),
            (reason::RECONCILIATION_FAILED, true),
            (reason::DELETIONS_HELD, true),
        ] {
            assert_eq!(patience(reason).is_some(), expect, "{reason}");
        }
    }
}
