//! A restricted namespace: what its Applications may not deliver is refused before it is sent.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::{Stage, settings, until};

const ROLE: &str = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader}\n\
                    rules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]\n";

async fn restrict(stage: &Stage, value: Value) {
    let namespaces: Api<Namespace> = Api::all(stage.client());
    let patch = json!({"metadata": {"labels": {"kurator.dev/restricted": value}}});
    namespaces.patch("default", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

async fn value(stage: &Stage) -> Option<String> {
    let maps: Api<ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
    maps.get_opt("settings").await.unwrap()?.data?.get("value").cloned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restricted_namespace_delivers_no_cluster_scoped_object_and_what_runs_stays() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    restrict(&stage, json!("true")).await;
    // The label alone is news, and the namespace that was delivered before stays.
    let ready = stage.ready("False", "RestrictedNamespace").await;
    assert!(
        ready.message.contains("Namespace app is cluster-scoped: namespace default is restricted"),
        "{}",
        ready.message
    );
    assert!(ready.message.contains("label kurator.dev/restricted") && ready.message.contains("what runs stays"));

    stage.commit(&[("app/settings.yaml", Some(&settings("two"))), ("app/role.yaml", Some(ROLE))]);
    until("the role to be named", async || {
        let ready = stage.ready("False", "RestrictedNamespace").await;
        let is_named = ready.message.contains("ClusterRole.rbac.authorization.k8s.io reader is cluster-scoped");
        is_named.then_some(()).ok_or(ready.message)
    })
    .await;
    stage.polled(2).await;
    let roles: Api<ClusterRole> = Api::all(stage.member("a").client());
    assert!(roles.get_opt("reader").await.unwrap().is_none(), "nothing of it is sent");
    assert_eq!(value(&stage).await.as_deref(), Some("one"), "and nothing else of that commit");

    restrict(&stage, Value::Null).await;
    stage.synced().await;
    assert!(roles.get_opt("reader").await.unwrap().is_some());
    assert_eq!(value(&stage).await.as_deref(), Some("two"));
}

/// A team that reads Secrets reads the kubeconfig of its cluster, and is in it what the hub is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_kurator_edit_makes_applications_and_neither_reads_a_secret_nor_attaches_a_cluster() {
    let stage = Stage::new(&["a"]).await;
    stage
        .apply(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "team-a", "namespace": "default"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "kurator-edit"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "anna"}]}))
        .await
        .unwrap();
    let ask = async |method: &str, path: &str, body: Option<Value>| {
        let request = http::Request::builder().method(method).uri(path).header("impersonate-user", "anna");
        let request = request.header("content-type", "application/json");
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        match stage.client().request::<Value>(request.body(body).unwrap()).await {
            Ok(_) => 200,
            Err(kube::Error::Api(status)) => status.code,
            Err(other) => panic!("{other}"),
        }
    };
    let of = |group: &str, plural: &str| format!("/apis/{group}/v1alpha1/namespaces/default/{plural}");
    let (applications, fleets) = (of("apps.kurator.dev", "applications"), of("fleet.kurator.dev", "fleets"));
    let (attached, secrets) = (of("cluster.kurator.dev", "attachedclusters"), "/api/v1/namespaces/default/secrets");
    let kubeconfig = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}});
    let mut cluster = json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster"});
    cluster["metadata"] = json!({"name": "mine"});
    cluster["spec"] = json!({"kubeconfig": {"name": "a", "key": "value"}});
    for (method, path, body, expect) in [
        ("POST", applications.as_str(), Some(stage.application()), 200),
        ("GET", &format!("{applications}/app"), None, 200),
        ("GET", &fleets, None, 200),
        ("DELETE", &format!("{fleets}/other"), None, 404),
        ("GET", &attached, None, 200),
        ("POST", &attached, Some(cluster), 403),
        ("DELETE", &format!("{attached}/a"), None, 403),
        ("GET", &format!("{secrets}/a"), None, 403),
        ("GET", secrets, None, 403),
        ("POST", secrets, Some(kubeconfig), 403),
        ("DELETE", &format!("{secrets}/a"), None, 403),
        ("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", Some(json!({})), 403),
    ] {
        assert_eq!(ask(method, path, body).await, expect, "{method} {path}");
    }
    stage.synced().await;
    for plural in ["trees", "renderings", "comparisons"] {
        let name = if plural == "renderings" { "app.a" } else { "app" };
        let path = format!("/apis/view.kurator.dev/v1alpha1/namespaces/default/{plural}/{name}");
        assert_eq!(ask("GET", &path, None).await, 200, "{path}");
    }
}
