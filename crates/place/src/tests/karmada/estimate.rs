//! Estimation of free replicas.

use api::karmada::work::v1alpha2::{Component, ReplicaRequirements};
use model::Uid;
use serde_json::{Value, json};

use super::{cases, cluster, read};
use crate::estimate::{Estimated, amounts};
use crate::fleet::{Facts, Fleet, NodeFacts, PodFacts, Summary, Taint};
use crate::request::Gates;
use crate::reservation::Reserves;
use crate::resource::Vector;

/// What was decided before, component by component.
fn assumed(case: &Value) -> Option<Reserves> {
    let workloads: Vec<Vec<Component>> = case.get("assumed").map(read).unwrap_or_default();
    let mut reserves = Reserves::default();
    for component in workloads.into_iter().flatten() {
        let requirements = component.replica_requirements.unwrap_or_default();
        let requests = amounts(&requirements.resource_request);
        reserves.change("x", &requests, requirements.node_claim.as_ref(), i64::from(component.replicas));
    }
    Some(reserves).filter(|reserves| !reserves.kinds.is_empty())
}

/// A member with the nodes of a case, and room beyond them.
fn with_nodes(case: &Value) -> Fleet {
    let name = "cluster1".parse().unwrap();
    let free = [("cpu", i64::MAX), ("memory", i64::MAX), ("pods", i64::from(i32::MAX))];
    let mut summary = Summary { free: free.map(|(k, v)| (k.to_owned(), v)).into(), grades: Vec::new() };
    let nodes = case["nodes"].as_array().unwrap();
    let extended = nodes.iter().filter_map(|node| node["allocatable"].as_object()).flatten();
    summary.free.extend(extended.filter(|(k, _)| k.contains('/')).map(|(k, _)| (k.clone(), i64::MAX)));
    let mut fleet = Fleet::of([Facts { summary: Some(summary), ..Facts::named(name) }]);
    if nodes.iter().any(|node| node["model"] == true) {
        return fleet;
    }
    let name = "cluster1".parse().unwrap();
    let known = fleet.nodes_mut(&name).unwrap();
    for node in nodes {
        let taint = |taint: &Value| Taint {
            key: read(&taint["key"]),
            value: taint["value"].as_str().unwrap_or_default().to_owned(),
            effect: read(&taint["effect"]),
        };
        let facts = NodeFacts {
            allocatable: amounts(&read(&node["allocatable"])),
            labels: node.get("labels").map(read).unwrap_or_default(),
            taints: node["taints"].as_array().into_iter().flatten().map(taint).collect(),
            is_unschedulable: node["unschedulable"] == true,
        };
        known.set_node(node["name"].as_str().unwrap(), &facts);
    }
    for (at, pod) in case["pods"].as_array().into_iter().flatten().enumerate() {
        let facts = PodFacts { node: read(&pod["node"]), requests: amounts(&read(&pod["requests"])) };
        known.set_pod(Uid::from(at.to_string()), &facts);
    }
    fleet
}

fn check_deduction(case: &Value) {
    let vector = |list: &Value| Vector::with(&amounts(&read(list)), true, |_| crate::symbol::Symbol::NONE);
    let plenty = vector(&json!({"cpu": "1G", "memory": "1Ei", "pods": "1G"}));
    let mut free = plenty.without(&vector(&case["before"]));
    if let Some(reserved) = assumed(case) {
        free = free.without(&Vector::with(&reserved.total, true, |_| crate::symbol::Symbol::NONE));
    }
    let want = plenty.without(&vector(&case["after"]));
    assert_eq!((free.cpu, free.memory, free.pods), (want.cpu, want.memory, want.pods), "{case}");
}

#[test]
fn room_is_estimated_as_karmada_estimates_it() {
    for case in cases(include_str!("../../../tests/karmada/estimates.json"), 69) {
        if case["from"] == "deduct" {
            check_deduction(&case);
            continue;
        }
        let fleet =
            if case.get("nodes").is_some() { with_nodes(&case) } else { Fleet::of([cluster(&case["cluster"])]) };
        let requirements: Option<ReplicaRequirements> = case.get("requirements").map(read);
        let components: Vec<Component> = case.get("components").map(read).unwrap_or_default();
        let estimated = if case.get("components").is_some() {
            Estimated::sets(&components, &fleet)
        } else {
            Estimated::replicas(requirements.as_ref(), &fleet)
        };
        let member = &fleet.members()[0];
        let got = match case["from"].as_str().unwrap() {
            "modelsets" => {
                let got = estimated.sets_by_model(member, &fleet, case["most"].as_i64().unwrap());
                // Without models Karmada counts with the summary; so do we.
                if case["want"].is_null() {
                    assert!(member.counts.is_empty() || member.sizes.is_empty(), "{case}");
                    continue;
                }
                got
            }
            _ => estimated.room(member, &fleet, &Gates::karmada(), assumed(&case).as_ref()),
        };
        // Whether nodes match at all is asked of one replica.
        let most = if case["from"] == "match" { 1 } else { case["most"].as_i64().unwrap_or(i64::MAX) };
        assert_eq!(Value::from(got.min(most)), case["want"], "{case}");
    }
}
