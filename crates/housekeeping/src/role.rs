//! ClusterRoles that gather the rules of others (`aggregationRule`).
//!
//! Follows `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`.

use std::collections::{BTreeMap, BTreeSet};

use model::{LabelSelector, object};
use serde_json::{Value, json};

/// The roles whose rules are not those that they gather: name, and a merge patch that holds for exactly what was read.
///
/// Rules come from roles that gather none, through any number of roles in between. What a gathering role holds is never a
/// source, since it is overwritten: so roles that gather each other in a ring come to rest at once, and a rule that no other
/// role says does not live on in such a ring.
pub fn plan(roles: &[Value]) -> Vec<(String, Value)> {
    let by_name: BTreeMap<&str, &Value> = roles.iter().filter_map(|role| Some((object::name(role)?, role))).collect();
    let selected: BTreeMap<&str, Vec<&str>> =
        by_name.iter().filter_map(|(name, role)| Some((*name, selected(role, &by_name)?))).collect();
    let mut out = Vec::new();
    for name in selected.keys() {
        let role = by_name[name];
        let wanted = gathered(name, &by_name, &selected);
        if rules(role) != wanted {
            let meta = |field: &str| object::get(role, &["metadata", field]).cloned().unwrap_or_default();
            let metadata = json!({"uid": meta("uid"), "resourceVersion": meta("resourceVersion")});
            out.push(((*name).to_owned(), json!({"metadata": metadata, "rules": wanted})));
        }
    }
    out
}

fn rules(role: &Value) -> &[Value] {
    role.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The roles that a role gathers directly, selector by selector and by name. `None` when it gathers none, or says so in words
/// that cannot be read.
fn selected<'a>(role: &Value, all: &BTreeMap<&'a str, &Value>) -> Option<Vec<&'a str>> {
    let selectors = role.get("aggregationRule").filter(|rule| rule.is_object())?.get("clusterRoleSelectors");
    let selectors = selectors.and_then(Value::as_array).into_iter().flatten();
    let selectors: Vec<LabelSelector> = selectors.map(LabelSelector::from_object).collect::<Result<_, _>>().ok()?;
    let matches = |selector: &LabelSelector| {
        all.iter()
            .filter(|(_, other)| selector.matches(&object::labels(other)))
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
    };
    Some(selectors.iter().flat_map(matches).collect())
}

/// The rules that a role gathers, each once, in the order in which the roles are met that say them.
fn gathered(name: &str, all: &BTreeMap<&str, &Value>, selected: &BTreeMap<&str, Vec<&str>>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    let mut met = BTreeSet::new();
    let mut next = vec![name];
    while let Some(name) = next.pop() {
        if !met.insert(name) {
            continue;
        }
        match selected.get(name) {
            Some(others) => next.extend(others.iter().rev()),
            None => {
                for rule in rules(all[name]) {
                    if !out.contains(rule) {
                        out.push(rule.clone());
                    }
                }
            }
        }
    }
    out
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
        check(&[edit(&[]), view(&[]), part.clone()], &["edit get", "view get"]);
        check(&[edit(&[]), view(&["get"]), part.clone()], &["edit get"]);
        check(&[edit(&["get"]), view(&["get"]), part], &[]);
    }

    #[test]
    fn roles_that_gather_each_other_in_a_ring_come_to_rest_at_once() {
        let two = [gathers("a", "x", "y", &["get"]), gathers("b", "y", "x", &["list"])];
        let three =
            [gathers("a", "x", "y", &["get"]), gathers("b", "y", "z", &["list"]), gathers("c", "z", "x", &["watch"])];
        let table: [(&[Value], &[&str], &[&str]); 3] = [
            // Rules that nothing outside of the ring says go: they were put there by hand.
            (&two, &["a ", "b "], &["a update", "b update"]),
            (&three, &["a ", "b ", "c "], &["a update", "b update", "c update"]),
            (&three[..1], &["a "], &[]),
        ];
        for (ring, alone, fed) in table {
            let settle = |mut roles: Vec<Value>, expect: &[&str]| {
                check(&roles, expect);
                for (name, patch) in plan(&roles) {
                    let role = roles.iter_mut().find(|role| role["metadata"]["name"] == name.as_str()).unwrap();
                    role["rules"] = patch["rules"].clone();
                }
                check(&roles, &[]);
            };
            settle(ring.to_vec(), alone);
            if !fed.is_empty() {
                settle([ring, &[role("plain", "x", &["update"])]].concat(), fed);
            }
        }
    }

    #[test]
    fn a_role_does_not_gather_itself_and_others_are_left_alone() {
        check(&[gathers("own", "o", "o", &["get"]), role("plain", "x", &["list"])], &["own "]);
        let mut strange = gathers("strange", "", "s", &["get"]);
        strange["aggregationRule"]["clusterRoleSelectors"] = json!([{"matchExpressions": [{"operator": "Near"}]}]);
        check(&[strange], &[]);
    }
}
