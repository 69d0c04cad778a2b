//! ClusterRoles that gather the rules of others (`aggregationRule`).
//!
//! Follows `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`.

use std::collections::BTreeMap;

use model::{LabelSelector, object};
use serde_json::{Value, json};

/// The roles whose rules are not those that they gather: name, and a merge patch that holds for exactly what was read. A role
/// gathers what those before it in this plan become: two roles that gather each other would swap their rules for ever.
pub fn plan(roles: &[Value]) -> Vec<(String, Value)> {
    let by_name: BTreeMap<&str, &Value> = roles.iter().filter_map(|role| Some((object::name(role)?, role))).collect();
    let rules = |role: &Value| role.get("rules").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut all: BTreeMap<&str, Vec<Value>> = by_name.iter().map(|(name, role)| (*name, rules(role))).collect();
    let mut out = Vec::new();
    for (name, role) in &by_name {
        let Some(wanted) = gathered(name, role, &by_name, &all) else { continue };
        if all.get(name) != Some(&wanted) {
            all.insert(name, wanted.clone());
            let meta = |field: &str| object::get(role, &["metadata", field]).cloned().unwrap_or_default();
            let metadata = json!({"uid": meta("uid"), "resourceVersion": meta("resourceVersion")});
            out.push(((*name).to_owned(), json!({"metadata": metadata, "rules": wanted})));
        }
    }
    out
}

/// The rules that a role gathers, each once: selector by selector, by the names of the roles that they select. `None` when
/// it gathers none, or says so in words that cannot be read. `rules`: those of each role, as far as they are planned.
fn gathered(
    name: &str,
    role: &Value,
    all: &BTreeMap<&str, &Value>,
    rules: &BTreeMap<&str, Vec<Value>>,
) -> Option<Vec<Value>> {
    let selectors = role.get("aggregationRule").filter(|rule| rule.is_object())?.get("clusterRoleSelectors");
    let selectors = selectors.and_then(Value::as_array).into_iter().flatten();
    let selectors: Vec<LabelSelector> = selectors.map(LabelSelector::from_object).collect::<Result<_, _>>().ok()?;
    let mut out: Vec<Value> = Vec::new();
    for selector in selectors {
        let labels = |role: &Value| selector.matches(&object::labels(role));
        let selected = all.iter().filter(|(other, role)| **other != name && labels(role)).map(|(other, _)| other);
        for rule in selected.filter_map(|other| rules.get(other)).flatten() {
            if !out.contains(rule) {
                out.push(rule.clone());
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, label: &str, rules: &[&str]) -> Value {
        let rule = |verb: &&str| json!({"verbs": [verb], "apiGroups": [""], "resources": ["pods"]});
        json!({"metadata": {"name": name, "uid": name, "resourceVersion": "1", "labels": {label: "true"}},
            "rules": rules.iter().map(rule).collect::<Vec<_>>()})
    }

    fn gathers(name: &str, label: &str, selected: &str, rules: &[&str]) -> Value {
        let mut role = role(name, label, rules);
        role["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {selected: "true"}}]});
        role
    }

    /// Each plan as `NAME VERB,VERB`.
    fn check(roles: &[Value], expect: &[&str]) {
        let verbs = |patch: &Value| {
            let rules = patch["rules"].as_array().unwrap().iter();
            rules.map(|rule| rule["verbs"][0].as_str().unwrap()).collect::<Vec<_>>().join(",")
        };
        let got: Vec<String> = plan(roles).iter().map(|(name, patch)| format!("{name} {}", verbs(patch))).collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn rules_of_labelled_roles_are_gathered_once_and_by_name() {
        let all = [gathers("view", "", "v", &[]), role("b", "v", &["list", "get"]), role("a", "v", &["get", "watch"])];
        check(&all, &["view get,watch,list"]);
        check(&[gathers("view", "", "v", &["get", "watch", "list"]), all[1].clone(), all[2].clone()], &[]);
        let none = [gathers("view", "", "v", &["get"])];
        check(&none, &["view "]);
    }

    #[test]
    fn a_role_that_gathers_another_one_follows_it() {
        let edit = |rules| gathers("edit", "", "e", rules);
        let view = |rules| gathers("view", "e", "v", rules);
        let part = role("part", "v", &["get"]);
        check(&[edit(&[]), view(&[]), part.clone()], &["view get"]);
        check(&[edit(&[]), view(&["get"]), part.clone()], &["edit get"]);
        check(&[edit(&["get"]), view(&["get"]), part], &[]);
    }

    #[test]
    fn two_roles_that_gather_each_other_come_to_rest() {
        let mut roles = [gathers("a", "x", "y", &["get"]), gathers("b", "y", "x", &["list"])];
        check(&roles, &["a list"]);
        for (name, patch) in plan(&roles) {
            let role = roles.iter_mut().find(|role| role["metadata"]["name"] == name.as_str()).unwrap();
            role["rules"] = patch["rules"].clone();
        }
        check(&roles, &[]);
    }

    #[test]
    fn a_role_does_not_gather_itself_and_others_are_left_alone() {
        check(&[gathers("own", "o", "o", &["get"]), role("plain", "x", &["list"])], &["own "]);
        let mut strange = gathers("strange", "", "s", &["get"]);
        strange["aggregationRule"]["clusterRoleSelectors"] = json!([{"matchExpressions": [{"operator": "Near"}]}]);
        check(&[strange], &[]);
    }
}
