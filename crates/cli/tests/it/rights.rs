//! A cluster that is attached with rights in some of its namespaces, and what an application does there.

use api::kurator::minted::used_by;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::{Patch, PatchParams, PostParams};
use member_sim::Member;
use serde_json::{Value, json};

use crate::attach::cluster;
use crate::process::{Place, until};

/// The unit of `app/shop` in the member, as it is stored.
fn unit(place: &Place) -> Result<Value, String> {
    let status = place.json("status member/paris");
    let unit = status["units"].as_array().and_then(|units| units.first().cloned());
    unit.ok_or_else(|| status.to_string())
}

/// Waits until the unit says so; what it says then.
fn said(place: &Place, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    until(what, || unit(place).and_then(|unit| if is_so(&unit) { Ok(unit) } else { Err(unit.to_string()) }))
}

/// Waits in a test that has a runtime.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

/// Does the cluster have these roles and bindings in the namespace?
async fn has_rights_in(member: &Member, namespace: &str) -> bool {
    let roles: kube::Api<Role> = kube::Api::namespaced(member.client(), namespace);
    let bindings: kube::Api<RoleBinding> = kube::Api::namespaced(member.client(), namespace);
    let found =
        (roles.get_opt("kurator").await.unwrap().is_some(), bindings.get_opt("kurator").await.unwrap().is_some());
    assert_eq!(found.0, found.1, "both or none in {namespace}");
    found.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_in_namespaces_are_kept_widened_and_narrowed() {
    let mut place = Place::new();
    place.up("--demo --allow-loopback-members", "converged");
    let (member, file) = cluster(&place, "paris", &["paris"]).await;
    let attach = |words: &str| format!("attach --kubeconfig {file} paris {words} --yes");
    let all_bindings: kube::Api<ClusterRoleBinding> = kube::Api::all(member.client());
    let namespaces: kube::Api<Namespace> = kube::Api::all(member.client());

    let reserved = blocking(|| place.fails(&attach("--namespaces shop,kube-system")));
    assert!(
        reserved.contains("--namespaces kube-system: who has all rights there has them in the whole cluster"),
        "{reserved}"
    );
    let attached = blocking(|| place.json(&attach("--namespaces shop --fleet demo")));
    assert_eq!(attached["namespaces"], json!(["shop"]));
    assert!(namespaces.get_opt("shop").await.unwrap().is_some(), "it was made");
    assert!(all_bindings.get_opt("kurator").await.unwrap().is_none());
    let shown = blocking(|| place.ok("status member/paris"));
    assert!(shown.contains("  rights in shop only: nothing else is delivered here"), "{shown}");

    // The application brings its Namespace along: that is refused, and the rest is delivered. It is not green.
    let hub = place.dir().join("kubeconfig");
    let config = kube::config::Kubeconfig::read_from(hub).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await.unwrap();
    let hub = kube::Client::try_from(config).unwrap();
    let attached: kube::Api<api::kurator::cluster::v1alpha1::AttachedCluster> = kube::Api::namespaced(hub, "default");
    let label = json!({"metadata": {"labels": {"size": "large"}}});
    attached.patch("paris", &PatchParams::default(), &Patch::Merge(&label)).await.unwrap();
    let refused = blocking(|| said(&place, "the application", |unit| unit["status"]["reason"] == "OutsideRights"));
    assert_ne!(refused["state"], "Ready", "{refused}");
    let message = refused["status"]["message"].as_str().unwrap();
    assert!(
        message.contains("gives them in shop only")
            && message.contains("`kurator attach CONTEXT --name paris -n default`"),
        "{message}"
    );
    let services: kube::Api<Service> = kube::Api::namespaced(member.client(), "shop");
    let deployments: kube::Api<Deployment> = kube::Api::namespaced(member.client(), "shop");
    let name = services.list(&Default::default()).await.unwrap().items[0].metadata.name.clone().unwrap();
    assert!(!deployments.list(&Default::default()).await.unwrap().items.is_empty());
    let application = blocking(|| place.json("status app/shop"));
    let ready = application["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").cloned();
    assert_ne!(ready.unwrap()["status"], "True");
    // What somebody takes away is put back, so that it is watched there.
    services.delete(&name, &Default::default()).await.unwrap();
    blocking(|| {
        until("the service", || {
            let found = tokio::runtime::Handle::current().block_on(services.get_opt(&name)).unwrap();
            found.map(drop).ok_or_else(|| "it is gone".to_owned())
        });
    });
    assert_eq!(member.counters().denied(), 0, "nothing was asked for beyond the rights");

    // Wider: everything is delivered, and what was for less is taken away.
    blocking(|| place.ok(&attach("")));
    assert!(all_bindings.get_opt("kurator").await.unwrap().is_some());
    assert!(!has_rights_in(&member, "shop").await);
    blocking(|| said(&place, "everything", |unit| unit["state"] == "Ready"));
    assert!(!blocking(|| place.ok("status member/paris")).contains("rights in"));

    // Narrower, to another namespace: what is elsewhere stays, and it is said.
    blocking(|| place.ok(&attach("--namespaces stock")));
    assert!(all_bindings.get_opt("kurator").await.unwrap().is_none());
    assert!(has_rights_in(&member, "stock").await);
    let refused = blocking(|| said(&place, "the limit", |unit| unit["status"]["reason"] == "OutsideRights"));
    assert_ne!(refused["state"], "Ready", "{refused}");
    assert!(services.get_opt(&name).await.unwrap().is_some(), "nothing was deleted");

    // Another hub comes to work as the account: what it may need stays, and is shown.
    let accounts: kube::Api<ServiceAccount> = kube::Api::namespaced(member.client(), "kurator-system");
    let other = "https://other.example.com team/paris";
    let mark = json!({"metadata": {"annotations": {used_by(other): other}}});
    accounts.patch("kurator", &PatchParams::default(), &Patch::Merge(&mark)).await.unwrap();
    let shown = blocking(|| place.run(&attach("--namespaces shop"))).err;
    assert!(shown.contains("  keep    Role stock/kurator") && shown.contains(other), "{shown}");
    assert!(shown.contains("the account has others too, which stay; this hub does not use them"), "{shown}");
    assert!(has_rights_in(&member, "stock").await && has_rights_in(&member, "shop").await);

    // Left for good: its objects are let go of, and the account is the other hub's.
    let denied = member.counters().denied();
    let left = blocking(|| place.run("detach paris --release --yes")).err;
    assert!(left.contains(&format!("the account stays, since others work as it: {other}")), "{left}");
    // The Namespace was delivered when all rights were given. It is named in the list, and at the end.
    assert_eq!(left.matches(" outside of its rights keep").count(), 2, "{left}");
    let account = accounts.get("kurator").await.unwrap();
    let marks: Vec<String> = account.metadata.annotations.unwrap_or_default().into_keys().collect();
    assert_eq!(marks, [used_by(other)]);
    assert!(services.get_opt(&name).await.unwrap().is_some());
    assert_eq!(member.counters().denied(), denied, "nothing was asked for beyond the rights");
}

/// The kubeconfig of a person who may do everything in the cluster but delete, beside that of `file`.
async fn without_deleting(member: &Member, file: &str) -> String {
    let (client, group) = (member.client(), "rbac.authorization.k8s.io");
    let role = json!({"metadata": {"name": "person"}, "rules": [
        {"apiGroups": ["*"], "resources": ["*"],
            "verbs": ["get", "list", "watch", "create", "update", "patch", "bind", "escalate"]},
        {"nonResourceURLs": ["*"], "verbs": ["get"]}]});
    let binding = json!({"metadata": {"name": "person"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "person"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "default", "name": "person"}]});
    let post = PostParams::default();
    let roles: kube::Api<ClusterRole> = kube::Api::all(client.clone());
    roles.create(&post, &serde_json::from_value(role).unwrap()).await.unwrap();
    let bindings: kube::Api<ClusterRoleBinding> = kube::Api::all(client.clone());
    bindings.create(&post, &serde_json::from_value(binding).unwrap()).await.unwrap();
    let accounts: kube::Api<ServiceAccount> = kube::Api::namespaced(client, "default");
    accounts.create(&post, &serde_json::from_value(json!({"metadata": {"name": "person"}})).unwrap()).await.unwrap();
    let asked = json!({"metadata": {}, "spec": {"audiences": [], "expirationSeconds": 3_600}});
    let made = accounts.create_token_request("person", &post, &serde_json::from_value(asked).unwrap()).await.unwrap();
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    config["users"][0]["user"] = json!({"token": made.status.unwrap().token});
    let file = format!("{file}-person");
    std::fs::write(&file, config.to_string()).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_cannot_be_taken_away_are_said_last_and_go_with_the_same_command() {
    let mut place = Place::new();
    place.up("--allow-loopback-members", "hub ready");
    let (member, file) = cluster(&place, "paris", &["paris"]).await;
    let attach = |file: &str, words: &str| format!("attach --kubeconfig {file} paris {words} --yes");
    blocking(|| place.ok(&attach(&file, "")));
    let person = without_deleting(&member, &file).await;
    let said = blocking(|| place.run(&attach(&person, "--namespaces shop")));
    assert_eq!(said.code, Some(1), "{}", said.err);
    let at = |part: &str| said.err.find(part).unwrap_or_else(|| panic!("{part:?} is not in {}", said.err));
    let attached = at("member/paris: the hub has reached it; ");
    assert!(
        attached
            < at(
                "ClusterRoleBinding kurator cannot be deleted, which gives the rights before: run the same command again"
            )
    );
    let bindings: kube::Api<ClusterRoleBinding> = kube::Api::all(member.client());
    assert!(bindings.get_opt("kurator").await.unwrap().is_some());
    let again = blocking(|| place.run(&attach(&file, "--namespaces shop")));
    assert_eq!(again.code, Some(0), "{}", again.err);
    assert!(again.err.contains("  delete  ClusterRoleBinding kurator "), "{}", again.err);
    assert!(bindings.get_opt("kurator").await.unwrap().is_none());
}
