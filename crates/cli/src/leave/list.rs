//! What would go from members, and what would stay there and why: from what members reported object by object.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::delivery::{DecisionSpec, Removal, UnitId, UnitPhase};
use api::feed::UnitReport;
use api::view::{GoesWith, Sent};
use http::Request;
use kube::Client;
use model::{MemberName, ObjectKey, Timestamp, Uid};
use plan::departure::{Objects, called};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::left::Listed;
use crate::approve::wait::{Away, Place, Unread, pause};
use crate::connect::{asked, is_gone};
use crate::objects::{self, Numbers};
use crate::output;
use crate::reach;
use crate::status::held::count;
use crate::sync::LOOK_EVERY;

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

/// What other units have to do with an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Others {
    /// These wait for it; the one that takes over first is the first.
    heirs: Vec<UnitId>,
    /// These have something in it, of a Namespace.
    occupants: Vec<UnitId>,
    /// These have it, and leave with what they have: it goes too, since nobody takes it over.
    along: Vec<UnitId>,
}

/// What other units have to do with objects in a member: by unit and member.
pub(super) type Heirs = BTreeMap<(UnitId, MemberName), BTreeMap<ObjectKey, Others>>;

/// What is known of members.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What they have, unit by unit.
    pub(super) units: Vec<UnitReport>,
    /// The units that one has of this hub and that no Application delivers any more.
    pub(super) orphans: Vec<UnitId>,
    pub(super) sight: Sight,
    /// Who takes over what when it goes.
    heirs: Heirs,
    /// What those were sent that have not said what they have.
    sent: Vec<Sent>,
    /// How many units a member that answers was given and has not said anything of.
    pub(super) unsaid: usize,
    /// Its applier has not got through to it yet, so that units of no Application are not known either.
    pub(super) is_connecting: bool,
}

impl Known {
    fn of(tree: &Value, sight: Sight) -> anyhow::Result<Self> {
        let orphans = tree["orphans"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let orphans = orphans.filter_map(|unit| unit.parse().ok()).collect();
        let sent = match &tree["sent"] {
            Value::Null => Vec::new(),
            sent => serde_json::from_value(sent.clone())?,
        };
        Ok(Self { units: units(tree)?, orphans, sight, heirs: heirs(tree), sent, ..Self::default() })
    }
}

/// Reads what is known of an Application in its members.
pub(super) async fn application(client: &Client, namespace: &str, name: &str) -> anyhow::Result<Known> {
    Known::of(&tree(client, &format!("namespaces/{namespace}/trees/{name}?sent=true")).await?, Sight::All)
}

fn heirs(tree: &Value) -> Heirs {
    let mut out = Heirs::new();
    for unit in tree["units"].as_array().into_iter().flatten() {
        let named = |field: &str| unit[field].as_str().unwrap_or_default();
        let (Ok(id), Ok(member)) = (named("unit").parse::<UnitId>(), named("member").parse::<MemberName>()) else {
            continue;
        };
        let rows = unit["details"].as_array().into_iter().flatten();
        let wanted = rows.filter_map(|row| {
            let of = |field: &str| -> Vec<UnitId> {
                let names = row[field].as_array().into_iter().flatten().filter_map(Value::as_str);
                names.filter_map(|name| name.parse().ok()).collect()
            };
            let others = Others { heirs: of("wantedBy"), occupants: of("occupiedBy"), along: of("goesWith") };
            let is_known = [&others.heirs, &others.occupants, &others.along].iter().any(|units| !units.is_empty());
            let key = serde_json::from_value::<ObjectKey>(row["key"].clone()).ok().filter(|_| is_known)?;
            Some((key, others))
        });
        let mut wanted: BTreeMap<ObjectKey, Others> = wanted.collect();
        // What the unit does not have itself.
        let along: Vec<GoesWith> = serde_json::from_value(unit["goesWith"].clone()).unwrap_or_default();
        for GoesWith { key, units } in along {
            wanted.entry(key).or_default().along = units;
        }
        if !wanted.is_empty() {
            out.insert((id, member), wanted);
        }
    }
    out
}

/// How much this user may see of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sight {
    /// All that it has.
    #[default]
    All,
    /// What Applications of the namespace have there.
    Namespace,
    /// Nothing.
    Nothing,
}

/// Reads what a member has that was attached in this namespace. A user who may read that namespace alone sees what its own
/// Applications have there.
pub(super) async fn member(client: &Client, namespace: &str, member: &MemberName) -> anyhow::Result<Known> {
    let whole = read(client, &format!("membertrees/{member}?sent=true")).await;
    let (tree, sight) = match whole {
        Err(why) if is_forbidden(&why) => {
            match read(client, &format!("namespaces/{namespace}/trees?member={member}&sent=true")).await {
                Err(why) if is_forbidden(&why) => (Value::Null, Sight::Nothing),
                list => (joined(&list.map_err(asked(UNREAD))?, member), Sight::Namespace),
            }
        }
        whole => (whole.map_err(asked(UNREAD))?, Sight::All),
    };
    // A member without a record has no applier, and nothing that is to be said.
    let is_connecting =
        sight == Sight::All && !tree.is_null() && matches!(tree["link"].as_str(), None | Some("Connecting"));
    Ok(Known { is_connecting, ..Known::of(&tree, sight)? })
}

/// How long a member that answers may take to say what it has: after a start of the hub its applier connects, and lists what is there,
/// which takes seconds.
const REPORTED_WITHIN: Duration = Duration::from_secs(20);

/// The same of a member that is to be left. One that answers, and has not said yet what it has, is waited for: what it was given before
/// the hub was started is not nothing.
pub(super) async fn reported(client: &Client, namespace: &str, name: &MemberName) -> anyhow::Result<Known> {
    let place = Place { client, namespace, name: "" };
    let read = |why: Unread| if why.is_forbidden() { Ok(()) } else { Err(anyhow::anyhow!(why.into_words())) };
    let deadline = Instant::now() + REPORTED_WITHIN;
    let mut is_said = false;
    loop {
        let began = Instant::now();
        let mut known = member(client, namespace, name).await?;
        if known.sight == Sight::Nothing {
            return Ok(known);
        }
        // The fleets of its namespace alone list it, and their Applications are of that namespace, too.
        let given = match place.decisions_of(|decision| decision.members.contains_key(name)).await {
            Ok(given) => given,
            Err(why) => read(why).map(|()| Vec::new())?,
        };
        let is_unsaid = |unit: &UnitId| known.units.iter().all(|report| report.unit != *unit);
        known.unsaid = given.iter().map(|decision| &decision.unit).filter(|unit| is_unsaid(unit)).count();
        let is_unseen =
            known.units.iter().any(|report| report.phase == UnitPhase::Unknown && report.details.is_empty());
        if known.unsaid == 0 && !known.is_connecting && !is_unseen {
            return Ok(known);
        }
        let is_away = match place.away(&BTreeSet::from([name.clone()])).await {
            Ok(away) => away.contains_key(name),
            Err(why) => read(why).map(|()| false)?,
        };
        if is_away || Instant::now() >= deadline {
            return Ok(known);
        }
        if !is_said {
            output::print_stderr(format_args!(
                "member/{name} answers and has not said yet what it has, as after a start of the hub: this is waited for, at most {} s",
                REPORTED_WITHIN.as_secs()
            ));
            is_said = true;
        }
        let pause = pause(began.elapsed(), LOOK_EVERY);
        tokio::time::sleep_until((Instant::now() + pause).min(deadline)).await;
    }
}

/// The part of some Applications' trees that is of one member, as one tree.
fn joined(list: &Value, member: &MemberName) -> Value {
    let trees = || list["items"].as_array().into_iter().flatten();
    let of = |field: &str| -> Value {
        let all = trees().flat_map(|tree| tree[field].as_array().into_iter().flatten());
        all.filter(|one| one["member"].as_str() == Some(member.as_str())).cloned().collect()
    };
    json!({"units": of("units"), "sent": of("sent")})
}

/// What is said when something else than a refusal keeps a tree from being read.
const UNREAD: &str = "cannot read what members have";

fn is_forbidden(why: &kube::Error) -> bool {
    matches!(why, kube::Error::Api(status) if status.code == 403)
}

async fn tree(client: &Client, path: &str) -> anyhow::Result<Value> {
    read(client, path).await.map_err(asked(UNREAD))
}

/// A member without a record has nothing: null.
async fn read(client: &Client, path: &str) -> kube::Result<Value> {
    let request = Request::get(format!("/apis/view.kurator.dev/v1alpha1/{path}")).body(Vec::new());
    let request = request.map_err(kube::Error::HttpError)?;
    // The last of the path, without what is asked of it.
    let name = path.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    match client.request(request).await {
        Err(kube::Error::Api(status)) if is_gone(&status, name) => Ok(Value::Null),
        other => other,
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
    all: &Known,
    is_meant: impl Fn(&MemberName) -> bool,
    removal: impl Fn(&DecisionSpec) -> Removal,
) -> Vec<Part> {
    let known: BTreeMap<(&UnitId, &MemberName), &UnitReport> =
        all.units.iter().map(|report| ((&report.unit, &report.member), report)).collect();
    let sent: BTreeMap<(&UnitId, &MemberName), &Sent> =
        all.sent.iter().map(|sent| ((&sent.unit, &sent.member), sent)).collect();
    let mut out = Vec::new();
    // What leaves too takes nothing over.
    let leaves = |other: &UnitId| decisions.iter().any(|decision| decision.unit == *other);
    for decision in decisions {
        let removal = removal(decision);
        for (member, entry) in decision.members.iter().filter(|(member, _)| is_meant(member)) {
            // What leaves already is as it was agreed to.
            let removal = if entry.removal.is_none() { removal } else { entry.removal };
            let report = known.get(&(&decision.unit, member));
            let said = report.and_then(|report| {
                let mut objects = Objects::of_report(report, removal)?;
                if entry.gives_back(report.asked.placed) {
                    objects.give_back();
                }
                Some(objects)
            });
            // What cannot be read in the member may be more than it was sent.
            let sent = sent.get(&(&decision.unit, member)).filter(|_| !report.is_some_and(|report| report.unreadable));
            // Where the other one is in the list too, the object is among its own.
            let taken = |along: &[UnitId]| {
                let is_elsewhere = along.iter().any(leaves);
                along.first().filter(|_| !is_elsewhere).map(|other| called(other, &decision.unit))
            };
            let mut objects = said.or_else(|| {
                let mut objects = Objects::of_sent(&sent?.objects, removal);
                for GoesWith { key, units } in &sent?.goes_with {
                    taken(units).into_iter().for_each(|whose| objects.go_along(key.clone(), &whose));
                }
                Some(objects)
            });
            let others = all.heirs.get(&(decision.unit.clone(), member.clone())).into_iter().flatten();
            for (key, Others { heirs, occupants, along }) in others {
                if let Some(whose) = taken(along) {
                    objects.iter_mut().for_each(|all| all.go_along(key.clone(), &whose));
                }
                if let Some(heir) = heirs.iter().find(|heir| !leaves(heir)) {
                    let whose = called(heir, &decision.unit);
                    objects.iter_mut().for_each(|all| all.hand_over(|taken| taken == key, &whose));
                }
                if let Some(other) = occupants.iter().find(|other| !leaves(other)) {
                    let whose = called(other, &decision.unit);
                    objects.iter_mut().for_each(|all| all.spare_occupied(key, &whose));
                }
            }
            out.push(Part {
                app: decision.unit.name.clone(),
                policy: decision.unit.policy.clone().unwrap_or_default(),
                member: member.clone(),
                placed: entry.placed,
                objects,
                uids: report.map(|report| uids(report)).unwrap_or_default(),
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

/// How many go, stay, and are taken over in all members.
pub(super) fn numbers(parts: &[Part]) -> Numbers {
    let mut all = Numbers::default();
    for objects in parts.iter().filter_map(|part| part.objects.as_ref()) {
        all.add(objects::numbers(&objects::listed(objects)), 1);
    }
    all
}

/// What was listed, for what is said afterwards.
pub(super) fn listed(parts: &[Part]) -> Listed {
    let mut all = Listed::default();
    for part in parts {
        let objects = part.objects.as_ref().map(objects::listed).unwrap_or_default();
        all.add(&part.app, &part.member, &objects);
    }
    all
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
/// `away`: the members that cannot be looked at.
pub(super) fn lines(parts: &[Part], away: &Away, all: bool) -> Vec<String> {
    type Block<'a> = (&'a str, &'a str, Option<&'a Objects>, Option<&'a str>);
    let mut lines = Vec::new();
    let mut blocks: BTreeMap<Block<'_>, BTreeSet<MemberName>> = BTreeMap::new();
    for part in parts {
        let why = away.get(&part.member).map(String::as_str);
        let block = blocks.entry((&part.app, &part.policy, part.objects.as_ref(), why)).or_default();
        block.insert(part.member.clone());
    }
    for ((app, policy, objects, away), members) in blocks {
        let members: Vec<MemberName> = members.into_iter().collect();
        let head = format!("app/{app}, policy {policy}, in {}:", objects::members(&members));
        let Some(objects) = objects else {
            let why = away.map_or_else(String::new, |why| format!("; away ({why})"));
            lines.push(format!("{head} what it has there is not known{why}"));
            continue;
        };
        let listed = objects::listed(objects);
        let away = away.map_or_else(String::new, |why| match listed.is_empty() {
            true => format!("; away ({why})"),
            false => format!("; away ({why}): {}", reach::done_when(why, members.len())),
        });
        lines.push(format!("{head} {}{away}", objects::summary(&listed)));
        lines.extend(objects::lines(&listed, objects::Looked::Later, all));
    }
    lines
}

/// Which of their members cannot be looked at: what they have there goes when they can. Who may not read members is told nothing.
pub(super) async fn away(client: &Client, namespace: &str, parts: &[Part]) -> anyhow::Result<Away> {
    let members = parts.iter().map(|part| part.member.clone()).collect();
    match (Place { client, namespace, name: "" }.away(&members).await) {
        Err(why) if !why.is_forbidden() => Err(anyhow::anyhow!(why.into_words())),
        found => Ok(found.unwrap_or_default()),
    }
}

/// So many of something, in words.
pub(crate) fn counted(number: usize, word: &str) -> String {
    count(u32::try_from(number).unwrap_or(u32::MAX), word)
}

/// What goes and what stays, for programs: every object in each member. `objects` is null where nothing is known.
pub(super) fn facts(parts: &[Part], away: &Away) -> Value {
    let part = |part: &Part| {
        let uid = |object: &ObjectKey| part.uids.get(object).map(ToString::to_string);
        let one = |object| {
            let uid = uid(&objects::key(&object));
            objects::value(&part.member, away.contains_key(&part.member), &object, uid.as_deref())
        };
        let all = part.objects.as_ref().map(|all| objects::listed(all).into_iter().map(one).collect::<Vec<_>>());
        json!({"app": part.app, "policy": part.policy, "member": part.member, "away": away.get(&part.member), "objects": all})
    };
    parts.iter().map(part).collect()
}

#[cfg(test)]
mod tests;
