//! `kurator delete`: an application with what it has in members, or a fleet.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use api::delivery::{DecisionSpec, Removal};
use api::kurator::annotation::ON_DELETE;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::fleet::v1alpha1::Fleet;
use kube::api::{DeleteParams, ListParams, Preconditions};
use kube::{Client, ResourceExt};
use model::MemberName;
use plan::application::unit_ids;
use plan::departure::Objects;
use serde_json::json;

use super::fleet::{TRIES_MAX, fleet_of};
use super::left::{self, Left};
use super::list::{self, Part, counted};
use super::wait::{End, Leave};
use crate::approve::wait::{Place, named};
use crate::args::{Common, Deletable, Delete};
use crate::ask;
use crate::connect::{self, Api, asked};
use crate::duration::tenths;
use crate::objects::Numbers;
use crate::output;

pub(crate) async fn run(common: &Common, what: &Delete, verbose: bool) -> anyhow::Result<()> {
    match &what.object {
        Deletable::App(name) => application(common, name, what, verbose).await,
        Deletable::Fleet(name) => fleet(common, name, what).await,
    }
}

async fn application(common: &Common, name: &str, what: &Delete, verbose: bool) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let app = connect::application(&client, common, name).await?;
    let parts = parts(&client, &common.namespace, &app).await?;
    output::print_stderr(format_args!("app/{name} would be deleted, with what it has in members:"));
    if parts.is_empty() {
        output::print_stderr("  it has nothing in any member");
    }
    let absent = list::away(&client, &common.namespace, &parts).await?;
    list::lines(&parts, &absent, verbose).iter().for_each(|line| output::print_stderr(format_args!("  {line}")));
    if !what.anyway {
        refuse_unknown(name, &parts)?;
    }
    if !what.ask.yes {
        let anyway = if what.anyway { " --anyway" } else { "" };
        let command = ask::command(common, &["delete", &format!("app/{name}")]) + anyway + " --yes";
        let facts = || {
            json!({"name": name, "namespace": common.namespace, "units": list::facts(&parts, &absent),
            "away": absent.keys().collect::<Vec<_>>()})
        };
        ask::confirm_facts(common.output, &format!("Delete app/{name}?"), "nothing was deleted", &command, facts)?;
    }
    let apps = BTreeSet::from([name.to_owned()]);
    let left = Left::before(&client, &common.namespace, &apps).await;
    let shown = Shown { client: &client, namespace: &common.namespace, name, app: &app, parts: &parts };
    // The answer may have taken a while.
    let looked = if what.ask.yes { app.clone() } else { shown.look_again().await? };
    let began = tokio::time::Instant::now();
    shown.delete(looked).await?;
    let (namespace, see) = (common.namespace.as_str(), format!("app/{name}"));
    let leave = Leave { client: &client, namespace, apps: &apps, member: None, deleted: true };
    let end =
        if what.ask.wait.no_wait { None } else { Some(leave.until_done(what.ask.wait.timeout).await.context(see)?) };
    let away = match &end {
        Some(End::Done(away)) => away.clone(),
        _ => BTreeSet::new(),
    };
    let is_done = matches!(&end, Some(End::Done(away)) if away.is_empty());
    let left = if end.is_some() { left.since(None, list::has_containers(&parts)).await } else { Vec::new() };
    let facts = json!({"name": name, "namespace": common.namespace, "units": list::facts(&parts, &absent), "done": is_done,
        "away": away, "left": left});
    if output::structured(common.output, &facts)? {
        return Ok(());
    }
    let stayed = left::count(&left, Some(&list::listed(&parts)));
    let said = match end {
        None => format!("told to go: {}", sum(&parts, stayed)),
        Some(End::Unseen(why)) => format!("told to go: {}; cannot see whether it is done: {why}", sum(&parts, stayed)),
        Some(End::Done(away)) if away.is_empty() => {
            format!("deleted in {}: {}", tenths(began.elapsed()), sum(&parts, stayed))
        }
        Some(End::Done(away)) => done_but_for(&away, parts, stayed),
    };
    output::print_stderr(format_args!("app/{name}: {said}"));
    left::print(&left);
    Ok(())
}

/// What was shown of an Application that is to be deleted.
struct Shown<'a> {
    client: &'a Client,
    namespace: &'a str,
    name: &'a str,
    app: &'a Application,
    parts: &'a [Part],
}

impl Shown<'_> {
    /// Reads the Application again, since what it says itself decides what goes, and what it has in members.
    ///
    /// # Errors
    /// More would go than was shown, or it is another one by now.
    async fn look_again(&self) -> anyhow::Result<Application> {
        let Self { client, namespace, name, .. } = self;
        let api: Api<Application> = Api::namespaced((*client).clone(), namespace);
        let app = api.get_opt(name).await.map_err(asked(&format!("cannot read app/{name}")))?;
        let Some(app) = app.filter(|app| app.uid() == self.app.uid()) else {
            bail!("app/{name}: it is gone, or another one than was shown a moment ago, and nothing was deleted");
        };
        let now = parts(client, namespace, &app).await?;
        if let Some(more) = now.iter().find(|part| is_more(part, self.parts)) {
            bail!(
                "app/{name}: more of policy {} in member {} would go than was shown a moment ago, and nothing was deleted; look \
                 again with the same command",
                more.policy,
                more.member
            );
        }
        Ok(app)
    }

    /// Deletes it as it was looked at. Its status is written once a second at most: one that was changed in between, by whomever,
    /// is looked at again.
    async fn delete(&self, mut looked: Application) -> anyhow::Result<()> {
        let api: Api<Application> = Api::namespaced(self.client.clone(), self.namespace);
        for last in (0..TRIES_MAX).map(|n| n + 1 == TRIES_MAX) {
            let only = Preconditions { uid: looked.uid(), resource_version: looked.resource_version() };
            let delete = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
            match api.delete(self.name, &delete).await {
                Err(kube::Error::Api(status)) if status.code == 409 && !last => looked = self.look_again().await?,
                other => return other.map(drop).map_err(asked(&format!("cannot delete app/{}", self.name))),
            }
        }
        Ok(())
    }
}

/// What an Application has in members, and what becomes of it.
async fn parts(client: &Client, namespace: &str, app: &Application) -> anyhow::Result<Vec<Part>> {
    let name = &app.name_any();
    let decisions = Place { client, namespace, name }.decisions().await;
    let decisions = decisions.map_err(|why| anyhow::anyhow!(why.into_words()))?;
    let known = list::application(client, namespace, name).await?;
    let said = app.annotations().get(ON_DELETE).cloned();
    let parts = list::parts(&decisions, &known, |_| true, |decision| removal(said.as_deref(), app, decision));
    Ok(if said.is_some() { kept_by_owner(parts, &decisions) } else { parts })
}

/// Says that what stays is kept by the Application, and not by a policy; what leaves already is as it was agreed to.
fn kept_by_owner(mut parts: Vec<Part>, decisions: &[DecisionSpec]) -> Vec<Part> {
    for part in &mut parts {
        let is_of = |decision: &&DecisionSpec| decision.unit.policy.as_deref().unwrap_or_default() == part.policy;
        // A unit with many members has several Decisions.
        let entry = decisions.iter().filter(is_of).find_map(|decision| decision.members.get(&part.member));
        if entry.is_some_and(|entry| entry.removal.is_none()) {
            part.objects.iter_mut().for_each(Objects::kept_by_owner);
        }
    }
    parts
}

/// What becomes of a unit's objects when its Application is deleted: as the annotation says, else as its policy prunes. That may
/// have been edited a moment ago, and not be decided yet.
fn removal(said: Option<&str>, app: &Application, decision: &DecisionSpec) -> Removal {
    let units = unit_ids(app).into_iter().zip(&app.spec.sync_policies);
    let mut mine =
        units.filter(|(unit, _)| *unit == decision.unit).filter_map(|(_, policy)| policy.kustomization.as_ref());
    match said {
        Some("prune") => Removal::Prune,
        Some(_) => Removal::Release,
        None if decision.prune || mine.any(|kustomization| kustomization.prune) => Removal::Prune,
        None => Removal::Release,
    }
}

/// Refuses what cannot be shown: nobody can agree to that.
fn refuse_unknown(name: &str, parts: &[Part]) -> anyhow::Result<()> {
    let members: BTreeSet<MemberName> = list::unknown(parts).into_iter().map(|part| part.member.clone()).collect();
    if members.is_empty() {
        return Ok(());
    }
    let (members, has) = (named(&members), if members.len() == 1 { "has" } else { "have" });
    bail!(
        "app/{name}: {members} {has} not reported what is there, so that it cannot be listed, and nothing was deleted; try again \
         when there is an answer, or say --anyway to delete it unseen"
    )
}

/// Would something of it go that was not shown?
fn is_more(now: &Part, shown: &[Part]) -> bool {
    let same = shown.iter().find(|part| (&part.policy, &part.member) == (&now.policy, &now.member));
    let Some(objects) = &now.objects else { return same.is_none_or(|part| part.objects.is_some()) };
    let known = same.and_then(|part| part.objects.as_ref());
    objects.goes.iter().any(|key| known.is_none_or(|known| !known.goes.contains(key)))
}

/// What went, and what is still to go in members that do not answer.
fn done_but_for(away: &BTreeSet<MemberName>, parts: Vec<Part>, stayed: usize) -> String {
    let (later, now): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| away.contains(&part.member));
    let when = if away.len() == 1 { "when it answers" } else { "when they answer" };
    let later = match list::unknown(&later).is_empty() {
        // Nothing waits there but the hub's own record.
        true if list::numbers(&later) == Numbers::default() => "nothing".to_owned(),
        true => list::numbers(&later).in_words(),
        false => "what is there, which is not known".to_owned(),
    };
    let later = format!("in {} {when}: {later}", named(away));
    if now.is_empty() { format!("told to go {later}") } else { format!("deleted: {}; {later}", sum(&now, stayed)) }
}

/// What went, in one line. `stayed`: so many objects did not go that were to.
fn sum(parts: &[Part], stayed: usize) -> String {
    let unknown: BTreeSet<MemberName> = list::unknown(parts).into_iter().map(|part| part.member.clone()).collect();
    let members: BTreeSet<_> = parts.iter().filter(|part| part.objects.is_some()).map(|part| &part.member).collect();
    let counted =
        format!("{} in {}", list::numbers(parts).without(stayed).in_words(), counted(members.len(), "member"));
    match (unknown.is_empty(), members.is_empty()) {
        (true, _) => counted,
        (false, true) => format!("what {} had, unseen", named(&unknown)),
        (false, false) => format!("{counted}, and what {} had, unseen", named(&unknown)),
    }
}

async fn fleet(common: &Common, name: &str, what: &Delete) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let namespace = &common.namespace;
    let api: Api<Fleet> = Api::namespaced(client.clone(), namespace);
    let found = api.get_opt(name).await.map_err(asked(&format!("fleet/{name}")))?;
    let Some(found) = found else {
        bail!("there is no fleet/{name} in namespace {namespace}: `kubectl get fleets -A` lists what there is");
    };
    let apps: Api<Application> = Api::namespaced(client, namespace);
    let apps = apps.list(&ListParams::default()).await.map_err(asked("cannot list applications"))?.items;
    let theirs: Vec<String> =
        apps.iter().filter(|app| fleet_of(app) == Some(name)).map(|app| format!("app/{}", app.name_any())).collect();
    let members = found.spec.clusters.len();
    output::print_stderr(format_args!(
        "fleet/{name} of {} would be deleted; nothing is deleted in any member, and no member is detached",
        counted(members, "member")
    ));
    if !theirs.is_empty() {
        output::print_stderr(format_args!(
            "  {} keep what they have in members as it is, and get no new version there, until they name another fleet: delete \
             them first if it is to go",
            theirs.join(", ")
        ));
    }
    if !what.ask.yes {
        let command = ask::command(common, &["delete", &format!("fleet/{name}")]) + " --yes";
        let facts = || json!({"name": name, "namespace": namespace, "applications": theirs});
        ask::confirm_facts(common.output, &format!("Delete fleet/{name}?"), "nothing was deleted", &command, facts)?;
    }
    let only = Preconditions { uid: found.uid(), resource_version: None };
    let delete = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
    api.delete(name, &delete).await.map_err(asked(&format!("cannot delete fleet/{name}")))?;
    let facts = json!({"name": name, "namespace": namespace, "applications": theirs, "done": true});
    if !output::structured(common.output, &facts)? {
        output::print_stderr(format_args!("fleet/{name}: deleted"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
