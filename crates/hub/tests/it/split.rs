//! Controllers in several processes that share nothing but the hub's API: each has its own runtime, client, caches and
//! directory. Ending a runtime drops everything in it at once, as a kill does.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::delivery::{Decision, MemberDecision, MemberStatus};
use controllers::{Controller, Controllers};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::stage::{Stage, settings, until};

/// Polls of the repository during which nothing may be written; it is asked once a second.
const QUIET_POLLS: u64 = 3;

/// Two halves: no controller has the one that it waits for beside it.
pub(crate) const HALVES: [&[Controller]; 2] = [
    &[Controller::Member, Controller::Credential, Controller::Application],
    &[Controller::Fleet, Controller::Delivery, Controller::Status],
];

pub(crate) struct Process {
    runtime: Option<Runtime>,
    controllers: Arc<Controllers>,
    _dir: TempDir,
}

impl Process {
    pub(crate) async fn start(stage: &Stage, which: &[Controller]) -> Self {
        let secrets: Api<Secret> = Api::namespaced(stage.client(), "kurator-system");
        let kept = async |name: &str, key: &str| {
            let secret = secrets.get(name).await.unwrap();
            String::from_utf8(secret.data.unwrap()[key].0.clone()).unwrap()
        };
        let id = kept("kurator-hub-id", "id").await.parse().unwrap();
        let key = kept("kurator-hub-key", "key").await.parse().unwrap();
        let dir = TempDir::new().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let controllers = {
            let _entered = runtime.enter();
            let options = controllers::Options {
                connect: controllers::Connect::default(),
                trust: client::Trust { loopback: true },
                cache: dir.path().join("cache"),
                cache_bytes_max: 1 << 28,
                controllers: which.iter().copied().collect(),
                metrics: controllers::Metrics::default(),
                alive_before: None,
            };
            let (clock, jitter) = (Arc::new(hub::SystemClock), Arc::new(|| 0.5));
            let stop = CancellationToken::new();
            let api = client::Api::new(stage.client(), "kurator");
            Controllers::new(api, clock, jitter, id, key, &options, stop).unwrap()
        };
        runtime.spawn(controllers.clone().run());
        Self { runtime: Some(runtime), controllers, _dir: dir }
    }

    async fn listed(&self) {
        let listed = async || if self.controllers.is_synced() { Ok(()) } else { Err("not listed".to_owned()) };
        until("everything to be listed", listed).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn resting(stage: &Stage) -> Vec<u64> {
    until("the counters to rest", async || {
        let before = stage.mutations();
        stage.polled(2).await;
        if stage.mutations() == before { Ok(before) } else { Err(format!("{before:?} {:?}", stage.mutations())) }
    })
    .await
}

/// Waits until a member has a value.
async fn arrived(stage: &Stage, member: &str, value: &str) {
    let maps: Api<ConfigMap> = Api::namespaced(stage.member(member).client(), "app");
    until(&format!("{value} to be in {member}"), async || {
        let map = maps.get_opt("settings").await.unwrap();
        match map.and_then(|map| map.data?.get("value").cloned()) {
            Some(found) if found == value => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

/// The value that a member has.
async fn value(stage: &Stage, member: &str) -> Option<String> {
    let maps: Api<ConfigMap> = Api::namespaced(stage.member(member).client(), "app");
    maps.get_opt("settings").await.unwrap()?.data?.get("value").cloned()
}

/// Waits until the Decision about a member is as wanted.
async fn decided(stage: &Stage, member: &str, what: &str, wanted: impl Fn(&MemberDecision) -> bool) {
    let decisions: Api<Decision> = Api::all(stage.client());
    until(&format!("{member} to be decided on: {what}"), async || {
        let all = decisions.list(&Default::default()).await.unwrap().items;
        let about = all.iter().flat_map(|decision| &decision.spec.members).find(|(name, _)| name.as_str() == member);
        match about {
            Some((_, decision)) if wanted(decision) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

/// Ends a process at once and starts it again. The old one goes first: two processes with the same controllers need a
/// leader, which is another issue.
async fn kill(stage: &Stage, halves: &mut Vec<Process>, killed: usize) {
    drop(halves.remove(killed));
    halves.insert(killed, Process::start(stage, HALVES[killed]).await);
}

/// Commits a value while a member does not answer, and kills half of the controllers when another member has the value.
pub(crate) async fn kill_in_mid_delivery(stage: &Stage, halves: &mut Vec<Process>, killed: usize, new: &str) {
    let held = stage.member("b").faults();
    held.set_unreachable(true);
    stage.commit(&[("app/settings.yaml", Some(&settings(new)))]);
    arrived(stage, "a", new).await;
    kill(stage, halves, killed).await;
    assert_ne!(value(stage, "b").await.as_deref(), Some(new), "nothing reached b before the kill");
    held.set_unreachable(false);
    arrived(stage, "b", new).await;
    assert_eq!(value(stage, "a").await.as_deref(), Some(new));
    stage.synced().await;
}

async fn started(stage: &Stage) -> Vec<Process> {
    let mut halves = Vec::new();
    for half in HALVES {
        halves.push(Process::start(stage, half).await);
    }
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    halves
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_with_half_of_the_controllers_each_deliver_also_when_one_is_killed() {
    let stage = Stage::without_controllers(&["a", "b"]).await;
    let mut halves = started(&stage).await;
    for (round, killed) in [1, 0].into_iter().enumerate() {
        kill_in_mid_delivery(&stage, &mut halves, killed, &format!("round-{round}")).await;
    }
    resting(&stage).await;
}

/// A deletion passes from the one half (which decides) to the other (which lists and deletes) and back, twice. Each half
/// is killed when the other waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_is_done_though_each_half_is_killed_on_its_way() {
    let stage = Stage::without_controllers(&["a", "b"]).await;
    let mut halves = started(&stage).await;
    let answer = |on: bool| stage.members.iter().for_each(|member| member.faults().set_unreachable(!on));
    let there = async || (value(&stage, "a").await.is_some(), value(&stage, "b").await.is_some());
    let epoch = std::cell::Cell::new(0);
    decided(&stage, "b", "the first commit", |b| {
        epoch.set(b.epoch);
        true
    })
    .await;

    answer(false);
    stage.commit(&[("app/settings.yaml", None)]);
    decided(&stage, "b", "the second commit", |b| b.epoch > epoch.get()).await;
    // No process is there that could grant what members list now.
    drop(halves.remove(0));
    answer(true);
    let statuses: Api<MemberStatus> = Api::all(stage.client());
    until("both members to list what they would delete", async || {
        let all = statuses.list(&Default::default()).await.unwrap().items;
        let units = all.iter().flat_map(|slice| slice.status.iter().flat_map(|status| status.units.values()));
        let listed = units.filter(|unit| unit.held.as_ref().is_some_and(|list| list.count == 1)).count();
        if listed == 2 { Ok(()) } else { Err(format!("{listed} of 2")) }
    })
    .await;
    assert_eq!(there().await, (true, true), "nothing is deleted that is not granted");

    answer(false);
    halves.insert(0, Process::start(&stage, HALVES[0]).await);
    for member in ["a", "b"] {
        decided(&stage, member, "a grant", |decision| decision.granted.is_some()).await;
    }
    assert_eq!(there().await, (true, true), "members do not answer yet");
    kill(&stage, &mut halves, 1).await;
    answer(true);
    until("the granted deletions to be done", async || match there().await {
        (false, false) => Ok(()),
        left => Err(format!("{left:?}")),
    })
    .await;
    stage.synced().await;
    resting(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_pass_of_each_controller_makes_zero_writes() {
    let stage = Stage::without_controllers(&["a", "b"]).await;
    let mut processes = Vec::new();
    for controller in Controller::ALL {
        processes.push(Process::start(&stage, &[controller]).await);
    }
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let settled = resting(&stage).await;
    let all: BTreeSet<Controller> = Controller::ALL.into();
    assert_eq!(all.len(), processes.len());
    for (index, controller) in Controller::ALL.into_iter().enumerate() {
        drop(processes.remove(index));
        processes.insert(index, Process::start(&stage, &[controller]).await);
        processes[index].listed().await;
        stage.polled(QUIET_POLLS).await;
        let clients = stage.hub.counters().mutations_by_client();
        assert_eq!(stage.mutations(), settled, "{controller:?} over a settled fleet; by client: {clients:?}");
    }
}
