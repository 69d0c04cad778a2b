//! `kurator fleet remove`: a member leaves a fleet, with what the fleet's Applications put there.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use api::delivery::{DecisionSpec, LeavingCause, ObjectSet, Origin, Removal};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::{CONSENT, ORIGIN};
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::consent::{Consent, ConsentScope, FleetEdit};
use api::kurator::fleet::v1alpha1::{ClusterRef, Fleet};
use kube::api::{ListParams, Patch};
use kube::{Client, ResourceExt};
use model::{Clock, MemberName, Timestamp};
use serde_json::{Value, json};

use super::left::{self, Left};
use super::list::{self, Part, counted};
use super::wait::{End, Leave};
use crate::approve::wait::{Away, Place};
use crate::args::{Asking, Common, FleetRemove, Format, Target, typed};
use crate::ask;
use crate::connect::{self, Api, asked};
use crate::duration::tenths;
use crate::output;
use crate::sync::params;

/// Tries of a write that meets a newer version: as of `kurator approve`.
pub(super) const TRIES_MAX: usize = 5;

pub(crate) async fn remove(common: &Common, what: &FleetRemove, verbose: bool) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let exit = Exit::find(&client, common, &what.member, what.fleet.as_deref()).await?;
    let began = tokio::time::Instant::now();
    let words = ["fleet", "remove", &typed(&what.member), "--fleet", exit.fleet.as_str()];
    let apps = exit.apps();
    let left = exit.left(&apps).await;
    let command = ask::command(common, &words) + " --yes";
    let end = exit.carry_out(common.output, &what.ask, verbose, &command).await?;
    let (member, fleet) = (&exit.member, &exit.fleet);
    let left = if end.is_some() { exit.left_since(&left).await } else { Vec::new() };
    let facts = json!({"member": member, "fleet": fleet, "namespace": exit.namespace, "units": list::facts(&exit.parts, &exit.away),
        "done": matches!(&end, Some(End::Done(away)) if away.is_empty()), "left": left});
    if output::structured(common.output, &facts)? {
        return Ok(());
    }
    let sum = exit.sum(left::count(&left, Some(&list::listed(&exit.parts))));
    let said = match end {
        None => format!("taken out of fleet/{fleet}; {sum}; see `kurator status member/{member}`"),
        Some(End::Unseen(why)) => format!("taken out of fleet/{fleet}; cannot see whether it is done: {why}"),
        Some(End::Done(away)) if away.is_empty() => {
            format!("has left fleet/{fleet} in {}: {sum}", tenths(began.elapsed()))
        }
        Some(End::Done(_)) => format!("taken out of fleet/{fleet}; it does not answer: {sum} when it does"),
    };
    output::print_stderr(format_args!("member/{member}: {said}"));
    left::print(&left);
    Ok(())
}

/// A member that is to leave a fleet.
pub(crate) struct Exit {
    client: Client,
    pub(crate) namespace: String,
    pub(crate) fleet: String,
    /// Does the fleet list the member? If not, it was taken out before, and what is here is on its way out or is held.
    is_listed: bool,
    pub(crate) member: MemberName,
    /// The object that made the member: what the fleet lists.
    entry: String,
    parts: Vec<Part>,
    /// The member, while it cannot be looked at, and why.
    away: Away,
    /// By Application, the placements of its policies: a consent is of one that is still there.
    open: BTreeMap<String, Open>,
}

/// What was agreed to, by Application.
pub(crate) type Given = BTreeMap<String, Consent>;

/// The kind of what a fleet lists and the hub follows.
const KIND: &str = "AttachedCluster";

/// Policies in members, and since when they are there.
type Open = BTreeSet<(String, MemberName, Option<Timestamp>)>;

/// Bytes of all consents of an Application, at most. Kubernetes allows 256 KiB for all annotations of an object.
const CONSENTS_BYTES_MAX: usize = 200 * 1024;

impl Exit {
    /// Finds the fleet, and what its Applications have in the member.
    async fn find(client: &Client, common: &Common, member: &str, fleet: Option<&str>) -> anyhow::Result<Self> {
        let (name, origin) = origin(client, common, member, "fleet remove").await?;
        let fleets = listing(client, &origin).await?;
        let names: Vec<&str> = fleets.iter().map(String::as_str).collect();
        let chosen = match (fleet, names.as_slice()) {
            (Some(fleet), names) if names.contains(&fleet) => fleet,
            (Some(fleet), _) => bail!("fleet/{fleet} does not list member/{member}; {}", listed_by(&names)),
            (None, [one]) => one,
            (None, []) => {
                bail!("no fleet in namespace {} lists member/{member}: there is nothing to take out", origin.namespace)
            }
            (None, names) => {
                bail!("member/{member} is in several fleets: say which with --fleet ({})", names.join(", "))
            }
        };
        list::reported(client, &origin.namespace, &name).await?;
        Self::of(client, &origin, chosen, name).await
    }

    /// What the Applications of one fleet have in a member that it lists.
    pub(crate) async fn of(client: &Client, origin: &Origin, fleet: &str, member: MemberName) -> anyhow::Result<Self> {
        let namespace = &origin.namespace;
        let all = applications(client, namespace).await?;
        let mut decisions: Vec<DecisionSpec> = Vec::new();
        for app in all.iter().filter(|app| fleet_of(app) == Some(fleet)) {
            let name = &app.name_any();
            let place = Place { client, namespace, name };
            decisions.extend(place.decisions().await.map_err(|why| anyhow::anyhow!(why.into_words()))?);
        }
        Self::with(client, origin, (fleet, true), member, &decisions).await
    }

    /// What is in a member of Applications whose fleets do not list it: it was taken out of them, and not everything has left. The
    /// hub waits for it when the member goes with what was delivered. What no fleet delivers, it does not wait for.
    pub(crate) async fn unfinished(
        client: &Client,
        origin: &Origin,
        listing: &[String],
        member: &MemberName,
    ) -> anyhow::Result<Vec<Self>> {
        let namespace = &origin.namespace;
        let place = Place { client, namespace, name: "" };
        let theirs = place.decisions_of(|decision| decision.members.contains_key(member)).await;
        let theirs = theirs.map_err(|why| anyhow::anyhow!(why.into_words()))?;
        if theirs.is_empty() {
            return Ok(Vec::new());
        }
        let fleets: Api<Fleet> = Api::namespaced(client.clone(), namespace);
        let fleets = fleets.list(&ListParams::default()).await.map_err(asked("cannot list fleets"))?;
        let all = applications(client, namespace).await?;
        let mut out = Vec::new();
        for fleet in fleets.items.iter().map(ResourceExt::name_any).filter(|fleet| !listing.contains(fleet)) {
            let of_fleet = all.iter().filter(|app| fleet_of(app) == Some(fleet.as_str()));
            let apps: BTreeSet<String> = of_fleet.map(ResourceExt::name_any).collect();
            let decisions: Vec<DecisionSpec> =
                theirs.iter().filter(|decision| apps.contains(&decision.unit.name)).cloned().collect();
            if !decisions.is_empty() {
                out.push(Self::with(client, origin, (&fleet, false), member.clone(), &decisions).await?);
            }
        }
        Ok(out)
    }

    async fn with(
        client: &Client,
        origin: &Origin,
        (fleet, is_listed): (&str, bool),
        member: MemberName,
        decisions: &[DecisionSpec],
    ) -> anyhow::Result<Self> {
        let namespace = origin.namespace.clone();
        let known = list::member(client, &namespace, &member).await?;
        let by_prune = |decision: &DecisionSpec| if decision.prune { Removal::Prune } else { Removal::Release };
        let parts = list::parts(decisions, &known, |name| *name == member, by_prune);
        let away = list::away(client, &namespace, &parts).await?;
        let (fleet, entry) = (fleet.to_owned(), origin.name.clone());
        let (client, open) = (client.clone(), open(decisions));
        Ok(Self { client, namespace, fleet, is_listed, member, entry, parts, away, open })
    }

    /// Shows the list, asks, writes the consents and then the fleet, and waits.
    async fn carry_out(&self, format: Format, how: &Asking, all: bool, command: &str) -> anyhow::Result<Option<End>> {
        self.show(all)?;
        if !how.yes {
            let question = format!("Take member/{} out of fleet/{}?", self.member, self.fleet);
            let facts = || {
                json!({"member": self.member, "fleet": self.fleet, "namespace": self.namespace,
                    "units": list::facts(&self.parts, &self.away), "away": self.away.keys().collect::<Vec<_>>()})
            };
            ask::confirm_facts(format, &question, "nothing was changed", command, facts)?;
        }
        self.edit(hub::SystemClock.now()).await?;
        if how.wait.no_wait { Ok(None) } else { self.wait(how).await.map(Some) }
    }

    /// Prints what goes and what stays: every object, when all are asked for.
    ///
    /// # Errors
    /// It is not known what the member has: what is not shown cannot be agreed to.
    pub(crate) fn show(&self, all: bool) -> anyhow::Result<()> {
        self.lines(all).iter().for_each(output::print_stderr);
        // An edit by hand would be held with a list that cannot be named either.
        let member = &self.member;
        self.check_reported(&format!(
            "try again when it answers, or let it go as it is, with all that it has, with `kurator detach {member} --keep`"
        ))
    }

    /// The list.
    pub(crate) fn lines(&self, all: bool) -> Vec<String> {
        let (member, fleet) = (&self.member, &self.fleet);
        let mut lines = vec![match self.is_listed {
            true => format!("member/{member} would leave fleet/{fleet}:"),
            false => {
                format!("member/{member} is out of fleet/{fleet} already, and of what it delivered there is still:")
            }
        }];
        if self.parts.is_empty() {
            lines.push("  no application of the fleet has anything there".to_owned());
        }
        lines.extend(list::lines(&self.parts, &self.away, all).into_iter().map(|line| format!("  {line}")));
        lines
    }

    /// Refuses when it is not known what the member has. `advice`: what else to do.
    pub(crate) fn check_reported(&self, advice: &str) -> anyhow::Result<()> {
        if let Some(part) = list::unknown(&self.parts).first() {
            bail!(
                "member/{} has not reported what app/{} has there, so that it cannot be listed, and nothing was changed; {advice}",
                self.member,
                part.app
            );
        }
        Ok(())
    }

    /// What becomes of it, in one line. `stayed`: so many objects did not go that were to.
    fn sum(&self, stayed: usize) -> String {
        list::numbers(&self.parts).without(stayed).in_words()
    }

    /// Writes the consents of the Applications, and then the fleet. A fleet that cannot be written leaves none behind.
    async fn edit(&self, now: Timestamp) -> anyhow::Result<()> {
        let given = self.consent(now).await?;
        let fleets = Api::namespaced(self.client.clone(), &self.namespace);
        match take_out(&fleets, &self.fleet, &self.entry).await {
            Ok(()) => Ok(()),
            Err(why) => Err(self.take_back(&given, why).await),
        }
    }

    /// Writes the consents of the Applications. They do nothing before the fleet is edited, are for that edit alone, and lapse
    /// after a day.
    pub(crate) async fn consent(&self, now: Timestamp) -> anyhow::Result<Given> {
        let given = consents(&self.parts, now, &self.fleet_edit().await?)?;
        for (app, consent) in &given {
            let open = self.open.get(app).cloned().unwrap_or_default();
            if let Err(why) = write_consent(&self.applications(), app, consent, &open).await {
                return Err(self.take_back(&given, why).await);
            }
        }
        Ok(given)
    }

    /// What is to be made of the fleet's list as it is now.
    async fn fleet_edit(&self) -> anyhow::Result<FleetEdit> {
        let api: Api<Fleet> = Api::namespaced(self.client.clone(), &self.namespace);
        let name = &self.fleet;
        let fleet = api.get_opt(name).await.map_err(asked(&format!("cannot read fleet/{name}")))?;
        let listed = fleet.map(|fleet| fleet.spec.clusters).unwrap_or_default();
        if listed.len() > ObjectSet::OBJECTS_MAX {
            bail!(
                "fleet/{name} lists {}, and a list that is agreed to before the edit holds {}: edit the fleet, and then approve with \
                 `kurator approve`; nothing was changed",
                counted(listed.len(), "cluster"),
                ObjectSet::OBJECTS_MAX
            );
        }
        let entry = ClusterRef { kind: KIND.to_owned(), name: self.entry.clone() };
        Ok(FleetEdit::new(name, entry, &listed))
    }

    /// Takes consents back, since what they are for was not done. `why` that is; the same with what became of them.
    pub(crate) async fn take_back(&self, given: &Given, why: anyhow::Error) -> anyhow::Error {
        let mut stands = Vec::new();
        for (app, consent) in given {
            if let Err(error) = retract(&self.applications(), app, consent).await {
                stands.push((app, error));
            }
        }
        let Some((app, error)) = stands.first() else {
            return match given.is_empty() {
                true => why,
                false => anyhow::anyhow!("{why:#}; what was agreed to was taken back"),
            };
        };
        let (member, fleet, namespace) = (&self.member, &self.fleet, &self.namespace);
        let apps = stands.iter().map(|(app, _)| format!("app/{app}")).collect::<Vec<_>>().join(", ");
        anyhow::anyhow!(
            "{why:#}; what was agreed to stands on {apps} for a day, for taking member/{member} out of fleet/{fleet}, and cannot be \
             taken back ({error:#}): `kubectl annotate applications.apps.kurator.dev {app} -n {namespace} {CONSENT}-` does it"
        )
    }

    fn applications(&self) -> Api<Application> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The Applications that have something there.
    pub(crate) fn apps(&self) -> BTreeSet<String> {
        self.parts.iter().map(|part| part.app.clone()).collect()
    }

    /// Takes note of what is said already of its Applications.
    pub(crate) async fn left(&self, apps: &'_ BTreeSet<String>) -> Left<'_> {
        Left::before(&self.client, &self.namespace, apps).await
    }

    /// What was said since of what stayed in the member, against the list.
    pub(crate) async fn left_since(&self, left: &Left<'_>) -> Vec<String> {
        left.since(Some(&self.member), list::has_containers(&self.parts)).await
    }

    /// What goes and what stays, for programs.
    pub(crate) fn facts(&self) -> Value {
        json!({"fleet": self.fleet, "units": list::facts(&self.parts, &self.away)})
    }

    /// Waits until everything has left.
    pub(crate) async fn wait(&self, how: &Asking) -> anyhow::Result<End> {
        let apps = self.apps();
        let (client, namespace) = (&self.client, self.namespace.as_str());
        let leave = Leave { client, namespace, apps: &apps, member: Some(&self.member), deleted: false };
        leave.until_done(how.wait.timeout).await.with_context(|| format!("member/{}", self.member))
    }
}

/// Takes an entry out of a fleet's list. A fleet that is gone has no list.
pub(crate) async fn take_out(api: &Api<Fleet>, fleet: &str, attached: &str) -> anyhow::Result<()> {
    for last in (0..TRIES_MAX).map(|n| n + 1 == TRIES_MAX) {
        let read = api.get_opt(fleet).await.map_err(asked(&format!("cannot read fleet/{fleet}")))?;
        let Some(read) = read else { return Ok(()) };
        let rest: Vec<&ClusterRef> = read.spec.clusters.iter().filter(|entry| !is_entry(entry, attached)).collect();
        if rest.len() == read.spec.clusters.len() {
            return Ok(());
        }
        let patch = json!({"metadata": {"resourceVersion": read.resource_version()}, "spec": {"clusters": rest}});
        match api.patch(fleet, &params(), &Patch::Merge(&patch)).await {
            Err(kube::Error::Api(status)) if status.code == 409 && !last => {}
            other => return other.map(drop).map_err(asked(&format!("cannot write fleet/{fleet}"))),
        }
    }
    Ok(())
}

/// The member of a name, and the object that made it. `NAMESPACE/NAME` is an AttachedCluster, as it is shown when it made no member.
/// `command`: the one that asks, such as `detach`.
pub(crate) async fn origin(
    client: &Client,
    common: &Common,
    member: &str,
    command: &str,
) -> anyhow::Result<(MemberName, Origin)> {
    if let Some((namespace, name)) = member.split_once('/') {
        let all = attached_in(client, namespace).await?;
        let found = all.iter().find(|attached| attached.name_any() == name);
        let Some(found) = found else { bail!("there is no AttachedCluster {name} in namespace {namespace}") };
        return of_attached(found, namespace);
    }
    let namespace = &common.namespace;
    let records: Api<Cluster> = Api::all(client.clone());
    let record = match records.get(member).await {
        Ok(record) => record,
        // One that never became a member, such as with a credential that is refused, has no record, and not everybody may read
        // records.
        Err(why) => {
            let all = attached_in(client, namespace).await;
            let found = all.as_deref().map(|all| meant(all, member));
            match found {
                Ok(found) if !found.is_empty() => return only(&found, common, member, command),
                Ok(_) if is_forbidden(&why) => bail!(
                    "no AttachedCluster in namespace {namespace} makes member/{member}, and this credential may not see the members \
                     of other namespaces: say with -n in which one it was attached"
                ),
                _ => return Err(connect::about(client, &Target::Member(member.to_owned()), common, why).await),
            }
        }
    };
    let origin = record.annotations().get(ORIGIN).and_then(|text| text.parse::<Origin>().ok());
    let Some(origin) = origin else { bail!("member/{member} was made by hand: no fleet lists it") };
    if common.is_namespace_given && *namespace != origin.namespace {
        // One that wants the name of another one's member.
        let all = attached_in(client, namespace).await?;
        match meant(&all, member).as_slice() {
            [] => bail!(
                "member/{member} was attached in namespace {}, not in {namespace}: leave -n out",
                origin.namespace
            ),
            found => return only(found, common, member, command),
        }
    }
    Ok((member.parse()?, origin))
}

/// The AttachedClusters of a namespace that may be meant by a member's name: what makes the member, or else what wants to, and what is
/// called so itself, whichever member that makes.
fn meant<'a>(all: &'a [AttachedCluster], member: &str) -> Vec<&'a AttachedCluster> {
    let that = |is: &dyn Fn(&AttachedCluster) -> bool| all.iter().filter(|one| is(one)).collect::<Vec<_>>();
    let mut found = that(&|one| made_name(one) == Some(member));
    if found.is_empty() {
        found = that(&|one| wanted_name(one) == member);
    }
    let called = all.iter().filter(|one| one.name_any() == member);
    let more: Vec<_> = called.filter(|one| found.iter().all(|known| known.name_any() != one.name_any())).collect();
    found.extend(more);
    found
}

/// The only one that is meant.
///
/// # Errors
/// It may be several: none is chosen, since what follows takes something away.
fn only(
    found: &[&AttachedCluster],
    common: &Common,
    member: &str,
    command: &str,
) -> anyhow::Result<(MemberName, Origin)> {
    let namespace = &common.namespace;
    if let [one] = found {
        return of_attached(one, namespace);
    }
    let words: Vec<&str> = command.split(' ').collect();
    let one = |attached: &&AttachedCluster| {
        let (name, wanted) = (format!("{namespace}/{}", attached.name_any()), wanted_name(attached));
        let says = ask::command(common, &[&words[..], &[&typed(&name)]].concat());
        match made_name(attached) {
            Some(made) => format!("`{says}` is AttachedCluster {name}, member/{made}"),
            None => format!("`{says}` is AttachedCluster {name}, which makes no member and wants the name {wanted}"),
        }
    };
    let all: Vec<String> = found.iter().map(one).collect();
    bail!("{member} may be several, and nothing was changed: {}", all.join("; "))
}

fn of_attached(attached: &AttachedCluster, namespace: &str) -> anyhow::Result<(MemberName, Origin)> {
    let origin = Origin::new("cluster.kurator.dev", "AttachedCluster", namespace, &attached.name_any());
    Ok((wanted_name(attached).parse()?, origin))
}

async fn applications(client: &Client, namespace: &str) -> anyhow::Result<Vec<Application>> {
    let api: Api<Application> = Api::namespaced(client.clone(), namespace);
    Ok(api.list(&ListParams::default()).await.map_err(asked("cannot list applications"))?.items)
}

fn is_forbidden(why: &kube::Error) -> bool {
    matches!(why, kube::Error::Api(status) if status.code == 403)
}

async fn attached_in(client: &Client, namespace: &str) -> anyhow::Result<Vec<AttachedCluster>> {
    let api: Api<AttachedCluster> = Api::namespaced(client.clone(), namespace);
    Ok(api.list(&ListParams::default()).await.map_err(asked("cannot list attached clusters"))?.items)
}

/// The name of the member that an AttachedCluster makes.
fn made_name(attached: &AttachedCluster) -> Option<&str> {
    attached.status.as_ref().and_then(|status| status.member.as_deref())
}

/// The name of the member that it makes or would make.
fn wanted_name(attached: &AttachedCluster) -> String {
    let made = made_name(attached).or(attached.spec.member_name.as_deref());
    made.map_or_else(|| attached.name_any(), str::to_owned)
}

/// The fleets that list the object that made a member.
pub(crate) async fn listing(client: &Client, origin: &Origin) -> anyhow::Result<Vec<String>> {
    let api: Api<Fleet> = Api::namespaced(client.clone(), &origin.namespace);
    let fleets = api.list(&ListParams::default()).await.map_err(asked("cannot list fleets"))?;
    let lists = |fleet: &&Fleet| fleet.spec.clusters.iter().any(|entry| is_entry(entry, &origin.name));
    Ok(fleets.items.iter().filter(lists).map(ResourceExt::name_any).collect())
}

fn listed_by(fleets: &[&str]) -> String {
    match fleets {
        [] => "no fleet does".to_owned(),
        names => format!("it is in {}", names.join(", ")),
    }
}

fn is_entry(entry: &ClusterRef, attached: &str) -> bool {
    entry.kind == KIND && entry.name == attached
}

/// The fleet that an Application names, in any of its policies: admission sees to it that they agree.
pub(super) fn fleet_of(app: &Application) -> Option<&str> {
    let spec = &app.spec;
    let named = spec.sync_policies.iter().find_map(|policy| spec.destination_of(policy)).or(spec.destination.as_ref());
    named.map(|destination| destination.fleet.as_str()).filter(|name| !name.is_empty())
}

/// One consent for each Application.
///
/// # Errors
/// There are more objects than a consent can hold.
fn consents(parts: &[Part], given: Timestamp, edit: &FleetEdit) -> anyhow::Result<Given> {
    let mut out = Given::new();
    for part in parts {
        let Some(objects) = &part.objects else { continue };
        let set = ObjectSet::new(&objects.goes);
        if set.len() > ObjectSet::OBJECTS_MAX {
            bail!(
                "app/{}: {} would go, and a list that is agreed to before the edit holds {}: edit the fleet, and then approve \
                 with `kurator approve app/{}`; nothing was changed",
                part.app,
                counted(set.len(), "object"),
                ObjectSet::OBJECTS_MAX,
                part.app
            );
        }
        let consent = out.entry(part.app.clone());
        let consent = consent.or_insert_with(|| Consent {
            given,
            cause: LeavingCause::NotListed,
            edit: Some(edit.clone()),
            scopes: Vec::new(),
        });
        consent.scopes.push(ConsentScope {
            policy: part.policy.clone(),
            member: part.member.clone(),
            placed: part.placed,
            objects: set,
        });
    }
    Ok(out)
}

/// The placements that there are, by Application. One that is on its way out was agreed to, or needs no consent.
fn open(decisions: &[DecisionSpec]) -> BTreeMap<String, Open> {
    let mut out: BTreeMap<String, Open> = BTreeMap::new();
    for decision in decisions {
        let policy = decision.unit.policy.clone().unwrap_or_default();
        let placed = decision.members.iter().filter(|(_, entry)| entry.removal.is_none());
        let placed = placed.map(|(member, entry)| (policy.clone(), member.clone(), entry.placed));
        out.entry(decision.unit.name.clone()).or_default().extend(placed);
    }
    out
}

/// What is still needed of earlier consents: not what has lapsed, was used, or is agreed to again.
fn still_needed(known: Vec<Consent>, new: &Consent, open: &Open) -> Vec<Consent> {
    let is_again = |scope: &ConsentScope| {
        new.scopes.iter().any(|other| (&other.policy, &other.member) == (&scope.policy, &scope.member))
    };
    let is_open = |scope: &ConsentScope| open.contains(&(scope.policy.clone(), scope.member.clone(), scope.placed));
    let holding = known.into_iter().filter(|known| known.holds_at(new.given));
    let needed = holding.map(|mut known| {
        known.scopes.retain(|scope| is_open(scope) && !is_again(scope));
        known
    });
    needed.filter(|known| !known.scopes.is_empty()).collect()
}

/// Writes a consent beside those that are still needed.
async fn write_consent(api: &Api<Application>, name: &str, consent: &Consent, open: &Open) -> anyhow::Result<()> {
    for last in (0..TRIES_MAX).map(|n| n + 1 == TRIES_MAX) {
        let app = api.get(name).await.map_err(asked(&format!("cannot read app/{name}")))?;
        let known = app.annotations().get(CONSENT).map(|text| Consent::read(text)).unwrap_or_default();
        let mut all = still_needed(known, consent, open);
        all.push(consent.clone());
        let written = Consent::write(&all);
        if written.len() > CONSENTS_BYTES_MAX {
            bail!(
                "app/{name}: what was agreed to before and is not carried out yet leaves no room for this, and nothing was \
                 changed: wait until those members are done (`kurator status app/{name}`), or edit the fleet, and then approve with \
                 `kurator approve app/{name}`"
            );
        }
        let annotations: Value = json!({CONSENT: written});
        let patch = json!({"metadata": {"resourceVersion": app.resource_version(), "annotations": annotations}});
        match api.patch(name, &params(), &Patch::Merge(&patch)).await {
            Err(kube::Error::Api(status)) if status.code == 409 && !last => {}
            other => return other.map(drop).map_err(asked(&format!("cannot write what was agreed to on app/{name}"))),
        }
    }
    Ok(())
}

/// Takes a consent off an Application, and leaves the others there.
async fn retract(api: &Api<Application>, name: &str, consent: &Consent) -> anyhow::Result<()> {
    for last in (0..TRIES_MAX).map(|n| n + 1 == TRIES_MAX) {
        let app = api.get_opt(name).await.map_err(asked(&format!("cannot read app/{name}")))?;
        let Some(app) = app else { return Ok(()) };
        let known = app.annotations().get(CONSENT).map(|text| Consent::read(text)).unwrap_or_default();
        let rest: Vec<Consent> = known.iter().filter(|known| *known != consent).cloned().collect();
        if rest.len() == known.len() {
            return Ok(());
        }
        let written = if rest.is_empty() { Value::Null } else { json!(Consent::write(&rest)) };
        let patch = json!({"metadata": {"resourceVersion": app.resource_version(), "annotations": {CONSENT: written}}});
        match api.patch(name, &params(), &Patch::Merge(&patch)).await {
            Err(kube::Error::Api(status)) if status.code == 409 && !last => {}
            other => return other.map(drop).map_err(asked(&format!("cannot write app/{name}"))),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
