//! Waits until what was approved is done in every member that can be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::bail;
use api::condition;
use api::delivery::{Decision, DecisionSpec, DeletionState, MemberStatus, UnitId, UnitStatus};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::{Application, HeldDeletions};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use model::MemberName;

use crate::args::Common;
use crate::connect::asked;
use crate::status::held;
use crate::sync::LOOK_EVERY;

/// Members that a message names.
const NAMED_MAX: usize = 5;

/// What is left to do of lists that were approved.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// The hub has not taken the approval up yet.
    pub(super) unheard: bool,
    /// Members that answer, in which something is still to go.
    pub(super) members: BTreeSet<String>,
    /// Members that do not answer: it goes there when they do.
    pub(super) away: BTreeSet<String>,
}

/// Says which members did not answer, and are not waited for.
pub(super) async fn until_done(
    client: &Client,
    common: &Common,
    name: &str,
    lists: &[HeldDeletions],
    timeout: Duration,
) -> anyhow::Result<BTreeSet<String>> {
    let deadline = tokio::time::Instant::now() + timeout;
    loop {
        let left = read_left(client, common, name, lists).await?;
        if !left.unheard && left.members.is_empty() {
            return Ok(left.away);
        }
        if tokio::time::Instant::now() >= deadline {
            let secs = timeout.as_secs();
            if left.unheard {
                bail!(
                    "app/{name}: approved, and not taken up within {secs} s: the list may have changed meanwhile; see \
                     `kurator status app/{name}`"
                );
            }
            bail!(
                "app/{name}: approved, and not done within {secs} s in {}; it goes on without this command, see \
                 `kurator status app/{name}`",
                named(&left.members)
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Reads what is left of the lists that were approved.
async fn read_left(client: &Client, common: &Common, name: &str, lists: &[HeldDeletions]) -> anyhow::Result<Left> {
    let applications: Api<Application> = Api::namespaced(client.clone(), &common.namespace);
    let decisions: Api<Decision> = Api::namespaced(client.clone(), &common.namespace);
    let statuses: Api<MemberStatus> = Api::all(client.clone());
    let all = ListParams::default();
    // In this order: what leaves the one is in the next by then. An Application that is gone took along what it had.
    let app = applications.get_opt(name).await.map_err(asked(&format!("cannot read app/{name}")))?;
    let held = app.and_then(|app| app.status).map(|status| status.held).unwrap_or_default();
    if held.iter().any(|now| lists.iter().any(|list| list.digest == now.digest)) {
        return Ok(Left { unheard: true, ..Left::default() });
    }
    let decisions = decisions.list(&all).await.map_err(asked("cannot list decisions"))?.items;
    let statuses = statuses.list(&all).await.map_err(asked("cannot list what members report"))?.items;
    let mine = |unit: &UnitId| unit.kind == "Application" && unit.namespace == common.namespace && unit.name == name;
    let decisions = decisions.into_iter().map(|decision| decision.spec);
    let decisions: Vec<DecisionSpec> = decisions.filter(|spec| mine(&spec.unit)).collect();
    let statuses = statuses.into_iter().flat_map(|slice| {
        let units = slice.status.map(|status| status.units).unwrap_or_default();
        units.into_iter().map(move |(unit, status)| ((unit, slice.spec.member.clone()), status))
    });
    let statuses = statuses.filter(|((unit, _), _)| mine(unit)).collect();
    let clusters: Api<Cluster> = Api::all(client.clone());
    let clusters = clusters.list(&all).await.map_err(asked("cannot list members"))?.items;
    let answers = |member: &String| clusters.iter().any(|c| c.name_any() == *member && does_answer(c));
    let (members, away) = members(lists, &decisions, &statuses).into_iter().partition(answers);
    Ok(Left { unheard: false, members, away })
}

fn does_answer(cluster: &Cluster) -> bool {
    let conditions = cluster.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    condition::find(conditions, condition::READY).is_some_and(|ready| ready.status == "True")
}

/// The first of some members, and how many more.
pub(super) fn named(members: &BTreeSet<String>) -> String {
    let more = members.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    members.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ") + &more
}

/// The members in which something of these lists is still to go.
pub(super) fn members(
    lists: &[HeldDeletions],
    decisions: &[DecisionSpec],
    statuses: &BTreeMap<(UnitId, MemberName), UnitStatus>,
) -> BTreeSet<String> {
    let mut left = BTreeSet::new();
    for list in lists {
        if held::is_edit(list) {
            let entries = decisions.iter().flat_map(|decision| &decision.members);
            let released = entries.filter(|(_, entry)| {
                let digest = entry.leaving.as_ref().and_then(|leaving| leaving.released);
                !entry.removal.is_none() && digest.is_some_and(|digest| digest.to_string() == list.digest)
            });
            left.extend(released.map(|(member, _)| member.to_string()));
        } else {
            // Released, and still in the inventory.
            let going = |status: &UnitStatus| {
                let released = status.held.as_ref().is_some_and(|held| held.state == DeletionState::Released);
                released && status.objects.inventory > status.objects.desired
            };
            let mine =
                statuses.iter().filter(|((unit, _), _)| unit.policy.as_deref().unwrap_or_default() == list.policy);
            left.extend(mine.filter(|(_, status)| going(status)).map(|((_, member), _)| member.to_string()));
        }
    }
    left
}
