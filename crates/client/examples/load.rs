//! A load on any API server: `load KUBECONFIG [OBJECTS]` prints one figure a line, `NAME: NUMBER`.
//!
//! Creates ConfigMaps of about 1.5 kB from many tasks, reads them one by one, lists all of them, and then counts the
//! events that watchers get while more are written. `cargo xtask bench apiserver` runs it against Kurator's hub and a
//! real kube-apiserver. It leaves its objects behind: the server is meant to be thrown away.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Request;
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::task::JoinSet;

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Connections pools; each is one client with sockets of its own.
const CLIENTS: usize = 8;
/// Requests under way at once. Below the 200 mutating ones that kube-apiserver takes by default.
const TASKS: usize = 64;
/// Objects unless said otherwise.
const OBJECTS: usize = 50_000;
/// Bytes of each object's data.
const TEXT: usize = 1_200;
/// Single reads.
const GETS: usize = 50_000;
/// Watchers of one namespace.
const WATCHERS: usize = 100;
/// Objects written while they watch.
const WATCHED: usize = 500;
/// Longest wait for the last event.
const EVENTS_MAX: Duration = Duration::from_secs(60);

/// A namespace's ConfigMaps.
fn maps(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps")
}

async fn clients(path: &str) -> Fallible<Arc<Vec<Client>>> {
    let kubeconfig = Kubeconfig::read_from(path)?;
    let mut all = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        let config = kube::Config::from_custom_kubeconfig(kubeconfig.clone(), &KubeConfigOptions::default()).await?;
        all.push(Client::try_from(config)?);
    }
    Ok(Arc::new(all))
}

async fn namespace(client: &Client, name: &str) -> Fallible<()> {
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}).to_string();
    client.request_text(post("/api/v1/namespaces", body)?).await?;
    Ok(())
}

fn post(path: &str, body: String) -> http::Result<Request<Vec<u8>>> {
    Request::post(path).header("content-type", "application/json").body(body.into_bytes())
}

fn map(name: &str) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"app": name, "tier": "front"}}, "data": {"text": "x".repeat(TEXT)}})
    .to_string()
}

/// Requests per second of `count` requests from [`TASKS`] tasks.
async fn rate(
    clients: &Arc<Vec<Client>>,
    count: usize,
    request: impl Fn(usize) -> http::Result<Request<Vec<u8>>> + Send + Sync + 'static,
) -> Fallible<f64> {
    let request = Arc::new(request);
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (request, client) = (request.clone(), clients[task % CLIENTS].clone());
        tasks.spawn(async move {
            for index in (task..count).step_by(TASKS) {
                let answer = client.request_text(request(index)?).await?;
                if answer.len() < TEXT {
                    return Err(format!("an object came back in {} bytes", answer.len()).into());
                }
            }
            Fallible::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}

/// Events per second that all watchers together get.
async fn watch(clients: &Arc<Vec<Client>>) -> Fallible<f64> {
    namespace(&clients[0], "watched").await?;
    let list = clients[0].request::<Value>(Request::get(maps("watched")).body(Vec::new())?).await?;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    let seen = Arc::new(AtomicUsize::new(0));
    let mut watchers = JoinSet::new();
    for watcher in 0..WATCHERS {
        let path = format!("{}?watch=true&resourceVersion={version}", maps("watched"));
        let answer = clients[watcher % CLIENTS].send(Request::get(path).body(Body::empty())?).await?;
        if !answer.status().is_success() {
            return Err(format!("watch: {}", answer.status()).into());
        }
        let seen = seen.clone();
        watchers.spawn(async move {
            let mut body = answer.into_body();
            while let Some(Ok(frame)) = body.frame().await {
                // One event a line: JSON escapes line ends within it.
                let lines = frame.data_ref().map_or(0, |data| data.iter().filter(|b| **b == b'\n').count());
                seen.fetch_add(lines, Ordering::Relaxed);
            }
        });
    }
    // What a namespace gets by itself (kube-root-ca.crt) may be among the events and would end the wait early.
    let (before, begun) = (seen.load(Ordering::Relaxed), Instant::now());
    rate(clients, WATCHED, |index| post(&maps("watched"), map(&format!("w{index}")))).await?;
    while seen.load(Ordering::Relaxed) < before + WATCHERS * WATCHED {
        if begun.elapsed() > EVENTS_MAX {
            return Err(format!("{} of {} events came", seen.load(Ordering::Relaxed), WATCHERS * WATCHED).into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok((WATCHERS * WATCHED) as f64 / begun.elapsed().as_secs_f64())
}

#[tokio::main]
async fn main() -> Fallible<()> {
    // The first and only provider; a second call would only find it set.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut args = std::env::args().skip(1);
    let kubeconfig = args.next().ok_or("usage: load KUBECONFIG [OBJECTS]")?;
    let objects: usize = args.next().map_or(Ok(OBJECTS), |n| n.parse())?;
    let clients = clients(&kubeconfig).await?;
    namespace(&clients[0], "load").await?;
    let creates = rate(&clients, objects, |index| post(&maps("load"), map(&format!("m{index}")))).await?;
    println!("creates/s: {creates:.0}");
    let gets = rate(&clients, GETS, move |index| {
        // A stride that visits all of them in another order than they were written.
        Request::get(format!("{}/m{}", maps("load"), index * 7_919 % objects)).body(Vec::new())
    });
    println!("gets/s: {:.0}", gets.await?);
    let begun = Instant::now();
    let list = clients[0].request_text(Request::get(maps("load")).body(Vec::new())?).await?;
    println!("list of all, ms: {:.0}", begun.elapsed().as_secs_f64() * 1e3);
    println!("list of all, MB: {:.0}", list.len() as f64 / 1e6);
    println!("watch events/s: {:.0}", watch(&clients).await?);
    Ok(())
}
