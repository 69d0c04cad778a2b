//! What would go from members, and what would stay there and why: from what members reported object by object.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::{DecisionSpec, Health, Removal, UnitId};
use api::feed::{ObjectReport, SyncState, UnitReport};
use http::Request;
use kube::Client;
use model::{MemberName, ObjectKey, Timestamp};
use serde_json::{Value, json};

use crate::approve::wait::named;
use crate::connect::asked;
use crate::status::held::count;

/// Objects of one list that are printed: a person reads three pages, and `-o json` has all of them.
const SHOWN_MAX: usize = 100;

/// A unit in a member, which it would leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) app: String,
    pub(super) policy: String,
    pub(super) member: MemberName,
    /// When the unit was given to the member.
    pub(super) placed: Option<Timestamp>,
    /// What is known of its objects; `None` when the member has reported nothing.
    pub(super) objects: Option<Objects>,
}

/// What a unit has in a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Objects {
    pub(super) goes: BTreeSet<ObjectKey>,
    /// With the reason.
    pub(super) stays: BTreeMap<ObjectKey, Stays>,
}

/// Why an object stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stays {
    /// It was there before us.
    Adopted,
    /// An annotation on it says so.
    Asks,
    /// The unit does not prune.
    NotPruned,
    /// A Namespace in which something of these stays.
    Holds,
}

impl Stays {
    fn in_words(self) -> &'static str {
        match self {
            Self::Adopted => "it was there before Kurator",
            Self::Asks => "an annotation on it asks that it stays",
            Self::NotPruned => "its policy does not prune",
            Self::Holds => "something in it stays",
        }
    }
}

/// Reads what is known object by object below a path of `view.kurator.dev`.
pub(crate) async fn reports(client: &Client, path: &str) -> anyhow::Result<Vec<UnitReport>> {
    let request = Request::get(format!("/apis/view.kurator.dev/v1alpha1/{path}")).body(Vec::new())?;
    let tree: Value = match client.request(request).await {
        // A member without a record has nothing.
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(Vec::new()),
        other => other.map_err(asked("cannot read what members have"))?,
    };
    let units = tree["units"].as_array().cloned().unwrap_or_default();
    Ok(units.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?)
}

/// The parts that these decisions place, of the members that are meant. `removal` says what becomes of the objects of a unit.
pub(super) fn parts(
    decisions: &[DecisionSpec],
    reports: &[UnitReport],
    is_meant: impl Fn(&MemberName) -> bool,
    removal: impl Fn(&DecisionSpec) -> Removal,
) -> Vec<Part> {
    let known: BTreeMap<(&UnitId, &MemberName), &UnitReport> =
        reports.iter().map(|report| ((&report.unit, &report.member), report)).collect();
    let mut out = Vec::new();
    for decision in decisions {
        let removal = removal(decision);
        for (member, entry) in decision.members.iter().filter(|(member, _)| is_meant(member)) {
            // What leaves already is as it was agreed to.
            let removal = if entry.removal.is_none() { removal } else { entry.removal };
            out.push(Part {
                app: decision.unit.name.clone(),
                policy: decision.unit.policy.clone().unwrap_or_default(),
                member: member.clone(),
                placed: entry.placed,
                objects: known.get(&(&decision.unit, member)).map(|report| objects(report, removal)),
            });
        }
    }
    out.sort_by(|a, b| (&a.app, &a.policy, &a.member).cmp(&(&b.app, &b.policy, &b.member)));
    out
}

fn objects(report: &UnitReport, removal: Removal) -> Objects {
    let mut out = Objects::default();
    for row in report.details.iter().filter(|row| is_there(row)) {
        let key = ObjectKey::clone(&row.key);
        let stays = match () {
            () if row.adopted => Some(Stays::Adopted),
            () if row.kept => Some(Stays::Asks),
            () if removal != Removal::Prune => Some(Stays::NotPruned),
            () => None,
        };
        match stays {
            Some(why) => drop(out.stays.insert(key, why)),
            None => drop(out.goes.insert(key)),
        }
    }
    let holds = |key: &&ObjectKey| {
        let name = key.group.is_empty() && key.kind == "Namespace";
        name && out.stays.keys().any(|inside| inside.namespace == key.name)
    };
    let containers: Vec<ObjectKey> = out.goes.iter().filter(holds).cloned().collect();
    for key in containers {
        out.goes.remove(&key);
        out.stays.insert(key, Stays::Holds);
    }
    out
}

/// Is the object in the member, and this unit's? One that was not applied yet is not.
fn is_there(row: &ObjectReport) -> bool {
    let is_begun = !matches!(row.sync, SyncState::Pending | SyncState::Waiting);
    let was_seen = !matches!(row.health, Health::Progressing | Health::Missing);
    row.reason != "Conflict" && (is_begun || was_seen)
}

/// How many objects go in all members.
pub(super) fn going(parts: &[Part]) -> usize {
    parts.iter().filter_map(|part| part.objects.as_ref()).map(|objects| objects.goes.len()).sum()
}

/// How many stay.
pub(super) fn staying(parts: &[Part]) -> usize {
    parts.iter().filter_map(|part| part.objects.as_ref()).map(|objects| objects.stays.len()).sum()
}

/// The parts of which nothing is known.
pub(super) fn unknown(parts: &[Part]) -> Vec<&Part> {
    parts.iter().filter(|part| part.objects.is_none()).collect()
}

/// What goes and what stays, for people: members with the same list are one block.
pub(super) fn lines(parts: &[Part]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut blocks: BTreeMap<(&str, &str, Option<&Objects>), BTreeSet<MemberName>> = BTreeMap::new();
    for part in parts {
        let block = blocks.entry((&part.app, &part.policy, part.objects.as_ref())).or_default();
        block.insert(part.member.clone());
    }
    let mut has_containers = false;
    for ((app, policy, objects), members) in blocks {
        let members = match members.len() {
            1 => format!("member {}", named(&members)),
            many => format!("{many} members ({})", named(&members)),
        };
        let head = format!("app/{app}, policy {policy}, in {members}:");
        let Some(Objects { goes, stays }) = objects else {
            lines.push(format!("{head} what it has there is not known"));
            continue;
        };
        has_containers |= goes.iter().any(is_container);
        let said = [(goes.len(), "deleted"), (stays.len(), "left there")].into_iter().filter(|(n, _)| *n > 0);
        let said: Vec<String> = said.map(|(n, what)| format!("{} {what}", counted(n, "object"))).collect();
        let said = if said.is_empty() { "nothing".to_owned() } else { said.join(", ") };
        lines.push(format!("{head} {said}"));
        let going = goes.iter().map(|key| format!("  - {key}"));
        let staying = stays.iter().map(|(key, why)| format!("  = {key} stays: {}", why.in_words()));
        let all = goes.len() + stays.len();
        lines.extend(going.chain(staying).take(SHOWN_MAX));
        if all > SHOWN_MAX {
            lines.push(format!("  and {} more; `-o json` lists all", all - SHOWN_MAX));
        }
    }
    if has_containers {
        lines
            .push("a Namespace or definition in which others have something stays, and is named afterwards".to_owned());
    }
    lines
}

fn is_container(key: &ObjectKey) -> bool {
    matches!(key.kind.as_str(), "Namespace" | "CustomResourceDefinition")
}

/// So many of something, in words.
pub(crate) fn counted(number: usize, word: &str) -> String {
    count(u32::try_from(number).unwrap_or(u32::MAX), word)
}

/// What goes and what stays, for programs.
pub(super) fn facts(parts: &[Part]) -> Value {
    let part = |part: &Part| {
        let objects = part.objects.as_ref();
        let goes = objects.map(|o| o.goes.iter().map(ToString::to_string).collect::<Vec<_>>());
        let stays = objects.map(|o| {
            let all = o.stays.iter().map(|(key, why)| json!({"object": key.to_string(), "reason": format!("{why:?}")}));
            all.collect::<Vec<_>>()
        });
        json!({"app": part.app, "policy": part.policy, "member": part.member, "deleted": goes, "left": stays})
    };
    parts.iter().map(part).collect()
}

#[cfg(test)]
mod tests;
