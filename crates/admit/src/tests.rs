use serde_json::json;

use super::*;

fn application() -> GroupKind {
    GroupKind::new("apps.kurator.dev", "Application")
}

fn check_application(spec: serde_json::Value, expect: &[&str]) {
    let errors = validate(&application(), &json!({"metadata": {"name": "a"}, "spec": spec}), None);
    let paths: Vec<&str> = errors.iter().map(|e| e.path.as_str()).collect();
    assert_eq!(paths, expect, "{errors:?}");
}

fn to(fleet: &str) -> serde_json::Value {
    json!({"destination": {"fleet": fleet}})
}

#[test]
fn an_application_uses_one_fleet() {
    let second = "spec.syncPolicies[1].destination.fleet";
    check_application(json!({"syncPolicies": [to("a"), to("a")]}), &[]);
    check_application(json!({"syncPolicies": [{}, {}]}), &[]);
    check_application(json!({"destination": {"fleet": "a"}, "syncPolicies": [{}, to("a")]}), &[]);
    check_application(json!({"destination": {"fleet": "a"}, "syncPolicies": [{}, to("b")]}), &[second]);
    check_application(json!({"syncPolicies": [to("a"), to("b")]}), &[second]);
    check_application(json!({"syncPolicies": [to("a"), {}]}), &[second]);
    check_application(json!({"syncPolicies": [{}, to("a")]}), &[second]);
}

#[test]
fn an_attached_cluster_names_a_secret_and_a_key() {
    let check = |spec: serde_json::Value, expect: &[&str]| {
        let kind = GroupKind::new("cluster.kurator.dev", "AttachedCluster");
        let errors = validate(&kind, &json!({"metadata": {"name": "a"}, "spec": spec}), None);
        assert_eq!(errors.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(), expect, "{errors:?}");
    };
    check(json!({"kubeconfig": {"name": "m", "key": "value"}}), &[]);
    check(json!({"kubeconfig": {"name": "m/a", "key": "m.config"}}), &["spec.kubeconfig.name"]);
    check(json!({"kubeconfig": {"name": "m", "key": "kube_config"}}), &["spec.kubeconfig.key"]);
    check(json!({}), &["spec.kubeconfig.name", "spec.kubeconfig.key"]);
    let long = "m".repeat(49);
    check(json!({"kubeconfig": {"name": "m", "key": "k"}, "memberName": long}), &["spec.memberName"]);
}

#[test]
fn what_is_not_honoured_is_named_with_its_path() {
    let object = json!({"spec": {
        "source": {"gitRepository": {"url": "https://x", "interval": "1m", "gitImplementation": "go-git",
            "recurseSubmodules": true, "verify": {"mode": "head"}, "include": []},
            "helmRepository": {"url": "https://x"}},
        "syncPolicies": [
            {"kustomization": {"path": "./x", "prune": true, "dependsOn": [{"name": "a"}], "interval": "1m",
                "retryInterval": "1m", "timeout": "1m", "targetNamespace": "n", "force": true, "suspend": true,
                "components": ["../c"], "patches": [{"patch": "x", "target": {"kind": "Pod"}}],
                "images": [{"name": "a", "newTag": "1"}], "commonMetadata": {"labels": {"a": "b"}}}},
            {"kustomization": {"retryInterval": "", "dependsOn": []}},
            {"kustomization": {"path": ["x"]}},
            {"helm": {"chart": {}}, "rollout": {"port": 1}},
        ],
    }});
    let paths: Vec<String> = not_implemented(&application(), &object).iter().map(ToString::to_string).collect();
    assert_eq!(
        paths,
        [
            "spec.source.gitRepository.verify",
            "spec.source.helmRepository",
            "spec.syncPolicies[0].kustomization.dependsOn",
            "spec.syncPolicies[0].kustomization.retryInterval",
            "spec.syncPolicies[2].kustomization",
            "spec.syncPolicies[3].helm",
            "spec.syncPolicies[3].rollout",
        ]
    );
}

#[test]
fn members_have_short_names() {
    let kind = GroupKind::new("cluster.karmada.io", "Cluster");
    let errors = validate(&kind, &json!({"metadata": {"name": "A"}, "spec": {"zone": "a", "zones": ["b"]}}), None);
    assert_eq!(errors.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(), ["metadata.name", "spec.zone"]);
}
