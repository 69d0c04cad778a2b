use std::collections::BTreeSet;

use serde_json::json;

use super::*;

#[test]
fn every_row_is_of_one_built_in_kind() {
    let mut seen = BTreeSet::new();
    for row in row::ROWS {
        let known = |k: &&kinds::Kind| {
            k.group == row.group && k.kind == row.kind && (row.version.is_empty() || row.version == k.version)
        };
        assert!(kinds::all().iter().any(|k| known(&k)), "{}/{} is not a built-in kind", row.group, row.kind);
        assert!(seen.insert((row.group, row.kind, row.version)), "{}/{} has two rows", row.group, row.kind);
    }
}

/// Upstream's status strategies of these groups take metadata along, those of the others do not.
#[test]
fn status_takes_metadata_along_in_the_groups_that_do_it_upstream() {
    let groups = ["", "apps", "batch", "autoscaling", "policy", "networking.k8s.io"];
    for kind in kinds::all().iter().filter(|kind| kind.status) {
        let strategy = of_builtin(kind.group, kind.version, kind.kind);
        let takes = groups.contains(&kind.group) || kind.kind == "CertificateSigningRequest";
        assert_eq!(strategy.status_metadata.is_some(), takes, "{}/{}", kind.group, kind.kind);
    }
}

#[test]
fn kinds_that_can_only_be_created_are_questions_but_for_bindings() {
    for kind in kinds::all() {
        let question = of_builtin(kind.group, kind.version, kind.kind).review.is_some();
        let create_only = kind.verbs == ["create"] && kind.kind != "Binding";
        assert_eq!(question, create_only, "{}/{}", kind.group, kind.kind);
    }
}

#[test]
fn kinds_of_crds_and_of_code_are_plain_but_for_updates() {
    assert!(!of_custom().unconditional_update && of_code().unconditional_update);
    for strategy in [of_custom(), of_code()] {
        assert!(!strategy.create_on_update && strategy.status_metadata.is_none() && strategy.grants.is_none());
    }
}

#[test]
fn a_row_may_be_for_one_version_only() {
    let stored_as = |version| of_builtin("autoscaling", version, "HorizontalPodAutoscaler").stored_as;
    assert_eq!((stored_as("v1"), stored_as("v2")), (Some(("autoscaling", "v2")), None));
}

#[test]
fn only_pods_that_run_are_given_time_to_stop() {
    let grace = of_builtin("", "v1", "Pod").grace.expect("Pods have a grace");
    let check = |spec: Value, phase: &str, asked: Option<i64>, expect: i64| {
        assert_eq!(grace(&json!({"spec": spec, "status": {"phase": phase}}), asked), expect, "{spec} {phase}");
    };
    check(json!({"nodeName": "n"}), "Running", None, 30);
    check(json!({"nodeName": "n", "terminationGracePeriodSeconds": 5}), "Running", None, 5);
    check(json!({"nodeName": "n", "terminationGracePeriodSeconds": 5}), "Running", Some(9), 9);
    check(json!({"nodeName": "n", "terminationGracePeriodSeconds": -1}), "Running", None, 0);
    check(json!({"nodeName": "n"}), "Succeeded", None, 0);
    check(json!({"nodeName": "n"}), "Failed", Some(9), 0);
    check(json!({}), "Pending", Some(9), 0);
}
