//! How many requests per second the server answers in process, over a store in memory: semantics without network and
//! disk. `cargo bench -p kurator-apiserver` prints one line per verb.

#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use apiserver::{ApiServer, Config, Ids, JsonProjection, UserInfo};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use model::{Clock, Timestamp};
use serde_json::json;
use tower::ServiceExt as _;

struct Real;

impl Clock for Real {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

struct Counting(AtomicU64);

impl Ids for Counting {
    fn uid(&self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn suffix(&self) -> String {
        "bcdfg".to_owned()
    }
}

const TASKS: usize = 8;

async fn send_request(server: &ApiServer, method: &str, path: &str, kind: &str, body: String) -> usize {
    let request = http::Request::builder().method(method).uri(path).header("content-type", kind);
    let request = request.body(Full::new(Bytes::from(body))).expect("a request");
    let answer = server.service_as(UserInfo::master("bench")).oneshot(request).await.expect("infallible");
    assert!(answer.status().is_success(), "{method} {path}: {}", answer.status());
    answer.into_body().collect().await.expect("infallible").to_bytes().len()
}

fn deployment(name: &str) -> String {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name, "tier": "front"}, "annotations": {"note": "x".repeat(200)}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "nginx:1", "ports": [{"containerPort": 80}],
                "env": [{"name": "A", "value": "b"}], "resources": {"limits": {"cpu": "500m", "memory": "64Mi"}}}]}}},
    })
    .to_string()
}

/// Runs `count` requests from several tasks and prints the rate.
async fn rate<F, R>(what: &str, count: usize, request: F)
where
    F: Fn(usize) -> R + Send + Sync + 'static,
    R: Future<Output = usize> + Send,
{
    let request = Arc::new(request);
    let start = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let request = request.clone();
            tokio::spawn(async move {
                for index in (task..count).step_by(TASKS) {
                    request(index).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let taken = start.elapsed();
    let micros = taken.as_secs_f64() * 1e6 / count as f64;
    println!("{what:<28} {:>9.0}/s {micros:>9.1} us each", 1e6 / micros);
}

#[tokio::main]
async fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let scale = if std::env::args().any(|a| a == "--bench") { 10_000 } else { 100 };
    let store = store::memory::open(JsonProjection, store::memory::Options::default());
    let start = Instant::now();
    let config = Config::new(store, Arc::new(Real), Arc::new(Counting(AtomicU64::new(0))));
    let server = ApiServer::start(config).await.expect("starts");
    println!("{:<28} {:>9.1} ms", "start", start.elapsed().as_secs_f64() * 1e3);
    const MAPS: &str = "/api/v1/namespaces/default/configmaps";
    const WEB: &str = "/apis/apps/v1/namespaces/default/deployments";
    const JSON: &str = "application/json";
    const APPLY: &str = "application/apply-patch+yaml";
    let s = server.clone();
    rate("create ConfigMap", scale, move |i| {
        let s = s.clone();
        let body = json!({"metadata": {"name": format!("m{i}")}, "data": {"k": "v".repeat(1_000)}}).to_string();
        async move { send_request(&s, "POST", MAPS, JSON, body).await }
    })
    .await;
    let s = server.clone();
    rate("create Deployment", scale, move |i| {
        let s = s.clone();
        async move { send_request(&s, "POST", WEB, JSON, deployment(&format!("d{i}"))).await }
    })
    .await;
    let s = server.clone();
    rate("get", scale * 4, move |i| {
        let s = s.clone();
        async move { send_request(&s, "GET", &format!("{WEB}/d{}", i % scale), JSON, String::new()).await }
    })
    .await;
    for what in ["apply (creates)", "apply (no-op)"] {
        let s = server.clone();
        rate(what, scale / 2, move |i| {
            let s = s.clone();
            let path = format!("{WEB}/a{i}?fieldManager=bench");
            async move { send_request(&s, "PATCH", &path, APPLY, deployment(&format!("a{i}"))).await }
        })
        .await;
    }
    let s = server.clone();
    rate("merge patch", scale, move |i| {
        let s = s.clone();
        let body = json!({"spec": {"replicas": i}}).to_string();
        async move { send_request(&s, "PATCH", &format!("{WEB}/d{i}"), "application/merge-patch+json", body).await }
    })
    .await;
    let start = Instant::now();
    let bytes = send_request(&server, "GET", WEB, JSON, String::new()).await;
    println!("{:<28} {:>9.1} ms for {} MB", "list", start.elapsed().as_secs_f64() * 1e3, bytes / 1_000_000);
}
