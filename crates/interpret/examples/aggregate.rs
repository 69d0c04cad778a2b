//! Measures the aggregation of statuses: `cargo run --release -p kurator-interpret --example aggregate [MEMBERS]`. Prints, for
//! each kind that is aggregated, how long it takes to make a template's status from those of all members.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::Instant;

use interpret::{Interpreter, NATIVE, Native, Operation, Reported};
use serde_json::{Value, json};

/// Members, unless the command line says another number.
const MEMBERS: usize = 1_000;
/// How often each is measured; the median counts.
const ROUNDS: usize = 101;

/// What a member reports: everything that any kind's status is made of.
fn status(member: usize) -> Value {
    let at = "2026-01-02T03:04:05Z";
    json!({
        "generation": 3, "observedGeneration": 3, "resourceTemplateGeneration": 2,
        "replicas": 3, "updatedReplicas": 3, "readyReplicas": member % 4, "availableReplicas": 2, "unavailableReplicas": 1,
        "currentReplicas": 3, "desiredReplicas": 3, "desiredNumberScheduled": 3, "numberReady": 3, "succeeded": 1,
        "disruptionsAllowed": 1, "expectedPods": 3, "disruptedPods": {"web-0": at}, "startTime": at,
        "lastScheduleTime": at, "phase": (if member.is_multiple_of(2) { "Running" } else { "Pending" }),
        "containerStatuses": [{"name": "web", "ready": true, "state": {"running": {"startedAt": at}}}],
        "loadBalancer": {"ingress": [{"ip": format!("10.0.{}.{}", member / 256, member % 256)}]},
    })
}

fn main() {
    let members = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(MEMBERS);
    let statuses: Vec<(String, Value)> =
        (0..members).map(|member| (format!("member-{member:04}"), status(member))).collect();
    println!("{members} members, median of {ROUNDS}");
    for row in NATIVE.iter().filter(|row| row.operations.has(Operation::AggregateStatus)) {
        let version =
            if row.group.is_empty() { row.version.to_owned() } else { format!("{}/{}", row.group, row.version) };
        let template = json!({
            "apiVersion": version, "kind": row.kind, "metadata": {"generation": 2}, "spec": {"type": "LoadBalancer"},
        });
        let mut times: Vec<_> = (0..ROUNDS)
            .map(|_| {
                let begun = Instant::now();
                let mut fold = Native.aggregate(&template).expect("the kind is aggregated");
                for (member, status) in &statuses {
                    fold.add(member, Reported::Status(status));
                }
                assert!(fold.finish().status.is_some());
                begun.elapsed()
            })
            .collect();
        times.sort();
        println!("{:<24} {:>8} µs", row.kind, times[ROUNDS / 2].as_micros());
    }
}
