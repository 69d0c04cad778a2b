//! What was agreed to and is done as soon as a member answers that is away.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::{
    Decision, DeletionState, Deletions, LeavingCause, MemberDecision, MemberLink, MemberStatus, Removal, UnitId,
    UnitPhase, UnitStatus,
};
use api::karmada::cluster::v1alpha1::Cluster;
use kube::api::ListParams;
use kube::{Client, ResourceExt};

use super::held;
use crate::connect::Api;
use crate::reach;

/// A unit in a member that is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) unit: UnitId,
    pub(crate) member: String,
    /// What will be done, in words.
    pub(crate) said: String,
}

/// What becomes of a unit in a member when that answers, if something was agreed to. `status`: what is known of it there.
pub(crate) fn sentence_of(unit: &UnitId, entry: &MemberDecision, status: Option<&UnitStatus>) -> Option<String> {
    // Of these no one was asked, since nothing is deleted.
    let unasked = [LeavingCause::HandedOver, LeavingCause::NothingThere];
    if entry.leaving.as_ref().is_some_and(|why| unasked.contains(&why.cause)) {
        return None;
    }
    let policy = unit.policy.as_deref().unwrap_or_default();
    let is_known =
        |s: &&UnitStatus| s.objects.inventory > 0 || !matches!(s.phase, UnitPhase::Unknown | UnitPhase::Failed);
    let number = |s: &UnitStatus| s.objects.inventory.saturating_sub(s.objects.adopted);
    let count = status.filter(is_known).map(|status| held::count(number(status), "object"));
    // What a person was shown goes, as far as it is there, and nothing else.
    let shown = entry.leaving.as_ref().and_then(|why| why.shown.as_ref()).map(|shown| shown.len());
    let most = status.filter(is_known).map(number);
    let deleted = match (shown, most) {
        (Some(shown), most) => {
            let shown = u32::try_from(shown).unwrap_or(u32::MAX);
            held::count(most.map_or(shown, |most| most.min(shown)), "object")
        }
        // Some of it may ask to stay, be handed over, or have something of others in it.
        (None, Some(most @ 1..)) => format!("up to {}", held::count(most, "object")),
        (None, Some(0)) => held::count(0, "object"),
        (None, None) => "what it has".to_owned(),
    };
    let count = count.unwrap_or_else(|| "what it has".to_owned());
    match (entry.removal, entry.expected.as_ref().filter(|list| list.approval.is_some())) {
        (Removal::Prune, _) => Some(format!("policy {policy} leaves it: {deleted} there will be deleted")),
        (Removal::Release, _) => Some(format!("policy {policy} leaves it: {count} there will be let go of")),
        (Removal::None, Some(list)) => {
            Some(format!("{} of policy {policy} will be deleted", held::count(list.count, "object")))
        }
        // It said what it would delete, and was away when that was approved.
        (Removal::None, None) => {
            let waits = |held: &&Deletions| held.state == DeletionState::Waiting && entry.granted == Some(held.digest);
            let status = status.filter(|status| status.epoch == entry.epoch)?;
            let list = status.held.as_ref().filter(waits)?;
            Some(format!("{} of policy {policy} will be deleted", held::count(list.count, "object")))
        }
    }
}

/// What was agreed to of these units, in members that are away.
pub(crate) fn agreed<'a>(
    decisions: impl IntoIterator<Item = &'a Decision>,
    is_away: impl Fn(&str) -> bool,
    status_of: impl Fn(&UnitId, &str) -> Option<&'a UnitStatus>,
) -> Vec<Agreed> {
    let mut out = Vec::new();
    for decision in decisions {
        let unit = &decision.spec.unit;
        for (member, entry) in decision.spec.members.iter().filter(|(member, _)| is_away(member.as_str())) {
            let said = sentence_of(unit, entry, status_of(unit, member.as_str()));
            out.extend(said.map(|said| Agreed { unit: unit.clone(), member: member.to_string(), said }));
        }
    }
    out.sort_by(|a, b| (&a.member, &a.unit).cmp(&(&b.member, &b.unit)));
    out
}

/// Reads it of the hub, of the units that are meant. A credential that may not read that is told nothing.
pub(crate) async fn read(
    client: &Client,
    namespace: Option<&str>,
    is_meant: impl Fn(&UnitId, &str) -> bool,
) -> Vec<Agreed> {
    read_all(client, namespace, is_meant).await.unwrap_or_default()
}

async fn read_all(
    client: &Client,
    namespace: Option<&str>,
    is_meant: impl Fn(&UnitId, &str) -> bool,
) -> kube::Result<Vec<Agreed>> {
    let all = ListParams::default();
    let api: Api<Decision> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let mut decisions = api.list(&all).await?.items;
    for decision in &mut decisions {
        let unit = &decision.spec.unit;
        decision.spec.members.retain(|member, entry| {
            is_meant(unit, member.as_str()) && (entry.granted.is_some() || sentence_of(unit, entry, None).is_some())
        });
    }
    let members: BTreeSet<String> =
        decisions.iter().flat_map(|decision| decision.spec.members.keys()).map(ToString::to_string).collect();
    // Of most trees nothing more is read.
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let records: Api<Cluster> = Api::all(client.clone());
    let records: BTreeMap<String, Cluster> =
        records.list(&all).await?.into_iter().map(|record| (record.name_any(), record)).collect();
    let statuses: Api<MemberStatus> = Api::all(client.clone());
    let statuses = statuses.list(&all).await?.items;
    let slices = || statuses.iter().filter_map(|slice| Some((slice.spec.member.as_str(), slice.status.as_ref()?)));
    let links: BTreeMap<&str, &MemberLink> =
        slices().filter_map(|(member, status)| Some((member, status.link.as_ref()?))).collect();
    let status_of = |unit: &UnitId, member: &str| {
        slices().filter(|(name, _)| *name == member).find_map(|(_, status)| status.units.get(unit))
    };
    let is_away = |member: &str| {
        let record = records.get(member);
        record.is_some() && !reach::answers(record, links.get(member).copied())
    };
    Ok(agreed(&decisions, is_away, status_of))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// As when a member was unplugged after it had said what it would delete, and that was approved.
    #[test]
    fn what_was_approved_after_the_member_had_listed_it_is_said_to_be_agreed_to() {
        let digest = |n: usize| format!("sha256:{}", n.to_string().repeat(64));
        let status = |epoch: u64, state: &str| -> UnitStatus {
            serde_json::from_value(json!({"revision": "r", "epoch": epoch, "phase": "DeletionsHeld", "health": "Unknown",
                "objects": {"desired": 1, "applied": 1, "healthy": 1, "failed": 0, "inventory": 3},
                "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "since": "2026-01-01T00:00:00Z",
                "held": {"digest": digest(1), "count": 2, "sample": [], "guarded": 0, "state": state, "released": 0}}))
            .unwrap()
        };
        let unit = UnitId::new("apps.kurator.dev", "Application", "default", "shop", Some("p"));
        for (granted, status, expect) in [
            (Some(1), status(1, "Waiting"), Some("2 objects of policy p will be deleted")),
            (Some(2), status(1, "Waiting"), None),
            (None, status(1, "Waiting"), None),
            (Some(1), status(2, "Waiting"), None),
            (Some(1), status(1, "Released"), None),
        ] {
            let entry = json!({"revision": "r", "epoch": 1, "reason": "", "granted": granted.map(digest)});
            let said = sentence_of(&unit, &serde_json::from_value(entry).unwrap(), Some(&status));
            assert_eq!(said.as_deref(), expect, "{granted:?}");
        }
    }

    /// What was shown goes, and nothing else; of the rest it is only known how much there is.
    #[test]
    fn a_unit_that_leaves_is_said_to_delete_what_was_shown() {
        let status = |adopted: u32| -> UnitStatus {
            serde_json::from_value(json!({"revision": "r", "epoch": 1, "phase": "Applied", "health": "Healthy",
                "objects": {"desired": 15, "applied": 15, "healthy": 15, "failed": 0, "inventory": 15, "adopted": adopted},
                "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "since": "2026-01-01T00:00:00Z"}))
            .unwrap()
        };
        let unit = UnitId::new("apps.kurator.dev", "Application", "default", "shop", Some("p"));
        let keys: Vec<model::ObjectKey> =
            (0..8).map(|n| model::ObjectKey { name: format!("c{n}"), ..Default::default() }).collect();
        let shown = serde_json::to_value(api::delivery::ObjectSet::new(&keys)).unwrap();
        for (shown, status, expect) in [
            (Some(&shown), Some(status(2)), "8 objects"),
            (Some(&shown), Some(status(12)), "3 objects"),
            (Some(&shown), None, "8 objects"),
            (None, Some(status(2)), "up to 13 objects"),
            (None, None, "what it has"),
        ] {
            let entry = json!({"revision": "r", "epoch": 1, "reason": "", "removal": "Prune",
                "leaving": {"cause": "NotListed", "message": "why", "shown": shown}});
            let said = sentence_of(&unit, &serde_json::from_value(entry).unwrap(), status.as_ref()).unwrap();
            assert_eq!(said, format!("policy p leaves it: {expect} there will be deleted"));
        }
    }

    #[test]
    fn only_what_deletes_or_lets_go_is_said_to_be_agreed_to() {
        let leaving = |cause: &str| json!({"cause": cause, "message": "why"});
        for (removal, leaving, is_said) in [
            ("Prune", Value::Null, true),
            ("Release", Value::Null, true),
            ("Prune", leaving("NotListed"), true),
            ("Prune", leaving("HandedOver"), false),
            ("Prune", leaving("NothingThere"), false),
            ("None", leaving("NotListed"), false),
        ] {
            let entry = json!({"revision": "r", "epoch": 1, "reason": "", "removal": removal, "leaving": leaving});
            let unit = UnitId::new("apps.kurator.dev", "Application", "default", "shop", Some("p"));
            let said = sentence_of(&unit, &serde_json::from_value(entry).unwrap(), None);
            assert_eq!(said.is_some(), is_said, "{removal} {leaving}");
        }
    }
}
