//! `kurator approve member/NAME`: another cluster answers where a member was, and is to be the member from now on.

use std::collections::BTreeSet;

use anyhow::bail;
use api::condition;
use api::delivery::{Decision, UnitId};
use api::feed::UnitReport;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::APPROVE_IDENTITY;
use api::reason;
use kube::ResourceExt;
use kube::api::{ListParams, Patch};
use serde_json::json;

use super::TRIES_MAX;
use crate::args::Common;
use crate::ask;
use crate::connect::{self, Api, asked};
use crate::leave::{counted, list};
use crate::output;
use crate::sync::params;

/// Applications that are named: a line of a terminal has room for so many.
const APPS_NAMED_MAX: usize = 4;

/// What is shown, and what an approval is of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Swap {
    /// UID of the cluster that was there.
    recorded: Option<String>,
    /// UID of the one that answers.
    observed: String,
    server: Option<String>,
}

impl Swap {
    /// `None`: no other cluster answers.
    fn of(cluster: &Cluster) -> Option<Self> {
        let observed = cluster.status.as_ref()?.observed_id.clone()?;
        let spec = &cluster.spec;
        Some(Self { recorded: spec.id.clone(), observed, server: spec.api_endpoint.clone() })
    }

    /// `units`: what the member reported last, which was the cluster that was there. `leaving`: those that were to be removed from
    /// that one.
    fn lines(&self, name: &str, units: &[UnitReport], leaving: &BTreeSet<UnitId>) -> Vec<String> {
        let known = |text: &Option<String>| text.as_deref().unwrap_or("not known").to_owned();
        let objects: usize = units.iter().map(|unit| unit.details.len()).sum();
        let comes = units.iter().filter(|report| !leaving.contains(&report.unit));
        let apps: BTreeSet<String> = comes.map(|report| in_words(&report.unit)).collect();
        let delivered = match apps.len() {
            0 => "what is delivered to the member".to_owned(),
            _ => format!("what is delivered to the member ({})", named(&apps)),
        };
        // Since the hub started that cluster may not have said what it has.
        let is_known = !units.is_empty() && units.iter().all(|unit| !unit.details.is_empty());
        let left =
            if is_known { format!("what it has ({})", counted(objects, "object")) } else { "what it has".to_owned() };
        let mut lines = vec![
            format!("member/{name}: another cluster answers at its address:"),
            format!("  server    {}", known(&self.server)),
            format!("  recorded  kube-system UID {}", known(&self.recorded)),
            format!("  answers   kube-system UID {}", self.observed),
            format!("  it would be this member from then on: {delivered} is delivered there"),
            format!("  the cluster that was there keeps {left}, which the hub then does not manage"),
        ];
        if !leaving.is_empty() {
            let stays = |unit: &UnitId| {
                units.iter().any(|report| report.unit.owner() == unit.owner() && !leaving.contains(&report.unit))
            };
            // Of an Application that is delivered there with other policies, only the policy is.
            let words = |unit: &UnitId| match unit.policy.as_deref().filter(|_| stays(unit)) {
                Some(policy) => format!("{} policy {policy}", in_words(unit)),
                None => in_words(unit),
            };
            let apps = named(&leaving.iter().map(words).collect());
            lines.push(format!(
                "  what was to be removed from that cluster ({apps}) stays there, and is removed from neither"
            ));
        }
        lines
    }
}

fn named(apps: &BTreeSet<String>) -> String {
    let more = apps.len().saturating_sub(APPS_NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let apps = apps.iter().take(APPS_NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    apps + &more
}

/// The Application of a unit, with its namespace: a member has units of several.
fn in_words(unit: &UnitId) -> String {
    format!("app/{} in namespace {}", unit.name, unit.namespace)
}

/// The units that leave the member, and were to be removed from the cluster that was there.
fn leaving<'a>(decisions: impl IntoIterator<Item = &'a Decision>, name: &str) -> BTreeSet<UnitId> {
    let leaves = |decision: &&Decision| {
        let mut entries = decision.spec.members.iter().filter(|(member, _)| member.as_str() == name);
        entries.any(|(_, entry)| !entry.removal.is_none())
    };
    decisions.into_iter().filter(leaves).map(|decision| decision.spec.unit.clone()).collect()
}

pub(super) async fn approve(common: &Common, name: &str, yes: bool) -> anyhow::Result<()> {
    connect::made_a_member(name)?;
    let client = connect::hub(common).await?;
    let cluster = connect::record(&client, common, name).await?;
    let Some(swap) = Swap::of(&cluster) else {
        bail!("member/{name}: nothing waits for approval; see `kurator status member/{name}`");
    };
    refuse_other_member(name, &cluster)?;
    // What is not known is not said: it need not keep anybody from approving.
    let units = list::reports(&client, &format!("membertrees/{name}")).await.unwrap_or_default();
    let decisions = Api::<Decision>::all(client.clone()).list(&ListParams::default()).await;
    let leaving = decisions.map(|all| leaving(&all.items, name)).unwrap_or_default();
    swap.lines(name, &units, &leaving).into_iter().for_each(output::print_stderr);
    if !yes {
        let command = ask::command(common, &["approve", &format!("member/{name}")]) + " --yes";
        let facts =
            || json!({"name": name, "recordedId": swap.recorded, "observedId": swap.observed, "server": swap.server});
        let question = format!("Accept this cluster as member/{name}?");
        ask::confirm_facts(common.output, &question, "nothing was approved", &command, facts)?;
    }
    write(&Api::all(client), name, cluster, &swap).await?;
    if !output::structured(common.output, &json!({"name": name, "approvedId": swap.observed}))? {
        let uid = &swap.observed;
        output::print_stderr(format_args!("member/{name}: from now on the cluster with kube-system UID {uid}"));
    }
    Ok(())
}

/// Is what answers the cluster of another member? Then neither of the two would be delivered to.
///
/// # Errors
/// It is, as the hub has seen.
fn refuse_other_member(name: &str, cluster: &Cluster) -> anyhow::Result<()> {
    let conditions = cluster.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let ready = condition::find(conditions, condition::READY).filter(|ready| ready.reason == reason::SAME_CLUSTER);
    ready.map_or(Ok(()), |ready| bail!("member/{name}: {}; nothing was approved", ready.message))
}

/// Writes the approval at the version that was shown. The record's version also grows by what the member reports: a newer one
/// that says the same of both clusters is as good.
async fn write(api: &Api<Cluster>, name: &str, shown: Cluster, swap: &Swap) -> anyhow::Result<()> {
    let mut cluster = shown;
    for last in (0..TRIES_MAX).map(|n| n + 1 == TRIES_MAX) {
        let version = cluster.resource_version();
        let patch = json!({"metadata": {"resourceVersion": version, "annotations": {APPROVE_IDENTITY: swap.observed}}});
        match api.patch(name, &params(), &Patch::Merge(&patch)).await {
            Err(kube::Error::Api(status)) if status.code == 409 && !last => {}
            other => return other.map(drop).map_err(asked(&format!("cannot approve member/{name}"))),
        }
        cluster = api.get(name).await.map_err(asked(&format!("cannot read member/{name}")))?;
        refuse_other_member(name, &cluster)?;
        if Swap::of(&cluster).as_ref() != Some(swap) {
            bail!(
                "member/{name}: what answers there has changed since you looked, and nothing was approved; look again with \
                 `kurator status member/{name}`"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Hub, refusal};
    use super::*;

    fn paris(version: &str, observed: &str) -> Cluster {
        serde_json::from_value(json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
            "metadata": {"name": "paris", "resourceVersion": version},
            "spec": {"syncMode": "Push", "id": "old", "apiEndpoint": "https://paris.example:6443"},
            "status": {"observedId": observed}}))
        .unwrap()
    }

    fn answer(cluster: &Cluster) -> (u16, serde_json::Value) {
        (200, serde_json::to_value(cluster).unwrap())
    }

    #[test]
    fn both_clusters_and_what_happens_are_shown() {
        let report = |app: &str| -> UnitReport {
            let counts = json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 0});
            let row = json!({"key": {"kind": "ConfigMap", "namespace": "shop", "name": "a"}, "version": "v1",
                "sync": "Synced", "health": "Healthy"});
            serde_json::from_value(json!({"member": "paris", "unit": format!("apps.kurator.dev/Application/default/{app}/p"),
                "revision": "r", "epoch": 1, "payload": format!("sha256:{}", "0".repeat(64)), "phase": "Applied",
                "health": "Healthy", "objects": counts, "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(),
                "details": [row, row]}))
            .unwrap()
        };
        let swap = Swap::of(&paris("1", "new")).unwrap();
        let units = ["shop", "base", "logs", "mesh", "dns"].map(report);
        let mut untold = units.clone();
        untold[0].details.clear();
        let said = [&units[..1], &units, &[], &untold[..1]];
        let mut said = said.map(|units| swap.lines("paris", units, &BTreeSet::new()).join("\n")).to_vec();
        let decision = |app: &str, removal: &str| -> Decision {
            let entry = json!({"revision": "r", "epoch": 1, "reason": "", "removal": removal});
            serde_json::from_value(json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision", "metadata": {},
                "spec": {"unit": format!("apps.kurator.dev/Application/default/{app}/p"), "slice": 0,
                    "members": {"paris": entry, "rome": {"revision": "r", "epoch": 1, "reason": "", "removal": "Prune"}}}}))
            .unwrap()
        };
        let decisions = [decision("shop", "Prune"), decision("base", "None"), decision("logs", "Release")];
        said.push(swap.lines("paris", &units[..2], &leaving(&decisions, "paris")).join("\n"));
        insta::assert_snapshot!("swap", said.join("\n\n"));
    }

    #[tokio::test]
    async fn only_the_cluster_that_was_shown_is_approved() {
        let shown = paris("1", "new");
        let swap = Swap::of(&shown).unwrap();
        let conflict = || (409, refusal(409, "the object has been modified"));
        // Its report was written in between.
        let hub = Hub::new([conflict(), answer(&paris("2", "new")), answer(&paris("3", "new"))]);
        write(&Api::all(hub.client()), "paris", shown.clone(), &swap).await.unwrap();
        let asked = hub.asked.lock().unwrap().clone();
        let patch =
            |version: &str| json!({"metadata": {"resourceVersion": version, "annotations": {APPROVE_IDENTITY: "new"}}});
        assert_eq!((&asked[0].1, &asked[2].1), (&patch("1"), &patch("2")));
        // Since then it is another member's.
        let mut twin = paris("2", "new");
        let said = json!([{"type": "Ready", "status": "False", "reason": "SameCluster", "message": "it leads to rome",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
        twin.status.as_mut().unwrap().conditions = serde_json::from_value(said).unwrap();
        let hub = Hub::new([conflict(), answer(&twin)]);
        let refused = write(&Api::all(hub.client()), "paris", shown.clone(), &swap).await.unwrap_err().to_string();
        assert_eq!(refused, "member/paris: it leads to rome; nothing was approved");
        // A third cluster answers now.
        let hub = Hub::new([conflict(), answer(&paris("2", "third"))]);
        let refused = write(&Api::all(hub.client()), "paris", shown, &swap).await.unwrap_err().to_string();
        assert!(refused.contains("has changed since you looked, and nothing was approved"), "{refused}");
    }
}
