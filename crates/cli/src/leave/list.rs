//! What would go from members, and what would stay there and why: from what members reported object by object.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::{DecisionSpec, Removal, UnitId};
use api::feed::UnitReport;
use http::Request;
use kube::Client;
use model::{MemberName, ObjectKey, Timestamp, Uid};
use plan::departure::Objects;
use serde_json::{Value, json};

use crate::approve::wait::{Place, named};
use crate::connect::asked;
use crate::objects;
use crate::status::held::count;

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
    /// The UIDs that the member's inventory has of them.
    uids: BTreeMap<ObjectKey, Uid>,
}

#[cfg(test)]
impl Part {
    /// Of a member that names no UIDs.
    pub(super) fn new(
        app: &str,
        policy: &str,
        member: MemberName,
        placed: Option<Timestamp>,
        objects: Option<Objects>,
    ) -> Self {
        Self { app: app.to_owned(), policy: policy.to_owned(), member, placed, objects, uids: BTreeMap::new() }
    }
}

/// Reads what is known object by object below a path of `view.kurator.dev`.
pub(crate) async fn reports(client: &Client, path: &str) -> anyhow::Result<Vec<UnitReport>> {
    units(&tree(client, path).await?)
}

/// What a member has, unit by unit, and the units that it has of this hub and that no Application delivers any more.
pub(super) async fn member(client: &Client, member: &MemberName) -> anyhow::Result<(Vec<UnitReport>, Vec<UnitId>)> {
    let tree = tree(client, &format!("membertrees/{member}")).await?;
    let orphans = tree["orphans"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Ok((units(&tree)?, orphans.filter_map(|unit| unit.parse().ok()).collect()))
}

/// A member without a record has nothing: null.
async fn tree(client: &Client, path: &str) -> anyhow::Result<Value> {
    let request = Request::get(format!("/apis/view.kurator.dev/v1alpha1/{path}")).body(Vec::new())?;
    match client.request(request).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Value::Null),
        other => other.map_err(asked("cannot read what members have")),
    }
}

fn units(tree: &Value) -> anyhow::Result<Vec<UnitReport>> {
    let units = tree["units"].as_array().cloned().unwrap_or_default();
    Ok(units.into_iter().map(report).collect::<Result<_, _>>()?)
}

/// A unit of a tree, with the UIDs that stand in its rows.
fn report(unit: Value) -> serde_json::Result<UnitReport> {
    let rows = unit["details"].as_array().into_iter().flatten();
    let uids = rows.map(|row| row["uid"].as_str().map(Uid::from)).collect();
    Ok(UnitReport { uids, ..serde_json::from_value(unit)? })
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
                objects: known.get(&(&decision.unit, member)).map(|report| Objects::of_report(report, removal)),
                uids: known.get(&(&decision.unit, member)).map(|report| uids(report)).unwrap_or_default(),
            });
        }
    }
    out.sort_by(|a, b| (&a.app, &a.policy, &a.member).cmp(&(&b.app, &b.policy, &b.member)));
    out
}

fn uids(report: &UnitReport) -> BTreeMap<ObjectKey, Uid> {
    let rows = report.details.iter().zip(&report.uids);
    rows.filter_map(|(row, uid)| Some((ObjectKey::clone(&row.key), uid.clone()?))).collect()
}

/// How many objects go in all members.
pub(super) fn going(parts: &[Part]) -> usize {
    parts.iter().filter_map(|part| part.objects.as_ref()).map(|objects| objects.goes.len()).sum()
}

/// How many stay.
pub(super) fn staying(parts: &[Part]) -> usize {
    parts.iter().filter_map(|part| part.objects.as_ref()).map(|objects| objects.stays.len()).sum()
}

/// Does a Namespace or definition go?
pub(super) fn has_containers(parts: &[Part]) -> bool {
    parts.iter().filter_map(|part| part.objects.as_ref()).any(Objects::has_containers)
}

/// The parts of which nothing is known.
pub(super) fn unknown(parts: &[Part]) -> Vec<&Part> {
    parts.iter().filter(|part| part.objects.is_none()).collect()
}

/// What goes and what stays, for people: members with the same list are one block. A long block is cut unless all is asked for.
pub(super) fn lines(parts: &[Part], all: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut blocks: BTreeMap<(&str, &str, Option<&Objects>), BTreeSet<MemberName>> = BTreeMap::new();
    for part in parts {
        let block = blocks.entry((&part.app, &part.policy, part.objects.as_ref())).or_default();
        block.insert(part.member.clone());
    }
    let mut has_containers = false;
    for ((app, policy, objects), members) in blocks {
        let members: Vec<MemberName> = members.into_iter().collect();
        let head = format!("app/{app}, policy {policy}, in {}:", objects::members(&members));
        let Some(objects) = objects else {
            lines.push(format!("{head} what it has there is not known"));
            continue;
        };
        has_containers |= objects.has_containers();
        let listed = objects::listed(objects);
        lines.push(format!("{head} {}", objects::summary(&listed)));
        lines.extend(objects::lines(&listed, all));
    }
    if has_containers {
        lines.push(objects::STRANGERS.to_owned());
    }
    lines
}

/// Which of their members do not answer: what they have there goes when they do. Who may not read members is told nothing.
pub(super) async fn away(client: &Client, namespace: &str, parts: &[Part]) -> BTreeSet<MemberName> {
    let members = parts.iter().map(|part| part.member.clone()).collect();
    Place { client, namespace, name: "" }.away(&members).await.unwrap_or_default()
}

/// Says of members that do not answer when what was agreed to is done there.
pub(super) fn away_line(away: &BTreeSet<MemberName>) -> Option<String> {
    let (do_not, it_does) = if away.len() == 1 { ("does not", "it does") } else { ("do not", "they do") };
    (!away.is_empty()).then(|| format!("{} {do_not} answer: it is done there as soon as {it_does}", named(away)))
}

/// So many of something, in words.
pub(crate) fn counted(number: usize, word: &str) -> String {
    count(u32::try_from(number).unwrap_or(u32::MAX), word)
}

/// What goes and what stays, for programs: every object in each member. `objects` is absent where nothing is known.
pub(super) fn facts(parts: &[Part]) -> Value {
    let part = |part: &Part| {
        let uid = |object: &ObjectKey| part.uids.get(object).map(ToString::to_string);
        let one = |object| {
            let uid = uid(&objects::key(&object));
            objects::value(&part.member, false, &object, uid.as_deref())
        };
        let all = part.objects.as_ref().map(|all| objects::listed(all).into_iter().map(one).collect::<Vec<_>>());
        json!({"app": part.app, "policy": part.policy, "member": part.member, "objects": all})
    };
    parts.iter().map(part).collect()
}

#[cfg(test)]
mod tests;
