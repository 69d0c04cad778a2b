//! Waits until everything in a hub has converged: `kurator up --exit-when-ready`, without a demo.
//!
//! Everything is each member, each cluster that was attached and has made none, each Fleet and each Application, in all
//! namespaces. An empty hub has nothing to wait for, and says so.

use std::time::Duration;

use api::condition::{self, Condition};
use api::delivery::Removal;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::reason;
use client::NamespacedName;
use controllers::{Controllers, is_settled};
use hub::Hub;
use kube::ResourceExt;
use model::MemberName;
use plan::state::{Said, State};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::settled::{FAILING_FOR, InTheWay, SAID_EVERY, STUCK_FOR, Stuck, patience, source_is_newest};
use crate::args::Format;
use crate::attach;
use crate::duration::tenths;
use crate::output;
use crate::status::{self, held::count};

/// How often everything is looked at: a look at a thousand members takes milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Things that one line names.
const NAMED_MAX: usize = 5;

/// Something that is not where it is meant to be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waits {
    /// Kind and name, with the namespace if it has one.
    object: String,
    state: State,
    /// Why, in one word.
    reason: String,
    /// Why, in words.
    message: String,
    /// How long that has to be so before nothing more is waited for; `None` for what passes by itself.
    patience: Option<Duration>,
}

impl Waits {
    fn of(object: String, said: &Said<'_>, patience: Option<Duration>) -> Self {
        let (reason, message) = (said.reason.to_owned(), said.message.to_owned());
        Self { object, state: said.state, reason, message, patience }
    }

    /// Something that is stored as ready, of which this process was not told yet.
    fn unheard(object: String, message: impl Into<String>) -> Self {
        Self { object, state: State::Unknown, reason: String::new(), message: message.into(), patience: None }
    }

    fn words(&self) -> String {
        let Self { object, state, reason, message, .. } = self;
        let reason = if reason.is_empty() || *reason == state.as_str() { String::new() } else { format!(", {reason}") };
        format!("{object} {state}{reason}: {message}")
    }

    fn value(&self) -> Value {
        json!({"object": self.object, "state": self.state.as_str(), "reason": self.reason, "message": self.message})
    }
}

/// Everything at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    members: usize,
    fleets: usize,
    applications: usize,
    /// What is not there yet: causes before what follows from them.
    waits: Vec<Waits>,
}

impl Seen {
    fn in_the_way(&self) -> Option<InTheWay> {
        let found = |waits: &Waits| {
            Some(InTheWay { reason: format!("{} {}", waits.object, waits.reason), long: waits.patience? })
        };
        self.waits.iter().find_map(found)
    }

    /// What is not there yet, in one line.
    fn waits_in_words(&self) -> String {
        let named: Vec<String> = self.waits.iter().take(NAMED_MAX).map(Waits::words).collect();
        let more = self.waits.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        named.join("; ") + &more
    }

    /// What there is.
    fn all_in_words(&self) -> String {
        let all = [(self.members, "member"), (self.fleets, "fleet"), (self.applications, "application")];
        let all = all.into_iter().filter(|(number, _)| *number > 0);
        let all: Vec<String> = all.map(|(n, word)| count(u32::try_from(n).unwrap_or(u32::MAX), word)).collect();
        match all.is_empty() {
            true => "nothing to wait for: there are no members, fleets or applications yet".to_owned(),
            false => all.join(", "),
        }
    }

    fn value(&self, took: Duration) -> Value {
        json!({"event": "converged", "converged": self.waits.is_empty(), "seconds": took.as_secs_f64(),
            "counts": {"members": self.members, "fleets": self.fleets, "applications": self.applications},
            "waiting": self.waits.iter().map(Waits::value).collect::<Vec<_>>()})
    }
}

/// Waits until everything has converged, until the limit, or until there is no hope; says whether it has.
pub(super) async fn wait(hub: &Hub, begun: Instant, limit: Duration, format: Format) -> anyhow::Result<bool> {
    let ctx = hub.controllers();
    let mut stuck = Stuck::default();
    let mut said = (begun, 0);
    loop {
        // Before everything is listed, nothing is known of what there is.
        let seen = ctx.is_synced().then(|| read(ctx));
        let took = begun.elapsed();
        let done = seen.as_ref().is_some_and(|seen| seen.waits.is_empty());
        let hopeless = stuck.is_stuck(seen.as_ref().and_then(Seen::in_the_way), took);
        let over = done || hopeless || took >= limit;
        if let (true, Some(seen)) = (over && format != Format::Text, &seen) {
            output::unread(output::print_event(format, &seen.value(took)))?;
        }
        if let (true, Some(seen)) = (done, &seen) {
            if format == Format::Text {
                let line = format!("converged {} · {}", tenths(took), seen.all_in_words());
                output::unread(output::print(&[line.into()]))?;
            }
            return Ok(true);
        }
        let why = seen.as_ref().map_or_else(|| "the hub has not read its store yet".to_owned(), Seen::waits_in_words);
        if over {
            output::print_stderr(format_args!(
                "error: not converged after {}: {why}; without --exit-when-ready it keeps running, and `kurator status \
                 --problems -A` says more",
                tenths(took)
            ));
            return Ok(false);
        }
        let number = seen.as_ref().map_or(0, |seen| seen.waits.len());
        if said.0.elapsed() >= SAID_EVERY && number != said.1 {
            output::print_stderr(format_args!("waiting for {number}: {why}"));
            said = (Instant::now(), number);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The newest state of everything.
fn read(ctx: &Controllers) -> Seen {
    let stores = &ctx.stores;
    let clusters = stores.clusters.list().iter().map(|one| Cluster::clone(one)).collect();
    let members = status::members(clusters, stores.attached.list().iter().map(|one| (**one).clone()).collect());
    let mut waits: Vec<Waits> = members.iter().filter_map(|member| member_waits(ctx, member)).collect();
    let (fleets, applications) = (stores.fleets.list(), stores.applications.list());
    for fleet in &fleets {
        let conditions = fleet.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let object = named("fleet", &fleet.name_any(), fleet.namespace());
        let said = Said::of_conditions(conditions);
        // One that is made before its clusters are attached is as it should be: there is nothing to wait for.
        if said.state != State::Ready && said.reason != reason::NO_MEMBERS {
            waits.push(Waits::of(object, &said, hopeless_after(said.reason)));
        } else if !is_of_now(conditions, fleet.metadata.generation) {
            waits.push(Waits::unheard(object, "the hub has not looked at its last change yet"));
        }
    }
    waits.extend(applications.iter().filter_map(|application| application_waits(ctx, application)));
    let (members, fleets, applications) = (members.len(), fleets.len(), applications.len());
    Seen { members, fleets, applications, waits }
}

/// What only a person changes at a member, besides what no attach waits for. Everything else may pass: it does not answer yet,
/// or is not well yet.
const HOPELESS_MEMBER: [&str; 4] =
    [reason::CREDENTIAL_REFUSED, reason::CREDENTIAL_EXPIRED, reason::APPLIER_REFUSED, reason::TAKE_OVER_HELD];

/// How long a reason has to be there before nothing more is waited for; `None` for what may pass by itself: a fetch that failed,
/// a member that does not answer, a container that restarts. A start with many members takes longer than a demo's.
fn hopeless_after(reason: &str) -> Option<Duration> {
    let is_stuck = patience(reason) == Some(STUCK_FOR) && reason != reason::FETCH_FAILED;
    let is_hopeless = HOPELESS_MEMBER.contains(&reason) || attach::FINAL.contains(&reason);
    (is_stuck || is_hopeless).then_some(FAILING_FOR)
}

fn named(kind: &str, name: &str, namespace: Option<String>) -> String {
    format!("{kind}/{name} in namespace {}", namespace.unwrap_or_default())
}

/// Does `Ready` speak of the object as it is now?
fn is_of_now(conditions: &[Condition], generation: Option<i64>) -> bool {
    let observed = condition::find(conditions, condition::READY).and_then(|ready| ready.observed_generation);
    observed.is_none_or(|observed| generation.is_none_or(|generation| observed >= generation))
}

fn member_waits(ctx: &Controllers, member: &Cluster) -> Option<Waits> {
    let name = member.name_any();
    let conditions = member.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    // A cluster that has made no member may have a name that is none.
    let parsed: Option<MemberName> = name.parse().ok();
    let link = parsed.as_ref().and_then(|name| ctx.member_link(name));
    let said = Said::of_member(conditions, link.as_ref());
    let object = format!("member/{name}");
    match said.state {
        State::Ready if parsed.is_some_and(|name| ctx.has_connected(&name)) => None,
        State::Ready => Some(Waits::unheard(object, "it has not been heard of since the start")),
        State::NotReady => Some(Waits::of(object, &said, hopeless_after(said.reason))),
        // What is Unknown may answer yet.
        _ => Some(Waits::of(object, &said, None)),
    }
}

fn application_waits(ctx: &Controllers, application: &Application) -> Option<Waits> {
    let key = NamespacedName::of(application);
    let object = named("app", &key.name, Some(key.namespace.clone()));
    let conditions = application.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let said = Said::of_conditions(conditions);
    if !matches!(said.state, State::Ready | State::Suspended) {
        // What is not fetched yet, a remote base among it, may be what keeps it from being built.
        let is_fetched = condition::find(conditions, condition::SOURCE_READY).is_none_or(|c| c.status != "False");
        return Some(Waits::of(object, &said, hopeless_after(said.reason).filter(|_| is_fetched)));
    }
    if !is_of_now(conditions, application.metadata.generation) {
        return Some(Waits::unheard(object, "the hub has not looked at its last change yet"));
    }
    if !source_is_newest(ctx, &key) {
        let source = Said::of(condition::find(conditions, condition::SOURCE_READY).filter(|c| c.status == "False"));
        return Some(match source.reason {
            "" => Waits::unheard(object, "its source has not been asked since the start"),
            _ => Waits::of(object, &source, None),
        });
    }
    // One that a person suspended stays as it is.
    if said.state == State::Suspended {
        return None;
    }
    let member = unsettled_member(ctx, application)?;
    Some(Waits::unheard(object, format!("member {member} has not reported on it since the start")))
}

/// A member that has not said since the start that it has what is decided for it.
fn unsettled_member(ctx: &Controllers, application: &Application) -> Option<MemberName> {
    plan::application::unit_ids(application).into_iter().find_map(|unit| {
        let reports = ctx.feed.reports_of(&unit);
        ctx.stores.decisions_of(&unit).iter().find_map(|decision| {
            let mut placed = decision.spec.members.iter().filter(|(_, entry)| entry.removal == Removal::None);
            let is_unsettled = |member: &MemberName, revision: &str| {
                let report = reports.iter().find(|report| report.member == *member);
                !report.is_some_and(|report| is_settled(report) && report.revision == revision)
            };
            placed.find(|(member, entry)| is_unsettled(member, &entry.revision)).map(|(member, _)| member.clone())
        })
    })
}

#[cfg(test)]
mod tests;
