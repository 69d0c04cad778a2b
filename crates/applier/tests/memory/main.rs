//! What an object costs the hub in each member. A binary of its own: its allocator counts.

mod fleet;

use std::collections::BTreeMap;

use applier::Limits;
use cap::Cap;
use fleet::{Hub, Stored, config_map};

#[global_allocator]
static COUNTED: Cap<std::alloc::System> = Cap::new(std::alloc::System, usize::MAX);

/// Bytes that one more object may cost in one more member. It needs an entry in the inventory (75 bytes), an observation
/// (82), what was accepted (22), a stake (60) and a row of the report (28); tables grow by doubling, so two fifths more.
const OBJECT_BYTES_MAX: usize = 375;

/// Members whose memory is compared, so that what they share does not count.
const MEMBERS: [usize; 2] = [5, 30];
/// Objects whose memory is compared, so that what a member costs does not count.
const OBJECTS: [usize; 2] = [10, 110];

/// Delivers so many objects to all members, and waits until they have them. What it returns lives as long as the hub.
async fn deliver(stored: &Stored, members: usize, objects: usize) -> Hub {
    let hub = Hub::start(members, Limits::default(), || stored.member());
    hub.deliver(1, hub.prepare((0..objects).map(|index| config_map(index, "1")).collect())).await;
    hub
}

/// Bytes that are in use, but for what the members hold.
fn allocated_without(stored: &Stored) -> usize {
    let mut objects = stored.objects.lock().unwrap();
    // What was just written may have more room than it needs, and a copy of it has not.
    let exact = objects.clone();
    *objects = exact;
    let all = COUNTED.allocated();
    let copy = objects.clone();
    let without = all - (COUNTED.allocated() - all);
    drop(copy);
    without
}

/// Bytes that a hub holds which has delivered so many objects, and which has found them delivered.
async fn measure(members: usize, objects: usize) -> [usize; 2] {
    let stored = Stored { is_whole: true, ..Stored::default() };
    // What is made once for all hubs, such as tables of kinds, and what the members hold.
    deliver(&stored, members, objects).await.stop().await;
    let kept = stored.objects.lock().unwrap().clone();
    let mut held = [0; 2];
    for (held, kept) in held.iter_mut().zip([BTreeMap::new(), kept]) {
        stored.objects.lock().unwrap().clone_from(&kept);
        drop(kept);
        let before = allocated_without(&stored);
        let hub = deliver(&stored, members, objects).await;
        *held = allocated_without(&stored) - before;
        hub.stop().await;
    }
    held
}

#[tokio::test]
async fn an_object_costs_little_in_each_member() {
    let ([some, more], [few, many]) = (MEMBERS, OBJECTS);
    // By how much that many more members cost more.
    let (of_few, of_many) =
        ([measure(some, few).await, measure(more, few).await], [measure(some, many).await, measure(more, many).await]);
    for (index, which) in ["delivered", "found"].into_iter().enumerate() {
        let grown = |held: [[usize; 2]; 2]| held[1][index] - held[0][index];
        let each = (grown(of_many) - grown(of_few)) / (many - few) / (more - some);
        eprintln!("an object that was {which} costs {each} bytes in each member");
        assert!((1..=OBJECT_BYTES_MAX).contains(&each), "{which}: {each}");
    }
}
