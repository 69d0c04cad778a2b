//! Karmada's own scheduler on the worlds of [`random`](super::random): its answers, and ours.
//!
//! A program outside the repository ran Karmada's code (1.19, default gates) on the worlds that [`written`] writes, and its
//! answers are in `crates/place/tests/karmada/differential.txt`: for each seed the digest of the world and the answer. Which of
//! several filters refuses a member is not determined there, so that of `NoClusterFit` only the reason is compared.

use serde_json::{Value, json};

use crate::fleet::{Facts, Fleet};
use crate::request::{Gates, Mode, Request};
use crate::reservation::Reservations;
use crate::resource::Amounts;
use crate::tests::random::{Random, members, request};
use crate::{Unfit, decide};

/// A world from a seed.
fn world(seed: u64) -> (Vec<Facts>, Request) {
    let random = &mut Random::new(seed + 1_000_000);
    let count = random.below(12) + 1;
    (members(random, count), request(random))
}

fn amounts(amounts: &Amounts) -> Value {
    amounts
        .iter()
        .map(|(name, amount)| (name.clone(), format!("{amount}{}", if name == "cpu" { "m" } else { "" })))
        .collect()
}

/// A member as Karmada's Cluster.
fn cluster(facts: &Facts) -> Value {
    let mut cluster = json!({
        "metadata": {"name": facts.name, "labels": facts.labels},
        "spec": {"provider": facts.provider, "region": facts.region, "zones": facts.zones,
            "taints": facts.taints.iter()
                .map(|taint| json!({"key": taint.key, "value": taint.value, "effect": taint.effect})).collect::<Vec<_>>()},
        "status": {"apiEnablements": facts.served.iter()
            .map(|(version, kinds)| json!({"groupVersion": version, "resources": kinds.iter()
                .map(|kind| json!({"kind": kind})).collect::<Vec<_>>()})).collect::<Vec<_>>()},
    });
    if facts.is_leaving {
        cluster["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    if let Some(summary) = &facts.summary {
        cluster["status"]["resourceSummary"] = json!({"allocatable": amounts(&summary.free)});
        if !summary.grades.is_empty() {
            let range = |(name, min): (String, Value)| json!({"name": name, "min": min, "max": "1Ei"});
            let model = |(at, grade): (usize, &crate::fleet::Grade)| {
                let least = amounts(&grade.least).as_object().cloned().unwrap_or_default();
                json!({"grade": at, "ranges": least.into_iter().map(range).collect::<Vec<_>>()})
            };
            cluster["spec"]["resourceModels"] = summary.grades.iter().enumerate().map(model).collect();
            let count = |(at, grade): (usize, &crate::fleet::Grade)| json!({"grade": at, "count": grade.count});
            let counts: Vec<Value> = summary.grades.iter().enumerate().map(count).collect();
            cluster["status"]["resourceSummary"]["allocatableModelings"] = counts.into();
        }
    }
    cluster
}

/// A world as Karmada reads it: clusters, and spec and status of a binding.
fn written(members: &[Facts], request: &Request) -> Value {
    let task = |name: &String| json!({"fromCluster": name, "reason": "X", "producer": "x"});
    let mut spec = json!({
        "resource": {"apiVersion": request.api_version, "kind": request.kind, "name": "x", "uid": request.uid},
        "replicas": request.replicas, "clusters": request.previous, "placement": *request.placement,
        "gracefulEvictionTasks": request.evicting.iter().map(task).collect::<Vec<_>>(),
    });
    if let Some(requirements) = &request.requirements {
        spec["replicaRequirements"] = json!(requirements);
    }
    if request.mode == Mode::Fresh {
        spec["rescheduleTriggeredAt"] = json!("2026-01-02T00:00:00Z");
    }
    json!({"clusters": members.iter().map(cluster).collect::<Vec<_>>(), "spec": spec, "status": {
        "schedulerObservingAffinityName": request.observed_affinity, "lastScheduledTime": "2026-01-01T00:00:00Z"}})
}

/// Our answer, in the words of the file.
fn answer(members: &[Facts], request: &Request) -> String {
    let fleet = Fleet::of(members.iter().cloned());
    match decide(request, &fleet, &Reservations::default(), &Gates::karmada()) {
        Ok(decision) => {
            let target = |t: &api::karmada::work::v1alpha2::TargetCluster| format!("{}={}", t.name, t.replicas);
            let clusters: Vec<String> = decision.clusters.iter().map(target).collect();
            format!("ok {}/{}", decision.affinity, clusters.join(" "))
        }
        Err(Unfit::NoClusterFit { .. }) => "NoClusterFit".to_owned(),
        Err(unfit) => format!("{}: {unfit}", unfit.reason()),
    }
}

/// FNV-1a in 64 bits.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Karmada adds up room in 32 bits. Where that wraps around it says that there are fewer than no replicas, and fails; here
/// they are enough (docs/karmada-differences.md).
fn wraps_around(answer: &str) -> bool {
    answer.contains("available replicas -")
}

#[test]
fn karmadas_scheduler_gives_the_same_answers() {
    let (mut equal, mut explained) = (0, 0);
    for (seed, line) in (0..).zip(include_str!("../../tests/karmada/differential.txt").lines()) {
        let (members, request) = world(seed);
        let (sum, theirs) = line.split_once(' ').unwrap();
        let input = written(&members, &request).to_string();
        let same = u64::from_str_radix(sum, 16) == Ok(digest(&input));
        assert!(same, "seed {seed} makes another world than Karmada was asked about: {input}");
        let ours = answer(&members, &request);
        if wraps_around(theirs) {
            assert!(ours.starts_with("ok"), "seed {seed}: {ours}");
            explained += 1;
        } else {
            assert_eq!(ours, theirs, "seed {seed}: {input}");
            equal += 1;
        }
    }
    println!("{equal} answers are equal, {explained} differ and are explained");
    assert_eq!((equal, explained), (1999, 1));
}
