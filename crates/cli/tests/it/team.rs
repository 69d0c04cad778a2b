//! The program in the hands of a user who may edit one namespace and nothing else.

use api::kurator::cluster::v1alpha1::AttachedCluster;
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Api, Client, Config, ResourceExt};
use serde_json::{Value, json};

use crate::process::{Place, until};

async fn client(config: Kubeconfig) -> Client {
    let mut config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    config.proxy_url = None;
    Client::try_from(config).unwrap()
}

async fn create(client: &Client, object: Value) {
    let gvk = model::object::gvk(&object).unwrap();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(&gvk.group, &gvk.version, &gvk.kind));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

/// A kubeconfig for a service account that has this role in namespace `default`.
async fn editor(admin: &Client, place: &Place, role: &str) -> Kubeconfig {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "ann"}});
    create(admin, account).await;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "ann"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": "ann", "namespace": "default"}],
    });
    create(admin, binding).await;
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}});
    let path = "/api/v1/namespaces/default/serviceaccounts/ann/token";
    let request = http::Request::post(path).header("content-type", "application/json").body(request.to_string().into());
    let token: Value = admin.request(request.unwrap()).await.unwrap();
    let text = std::fs::read_to_string(place.dir().join("kubeconfig")).unwrap();
    let mut config = model::yaml::parse(&text).unwrap();
    let user = config["contexts"][0]["context"]["user"].clone();
    config["users"] = json!([{"name": user, "user": {"token": token["status"]["token"]}}]);
    serde_json::from_value(config).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_in_one_namespace_are_enough() {
    // A second call only finds it set.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut place = Place::new();
    place.up("--demo", "converged");
    let admin = client(Kubeconfig::read_from(place.dir().join("kubeconfig")).unwrap()).await;
    let config = editor(&admin, &place, "kurator-edit").await;
    let file = place.dir().join("ann.kubeconfig");
    std::fs::write(&file, serde_json::to_string(&config).unwrap()).unwrap();
    let asks = |words: &str| format!("{words} --kubeconfig {}", file.display());
    let role = until("the roles to be gathered", || {
        let printed = place.run(&asks("status"));
        (printed.code == Some(0)).then_some(printed.out).ok_or(printed.err)
    });
    assert!(role.starts_with("members are not shown: this credential may not list them\n"), "{role}");
    assert!(role.contains("APPLICATION  REVISION") && role.contains("3/3") && role.contains("Ready"), "{role}");
    let app = place.ok(&asks("status app/shop"));
    assert!(app.contains("Ready        True") && app.contains("what its 3 members report is not shown here"), "{app}");
    let value = place.json(&asks("status"));
    assert_eq!(value["hidden"], json!(["members", "attached clusters", "what members report"]));
    let why = place.fails(&asks("status member/beijing"));
    assert!(why.contains("this credential may not list members"), "{why}");

    let tree = place.ok(&asks("tree app/shop"));
    assert!(tree.contains("beijing (policy large)  Ready"), "{tree}");
    let why = place.fails(&asks("tree member/beijing"));
    assert!(why.contains("forbidden"), "{why}");
    for words in [
        "events app/shop",
        "events",
        "render app/shop --member beijing",
        "diff app/shop",
        "diff app/shop --commit main",
        "suspend app/shop",
        "resume app/shop",
    ] {
        let printed = place.run(&asks(words));
        assert_eq!(printed.code, Some(0), "{words}: {}{}", printed.out, printed.err);
    }
    let synced = place.run(&asks("sync app/shop"));
    assert!(synced.code == Some(0) && synced.err.contains("3 of 3 ready"), "{}{}", synced.out, synced.err);
    place.ok("demo wipe");
    let approved = place.run(&asks("approve app/shop --yes"));
    assert!(approved.code == Some(0) && approved.err.contains("approved"), "{}{}", approved.out, approved.err);
    until("the deletions", || {
        let summary = place.json(&asks("status"))["applications"][0]["status"]["summary"].clone();
        (summary["held"] == 0).then_some(()).ok_or(summary.to_string())
    });

    // The kubeconfigs of the clusters are Secrets.
    let ann = client(config).await;
    let secrets: Api<Secret> = Api::namespaced(ann.clone(), "default");
    let refused = secrets.list(&ListParams::default()).await.unwrap_err().to_string();
    assert!(refused.contains("forbidden"), "{refused}");
    // Rights in a namespace do not lift its restriction.
    let namespaces: Api<Namespace> = Api::all(ann);
    let patch = Patch::Merge(json!({"metadata": {"labels": {"kurator.dev/restricted": "false"}}}));
    let refused = namespaces.patch("default", &PatchParams::default(), &patch).await.unwrap_err().to_string();
    assert!(refused.contains("forbidden"), "{refused}");
}

/// What she attached she takes out again, and of what she may not see nothing is shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_takes_out_what_it_attached() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut place = Place::new();
    place.up("--demo", "converged");
    let own = place.dir().join("kubeconfig");
    let admin = client(Kubeconfig::read_from(&own).unwrap()).await;
    let config = editor(&admin, &place, "edit").await;
    let file = place.dir().join("ann.kubeconfig");
    std::fs::write(&file, serde_json::to_string(&config).unwrap()).unwrap();
    let asks = |words: &str| format!("{words} --kubeconfig {}", file.display());
    until("the roles to be gathered", || {
        let printed = place.run(&asks("status"));
        (printed.code == Some(0)).then_some(()).ok_or(printed.err)
    });
    let done = |words: &str| {
        let printed = place.run(&asks(words));
        assert_eq!(printed.code, Some(0), "{words}: {}{}", printed.out, printed.err);
        printed.err
    };

    // The cluster is a member under another name, which she may not see.
    let attach = "attach beijing --name twin --fleet demo --yes";
    let twice = place.fails(&format!("{attach} --kubeconfig {} --hub-kubeconfig {}", own.display(), file.display()));
    let undo = format!("`kurator detach default/twin --keep --kubeconfig {}`", file.display());
    for part in [
        "SameCluster: ",
        "AttachedCluster default/twin, Secret default/twin-kubeconfig, its entry in Fleet default/demo",
        &undo,
    ] {
        assert!(twice.contains(part), "{part:?} is not in {twice}");
    }
    assert!(!twice.contains("--server"), "the address is not what is wrong: {twice}");
    // Nothing is delivered to it, so that it is in nobody's way.
    let attached: Api<AttachedCluster> = Api::namespaced(admin.clone(), "default");
    let label = Patch::Merge(json!({"metadata": {"labels": {"size": "small"}}}));
    attached.patch("twin", &PatchParams::default(), &label).await.unwrap();
    let deleted = until("the application to be placed there", || {
        let said = place.fails(&asks("delete app/shop"));
        if said.contains("twin") { Ok(said) } else { Err(said) }
    });
    assert!(deleted.contains("in member twin: nothing; away (SameCluster)"), "{deleted}");
    assert!(deleted.contains("there is no terminal to ask at"), "{deleted}");
    // The account there is that of another member: attach has taken the twin's mark off it, and nobody is told how to delete it.
    let mut cluster = Kubeconfig::read_from(&own).unwrap();
    cluster.current_context = Some("beijing".to_owned());
    let accounts: Api<ServiceAccount> = Api::namespaced(client(cluster).await, "kurator-system");
    let account = accounts.get("kurator").await.unwrap();
    let marks: Vec<_> = account.annotations().keys().filter(|name| name.starts_with("used-by.kurator.dev/")).collect();
    assert!(marks.is_empty(), "{marks:?}");
    let kept = done("detach default/twin --keep --yes");
    assert!(kept.contains("stays: ") && !kept.contains("kubectl delete"), "{kept}");

    let left = done("fleet remove virginia --yes");
    assert!(left.contains("    - Namespace shop") && left.contains("member/virginia: has left fleet/demo"), "{left}");
    let released = done("detach shanghai --release --yes");
    assert!(released.contains("  only what applications of namespace default have there is shown"), "{released}");
    assert!(released.contains("    = Namespace shop") && released.contains("member/shanghai: detached"), "{released}");
    let removed = done("detach beijing --remove --yes");
    assert!(removed.contains("    - Namespace shop") && removed.contains("member/beijing: detached"), "{removed}");
    done("detach virginia --keep --yes");
    let unknown = place.fails(&asks("detach paris --keep --yes"));
    assert!(unknown.contains("no AttachedCluster in namespace default makes member/paris"), "{unknown}");
    assert!(place.fails(&asks("tree member/beijing")).contains("forbidden"));
}
