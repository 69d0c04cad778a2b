//! `kurator approve`: releases exactly the deletions that are shown, or a member's new identity.

use std::time::Duration;

use anyhow::bail;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::{APPROVE, APPROVE_IDENTITY};
use api::kurator::apps::v1alpha1::Application;
use kube::Api;
use kube::api::Patch;
use serde_json::json;

use crate::args::{Approve, Common, Target};
use crate::connect::{self, asked};
use crate::output;
use crate::sync::{LOOK_EVERY, params};

pub(crate) async fn run(common: &Common, what: &Approve) -> anyhow::Result<()> {
    match &what.object {
        Target::App(name) => deletions(common, name, what.digest.as_deref()).await,
        Target::Member(name) => identity(common, name).await,
    }
}

/// How long members have to list their deletions before `kurator approve` gives up: a member that answers takes
/// well below a second, and its status is stored at most once a second.
const LISTED_WITHIN: Duration = Duration::from_secs(30);

async fn deletions(common: &Common, name: &str, digest: Option<&str>) -> anyhow::Result<()> {
    let api: Api<Application> = Api::namespaced(connect::hub(common).await?, &common.namespace);
    let deadline = tokio::time::Instant::now() + LISTED_WITHIN;
    // The first member's list is held at once. An approval of it would be void when the second one's is there, so
    // without a digest it is the whole list that is shown and approved.
    let held = loop {
        let app = api.get(name).await.map_err(connect::about(&Target::App(name.to_owned()), common))?;
        let held = app.status.unwrap_or_default().held;
        if held.is_empty() {
            bail!("app/{name}: no deletion waits for approval; see `kurator status app/{name}`");
        }
        let Some(late) = held.iter().find(|h| !h.waiting_on.is_empty()).filter(|_| digest.is_none()) else {
            break held;
        };
        if tokio::time::Instant::now() >= deadline {
            bail!(
                "app/{name}: {} did not say within {} s what would be deleted there, so the list of policy {} may still \
                 grow; see `kurator status app/{name}`, or approve what is listed with --digest {}",
                late.waiting_on.join(", "),
                LISTED_WITHIN.as_secs(),
                late.policy,
                late.digest
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let chosen: Vec<_> = held.iter().filter(|h| digest.is_none_or(|d| d == h.digest)).collect();
    if chosen.is_empty() {
        let now: Vec<&str> = held.iter().map(|h| h.digest.as_str()).collect();
        bail!(
            "app/{name}: the list has changed since you looked (it is now {}); look again with `kurator status app/{name}`",
            now.join(", ")
        );
    }
    let digests: Vec<&str> = chosen.iter().map(|h| h.digest.as_str()).collect();
    // The digests that were shown: a list that has changed since is another one, and not approved.
    let patch = json!({"metadata": {"annotations": {APPROVE: digests.join(",")}}});
    api.patch(name, &params(), &Patch::Merge(&patch)).await.map_err(asked(&format!("cannot approve app/{name}")))?;
    let facts = json!({"name": name, "namespace": common.namespace, "approved": chosen});
    if output::structured(common.output, &facts)? {
        return Ok(());
    }
    for list in &chosen {
        output::note(format_args!("releasing {} deletions of policy {} ({})", list.count, list.policy, list.digest));
        for member in &list.members {
            output::note(format_args!("  {member}"));
        }
        if !list.waiting_on.is_empty() {
            output::note(format_args!(
                "  not covered: what {} may still report; that is held again, look with `kurator status app/{name}`",
                list.waiting_on.join(", ")
            ));
        }
    }
    Ok(())
}

async fn identity(common: &Common, name: &str) -> anyhow::Result<()> {
    let api: Api<Cluster> = Api::all(connect::hub(common).await?);
    let cluster = api.get(name).await.map_err(connect::about(&Target::Member(name.to_owned()), common))?;
    let status = cluster.status.unwrap_or_default();
    let Some(uid) = status.observed_id else {
        bail!("member/{name}: nothing waits for approval; see `kurator status member/{name}`");
    };
    let patch = json!({"metadata": {"annotations": {APPROVE_IDENTITY: uid}}});
    api.patch(name, &params(), &Patch::Merge(&patch)).await.map_err(asked(&format!("cannot approve member/{name}")))?;
    if !output::structured(common.output, &json!({"name": name, "approvedId": uid}))? {
        output::note(format_args!("member/{name}: from now on the cluster with kube-system UID {uid}"));
    }
    Ok(())
}
