//! A member under test and ways to wait for it.

use std::time::Duration;

use client::{Api, Raw};
use member_sim::{Member, NodeSpec, Options};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// How long anything may take. Where time is paused, waiting for it costs nothing.
const DEADLINE: Duration = Duration::from_secs(60);
/// Pause between two looks: at first, and at most; it grows, so that waiting long costs few looks.
const STEP: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(500));

pub(crate) struct Lab {
    pub(crate) member: Member,
    pub(crate) api: Raw,
}

/// A member in memory with two nodes of 2 cores.
pub(crate) fn options() -> Options {
    let node = |name: &str| NodeSpec { cpu: "2".to_owned(), ..NodeSpec::new(name) };
    Options { nodes: vec![node("n1"), node("n2")], region: "here".to_owned(), ..Options::new("lab") }
}

impl Lab {
    pub(crate) async fn start() -> Self {
        Self::of(Member::start(options()).await.unwrap())
    }

    pub(crate) fn of(member: Member) -> Self {
        Self { api: Api::new(member.client(), "test").raw(), member }
    }

    pub(crate) async fn create(&self, collection: &str, object: Value) -> Value {
        self.api.create(collection, &object).await.unwrap()
    }

    /// Creates a Deployment in `default`.
    pub(crate) async fn deploy(&self, name: &str, replicas: i64, image: &str) {
        self.create(DEPLOYMENTS, deployment(name, replicas, image)).await;
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.api.get(path).await.unwrap().unwrap_or_default()
    }

    pub(crate) async fn items(&self, path: &str) -> Vec<Value> {
        self.get(path).await["items"].as_array().cloned().unwrap_or_default()
    }

    pub(crate) async fn pods(&self) -> Vec<Value> {
        self.items(PODS).await
    }

    /// Waits until an object (null if absent) is as wanted.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + DEADLINE;
        let mut step = STEP.0;
        loop {
            let last = self.get(path).await;
            if wanted(&last) {
                return last;
            }
            if Instant::now() > end {
                let pods = self.pods().await;
                panic!("{path} is never as wanted: {last:#}\npods: {pods:#?}");
            }
            sleep(step).await;
            step = (step * 5 / 4).min(STEP.1);
        }
    }

    pub(crate) async fn until_gone(&self, path: &str) {
        self.until(path, Value::is_null).await;
    }

    pub(crate) async fn until_available(&self, name: &str, replicas: i64) -> Value {
        self.until(&format!("{DEPLOYMENTS}/{name}"), |d| {
            let counts = ["replicas", "updatedReplicas", "availableReplicas", "readyReplicas"];
            counts.iter().all(|c| d["status"][c] == replicas)
                && d["status"]["observedGeneration"] == d["metadata"]["generation"]
        })
        .await
    }

    /// Waits until nothing has been written for a while, much longer than any delay.
    pub(crate) async fn until_settled(&self, quiet: Duration) {
        let end = Instant::now() + 20 * quiet;
        loop {
            let before = self.member.counters().mutations();
            sleep(quiet).await;
            if before == self.member.counters().mutations() {
                return;
            }
            assert!(Instant::now() < end, "it never settles: {:?}", self.member.counters().mutations_by_client());
        }
    }
}

pub(crate) const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
pub(crate) const PODS: &str = "/api/v1/namespaces/default/pods";

pub(crate) fn deployment(name: &str, replicas: i64, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{
                    "name": "main", "image": image, "ports": [{"name": "http", "containerPort": 8080}],
                    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                }]},
            },
        },
    })
}

pub(crate) fn phase(pod: &Value) -> &str {
    pod["status"]["phase"].as_str().unwrap_or_default()
}
