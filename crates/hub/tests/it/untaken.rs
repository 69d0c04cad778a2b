//! What a policy keeps for another one that was to take it over, when that leaves before it did.

use api::feed::UnitReport;
use api::kurator::apps::v1alpha1::{Application, HeldDeletions};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::{Stage, until};

const MOVING: [&str; 3] = ["c1", "c2", "c3"];

fn map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: app}}\ndata: {{value: one}}\n")
}

/// Which of the objects that were to move are in the member.
async fn present(stage: &Stage) -> Vec<&'static str> {
    let maps: Api<ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
    let mut out = Vec::new();
    for name in MOVING {
        if maps.get_opt(name).await.unwrap().is_some() {
            out.push(name);
        }
    }
    out
}

/// A policy over this directory.
fn policy(name: &str, suspend: bool) -> Value {
    let path = format!("./{name}");
    json!({"name": name, "kustomization": {"interval": "5m", "path": path, "prune": true, "suspend": suspend}})
}

fn with_policies(stage: &Stage, policies: &[Value]) -> Value {
    let mut application = stage.application();
    application["spec"]["syncPolicies"] = json!(policies);
    application
}

/// Puts the objects into the directory `x` too, whose unit takes nothing over.
fn copy_all(stage: &Stage) {
    let files: Vec<(String, String)> = MOVING.iter().map(|n| (format!("x/{n}.yaml"), map(n))).collect();
    let files: Vec<(&str, Option<&str>)> = files.iter().map(|(path, text)| (path.as_str(), Some(&**text))).collect();
    stage.commit(&files);
}

/// Takes the objects out of a directory.
fn remove_all(stage: &Stage, directory: &str) {
    let files: Vec<String> = MOVING.iter().map(|n| format!("{directory}/{n}.yaml")).collect();
    let files: Vec<(&str, Option<&str>)> = files.iter().map(|path| (path.as_str(), None)).collect();
    stage.commit(&files);
}

/// Waits until the member says that it keeps the objects for the other one.
async fn awaited(stage: &Stage) {
    until("the member to wait for the other one", async || {
        let reports = stage.hub.controllers().feed.reports_in(&"a".parse().unwrap());
        let said: Vec<String> = reports.iter().map(|report| report.message.clone()).collect();
        let waits = said.iter().any(|message| message.contains("3 objects are being handed over to "));
        waits.then_some(()).ok_or(format!("{said:?}"))
    })
    .await;
}

async fn lists(stage: &Stage) -> Vec<HeldDeletions> {
    let app: Api<Application> = Api::namespaced(stage.client(), "default");
    app.get("app").await.unwrap().status.unwrap_or_default().held
}

/// Waits until a list is held for this reason.
async fn held(stage: &Stage, reason: &str) -> HeldDeletions {
    until(&format!("a list because of {reason}"), async || {
        let lists = lists(stage).await;
        lists.iter().find(|list| list.reason == reason).cloned().ok_or(format!("{lists:?}"))
    })
    .await
}

async fn approve(stage: &Stage, digest: &str) {
    let app: Api<Application> = Api::namespaced(stage.client(), "default");
    let patch = json!({"metadata": {"annotations": {api::kurator::annotation::APPROVE: digest}}});
    app.patch("app", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

/// The objects are held in a list of their own, and go when that is approved.
async fn goes_by_its_own_list(stage: &Stage) {
    let list = held(stage, api::reason::SOURCE_REMOVES_OBJECTS).await;
    assert_eq!((list.count, list.causes[0].cause.as_str()), (3, "Untaken"), "{list:?}");
    stage.polled(2).await;
    assert_eq!(present(stage).await, MOVING);
    approve(stage, &list.digest).await;
    until("the objects to go", async || match present(stage).await {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}, {:?}", lists(stage).await)),
    })
    .await;
}

async fn stage_with(application: impl Fn(&Stage) -> Value) -> Stage {
    let stage = Stage::new(&["a"]).await;
    let mut files = vec![
        ("p/namespace.yaml".to_owned(), "apiVersion: v1\nkind: Namespace\nmetadata: {name: app}\n".to_owned()),
        ("x/other.yaml".to_owned(), map("other")),
    ];
    files.extend((4..20).map(|n| format!("c{n}")).map(|n| (format!("p/{n}.yaml"), map(&n))));
    files.extend(MOVING.iter().map(|n| (format!("p/{n}.yaml"), map(n))));
    let files: Vec<(&str, Option<&str>)> = files.iter().map(|(p, text)| (p.as_str(), Some(text.as_str()))).collect();
    stage.commit(&files);
    stage.apply(application(&stage)).await.unwrap();
    stage.synced().await;
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_for_a_policy_that_is_removed_waits_for_a_list_of_its_own() {
    let both = |stage: &Stage, suspend| with_policies(stage, &[policy("p", false), policy("x", suspend)]);
    let stage = stage_with(|stage| both(stage, false)).await;
    stage.apply(both(&stage, true)).await.unwrap();
    copy_all(&stage);
    remove_all(&stage, "p");
    awaited(&stage).await;
    stage.apply(with_policies(&stage, &[policy("p", false)])).await.unwrap();
    let edit = held(&stage, api::reason::EDIT_REMOVES_MEMBERS).await;
    approve(&stage, &edit.digest).await;
    goes_by_its_own_list(&stage).await;
    stage.synced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_for_another_application_that_is_deleted_waits_for_a_list() {
    let stage = stage_with(|stage| with_policies(stage, &[policy("p", false)])).await;
    let mut other = with_policies(&stage, &[policy("x", true)]);
    other["metadata"]["name"] = json!("other");
    copy_all(&stage);
    stage.apply(other).await.unwrap();
    let apps: Api<Application> = Api::namespaced(stage.client(), "default");
    until("the other one to want the objects", async || {
        let wants = |report: &UnitReport| report.unit.name == "other" && report.objects.desired == 4;
        let reports = stage.hub.controllers().feed.reports_in(&"a".parse().unwrap());
        reports.iter().any(|report| wants(report)).then_some(()).ok_or(format!("{} reports", reports.len()))
    })
    .await;
    remove_all(&stage, "p");
    awaited(&stage).await;
    apps.delete("other", &DeleteParams::default()).await.unwrap();
    goes_by_its_own_list(&stage).await;
    stage.synced().await;
}

/// A commit takes out of the other directory what a commit had moved there: the policy is there all the time, and nobody is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_commit_takes_from_the_other_policy_too_goes_within_the_budget() {
    let both = |stage: &Stage, suspend| with_policies(stage, &[policy("p", false), policy("x", suspend)]);
    let stage = stage_with(|stage| both(stage, false)).await;
    stage.apply(both(&stage, true)).await.unwrap();
    copy_all(&stage);
    remove_all(&stage, "p");
    awaited(&stage).await;
    remove_all(&stage, "x");
    until("the objects to go", async || match present(&stage).await {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}, {:?}", lists(&stage).await)),
    })
    .await;
}
