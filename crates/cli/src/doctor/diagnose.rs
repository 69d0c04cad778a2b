//! Facts → findings.

use api::condition::{self, Condition};
use api::delivery::{LinkState, MemberLink, MemberStatus, UnitId, UnitPhase, UnitStatus};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::fleet::v1alpha1::Fleet;
use api::reason;
use kube::ResourceExt;
use model::Timestamp;

use super::fault::{self, Fault, Place, Severity};

/// What was read.
#[derive(Debug)]
pub(super) struct Facts {
    /// The hub's process.
    pub(super) process: Process,
    /// Its directory, when it lies on this machine.
    pub(super) store: Option<Store>,
    /// Members, and attached clusters that have made none.
    pub(super) members: Vec<Cluster>,
    /// Fleets.
    pub(super) fleets: Vec<Fleet>,
    /// Applications.
    pub(super) applications: Vec<Application>,
    /// What members report.
    pub(super) statuses: Vec<MemberStatus>,
}

impl Facts {
    /// Facts of a hub of which nothing else could be read.
    pub(super) fn of_process(process: Process, store: Option<Store>) -> Self {
        let (members, fleets, applications, statuses) = Default::default();
        Self { process, store, members, fleets, applications, statuses }
    }

    /// Does what a member reported last still hold? Of one that does not answer its prober or its applier nothing is known,
    /// so its units are neither fine nor broken; the member itself is the finding.
    fn answers(&self, member: &str) -> bool {
        let record = self.members.iter().find(|cluster| cluster.name_any() == member);
        record.is_some_and(record_answers) && self.kept_out(member).is_none()
    }

    /// The link of an applier that does not get through.
    fn kept_out(&self, member: &str) -> Option<&MemberLink> {
        let mut theirs = self.statuses.iter().filter(|slice| slice.spec.member.as_str() == member);
        let link = theirs.find_map(|slice| slice.status.as_ref()?.link.as_ref());
        link.filter(|link| link.state != LinkState::Connected)
    }
}

/// Does the record of a member say that the member answers?
fn record_answers(member: &Cluster) -> bool {
    let conditions = member.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let ready = condition::find(conditions, condition::READY);
    ready.is_some_and(|ready| ready.status == "True" || ready.reason == reason::CLUSTER_NOT_READY)
}

/// The hub's process, as it answers.
#[derive(Debug)]
pub(super) struct Process {
    /// Its address.
    pub(super) server: String,
    /// Its version, or why it does not answer.
    pub(super) version: Result<String, String>,
    /// Why `/readyz` fails.
    pub(super) unready: Option<String>,
    /// By how many seconds its clock is ahead of this machine's; not known without a `Date` in its answer.
    pub(super) ahead_secs: Option<i64>,
    /// How often a handler or a reconcile panicked, by metric; not known without the right to read metrics.
    pub(super) panics: Option<u64>,
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
    pub(super) template: String,
}

/// Free space below which the disk is almost full: a compaction of the largest store that a hub is made for (1 GiB)
/// writes it once more.
const FREE_BYTES_MIN: u64 = 2 << 30;
/// Clocks that differ by more make times in conditions misleading; NTP keeps machines within a tenth of a second.
const SKEW_SECS_MAX: i64 = 5;
/// What is under way for longer is worth a look: the slowest image pull and rollout that is normal.
const UNDER_WAY_SECS_MAX: i64 = 600;

/// Looks at everything, in the order of places and names.
pub(super) fn diagnose(facts: &Facts, now: Timestamp) -> Vec<Finding> {
    let mut out = process(&facts.process);
    out.extend(facts.store.iter().flat_map(store));
    for member in &facts.members {
        let conditions = member.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        let name = member.name_any();
        // A record that says itself what is wrong says it better.
        match facts.kept_out(&name).filter(|_| record_answers(member)) {
            Some(link) => out.push(found(Place::Member, &name, "", fault::of_link(link.state), &link.message)),
            None => out.push(by_condition(Place::Member, &name, conditions, condition::READY, now)),
        }
    }
    for fleet in &facts.fleets {
        let conditions = fleet.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        out.push(by_condition(Place::Fleet, &fleet.name_any(), conditions, condition::READY, now));
    }
    for application in &facts.applications {
        let conditions = application.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        let name = application.name_any();
        out.push(by_condition(Place::Application, &name, conditions, condition::READY, now));
        if let Some(ignored) = condition::find(conditions, condition::NOT_IMPLEMENTED) {
            out.push(found(Place::Application, &name, "", &ignored.reason, &ignored.message));
        }
        out.push(by_condition(Place::Source, &name, conditions, condition::SOURCE_READY, now));
    }
    for slice in facts.statuses.iter().filter(|slice| facts.answers(slice.spec.member.as_str())) {
        let member = slice.spec.member.as_str();
        for (id, status) in slice.status.iter().flat_map(|s| &s.units) {
            out.push(unit(id, member, status, now));
        }
    }
    out
}

fn fine(place: Place, object: &str, message: impl Into<String>) -> Finding {
    Finding {
        place,
        object: object.to_owned(),
        severity: Severity::Fine,
        reason: String::new(),
        message: message.into(),
        remedy: String::new(),
        template: String::new(),
    }
}

/// A finding by its reason. One that the table does not have is a fault whose own words have to do.
fn found(place: Place, object: &str, member: &str, reason: &str, message: &str) -> Finding {
    let known: Option<&Fault> = fault::known(place, reason);
    Finding {
        place,
        object: object.to_owned(),
        severity: known.map_or(Severity::Fault, |fault| fault.severity),
        reason: reason.to_owned(),
        message: message.to_owned(),
        remedy: fault::remedy(known, place, object, member),
        template: known.map_or_else(String::new, |fault| fault.remedy.to_owned()),
    }
}

fn process(process: &Process) -> Vec<Finding> {
    let at = process.server.as_str();
    let version = match &process.version {
        Ok(version) => version,
        Err(why) => return vec![found(Place::Process, at, "", fault::UNANSWERED, why)],
    };
    let mut out = Vec::new();
    if let Some(why) = &process.unready {
        out.push(found(Place::Process, at, "", fault::NOT_READY, why));
    }
    let own = env!("CARGO_PKG_VERSION");
    if let Some((_, theirs)) = version.split_once("+kurator-")
        && theirs != own
    {
        let message = format!("the hub is {theirs}, this program is {own}");
        out.push(found(Place::Process, at, "", fault::OTHER_VERSION, &message));
    }
    if let Some(secs) = process.ahead_secs.filter(|secs| secs.abs() > SKEW_SECS_MAX) {
        let word = if secs > 0 { "ahead of" } else { "behind" };
        let message = format!("the hub's clock is {} s {word} this machine's", secs.abs());
        out.push(found(Place::Process, at, "", fault::CLOCK_SKEW, &message));
    }
    if let Some(panics) = process.panics.filter(|panics| *panics > 0) {
        let message = format!("{panics} panics since the start; each cost one request or one reconcile");
        out.push(found(Place::Process, at, "", fault::PANICKED, &message));
    }
    if out.is_empty() {
        out.push(fine(Place::Process, at, format!("{at} answers, version {version}")));
    }
    out
}

fn store(store: &Store) -> Vec<Finding> {
    let mut out = Vec::new();
    if store.free_bytes < FREE_BYTES_MIN {
        let message = format!("{} MiB are free for {}", store.free_bytes >> 20, store.path);
        out.push(found(Place::Store, &store.path, "", fault::DISK_ALMOST_FULL, &message));
    }
    if store.is_readable_by_others {
        let message = "its mode lets group or others read it".to_owned();
        out.push(found(Place::Store, &store.path, "", fault::KEYS_READABLE, &message));
    }
    if out.is_empty() {
        let (used, free) = (store.used_bytes >> 20, store.free_bytes >> 30);
        out.push(fine(Place::Store, &store.path, format!("{} takes {used} MiB, {free} GiB are free", store.path)));
    }
    out
}

/// How long ago a condition took its status, in seconds.
fn age_secs(condition: &Condition, now: Timestamp) -> i64 {
    let since: Option<Timestamp> = condition.last_transition_time.parse().ok();
    since.map_or(0, |since| now.as_second() - since.as_second())
}

fn by_condition(place: Place, name: &str, conditions: &[Condition], type_: &str, now: Timestamp) -> Finding {
    let Some(condition) = condition::find(conditions, type_) else {
        return fine(place, name, "the hub has not looked at it yet");
    };
    if condition.status == "True" && condition.reason != reason::SUSPENDED {
        return fine(place, name, condition.message.clone());
    }
    let finding = found(place, name, "", &condition.reason, &condition.message);
    // What is under way needs nobody, unless it is so for long.
    let under_way = matches!(
        condition.reason.as_str(),
        reason::PROGRESSING | reason::PENDING | reason::FETCHING | reason::PROBING | reason::DELETING
    );
    if under_way && age_secs(condition, now) < UNDER_WAY_SECS_MAX {
        return fine(place, name, condition.message.clone());
    }
    finding
}

/// One unit in a member, by what the member reported last. What it cannot report now is the member's own finding.
fn unit(id: &UnitId, member: &str, status: &UnitStatus, now: Timestamp) -> Finding {
    let object = match &id.policy {
        Some(policy) => format!("{}/{} in {member}", id.name, policy),
        None => format!("{} in {member}", id.name),
    };
    let long = now.as_second() - status.since.as_second() >= UNDER_WAY_SECS_MAX;
    let broken = match status.phase {
        UnitPhase::Failed => true,
        UnitPhase::Applied => status.reason == reason::CONTESTED,
        UnitPhase::Pending | UnitPhase::Applying | UnitPhase::Waiting | UnitPhase::Removing => long,
        UnitPhase::DeletionsHeld | UnitPhase::Suspended | UnitPhase::Removed | UnitPhase::Unknown => false,
    };
    if !broken {
        return fine(Place::Unit, &object, status.message.clone());
    }
    let known = fault::known(Place::Unit, &status.reason);
    Finding {
        // What is only slow is not broken.
        severity: if status.phase == UnitPhase::Failed {
            known.map_or(Severity::Fault, |fault| fault.severity)
        } else {
            Severity::Warning
        },
        remedy: fault::remedy(known, Place::Unit, &id.name, member),
        ..found(Place::Unit, &object, member, &status.reason, &status.message)
    }
}
