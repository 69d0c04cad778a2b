//! Which policies act on what, and in which order.

use std::collections::BTreeMap;

use api::karmada::annotation;
use place::{Facts, Fleet};
use serde_json::{Value, json};

use super::{apply, changed, cluster_policy, one_rule, policy, rules, workload};
use crate::overrides::{Outcome, Policies};

/// A rule for members that sets the annotation `a` to a number, so that the applied rules can be told.
fn rule(members: &[&str], number: usize) -> Value {
    json!({
        "targetCluster": {"clusterNames": members},
        "overriders": {"plaintext": [{"path": "/metadata/annotations", "operator": "add", "value": {"n": number}}]},
    })
}

/// The applied policies with the numbers of their rules.
fn applied(outcome: &Outcome) -> Vec<(String, u64)> {
    let rules = outcome.cluster.iter().chain(&outcome.namespaced);
    rules
        .map(|rule| {
            let value = rule.overriders.plaintext[0].value.as_ref().unwrap();
            (rule.policy.name.clone(), value["n"].as_u64().unwrap())
        })
        .collect()
}

/// Karmada's cases: `TestGetMatchingOverridePolicies`.
#[test]
fn the_closest_policy_is_applied_last() {
    let both = &["cluster1", "cluster2"][..];
    let selector = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}]);
    let close = policy(
        "default",
        "overridePolicy1",
        json!({
            "resourceSelectors": selector,
            "overrideRules": [rule(both, 1), rule(&["cluster2"], 2)],
        }),
    );
    let all = policy("default", "overridePolicy2", json!({"overrideRules": [rule(both, 3)]}));
    let empty =
        policy("default", "overridePolicy3", json!({"resourceSelectors": [], "overrideRules": [rule(both, 3)]}));
    let old = cluster_policy("oldOverridePolicy", rule(&["cluster1"], 3));
    let cases = [
        (vec![&close, &all], vec![], "cluster1", vec![("overridePolicy2", 3), ("overridePolicy1", 1)]),
        (
            vec![&close, &all],
            vec![],
            "cluster2",
            vec![("overridePolicy2", 3), ("overridePolicy1", 1), ("overridePolicy1", 2)],
        ),
        (vec![&empty], vec![], "cluster2", vec![("overridePolicy3", 3)]),
        (vec![], vec![&old], "cluster1", vec![("oldOverridePolicy", 3)]),
    ];
    for (namespaced, cluster, member, expect) in cases {
        let outcome = apply(&Policies::new(cluster, namespaced), &workload("Deployment", json!([])), member).unwrap();
        let expect: Vec<_> = expect.into_iter().map(|(name, number)| (name.to_owned(), number)).collect();
        assert_eq!(applied(&outcome), expect, "{member}");
    }
}

#[test]
fn labels_are_closer_than_everything_and_names_closer_than_labels() {
    let select = |more: Value| {
        let mut selector = json!({"apiVersion": "apps/v1", "kind": "Deployment"});
        selector.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        selector
    };
    let labels = json!({"labelSelector": {"matchLabels": {"app": "web"}}});
    let specs = [
        ("d", json!([select(labels.clone())])),
        ("a", json!([select(json!({"name": "web"}))])),
        ("c", json!([select(labels)])),
        ("z", json!([])),
        ("y", json!([select(json!({}))])),
        (
            "b",
            json!([select(json!({"name": "other"})), select(json!({"labelSelector": {"matchLabels": {"app": "no"}}}))]),
        ),
    ];
    let mut object = workload("Deployment", json!([]));
    object["metadata"]["labels"] = json!({"app": "web"});
    let spec =
        |selectors: &Value, number| json!({"resourceSelectors": selectors, "overrideRules": [rule(&["m"], number)]});
    let cluster: Vec<_> = specs.iter().enumerate().map(|(n, (name, s))| cluster_policy(name, spec(s, n))).collect();
    let namespaced: Vec<_> =
        specs.iter().enumerate().map(|(n, (name, s))| policy("default", name, spec(s, n))).collect();
    let outcome = apply(&Policies::new(&cluster, &namespaced), &object, "m").unwrap();
    let names: Vec<String> = applied(&outcome).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["y", "z", "c", "d", "a", "y", "z", "c", "d", "a"], "first those of the cluster");
}

/// Karmada's cases: `ApplyLabelAnnotationOverriderPolicies`, with the records that they leave.
#[test]
fn the_record_of_applied_policies_is_karmadas() {
    let overriders = json!({
        "labelsOverrider": [{"operator": "add", "value": {"testAddLabel": "testAddLabel"}}],
        "annotationsOverrider": [{"operator": "add", "value": {"testAddAnnotation": "testAddAnnotation"}}],
    });
    let record = r#"[{"policyName":"NAME","overriders":{"labelsOverrider":[{"operator":"add","value":{"testAddLabel":"testAddLabel"}}],"annotationsOverrider":[{"operator":"add","value":{"testAddAnnotation":"testAddAnnotation"}}]}}]"#;
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "test1", "namespace": "default",
            "labels": {"testLabel": "testLabel"}, "annotations": {"testAnnotation": "testAnnotation"},
        },
    });
    let mut role = deployment.clone();
    role["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
    role["kind"] = json!("ClusterRole");
    role["metadata"]["name"] = json!("test2");
    role["metadata"].as_object_mut().unwrap().remove("namespace");
    let spec = |kind: &str, version: &str, name: &str| {
        json!({
            "resourceSelectors": [{"apiVersion": version, "kind": kind, "name": name}],
            "overrideRules": [{"targetCluster": {"clusterNames": [name]}, "overriders": overriders}],
        })
    };
    let namespaced = policy("default", "test1", spec("Deployment", "apps/v1", "test1"));
    let cluster = cluster_policy("test2", spec("ClusterRole", "rbac.authorization.k8s.io/v1", "test2"));
    let policies = Policies::new([&cluster], [&namespaced]);
    for (object, member, key) in
        [(deployment, "test1", annotation::APPLIED_OVERRIDES), (role, "test2", annotation::APPLIED_CLUSTER_OVERRIDES)]
    {
        let outcome = apply(&policies, &object, member).unwrap();
        assert_eq!(
            outcome.object["metadata"]["labels"],
            json!({"testLabel": "testLabel", "testAddLabel": "testAddLabel"})
        );
        assert_eq!(
            outcome.object["metadata"]["annotations"],
            json!({"testAnnotation": "testAnnotation", "testAddAnnotation": "testAddAnnotation"})
        );
        let annotations: Vec<_> = outcome.annotations().into_iter().collect();
        assert_eq!(annotations, [(key, record.replace("NAME", member))]);
    }
}

#[test]
fn in_the_record_an_absent_value_is_null_and_html_is_escaped() {
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1", "j": "[1]"}});
    let overriders = json!({
        "plaintext": [{"path": "/data/a", "operator": "remove"}, {"path": "/data/b", "operator": "add", "value": "<&>"}],
        "fieldOverrider": [{"fieldPath": "/data/j", "json": [{"subPath": "/0", "operator": "remove"}]}],
    });
    let outcome = changed(&object, &overriders).unwrap();
    let record = &outcome.annotations()[annotation::APPLIED_CLUSTER_OVERRIDES];
    assert_eq!(
        record,
        r#"[{"policyName":"p","overriders":{"plaintext":[{"path":"/data/a","operator":"remove","value":null},{"path":"/data/b","operator":"add","value":"\u003c\u0026\u003e"}],"fieldOverrider":[{"fieldPath":"/data/j","json":[{"subPath":"/0","operator":"remove","value":null}]}]}}]"#
    );
}

#[test]
fn policies_of_a_namespace_see_what_those_of_the_cluster_made() {
    let label = |value: &str| json!({"labelsOverrider": [{"operator": "add", "value": {"tier": value}}]});
    let cluster = cluster_policy("c", one_rule(&label("gold")));
    let select = |value: &str| {
        json!({
            "resourceSelectors": [{
                "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default",
                "labelSelector": {"matchLabels": {"tier": value}},
            }],
            "overrideRules": [{"overriders": {"annotationsOverrider": [{"operator": "add", "value": {value: "seen"}}]}}],
        })
    };
    let mut object = workload("Deployment", json!([]));
    object["metadata"]["labels"] = json!({"tier": "silver"});
    let namespaced = [policy("default", "gold", select("gold")), policy("default", "silver", select("silver"))];
    let outcome = apply(&Policies::new([&cluster], &namespaced), &object, "m").unwrap();
    assert_eq!(outcome.object["metadata"]["annotations"], json!({"gold": "seen"}));
    let outcome = apply(&Policies::new([], &namespaced), &object, "m").unwrap();
    assert_eq!(outcome.object["metadata"]["annotations"], json!({"silver": "seen"}));
    // A policy of the cluster may even make another object of it.
    let rename = json!({"plaintext": [{"path": "/metadata/name", "operator": "replace", "value": "other"}]});
    let select = json!({
        "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}],
        "overrideRules": [{"overriders": label("other")}],
    });
    let policies = Policies::new([&cluster_policy("c", one_rule(&rename))], [&policy("default", "p", select)]);
    assert_eq!(apply(&policies, &object, "m").unwrap().object["metadata"]["labels"], json!({"tier": "other"}));
}

#[test]
fn a_policy_of_a_namespace_acts_on_all_that_units_of_it_render() {
    let spec = |namespace: &str| {
        json!({
            "resourceSelectors": [
                {"apiVersion": "v1", "kind": "ConfigMap", "namespace": namespace},
                {"apiVersion": "v1", "kind": "Namespace", "namespace": namespace},
            ],
            "overrideRules": [{"overriders": {"labelsOverrider": [{"operator": "add", "value": {"by": namespace}}]}}],
        })
    };
    let object = |kind: &str, namespace: Option<&str>| {
        json!({
            "apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": namespace},
        })
    };
    let cases = [
        // Where the object lands, the namespace that the selector names, the hub namespace of the unit; is it changed?
        (Some("default"), "default", Some("default"), true),
        (Some("shop"), "default", Some("default"), true),
        (None, "default", Some("default"), true),
        (Some("shop"), "shop", Some("default"), true),
        (Some("shop"), "other", Some("default"), false),
        (None, "other", Some("default"), false),
        (Some("default"), "default", Some("other"), false),
        (Some("default"), "default", None, false),
    ];
    for (lands, selects, home, expect) in cases {
        let object = object(if lands.is_some() { "ConfigMap" } else { "Namespace" }, lands);
        let policy = policy("default", "p", spec(selects));
        let policies = Policies::new([], [&policy]);
        let matching = policies.matching(&object, home);
        let variant = matching.variant(&rules(&policies, "m"));
        assert_eq!(variant.is_original(), !expect, "{lands:?} {selects} {home:?}");
        assert_eq!(matching.apply(&variant).unwrap().object != object, expect);
    }
}

#[test]
fn policies_of_the_cluster_select_by_where_the_object_lands() {
    let spec = json!({
        "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default"}],
        "overrideRules": [{"overriders": {"labelsOverrider": [{"operator": "add", "value": {"a": "b"}}]}}],
    });
    let policies = Policies::new([&cluster_policy("p", spec)], []);
    let mut object = workload("Deployment", json!([]));
    assert_ne!(apply(&policies, &object, "m").unwrap().object, object);
    object["metadata"]["namespace"] = json!("shop");
    assert_eq!(apply(&policies, &object, "m").unwrap().object, object);
}

#[test]
fn members_with_the_same_rules_share_an_outcome() {
    let image = |tag: &str| json!({"imageOverrider": [{"component": "Tag", "operator": "replace", "value": tag}]});
    let rule =
        |names: Vec<String>, tag: &str| json!({"targetCluster": {"clusterNames": names}, "overriders": image(tag)});
    let every =
        |step: usize, from: usize| (0..1_000).filter(move |n| n % step == from).map(|n| format!("m{n}")).collect();
    let mut policies =
        vec![cluster_policy("a", json!({"overrideRules": [rule(every(10, 0), "v1"), rule(every(10, 1), "v2")]}))];
    let other = |n: usize| {
        let mut spec = json!({"resourceSelectors": [{"apiVersion": "v1", "kind": "Service"}]});
        spec["overrideRules"] =
            json!([rule((0..1_000).filter(|m| m % (n + 2) == 0).map(|m| format!("m{m}")).collect(), "x")]);
        cluster_policy(&format!("b{n}"), spec)
    };
    policies.extend((0..9).map(other));
    let policies = Policies::new(&policies, []);
    let object = workload("Deployment", json!([{"name": "a", "image": "a:0"}]));
    let matching = policies.matching(&object, None);
    let fleet = Fleet::of((0..1_000).map(|n| Facts::named(format!("m{n}").parse().unwrap())));
    let mut members = BTreeMap::<_, usize>::new();
    for (name, rules) in policies.rules_for_all(&fleet) {
        assert_eq!(rules, policies.rules_for(&fleet, &name));
        *members.entry(matching.variant(&rules)).or_default() += 1;
    }
    let images: Vec<(Value, usize)> = members
        .iter()
        .map(|(variant, count)| {
            (super::containers(&matching.apply(variant).unwrap().object)[0]["image"].clone(), *count)
        })
        .collect();
    assert_eq!(images, [(json!("a:0"), 800), (json!("a:v1"), 100), (json!("a:v2"), 100)]);
}
