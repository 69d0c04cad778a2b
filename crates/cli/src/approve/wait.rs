//! Waits until what was approved is done in every member that can be asked.
//!
//! The approval is written by then: what cannot be read here says nothing against it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use anyhow::bail;
use api::delivery::{
    Decision, DecisionSpec, DeletionState, Deletions, MemberLink, MemberStatus, Owner, UnitId, UnitStatus,
};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::{Application, HeldDeletions};
use api::kurator::cluster::v1alpha1::AttachedCluster;
use futures::{StreamExt, TryStreamExt, stream};
use kinds::Wire;
use kube::api::ListParams;
use kube::{Client, Resource, ResourceExt};
use model::MemberName;
use tokio::time::Instant;

use super::verdict::{Approved, Heard, Released};
use crate::connect::{Api, asked};
use crate::duration::tenths;
use crate::reach;
use crate::status::held;
use crate::sync::LOOK_EVERY;

/// Members that a message names.
const NAMED_MAX: usize = 5;

/// Pause between two looks, as a multiple of what one took: looking is a tenth of the hub's time at most, however many members
/// there are.
const PAUSE_TIMES: u32 = 10;

/// Longest pause between two looks: a person waits for the end.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The pause after a look that took this long; `shortest` where looking costs little.
pub(crate) fn pause(look: Duration, shortest: Duration) -> Duration {
    look.saturating_mul(PAUSE_TIMES).clamp(shortest, PAUSE_MAX)
}

/// Why a member does nothing more for a unit until a person acts, as the applier reports it: no time ends that.
const FENCED: &str = "Fenced";

/// A report of that counts after this time: one from before the hub was started again is replaced by then.
const FENCED_FOR: Duration = Duration::from_secs(3);

/// Decisions in one answer: one is below 80 kB, mostly far below.
const PAGE: u32 = 100;

/// Objects that are read at once, of those that concern the list.
const AT_ONCE: usize = 8;

/// How the wait ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is done, but for members that do not answer: it goes there when they do.
    Done(BTreeSet<MemberName>),
    /// This user may not see how far it is. Why, in words.
    Unseen(String),
}

/// What one look found.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// The hub has not heard all of it yet.
    Unheard,
    /// A list has changed, and was not released.
    Changed(String),
    /// The Application is gone, and something of it is decided in these members still.
    Gone(BTreeSet<MemberName>),
    /// What is left to do.
    Left {
        /// Members that answer, in which something is still to go.
        members: BTreeSet<MemberName>,
        /// Members that do not answer.
        away: BTreeSet<MemberName>,
        /// Of the members that answer, those that go on only when a person acts, and why, in words.
        fenced: BTreeMap<MemberName, String>,
    },
}

/// Something that the hub did not give.
#[derive(Debug)]
pub(crate) struct Unread {
    what: &'static str,
    error: kube::Error,
}

impl Unread {
    pub(crate) fn of(what: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |error| Self { what, error }
    }

    /// Is it for good? Then looking again is of no use.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(&self.error, kube::Error::Api(status) if matches!(status.code, 401 | 403))
    }

    /// In words.
    pub(crate) fn into_words(self) -> String {
        asked(self.what)(self.error).to_string()
    }
}

/// Members that cannot be looked at, and why, in one word.
pub(crate) type Away = BTreeMap<MemberName, String>;

/// The Application whose lists are approved.
pub(crate) struct Place<'a> {
    pub(crate) client: &'a Client,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

impl Place<'_> {
    /// Notes what is decided of lists that are about to be approved.
    pub(super) async fn before(&self, lists: Vec<HeldDeletions>) -> Result<Vec<Approved>, Unread> {
        let decisions = self.decisions().await?;
        Ok(lists.into_iter().map(|list| Approved::new(list, &decisions)).collect())
    }

    /// Waits until lists that were approved are done. `goes`: the Application was being deleted when they were, so that it is gone when
    /// they are done.
    ///
    /// # Errors
    /// A list was not released, or it is not done in time.
    pub(super) async fn until_done(&self, lists: &[Approved], goes: bool, timeout: Duration) -> anyhow::Result<End> {
        let name = self.name;
        let see = format!("see `kurator status app/{name}`");
        let deadline = Instant::now() + timeout;
        let told = Instant::now();
        // How long it was looked for: less than the time that was given when looking ends earlier.
        let waited = || tenths(told.elapsed());
        let mut released = vec![None; lists.len()];
        let mut fenced_since = None;
        // What is said when the time is up.
        let mut late = "the hub does not say whether it is done".to_owned();
        loop {
            let began = Instant::now();
            let Ok(seen) = tokio::time::timeout_at(deadline, self.look_at_lists(lists, &mut released)).await else {
                bail!("app/{name}: approved, and after {} {late}; it goes on without this command, {see}", waited());
            };
            late = match seen {
                Ok(Seen::Left { members, away, .. }) if members.is_empty() => return Ok(End::Done(away)),
                Ok(Seen::Left { members, fenced, .. }) => {
                    let is_fenced = members.iter().all(|member| fenced.contains_key(member));
                    let since = *fenced_since.get_or_insert_with(Instant::now);
                    fenced_since = is_fenced.then_some(since);
                    let late = not_done(&members, &fenced);
                    if is_fenced && since.elapsed() >= FENCED_FOR {
                        bail!("app/{name}: approved, and {late}; it does not go on before that, {see}");
                    }
                    late
                }
                Ok(Seen::Unheard) => "the hub has not taken it up".to_owned(),
                Ok(Seen::Changed(how)) => bail!("app/{name}: {how}; look again: {see}"),
                // It waits for no member that does not answer: what it has there goes when the member is back.
                Ok(Seen::Gone(left)) if goes => return Ok(End::Done(left)),
                Ok(Seen::Gone(_)) => {
                    bail!("app/{name}: it was deleted after the approval, and takes along what it had")
                }
                Err(why) if why.is_forbidden() => return Ok(End::Unseen(why.into_words())),
                Err(why) => format!("it cannot be seen whether it is done: {}", why.into_words()),
            };
            let pause = pause(began.elapsed(), LOOK_EVERY);
            tokio::time::sleep_until((Instant::now() + pause).min(deadline)).await;
        }
    }

    /// `released`: what was heard of each list by an earlier look. A later commit takes it from the decisions.
    async fn look_at_lists(&self, lists: &[Approved], released: &mut [Option<Released>]) -> Result<Seen, Unread> {
        let applications: Api<Application> = Api::namespaced(self.client.clone(), self.namespace);
        let app = applications.get_opt(self.name).await.map_err(Unread::of("cannot read the application"))?;
        let decisions = self.decisions().await?;
        let Some(app) = app else {
            return Ok(Seen::Gone(decisions.into_iter().flat_map(|decision| decision.members.into_keys()).collect()));
        };
        let held = app.status.map(|status| status.held).unwrap_or_default();
        for (list, released) in lists.iter().zip(released.iter_mut()).filter(|(_, released)| released.is_none()) {
            match list.heard(&held, &decisions) {
                Heard::NotYet => return Ok(Seen::Unheard),
                Heard::Changed => return Ok(Seen::Changed(changed(list.list(), &held))),
                Heard::Released(members) => *released = Some(members),
            }
        }
        let pairs =
            || lists.iter().zip(released.iter()).filter_map(|(list, released)| Some((list, released.as_ref()?)));
        let reporters = pairs().flat_map(|(list, released)| list.reporters(released)).collect();
        let reports = self.reports(&reporters).await?;
        let mut left = BTreeSet::new();
        let mut overtaken = None;
        for (list, released) in pairs() {
            let policy = list.list().policy.as_str();
            let status = |member: &MemberName| reports.get(member)?.status_of(policy);
            left.extend(list.left(released, &decisions, status));
            let members = list.overtaken(released, status);
            if !members.is_empty() {
                let members = named(&members);
                overtaken.get_or_insert_with(|| {
                    format!("the list of policy {policy} has changed in {members} before it could begin there, and was not released there")
                });
            }
        }
        let unread: BTreeSet<MemberName> = left.difference(&reporters).cloned().collect();
        let more = self.reports(&unread).await?;
        let link = |member: &MemberName| reports.get(member).or_else(|| more.get(member))?.link.as_ref();
        let records: BTreeMap<MemberName, Cluster> = self.records(&left).await?;
        let (members, away): (BTreeSet<_>, _) =
            left.into_iter().partition(|member| reach::answers(records.get(member), link(member)));
        let asks = |member: &MemberName| {
            let report = reports.get(member).or_else(|| more.get(member));
            let edits = lists.iter().map(Approved::list).filter(|list| held::is_edit(list));
            edits.filter_map(|list| report?.status_of(&list.policy)).any(asks_about_more)
        };
        let fenced = |member: &MemberName| {
            let report = reports.get(member).or_else(|| more.get(member));
            let mut units = lists.iter().filter_map(|list| report?.status_of(&list.list().policy));
            Some((member.clone(), units.find(|status| status.reason == FENCED)?.message.clone()))
        };
        let fenced = members.iter().filter_map(fenced).collect();
        // What was released elsewhere goes first.
        let asking: BTreeSet<MemberName> = match members.iter().all(asks) {
            true => members.clone(),
            false => BTreeSet::new(),
        };
        match overtaken {
            Some(how) if members.is_empty() => Ok(Seen::Changed(how)),
            _ if !asking.is_empty() => Ok(Seen::Changed(format!(
                "what was shown goes, and more is there in {}, which waits for an approval of its own",
                named(&asking)
            ))),
            _ => Ok(Seen::Left { members, away, fenced }),
        }
    }

    /// Which of these members cannot be looked at now, and why, in one word.
    pub(crate) async fn away(&self, members: &BTreeSet<MemberName>) -> Result<Away, Unread> {
        Ok(self.away_and_stuck(members).await?.0)
    }

    /// The same, and why the Application's units stay in the others until a person acts, in the words of what they report.
    pub(crate) async fn away_and_stuck(
        &self,
        members: &BTreeSet<MemberName>,
    ) -> Result<(Away, BTreeMap<MemberName, String>), Unread> {
        let read = async { Ok((self.reports(members).await?, self.records(members).await?)) };
        let (reports, records) = match read.await {
            Ok(read) => read,
            Err(why) => return Ok((self.away_of_namespace(members, why).await?, BTreeMap::new())),
        };
        let link = |member: &MemberName| reports.get(member)?.link.as_ref();
        let why = |member: &MemberName| Some((member.clone(), reach::away(records.get(member), link(member))?));
        let away: Away = members.iter().filter_map(why).collect();
        let said = reports.iter().filter(|(member, _)| !away.contains_key(*member));
        let stuck = said.filter_map(|(member, report)| Some((member.clone(), report.stuck()?.to_owned()))).collect();
        Ok((away, stuck))
    }

    /// The same for a user who may read no members, `why`: as the AttachedClusters of the namespace say it.
    async fn away_of_namespace(&self, members: &BTreeSet<MemberName>, why: Unread) -> Result<Away, Unread> {
        if !why.is_forbidden() {
            return Err(why);
        }
        let api: Api<AttachedCluster> = Api::namespaced(self.client.clone(), self.namespace);
        let all = api.list(&ListParams::default()).await.map_err(Unread::of("cannot list attached clusters"))?;
        let status_of = |member: &MemberName| {
            let mut all = all.items.iter().filter_map(|attached| attached.status.as_ref());
            all.find(|status| status.member.as_deref() == Some(member.as_str()))
        };
        let mut away = Away::new();
        for member in members {
            let Some(status) = status_of(member) else { return Err(why) };
            away.extend(reach::kept_from(&status.conditions).map(|word| (member.clone(), word)));
        }
        Ok(away)
    }

    fn owner(&self) -> Owner {
        Owner::new(&Application::group(&()), &Application::kind(&()), self.namespace, self.name)
    }

    /// What is decided of the Application's units.
    pub(crate) async fn decisions(&self) -> Result<Vec<DecisionSpec>, Unread> {
        let mine = self.owner();
        self.decisions_of(|decision| decision.unit.owner() == mine).await
    }

    /// Those of all Applications of the namespace that are meant.
    pub(crate) async fn decisions_of(
        &self,
        is_meant: impl Fn(&DecisionSpec) -> bool,
    ) -> Result<Vec<DecisionSpec>, Unread> {
        let api: Api<Decision> = Api::namespaced(self.client.clone(), self.namespace);
        let mut out = Vec::new();
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = api.list(&page).await.map_err(Unread::of("cannot list decisions"))?;
            out.extend(list.items.into_iter().map(|decision| decision.spec).filter(|spec| is_meant(spec)));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page.continue_token = Some(token),
                None => return Ok(out),
            }
        }
    }

    /// What these members report. Only their objects are read: those of a whole fleet are tens of megabytes.
    async fn reports(&self, members: &BTreeSet<MemberName>) -> Result<BTreeMap<MemberName, Report>, Unread> {
        if members.is_empty() {
            return Ok(BTreeMap::new());
        }
        let api: Api<MemberStatus> = Api::all(self.client.clone());
        let listed = api.list_metadata(&ListParams::default()).await;
        let listed = listed.map_err(Unread::of("cannot list what members report"))?;
        let theirs = |name: &String| {
            // `MEMBER-SLICE`
            let member = name.rsplit_once('-').and_then(|(member, _)| member.parse::<MemberName>().ok());
            member.is_some_and(|member| members.contains(&member))
        };
        let names: Vec<String> = listed.into_iter().filter_map(|metadata| metadata.name).filter(theirs).collect();
        let mine = self.owner();
        let mut out: BTreeMap<MemberName, Report> = BTreeMap::new();
        for slice in read(&api, names, "cannot read what a member reports").await? {
            let report = out.entry(slice.spec.member.clone()).or_default();
            let status = slice.status.unwrap_or_default();
            report.link = report.link.take().or(status.link);
            report.units.extend(status.units.into_iter().filter(|(unit, _)| unit.owner() == mine));
        }
        Ok(out)
    }

    async fn records(&self, members: &BTreeSet<MemberName>) -> Result<BTreeMap<MemberName, Cluster>, Unread> {
        let api: Api<Cluster> = Api::all(self.client.clone());
        let names = members.iter().map(MemberName::to_string).collect();
        let records = read(&api, names, "cannot read members").await?;
        Ok(records.into_iter().filter_map(|record| Some((record.name_any().parse().ok()?, record))).collect())
    }
}

/// Does a member that deletes what was shown have more, and ask about that?
fn asks_about_more(status: &UnitStatus) -> bool {
    let waits = |list: &Deletions| list.unshown && list.state == DeletionState::Waiting && list.count > 0;
    status.held.as_ref().is_some_and(waits)
}

/// What a member reports of the Application's units.
#[derive(Default)]
struct Report {
    link: Option<MemberLink>,
    units: BTreeMap<UnitId, UnitStatus>,
}

impl Report {
    fn status_of(&self, policy: &str) -> Option<&UnitStatus> {
        let unit = self.units.iter().find(|(unit, _)| unit.policy.as_deref().unwrap_or_default() == policy);
        unit.map(|(_, status)| status)
    }

    /// Why a unit that is to leave stays until a person acts.
    fn stuck(&self) -> Option<&str> {
        let stuck = self.units.values().find(|status| plan::state::is_kept_there(status))?;
        Some(&stuck.message)
    }
}

/// The objects of these names that there are.
async fn read<K>(api: &Api<K>, names: Vec<String>, what: &'static str) -> Result<Vec<K>, Unread>
where
    K: Wire,
{
    let reads = names.into_iter().map(|name| async move { api.get_opt(&name).await.map_err(Unread::of(what)) });
    let found: Vec<Option<K>> = stream::iter(reads).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// In which members it is not done, and why as far as only a person can help.
fn not_done(members: &BTreeSet<MemberName>, fenced: &BTreeMap<MemberName, String>) -> String {
    let why = fenced.iter().next().map(|(member, why)| match members.len() {
        1 => format!(": {why}"),
        _ => format!(": in {member}, {why}"),
    });
    format!("it is not done in {}{}", named(members), why.unwrap_or_default())
}

/// How a list has changed that was approved.
fn changed(list: &HeldDeletions, held: &[HeldDeletions]) -> String {
    let policy = &list.policy;
    let now = held.iter().find(|now| now.policy == *policy && now.reason == list.reason);
    let now = now.map_or_else(|| "it does not wait any longer".to_owned(), |now| format!("it is now {}", now.digest));
    format!("the list of policy {policy} has changed since you looked, and was not released ({now})")
}

/// The first of some members, and how many more.
pub(crate) fn named(members: &BTreeSet<MemberName>) -> String {
    let more = members.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    members.iter().take(NAMED_MAX).map(MemberName::to_string).collect::<Vec<_>>().join(", ") + &more
}

#[cfg(test)]
mod tests;
