//! What goes and what stays, as people and programs read it.

use super::*;

/// A slice of a decision about one policy.
fn decision(policy: &str, prune: bool, members: &[&str]) -> DecisionSpec {
    let entry = json!({"revision": "r", "epoch": 1, "reason": "", "placed": "2026-01-01T00:00:00Z"});
    let members: serde_json::Map<String, Value> = members.iter().map(|m| ((*m).to_owned(), entry.clone())).collect();
    let unit = format!("apps.kurator.dev/Application/default/shop/{policy}");
    serde_json::from_value(json!({"unit": unit, "slice": 0, "prune": prune, "members": members})).unwrap()
}

/// What a member reports of a policy's objects.
fn report(policy: &str, member: &str, rows: &[Value]) -> UnitReport {
    let unit = format!("apps.kurator.dev/Application/default/shop/{policy}");
    let counts = json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 0});
    let pods = serde_json::to_value(api::delivery::PodCounts::default()).unwrap();
    let digest = format!("sha256:{}", "0".repeat(64));
    super::report(json!({"member": member, "unit": unit, "revision": "r", "epoch": 1, "payload": digest,
        "phase": "Applied", "health": "Healthy", "objects": counts, "pods": pods, "details": rows}))
    .unwrap()
}

fn row(kind: &str, namespace: &str, name: &str, extra: &Value) -> Value {
    let mut row = json!({"key": {"kind": kind, "namespace": namespace, "name": name}, "version": "v1",
        "sync": "Synced", "health": "Healthy"});
    row.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap_or_default());
    row
}

fn rows() -> Vec<Value> {
    vec![
        row("Namespace", "", "shop", &json!({"uid": "5"})),
        row("ConfigMap", "shop", "settings", &json!({})),
        row("ConfigMap", "shop", "theirs", &json!({"adopted": true})),
        row("PersistentVolumeClaim", "shop", "data", &json!({"kept": true})),
        row("ConfigMap", "shop", "not-there", &json!({"sync": "Pending", "health": "Progressing"})),
        row("ConfigMap", "shop", "of-another", &json!({"sync": "Failed", "reason": "Conflict"})),
        row("ConfigMap", "shop", "refused", &json!({"sync": "Failed", "reason": "Invalid"})),
        row("ConfigMap", "other", "outside", &json!({"sync": "Failed", "reason": "OutsideRights", "outside": true})),
        row("ClusterRole", "", "never-sent", &json!({"sync": "Failed", "reason": "OutsideRights"})),
    ]
}

fn by_prune(decision: &DecisionSpec) -> Removal {
    if decision.prune { Removal::Prune } else { Removal::Release }
}

fn shown() -> Vec<Part> {
    let decisions =
        [decision("web", true, &["beijing", "hangzhou", "lost", "shanghai"]), decision("docs", false, &["beijing"])];
    let mut reports: Vec<UnitReport> =
        ["beijing", "hangzhou", "shanghai"].iter().map(|member| report("web", member, &rows())).collect();
    reports[2].details.truncate(2);
    reports.push(report("docs", "beijing", &rows()[..2]));
    parts(&decisions, &reports, |_| true, by_prune)
}

#[test]
fn a_list_names_what_goes_what_stays_and_why_and_members_with_the_same_are_one_block() {
    insta::assert_snapshot!("list", lines(&shown(), false).join("\n"));
}

#[test]
fn a_list_for_programs_has_every_object() {
    insta::assert_snapshot!("facts", format!("{:#}", facts(&shown())));
}

#[test]
fn only_members_that_are_meant_are_in_it_and_a_long_list_is_cut() {
    let decisions = [decision("web", true, &["beijing", "shanghai"])];
    let many: Vec<Value> = (0..150).map(|n| row("ConfigMap", "shop", &format!("c{n:03}"), &json!({}))).collect();
    let reports = [report("web", "beijing", &many)];
    let parts = parts(&decisions, &reports, |member| member.as_str() == "beijing", by_prune);
    assert_eq!((parts.len(), going(&parts), staying(&parts), unknown(&parts).len()), (1, 150, 0, 0));
    let whole = lines(&parts, true);
    let lines = lines(&parts, false);
    assert_eq!((lines.len(), lines.last().unwrap().as_str()), (102, "  and 50 more: -v shows them"));
    assert_eq!(whole.len(), 151);
}

#[test]
fn what_leaves_already_is_as_it_was_agreed_to() {
    let mut decision = decision("web", true, &["beijing"]);
    decision.members.get_mut(&"beijing".parse::<MemberName>().unwrap()).unwrap().removal = Removal::Release;
    let parts = parts(&[decision], &[report("web", "beijing", &rows()[..2])], |_| true, by_prune);
    assert_eq!((going(&parts), staying(&parts)), (0, 2));
}

#[test]
fn members_that_do_not_answer_are_named_before_anything_is_asked() {
    let line = |names: &[&str]| away_line(&names.iter().map(|name| name.parse().unwrap()).collect());
    assert_eq!(line(&[]), None);
    assert_eq!(line(&["a"]).as_deref(), Some("a does not answer: it is done there as soon as it does"));
    assert_eq!(line(&["a", "b"]).as_deref(), Some("a, b do not answer: it is done there as soon as they do"));
}
