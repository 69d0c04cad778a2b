//! Controllers in several processes that share nothing but the hub's API: each has its own runtime, client, caches and
//! directory. Ending a runtime drops everything in it at once, as a kill does.

use std::collections::BTreeSet;
use std::sync::Arc;

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
pub(crate) const HALVES: [&[Controller]; 2] =
    [&[Controller::Member, Controller::Application], &[Controller::Fleet, Controller::Delivery, Controller::Status]];

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
                trust: client::Trust { loopback: true },
                cache: dir.path().join("cache"),
                cache_bytes_max: 1 << 28,
                controllers: which.iter().copied().collect(),
                metrics: controllers::Metrics::default(),
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
pub(crate) async fn arrived(stage: &Stage, member: &str, value: &str) {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_with_half_of_the_controllers_each_deliver_also_when_one_is_killed() {
    let stage = Stage::without_controllers(&["a", "b"]).await;
    let mut halves = Vec::new();
    for half in HALVES {
        halves.push(Process::start(&stage, half).await);
    }
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    for (round, killed) in [1, 0].into_iter().enumerate() {
        let value = format!("round-{round}");
        stage.commit(&[("app/settings.yaml", Some(&settings(&value)))]);
        // In mid delivery: one member has it, the other need not.
        if killed == 1 {
            arrived(&stage, "a", &value).await;
        } else {
            stage.polled(1).await;
        }
        // Dropped first: two processes with the same controllers need a leader, which is another issue.
        drop(halves.remove(killed));
        halves.insert(killed, Process::start(&stage, HALVES[killed]).await);
        arrived(&stage, "a", &value).await;
        arrived(&stage, "b", &value).await;
        stage.synced().await;
    }
    // A deletion passes from the one half's decision to the other's applier.
    stage.commit(&[("app/settings.yaml", None)]);
    let maps: Api<ConfigMap> = Api::namespaced(stage.member("b").client(), "app");
    until("the deletion to be granted and done", async || match maps.get_opt("settings").await.unwrap() {
        None => Ok(()),
        Some(map) => Err(format!("{:?}", map.metadata.name)),
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
