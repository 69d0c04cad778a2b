//! The hub's kinds in the roles that people are given: `view`, `edit` and `admin`.
//!
//! Each is a ClusterRole with the label by which Kubernetes gathers the rules of many into those roles. Beside them is a role of the
//! hub's own for who is to make Applications and to read no Secret, since the kubeconfigs of members are Secrets (ADR 72).

use serde_json::{Value, json};

/// Verbs of who may read.
const READ: [&str; 3] = ["get", "list", "watch"];
/// Verbs of who may write.
const WRITE: [&str; 5] = ["create", "delete", "deletecollection", "patch", "update"];
/// Groups of the kinds that people write. Records and members' records are written by controllers.
const WRITTEN: [&str; 3] = ["apps.kurator.dev", "cluster.kurator.dev", "fleet.kurator.dev"];

/// Groups of the kinds that the hub's own role writes: who reads no Secret attaches no cluster.
const WRITTEN_WITHOUT_SECRETS: [&str; 2] = ["apps.kurator.dev", "fleet.kurator.dev"];
/// The hub's own role.
const KURATOR_EDIT: &str = "kurator-edit";

/// The roles, given the CRDs of the hub, the views beside them, and those of them that are created (group, plural).
pub(super) fn roles(definitions: &[Value], views: &[(&str, &str)], created: &[(&str, &str)]) -> Vec<Value> {
    let text = |crd: &Value, path: &[&str]| model::object::get_str(crd, path).unwrap_or_default().to_owned();
    let kinds: Vec<(String, String)> = definitions
        .iter()
        .map(|crd| (text(crd, &["spec", "group"]), text(crd, &["spec", "names", "plural"])))
        .collect();
    let rule = |verbs: &[&str], group: &str, resources: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let stored = kinds.iter().map(|(group, plural)| rule(&READ, group, &[plural, &format!("{plural}/status")]));
    // As `kurator events` reads them; Kubernetes' own roles have them in the core group only.
    let events = std::iter::once(rule(&READ, "events.k8s.io", &["events"]));
    let views = views.iter().map(|(group, plural)| rule(&READ, group, &[plural]));
    let read: Vec<Value> = stored.chain(views).chain(events).collect();
    let write = |groups: &[&str]| -> Vec<Value> {
        let written = kinds.iter().filter(|(group, _)| groups.contains(&group.as_str()));
        let created = created.iter().map(|(group, plural)| rule(&["create"], group, &[plural]));
        written.map(|(group, plural)| rule(&WRITE, group, &[plural])).chain(created).collect()
    };
    // Written out, and not gathered: what others add to the usual roles may be Secrets.
    let own_rules = [read.clone(), vec![rule(&READ, "", &["events"])], write(&WRITTEN_WITHOUT_SECRETS)].concat();
    let own = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": KURATOR_EDIT},
        "rules": own_rules,
    });
    let role = |part_of: &str, rules: Vec<Value>| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {
                "name": format!("kurator:aggregate-to-{part_of}"),
                "labels": {format!("rbac.authorization.k8s.io/aggregate-to-{part_of}"): "true"},
            },
            "rules": rules,
        })
    };
    vec![role("view", read), role("edit", write(&WRITTEN)), own]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who may do this to objects of that kind?
    fn roles_with(verb: &str, group: &str, plural: &str) -> Vec<String> {
        let has = |list: &Value, item: &str| list.as_array().unwrap().iter().any(|i| i == item);
        let allows = |role: &&Value| {
            let mut rules = role["rules"].as_array().unwrap().iter();
            rules.any(|r| has(&r["verbs"], verb) && has(&r["apiGroups"], group) && has(&r["resources"], plural))
        };
        let all = roles(&api::crd::all(), &[("view.kurator.dev", "trees")], &[("view.kurator.dev", "previews")]);
        all.iter().filter(allows).map(|role| role["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn all_kinds_are_read_and_those_that_people_make_are_written() {
        let (view, edit, own) = ("kurator:aggregate-to-view", "kurator:aggregate-to-edit", KURATOR_EDIT);
        let nobody: &[&str] = &[];
        for (group, plural, written) in [
            ("apps.kurator.dev", "applications", &[edit, own][..]),
            ("fleet.kurator.dev", "fleets", &[edit, own]),
            ("cluster.kurator.dev", "attachedclusters", &[edit]),
            ("cluster.karmada.io", "clusters", nobody),
            ("delivery.kurator.dev", "decisions", nobody),
            ("delivery.kurator.dev", "memberstatuses", nobody),
            ("delivery.kurator.dev", "revisions", nobody),
            ("view.kurator.dev", "trees", nobody),
        ] {
            assert_eq!(roles_with("list", group, plural), [view, own], "{group} {plural}");
            assert_eq!(roles_with("patch", group, plural), written, "{group} {plural}");
            assert!(roles_with("patch", group, &format!("{plural}/status")).is_empty(), "{group} {plural}");
        }
        assert_eq!(roles_with("create", "view.kurator.dev", "previews"), [edit, own]);
        assert!(roles_with("list", "view.kurator.dev", "previews").is_empty());
        assert_eq!(roles_with("list", "", "events"), [own]);
        assert_eq!(roles_with("list", "events.k8s.io", "events"), [view, own]);
    }

    #[test]
    fn who_has_the_hubs_own_role_gets_nothing_of_what_leads_to_a_credential() {
        let all = roles(&api::crd::all(), &[], &[]);
        let own = all.iter().find(|role| role["metadata"]["name"] == KURATOR_EDIT).unwrap();
        assert!(own.get("aggregationRule").is_none());
        for rule in own["rules"].as_array().unwrap() {
            let (groups, resources) = (rule["apiGroups"].as_array().unwrap(), rule["resources"].as_array().unwrap());
            let is_ours =
                groups.iter().all(|g| g.as_str().unwrap().contains(".kurator.dev") || g == "cluster.karmada.io");
            assert!(is_ours || *resources == [json!("events")], "{rule}");
            assert!(is_ours || rule["verbs"] == json!(READ), "{rule}");
        }
    }
}
