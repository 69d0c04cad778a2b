//! What one changed object of a unit costs the applier, and what an object in a member keeps in memory.
//!
//! `cargo run --example cost -p kurator-applier`. The member is a map in this process that answers requests and never
//! watches; its own work per request does not depend on the unit's size. Prints CPU time of the whole process, from
//! `/proc/self`, so it runs on Linux.

#[path = "../tests/memory/fleet.rs"]
mod fleet;

use std::time::Duration;

use applier::Limits;
use fleet::{Hub, Stored, config_map};
use serde_json::Value;

/// Commits that are measured, each changing one object.
const COMMITS: u64 = 100;
/// Units whose cost is compared.
const SIZES: [usize; 3] = [10, 100, 1_000];
/// Members whose memory is measured, with this many objects each.
const MEMBERS: usize = 100;
const OBJECTS: usize = 100;
/// `/proc/self/stat` counts hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// A member of its own.
fn api() -> client::Api {
    Stored::default().member()
}

/// Object number `index` with text number `value`.
fn object(index: usize, value: u64) -> Value {
    config_map(index, &format!("{value:0>1800}"))
}

/// A watch that does not answer is left alone for as long as this runs.
fn patient() -> Limits {
    let limits = Limits::default();
    Limits { api: client::Limits { request: Duration::from_secs(3_600), ..limits.api }, ..limits }
}

/// CPU time of this process so far.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap().split(' ').collect();
    TICK * (fields[11].parse::<u32>().unwrap() + fields[12].parse::<u32>().unwrap())
}

/// Bytes of this process in memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // First, while no memory that was freed can be used again.
    let before = resident();
    let hub = Hub::start(MEMBERS, patient(), api);
    hub.deliver(1, hub.prepare((0..OBJECTS).map(|i| object(i, 0)).collect())).await;
    println!(
        "{MEMBERS} members with {OBJECTS} objects each: {} bytes per object and member",
        (resident() - before) / MEMBERS / OBJECTS
    );
    hub.stop().await;
    for size in SIZES {
        // Several members, so that what they share does not count.
        let hub = Hub::start(20, patient(), api);
        let mut objects: Vec<Value> = (0..size).map(|i| object(i, 0)).collect();
        hub.deliver(1, hub.prepare(objects.clone())).await;
        let mut spent = Duration::ZERO;
        for commit in 0..COMMITS {
            objects[3] = object(3, commit + 1);
            let (bundle, before) = (hub.prepare(objects.clone()), cpu());
            hub.deliver(commit + 2, bundle).await;
            spent += cpu() - before;
        }
        let each = spent / u32::try_from(COMMITS).unwrap() / u32::try_from(hub.members.len()).unwrap();
        println!("one changed object of {size}: {each:?} of CPU per member");
        hub.stop().await;
    }
}
