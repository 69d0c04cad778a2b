//! Facts → findings.

mod stale;
mod unit;

use std::collections::BTreeMap;

use api::condition::{self, Condition};
use api::delivery::{Decision, MemberLink, MemberStatus, UnitId, UnitStatus};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::fleet::v1alpha1::Fleet;
use api::reason;
use kube::ResourceExt;
use model::Timestamp;
use plan::state::{Said, State};

use super::fault::{self, Fault, Names, Place, Severity};
use super::remedy;
use super::stored::Stored;
use crate::reach;
use crate::status::agreed::{self, Agreed};
use crate::status::unasked;

/// What was read.
#[derive(Debug)]
pub(super) struct Facts {
    /// The hub's process.
    pub(super) process: Process,
    /// Its directory, when it lies on this machine, or why it cannot be looked at.
    pub(super) store: Option<Result<Store, String>>,
    /// Members, and attached clusters that have made none.
    pub(super) members: Vec<Cluster>,
    /// Fleets.
    pub(super) fleets: Vec<Fleet>,
    /// Applications.
    pub(super) applications: Vec<Application>,
    /// Which member gets what.
    pub(super) decisions: Vec<Decision>,
    /// What members report.
    pub(super) statuses: Vec<MemberStatus>,
    /// Lists that the hub did not give, by what they are of.
    pub(super) unread: Vec<(&'static str, Unread)>,
    /// Objects of kinds that nothing acts on.
    pub(super) stored: Vec<Stored>,
    /// What was read of one namespace alone, since this credential may not list all, in words.
    pub(super) near: Option<String>,
}

/// Why something could not be read.
#[derive(Debug)]
pub(super) struct Unread {
    /// The reason of the hub's answer, or of the table.
    pub(super) reason: String,
    /// In words.
    pub(super) message: String,
}

impl Facts {
    /// Facts of a hub of which nothing else could be read.
    pub(super) fn of_process(process: Process, store: Option<Result<Store, String>>) -> Self {
        let (members, fleets, applications, decisions, statuses, unread, stored) = Default::default();
        Self { process, store, members, fleets, applications, decisions, statuses, unread, stored, near: None }
    }

    /// What a list has. That there is none is a fact too.
    pub(super) fn listed<K>(&mut self, of: &'static str, list: Result<Vec<K>, Unread>) -> Vec<K> {
        list.unwrap_or_else(|why| {
            self.unread.push((of, why));
            Vec::new()
        })
    }

    /// What is known of each member, by its name.
    fn by_member(&self) -> BTreeMap<&str, Known<'_>> {
        let mut links: BTreeMap<&str, &MemberLink> = BTreeMap::new();
        for slice in &self.statuses {
            if let Some(link) = slice.status.as_ref().and_then(|status| status.link.as_ref()) {
                links.entry(slice.spec.member.as_str()).or_insert(link);
            }
        }
        let known = |record: &'_ Cluster, name: &str| {
            let conditions = record.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
            let deliverable = condition::find(conditions, condition::DELIVERABLE);
            let link = links.get(name).copied();
            let answers = reach::answers(Some(record), link);
            (link, answers, answers && deliverable.is_some_and(|c| c.status == "True"))
        };
        let members = self.members.iter().filter_map(|record| Some((record.metadata.name.as_deref()?, record)));
        let all = members.map(|(name, record)| {
            let (link, answers, is_delivered_to) = known(record, name);
            (name, Known { link, answers, is_delivered_to })
        });
        all.collect()
    }
}

/// What is known of a member.
struct Known<'a> {
    /// How its applier gets on with it.
    link: Option<&'a MemberLink>,
    /// Does what it reported last still hold? Of one that does not answer its prober or its applier nothing is known, so its units
    /// are neither fine nor broken; the member itself is the finding.
    answers: bool,
    /// It answers, and may be delivered to.
    is_delivered_to: bool,
}

/// The hub's process, as it answers.
#[derive(Debug)]
pub(super) struct Process {
    /// Its address.
    pub(super) server: String,
    /// Its version, or why it does not answer.
    pub(super) version: Result<String, Unread>,
    /// Why `/readyz` fails.
    pub(super) unready: Option<String>,
    /// By how many seconds its clock is ahead of this machine's; not known without a `Date` in its answer.
    pub(super) ahead_secs: Option<i64>,
    /// How often a handler or a reconcile panicked, by metric; not known without the right to read metrics.
    pub(super) panics: Option<u64>,
    /// Statuses that its API refuses; not known without that right either.
    pub(super) refused: Option<Refused>,
}

/// How many statuses are refused at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    /// They are stored with long texts and lists cut.
    pub(super) cut: u64,
    /// What is to be said now is not stored.
    pub(super) nothing: u64,
}

impl Process {
    /// A hub that could not even be asked.
    pub(super) fn silent(server: String, reason: &str, message: String) -> Self {
        Self { version: Err(Unread { reason: reason.to_owned(), message }), ..Self::unknown(server) }
    }

    /// A hub of which nothing is known yet.
    pub(super) fn unknown(server: String) -> Self {
        let version = Ok("unknown".to_owned());
        Self { server, version, unready: None, ahead_secs: None, panics: None, refused: None }
    }
}

/// The hub's directory.
#[derive(Debug)]
pub(super) struct Store {
    /// Its path.
    pub(super) path: String,
    /// Bytes that the store's files take.
    pub(super) used_bytes: u64,
    /// Bytes that are free on its disk for the hub.
    pub(super) free_bytes: u64,
    /// Other users of the machine can read the keys.
    pub(super) is_readable_by_others: bool,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) place: Place,
    pub(super) object: String,
    pub(super) severity: Severity,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) remedy: String,
    /// The remedy before names were put in: findings with the same one are printed together.
    pub(super) template: &'static str,
    /// What the template's placeholders stand for here.
    pub(super) names: Names,
    /// Nothing is wrong with it, and it is not there yet.
    pub(super) is_on_its_way: bool,
}

impl Finding {
    /// The same with another remedy.
    fn with_remedy(self, template: &'static str) -> Self {
        Self { remedy: fault::remedy(template, &[&self.names]), template, ..self }
    }
}

/// What the list of members is called.
pub(super) const MEMBERS: &str = "members";
/// What the list of decisions is called.
pub(super) const DECISIONS: &str = "decisions";
/// How many kinds of the hub are listed.
const KINDS: usize = 6;
/// Reason of an API server that does not know what it is asked for.
const NOT_FOUND: &str = "NotFound";
/// Free space below which the disk is almost full: a compaction of the largest store that a hub is made for (1 GiB)
/// writes it once more.
const FREE_BYTES_MIN: u64 = 2 << 30;
/// Clocks that differ by more make times in conditions misleading; NTP keeps machines within a tenth of a second.
const SKEW_SECS_MAX: i64 = 5;
/// What is under way for longer is worth a look: the slowest image pull and rollout that is normal.
const UNDER_WAY_SECS_MAX: i64 = 600;

/// Looks at everything, in the order of places and names.
pub(super) fn diagnose(facts: &Facts, now: Timestamp) -> Vec<Finding> {
    let mut out = process(facts);
    out.extend(facts.store.iter().flat_map(store));
    let known = facts.by_member();
    for member in &facts.members {
        let conditions = member.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        let names = Names::of(member);
        // A record that says itself what is wrong says it better.
        let link = known.get(names.name.as_str()).and_then(|known| known.link);
        match reach::kept_out(link).filter(|_| reach::record_answers(member)) {
            Some(link) => {
                let name = names.to_string();
                out.push(found(Place::Member, &name, names, fault::of_link(link.state), &link.message));
            }
            None => out.push(by_ready(Place::Member, &names, member, conditions, now)),
        }
        let names = Names::of(member);
        out.extend(noted(Place::Member, &names, conditions, condition::CREDENTIAL_CURRENT));
        out.extend(noted(Place::Member, &names, conditions, condition::FACTS_CUT));
        out.extend(noted(Place::Member, &names, conditions, condition::STATUS_CUT));
        out.extend(noted(Place::Member, &names, conditions, condition::DETACHING));
        out.extend(noted(Place::Member, &names, conditions, condition::TAKE_OVER));
    }
    for fleet in &facts.fleets {
        let conditions = fleet.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        let names = Names::of(fleet);
        out.push(by_ready(Place::Fleet, &names, fleet, conditions, now));
        out.extend(noted(Place::Fleet, &names, conditions, condition::STATUS_CUT));
    }
    for application in &facts.applications {
        let conditions = application.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        let names = Names::of(application);
        out.push(by_ready(Place::Application, &names, application, conditions, now));
        out.extend(noted(Place::Application, &names, conditions, condition::NOT_IMPLEMENTED));
        out.extend(noted(Place::Application, &names, conditions, condition::STATUS_CUT));
        out.push(by_condition(Place::Source, &names, conditions, condition::SOURCE_READY, now));
        out.extend(noted(Place::Source, &names, conditions, condition::SOURCE_STATUS_CUT));
        out.extend(noted(Place::Source, &names, conditions, condition::SOURCE_WARNINGS));
    }
    let here = unasked::Here::of(&facts.applications);
    for slice in &facts.statuses {
        let member = slice.spec.member.as_str();
        let moving = slice.status.as_ref().map(|status| &status.moving).filter(|_| known.contains_key(member));
        for unasked in moving.into_iter().flat_map(|moving| here.divided(moving)) {
            let Some(said) = unasked.sentence() else { continue };
            let names = Names { name: member.to_owned(), ..Names::default() };
            let finding = found(Place::Member, member, names, fault::UNASKED_UNITS, &said);
            out.push(if unasked.is_here { finding.with_remedy(remedy::NOT_PLACED) } else { finding });
        }
    }
    let units = unit::all(facts, &known, &out, now);
    out.extend(units);
    out.extend(stale::reports(facts, &known, now));
    out.extend(waiting(facts, &known));
    out
}

/// What was agreed to and is done when a member answers that is away.
fn waiting(facts: &Facts, members: &BTreeMap<&str, Known<'_>>) -> Vec<Finding> {
    let units = facts.statuses.iter().flat_map(|slice| {
        let units = slice.status.iter().flat_map(|status| &status.units);
        units.map(|(unit, status)| ((unit, slice.spec.member.as_str()), status))
    });
    let reported: BTreeMap<(&UnitId, &str), &UnitStatus> = units.collect();
    let is_away = |member: &str| members.get(member).is_some_and(|known| !known.answers);
    let all = agreed::agreed(&facts.decisions, is_away, |unit, member| reported.get(&(unit, member)).copied());
    let one = |Agreed { unit, member, said }: Agreed| {
        let (object, names) = unit::unit_in(&unit, &member);
        found(Place::Unit, &object, names, fault::WAITS_FOR_MEMBER, &format!("when {member} answers: {said}"))
    };
    all.into_iter().map(one).collect()
}

/// A condition that is there only when something is to be said. That a member was taken over is said when it is done, too.
fn noted(place: Place, names: &Names, conditions: &[Condition], type_: &str) -> Option<Finding> {
    let said = condition::find(conditions, type_).filter(|said| said.reason != reason::TAKEN_OVER)?;
    Some(found(place, &names.to_string(), names.clone(), &said.reason, &said.message))
}

fn fine(place: Place, object: &str, message: impl Into<String>) -> Finding {
    Finding {
        place,
        object: object.to_owned(),
        severity: Severity::Fine,
        reason: String::new(),
        message: message.into(),
        remedy: String::new(),
        template: "",
        names: Names::default(),
        is_on_its_way: false,
    }
}

/// What needs nobody, and is not as it should be yet.
fn coming(place: Place, object: &str, message: impl Into<String>) -> Finding {
    Finding { is_on_its_way: true, ..fine(place, object, message) }
}

/// A finding by its reason. One that the table does not have is a fault whose own words have to do.
fn found(place: Place, object: &str, names: Names, reason: &str, message: &str) -> Finding {
    let known: Option<&Fault> = fault::find_fault(place, reason);
    let template = remedy::template(known, place, reason, message);
    Finding {
        place,
        object: object.to_owned(),
        severity: known.map_or(Severity::Fault, |fault| fault.severity),
        reason: reason.to_owned(),
        message: message.to_owned(),
        remedy: fault::remedy(template, &[&names]),
        template,
        names,
        is_on_its_way: false,
    }
}

/// A finding about the hub itself, whose remedy names no object.
fn of_hub(place: Place, object: &str, reason: &str, message: &str) -> Finding {
    found(place, object, Names::default(), reason, message)
}

fn stored(Stored { kind, count }: &Stored) -> Finding {
    let objects = if *count == 1 { "object is" } else { "objects are" };
    let message = format!("{count} {objects} stored, and nothing acts on this kind yet");
    of_hub(Place::Process, &kind.to_string(), fault::STORED_ONLY, &message)
}

fn process(facts: &Facts) -> Vec<Finding> {
    let process = &facts.process;
    let at = process.server.as_str();
    let version = match &process.version {
        Ok(version) => version,
        Err(why) => return vec![of_hub(Place::Process, at, &why.reason, &why.message)],
    };
    // A hub knows its kinds from its start.
    let unknown = facts.unread.iter().filter(|(_, why)| why.reason == NOT_FOUND).count();
    if unknown == KINDS {
        let message = format!("{at} answers, version {version}, and does not know members");
        return vec![of_hub(Place::Process, at, fault::NO_HUB, &message)];
    }
    let mut out: Vec<Finding> = facts.stored.iter().map(stored).collect();
    if let Some(why) = &process.unready {
        // What the API server says of its store, and of nothing else.
        let reason = if why.contains("[-]store failed: ") { fault::NO_WRITES } else { fault::NOT_READY };
        out.push(of_hub(Place::Process, at, reason, why));
    }
    // With rights in one namespace, that the rest is refused is how it should be.
    let is_beyond = |why: &Unread| facts.near.is_some() && why.reason == fault::FORBIDDEN;
    if let Some(near) = &facts.near {
        let beyond: Vec<&str> = facts.unread.iter().filter(|(_, why)| is_beyond(why)).map(|(of, _)| *of).collect();
        let beyond = if beyond.is_empty() { String::new() } else { format!("; not seen: {}", beyond.join(", ")) };
        let message = format!("this credential may not list everything: looked at are {near}{beyond}");
        out.push(of_hub(Place::Process, at, fault::NOT_SEEN, &message));
    }
    for (of, why) in facts.unread.iter().filter(|(_, why)| !is_beyond(why)) {
        if why.reason == NOT_FOUND {
            let message =
                format!("the definition of {of} is gone: nothing is decided about them, and nothing is removed");
            out.push(of_hub(Place::Process, of, fault::DEFINITION_GONE, &message));
            continue;
        }
        out.push(of_hub(Place::Process, of, &why.reason, &format!("cannot list {of}: {}", why.message)));
    }
    let own = env!("CARGO_PKG_VERSION");
    if let Some((_, theirs)) = version.split_once("+kurator-")
        && theirs != own
    {
        let message = format!("the hub is {theirs}, this program is {own}");
        out.push(of_hub(Place::Process, at, fault::OTHER_VERSION, &message));
    }
    if let Some(secs) = process.ahead_secs.filter(|secs| secs.abs() > SKEW_SECS_MAX) {
        let word = if secs > 0 { "ahead of" } else { "behind" };
        let message = format!("the hub's clock is {} s {word} this machine's", secs.abs());
        out.push(of_hub(Place::Process, at, fault::CLOCK_SKEW, &message));
    }
    if let Some(panics) = process.panics.filter(|panics| *panics > 0) {
        let message = format!("{panics} panics since the start; each cost one request or one reconcile");
        out.push(of_hub(Place::Process, at, fault::PANICKED, &message));
    }
    let Refused { cut, nothing } = process.refused.unwrap_or_default();
    if nothing > 0 {
        let message = format!("{nothing} objects have a status that the hub's API refuses, also in brief");
        out.push(of_hub(Place::Process, at, reason::STATUS_REFUSED, &message));
    }
    if cut > 0 {
        let message = format!("{cut} objects have a status that the hub's API refuses whole");
        out.push(of_hub(Place::Process, at, fault::STATUS_CUT, &message));
    }
    if out.is_empty() {
        out.push(fine(Place::Process, at, format!("{at} answers, version {version}")));
    }
    out
}

fn store(store: &Result<Store, String>) -> Vec<Finding> {
    let store = match store {
        Ok(store) => store,
        Err(why) => return vec![of_hub(Place::Store, "", fault::UNREADABLE, why)],
    };
    let mut out = Vec::new();
    if store.free_bytes < FREE_BYTES_MIN {
        let message = format!("{} MiB are free for {}", store.free_bytes >> 20, store.path);
        out.push(of_hub(Place::Store, &store.path, fault::DISK_ALMOST_FULL, &message));
    }
    if store.is_readable_by_others {
        let message = "its mode lets group or others read it".to_owned();
        out.push(of_hub(Place::Store, &store.path, fault::KEYS_READABLE, &message));
    }
    if out.is_empty() {
        let (used, free) = (store.used_bytes >> 20, store.free_bytes >> 30);
        out.push(fine(Place::Store, &store.path, format!("{} takes {used} MiB, {free} GiB are free", store.path)));
    }
    out
}

/// What is said of an object's `Ready`: by the same function as everywhere else.
fn by_ready(
    place: Place,
    names: &Names,
    object: &impl ResourceExt,
    conditions: &[Condition],
    now: Timestamp,
) -> Finding {
    let name = names.to_string();
    let said = Said::of_object(conditions, object.meta().generation);
    match (said.state, said.reason) {
        (State::Ready, _) => fine(place, &name, said.message),
        // The hub has not looked at it, or not since an edit.
        (_, "") | (State::Progressing, _) if said.since.is_none() => coming(place, &name, said.message),
        _ => by_condition(place, names, conditions, condition::READY, now),
    }
}

/// How long ago that began, in seconds.
fn age_secs(since: Option<Timestamp>, now: Timestamp) -> i64 {
    since.map_or(0, |since| now.as_second() - since.as_second())
}

fn by_condition(place: Place, names: &Names, conditions: &[Condition], type_: &str, now: Timestamp) -> Finding {
    let object = names.to_string();
    let name = object.as_str();
    let Some(condition) = condition::find(conditions, type_) else {
        return coming(place, name, "the hub has not looked at it yet");
    };
    if condition.status == "True" && condition.reason != reason::SUSPENDED {
        return fine(place, name, condition.message.clone());
    }
    // What is under way needs nobody, unless it is so for long.
    let under_way = matches!(
        condition.reason.as_str(),
        reason::PROGRESSING | reason::PENDING | reason::FETCHING | reason::PROBING | reason::DELETING
    );
    if under_way && age_secs(condition.last_transition_time.parse().ok(), now) < UNDER_WAY_SECS_MAX {
        return coming(place, name, condition.message.clone());
    }
    found(place, name, names.clone(), &condition.reason, &condition.message)
}
