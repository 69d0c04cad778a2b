//! The hub's kinds in the roles that people are given: `view`, `edit` and `admin`.
//!
//! Each is a ClusterRole with the label by which Kubernetes gathers the rules of many into those roles.

use serde_json::{Value, json};

/// Verbs of who may read.
const READ: [&str; 3] = ["get", "list", "watch"];
/// Verbs of who may write.
const WRITE: [&str; 5] = ["create", "delete", "deletecollection", "patch", "update"];
/// Groups of the kinds that people write. Records and members' records are written by controllers.
const WRITTEN: [&str; 3] = ["apps.kurator.dev", "cluster.kurator.dev", "fleet.kurator.dev"];

/// The roles, given the CRDs of the hub, the views beside them, and those of them that are created (group, plural).
pub(super) fn roles(definitions: &[Value], views: &[(&str, &str)], created: &[(&str, &str)]) -> Vec<Value> {
    let text = |crd: &Value, path: &[&str]| model::object::get_str(crd, path).unwrap_or_default().to_owned();
    let kinds: Vec<(String, String)> = definitions
        .iter()
        .map(|crd| (text(crd, &["spec", "group"]), text(crd, &["spec", "names", "plural"])))
        .collect();
    let rule = |verbs: &[&str], group: &str, resources: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let stored = kinds.iter().map(|(group, plural)| rule(&READ, group, &[plural, &format!("{plural}/status")]));
    let read = stored.chain(views.iter().map(|(group, plural)| rule(&READ, group, &[plural]))).collect();
    let written = kinds.iter().filter(|(group, _)| WRITTEN.contains(&group.as_str()));
    let created = created.iter().map(|(group, plural)| rule(&["create"], group, &[plural]));
    let write = written.map(|(group, plural)| rule(&WRITE, group, &[plural])).chain(created).collect();
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
    vec![role("view", read), role("edit", write)]
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
        let (view, edit) = (["kurator:aggregate-to-view"], ["kurator:aggregate-to-edit"]);
        for (group, plural, written) in [
            ("apps.kurator.dev", "applications", true),
            ("fleet.kurator.dev", "fleets", true),
            ("cluster.kurator.dev", "attachedclusters", true),
            ("cluster.karmada.io", "clusters", false),
            ("delivery.kurator.dev", "decisions", false),
            ("delivery.kurator.dev", "memberstatuses", false),
            ("delivery.kurator.dev", "revisions", false),
            ("view.kurator.dev", "trees", false),
        ] {
            assert_eq!(roles_with("list", group, plural), view, "{group} {plural}");
            let expect: &[&str] = if written { &edit } else { &[] };
            assert_eq!(roles_with("patch", group, plural), expect, "{group} {plural}");
            assert!(roles_with("patch", group, &format!("{plural}/status")).is_empty(), "{group} {plural}");
        }
        assert_eq!(roles_with("create", "view.kurator.dev", "previews"), edit);
        assert!(roles_with("list", "view.kurator.dev", "previews").is_empty());
    }
}
