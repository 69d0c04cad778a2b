//! What overrides cost: 1,000 members, 10 policies, one Deployment; and what provenance adds.
//!
//! `cargo run --release -p kurator-plan --example overrides`

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use api::karmada::policy::v1alpha1::ClusterOverridePolicy;
use place::{Facts, Fleet};
use plan::overrides::Policies;
use serde_json::{Value, json};

const MEMBERS: usize = 1_000;
const ROUNDS: u32 = 200;

/// Every policy changes the image, a label, an argument and the replicas, in another third of the members each.
fn policy(number: usize) -> ClusterOverridePolicy {
    let rule = |region: usize| {
        json!({
            "targetCluster": {"labelSelector": {"matchLabels": {"region": format!("r{region}")}}},
            "overriders": {
                "imageOverrider": [{"component": "Registry", "operator": "replace", "value": format!("r{region}.example.com")}],
                "argsOverrider": [{"containerName": "web", "operator": "add", "value": [format!("--policy={number}")]}],
                "labelsOverrider": [{"operator": "add", "value": {format!("policy-{number}"): format!("r{region}")}}],
                "plaintext": [{"path": "/spec/replicas", "operator": "replace", "value": number + region}],
            },
        })
    };
    let object = json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "ClusterOverridePolicy",
        "metadata": {"name": format!("p{number}")},
        "spec": {
            "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}],
            "overrideRules": [rule(0), rule(1), rule(2)],
        },
    });
    serde_json::from_value(object).expect("a policy")
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{
                    "name": "web", "image": "nginx:1.27", "args": ["--port=80"],
                    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
                    "env": (0..20).map(|n| json!({"name": format!("NAME_{n}"), "value": format!("value {n}")})).collect::<Vec<_>>(),
                }]},
            },
        },
    })
}

#[allow(clippy::disallowed_methods, reason = "a measurement needs the time")]
fn timed<T>(what: &str, rounds: u32, mut work: impl FnMut() -> T) -> T {
    let start = Instant::now();
    for _ in 1..rounds {
        black_box(work());
    }
    let out = work();
    println!("{what:55} {:10.1} us", start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds));
    out
}

fn main() {
    let list: Vec<_> = (0..10).map(policy).collect();
    let fleet = Fleet::of((0..MEMBERS).map(|n| Facts {
        labels: [("region".to_owned(), format!("r{}", n % 3))].into(),
        ..Facts::named(format!("member-{n:04}").parse().expect("a name"))
    }));
    let object = deployment();
    let policies = timed("read 10 policies of 3 rules", ROUNDS, || Policies::new(&list, []));
    let rules = timed("rules of 1,000 members", ROUNDS, || policies.rules_for_all(&fleet));
    let matching = timed("policies of one object", ROUNDS, || policies.matching(&object, Some("shop")));
    let variants = timed("variants of 1,000 members", ROUNDS, || {
        let mut members = BTreeMap::<_, usize>::new();
        rules.iter().for_each(|(_, rules)| *members.entry(matching.variant(rules)).or_default() += 1);
        members
    });
    assert_eq!(variants.len(), 3);
    timed("3 outcomes, each of 10 policies with provenance", ROUNDS, || {
        variants.keys().map(|variant| matching.apply(variant).expect("it fits")).collect::<Vec<_>>()
    });
    timed("the same once for each of 1,000 members", 3, || {
        rules
            .iter()
            .map(|(_, rules)| matching.apply(&matching.variant(rules)).expect("it fits").provenance.changes.len())
            .sum::<usize>()
    });
}
