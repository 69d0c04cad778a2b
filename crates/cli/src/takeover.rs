//! `kurator hub adopt` and `adopt-fleet`: what another hub has in members becomes this hub's.
//!
//! The hub does it: `spec.takeOver` of an AttachedCluster names the other hub, an annotation approves the list that the hub
//! then makes. `attach --take-over` calls [`take_over`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::bail;
use api::condition;
use api::delivery::{
    HubId, MemberStatus, MemberStatusSpec, MemberTakeOver, Origin, TakeOverState, WaitingCause, label,
};
use api::feed::UnitReport;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::{APPROVE_TAKE_OVER, ORIGIN};
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::{AttachedCluster, TakeOverFrom};
use api::reason;
use kube::api::{ListParams, Patch};
use kube::{Client, Resource as _, ResourceExt};
use model::{Digest, MemberName, ObjectKey};
use serde_json::json;
use tokio::time::Instant;

use crate::approve::wait::named;
use crate::args::{Adopt, AdoptFleet, Asking, Common, typed};
use crate::ask::{self, quoted};
use crate::attach;
use crate::connect::{self, Api, asked};
use crate::leave::{counted, list, origin};
use crate::output;
use crate::sync::{LOOK_EVERY, params};

/// Units of one member that are printed: a person reads two pages.
const UNITS_SHOWN: usize = 50;

/// Applications of this hub with the name of another hub's that are named in one line.
const NAMESAKES_SHOWN: usize = 10;

/// Objects for which a command is printed: a person reads a page.
const UNLABELLED_MAX: usize = 20;

/// A member that is taken over.
struct Taken {
    member: MemberName,
    origin: Origin,
    list: MemberTakeOver,
}

pub(crate) async fn adopt(common: &Common, what: &Adopt) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let (member, origin) = origin(&client, common, &what.member, "hub adopt").await?;
    let from = match &what.from {
        Some(from) => from.clone(),
        None => only_hub(&others(&client, |name| *name == member).await?)?,
    };
    let words = ["hub", "adopt", &typed(&what.member), "--from", from.as_str()];
    let command = ask::command(common, &words) + " --yes";
    let done = take_over(&client, vec![(member.clone(), origin)], &from, None, &what.ask, &command).await?;
    if done.iter().any(|(_, list)| list.units > 0) {
        return print_taken(common, &from, &done);
    }
    // Nothing is recorded there, as after a detach of that hub that could not take its labels off.
    let units = list::reports(&client, &format!("membertrees/{member}")).await?;
    let left = labelled(&from, &units);
    if left.is_empty() {
        return print_taken(common, &from, &done);
    }
    Err(output::Lines(unlabel_words(&member, &from, &left)).into())
}

/// The objects that this hub is to deliver, and that have only the label of another one.
fn labelled(from: &HubId, units: &[UnitReport]) -> BTreeSet<ObjectKey> {
    let hub = format!("hub {from} ");
    let rows = units.iter().flat_map(|unit| &unit.details);
    let theirs = rows.filter(|row| row.reason == "ForeignHub" && row.message.starts_with(&hub));
    theirs.map(|row| ObjectKey::clone(&row.key)).collect()
}

/// What to do with objects that have the label of a hub which recorded nothing.
fn unlabel_words(member: &MemberName, from: &HubId, left: &BTreeSet<ObjectKey>) -> Vec<String> {
    let (them, their) = if left.len() == 1 { ("it", "its label") } else { ("them", "their labels") };
    let mut lines = vec![format!(
        "member/{member}: hub {from} has no inventory there, so that nothing proves what it made, and {} that this hub is to \
         deliver there still {} its label. If that hub does not deliver there any more, take {their} off in the cluster; this hub \
         then adopts {them}, and never deletes what it adopted:",
        counted(left.len(), "object"),
        if left.len() == 1 { "has" } else { "have" },
    )];
    lines.extend(left.iter().take(UNLABELLED_MAX).map(|key| {
        let group = if key.group.is_empty() { String::new() } else { format!(".{}", key.group) };
        let what = quoted(&format!("{}{group}/{}", key.kind.to_ascii_lowercase(), key.name));
        let namespace =
            if key.namespace.is_empty() { String::new() } else { format!(" -n {}", quoted(&key.namespace)) };
        format!("  kubectl label{namespace} {what} {}-", label::HUB)
    }));
    let more = left.len().saturating_sub(UNLABELLED_MAX);
    if more > 0 {
        lines.push(format!("  and {more} more: `kurator tree member/{member}` shows them"));
    }
    lines
}

pub(crate) async fn adopt_fleet(common: &Common, what: &AdoptFleet) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let records: Api<Cluster> = Api::all(client.clone());
    let records = records.list(&ListParams::default()).await.map_err(asked("cannot list members"))?.items;
    let mut origins = BTreeMap::new();
    for record in &records {
        let (Ok(member), Some(origin)) = (
            record.name_any().parse::<MemberName>(),
            record.annotations().get(ORIGIN).and_then(|text| text.parse::<Origin>().ok()),
        ) else {
            continue;
        };
        origins.insert(member, origin);
    }
    let found = others(&client, |name| origins.contains_key(name)).await?;
    let from = match &what.from {
        Some(from) => from.clone(),
        None => only_hub(&found)?,
    };
    let theirs = found.iter().filter(|(_, hubs)| hubs.contains_key(&from)).map(|(member, _)| member);
    let members: Vec<(MemberName, Origin)> =
        theirs.filter_map(|member| Some((member.clone(), origins.get(member)?.clone()))).collect();
    if members.is_empty() {
        bail!(
            "no member has said that hub {from} has anything there; {}; `kurator hub adopt MEMBER --from {from}` looks into one",
            name_hubs(&found)
        );
    }
    let command = ask::command(common, &["hub", "adopt-fleet", "--from", from.as_str()]) + " --yes";
    let done = take_over(&client, members, &from, None, &what.ask, &command).await?;
    print_taken(common, &from, &done)
}

/// Names the other hub on the AttachedClusters of members, shows what is taken over, asks, approves and waits. `agreed`: the list
/// that the person has seen and agreed to; the same one is not shown again.
pub(crate) async fn take_over(
    client: &Client,
    members: Vec<(MemberName, Origin)>,
    from: &HubId,
    agreed: Option<Digest>,
    how: &Asking,
    command: &str,
) -> anyhow::Result<Vec<(MemberName, MemberTakeOver)>> {
    let mut wished = Vec::new();
    let asked_for = async {
        refuse_leaving(client, members.iter().map(|(_, origin)| origin)).await?;
        let all = ask_for(client, members, from, agreed, how, command, &mut wished).await?;
        // The answer may have taken a while.
        refuse_leaving(client, all.iter().map(|taken| &taken.origin)).await?;
        Ok(all)
    };
    let all = match asked_for.await {
        Ok(all) => all,
        Err(why) => return Err(take_back(client, &wished, why).await),
    };
    for taken in all.iter().filter(|taken| taken.list.state == TakeOverState::Held) {
        let patch = json!({"metadata": {"annotations": {APPROVE_TAKE_OVER: taken.list.digest}}});
        write(client, &taken.origin, &patch).await?;
    }
    if how.wait.no_wait {
        return Ok(all.into_iter().map(|taken| (taken.member, taken.list)).collect());
    }
    let deadline = Instant::now() + how.wait.timeout;
    let mut left: BTreeMap<MemberName, Origin> =
        all.iter().map(|taken| (taken.member.clone(), taken.origin.clone())).collect();
    let most = left.len();
    let digests: BTreeMap<&MemberName, _> = all.iter().map(|taken| (&taken.member, taken.list.digest)).collect();
    loop {
        let before = left.len();
        for (member, origin) in left.clone() {
            let Some(now) = read_take_over(client, &member, from).await? else {
                // The hub takes the wish away when it is done, and the report with it.
                if is_taken(client, &origin, from).await? {
                    left.remove(&member);
                }
                continue;
            };
            match now.state {
                TakeOverState::Done => drop(left.remove(&member)),
                TakeOverState::Stuck => bail!("member/{member}: {}", now.message),
                // Something came or went since it was shown.
                TakeOverState::Held if digests.get(&member) != Some(&now.digest) => bail!(
                    "member/{member}: the list has changed since you looked, and was not taken over; look again with the same \
                     command"
                ),
                TakeOverState::Held | TakeOverState::Going => {}
            }
        }
        if left.len() != before && most > 1 {
            output::print_stderr(format_args!("{} of {} done", most - left.len(), counted(most, "member")));
        }
        if left.is_empty() {
            return Ok(all.into_iter().map(|taken| (taken.member, taken.list)).collect());
        }
        if Instant::now() >= deadline {
            bail!(
                "approved, and not done within {} s in {}; it goes on without this command",
                how.wait.timeout.as_secs(),
                named(&left.into_keys().collect())
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Refuses members that are being detached: this hub would own what it takes over only to let it go or to delete it.
async fn refuse_leaving(client: &Client, members: impl Iterator<Item = &Origin>) -> anyhow::Result<()> {
    for origin in members {
        attach::refuse_going(&read_attached(client, origin).await?)?;
    }
    Ok(())
}

async fn read_attached(client: &Client, origin: &Origin) -> anyhow::Result<AttachedCluster> {
    let api: Api<AttachedCluster> = Api::namespaced(client.clone(), &origin.namespace);
    let what = format!("cannot read AttachedCluster {}/{}", origin.namespace, origin.name);
    api.get(&origin.name).await.map_err(asked(&what))
}

/// An AttachedCluster on which the other hub was named, and what it said before.
type Wished = (Origin, Option<TakeOverFrom>);

/// Names the other hub, shows what it has, and asks. `wished`: where it was named.
async fn ask_for(
    client: &Client,
    members: Vec<(MemberName, Origin)>,
    from: &HubId,
    agreed: Option<Digest>,
    how: &Asking,
    command: &str,
    wished: &mut Vec<Wished>,
) -> anyhow::Result<Vec<Taken>> {
    let deadline = Instant::now() + how.wait.timeout;
    for (member, origin) in &members {
        let before = read_attached(client, origin).await?.spec.take_over;
        if before.as_ref().is_some_and(|before| before.hub == from.as_str()) {
            begin_again(client, member, origin, from, deadline).await?;
        }
        write(client, origin, &json!({"spec": {"takeOver": {"hub": from}}})).await?;
        wished.push((origin.clone(), before));
    }
    let mut all = Vec::new();
    for (member, origin) in members {
        let list = listed(client, &member, &origin, from, deadline, how.wait.timeout).await?;
        all.push(Taken { member, origin, list });
    }
    let held = all.iter().filter(|taken| taken.list.state == TakeOverState::Held).count();
    let is_news = all.iter().any(|taken| Some(taken.list.digest) != agreed);
    if is_news {
        if agreed.is_some() {
            output::print_stderr("what the other hub has there is not what was shown:");
        }
        let namesakes = namesakes(client, &all.iter().map(|taken| &taken.list).collect::<Vec<_>>()).await;
        lines(from, &all, namesakes).into_iter().for_each(output::print_stderr);
    }
    if held > 0 && is_news && !how.yes {
        let members = counted(held, "member");
        ask::confirm(&format!("Take over exactly these in {members}?"), "nothing was taken over", command)?;
    }
    Ok(all)
}

/// Takes a wish back that is stuck, and waits until the member says nothing of it: said once more, it is tried once more.
async fn begin_again(
    client: &Client,
    member: &MemberName,
    origin: &Origin,
    from: &HubId,
    deadline: Instant,
) -> anyhow::Result<()> {
    let is_stuck = async || -> anyhow::Result<bool> {
        let said = read_take_over(client, member, from).await?;
        Ok(said.is_some_and(|said| said.state == TakeOverState::Stuck))
    };
    if !is_stuck().await? {
        return Ok(());
    }
    write(client, origin, &json!({"spec": {"takeOver": null}})).await?;
    while is_stuck().await? && Instant::now() < deadline {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Lets the AttachedClusters say what they said before, after a refusal: returns it.
async fn take_back(client: &Client, wished: &[Wished], why: anyhow::Error) -> anyhow::Error {
    for (origin, before) in wished {
        if let Err(error) = write(client, origin, &json!({"spec": {"takeOver": before}})).await {
            let Origin { namespace, name, .. } = origin;
            return anyhow::anyhow!("{why:#}; spec.takeOver stays on AttachedCluster {namespace}/{name}: {error:#}");
        }
    }
    why
}

/// Says the AttachedCluster that what the other hub had is this hub's, and nothing more is wished?
async fn is_taken(client: &Client, origin: &Origin, from: &HubId) -> anyhow::Result<bool> {
    Ok(has_taken(&read_attached(client, origin).await?, from))
}

fn has_taken(attached: &AttachedCluster, from: &HubId) -> bool {
    let conditions = attached.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let said = condition::find(conditions, condition::TAKE_OVER).filter(|said| said.reason == reason::TAKEN_OVER);
    attached.spec.take_over.is_none() && said.is_some_and(|said| said.message.contains(from.as_str()))
}

/// Waits until the member was looked into.
async fn listed(
    client: &Client,
    member: &MemberName,
    origin: &Origin,
    from: &HubId,
    deadline: Instant,
    within: Duration,
) -> anyhow::Result<MemberTakeOver> {
    loop {
        if let Some(list) = read_take_over(client, member, from).await? {
            return Ok(list);
        }
        if is_taken(client, origin, from).await? {
            return Ok(nothing_of(from));
        }
        if Instant::now() >= deadline {
            bail!(
                "member/{member} did not say within {} s what hub {from} has there, and nothing was taken over; see `kurator \
                 status member/{member}`",
                within.as_secs()
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The list of a hub that has nothing there.
fn nothing_of(from: &HubId) -> MemberTakeOver {
    MemberTakeOver {
        from: from.clone(),
        state: TakeOverState::Done,
        digest: Digest::of(&[]),
        units: 0,
        objects: 0,
        list: Vec::new(),
        message: String::new(),
    }
}

async fn write(client: &Client, origin: &Origin, patch: &serde_json::Value) -> anyhow::Result<()> {
    let api: Api<AttachedCluster> = Api::namespaced(client.clone(), &origin.namespace);
    let what = format!("cannot write AttachedCluster {}/{}", origin.namespace, origin.name);
    api.patch(&origin.name, &params(), &Patch::Merge(patch)).await.map(drop).map_err(asked(&what))
}

/// What a member says of a hub that is taken over.
async fn read_take_over(client: &Client, member: &MemberName, from: &HubId) -> anyhow::Result<Option<MemberTakeOver>> {
    let api: Api<MemberStatus> = Api::all(client.clone());
    let slice = api.get_opt(&MemberStatusSpec::object_name(member, 0)).await;
    let slice = slice.map_err(asked(&format!("cannot read what member/{member} reports")))?;
    let said = slice.and_then(|slice| slice.status).and_then(|status| status.moving.take_over);
    Ok(said.map(|said| *said).filter(|said| said.from == *from))
}

/// The other hubs that have something in members.
async fn others(client: &Client, is_meant: impl Fn(&MemberName) -> bool) -> anyhow::Result<Found> {
    let api: Api<MemberStatus> = Api::all(client.clone());
    let slices = api.list(&ListParams::default()).await.map_err(asked("cannot read what members report"))?.items;
    Ok(hubs_of(&slices.into_iter().filter(|slice| is_meant(&slice.spec.member)).collect::<Vec<_>>()))
}

/// Other hubs by member, and how many units each has there.
type Found = BTreeMap<MemberName, BTreeMap<HubId, u32>>;

/// Which other hubs members name, by what is stored of them. A member names those whose inventories it had when this hub connected,
/// and at any time those that deliver what this one is to deliver: they may have come since.
fn hubs_of(slices: &[MemberStatus]) -> Found {
    let mut found = Found::new();
    for slice in slices {
        let hubs = found.entry(slice.spec.member.clone()).or_default();
        let others = slice.status.iter().flat_map(|status| &status.moving.other_hubs);
        hubs.extend(others.map(|other| (other.hub.clone(), other.units)));
    }
    let mut in_the_way: BTreeMap<(&MemberName, HubId), u32> = BTreeMap::new();
    for slice in slices {
        for unit in slice.status.iter().flat_map(|status| status.units.values()) {
            let others = unit.waiting.iter().filter(|waiting| waiting.cause == WaitingCause::OtherHub);
            let hubs: BTreeSet<HubId> = others.filter_map(|waiting| waiting.detail.parse().ok()).collect();
            hubs.into_iter().for_each(|hub| *in_the_way.entry((&slice.spec.member, hub)).or_default() += 1);
        }
    }
    for ((member, hub), units) in in_the_way {
        let known = found.entry(member.clone()).or_default().entry(hub).or_default();
        *known = units.max(*known);
    }
    found
}

/// The one other hub that members have something of.
fn only_hub(found: &Found) -> anyhow::Result<HubId> {
    let hubs: BTreeSet<&HubId> = found.values().flat_map(BTreeMap::keys).collect();
    match hubs.into_iter().collect::<Vec<_>>().as_slice() {
        [one] => Ok((*one).clone()),
        [] => bail!("{}", name_hubs(found)),
        _ => bail!("there is more than one other hub: say which with --from; {}", name_hubs(found)),
    }
}

/// Which other hubs have how much where.
fn name_hubs(found: &Found) -> String {
    let mut hubs: BTreeMap<&HubId, (u32, BTreeSet<MemberName>)> = BTreeMap::new();
    for (member, theirs) in found {
        for (hub, units) in theirs {
            let (sum, members) = hubs.entry(hub).or_default();
            *sum += units;
            members.insert(member.clone());
        }
    }
    if hubs.is_empty() {
        return "no other hub was found where this one delivers; one that is known is named with --from".to_owned();
    }
    let line = |(hub, (units, members)): (&&HubId, &(u32, BTreeSet<MemberName>))| {
        format!("hub {hub} has {} in {}", counted(*units as usize, "unit"), named(members))
    };
    hubs.iter().map(line).collect::<Vec<_>>().join("; ")
}

/// What is taken over, for people.
fn lines(from: &HubId, all: &[Taken], namesakes: Option<String>) -> Vec<String> {
    let mut out = vec![format!("of hub {from} would be taken over, as they are, without a restart of any pod:")];
    all.iter().for_each(|taken| out.extend(list_lines(&format!("member/{}", taken.member), &taken.list)));
    out.extend(namesakes);
    out.push(WARNING.to_owned());
    out
}

/// What is said of Applications that this hub has under the names of units in lists: names are all that tells whose a unit is. Nothing is
/// said where they may not be read.
pub(crate) async fn namesakes(client: &Client, lists: &[&MemberTakeOver]) -> Option<String> {
    let units: BTreeSet<(&str, &str, &str, &str)> = lists
        .iter()
        .flat_map(|list| &list.list)
        .map(|taken| (&*taken.unit.group, &*taken.unit.kind, &*taken.unit.namespace, &*taken.unit.name))
        .collect();
    if units.is_empty() {
        return None;
    }
    let apps: Api<Application> = Api::all(client.clone());
    let apps = apps.list(&ListParams::default()).await.ok()?.items;
    let (group, kind) = (Application::group(&()), Application::kind(&()));
    let names = apps.iter().map(|app| (app.namespace().unwrap_or_default(), app.name_any()));
    let named = names.filter(|(namespace, name)| units.contains(&(&group, &kind, namespace, name)));
    namesake_words(&named.map(|(namespace, name)| format!("{namespace}/{name}")).collect())
}

fn namesake_words(apps: &BTreeSet<String>) -> Option<String> {
    let first = apps.iter().take(NAMESAKES_SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more = apps.len().saturating_sub(NAMESAKES_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let (of, they) = match apps.len() {
        0 => return None,
        1 => ("an Application of a name in this list, and takes it for the same one", "it does"),
        _ => ("Applications of names in this list, and takes them for the same ones", "they do"),
    };
    Some(format!("this hub has {of}: {first}{more}; what {they} not want is deleted only after `kurator approve`"))
}

/// What has to be done elsewhere.
pub(crate) const WARNING: &str =
    "that hub must not deliver there any more: detach the members from it first (`kurator detach --keep`)";

/// What is taken over in one member, for people.
pub(crate) fn list_lines(of: &str, list: &MemberTakeOver) -> Vec<String> {
    let mut out = Vec::new();
    let what = match list.state {
        TakeOverState::Done => "nothing is left to take over".to_owned(),
        TakeOverState::Stuck => list.message.clone(),
        TakeOverState::Held | TakeOverState::Going => {
            format!("{} of {}", counted(list.objects as usize, "object"), counted(list.units as usize, "unit"))
        }
    };
    out.push(format!("  {of}: {what}"));
    for unit in list.list.iter().take(UNITS_SHOWN) {
        let adopted = match unit.adopted {
            0 => String::new(),
            adopted => format!(", {adopted} of them never to be deleted"),
        };
        let more = (unit.objects as usize).saturating_sub(unit.first.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let names = if unit.first.is_empty() { String::new() } else { format!(": {}{more}", unit.first.join(", ")) };
        out.push(format!("    {}: {}{adopted}{names}", unit.unit, counted(unit.objects as usize, "object")));
    }
    let shown = list.list.len().min(UNITS_SHOWN);
    if list.units as usize > shown {
        out.push(format!("    and {} more units", list.units as usize - shown));
    }
    if list.state != TakeOverState::Stuck && !list.message.is_empty() {
        out.push(format!("    {}", list.message));
    }
    out
}

fn print_taken(common: &Common, from: &HubId, done: &[(MemberName, MemberTakeOver)]) -> anyhow::Result<()> {
    let facts: Vec<_> = done.iter().map(|(member, list)| json!({"member": member, "taken": list})).collect();
    if output::structured(common.output, &json!({"from": from, "members": facts}))? {
        return Ok(());
    }
    let objects: usize = done.iter().map(|(_, list)| list.objects as usize).sum();
    output::print_stderr(format_args!(
        "hub {from}: {} in {} are this hub's",
        counted(objects, "object"),
        counted(done.len(), "member")
    ));
    Ok(())
}

#[cfg(test)]
mod tests;
