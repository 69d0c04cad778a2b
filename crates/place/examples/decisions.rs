//! How many decisions a second of CPU are made, and what members, nodes and pods cost in memory.
//!
//! `cargo run --release -p kurator-place --example decisions [SECONDS]`

use std::hint::black_box;
use std::time::Duration;

use model::Uid;
use place::{
    Facts, Fleet, Gates, Grade, NodeFacts, Nodes, PodFacts, Request, Reservations, Summary, decide, explain, hint,
};

#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

/// Bytes of a gibibyte.
const GIB: i64 = 1 << 30;

fn member(at: usize) -> Facts {
    let label = |key: usize| (format!("fleet.example.com/key-{key}"), format!("value-{}", (at + key) % 50));
    let kinds = |group: usize| (0..5).map(|kind| format!("Kind{group}x{kind}")).collect();
    let mut served: std::collections::BTreeMap<_, _> =
        (0..59).map(|group| (format!("group-{group}.example.com/v1"), kinds(group))).collect();
    served.insert("apps/v1".to_owned(), ["Deployment".to_owned(), "StatefulSet".to_owned()].into());
    let busy = (at * 7919) as i64 % 60;
    let free = [("cpu", (100 - busy) * 1000), ("memory", (400 - busy) * GIB), ("pods", 1000 - busy)];
    let grade = |grade: i64| Grade {
        least: [("cpu".to_owned(), grade * 1000), ("memory".to_owned(), grade * 4 * GIB)].into(),
        count: (at as i64 + grade) % 9,
    };
    Facts {
        labels: (0..10).map(label).collect(),
        provider: format!("p{}", at % 3),
        region: format!("r{}", at % 8),
        zones: vec![format!("z{}", at % 24)],
        served,
        is_served_complete: true,
        summary: Some(Summary {
            free: free.map(|(k, v)| (k.to_owned(), v)).into(),
            grades: (0..9).map(grade).collect(),
        }),
        ..Facts::named(format!("member-{at:04}").parse().expect("a name"))
    }
}

fn request(replicas: i32) -> Request {
    let placement = serde_json::json!({
        "clusterAffinity": {"labelSelector": {"matchExpressions": [
            {"key": "fleet.example.com/key-1", "operator": "NotIn", "values": ["value-3", "value-4"]}]}},
        "clusterTolerations": [{"key": "k", "operator": "Exists"}],
        "spreadConstraints": [{"spreadByField": "region", "minGroups": 3, "maxGroups": 5},
            {"spreadByField": "cluster", "minGroups": 3, "maxGroups": 40}],
        "replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
            "weightPreference": {"dynamicWeight": "AvailableReplicas"}}});
    let requirements = serde_json::json!({"resourceRequest": {"cpu": "500m", "memory": "1Gi"}});
    let placement: api::karmada::policy::v1alpha1::Placement = serde_json::from_value(placement).expect("a placement");
    Request {
        placement: placement.into(),
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        uid: "6dd6f8f4-6f5c-4b5f-9d43-9d7c7b0b4a11".into(),
        replicas,
        requirements: Some(serde_json::from_value(requirements).expect("requirements")),
        ..Request::default()
    }
}

/// CPU time of this thread, so that what else runs on the machine does not count.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or_default())
}

/// Calls something again and again for a while: how often in a second of CPU.
fn rate(time: Duration, mut call: impl FnMut(i32)) -> f64 {
    let start = cpu();
    let mut calls = 0;
    while cpu() - start < time {
        for _ in 0..16 {
            call(calls % 97 + 3);
            calls += 1;
        }
    }
    f64::from(calls) / (cpu() - start).as_secs_f64()
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3);
    let (reserved, gates) = (Reservations::default(), Gates::default());
    for count in [100, 1000] {
        let facts: Vec<Facts> = (0..count).map(member).collect();
        let before = ALLOCATOR.allocated();
        let fleet = Fleet::of(facts.iter().cloned());
        let bytes = ALLOCATOR.allocated() - before;
        println!("{count} members: {} bytes for each (10 labels, 60 API groups, 9 grades)", bytes / count);
        let mut request = request(20);
        let decisions = rate(Duration::from_secs(seconds), |replicas| {
            request.replicas = replicas;
            let decision = decide(black_box(&request), &fleet, &reserved, &gates);
            assert!(black_box(decision).is_ok_and(|decision| !decision.clusters.is_empty()));
        });
        println!("{count} members: {decisions:.0} decisions/s (spread over regions, divided by room)");
        let mut some = Reservations::default();
        let decisions = rate(Duration::from_secs(seconds), |replicas| {
            request.replicas = replicas;
            let unit = format!("unit-{replicas}");
            if let Ok(decision) = decide(black_box(&request), &fleet, &some, &gates) {
                some.reserve(&unit, &request, &decision);
            }
            if replicas == 50 {
                some = Reservations::default();
            }
        });
        println!("{count} members: {decisions:.0} decisions/s, each of them reserved");
        let told = rate(Duration::from_secs(seconds), |replicas| {
            request.replicas = replicas;
            black_box(explain(black_box(&request), &fleet, &reserved, &gates));
        });
        println!("{count} members: {told:.0} explanations/s");
        request.replicas = 20;
        let told = explain(&request, &fleet, &reserved, &gates);
        let mut members = told.members.iter().cycle();
        let hints = rate(Duration::from_secs(seconds), |_| {
            let member = &members.next().expect("members").member;
            black_box(hint(&told, member, &request, &fleet, &reserved, &gates));
        });
        println!("{count} members: {hints:.0} hints/s");
    }
    let before = ALLOCATOR.allocated();
    let mut nodes = Nodes::default();
    let amounts = |list: &[(&str, i64)]| list.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect();
    for at in 0..5000 {
        let allocatable = amounts(&[("cpu", 32_000), ("memory", 128 * GIB), ("pods", 110)]);
        let labels = (0..10).map(|key| (format!("key-{key}"), format!("value-{}", at % 20))).collect();
        nodes.set_node(&format!("node-{at:05}"), &NodeFacts { allocatable, labels, ..NodeFacts::default() });
    }
    let of_nodes = ALLOCATOR.allocated() - before;
    for at in 0..50_000_u128 {
        let requests = amounts(&[("cpu", (at % 40 * 50) as i64), ("memory", GIB)]);
        let uid = format!("{:08x}-0000-4000-8000-{:012x}", at, at);
        nodes.set_pod(Uid::from(uid), &PodFacts { node: format!("node-{:05}", at % 5000), requests });
    }
    let of_pods = ALLOCATOR.allocated() - before - of_nodes;
    println!("5,000 nodes: {} bytes for each; 50,000 pods: {} bytes for each", of_nodes / 5000, of_pods / 50_000);
    let mut fleet = Fleet::of((0..100).map(member));
    let name = "member-0007".parse().expect("a name");
    *fleet.nodes_mut(&name).expect("a member") = nodes;
    let mut request = request(20);
    let decisions = rate(Duration::from_secs(seconds), |replicas| {
        request.replicas = replicas;
        assert!(black_box(decide(black_box(&request), &fleet, &reserved, &gates)).is_ok());
    });
    println!("100 members, one of them with 5,000 nodes watched: {decisions:.0} decisions/s");
}
