use serde_json::{Value, json};

use crate::support::Cluster;

const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";

fn resources(role: Option<&Value>) -> Vec<String> {
    let rules = role.and_then(|role| role["rules"].as_array().cloned()).unwrap_or_default();
    let names = rules.iter().filter_map(|rule| rule["resources"].as_array()).flatten();
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

#[tokio::test(start_paused = true)]
async fn the_usual_roles_gather_the_rules_of_labelled_ones() {
    let cluster = Cluster::start().await;
    let has = |role: Option<&Value>, resource: &str| resources(role).iter().any(|name| name == resource);
    let admin = cluster.until(&format!("{ROLES}/admin"), |role| has(role, "pods/log") && has(role, "secrets")).await;
    assert!(has(admin.as_ref(), "rolebindings"), "what edit has, what view has, and its own");
    let view = cluster.get(&format!("{ROLES}/view")).await;
    assert!(has(view.as_ref(), "pods") && !has(view.as_ref(), "secrets"));
    cluster.until_settled().await;

    let widgets = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "widgets", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
        "rules": [{"verbs": ["get"], "apiGroups": ["x.io"], "resources": ["widgets"]}],
    });
    cluster.create(ROLES, widgets).await;
    for role in ["view", "edit", "admin"] {
        cluster.until(&format!("{ROLES}/{role}"), |role| has(role, "widgets")).await;
    }
    cluster.delete(&format!("{ROLES}/widgets"), "Background").await;
    for role in ["view", "edit", "admin"] {
        cluster.until(&format!("{ROLES}/{role}"), |role| !has(role, "widgets") && has(role, "pods")).await;
    }
    cluster.until_settled().await;
}
