//! Probing one member, for as long as its connection lives. Heartbeats stay in memory; the member controller is
//! told only when a probe saw something new.
//!
//! Whether a member is ready is what its `/readyz` says, and who it is what its `kube-system` says. What it holds
//! ([`capacity`]) is counted when it may have changed, and says nothing of its being ready.

mod capacity;

use std::sync::Arc;
use std::time::Duration;

use client::{Api, Error, Limits, Pace, Resource};
use model::{MemberName, Timestamp};
use plan::member::{Facts, Outcome, Probe, facts};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Ctx;
use super::registry::Start;
use crate::connection::Connection;
use crate::origin;
use crate::write::without_numbers;
use client::NamespacedName;

/// How often a member that answers is asked. 1,000 members are then 100 small requests per second.
///
/// A member that dies must be said to be Unknown within 15 s, however it dies. The worst case is silence that begins just
/// after an answer: this pause with its spread (10.4 s), half a [`BEAT`] (0.5 s) and [`ANSWER_WITHIN`] (4 s) are 14.9 s.
/// Silence that begins while nodes and pods are counted is seen sooner, since a count without an answer is followed by
/// [`RETRY_FIRST`] and not by this pause. A refused connection is seen after 11.5 s, and after 2 s when something was
/// delivered there: its applier loses its watches and says so.
const EVERY: Duration = Duration::from_secs(10);
/// Probes begin on whole beats. 1,000 members are then 100 requests at the start of each second, which take two cores
/// some 10 ms.
const BEAT: Duration = Duration::from_secs(1);
/// Longest time for one answer; see [`EVERY`]. A packet that the network lost is sent again four times until then.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// First delay after a failure, doubling up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// Longest delay while a member is silent: how long a repaired member may look dead.
const RETRY_MAX: Duration = Duration::from_secs(10);
/// Connections that are lost or refused in a row before a member counts as silent: one lost connection is no outage.
/// An answer that does not come counts at once. It was waited for, and a second question would take the same connection.
const LOST_MAX: u32 = 2;
/// How soon identity, version, nodes and pods are read again when nothing is known to have changed: nodes come and go by
/// themselves. Doubles while they are the same as before, up to [`FACTS_MAX`].
const FACTS_FIRST: Duration = Duration::from_secs(60);
/// Longest time until then: how late a node that goes is noticed in a member where nothing else happens. 1,000 members
/// at rest are then 17 requests per second.
const FACTS_MAX: Duration = Duration::from_secs(240);
/// How long nothing must have changed before pods are counted again: a rollout reports several times a second, and what
/// is on its way need not be counted.
const REST: Duration = Duration::from_secs(1);
/// Counting takes at most this share of the time: a member with 10,000 pods, which take 2 s to list, is counted once in
/// 40 s however much goes on in it.
const COUNT_SHARE: u32 = 20;
/// Largest answer to `/readyz`, `/version` and for a namespace, in bytes. Real ones have a few hundred.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What to do about a server that does not know what each Kubernetes API has.
const COMPARE_PATH: &str = "nothing answers as a Kubernetes API at this path; compare the path of `server` in the kubeconfig with \
                            that of the cluster, such as /k8s/clusters/ID of Rancher";

/// A client for probes. What does not answer in time is silent, whatever else of the member answers: no second question
/// is asked, which would take the time that [`EVERY`] leaves.
fn prober(api: Api) -> Api {
    api.with_limits(Limits {
        request: ANSWER_WITHIN,
        judge: None,
        object_bytes: ANSWER_BYTES_MAX,
        page_objects: capacity::PAGE,
        page_bytes: capacity::PAGE_BYTES_MAX,
        list_pages: capacity::PAGES_MAX,
        ..Limits::default()
    })
}

pub(super) async fn run(ctx: Arc<Ctx>, key: NamespacedName, member: MemberName, connection: Connection, start: Start) {
    let mut state = State::default();
    let Start { mut changed, stop } = start;
    let api = prober(connection.api);
    loop {
        let began = Instant::now();
        // The record is made after the first probe; and as long as one of the two has limits, nothing beyond them is asked for.
        let record = ctx.clusters.get(&NamespacedName::new("", member.as_str()));
        state.is_limited = ctx.attached.get(&key).is_some_and(|attached| !attached.spec.namespaces.is_empty())
            || record.as_ref().is_some_and(|record| origin::rights_of(record).are_limited());
        state.recorded = record.and_then(|record| record.spec.id.clone());
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = state.once(&api, ctx.clock.now(), &mut changed) => outcome,
        };
        // A failure that says nothing yet is one lost connection, or the first sign of a member that does not answer.
        ctx.metrics.probed(outcome.as_ref().map_or("unreachable", Outcome::as_str), began.elapsed());
        if let Some(outcome) = outcome {
            let probe = Probe { outcome, last_seen: state.last_seen, facts: state.facts.clone() };
            if ctx.probes.saw(&member, connection.serial, probe) {
                ctx.queue.add(key.clone());
            }
        }
        let next = Instant::now() + state.pause(member.as_str(), ctx.clock.now());
        tokio::select! {
            () = stop.cancelled() => return,
            () = state.rest(next, &mut changed) => {}
        }
    }
}

/// Spreads a pause by ±4 % so that members that started together do not stay together. Deterministic: a run can be
/// replayed.
fn spread(pause: Duration, member: &str, turn: u64) -> Duration {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (member, turn).hash(&mut hasher);
    pause.mul_f64(0.96 + 0.08 * (hasher.finish() % 1000) as f64 / 1000.0)
}

/// Moves the end of a long pause to the nearest whole [`BEAT`]: probes that are due in the same second begin together. One
/// wake of the process then does the work of many, which costs less than half.
fn on_a_beat(pause: Duration, now: Timestamp) -> Duration {
    if pause < EVERY / 2 {
        return pause;
    }
    let beat = BEAT.as_millis();
    let since = u128::try_from(now.as_millisecond()).unwrap_or_default();
    let end = (since + pause.as_millis() + beat / 2) / beat * beat;
    Duration::from_millis(u64::try_from(end.saturating_sub(since)).unwrap_or(u64::MAX))
}

/// A count that was made.
#[derive(Clone, Copy, Debug)]
struct Counted {
    /// When it began.
    at: Instant,
    /// How long it took.
    took: Duration,
    /// It differed from the one before, or not all nodes were ready: things move, and the next probe counts again.
    moving: bool,
    /// When it is out of date though nothing is known to have changed: so long after it began.
    keeps: Duration,
}

impl Counted {
    /// When the next one may begin.
    fn next(&self) -> Instant {
        self.at + self.took.saturating_mul(COUNT_SHARE)
    }
}

struct State {
    /// No two probes begin sooner after each other than a retry after a failure, whatever else is wished.
    pace: Pace,
    failures: u32,
    turns: u64,
    last_seen: Option<Timestamp>,
    last_outcome: Option<Outcome>,
    facts: Facts,
    counted: Option<Counted>,
    /// The last count was not answered: the member may have died meanwhile.
    unanswered: bool,
    /// The hub has rights in some namespaces only: nodes and pods are not asked for.
    is_limited: bool,
    /// UID of the cluster that the member is on record as.
    recorded: Option<String>,
    /// A client that insists on it.
    insisting: Option<(String, Api)>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            pace: Pace::new(RETRY_FIRST),
            failures: 0,
            turns: 0,
            last_seen: None,
            last_outcome: None,
            facts: Facts::default(),
            counted: None,
            unanswered: false,
            is_limited: false,
            recorded: None,
            insisting: None,
        }
    }
}

/// What says who a member is.
async fn system(api: &Api) -> Result<Value, Silent> {
    let namespaces = Resource::core("Namespace", "namespaces", false);
    match api.get(&namespaces.target("", "kube-system")).await {
        Ok(Some(system)) => Ok(system),
        // No Kubernetes API is without namespaces: this is none.
        Ok(None) | Err(Error::NoKind { .. }) => Err(Silent::no_api("it has no namespace kube-system")),
        Err(error) => Err(error.into()),
    }
}

impl State {
    /// One probe; `None` when it failed and says nothing yet.
    async fn once(
        &mut self,
        api: &Api,
        now: Timestamp,
        changed: &mut watch::Receiver<Option<Instant>>,
    ) -> Option<Outcome> {
        let began = Instant::now();
        self.pace.begin(began);
        let certain = self.certain(api);
        let asked = match Box::pin(certain.read_bytes("/readyz", ANSWER_BYTES_MAX)).await {
            // The member itself answers again.
            Ok(_) if self.is_other(self.facts.uid.as_deref()) => Box::pin(self.learn(api, Instant::now())).await,
            Ok(_) => self.learn_if_due(api, changed).await,
            Err(Error::OtherCluster { found, .. }) => Box::pin(self.learn_other(api, &found, changed)).await,
            Err(error @ Error::NotKubernetes { .. }) => Err(Silent::no_api(&error.to_string())),
            Err(error) if error.is_path_unknown() => Err(Silent::no_api(&error.to_string())),
            Err(error) => Err(error.into()),
        };
        let outcome = match asked {
            Ok(()) => Outcome::Ready,
            Err(Silent::Answered(outcome)) => outcome,
            Err(Silent::Lost(why)) => {
                self.failures = self.failures.saturating_add(1);
                return (self.failures >= LOST_MAX).then(|| self.steady_outcome(Outcome::Unreachable(why)));
            }
            Err(Silent::Late(why)) => {
                // A connection may answer pings and no request, where others are served well.
                api.renew_late_connection(began);
                self.failures = self.failures.saturating_add(1).max(LOST_MAX);
                return Some(self.steady_outcome(Outcome::Unreachable(why)));
            }
        };
        self.failures = 0;
        self.last_seen = Some(now);
        Some(self.steady_outcome(outcome))
    }

    /// The client, insisting on the cluster that the member is on record as.
    fn certain(&mut self, api: &Api) -> Api {
        let Some(recorded) = &self.recorded else { return api.clone() };
        match &self.insisting {
            Some((cluster, certain)) if cluster == recorded => certain.clone(),
            _ => {
                let certain = api.insisting_on(recorded);
                self.insisting.insert((recorded.clone(), certain)).1.clone()
            }
        }
    }

    /// The outcome that is reported: the last one, when the new one is the same but for numbers. A certificate that ran
    /// out is refused with the seconds since then, and a record must not be written for each of them.
    fn steady_outcome(&mut self, outcome: Outcome) -> Outcome {
        let same = self.last_outcome.as_ref().is_some_and(|last| words(last) == words(&outcome));
        match &self.last_outcome {
            Some(last) if same => last.clone(),
            _ => self.last_outcome.insert(outcome).clone(),
        }
    }

    /// Learns who the member is and what it holds, when that is due.
    async fn learn_if_due(&mut self, api: &Api, changed: &mut watch::Receiver<Option<Instant>>) -> Result<(), Silent> {
        let at = Instant::now();
        let changed = *changed.borrow_and_update();
        self.unanswered = false;
        if self.failures == 0 && !self.is_due(at, changed) {
            return Ok(());
        }
        Box::pin(self.learn(api, at)).await
    }

    /// Another cluster answers than the member. It is asked no more than the member would be: with each probe a new connection
    /// is, and this when it is due. That it is ready does not make the member so.
    async fn learn_other(
        &mut self,
        api: &Api,
        found: &str,
        changed: &mut watch::Receiver<Option<Instant>>,
    ) -> Result<(), Silent> {
        let uid = facts::uid_of(&json!({"metadata": {"uid": found}}));
        if uid.is_none() {
            // It may be no cluster at all.
            system(api).await?;
        }
        if self.facts.uid != uid {
            self.note_moving();
            self.facts.uid.clone_from(&uid);
        }
        let learned = self.learn_if_due(api, changed).await;
        // The address may have led back meanwhile. Whether the member is ready, nobody has asked it.
        self.facts.uid = uid;
        learned
    }

    /// Is it another cluster than the member is on record as?
    fn is_other(&self, uid: Option<&str>) -> bool {
        uid.zip(self.recorded.as_deref()).is_some_and(|(uid, recorded)| uid != recorded)
    }

    /// What was counted last is out of date.
    fn note_moving(&mut self) {
        if let Some(counted) = &mut self.counted {
            counted.moving = true;
        }
    }

    /// Learns it now. Boxed where it is awaited: a prober waits nearly all of its time, and has no room for this then.
    async fn learn(&mut self, api: &Api, at: Instant) -> Result<(), Silent> {
        let system = system(api).await?;
        let version = api.read("/version").await?;
        let mut facts =
            Facts { uid: facts::uid_of(&system), version: facts::version_of(&version), ..self.facts.clone() };
        if self.is_other(facts.uid.as_deref()) {
            // The next probe asks where the address leads then.
            api.renew_connection();
        }
        let may_wait = |counted: Counted| at < counted.next().min(counted.at + counted.keeps);
        if self.failures == 0 && !self.is_limited && self.counted.is_some_and(may_wait) {
            // An address that leads here and there is not a reason to count more.
            self.facts = facts;
            self.note_moving();
            return Ok(());
        }
        // One that does not say who it is is asked again with the next probe.
        let (mut moving, mut unanswered) = (facts.uid.is_none(), false);
        let count = if self.is_limited { None } else { Some(capacity::count(api).await) };
        match count {
            None => facts = Facts { uid: facts.uid, version: facts.version, ..Facts::default() },
            Some(Ok(census)) => {
                census.into_facts(&mut facts);
                let ready = facts.nodes.as_ref().is_none_or(|nodes| nodes.ready_num >= nodes.total_num);
                moving |= !ready || self.counted.is_some() && facts != self.facts;
            }
            // It answers, and is who it is. A credential need not be allowed to list pods, and a member that is slow
            // with them is not silent: what was counted last stays.
            Some(Err(why)) => {
                unanswered = matches!(why, Silent::Lost(_) | Silent::Late(_));
                tracing::debug!(server = ?facts.uid, %why, "nodes and pods cannot be counted");
            }
        }
        let keeps = match self.counted {
            Some(last) if facts == self.facts => last.keeps.saturating_mul(2).min(FACTS_MAX),
            _ => FACTS_FIRST,
        };
        (self.facts, self.unanswered) = (facts, unanswered);
        self.counted = Some(Counted { at, took: at.elapsed(), moving, keeps });
        Ok(())
    }

    /// Did the last probe find it ready?
    fn is_ready(&self) -> bool {
        self.failures == 0 && self.last_outcome == Some(Outcome::Ready)
    }

    /// Is it time to count? `changed`: when something was last seen to change in the member.
    fn is_due(&self, now: Instant, changed: Option<Instant>) -> bool {
        let Some(counted) = self.counted else { return true };
        let outdated = counted.moving || changed.is_some_and(|at| at >= counted.at);
        now >= counted.at + counted.keeps || outdated && now >= counted.next()
    }

    /// The pause after a probe.
    fn pause(&mut self, member: &str, now: Timestamp) -> Duration {
        let pause = match self.failures {
            0 if self.unanswered => RETRY_FIRST,
            0 => EVERY,
            n => RETRY_FIRST.saturating_mul(1 << (n - 1).min(8)).min(RETRY_MAX),
        };
        self.turns += 1;
        on_a_beat(spread(pause, member, self.turns), now)
    }

    /// Waits for the next probe: until `next`, or until the member has come to rest after a change. Changes in a member that
    /// is not well cannot be counted, so that they make nothing sooner there.
    async fn rest(&self, next: Instant, changed: &mut watch::Receiver<Option<Instant>>) {
        loop {
            let at = *changed.borrow_and_update();
            let wake = match (at, self.counted) {
                (Some(at), Some(counted)) if at >= counted.at && self.is_ready() => {
                    next.min((at + REST).max(counted.next()))
                }
                _ => next,
            };
            let wake = self.pace.next(wake, Instant::now());
            tokio::select! {
                () = tokio::time::sleep_until(wake) => return,
                // The sender goes with the connection, and then this probe is stopped.
                Ok(()) = changed.changed() => {}
            }
        }
    }
}

/// An outcome without its numbers.
fn words(outcome: &Outcome) -> (std::mem::Discriminant<Outcome>, String) {
    let text = match outcome {
        Outcome::Ready => "",
        Outcome::NotReady(text) | Outcome::Denied(text) | Outcome::Unreachable(text) => text,
    };
    (std::mem::discriminant(outcome), without_numbers(text))
}

/// Why a probe is not simply fine.
#[derive(Debug)]
enum Silent {
    /// It answered, and this is what it said.
    Answered(Outcome),
    /// There is no connection to it, or it was lost: why.
    Lost(String),
    /// No answer came in time: how long was waited.
    Late(String),
}

impl Silent {
    /// Something answers that is no Kubernetes API, such as what manages several clusters behind paths.
    fn no_api(why: &str) -> Self {
        Self::Answered(Outcome::NotReady(format!("{why}: {COMPARE_PATH}")))
    }
}

impl std::fmt::Display for Silent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answered(outcome) => write!(f, "{outcome:?}"),
            Self::Lost(why) | Self::Late(why) => f.write_str(why),
        }
    }
}

impl From<Error> for Silent {
    /// A member whose API server says 503 has answered: that is not [`client::Class::Unreachable`] here. What says so in other words
    /// than a Kubernetes API does is in front of it, such as a load balancer, and has not reached it.
    fn from(error: Error) -> Self {
        match error {
            Error::Refused { code: code @ 502..=504, ref reason, .. } if reason.is_empty() => {
                Self::Lost(format!("what is in front of its API server answers {code}, and does not reach it"))
            }
            // One that has answered for a Kubernetes API before, or does so at another path.
            Error::NotKubernetes { .. } => Self::Lost(error.to_string()),
            Error::Transport { cause, .. } => Self::Lost(cause),
            Error::Deadline(_) => Self::Late(error.to_string()),
            _ if error.is_denied() => Self::Answered(Outcome::Denied(error.to_string())),
            _ => Self::Answered(Outcome::NotReady(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests;
