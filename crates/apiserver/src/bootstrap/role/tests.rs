use super::*;

fn resources(rules: &[Rule]) -> Vec<&'static str> {
    rules.iter().flat_map(|(_, _, resources)| resources.iter().copied()).collect()
}

#[test]
fn who_may_view_reads_no_secrets_and_writes_nothing() {
    assert!(VIEW.iter().all(|(verbs, ..)| *verbs == READ));
    for secret in ["secrets", "roles", "rolebindings", "serviceaccounts/token", "pods/exec"] {
        assert!(!resources(VIEW).contains(&secret), "{secret}");
    }
    assert!(resources(EDIT).contains(&"secrets"));
}

#[test]
fn who_may_edit_hands_on_no_rights() {
    assert!(!resources(EDIT).iter().any(|r| ["roles", "rolebindings"].contains(r)));
    assert!(resources(ADMIN).contains(&"rolebindings"));
    // No verb of theirs gets around the checks of who may grant what.
    let verbs: Vec<&str> = [VIEW, EDIT, ADMIN]
        .iter()
        .flat_map(|rules| rules.iter())
        .flat_map(|(verbs, ..)| verbs.iter().copied())
        .collect();
    assert!(!verbs.iter().any(|verb| ["bind", "escalate", "*"].contains(verb)), "{verbs:?}");
}

#[test]
fn each_role_is_part_of_the_next_larger_one() {
    let all = gathered();
    let part = |name: &str| {
        let role = all.iter().find(|role| role["metadata"]["name"] == name).unwrap();
        let labels = role["metadata"]["labels"].as_object().unwrap();
        labels.keys().find_map(|key| key.strip_prefix("rbac.authorization.k8s.io/aggregate-to-")).map(str::to_owned)
    };
    for (name, larger) in [
        ("view", Some("edit")),
        ("edit", Some("admin")),
        ("admin", None),
        ("system:aggregate-to-view", Some("view")),
        ("system:aggregate-to-edit", Some("edit")),
        ("system:aggregate-to-admin", Some("admin")),
    ] {
        assert_eq!(part(name).as_deref(), larger, "{name}");
    }
}
