use serde_json::{Value, json};

use super::missing;
use crate::authz::rbac::Rule;

fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> Value {
    json!({"verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names})
}

#[track_caller]
fn check(held: &[Value], wanted: &[Value], expect: Option<&[&str]>) {
    let rules = |list: &[Value]| list.iter().map(Rule::from_value).collect::<Vec<_>>();
    let missing = missing(&rules(held), &rules(wanted));
    let expect = expect.map(|list| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
    assert_eq!(missing, expect);
}

#[test]
fn several_rules_hold_together_what_none_holds_alone() {
    let held = [rule(&["get"], &[""], &["pods"], &[]), rule(&["list"], &[""], &["pods"], &[])];
    check(&held, &[rule(&["get", "list"], &[""], &["pods"], &[])], None);
    check(
        &held,
        &[rule(&["get", "watch"], &[""], &["pods"], &[])],
        Some(&[r#"{APIGroups:[""], Resources:["pods"], Verbs:["watch"]}"#]),
    );
}

#[test]
fn a_star_is_held_only_by_a_star() {
    let pods = [rule(&["*"], &[""], &["pods"], &[])];
    check(&pods, &[rule(&["deletecollection"], &[""], &["pods"], &["a"])], None);
    check(&pods, &[rule(&["*"], &[""], &["pods"], &[])], None);
    check(
        &[rule(&["get", "list", "watch", "create", "update", "patch", "delete"], &[""], &["pods"], &[])],
        &[rule(&["*"], &[""], &["pods"], &[])],
        Some(&[r#"{APIGroups:[""], Resources:["pods"], Verbs:["*"]}"#]),
    );
    check(
        &pods,
        &[rule(&["get"], &["*"], &["pods"], &[])],
        Some(&[r#"{APIGroups:["*"], Resources:["pods"], Verbs:["get"]}"#]),
    );
}

#[test]
fn names_and_subresources_narrow_what_is_held() {
    let one = [rule(&["get"], &[""], &["secrets"], &["a"])];
    check(&one, &[rule(&["get"], &[""], &["secrets"], &["a"])], None);
    check(
        &one,
        &[rule(&["get"], &[""], &["secrets"], &[])],
        Some(&[r#"{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}"#]),
    );
    check(
        &one,
        &[rule(&["get"], &[""], &["secrets"], &["a", "b"])],
        Some(&[r#"{APIGroups:[""], Resources:["secrets"], ResourceNames:["b"], Verbs:["get"]}"#]),
    );
    check(
        &[rule(&["update"], &["apps"], &["*/scale"], &[])],
        &[rule(&["update"], &["apps"], &["deployments/scale"], &[])],
        None,
    );
    check(
        &[rule(&["update"], &["apps"], &["deployments"], &[])],
        &[rule(&["update"], &["apps"], &["deployments/scale"], &[])],
        Some(&[r#"{APIGroups:["apps"], Resources:["deployments/scale"], Verbs:["update"]}"#]),
    );
}

#[test]
fn paths_are_covered_by_their_prefix() {
    let paths = |list: &[&str]| json!({"verbs": ["get"], "nonResourceURLs": list});
    check(&[paths(&["/api*"])], &[paths(&["/api", "/apis/x"])], None);
    check(&[paths(&["/api"])], &[paths(&["/api*"])], Some(&[r#"{NonResourceURLs:["/api*"], Verbs:["get"]}"#]));
    check(
        &[rule(&["*"], &["*"], &["*"], &[])],
        &[paths(&["/metrics"])],
        Some(&[r#"{NonResourceURLs:["/metrics"], Verbs:["get"]}"#]),
    );
}

#[test]
fn a_rule_of_a_billion_permissions_is_refused_without_looking_at_each() {
    let many: Vec<String> = (0..1_000).map(|i| format!("r{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let missing = missing(
        &[Rule::from_value(&rule(&many, &many, &["*"], &[]))],
        &[Rule::from_value(&rule(&many, &many, &many, &["x"]))],
    );
    assert_eq!(missing, None, "held whole, it is not split");
    let held: Vec<Rule> = many.iter().map(|r| Rule::from_value(&rule(&["*"], &["*"], &[r], &[]))).collect();
    let list = super::missing(&held, &[Rule::from_value(&rule(&many, &many, &many, &[]))]).unwrap();
    assert!(list[0].contains("more than 10000"), "{list:?}");
}
