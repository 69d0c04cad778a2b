//! Probing one member, for as long as its connection lives. Heartbeats stay in memory; whoever decides is told only
//! when a probe saw something new.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use api::member::v1alpha1::{NodeSummary, ResourceSummary};
use client::{Failure, classify};
use http::Request;
use kube::Client;
use model::{Quantity, Timestamp, object};
use plan::member::{Facts, Outcome, Probe};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::registry::Connection;
use crate::Ctx;
use crate::informer::Key;

/// How often a member that answers is asked. 1,000 members are then 200 small requests per second.
const EVERY: Duration = Duration::from_secs(5);
/// Longest time for one answer. Twice this and one retry bound how long a dead member looks alive: about 7 seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// First delay after a failure, doubling up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// Longest delay while a member is silent: how long a repaired member may look dead.
const RETRY_MAX: Duration = Duration::from_secs(10);
/// Failures in a row before a member counts as silent: one lost connection is no outage.
const FAILURES_MAX: u32 = 2;
/// How often nodes and pods are counted. Capacity moves slowly and costs a list.
const FACTS_EVERY: Duration = Duration::from_secs(30);
/// Items per page of nodes and pods.
const PAGE: u32 = 500;
/// Most pages that are counted: 10,000 pods. A larger member reports its nodes' capacity and no allocation.
const PAGES_MAX: usize = 20;

pub(super) async fn run(ctx: Arc<Ctx>, key: Key, member: String, connection: Connection, stop: CancellationToken) {
    let mut state = State::default();
    loop {
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = state.once(&connection.client, ctx.clock.now()) => outcome,
        };
        let failures = state.failures;
        if let Some(outcome) = outcome {
            let probe = Probe { outcome, last_seen: state.last_seen, facts: state.facts.clone() };
            if ctx.members.saw(&member, connection.serial, probe) {
                ctx.attached_queue.add(key.clone());
            }
        }
        let pause = match failures {
            0 => EVERY,
            n => RETRY_FIRST.saturating_mul(1 << (n - 1).min(8)).min(RETRY_MAX),
        };
        state.turns += 1;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(spread(pause, &member, state.turns)) => {}
        }
    }
}

/// Spreads a pause by ±10 % so that members that started together do not stay together. Deterministic: a run can be
/// replayed.
fn spread(pause: Duration, member: &str, turn: u64) -> Duration {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (member, turn).hash(&mut hasher);
    pause.mul_f64(0.9 + 0.2 * (hasher.finish() % 1000) as f64 / 1000.0)
}

#[derive(Default)]
struct State {
    failures: u32,
    turns: u64,
    last_seen: Option<Timestamp>,
    facts: Facts,
    counted: Option<Instant>,
}

impl State {
    /// One probe; `None` when it failed and says nothing yet.
    async fn once(&mut self, client: &Client, now: Timestamp) -> Option<Outcome> {
        let asked = match answer(get_text(client, "/readyz")).await {
            Ok(_) => self.count(client).await,
            Err(failure) => Err(failure),
        };
        match asked {
            Ok(()) => {
                self.failures = 0;
                self.last_seen = Some(now);
                Some(Outcome::Ready)
            }
            Err(Silent::Answered(outcome)) => {
                self.failures = 0;
                self.last_seen = Some(now);
                Some(outcome)
            }
            Err(Silent::NoAnswer(why)) => {
                self.failures = self.failures.saturating_add(1);
                (self.failures >= FAILURES_MAX).then_some(Outcome::Unreachable(why))
            }
        }
    }

    /// Learns what the member is, when that is due.
    async fn count(&mut self, client: &Client) -> Result<(), Silent> {
        let due = self.counted.is_none_or(|at| at.elapsed() >= FACTS_EVERY) || self.failures > 0;
        if !due {
            return Ok(());
        }
        let system = answer(get(client, "/api/v1/namespaces/kube-system".to_owned())).await?;
        let version = answer(get(client, "/version".to_owned())).await?;
        let (nodes, resources, region) = capacity(client).await?;
        self.facts = Facts {
            uid: object::uid(&system).map(str::to_owned),
            version: object::get_str(&version, &["gitVersion"]).map(str::to_owned),
            nodes: Some(nodes),
            resources: Some(resources),
            region,
        };
        self.counted = Some(Instant::now());
        Ok(())
    }
}

/// Why a probe is not simply fine.
enum Silent {
    Answered(Outcome),
    NoAnswer(String),
}

async fn answer<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Silent> {
    match tokio::time::timeout(ANSWER_WITHIN, request).await {
        Err(_) => Err(Silent::NoAnswer(format!("no answer within {} s", ANSWER_WITHIN.as_secs()))),
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(match classify(&error) {
            Failure::Unreachable => Silent::NoAnswer(root(&error)),
            Failure::Denied => Silent::Answered(Outcome::Denied(status(&error))),
            _ => Silent::Answered(Outcome::NotReady(status(&error))),
        }),
    }
}

fn status(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// The innermost cause: `Connection refused`, not three layers of client around it.
fn root(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}

async fn get_text(client: &Client, path: &str) -> Result<String, kube::Error> {
    let request = Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    client.request_text(request).await
}

async fn get(client: &Client, path: String) -> Result<Value, kube::Error> {
    let request = Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    client.request(request).await
}

/// Sums of resources by name.
#[derive(Default)]
struct Sums(BTreeMap<String, Quantity>);

impl Sums {
    fn add(&mut self, resources: Option<&Value>) {
        for (name, amount) in object::string_map(resources) {
            if let Ok(amount) = amount.parse::<Quantity>() {
                let sum = self.0.entry(name).or_default();
                *sum = *sum + amount;
            }
        }
    }

    fn text(self) -> BTreeMap<String, String> {
        self.0.into_iter().map(|(name, sum)| (name, sum.to_string())).collect()
    }
}

async fn capacity(client: &Client) -> Result<(NodeSummary, ResourceSummary, Option<String>), Silent> {
    let (mut total, mut ready, mut allocatable) = (0, 0, Sums::default());
    let mut regions: Vec<Option<String>> = Vec::new();
    for_each(client, "/api/v1/nodes?", |node| {
        total += 1;
        let conditions = object::get(node, &["status", "conditions"]).and_then(Value::as_array);
        let is_ready = |c: &Value| c["type"] == "Ready" && c["status"] == "True";
        ready += i32::from(conditions.is_some_and(|all| all.iter().any(is_ready)));
        allocatable.add(object::get(node, &["status", "allocatable"]));
        regions.push(object::label(node, "topology.kubernetes.io/region").map(str::to_owned));
    })
    .await?;
    let (mut allocated, mut allocating) = (Sums::default(), Sums::default());
    for_each(client, "/api/v1/pods?fieldSelector=status.phase!=Succeeded,status.phase!=Failed&", |pod| {
        let sums = match object::get_str(pod, &["spec", "nodeName"]) {
            Some(node) if !node.is_empty() => &mut allocated,
            _ => &mut allocating,
        };
        for container in object::get(pod, &["spec", "containers"]).and_then(Value::as_array).into_iter().flatten() {
            sums.add(object::get(container, &["resources", "requests"]));
        }
    })
    .await?;
    regions.sort();
    regions.dedup();
    let region = match regions.as_slice() {
        [Some(one)] => Some(one.clone()),
        _ => None,
    };
    let resources =
        ResourceSummary { allocatable: allocatable.text(), allocating: allocating.text(), allocated: allocated.text() };
    Ok((NodeSummary { total_num: total, ready_num: ready }, resources, region))
}

async fn for_each(client: &Client, path: &str, mut see: impl FnMut(&Value)) -> Result<(), Silent> {
    let mut next = String::new();
    for _ in 0..PAGES_MAX {
        let token = if next.is_empty() { String::new() } else { format!("&continue={}", encode(&next)) };
        let page = answer(get(client, format!("{path}limit={PAGE}{token}"))).await?;
        page["items"].as_array().into_iter().flatten().for_each(&mut see);
        next = object::get_str(&page, &["metadata", "continue"]).unwrap_or_default().to_owned();
        if next.is_empty() {
            break;
        }
    }
    Ok(())
}

/// Percent-encodes a query value.
fn encode(text: impl Display) -> String {
    let mut out = String::new();
    for byte in text.to_string().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
