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
        "destination": {"fleet": "f"},
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

#[test]
fn an_application_without_a_fleet_is_reported() {
    let check = |spec: serde_json::Value, expect: &[&str]| {
        let paths: Vec<String> =
            not_implemented(&application(), &json!({"spec": spec})).iter().map(ToString::to_string).collect();
        assert_eq!(paths, expect);
    };
    check(json!({"syncPolicies": [{}]}), &["spec.destination"]);
    check(json!({"destination": {"fleet": ""}, "syncPolicies": [{}]}), &["spec.destination"]);
    check(json!({"destination": {"fleet": "f"}}), &[]);
    check(json!({"syncPolicies": [{}, to("f")]}), &[]);
}

#[test]
fn who_writes_what_does_nothing_is_told() {
    let check = |group: &str, kind: &str, new: serde_json::Value, old: Option<&serde_json::Value>, expect: &str| {
        let said = warnings(&GroupKind::new(group, kind), &new, old).join("|");
        assert!(said.contains(expect) && said.is_empty() == expect.is_empty(), "{group} {kind}: {said:?}");
    };
    let some = json!({"spec": {}});
    check("apps", "Deployment", some.clone(), None, "this hub runs nothing");
    check("apps", "Deployment", some.clone(), Some(&some), "");
    check("", "Pod", some.clone(), None, "this hub runs nothing");
    check("apps", "ControllerRevision", some.clone(), None, "");
    check("", "ConfigMap", some.clone(), None, "");
    check(
        "backup.kurator.dev",
        "Backup",
        some.clone(),
        Some(&some),
        "nothing acts on Backup of backup.kurator.dev yet",
    );
    check("policy.karmada.io", "PropagationPolicy", some.clone(), None, "nothing acts on PropagationPolicy");
    check("cluster.kurator.dev", "CustomCluster", some.clone(), None, "nothing acts on CustomCluster");
    check("cluster.kurator.dev", "AttachedCluster", some.clone(), None, "");
    check("delivery.kurator.dev", "Decision", some.clone(), None, "");
    check("x.io", "Backup", some.clone(), None, "");
    check("fleet.kurator.dev", "Fleet", json!({"spec": {"plugin": {"a": 1}}}), None, "spec.plugin is accepted, but");
    check("apps.kurator.dev", "Application", some, None, "spec.destination.fleet is not set");
}

#[test]
fn what_was_probably_not_meant_is_said() {
    let check = |group: &str, kind: &str, spec: serde_json::Value, expect: &[&str]| {
        let said = warnings(&GroupKind::new(group, kind), &json!({"spec": spec}), None);
        assert_eq!(said, expect);
    };
    let app = |interval: &str| json!({"destination": {"fleet": "f"}, "source": {"gitRepository": {"url": "https://x", "interval": interval}}});
    let git = "apps.kurator.dev";
    check(git, "Application", app("1s"), &[]);
    check(git, "Application", app("never"), &[]);
    check(
        git,
        "Application",
        app("1ms"),
        &["spec.source.gitRepository.interval: \"1ms\" is shorter than 1 s, and the source is asked every 1 s"],
    );
    let annotated = |name: &str, value: &str| {
        let object = json!({"metadata": {"annotations": {name: value}}, "spec": app("1s")});
        warnings(&GroupKind::new(git, "Application"), &object, None)
    };
    assert_eq!(annotated("kurator.dev/on-delete", "orphan"), [""; 0]);
    assert_eq!(annotated("kurator.dev/adopt", "overwrite"), [""; 0]);
    assert_eq!(
        annotated("kurator.dev/on-delete", "orphn"),
        [
            "kurator.dev/on-delete is \"orphn\": known are \"orphan\", \"prune\"; what it placed is left behind when it is \
          deleted"
        ]
    );
    assert_eq!(annotated("kurator.dev/removals", "2"), [""; 0]);
    assert_eq!(
        annotated("kurator.dev/removals", "two"),
        ["kurator.dev/removals is \"two\", which is no number of members, and counts as 0"]
    );
    assert_eq!(
        annotated("kurator.dev/on-delte", "orphan"),
        ["kurator.dev/on-delte means nothing: known here are kurator.dev/adopt, kurator.dev/on-delete, \
             kurator.dev/removals, kurator.dev/sync"]
    );
    assert_eq!(annotated("kurator.dev/consent", "[]"), [""; 0]);
    assert_eq!(
        annotated("kurator.dev/reconcile", "disabled"),
        ["kurator.dev/reconcile does nothing on an Application: it is for delivered objects, and a whole policy has \
             `suspend: true` in its kustomization; known here are kurator.dev/adopt, kurator.dev/on-delete, \
             kurator.dev/removals, kurator.dev/sync"]
    );
    assert_eq!(annotated("example.com/on-delte", "orphan"), [""; 0]);
    let fleet = |kinds: &[&str]| {
        let entries: Vec<_> = kinds.iter().map(|kind| json!({"name": "a", "kind": kind})).collect();
        json!({"clusters": entries})
    };
    let group = "fleet.kurator.dev";
    check(group, "Fleet", fleet(&["AttachedCluster"]), &[]);
    check(
        group,
        "Fleet",
        fleet(&["AttachedCluster", "AtachedCluster", "CustomCluster"]),
        &[
            "spec.clusters[1].kind: \"AtachedCluster\" is no kind of clusters; AttachedCluster is the one that makes \
             members",
            "spec.clusters[2].kind: CustomCluster is accepted, and makes no members yet",
        ],
    );
    let many = warnings(&GroupKind::new(group, "Fleet"), &json!({"spec": fleet(&["X"; 200])}), None);
    assert_eq!((many.len(), many.last().unwrap().as_str()), (10, "and 191 more of this kind"));
}

#[test]
fn an_annotation_that_does_nothing_on_a_kind_is_said() {
    use api::kurator::annotation as name;
    let kinds = [
        ("apps.kurator.dev", "Application"),
        ("cluster.kurator.dev", "AttachedCluster"),
        ("fleet.kurator.dev", "Fleet"),
        ("cluster.karmada.io", "Cluster"),
    ];
    let said = |(group, kind): (&str, &str), labels: serde_json::Value, name: &str, value: &str| {
        let metadata = json!({"name": "a", "labels": labels, "annotations": {name: value}});
        let object = json!({"metadata": metadata, "spec": {"destination": {"fleet": "f"}}});
        warnings(&GroupKind::new(group, kind), &object, None)
    };
    // For each annotation the kinds on which it does something.
    for (name, value, acts) in [
        (name::SYNC, "1", "Application"),
        (name::APPROVE, "sha256:a", "Application"),
        (name::CONSENT, "[]", "Application"),
        (name::SHOWN, "[]", "Application"),
        (name::REMOVALS, "1", "Application Fleet"),
        (name::ON_DELETE, "orphan", "Application"),
        (name::RECONCILE, "disabled", ""),
        (name::ADOPT, "overwrite", "Application"),
        (name::MINTED, "{}", ""),
        (name::RESTRICTED, "", ""),
        (name::ON_DETACH, "remove", "AttachedCluster Cluster"),
        (name::APPROVE_TAKE_OVER, "sha256:a", "AttachedCluster Cluster"),
        (name::APPROVE_IDENTITY, "u", "Cluster"),
        (name::TAKE_OVER, "h", "Cluster"),
        (name::ORIGIN, "o", "Cluster"),
        (name::NAMESPACES, "n", "Cluster"),
        (name::CREDENTIAL_KEY, "k", "Cluster"),
    ] {
        for kind in kinds {
            let said = said(kind, json!({}), name, value);
            let expect = !acts.split(' ').any(|acts| acts == kind.1);
            assert_eq!(said.iter().any(|said| said.contains("does nothing on a")), expect, "{kind:?} {name}: {said:?}");
        }
    }
    // Another hub delivers it here, and reads what it says.
    let delivered = json!({"kurator.dev/hub": "other"});
    assert_eq!(said(kinds[0], delivered, name::RECONCILE, "disabled"), [""; 0]);
    assert_eq!(
        said(kinds[1], json!({}), name::ON_DETACH, "removee"),
        [
            "kurator.dev/on-detach is \"removee\": known are \"release\", \"remove\"; what was delivered stays as it is when it is \
          deleted"
        ]
    );
}

#[test]
fn a_target_namespace_can_be_one() {
    let spec = |name: &str| json!({"destination": {"fleet": "f"}, "syncPolicies": [{}, {"kustomization": {"targetNamespace": name}}]});
    let path = "spec.syncPolicies[1].kustomization.targetNamespace";
    check_application(spec("shop"), &[]);
    check_application(spec(""), &[]);
    check_application(spec("Bad_Name"), &[path]);
    check_application(spec(&"n".repeat(64)), &[path]);
    // One that is stored can still be written to; its mistake cannot be changed into another.
    let stored = json!({"metadata": {"name": "a"}, "spec": spec("Bad_Name")});
    assert_eq!(validate(&application(), &stored, Some(&stored)), []);
    let other = json!({"metadata": {"name": "a"}, "spec": spec("Worse_Name")});
    assert_eq!(validate(&application(), &other, Some(&stored)).len(), 1);
}

#[test]
fn records_and_small_objects_are_written_without_a_look() {
    let check = |group: &str, plural: &str, expect: bool| {
        assert_eq!(may_warn(&model::GroupResource::new(group, plural)), expect, "{group} {plural}");
    };
    check("apps", "deployments", true);
    check("work.karmada.io", "works", true);
    check("apps.kurator.dev", "applications", true);
    check("delivery.kurator.dev", "memberstatuses", false);
    check("", "secrets", false);
    check("coordination.k8s.io", "leases", false);
}
