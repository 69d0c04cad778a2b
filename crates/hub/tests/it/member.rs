//! Who may be a member, and what its record says.

use api::condition::{self, Condition};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use kube::Api;
use serde_json::json;

use crate::stage::{Stage, apply, settings, start_hub, until};

async fn ready(stage: &Stage, name: &str, reason: &str) -> Condition {
    let api: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    until(&format!("{name} {reason}"), async || {
        let status = api.get(name).await.unwrap().status.unwrap_or_default();
        match condition::find(&status.conditions, "Ready") {
            Some(c) if c.reason == reason => Ok(c.clone()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_probed_and_its_record_says_what_it_is() {
    let stage = Stage::new(&["a"]).await;
    ready(&stage, "a", "ClusterReady").await;
    let api: Api<Cluster> = Api::all(stage.client());
    let cluster = api.get("a").await.unwrap();
    let status = cluster.status.unwrap();
    assert!(cluster.spec.id.is_some());
    assert_eq!(status.kubernetes_version.as_deref(), Some("v1.37.2-sim"));
    assert_eq!(status.node_summary.map(|n| n.total_num), Some(1));
    assert_eq!(status.last_seen, None, "heartbeats are not written");

    stage.member("a").unplug().await;
    let unknown = ready(&stage, "a", "ClusterNotReachable").await;
    assert_eq!(unknown.status, "Unknown");
    assert!(unknown.message.starts_with("last seen 2"), "{}", unknown.message);
    let status = api.get("a").await.unwrap().status.unwrap();
    assert!(status.last_seen.is_some() && status.kubernetes_version.is_some());
    stage.member("a").plug().await.unwrap();
    ready(&stage, "a", "ClusterReady").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_gone_after_a_restart_of_the_hub_was_seen_before_it() {
    let mut stage = Stage::new(&["a"]).await;
    ready(&stage, "a", "ClusterReady").await;
    let stopped = std::mem::replace(&mut stage.hub, start_hub(&stage.dir.path().join("other")).await);
    stopped.stop().await;
    stage.member("a").unplug().await;
    let spare = std::mem::replace(&mut stage.hub, start_hub(stage.dir.path()).await);
    spare.stop().await;
    let unknown = ready(&stage, "a", "ClusterNotReachable").await;
    let words = "last seen before the hub's restart, at 20";
    assert!(unknown.message.starts_with(words) && unknown.message.contains("Z or later: "), "{}", unknown.message);
    let api: Api<Cluster> = Api::all(stage.client());
    let status = api.get("a").await.unwrap().status.unwrap();
    let time = status.last_seen.unwrap();
    assert!(unknown.message.contains(&time), "{time} {}", unknown.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_cluster_twice_and_a_name_twice_are_said_and_not_delivered_to() {
    let stage = Stage::new(&["a"]).await;
    ready(&stage, "a", "ClusterReady").await;
    let kubeconfig = stage.member("a").kubeconfig().to_owned();
    stage.attach_with("twin", &kubeconfig, json!({})).await;
    let same = ready(&stage, "twin", "SameCluster").await;
    assert!(same.message.contains("\"a\""), "{}", same.message);
    stage.attach_with("claimant", &kubeconfig, json!({"memberName": "a"})).await;
    let taken = ready(&stage, "claimant", "NameTaken").await;
    assert!(taken.message.contains("default/a"), "{}", taken.message);
    ready(&stage, "a", "ClusterReady").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kubeconfig_that_would_run_code_is_refused_and_a_repaired_secret_is_taken() {
    let stage = Stage::new(&["a"]).await;
    let evil = "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n\
                clusters: [{name: k, cluster: {server: 'https://10.1.2.3:6443'}}]\n\
                users: [{name: u, user: {exec: {command: touch, args: [/tmp/x], apiVersion: v1}}}]\n";
    stage.attach_with("evil", evil, json!({})).await;
    let refused = ready(&stage, "evil", "KubeconfigRefused").await;
    assert!(refused.message.contains("users[0].user.exec"), "{}", refused.message);
    let api: Api<Cluster> = Api::all(stage.client());
    assert!(api.get_opt("evil").await.unwrap().is_none(), "no record is made");

    stage.attach_with("late", "nonsense", json!({})).await;
    ready(&stage, "late", "KubeconfigMalformed").await;
    let other = member_sim::Member::start(member_sim::Options::new("late")).await.unwrap();
    stage.attach_with("late", other.kubeconfig(), json!({})).await;
    ready(&stage, "late", "ClusterReady").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_never_answers_delays_nobody_else() {
    let stage = Stage::new(&["a"]).await;
    // Port 1 is nobody's, and no program is given it by chance.
    let dead = stage.member("a").kubeconfig().replace(&stage.member("a").url(), "https://127.0.0.1:1");
    stage.attach_with("dead", &dead, json!({})).await;
    stage.fleet(&["a", "dead"]).await;
    stage.apply(stage.application()).await.unwrap();
    until("a to be ready beside it", async || match stage.ready("Unknown", "MemberUnknown").await.message {
        said if said == "nothing is known of dead; 1 of 2 ready" => Ok(()),
        // Neither had answered yet.
        other => Err(other),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_claims_a_members_name_does_not_stop_what_it_gets() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    stage.attach_with("claimant", stage.member("a").kubeconfig(), json!({"memberName": "a"})).await;
    ready(&stage, "claimant", "NameTaken").await;
    let record = Api::<Cluster>::all(stage.client()).get("a").await.unwrap();
    let conditions = record.status.unwrap().conditions;
    let deliverable = condition::find(&conditions, condition::DELIVERABLE).unwrap();
    assert_eq!(deliverable.status, "True", "its owner's member is still delivered to");
    stage.commit(&[("app/settings.yaml", Some(&settings("two")))]);
    stage.synced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_are_the_same_cluster_the_second_is_a_member_when_the_first_is_gone() {
    let stage = Stage::new(&["a"]).await;
    ready(&stage, "a", "ClusterReady").await;
    stage.attach_with("twin", stage.member("a").kubeconfig(), json!({})).await;
    ready(&stage, "twin", "SameCluster").await;
    let api: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    api.delete("a", &kube::api::DeleteParams::default()).await.unwrap();
    ready(&stage, "twin", "ClusterReady").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_under_another_name_keeps_what_it_has() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let maps: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
    let uid = maps.get("settings").await.unwrap().metadata.uid;
    // A name that cannot be had, and then one that can: in between the member is none.
    let other = member_sim::Member::start(member_sim::Options::new("b")).await.unwrap();
    stage.attach_with("b", other.kubeconfig(), json!({})).await;
    ready(&stage, "b", "ClusterReady").await;
    let kubeconfig = stage.member("a").kubeconfig().to_owned();
    stage.attach_with("a", &kubeconfig, json!({"memberName": "b"})).await;
    ready(&stage, "a", "NameTaken").await;
    stage.attach_with("a", &kubeconfig, json!({"memberName": "renamed"})).await;
    ready(&stage, "a", "ClusterReady").await;
    let clusters: Api<Cluster> = Api::all(stage.client());
    until("the old record to go", async || match clusters.get_opt("a").await.unwrap() {
        None => Ok(()),
        Some(cluster) => Err(format!("{:?}", cluster.metadata)),
    })
    .await;
    stage.commit(&[("app/settings.yaml", Some(&settings("two")))]);
    stage.synced().await;
    let map = maps.get("settings").await.unwrap();
    assert_eq!(map.data.unwrap()["value"], "two");
    assert_eq!(map.metadata.uid, uid, "it was never deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kubeconfig_that_no_client_can_be_made_of_is_said() {
    let stage = Stage::new(&[]).await;
    let broken = "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n\
                  clusters: [{name: k, cluster: {server: 'https://10.1.2.3:6443'}}]\n\
                  users: [{name: u, user: {client-certificate-data: aHVudGVyMg==, client-key-data: aHVudGVyMg==}}]\n";
    stage.attach_with("broken", broken, json!({})).await;
    let said = ready(&stage, "broken", "KubeconfigMalformed").await;
    assert!(said.message.contains("cannot connect with this kubeconfig"), "{}", said.message);
    assert!(!said.message.contains("hunter2") && !said.message.contains("aHVudGVyMg"), "{}", said.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_that_is_taken_off_an_attached_cluster_leaves_its_record_and_others_stay() {
    let stage = Stage::new(&["a"]).await;
    ready(&stage, "a", "ClusterReady").await;
    let clusters: Api<Cluster> = Api::all(stage.client());
    let attached: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    let label = async |api: &str, name: &str, value: serde_json::Value| {
        let patch = kube::api::Patch::Merge(json!({"metadata": {"labels": {name: value}}}));
        let params = kube::api::PatchParams { field_manager: Some("me".into()), ..Default::default() };
        match api {
            "record" => drop(clusters.patch("a", &params, &patch).await.unwrap()),
            _ => drop(attached.patch("a", &params, &patch).await.unwrap()),
        }
    };
    let labels = async |what: &str, want: &[&str], no: &[&str]| {
        until(what, async || {
            let labels = clusters.get("a").await.unwrap().metadata.labels.unwrap_or_default();
            match want.iter().all(|l| labels.contains_key(*l)) && !no.iter().any(|l| labels.contains_key(*l)) {
                true => Ok(()),
                false => Err(format!("{labels:?}")),
            }
        })
        .await;
    };
    label("record", "own", json!("x")).await;
    label("attached", "tier", json!("gold")).await;
    labels("the label", &["tier", "own"], &[]).await;
    label("attached", "tier", serde_json::Value::Null).await;
    labels("the label to go", &["own"], &["tier"]).await;
}

/// A kubeconfig of a service account of a member that may do what the rules say.
pub(crate) async fn limited(stage: &Stage, member: &str, rules: serde_json::Value) -> String {
    let client = stage.member(member).client();
    let name = "limited";
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name},
            "rules": rules}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}]}),
    ] {
        apply(&client, object).await.unwrap();
    }
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> = Api::namespaced(client, "default");
    let request = accounts.create_token_request(name, &kube::api::PostParams::default(), &Default::default()).await;
    let token = request.unwrap().status.unwrap().token;
    let config = kube::config::Kubeconfig::from_yaml(stage.member(member).kubeconfig()).unwrap();
    let mut config = serde_json::to_value(config).unwrap();
    config["users"][0]["user"] = json!({"token": token});
    config.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_takes_a_right_from_the_applier_is_not_green_though_it_is_ready() {
    let stage = Stage::new(&["a"]).await;
    let all = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
    let kubeconfig = limited(&stage, "a", all.clone()).await;
    stage.attach_with("a", &kubeconfig, json!({})).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    // Everything but Secrets, in which the inventory is. The right is asked for again when the connection is made again.
    limited(&stage, "a", json!([{"apiGroups": [""], "resources": ["namespaces", "nodes", "pods"], "verbs": ["*"]}]))
        .await;
    stage.member("a").unplug().await;
    stage.ready("Unknown", "MemberUnknown").await;
    stage.member("a").plug().await.unwrap();
    let blocked = stage.ready("False", "MemberBlocked").await;
    assert!(blocked.message.contains("secrets is forbidden"), "{}", blocked.message);
    ready(&stage, "a", "ApplierRefused").await;
    limited(&stage, "a", all).await;
    stage.ready("True", "ReconciliationSucceeded").await;
}
