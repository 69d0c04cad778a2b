//! `kurator approve`: releases exactly what is shown of an application, after asking; or a member's new identity.

mod identity;
mod list;
mod verdict;
pub(crate) mod wait;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::bail;
use api::kurator::annotation::{APPROVE, SHOWN};
use api::kurator::apps::v1alpha1::{Application, HeldDeletions};
use api::kurator::consent::ShownList;
use api::view::HeldList;
use kube::api::Patch;
use kube::{Client, ResourceExt};
use model::MemberName;
use serde_json::{Value, json};

use crate::args::{Approve, Common, Format, Target};
use crate::ask::{self, quoted};
use crate::connect::{self, Api, asked};
use crate::duration::tenths;
use crate::leave::counted;
use crate::leave::left::{self, Left, Listed};
use crate::objects;
use crate::output;
use crate::status::held;
use crate::sync::{LOOK_EVERY, params};
use list::Named;
use wait::{End, Place};

/// `verbose`: every object is named, however many there are.
pub(crate) async fn run(common: &Common, what: &Approve, verbose: bool) -> anyhow::Result<()> {
    match &what.object {
        Target::App(name) => deletions(common, name, what, verbose).await,
        Target::Member(name) => identity::approve(common, name, what.ask.yes).await,
    }
}

/// How long members have to list their deletions before `kurator approve` gives up: a member that answers takes
/// well below a second, and its status is stored at most once a second.
const LISTED_WITHIN: Duration = Duration::from_secs(30);

/// How long a list may change while it is read.
const NAMED_WITHIN: Duration = Duration::from_secs(10);

/// Tries of a write that meets a newer version of the Application: its status is written once a second at most, and a try takes
/// milliseconds.
const TRIES_MAX: usize = 5;

async fn deletions(common: &Common, name: &str, what: &Approve, verbose: bool) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let (chosen, named) = listed_by_name(&client, common, name, &what.digest).await?;
    for list in &chosen {
        let objects = named.as_ref().and_then(|named| list::find(named, list));
        let lines = objects.map_or_else(|| held::lines(list), |objects| list::lines(list, objects, verbose));
        lines.into_iter().for_each(output::print_stderr);
        if !list.waiting_on.is_empty() {
            output::print_stderr(format_args!(
                "  that is not covered, and held again; look with `kurator status app/{name}`"
            ));
        }
    }
    let looks_into = |named: &HeldList, list: &HeldDeletions| {
        list::find(named, list).is_some_and(|named| list::has_looked_into(list, named))
    };
    match &named {
        None => output::print_stderr(every_object(common, name)),
        Some(named) if chosen.iter().any(|list| looks_into(named, list)) => output::print_stderr(objects::STRANGERS),
        Some(_) => {}
    }
    refuse_unnamed(name, &chosen, named.as_ref())?;
    // What is asked, and what is said at the end, has the numbers of the list.
    let numbered: Vec<HeldDeletions> = chosen
        .iter()
        .map(|list| list::numbered(list, named.as_ref().and_then(|named| list::find(named, list))))
        .collect();
    // The digests that were shown: a list that has changed since is another one, and not approved.
    let digests: Vec<String> = chosen.iter().map(|list| list.digest.clone()).collect();
    if !what.ask.yes {
        let facts = || undone_facts(common, name, &chosen, named.as_ref());
        let command = command(common, name, &digests);
        ask::confirm_facts(common.output, &question(&numbered), "nothing was approved", &command, facts)?;
        if let Some(named) = &named {
            // The answer may have taken a while.
            let (chosen, now) = listed_by_name(&client, common, name, &digests).await?;
            refuse_more(name, &chosen, now.as_ref(), named)?;
        }
    }
    let shown = named.as_ref().map(|named| list::shown(&chosen, named));
    if shown == Some(None) {
        output::print_stderr(
            "the list is too long to be written down object by object: what those members have when it is done goes, also what is \
             named as staying here and does not ask for that any longer then",
        );
    }
    let shown = shown.flatten().unwrap_or_default();
    let apps = BTreeSet::from([name.to_owned()]);
    let left = Left::before(&client, &common.namespace, &apps).await;
    let place = Place { client: &client, namespace: &common.namespace, name };
    let before = if what.ask.wait.no_wait { None } else { Some(place.before(chosen.clone()).await) };
    let goes = write(&Api::namespaced(client.clone(), &common.namespace), name, &digests, &shown).await?;
    let began = tokio::time::Instant::now();
    let end = match before {
        None => None,
        Some(Ok(lists)) => Some(place.until_done(&lists, goes, what.ask.wait.timeout).await?),
        Some(Err(why)) => Some(End::Unseen(why.into_words())),
    };
    let is_listed =
        |named: &HeldList| chosen.iter().filter_map(|list| list::find(named, list)).any(list::has_containers);
    let containers = named.as_ref().is_some_and(is_listed);
    let left = if end.is_some() { left.since(None, containers).await } else { Vec::new() };
    let mut facts = facts(common, name, &chosen, named.as_ref(), end.as_ref());
    facts["left"] = json!(left);
    if output::structured(common.output, &facts)? {
        return Ok(());
    }
    let mut sum = numbered.iter().map(held::what).collect::<Vec<_>>().join(", and ");
    match left::count(&left, named.as_ref().map(|named| listed_of(name, &chosen, named)).as_ref()) {
        0 => {}
        stayed => sum = format!("{sum}, of which {} stayed", counted(stayed, "object")),
    }
    let see = format!("see `kurator status app/{name}`");
    match end {
        None => output::print_stderr(format_args!("app/{name}: approved: {sum}; {see}")),
        Some(End::Unseen(why)) => {
            output::print_stderr(format_args!(
                "app/{name}: approved: {sum}; cannot see whether it is done: {why}; {see}"
            ));
        }
        Some(End::Done(away)) if away.is_empty() => {
            output::print_stderr(format_args!("app/{name}: approved and done in {}: {sum}", tenths(began.elapsed())));
        }
        Some(End::Done(away)) => {
            let names = wait::named(&away);
            output::print_stderr(format_args!(
                "app/{name}: approved: {sum}; no answer from {names}: it is done there when there is one, and done elsewhere"
            ));
        }
    }
    left::print(&left);
    Ok(())
}

/// The lists that wait, with every object. A list that changes while it is read is read again.
async fn listed_by_name(
    client: &Client,
    common: &Common,
    name: &str,
    digests: &[String],
) -> anyhow::Result<(Vec<HeldDeletions>, Option<HeldList>)> {
    let deadline = tokio::time::Instant::now() + NAMED_WITHIN;
    loop {
        let chosen = listed(client, common, name, digests).await?;
        let why = match list::read(client, &common.namespace, name, common.output != Format::Text).await? {
            Named::Earlier => return Ok((chosen, None)),
            Named::List(named) if chosen.iter().all(|list| list::find(&named, list).is_some()) => {
                return Ok((chosen, Some(named)));
            }
            Named::List(_) => "what waits changes all the time".to_owned(),
            // It was deleted, or is one that the hub has not looked at yet.
            Named::Missing(why) => format!("the hub does not say what waits ({why})"),
        };
        if tokio::time::Instant::now() >= deadline {
            bail!(
                "app/{name}: {why}, so that it cannot be listed, and nothing was approved; see `kurator status app/{name}`"
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What was shown, object by object.
fn listed_of(name: &str, chosen: &[HeldDeletions], named: &HeldList) -> Listed {
    let mut all = Listed::default();
    for group in chosen.iter().filter_map(|list| list::find(named, list)).flat_map(|list| &list.groups) {
        group.members.iter().for_each(|member| all.add(name, member, &group.objects));
    }
    all
}

/// Refuses what cannot be shown: nobody can agree to that.
fn refuse_unnamed(name: &str, chosen: &[HeldDeletions], named: Option<&HeldList>) -> anyhow::Result<()> {
    // Also where none is counted: what is not known is not nothing.
    let lists = chosen.iter().filter_map(|list| list::find(named?, list));
    let members: BTreeSet<MemberName> =
        lists.flat_map(|list| &list.unnamed).flat_map(|unnamed| &unnamed.members).cloned().collect();
    if members.is_empty() {
        return Ok(());
    }
    let first = members.first().map(ToString::to_string).unwrap_or_default();
    let members = wait::named(&members);
    bail!(
        "app/{name}: what would go from {members} cannot be named, and nothing was approved: try again when it answers, or let it \
         go as it is, with all that it has, with `kurator detach {first} --keep`"
    )
}

/// Refuses when more would go than was shown a moment ago: the digest of what an edit causes is of members.
fn refuse_more(name: &str, chosen: &[HeldDeletions], now: Option<&HeldList>, shown: &HeldList) -> anyhow::Result<()> {
    for list in chosen {
        let (Some(now), Some(shown)) = (now.and_then(|now| list::find(now, list)), list::find(shown, list)) else {
            continue;
        };
        if let Some(member) = list::more(now, shown) {
            bail!(
                "app/{name}: the list has changed since you looked: policy {} has more in member {member} than was shown, and \
                 nothing was approved; look again with the same command",
                list.policy
            );
        }
    }
    Ok(())
}

/// Where every object is named: a hub of an earlier version says it nowhere else.
fn every_object(common: &Common, name: &str) -> String {
    format!("every object by name, in each member: `{}`", ask::command(common, &["tree", &format!("app/{name}")]))
}

/// What is asked: an approval may delete, or only let go of what stays.
fn question(chosen: &[HeldDeletions]) -> String {
    let deletes = chosen.iter().filter(|list| list.count > 0).count();
    match deletes {
        0 => "Approve exactly these? Nothing is deleted.".to_owned(),
        all if all == chosen.len() => "Delete exactly these?".to_owned(),
        _ => {
            let deletions = chosen.iter().map(|list| list.count).fold(0, u32::saturating_add);
            format!("Approve exactly these? With them go {}.", held::count(deletions, "object"))
        }
    }
}

/// What was approved, for programs. `end`: absent when it was not waited for.
fn facts(common: &Common, name: &str, chosen: &[HeldDeletions], named: Option<&HeldList>, end: Option<&End>) -> Value {
    let (away, unseen) = match end {
        Some(End::Done(away)) => (away.clone(), None),
        Some(End::Unseen(why)) => (BTreeSet::new(), Some(why)),
        None => (BTreeSet::new(), None),
    };
    let done = matches!(end, Some(End::Done(away)) if away.is_empty());
    let lists = values(chosen, named);
    let mut facts = json!({"name": name, "namespace": common.namespace, "approved": lists, "done": done, "away": away});
    if let Some(why) = unseen {
        facts["unseen"] = json!(why);
    }
    facts
}

/// What waits and was not approved, for programs.
fn undone_facts(common: &Common, name: &str, chosen: &[HeldDeletions], named: Option<&HeldList>) -> Value {
    json!({"name": name, "namespace": common.namespace, "held": values(chosen, named)})
}

fn values(chosen: &[HeldDeletions], named: Option<&HeldList>) -> Vec<Value> {
    chosen.iter().map(|list| list::value(list, named.and_then(|named| list::find(named, list)))).collect()
}

/// Writes an approval beside those that the Application holds, together with what was shown of it, and of these leaves out what no longer
/// waits. None is lost that another hand writes at the same time. Returns whether the Application is being deleted: it goes when what
/// was approved is done.
///
/// # Errors
/// A list that is to be approved does not wait any longer, or the hub refuses.
async fn write(api: &Api<Application>, name: &str, digests: &[String], shown: &[ShownList]) -> anyhow::Result<bool> {
    for last in (0..TRIES_MAX).map(|n| n + 1 == TRIES_MAX) {
        let app = api.get(name).await.map_err(asked(&format!("cannot read app/{name}")))?;
        let held = app.status.as_ref().map(|status| status.held.as_slice()).unwrap_or_default();
        let waits = |digest: &str| held.iter().any(|list| list.digest == digest);
        if !digests.iter().all(|digest| waits(digest)) {
            bail!(has_changed(name, held));
        }
        let known = app.annotations().get(APPROVE).map(String::as_str).unwrap_or_default();
        let mut all: Vec<&str> = known.split([',', ' ']).filter(|digest| waits(digest)).collect();
        let new: Vec<&str> = digests.iter().map(String::as_str).filter(|digest| !all.contains(digest)).collect();
        all.extend(new);
        let mut annotations = json!({APPROVE: all.join(",")});
        if let Some(shown) = shown_beside(app.annotations().get(SHOWN).map(String::as_str), shown, digests, waits) {
            annotations[SHOWN] = shown;
        }
        let patch = json!({"metadata": {"resourceVersion": app.resource_version(), "annotations": annotations}});
        match api.patch(name, &params(), &Patch::Merge(&patch)).await {
            Err(kube::Error::Api(status)) if status.code == 409 && !last => {}
            other => {
                let written = other.map_err(asked(&format!("cannot approve app/{name}")))?;
                return Ok(written.metadata.deletion_timestamp.is_some());
            }
        }
    }
    Ok(false)
}

/// What becomes of the annotation that says what was shown: that of other lists that still wait stays, and what is approved by its digest
/// alone is not bound by an earlier look. `None`: it stays as it is.
fn shown_beside(
    known: Option<&str>,
    new: &[ShownList],
    digests: &[String],
    waits: impl Fn(&str) -> bool,
) -> Option<Value> {
    let before = known.map(ShownList::read).unwrap_or_default();
    let is_other = |list: &ShownList| {
        let digest = list.digest.to_string();
        waits(&digest) && !digests.contains(&digest)
    };
    let mut all: Vec<ShownList> = before.into_iter().filter(is_other).collect();
    all.extend(new.iter().cloned());
    match (all.is_empty(), known) {
        (true, None) => None,
        (true, Some(_)) => Some(Value::Null),
        (false, _) => Some(json!(ShownList::write(&all))),
    }
}

/// Why nothing is approved that was shown.
fn has_changed(name: &str, held: &[HeldDeletions]) -> String {
    let now: Vec<&str> = held.iter().map(|list| list.digest.as_str()).collect();
    let now = if now.is_empty() { "nothing waits".to_owned() } else { format!("it is now {}", now.join(", ")) };
    format!(
        "app/{name}: the list has changed since you looked ({now}), and nothing was approved; look again with `kurator \
         status app/{name}`"
    )
}

/// The command that approves exactly these lists, of the same hub, without asking.
fn command(common: &Common, name: &str, digests: &[String]) -> String {
    let digests = digests.iter().map(|digest| format!(" --digest {}", quoted(digest)));
    ask::command(common, &["approve", &format!("app/{name}")]) + &digests.collect::<String>() + " --yes"
}

/// The lists that wait, or those of these digests.
async fn listed(
    client: &Client,
    common: &Common,
    name: &str,
    digests: &[String],
) -> anyhow::Result<Vec<HeldDeletions>> {
    let deadline = tokio::time::Instant::now() + LISTED_WITHIN;
    // The first member's list is held at once. An approval of it would be void when the second one's is there, so
    // without a digest it is the whole list that is shown and approved.
    let held = loop {
        let app = connect::application(client, common, name).await?;
        let held = app.status.unwrap_or_default().held;
        if held.is_empty() {
            bail!("app/{name}: no deletion waits for approval; see `kurator status app/{name}`");
        }
        let Some(late) = held.iter().find(|h| !h.waiting_on.is_empty()).filter(|_| digests.is_empty()) else {
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
    if digests.is_empty() {
        return Ok(held);
    }
    if !digests.iter().all(|digest| held.iter().any(|list| list.digest == *digest)) {
        bail!(has_changed(name, &held));
    }
    Ok(held.into_iter().filter(|list| digests.contains(&list.digest)).collect())
}

#[cfg(test)]
pub(crate) mod tests;
