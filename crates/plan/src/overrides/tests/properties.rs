use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{apply, cluster_policy, policy, replay, rules, workload};
use crate::overrides::{Error, Outcome, Policies};

/// Objects on which most of the overriders below find something.
fn object() -> impl Strategy<Value = Value> {
    let image = prop_oneof![Just("nginx"), Just("gcr.io/a/b:v1"), Just("localhost/c"), Just("bad:Image:x")];
    let words = proptest::option::of(proptest::collection::vec("[ab]", 0..3));
    let container = ("[xy]", image, words).prop_map(|(name, image, args)| {
        let mut container = json!({"name": name, "image": image});
        if let Some(args) = args {
            container["args"] = json!(args);
        }
        container
    });
    let labels = proptest::option::of(proptest::collection::btree_map("[abc]", "[xyz]", 0..3));
    let text = prop_oneof![Just("a: 1\nb: [1, 2]\n"), Just("{\"a\": 1, \"b\": [1, 2]}"), Just("no")];
    let kind = prop_oneof![Just("Deployment"), Just("Pod"), Just("Job")];
    (kind, proptest::collection::vec(container, 0..3), labels, text).prop_map(|(kind, containers, labels, text)| {
        let mut object = workload(kind, containers.into());
        if let Some(labels) = labels {
            object["metadata"]["labels"] = json!(labels);
        }
        object["data"] = json!({"text": text, "list": [{"k": 1}, {"k": 2}, {"k": 3}], "map": {"a": 1, "b": {"c": 2}}});
        object
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..5).prop_map(Value::from),
        Just(json!({})),
        Just(json!([])),
        Just(json!({"a": 1, "c": {"d": 2}})),
        Just(json!([{"k": 4}, 5])),
        Just(json!("a: 3\n")),
        Just(Value::Null),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let list = prop_oneof![
        Just("/data/list/0"),
        Just("/data/list/1"),
        Just("/data/list/2"),
        Just("/data/list/-1"),
        Just("/data/list/-"),
        Just("/data/list/0/k"),
        Just("/data/list/1/k"),
        Just("/data/list/1/n"),
        Just("/data/list"),
    ];
    let map = prop_oneof![
        Just("/data/map"),
        Just("/data/map/a"),
        Just("/data/map/b"),
        Just("/data/map/b/c"),
        Just("/data/map/b/d"),
        Just("/data/map/new"),
        Just("/data"),
        Just("/data/text"),
        Just("/metadata/labels/a"),
        Just("/metadata/labels"),
    ];
    prop_oneof![list, map].prop_map(str::to_owned)
}

fn plaintext() -> impl Strategy<Value = Value> {
    let operator = prop_oneof![3 => Just("add"), 1 => Just("remove"), 1 => Just("replace")];
    (path(), operator, value())
        .prop_map(|(path, operator, value)| json!({"path": path, "operator": operator, "value": value}))
}

fn overriders() -> impl Strategy<Value = Value> {
    let operator = || prop_oneof![Just("add"), Just("remove"), Just("replace")];
    let component = prop_oneof![Just("Registry"), Just("Repository"), Just("Tag")];
    let image = (component, operator(), prop_oneof![Just("v2"), Just("x/y"), Just("-a"), Just("")]).prop_map(
        |(component, operator, value)| json!({"imageOverrider": [{"component": component, "operator": operator, "value": value}]}),
    );
    let words = ("[xy]", operator(), proptest::collection::vec("[ab]", 0..3)).prop_map(
        |(name, operator, value)| json!({"argsOverrider": [{"containerName": name, "operator": operator, "value": value}]}),
    );
    let map = (
        prop_oneof![Just("labels"), Just("annotations")],
        operator(),
        proptest::collection::btree_map("[abc]", "[xyz]", 0..3),
    )
        .prop_map(
            |(field, operator, value)| json!({format!("{field}Overrider"): [{"operator": operator, "value": value}]}),
        );
    let form = prop_oneof![Just("yaml"), Just("json")];
    let sub_path = prop_oneof![Just("/a"), Just("/b/0"), Just("/b/-"), Just("/c")];
    let text = (form, sub_path, operator(), value()).prop_map(|(form, sub_path, operator, value)| {
        json!({"fieldOverrider": [{"fieldPath": "/data/text", form: [{"subPath": sub_path, "operator": operator, "value": value}]}]})
    });
    let paths = proptest::collection::vec(plaintext(), 1..4).prop_map(|list| json!({"plaintext": list}));
    prop_oneof![1 => image, 1 => words, 1 => map, 1 => text, 4 => paths]
}

/// Specs of policies: some for one member, some for all, some that select.
fn spec() -> impl Strategy<Value = Value> {
    let target =
        prop_oneof![Just(Value::Null), Just(json!({"clusterNames": ["m"]})), Just(json!({"clusterNames": ["n"]}))];
    let rule = (target, overriders())
        .prop_map(|(target, overriders)| json!({"targetCluster": target, "overriders": overriders}));
    let selector = prop_oneof![
        Just(json!({"apiVersion": "apps/v1", "kind": "Deployment"})),
        Just(json!({"apiVersion": "v1", "kind": "Pod", "name": "web"})),
        Just(json!({"apiVersion": "apps/v1", "kind": "Deployment", "labelSelector": {"matchLabels": {"a": "x"}}})),
    ];
    (proptest::collection::vec(selector, 0..2), proptest::collection::vec(rule, 1..3))
        .prop_map(|(selectors, rules)| json!({"resourceSelectors": selectors, "overrideRules": rules}))
}

fn specs() -> impl Strategy<Value = (Vec<Value>, Vec<Value>)> {
    (proptest::collection::vec(spec(), 0..4), proptest::collection::vec(spec(), 0..4))
}

fn policies(cluster: &[Value], namespaced: &[Value], backwards: bool) -> Policies {
    let name = |n: usize| format!("p{n}");
    let mut cluster: Vec<_> =
        cluster.iter().enumerate().map(|(n, spec)| cluster_policy(&name(n), spec.clone())).collect();
    let mut namespaced: Vec<_> =
        namespaced.iter().enumerate().map(|(n, spec)| policy("default", &name(n), spec.clone())).collect();
    if backwards {
        cluster.reverse();
        namespaced.reverse();
    }
    Policies::new(&cluster, &namespaced)
}

/// What can be compared of an outcome.
fn parts(outcome: &Result<Outcome, Error>) -> String {
    match outcome {
        Ok(outcome) => {
            format!("{} {:?} {:?} {:?}", outcome.object, outcome.provenance, outcome.idle, outcome.annotations())
        }
        Err(error) => error.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// The changes, applied to the original as a patch, make the result: nothing is missing, and nothing is said too much.
    #[test]
    fn the_provenance_is_true(object in object(), (mut cluster, mut namespaced) in specs()) {
        // A policy that does not fit ends it: without the last ones there is an outcome.
        let outcome = loop {
            match apply(&policies(&cluster, &namespaced, false), &object, "m") {
                Ok(outcome) => break outcome,
                Err(_) => prop_assert!(namespaced.pop().or_else(|| cluster.pop()).is_some()),
            }
        };
        prop_assert_eq!(replay(&object, &outcome.provenance.changes), outcome.object);
    }

    #[test]
    fn the_order_of_policies_in_a_list_does_not_matter(object in object(), (cluster, namespaced) in specs()) {
        let [forwards, backwards] = [false, true].map(|b| apply(&policies(&cluster, &namespaced, b), &object, "m"));
        prop_assert_eq!(parts(&forwards), parts(&backwards));
    }

    /// Members of one variant get the same, whatever else distinguishes them.
    #[test]
    fn equal_variants_have_equal_outcomes(object in object(), (cluster, namespaced) in specs()) {
        let policies = policies(&cluster, &namespaced, false);
        let matching = policies.matching(&object, Some("default"));
        let mut seen = BTreeMap::new();
        for member in ["m", "n", "o", "p"] {
            let variant = matching.variant(&rules(&policies, member));
            let expect = parts(&apply(&policies, &object, member));
            prop_assert_eq!(seen.entry(variant).or_insert_with(|| expect.clone()), &expect);
        }
        prop_assert!(seen.len() <= 3);
    }

    /// Setting what is set, and removing what is gone, changes nothing.
    #[test]
    fn what_is_applied_twice_is_applied_once(
        object in object(),
        tag in "[a-z][a-z0-9]{0,5}",
        values in proptest::collection::btree_map("[abc]", "[xyz]", 0..3),
        gone in "[ab]",
    ) {
        let set = json!({
            "imageOverrider": [
                {"component": "Registry", "operator": "replace", "value": "r.io"},
                {"component": "Tag", "operator": "replace", "value": tag},
            ],
            "argsOverrider": [{"containerName": "x", "operator": "remove", "value": [gone]}],
            "labelsOverrider": [{"operator": "add", "value": values}, {"operator": "remove", "value": {"a": ""}}],
            "annotationsOverrider": [{"operator": "replace", "value": {"b": "y"}}],
            "plaintext": [{"path": "/data/map/a", "operator": "add", "value": 7}, {"path": "/data/list/0", "operator": "replace", "value": {}}],
        });
        let set = json!({"overrideRules": [{"overriders": set}]});
        let policies = policies(&[set], &[], false);
        if let Ok(once) = apply(&policies, &object, "m") {
            let twice = apply(&policies, &once.object, "m").unwrap();
            prop_assert_eq!(&twice.object, &once.object);
        }
    }
}
