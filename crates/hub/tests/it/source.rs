//! Sources that are private, change their settings, or whose artifacts are lost.

use api::delivery::label;
use api::kurator::apps::v1alpha1::Application;
use base64::Engine as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::stage::{Stage, settings, start_hub, until};

/// The stage's git server behind a password; one request for each connection.
async fn private(stage: &Stage, user: &str, password: &str) -> String {
    let wanted = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let wanted = format!("authorization: Basic {wanted}");
    let own = stage.git.url("app");
    let server = own.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = own.replace(&server, &address.to_string());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (server, wanted) = (server.clone(), wanted.clone());
            // A client that goes away ends its own connection only.
            tokio::spawn(async move { drop(pass(stream, &server, &wanted).await) });
        }
    });
    url
}

async fn pass(mut stream: TcpStream, server: &str, wanted: &str) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    if !head.lines().any(|line| line == wanted) {
        return stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    }
    let mut upstream = TcpStream::connect(server).await?;
    upstream.write_all(head.replacen("\r\n", "\r\nconnection: close\r\n", 1).as_bytes()).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut upstream).await.map(drop)
}

async fn secret(stage: &Stage, password: &str) {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "git", "namespace": "default"},
        "stringData": {"username": "me", "password": password}});
    stage.apply(secret).await.unwrap();
}

async fn source(stage: &Stage, what: &str, says: &str) -> Application {
    let api: Api<Application> = Api::namespaced(stage.client(), "default");
    until(what, async || {
        let app = api.get("app").await.unwrap();
        let status = app.status.clone().unwrap_or_default();
        let said = api::condition::find(&status.conditions, "SourceReady").cloned();
        match &said {
            Some(c) if c.message.contains(says) => Ok(app),
            other => Err(format!("{other:?}")),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_repository_follows_its_secret_and_no_error_shows_it() {
    let stage = Stage::new(&["a"]).await;
    let mut application = stage.application();
    application["spec"]["source"]["gitRepository"]["url"] = json!(private(&stage, "me", "right").await);
    application["spec"]["source"]["gitRepository"]["secretRef"] = json!({"name": "git"});
    // Nobody waits for an interval of an hour: what changes makes itself known.
    application["spec"]["source"]["gitRepository"]["interval"] = json!("1h");
    application["metadata"]["annotations"] = json!({api::kurator::annotation::SYNC: "asked"});
    stage.apply(application).await.unwrap();
    let app = source(&stage, "the missing Secret", "Secret default/git does not exist").await;
    let status = app.status.unwrap();
    assert_eq!(status.last_handled_sync.as_deref(), Some("asked"), "a sync that cannot be is told so at once");
    until("Ready to say why as well", async || match stage.condition("Ready").await {
        Some(ready) if ready.message.contains("default/git") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;

    secret(&stage, "hunter2").await;
    let app =
        source(&stage, "the wrong password", "access refused (HTTP 401); check the credentials in secretRef").await;
    let encoded = base64::engine::general_purpose::STANDARD.encode("me:hunter2");
    let text = serde_json::to_string(&app).unwrap();
    assert!(!text.contains("hunter2") && !text.contains(&encoded), "{text}");

    secret(&stage, "right").await;
    stage.synced().await;
}

/// A ConfigMap that a submodule has, in a member.
async fn of_submodule(stage: &Stage, want: &str) {
    let maps: Api<ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
    until("the submodule's object", async || match maps.get_opt("lib").await.unwrap().and_then(|map| map.data) {
        Some(data) if data["value"] == want => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_over_ssh_is_delivered_with_its_submodules_and_fetched_again_after_a_loss() {
    let Some(program) = component::sshd("a_repository_over_ssh_is_delivered") else { return };
    let mut stage = Stage::new(&["a"]).await;
    let keys = tempfile::tempdir().unwrap();
    let sshd = component::Sshd::start(&program, keys.path(), true);
    let lib = component::Repository::new(stage.dir.path().join("lib"));
    let map = settings("of the submodule").replace("name: settings", "name: lib");
    lib.write("lib.yaml", &map);
    let sha = lib.commit();
    stage.commit(&[(".gitmodules", Some("[submodule \"lib\"]\n\tpath = app/lib\n\turl = ../lib\n"))]);
    component::git(&stage.repo(), &["update-index", "--add", "--cacheinfo", &format!("160000,{sha},app/lib")]);
    component::git(&stage.repo(), &["commit", "-q", "-m", "submodule"]);
    let read = |name: &str| std::fs::read_to_string(keys.path().join(name)).unwrap();
    let with = async |known_hosts: String| {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "git", "namespace": "default"},
            "stringData": {"identity": read("identity"), "known_hosts": known_hosts}});
        stage.apply(secret).await.unwrap();
    };
    with(format!("other.example {}", read("host.pub"))).await;
    let mut application = stage.application();
    let git = &mut application["spec"]["source"]["gitRepository"];
    git["url"] = json!(sshd.url(&stage.repo()));
    git["secretRef"] = json!({"name": "git"});
    git["recurseSubmodules"] = json!(true);
    stage.apply(application).await.unwrap();
    let app =
        source(&stage, "the unknown host", "`known_hosts` in the Secret of secretRef does not have the server").await;
    let text = serde_json::to_string(&app).unwrap();
    assert!(text.contains("SHA256:") && !text.contains("PRIVATE") && !text.contains("NotImplemented"), "{text}");

    with(sshd.known_hosts("host.pub")).await;
    stage.synced().await;
    of_submodule(&stage, "of the submodule").await;

    // With an empty cache everything is fetched once more.
    let stopped = std::mem::replace(&mut stage.hub, start_hub(&stage.dir.path().join("other")).await);
    stopped.stop().await;
    std::fs::remove_dir_all(stage.dir.path().join("hub/cache")).unwrap();
    let spare = std::mem::replace(&mut stage.hub, start_hub(stage.dir.path()).await);
    spare.stop().await;
    let maps: Api<ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
    let somebody = PatchParams { field_manager: Some("somebody".into()), ..PatchParams::default() };
    maps.patch("lib", &somebody, &Patch::Merge(json!({"data": {"value": "by hand"}}))).await.unwrap();
    of_submodule(&stage, "of the submodule").await;
    assert_eq!(stage.condition("Ready").await.unwrap().status, "True");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_ignore_pattern_takes_effect_without_a_commit() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let api: Api<Application> = Api::namespaced(stage.client(), "default");
    let patch = json!({"spec": {"source": {"gitRepository": {"ignore": "/app/settings.yaml"}}}});
    api.patch("app", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
    until("the file to be left out", async || match maps.get_opt("settings").await.unwrap() {
        None => Ok(()),
        Some(map) => Err(format!("{:?}", map.metadata.name)),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn artifacts_that_are_lost_over_a_restart_come_back_by_themselves() {
    let mut stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let stopped = std::mem::replace(&mut stage.hub, start_hub(&stage.dir.path().join("other")).await);
    stopped.stop().await;
    std::fs::remove_dir_all(stage.dir.path().join("hub/cache")).unwrap();
    let spare = std::mem::replace(&mut stage.hub, start_hub(stage.dir.path()).await);
    spare.stop().await;
    // Without its payload the member's applier could not revert this.
    let maps: Api<ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
    let edit = Patch::Merge(json!({"data": {"value": "by hand"}}));
    let somebody = PatchParams { field_manager: Some("somebody".into()), ..PatchParams::default() };
    maps.patch("settings", &somebody, &edit).await.unwrap();
    until("the edit to be reverted", async || match maps.get("settings").await.unwrap().data.unwrap() {
        data if data["value"] == "one" => Ok(()),
        data => Err(format!("{data:?}")),
    })
    .await;
    assert_eq!(stage.condition("Ready").await.unwrap().status, "True");
    stage.commit(&[("app/settings.yaml", Some(&settings("two")))]);
    stage.synced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_member_holds_is_recorded_soon_after_it_has_come_to_rest() {
    let stage = Stage::new(&["a"]).await;
    stage.commit(&[(
        "app/web.yaml",
        Some(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: app}\nspec:\n  replicas: 2\n  \
             selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      \
             containers: [{name: web, image: example/web:1, resources: {requests: {cpu: 250m}}}]\n",
        ),
    )]);
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let begun = tokio::time::Instant::now();
    let api: Api<api::karmada::cluster::v1alpha1::Cluster> = Api::all(stage.client());
    until("the pods' requests", async || {
        let status = api.get("a").await.unwrap().status.unwrap_or_default();
        let cpu = status.resource_summary.and_then(|r| r.allocated.get("cpu").cloned());
        if cpu.as_deref() == Some("500m") { Ok(()) } else { Err(format!("{cpu:?}")) }
    })
    .await;
    let took = begun.elapsed();
    assert!(took < std::time::Duration::from_secs(15), "{took:?}: half of the time between two counts");
}

/// Two fleets with one member once wrote over each other's label for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_of_two_fleets_settles_and_a_fleet_that_is_gone_takes_its_label_along() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let second = json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet",
        "metadata": {"name": "e", "namespace": "default"},
        "spec": {"clusters": [{"kind": "AttachedCluster", "name": "a"}]}});
    stage.apply(second).await.unwrap();
    let label = async |want: Value| {
        let api: Api<api::kurator::cluster::v1alpha1::AttachedCluster> = Api::namespaced(stage.client(), "default");
        until("the label", async || {
            let labels = json!(api.get("a").await.unwrap().metadata.labels);
            let found = labels["fleet.kurator.dev/fleet-name"].clone();
            if found == want { Ok(()) } else { Err(found.to_string()) }
        })
        .await;
    };
    label(json!("e")).await;
    until("the writes to rest", async || {
        let before = stage.mutations()[0];
        stage.polled(3).await;
        match stage.mutations()[0] {
            now if now == before => Ok(()),
            now => Err(format!("{before} -> {now}: {:?}", stage.hub.counters().mutations_by_client())),
        }
    })
    .await;
    let fleets: Api<api::kurator::fleet::v1alpha1::Fleet> = Api::namespaced(stage.client(), "default");
    fleets.delete("e", &kube::api::DeleteParams::default()).await.unwrap();
    label(json!("f")).await;
    fleets.delete("f", &kube::api::DeleteParams::default()).await.unwrap();
    label(Value::Null).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patch_that_selects_nothing_is_said_until_it_is_corrected() {
    let stage = Stage::new(&["a"]).await;
    let with_patch = |kind: &str| {
        let mut application = stage.application();
        let patch = json!({"target": {"kind": kind}, "patch": "- {op: add, path: /metadata/labels/team, value: web}"});
        application["spec"]["syncPolicies"][0]["kustomization"]["patches"] = json!([patch]);
        application
    };
    let warnings = async |is_said: bool| {
        let what = if is_said { "the warning" } else { "no warning" };
        until(what, async || match stage.condition("SourceWarnings").await {
            found if found.is_some() == is_said => Ok(found),
            other => Err(format!("{other:?}")),
        })
        .await
    };
    stage.apply(with_patch("StatefulSet")).await.unwrap();
    stage.synced().await;
    let warned = warnings(true).await.unwrap();
    assert_eq!((warned.status.as_str(), warned.reason.as_str()), ("True", "LikelyMistake"));
    assert!(warned.message.starts_with("policy p: ") && warned.message.contains("selects no object"), "{warned:?}");
    let mut corrected = with_patch("Deployment");
    corrected["spec"]["syncPolicies"][0]["kustomization"]["patches"][0]["patch"] =
        json!("- {op: add, path: /metadata/labels, value: {team: web}}");
    stage.apply(corrected).await.unwrap();
    warnings(false).await;
    stage.synced().await;
}

/// What stands at the path that a commit took away by mistake stays looked after, where nothing would have waited for an approval.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_is_gone_is_not_green_and_gives_nothing_back() {
    let manifest =
        |annotation: &str| settings("one").replace("namespace: app}", &format!("namespace: app{annotation}}}"));
    let orphan = ", annotations: {kurator.dev/on-delete: orphan}";
    // Does the policy prune, how is it written, was it there before.
    for (prune, annotation, is_adopted) in [(false, "", false), (true, orphan, false), (true, "", true)] {
        let stage = Stage::new(&["a"]).await;
        let maps: Api<ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
        if is_adopted {
            let objects = [
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "app"}}),
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "app"},
                    "data": {"value": "one"}}),
            ];
            for object in objects {
                crate::stage::apply(&stage.member("a").client(), object).await.unwrap();
            }
        }
        let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: app{annotation}}}\n");
        let files = [("app/namespace.yaml", Some(namespace.as_str())), ("app/web.yaml", None)];
        stage.commit(&[&files[..], &[("app/settings.yaml", Some(manifest(annotation).as_str()))]].concat());
        let mut application = stage.application();
        application["spec"]["syncPolicies"][0]["kustomization"]["prune"] = json!(prune);
        stage.apply(application).await.unwrap();
        stage.synced().await;

        let text = manifest(annotation);
        let moved = [("moved/namespace.yaml", Some(namespace.as_str())), ("moved/settings.yaml", Some(text.as_str()))];
        stage.commit(&[&moved[..], &[("app/namespace.yaml", None), ("app/settings.yaml", None)]].concat());
        let said = stage.ready("False", "BuildFailed").await;
        let why = "nothing would be left of it";
        assert!(said.message.contains(why) && said.message.contains("what runs stays"), "{}", said.message);
        // It is still looked after.
        maps.delete("settings", &DeleteParams::default()).await.unwrap();
        let made = until("it to be made again", async || {
            maps.get_opt("settings").await.unwrap().ok_or_else(|| "it is not there".to_owned())
        })
        .await;
        assert!(made.labels().contains_key(label::HUB), "{:?}", made.labels());
        let back = [("app/namespace.yaml", Some(namespace.as_str())), ("app/settings.yaml", Some(text.as_str()))];
        stage.commit(&back);
        stage.synced().await;
    }
}
