//! Who a member is and how it is: the object that makes it (its origin), a credential, probes → the Cluster record and
//! both statuses. Knows no kind of origin by name.
//!
//! | observed | decided |
//! |---|---|
//! | the name is taken, malformed, or the kubeconfig is refused | no record; the origin says why |
//! | no probe yet | record; `Unknown`; delivery may start if its identity is recorded |
//! | it answers, and is who it was | `True`; deliver |
//! | it answers as somebody else, or is a member already | `False`; nothing is delivered until approved |
//! | it answers, and does not say who it is | `False`; nothing is delivered |
//! | its origin is being deleted and says `release` | the record says so; the origin goes once everything is given back |
//! | it does not answer | `Unknown` with the time last seen; delivery keeps trying by itself |
//! | it answers, and what delivers to it does not get through | the record's `Ready` says so; delivery keeps trying by itself |
//! | it refuses the credential | `Unknown`: what runs there is not known; delivery keeps trying by itself |

pub mod facts;
mod seen;

use std::collections::BTreeMap;

use api::condition::{self, Condition, Statement};
use api::delivery::{HubId, MemberLink, MemberRelease, MemberTakeOver, Origin, TakeOverState};
use api::karmada::cluster::v1alpha1::ClusterStatus;
use api::kurator::annotation::{
    APPROVE_TAKE_OVER, CREDENTIAL_KEY, NAMESPACES, ON_DETACH, ORIGIN, RELEASE, REMOVE, TAKE_OVER,
};
use api::reason;
use model::{MemberName, NameError, Timestamp, clock::format_seconds, words};
use serde_json::{Value, json};

use crate::credential::{self, Standing};
pub use facts::Facts;

/// What the last probe saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// How it ended.
    pub outcome: Outcome,
    /// When the member last answered at all.
    pub last_seen: Option<Timestamp>,
    /// What it said of itself when it last answered.
    pub facts: Facts,
}

/// How a probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Ready.
    Ready,
    /// It answers and is not ready; what it said.
    NotReady(String),
    /// It refuses the credential; what it said.
    Denied(String),
    /// No answer; what went wrong.
    Unreachable(String),
}

impl Outcome {
    /// As metrics name it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady(_) => "not-ready",
            Self::Denied(_) => "denied",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

/// The Cluster record of the wanted name, if there is one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The object that made it.
    pub origin: Option<Origin>,
    /// The recorded identity.
    pub id: Option<String>,
    /// The identity that a person approved.
    pub approved_id: Option<String>,
    /// Its status.
    pub status: ClusterStatus,
}

/// Why there is no credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Machine-readable.
    pub reason: &'static str,
    /// Sentence with what to do.
    pub message: String,
}

/// Where a member's kubeconfig is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CredentialRef {
    /// Namespace of the Secret.
    pub namespace: String,
    /// Name of the Secret.
    pub secret: String,
    /// Key in it.
    pub key: String,
}

/// Everything the decision needs.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The object that makes the member.
    pub origin: Origin,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The name that it wants for its member.
    pub member: Result<MemberName, NameError>,
    /// The namespaces of the member in which the hub has rights; none when it has them everywhere.
    pub namespaces: Vec<String>,
    /// Where the kubeconfig is.
    pub credential: CredentialRef,
    /// The origin's conditions before.
    pub conditions: Vec<Condition>,
    /// The server in the kubeconfig that is in use, or why there is none.
    pub server: Result<String, Problem>,
    /// resourceVersion of the Secret that was read.
    pub secret_version: Option<String>,
    /// What else is known of the credential in it.
    pub standing: Standing,
    /// The record of that name.
    pub record: Option<Record>,
    /// Another member with the identity that the probe saw.
    pub twin: Option<MemberName>,
    /// The last probe.
    pub probe: Option<Probe>,
    /// Whether that probe is of the connection that is in use: one over an earlier connection says nothing of an edit.
    pub is_probed: bool,
    /// How what delivers to the member gets on with it, as it is stored.
    pub link: Option<MemberLink>,
    /// Until when the hub's process before this one lived, if that is known.
    pub alive_before: Option<Timestamp>,
    /// The origin is being deleted, and waits for our word.
    pub going: Option<Going>,
    /// What was delivered is deleted before the origin goes.
    pub emptying: Option<Emptying>,
    /// What is to be taken over from another hub.
    pub take_over: Option<TakeOverWish>,
}

/// What an origin that goes with what was delivered still waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emptying {
    /// Fleets that list it: it is taken out of them first.
    pub fleets: Vec<String>,
    /// Units that are to leave the member.
    pub units: usize,
}

impl Emptying {
    /// Has everything left?
    pub fn is_done(&self) -> bool {
        self.fleets.is_empty() && self.units == 0
    }
}

/// What an origin says of another hub's objects in the member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeOverWish {
    /// The other hub's id, as it was written.
    pub hub: String,
    /// The digest of the list that a person agreed to, as it was written.
    pub approved: Option<String>,
    /// How far it is, once the applier has said so.
    pub progress: Option<MemberTakeOver>,
}

/// How an origin that is being deleted is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Going {
    /// What this hub has in the member stays as it is.
    Keep,
    /// It is given back before. How far that is, once the applier has said so.
    Release(Option<MemberRelease>),
    /// The same, after what was delivered was removed.
    Remove(Option<MemberRelease>),
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The record to apply, without status; `None` when there shall be none.
    pub record: Option<Value>,
    /// The record's status: `Ready`; `CredentialCurrent`, when something is to be said; `Deliverable`, by which delivery knows whether it may; `FactsCut`, when the member says too
    /// much of itself.
    pub cluster_status: Option<ClusterStatus>,
    /// The origin's status.
    pub origin_status: OriginStatus,
    /// Whether the origin, which is being deleted, may go.
    pub let_go: bool,
    /// Whether the origin's wish to take over from another hub is done with, and is taken away.
    pub is_taken_over: bool,
}

/// What the object that makes a member is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct OriginStatus {
    /// Is the member ready?
    pub ready: bool,
    /// The member, when there is one.
    pub member: Option<MemberName>,
    /// resourceVersion of the Secret that the conditions speak of.
    pub secret_version: Option<String>,
    /// Generation that the conditions speak of.
    pub observed_generation: Option<i64>,
    /// `Ready`, and `CredentialCurrent` when something is to be said.
    pub conditions: Vec<Condition>,
}

/// Why the member is as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Is it ready?
    pub ready: Statement,
    /// May objects be delivered?
    pub deliverable: Statement,
}

/// Decides.
pub fn plan(observed: &Observed, generation: Option<i64>, now: Timestamp) -> (Plan, Report) {
    let (mut plan, report, mut statements) = decide(observed, now);
    if let Some(wish) = &observed.take_over {
        if let Some(record) = &mut plan.record {
            record["metadata"]["annotations"][TAKE_OVER] = json!(wish.hub);
            if let Some(approved) = &wish.approved {
                record["metadata"]["annotations"][APPROVE_TAKE_OVER] = json!(approved);
            }
        }
        let statement =
            taking_over(wish, observed.member.as_ref().map_or(observed.origin.name.as_str(), MemberName::as_str));
        plan.is_taken_over = statement.reason == reason::TAKEN_OVER;
        statements.push(statement);
    } else {
        statements.extend(taken_over(&observed.conditions));
    }
    statements.extend(observed.emptying.as_ref().map(|emptying| emptying_statement(observed, emptying)));
    statements.extend(plan_detach(observed, &mut plan));
    if !observed.namespaces.is_empty()
        && let Some(status) = &mut plan.cluster_status
    {
        // What was counted with more rights is not counted any more.
        (status.node_summary, status.resource_summary) = (None, None);
    }
    // Once, and of everything: a type that no statement speaks of is dropped.
    let generation = observed_generation(observed, &report, generation);
    plan.origin_status.observed_generation = generation;
    plan.origin_status.conditions = condition::merge(&observed.conditions, statements, generation, now);
    (plan, report)
}

/// Which generation of the origin the conditions speak of. What was seen over an earlier connection stays known until the new one
/// has answered, and is not what an edit was looked at with: nothing is ready for a generation that was not tried.
fn observed_generation(observed: &Observed, report: &Report, generation: Option<i64>) -> Option<i64> {
    let before = condition::find(&observed.conditions, condition::READY).and_then(|ready| ready.observed_generation);
    let is_untried = report.ready.status == Some(true) && !observed.is_probed;
    before.filter(|_| is_untried).or(generation)
}

/// How an origin that is being deleted goes: it may, or something is given back before.
fn plan_detach(observed: &Observed, plan: &mut Plan) -> Option<Statement> {
    let going = observed.going.as_ref()?;
    let is_ours = observed.record.as_ref().is_some_and(|record| record.origin.as_ref() == Some(&observed.origin));
    let progress = match going {
        Going::Keep => None,
        Going::Release(progress) | Going::Remove(progress) => Some(progress.clone().unwrap_or_default()),
    };
    // Also when it is done: without it, the record would say for a moment that everything is to be delivered again.
    if let Some(record) = plan.record.as_mut().filter(|_| progress.is_some()) {
        let how = if matches!(going, Going::Remove(_)) { REMOVE } else { RELEASE };
        record["metadata"]["annotations"][ON_DETACH] = json!(how);
    }
    // Without a record it never had a member, so that there is nothing to give back.
    let Some(progress) = progress.filter(|_| is_ours) else {
        plan.let_go = true;
        return None;
    };
    plan.let_go = progress.done;
    Some(detaching(&progress))
}

fn taking_over(wish: &TakeOverWish, member: &str) -> Statement {
    let hub = words::bounded(&wish.hub, model::name::LABEL_MAX);
    let say = |status, reason, message: String| Statement::new(condition::TAKE_OVER, Some(status), reason, message);
    if let Err(why) = wish.hub.parse::<HubId>() {
        return say(false, reason::TAKE_OVER_STUCK, format!("spec.takeOver.hub: {why}"));
    }
    // What was said of another hub says nothing of this one.
    let Some(said) = wish.progress.as_ref().filter(|said| said.from.as_str() == wish.hub) else {
        return say(false, reason::TAKING_OVER, format!("the member was not asked yet what hub {hub} has there"));
    };
    let has = format!("{} objects of {} units", said.objects, said.units);
    let more = if said.message.is_empty() { String::new() } else { format!("; {}", said.message) };
    match said.state {
        TakeOverState::Held => {
            let message = format!(
                "hub {hub} has {has} there: look and take them over with `kurator hub adopt {member} --from {hub}`, or approve \
                 with the annotation {APPROVE_TAKE_OVER}: {}{more}",
                said.digest
            );
            say(false, reason::TAKE_OVER_HELD, message)
        }
        TakeOverState::Going => {
            say(false, reason::TAKING_OVER, format!("{has} of hub {hub} are being taken over{more}"))
        }
        TakeOverState::Stuck => say(false, reason::TAKE_OVER_STUCK, format!("hub {hub}: {}", said.message)),
        TakeOverState::Done => {
            say(true, reason::TAKEN_OVER, format!("what hub {hub} had in the member is this hub's{more}"))
        }
    }
}

/// What was taken over is said also when the wish is gone: it is what a person looks for who did not wait.
fn taken_over(before: &[Condition]) -> Option<Statement> {
    let said = condition::find(before, condition::TAKE_OVER).filter(|said| said.reason == reason::TAKEN_OVER)?;
    Some(Statement::new(condition::TAKE_OVER, Some(true), reason::TAKEN_OVER, said.message.clone()))
}

/// Said from the first moment on: the command that began it may have been interrupted.
fn emptying_statement(observed: &Observed, emptying: &Emptying) -> Statement {
    let name = observed.member.as_ref().map_or(observed.origin.name.as_str(), MemberName::as_str);
    let next = match (emptying.fleets.as_slice(), emptying.units) {
        ([], 0) => "it has left; the rest is given back next".to_owned(),
        ([], 1) => format!("1 unit is still there, see `kurator status member/{name}`"),
        ([], many) => format!("{many} units are still there, see `kurator status member/{name}`"),
        (fleets, _) => format!("it leaves fleet {} first", fleets.join(", ")),
    };
    let message = format!("what was delivered to the member is removed before it goes: {next}");
    Statement::new(condition::DETACHING, Some(true), reason::RELEASING, message)
}

fn detaching(progress: &MemberRelease) -> Statement {
    let say = |message: String| Statement::new(condition::DETACHING, Some(true), reason::RELEASING, message);
    if progress.done {
        return say("everything is given back; last goes the account that the hub used there".to_owned());
    }
    let left = match progress.left {
        0 => "the member was not asked yet".to_owned(),
        1 => "1 unit has something there".to_owned(),
        many => format!("{many} units have something there"),
    };
    let trouble = if progress.message.is_empty() { String::new() } else { format!("; {}", progress.message) };
    say(format!("everything that this hub has in the member is given back before it goes: {left}{trouble}"))
}

/// Without the origin's conditions: the statements that they are made of are the third part.
fn decide(observed: &Observed, now: Timestamp) -> (Plan, Report, Vec<Statement>) {
    let refuse = |statement: Statement| {
        let plan = Plan {
            record: None,
            cluster_status: None,
            origin_status: OriginStatus {
                ready: false,
                member: None,
                secret_version: observed.secret_version.clone(),
                observed_generation: None,
                conditions: Vec::new(),
            },
            let_go: false,
            is_taken_over: false,
        };
        let statements = vec![statement.clone()];
        (plan, Report { deliverable: deliverable(false, &statement), ready: statement }, statements)
    };
    let ready = |status, reason, message: String| Statement::new(condition::READY, status, reason, message);
    let member = match &observed.member {
        Ok(member) => member,
        Err(problem) => {
            let message = format!("{problem}; set spec.memberName to a name that a member can have");
            return refuse(ready(Some(false), reason::NAME_INVALID, message));
        }
    };
    let other = observed.record.as_ref().filter(|r| r.origin.as_ref() != Some(&observed.origin));
    if let Some(record) = other {
        let owner = match &record.origin {
            Some(Origin { kind, namespace, name, .. }) => format!("{kind} {namespace}/{name}"),
            None => "another object".to_owned(),
        };
        let message =
            format!("member name {:?} is taken by {owner}; set spec.memberName to another name", member.as_str());
        return refuse(ready(Some(false), reason::NAME_TAKEN, message));
    }
    let server = match &observed.server {
        Ok(server) => server,
        Err(problem) => {
            let statement = ready(Some(false), problem.reason, problem.message.clone());
            let (mut plan, report, statements) = refuse(statement);
            // The record stays: a Secret that is gone for a moment must not unmake a member.
            if let Some(record) = &observed.record {
                plan.cluster_status = Some(cluster_status(observed, record, None, &report, now));
                plan.origin_status.member = Some(member.clone());
            }
            return (plan, report, statements);
        }
    };
    let recorded = observed.record.as_ref().and_then(|r| r.id.clone());
    let (statement, identity_ok) = judge(observed, member, recorded.as_deref(), now);
    let seen_id = observed.probe.as_ref().and_then(|p| p.facts.uid.clone());
    let approved = observed.record.as_ref().and_then(|r| r.approved_id.clone());
    let id = match (&recorded, &seen_id) {
        (None, Some(seen)) if identity_ok => Some(seen.clone()),
        // Not of a cluster that is another member: an approval is of what a person saw, who may not have seen that.
        (Some(_), Some(seen)) if identity_ok && approved.as_ref() == Some(seen) => Some(seen.clone()),
        _ => recorded,
    };
    // Nothing is delivered to a cluster whose identity is not known: it may be a member already.
    let deliverable = deliverable(identity_ok && id.is_some(), &statement);
    let report = Report { deliverable, ready: seen::with_link(statement, observed.link.as_ref()) };
    let is_ready = report.ready.status == Some(true);
    let statements = std::iter::once(report.ready.clone())
        .chain(credential::current(&observed.standing, &observed.conditions))
        .collect();
    let conditions = Vec::new();
    let secret_version = observed.secret_version.clone();
    let before = observed.record.clone().unwrap_or_default();
    let plan = Plan {
        record: Some(record(observed, member, server, id)),
        cluster_status: Some(cluster_status(observed, &before, observed.probe.as_ref(), &report, now)),
        origin_status: OriginStatus {
            ready: is_ready,
            member: Some(member.clone()),
            secret_version,
            observed_generation: None,
            conditions,
        },
        let_go: false,
        is_taken_over: false,
    };
    (plan, report, statements)
}

/// The `Deliverable` statement. When nothing may be delivered, the reason is that of `Ready`; a member whose identity is
/// not known yet is being probed.
fn deliverable(deliver: bool, ready: &Statement) -> Statement {
    let statement =
        |status, reason, message: &str| Statement::new(condition::DELIVERABLE, Some(status), reason, message);
    match (deliver, ready.status) {
        (true, _) => statement(true, reason::IDENTITY_KNOWN, "it is known which cluster this is"),
        (false, Some(false)) => statement(false, ready.reason, &ready.message),
        (false, _) => statement(false, reason::PROBING, "it is not known yet which cluster this is"),
    }
}

/// The `Ready` statement, and whether the member is who it should be.
fn judge(observed: &Observed, member: &MemberName, recorded: Option<&str>, now: Timestamp) -> (Statement, bool) {
    let ready = |status, reason, message: String| Statement::new(condition::READY, status, reason, message);
    let Some(probe) = &observed.probe else {
        return (recorded_statement(observed), recorded_allows(observed));
    };
    let seen = probe.facts.uid.as_deref();
    if let (Some(twin), Some(seen)) = (&observed.twin, seen) {
        let (twin, kind) = (twin.as_str(), &observed.origin.kind);
        let message = match recorded.filter(|recorded| *recorded != seen) {
            Some(recorded) => format!(
                "its kubeconfig leads to the cluster of member {twin:?} (kube-system UID {seen}), and this member is another \
                 cluster (UID {recorded}): put the kubeconfig of that one back into its Secret; nothing is delivered until then"
            ),
            None => format!(
                "the cluster that answers (kube-system UID {seen}) is member {twin:?} already; nothing is delivered twice: \
                 delete the {kind} of one of the two"
            ),
        };
        return (ready(Some(false), reason::SAME_CLUSTER, message), false);
    }
    let approved = observed.record.as_ref().and_then(|r| r.approved_id.as_deref());
    if let (Some(recorded), Some(seen)) = (recorded, seen)
        && recorded != seen
        && approved != Some(seen)
    {
        let message = format!(
            "another cluster answers at this address: kube-system has UID {seen}, recorded is {recorded}; nothing is \
             delivered until `kurator approve member/{member}`"
        );
        return (ready(Some(false), reason::IDENTITY_CHANGED, message), false);
    }
    if seen.is_none() && probe.outcome == Outcome::Ready {
        let message = "the member answers, and its namespace kube-system has no UID that can be read, so that it is not known \
                       which cluster this is; nothing is delivered";
        return (ready(Some(false), reason::IDENTITY_UNKNOWN, message.to_owned()), false);
    }
    let statement = match &probe.outcome {
        Outcome::Ready => ready(Some(true), reason::CLUSTER_READY, ANSWERS.into()),
        Outcome::NotReady(why) => ready(Some(false), reason::CLUSTER_NOT_READY, why.clone()),
        Outcome::Denied(why) => {
            // It answers, and tells us nothing: of what runs there nothing is known from now on.
            let (reason, message) =
                credential::refused(&observed.standing, &observed.origin, &observed.namespaces, why, now);
            ready(None, reason, message)
        }
        Outcome::Unreachable(why) => {
            let last_seen = seen::last_seen(observed, probe).words;
            ready(None, reason::CLUSTER_NOT_REACHABLE, format!("{last_seen}: {why}"))
        }
    };
    (statement, true)
}

/// Before the first probe of this process has ended: what was recorded last stays, so that a restart of the hub changes
/// nothing; a new member is being probed.
fn recorded_statement(observed: &Observed) -> Statement {
    let recorded = observed.record.as_ref().and_then(|r| condition::find(&r.status.conditions, condition::READY));
    if recorded.is_some_and(|c| crate::state::is_of_link(&c.reason)) {
        // Its prober got through; what its applier stored is added to that.
        return Statement::new(condition::READY, Some(true), reason::CLUSTER_READY, ANSWERS);
    }
    let known = recorded.and_then(|c| Some((c, RECORDED.iter().find(|r| **r == c.reason)?)));
    match known {
        Some((c, reason)) => Statement {
            type_: condition::READY,
            status: match c.status.as_str() {
                "True" => Some(true),
                "False" => Some(false),
                _ => None,
            },
            reason,
            message: c.message.clone(),
        },
        None => Statement::new(condition::READY, None, reason::PROBING, "waiting for the first answer"),
    }
}

/// What a member does that is well.
const ANSWERS: &str = "the member answers";

/// Reasons that a probe leads to; the others are judged again without one.
const RECORDED: [&str; 8] = [
    reason::CLUSTER_READY,
    reason::CLUSTER_NOT_READY,
    reason::CLUSTER_NOT_REACHABLE,
    reason::CREDENTIAL_REFUSED,
    reason::CREDENTIAL_EXPIRED,
    reason::SAME_CLUSTER,
    reason::IDENTITY_CHANGED,
    reason::IDENTITY_UNKNOWN,
];

/// A member that was not to be delivered to stays so until it has shown who it is.
fn recorded_allows(observed: &Observed) -> bool {
    let held = [reason::SAME_CLUSTER, reason::IDENTITY_CHANGED, reason::IDENTITY_UNKNOWN];
    !held.contains(&recorded_statement(observed).reason)
}

/// What is said of facts that are left out. Before the first probe of this process: what was said last.
fn facts_cut(record: &Record, probe: Option<&Probe>) -> Option<Statement> {
    let cut = |message| Statement::new(condition::FACTS_CUT, Some(true), reason::TOO_MANY_FACTS, message);
    let Some(probe) = probe else {
        return condition::find(&record.status.conditions, condition::FACTS_CUT).map(|c| cut(c.message.clone()));
    };
    (probe.facts.left_out > 0).then(|| {
        cut(format!(
            "{} amounts that nodes and pods name are in no sum: at most {} resources are added up, and only those whose \
             names Kubernetes would take",
            probe.facts.left_out,
            facts::RESOURCES_MAX
        ))
    })
}

fn cluster_status(
    observed: &Observed,
    record: &Record,
    probe: Option<&Probe>,
    report: &Report,
    now: Timestamp,
) -> ClusterStatus {
    let mut status = record.status.clone();
    let mut statements = vec![report.ready.clone(), report.deliverable.clone()];
    statements.extend(credential::current(&observed.standing, &record.status.conditions));
    statements.extend(facts_cut(record, probe));
    status.conditions = condition::merge(&record.status.conditions, statements, None, now);
    if let Some(probe) = probe {
        let facts = &probe.facts;
        status.kubernetes_version = facts.version.clone().or(status.kubernetes_version);
        status.node_summary = facts.nodes.clone().or(status.node_summary);
        status.resource_summary = facts.resources.clone().or(status.resource_summary);
        status.observed_id = facts.uid.clone().filter(|seen| record.id.as_ref().is_some_and(|known| known != seen));
        // Heartbeats stay in memory: the time is written when the member is lost, not while it answers.
        status.last_seen = match &probe.outcome {
            Outcome::Unreachable(_) => seen::last_seen(observed, probe).at.map(format_seconds).or(status.last_seen),
            _ => None,
        };
    }
    status
}

fn record(observed: &Observed, member: &MemberName, server: &str, id: Option<String>) -> Value {
    let CredentialRef { namespace, secret, key } = &observed.credential;
    let mut spec = json!({
        "syncMode": "Push",
        "apiEndpoint": server,
        "secretRef": {"namespace": namespace, "name": secret},
    });
    if let Some(id) = id {
        spec["id"] = json!(id);
    }
    let label = observed.labels.get("topology.kubernetes.io/region");
    let probed = observed.probe.as_ref().and_then(|p| p.facts.region.as_ref());
    if let Some(region) = label.or(probed) {
        spec["region"] = json!(region);
    }
    let mut annotations = json!({ORIGIN: observed.origin, CREDENTIAL_KEY: key});
    if !observed.namespaces.is_empty() {
        annotations[NAMESPACES] = json!(observed.namespaces.join(","));
    }
    let mut metadata = json!({"name": member, "annotations": annotations});
    if !observed.labels.is_empty() {
        metadata["labels"] = json!(observed.labels);
    }
    json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": metadata, "spec": spec})
}

#[cfg(test)]
mod tests;
