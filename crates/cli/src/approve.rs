//! `kurator approve`: releases exactly the deletions that are shown, or a member's new identity.

use anyhow::bail;
use api::annotation::{APPROVE, APPROVE_IDENTITY};
use api::apps::v1alpha1::Application;
use api::member::v1alpha1::Cluster;
use kube::Api;
use kube::api::Patch;
use serde_json::json;

use crate::args::{Approve, Common, Target};
use crate::connect::{self, asked};
use crate::sync::params;

pub(crate) async fn run(common: &Common, what: &Approve) -> anyhow::Result<()> {
    match &what.object {
        Target::App(name) => deletions(common, name, what.digest.as_deref()).await,
        Target::Member(name) => identity(common, name).await,
    }
}

async fn deletions(common: &Common, name: &str, digest: Option<&str>) -> anyhow::Result<()> {
    let api: Api<Application> = Api::namespaced(connect::hub(common).await?, &common.namespace);
    let app = api.get(name).await.map_err(connect::about(&Target::App(name.to_owned()), common))?;
    let held = app.status.unwrap_or_default().held;
    if held.is_empty() {
        bail!("app/{name}: no deletion waits for approval; see `kurator status app/{name}`");
    }
    let chosen: Vec<_> = held.iter().filter(|h| digest.is_none_or(|d| d == h.digest)).collect();
    if chosen.is_empty() {
        let now: Vec<&str> = held.iter().map(|h| h.digest.as_str()).collect();
        bail!(
            "app/{name}: the list has changed since you looked (it is now {}); look again with `kurator status app/{name}`",
            now.join(", ")
        );
    }
    for list in &chosen {
        eprintln!("releasing {} deletions of policy {} ({})", list.count, list.policy, list.digest);
        for member in &list.members {
            eprintln!("  {member}");
        }
    }
    let digests: Vec<&str> = chosen.iter().map(|h| h.digest.as_str()).collect();
    // The version that was shown: what changed since is not approved.
    let patch = json!({"metadata": {"annotations": {APPROVE: digests.join(",")}}});
    api.patch(name, &params(), &Patch::Merge(&patch)).await.map_err(asked(&format!("cannot approve app/{name}")))?;
    Ok(())
}

async fn identity(common: &Common, name: &str) -> anyhow::Result<()> {
    let api: Api<Cluster> = Api::all(connect::hub(common).await?);
    let cluster = api.get(name).await.map_err(connect::about(&Target::Member(name.to_owned()), common))?;
    let status = cluster.status.unwrap_or_default();
    let Some(uid) = status.observed_id else {
        bail!("member/{name}: nothing waits for approval; see `kurator status member/{name}`");
    };
    eprintln!("member/{name}: from now on the cluster with kube-system UID {uid}");
    let patch = json!({"metadata": {"annotations": {APPROVE_IDENTITY: uid}}});
    api.patch(name, &params(), &Patch::Merge(&patch)).await.map_err(asked(&format!("cannot approve member/{name}")))?;
    Ok(())
}
