//! `kurator approve`: releases exactly what is shown of an application, after asking; or a member's new identity.

mod wait;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::bail;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::{APPROVE, APPROVE_IDENTITY};
use api::kurator::apps::v1alpha1::{Application, HeldDeletions};
use kube::api::Patch;
use kube::{Api, Client};
use serde_json::json;

use crate::args::{Approve, Common, Target};
use crate::connect::{self, asked};
use crate::duration::tenths;
use crate::output;
use crate::status::held;
use crate::sync::{LOOK_EVERY, params};

pub(crate) async fn run(common: &Common, what: &Approve) -> anyhow::Result<()> {
    match &what.object {
        Target::App(name) => deletions(common, name, what).await,
        Target::Member(name) => identity(common, name).await,
    }
}

/// How long members have to list their deletions before `kurator approve` gives up: a member that answers takes
/// well below a second, and its status is stored at most once a second.
const LISTED_WITHIN: Duration = Duration::from_secs(30);

async fn deletions(common: &Common, name: &str, what: &Approve) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let chosen = listed(&client, common, name, what.digest.as_deref()).await?;
    for list in &chosen {
        held::lines(list).into_iter().for_each(output::print_stderr);
        if !list.waiting_on.is_empty() {
            output::print_stderr(format_args!(
                "  not covered: what {} may still report; that is held again, look with `kurator status app/{name}`",
                list.waiting_on.join(", ")
            ));
        }
    }
    if !what.yes {
        confirm(&held::command(name, &common.namespace))?;
    }
    // The digests that were shown: a list that has changed since is another one, and not approved.
    let digests: Vec<&str> = chosen.iter().map(|list| list.digest.as_str()).collect();
    let patch = json!({"metadata": {"annotations": {APPROVE: digests.join(",")}}});
    let api: Api<Application> = Api::namespaced(client.clone(), &common.namespace);
    api.patch(name, &params(), &Patch::Merge(&patch)).await.map_err(asked(&format!("cannot approve app/{name}")))?;
    let began = tokio::time::Instant::now();
    let away = match what.no_wait {
        true => BTreeSet::new(),
        false => wait::until_done(&client, common, name, &chosen, what.timeout).await?,
    };
    let facts = json!({"name": name, "namespace": common.namespace, "approved": chosen,
        "done": !what.no_wait && away.is_empty(), "away": away});
    if output::structured(common.output, &facts)? {
        return Ok(());
    }
    let sum = chosen.iter().map(held::what).collect::<Vec<_>>().join(", and ");
    if what.no_wait {
        output::print_stderr(format_args!("app/{name}: approved: {sum}; see `kurator status app/{name}`"));
    } else if away.is_empty() {
        output::print_stderr(format_args!("app/{name}: approved and done in {}: {sum}", tenths(began.elapsed())));
    } else {
        let names = wait::named(&away);
        output::print_stderr(format_args!(
            "app/{name}: approved: {sum}; no answer from {names}: it is done there when there is one, and done elsewhere"
        ));
    }
    Ok(())
}

/// The lists that wait, or the one of a digest.
async fn listed(
    client: &Client,
    common: &Common,
    name: &str,
    digest: Option<&str>,
) -> anyhow::Result<Vec<HeldDeletions>> {
    let api: Api<Application> = Api::namespaced(client.clone(), &common.namespace);
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
    let now: Vec<String> = held.iter().map(|h| h.digest.clone()).collect();
    let chosen: Vec<_> = held.into_iter().filter(|h| digest.is_none_or(|d| d == h.digest)).collect();
    if chosen.is_empty() {
        bail!(
            "app/{name}: the list has changed since you looked (it is now {}); look again with `kurator status app/{name}`",
            now.join(", ")
        );
    }
    Ok(chosen)
}

/// Asks whether what is shown is meant. `command` is the one that was called.
fn confirm(command: &str) -> anyhow::Result<()> {
    let Some(answer) = output::prompt("Release exactly these? [y/N]")? else {
        bail!(
            "nothing was approved: there is no terminal to ask at; read the list, then approve it with `{command} --yes`"
        );
    };
    if !is_yes(&answer) {
        bail!("nothing was approved");
    }
    Ok(())
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
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
        output::print_stderr(format_args!("member/{name}: from now on the cluster with kube-system UID {uid}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
