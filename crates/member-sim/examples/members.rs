//! Starts simulated members and says what they cost: `cargo run --release --example members -- 3`.
//!
//! Prints the time until all answer, the time until a Deployment with three replicas is available in each, resident
//! memory, and processor time while idle.

use std::time::Duration;

use client::Api;
use member_sim::{Member, NodeSpec, Options};
use serde_json::json;
use tokio::time::Instant;

/// How long is looked at idle members.
const IDLE: Duration = Duration::from_secs(10);
/// How long a Deployment may take, and how often is looked at it.
const AVAILABLE_MAX: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);
/// From available to idle: the last statuses are being written.
const SETTLE: Duration = Duration::from_secs(2);
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn memory_mib() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = statm.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or_default();
    pages * 4096.0 / 1024.0 / 1024.0
}

fn processor_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields.iter().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum()
}

async fn deploy(member: &Member) -> Result<(), client::Error> {
    let api = Api::new(member.client(), "example").raw();
    let pod = json!({"containers": [{"name": "main", "image": "nginx"}]});
    let labels = json!({"app": "web"});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 3, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}});
    api.create(DEPLOYMENTS, &deployment).await?;
    let begin = Instant::now();
    loop {
        let web = api.get(&format!("{DEPLOYMENTS}/web")).await?.unwrap_or_default();
        if web["status"]["availableReplicas"] == 3 {
            return Ok(());
        }
        assert!(begin.elapsed() < AVAILABLE_MAX, "web is never available: {}", web["status"]);
        tokio::time::sleep(LOOK).await;
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(3);
    let dir = std::env::temp_dir().join(format!("members-{}", std::process::id()));
    println!("before                  {:7.1} MiB", memory_mib());
    for round in ["first start", "second start"] {
        let begin = Instant::now();
        let options = (0..count).map(|i| {
            let name = format!("member{i}");
            let nodes = (0..3).map(|n| NodeSpec::new(format!("{name}-{n}"))).collect();
            Options { dir: Some(dir.join(&name)), nodes, ..Options::new(name) }
        });
        let members: Vec<Member> = futures::future::try_join_all(options.map(Member::start)).await?;
        println!("{round}: {count} answer  {:7.1} ms", begin.elapsed().as_secs_f64() * 1000.0);
        if round == "first start" {
            let begin = Instant::now();
            futures::future::try_join_all(members.iter().map(deploy)).await?;
            println!("3 replicas available    {:7.1} ms", begin.elapsed().as_secs_f64() * 1000.0);
        }
        tokio::time::sleep(SETTLE).await;
        let (ticks, writes) = (processor_ticks(), members.iter().map(|m| m.counters().mutations()).sum::<u64>());
        tokio::time::sleep(IDLE).await;
        let spent = processor_ticks() - ticks;
        println!("resident                {:7.1} MiB", memory_mib());
        println!("idle                    {:7.2} % of a core", spent as f64 / IDLE.as_secs_f64());
        let wrote = members.iter().map(|m| m.counters().mutations()).sum::<u64>() - writes;
        println!("written while idle      {wrote:7}");
        for member in members {
            member.stop().await;
        }
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
