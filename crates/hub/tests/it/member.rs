//! Who may be a member, and what its record says.

use api::cluster::v1alpha1::AttachedCluster;
use api::condition::{self, Condition};
use api::member::v1alpha1::Cluster;
use kube::Api;
use serde_json::json;

use crate::stage::{Stage, until};

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
    // A port that nobody listens on: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let own = stage.member("a").url();
    let dead = stage.member("a").kubeconfig().replace(&own, &format!("https://127.0.0.1:{port}"));
    stage.attach_with("dead", &dead, json!({})).await;
    stage.fleet(&["a", "dead"]).await;
    stage.apply(stage.application()).await.unwrap();
    until("a to be ready beside it", async || match stage.ready("Unknown", "MemberUnknown").await.message {
        said if said == "1 of 2 ready; not answering: dead" => Ok(()),
        // Neither had answered yet.
        other => Err(other),
    })
    .await;
}
