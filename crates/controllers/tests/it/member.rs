//! An AttachedCluster says why it makes no member, and looks again when that changes.

use controllers::Controller;
use serde_json::{Value, json};

use crate::world::{ATTACHED, CLUSTERS, FLEETS, SECRETS, World, attached, fleet, is, kubeconfig, ready};

const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/default/events";

#[tokio::test(start_paused = true)]
async fn an_attached_cluster_follows_its_secret() {
    let mut world = World::with(Controller::Member).await;
    let a = format!("{ATTACHED}/a");
    world.create(ATTACHED, attached("a")).await;
    world.until(&a, ready, is("False", "SecretNotFound")).await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"x": "y"}});
    world.create(SECRETS, secret).await;
    world.until(&a, ready, is("False", "SecretKeyNotFound")).await;
    world.api.merge(&format!("{SECRETS}/a"), &json!({"stringData": {"value": "no kubeconfig"}})).await.unwrap();
    world.until(&a, ready, is("False", "KubeconfigMalformed")).await;
    let runs_code = "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: \
                     'https://192.0.2.1'}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, \
                     user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: sh}}}]\n";
    world.api.merge(&format!("{SECRETS}/a"), &json!({"stringData": {"value": runs_code}})).await.unwrap();
    world.until(&a, ready, is("False", "KubeconfigRefused")).await;
    world.api.delete(&format!("{SECRETS}/a"), &json!({})).await.unwrap();
    world.until(&a, ready, is("False", "SecretNotFound")).await;
    world.settles().await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_free_when_the_object_that_has_it_goes_or_takes_another() {
    let mut world = World::with(Controller::Member).await;
    let mut first = attached("first");
    first["spec"]["memberName"] = json!("a");
    world.create(ATTACHED, first).await;
    let record = json!({
        "apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
        "metadata": {"name": "a", "annotations": {
            "kurator.dev/origin": "cluster.kurator.dev/AttachedCluster/default/first"}},
        "spec": {"syncMode": "Push"},
    });
    world.create(CLUSTERS, record).await;
    let (a, b) = (format!("{ATTACHED}/a"), format!("{ATTACHED}/b"));
    let mut second = attached("b");
    second["spec"]["memberName"] = json!("a");
    for object in [attached("a"), second] {
        world.create(ATTACHED, object).await;
    }
    for path in [&a, &b] {
        world.until(path, ready, is("False", "NameTaken")).await;
    }
    world.settles().await;
    world.api.merge(&b, &json!({"spec": {"memberName": "b"}})).await.unwrap();
    world.until(&b, ready, is("False", "SecretNotFound")).await;
    // Its record goes with it, and that is what the other is told of.
    world.api.delete(&format!("{ATTACHED}/first"), &json!({})).await.unwrap();
    world.until(&a, ready, is("False", "SecretNotFound")).await;
    assert_eq!(world.get(&format!("{CLUSTERS}/a")).await, None);
    let reasons = |list: &Value| {
        let items = list["items"].as_array().into_iter().flatten();
        let items = items.filter(|event| event["reason"] == "MemberDetached");
        items.map(|event| format!("{} {}", event["regarding"]["name"], event["reason"])).collect::<Vec<_>>()
    };
    world.until(EVENTS, reasons, vec![r#""first" "MemberDetached""#.to_owned()]).await;
    world.settles().await;
}

/// An earlier version kept all that a member said of itself, until its record was as large as an object may be.
#[tokio::test(start_paused = true)]
async fn a_record_that_is_full_still_says_how_the_member_is() {
    let mut world = World::with(Controller::Member).await;
    let record = json!({
        "apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
        "metadata": {"name": "a", "annotations": {"kurator.dev/origin": "cluster.kurator.dev/AttachedCluster/default/a"}},
        "spec": {"syncMode": "Push"},
    });
    let path = format!("{CLUSTERS}/a");
    world.create(ATTACHED, attached("a")).await;
    world.create(CLUSTERS, record).await;
    world.until(&path, ready, is("False", "SecretNotFound")).await;
    world.set_status(&path, json!({"resourceSummary": {"allocatable": {"x": "1"}}})).await;
    let whole = world.get(&path).await.unwrap().to_string().len();
    // It has room for this, and not for the conditions too.
    let amount = "1".repeat(model::limit::OBJECT_BYTES_MAX - whole + 100);
    let status = json!({"resourceSummary": {"allocatable": {"x": amount}}, "conditions": null});
    world.set_status(&path, status).await;
    world.until(&path, ready, is("False", "SecretNotFound")).await;
    world.settles().await;
    assert!(world.get(&path).await.unwrap().to_string().len() < 10_000);
}

/// The world panics where a kubeconfig leads to no member of it, as a client library may for what is in a kubeconfig.
#[tokio::test(start_paused = true)]
async fn a_look_that_panics_leaves_nothing_green_until_one_succeeds() {
    let mut world = World::of(&[Controller::Member, Controller::Fleet], &["a"]).await;
    let (a, record, f) = (format!("{ATTACHED}/a"), format!("{CLUSTERS}/a"), format!("{FLEETS}/f"));
    world.create(FLEETS, fleet("f", &["a"])).await;
    for path in [&a, &record] {
        world.until(path, ready, is("True", "ClusterReady")).await;
    }
    world.until(&f, ready, is("True", "AllMembersReady")).await;
    let lead_to = |name: &str| json!({"stringData": {"value": kubeconfig(name)}});
    world.api.merge(&format!("{SECRETS}/a"), &lead_to("nowhere")).await.unwrap();
    for path in [&a, &record] {
        world.until(path, ready, is("Unknown", "InternalError")).await;
    }
    world.until(&f, ready, is("Unknown", "MemberUnknown")).await;
    assert_eq!(world.get(&a).await.unwrap()["status"]["ready"], json!(false));
    // One that was never looked at, and controllers that start again.
    world.create(SECRETS, json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "b"}, "stringData": {"value": kubeconfig("nowhere")}})).await;
    world.create(ATTACHED, attached("b")).await;
    world.until(&format!("{ATTACHED}/b"), ready, is("Unknown", "InternalError")).await;
    world.settles().await;
    world.api.merge(&format!("{SECRETS}/a"), &lead_to("a")).await.unwrap();
    for path in [&a, &record] {
        world.until(path, ready, is("True", "ClusterReady")).await;
    }
    world.until(&f, ready, is("True", "AllMembersReady")).await;
    world
        .api
        .merge(
            &format!("{SECRETS}/a"),
            &json!({"stringData": {"value": kubeconfig("a").replace("token: t", "token: \"t\\n1\"")}}),
        )
        .await
        .unwrap();
    let current = |object: &Value| crate::world::condition(object, "CredentialCurrent");
    world.until(&a, current, is("False", "KubeconfigMalformed")).await;
}
