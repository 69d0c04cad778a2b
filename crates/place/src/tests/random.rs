//! Random fleets and requests from a seed: the same seed gives the same world.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fleet::{Facts, Fleet, Grade, NodeFacts, Summary, Taint};
use crate::request::{Mode, Request};

/// A generator (the constants are Knuth's for MMIX).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        random.below(1);
        random
    }

    /// A number below another one.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

/// The members of a world.
pub(crate) fn members(random: &mut Random, count: u64) -> Vec<Facts> {
    (0..count).map(|at| member(random, at)).collect()
}

pub(crate) fn member(random: &mut Random, at: u64) -> Facts {
    let mut facts = Facts {
        provider: random.pick(&["p", "q", "q", ""]).to_owned(),
        region: random.pick(&["r1", "r2", "r3", "r1", "r2", "r3", ""]).to_owned(),
        is_served_complete: random.percent(90),
        is_leaving: random.percent(2),
        ..Facts::named(format!("m{at:02}").parse().unwrap())
    };
    facts.zones = (0..random.below(3)).map(|at| format!("{}-z{at}", facts.region)).collect();
    for (key, values) in [("size", ["small", "large", "large"]), ("rack", ["1", "2", "3"])] {
        if random.percent(85) {
            facts.labels.insert(key.to_owned(), random.pick(&values).to_owned());
        }
    }
    if random.percent(12) {
        let effect = random.pick(&["NoSchedule", "NoExecute", "PreferNoSchedule"]);
        facts.taints.push(Taint { key: "k".into(), value: random.pick(&["v", ""]).into(), effect: effect.into() });
    }
    if random.percent(93) {
        facts.served.insert("apps/v1".into(), ["Deployment".to_owned()].into());
    }
    if random.percent(95) {
        let pods = random.below(20) as i64;
        let free = [("pods", pods), ("cpu", random.below(30) as i64 * 500), ("memory", 1 << 40)];
        let mut summary = Summary { free: free.map(|(k, v)| (k.to_owned(), v)).into(), grades: Vec::new() };
        if random.percent(25) {
            for cpu in [0, 1000, 4000] {
                let least = [("cpu".to_owned(), cpu), ("memory".to_owned(), 1 << 34)].into();
                summary.grades.push(Grade { least, count: random.below(6) as i64 });
            }
        }
        facts.summary = Some(summary);
    }
    facts
}

/// A fleet of members; some have nodes that are watched.
pub(crate) fn fleet(random: &mut Random, members: &[Facts]) -> Fleet {
    let mut fleet = Fleet::of(members.iter().cloned());
    for facts in members.iter().filter(|facts| facts.summary.is_some()) {
        if random.percent(15)
            && let Some(nodes) = fleet.nodes_mut(&facts.name)
        {
            for node in 0..random.below(4) {
                let allocatable = [("cpu", random.below(9) as i64 * 500), ("memory", 1 << 36), ("pods", 10)];
                let allocatable = allocatable.map(|(k, v)| (k.to_owned(), v)).into();
                nodes.set_node(&format!("n{node}"), &NodeFacts { allocatable, ..NodeFacts::default() });
            }
        }
    }
    fleet
}

fn affinity(random: &mut Random) -> Value {
    let names: Vec<String> = (0..12).filter(|_| random.percent(60)).map(|at| format!("m{at:02}")).collect();
    match random.below(6) {
        0 => json!({"clusterNames": names}),
        1 => json!({"labelSelector": {"matchLabels": {"size": random.pick(&["small", "large", "huge"])}}}),
        2 => json!({"labelSelector": {"matchExpressions": [
            {"key": "rack", "operator": random.pick(&["In", "NotIn"]), "values": ["1", "2"]}]}}),
        3 => json!({"fieldSelector": {"matchExpressions": [
            {"key": random.pick(&["region", "provider", "zone"]), "operator": random.pick(&["In", "NotIn"]),
             "values": ["r1", "q", "r1-z0"]}]}}),
        4 => json!({"exclude": [format!("m{:02}", random.below(8)), format!("m{:02}", random.below(8))]}),
        _ => json!({}),
    }
}

fn spread(random: &mut Random) -> Value {
    let limit = |random: &mut Random, field: &str| {
        let min = random.below(3) + 1;
        json!({"spreadByField": field, "minGroups": min, "maxGroups": min + random.below(3)})
    };
    let cluster = limit(random, "cluster");
    match random.below(12) {
        0..=5 => json!([]),
        6..=8 => json!([cluster]),
        9 => json!([limit(random, "region"), cluster]),
        10 => json!([limit(random, "provider"), limit(random, "zone"), cluster]),
        _ => json!([{"spreadByLabel": "rack", "minGroups": 2, "maxGroups": 2}, cluster]),
    }
}

fn division(random: &mut Random) -> Option<Value> {
    let divided = |preference: &str, weights: Value| {
        let mut value = json!({"replicaSchedulingType": "Divided", "replicaDivisionPreference": preference});
        if !weights.is_null() {
            value["weightPreference"] = weights;
        }
        Some(value)
    };
    match random.below(7) {
        0 => None,
        1 => Some(json!({"replicaSchedulingType": "Duplicated"})),
        2 => divided("Weighted", Value::Null),
        3 => {
            let rules: Vec<Value> = (0..random.below(5))
                .map(|_| json!({"targetCluster": affinity(random), "weight": random.below(4) + 1}))
                .collect();
            divided("Weighted", json!({"staticWeightList": rules}))
        }
        4 | 5 => divided("Weighted", json!({"dynamicWeight": "AvailableReplicas"})),
        _ => divided("Aggregated", Value::Null),
    }
}

/// Something to place in a world.
pub(crate) fn request(random: &mut Random) -> Request {
    let mut placement = json!({"spreadConstraints": spread(random)});
    if let Some(division) = division(random) {
        placement["replicaScheduling"] = division;
    }
    if random.percent(20) {
        let term = |random: &mut Random, name: &str| {
            let mut term = affinity(random);
            term["affinityName"] = name.into();
            if random.percent(50) {
                let mut more = affinity(random);
                more["affinityName"] = "more".into();
                term["overflowAffinities"] = json!([more]);
            }
            term
        };
        placement["clusterAffinities"] = json!([term(random, "one"), term(random, "two")]);
    } else if random.percent(70) {
        placement["clusterAffinity"] = affinity(random);
    }
    if random.percent(30) {
        placement["clusterTolerations"] = json!([{"key": "k", "operator": "Exists", "effect": "NoExecute"}]);
    }
    let placement: api::karmada::policy::v1alpha1::Placement = serde_json::from_value(placement).unwrap();
    let requirements =
        random.percent(85).then(|| json!({"resourceRequest": {"cpu": random.pick(&["500m", "1", "0"])}}));
    let previous: Vec<Value> = (0..12)
        .map(|at| (at, random.percent(20), random.below(5)))
        .filter(|(_, there, _)| *there)
        .map(|(at, _, replicas)| json!({"name": format!("m{at:02}"), "replicas": replicas}))
        .collect();
    let evicting: BTreeSet<String> = (0..12).filter(|_| random.percent(3)).map(|at| format!("m{at:02}")).collect();
    Request {
        placement: placement.into(),
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        uid: random.pick(&["", "a", "b"]).into(),
        replicas: random.below(22) as i32,
        requirements: requirements.map(|requirements| serde_json::from_value(requirements).unwrap()),
        previous: if random.percent(45) { serde_json::from_value(json!(previous)).unwrap() } else { Vec::new() },
        observed_affinity: random.pick(&["", "one", "two"]).into(),
        evicting,
        mode: if random.percent(20) { Mode::Fresh } else { Mode::Steady },
        ..Request::default()
    }
}
