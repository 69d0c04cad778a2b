//! One commit that moves objects from one Application to another of the same repository.

use api::kurator::apps::v1alpha1::Application;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::DeleteParams;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::stage::{Stage, start_hub, until};

fn map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\ndata: {{value: one}}\n")
}

/// An Application over the directory of its name, whose source is asked once in an hour.
fn asked_rarely(stage: &Stage, name: &str) -> Value {
    let mut application = stage.application();
    application["metadata"]["name"] = json!(name);
    application["spec"]["source"]["gitRepository"]["interval"] = json!("1h");
    application["spec"]["syncPolicies"][0]["kustomization"]["path"] = json!(format!("./{name}"));
    application
}

fn maps(stage: &Stage) -> Api<ConfigMap> {
    Api::namespaced(stage.member("a").client(), "default")
}

/// The UID of the object that moves; `None` when it is not there.
async fn uid(stage: &Stage) -> Option<String> {
    maps(stage).get_opt("moving").await.unwrap().and_then(|map| map.uid())
}

/// Waits until `other` has the object too.
async fn is_taken_over(stage: &Stage) {
    until("the other one to have two objects", async || {
        let reports = stage.hub.controllers().feed.reports_in(&"a".parse().unwrap());
        let counts: Vec<(&str, u32)> = reports.iter().map(|r| (r.unit.name.as_str(), r.objects.inventory)).collect();
        counts.contains(&("other", 2)).then_some(()).ok_or(format!("{counts:?}"))
    })
    .await;
}

async fn is_ready(stage: &Stage, name: &str) {
    let apps: Api<Application> = Api::namespaced(stage.client(), "default");
    until(&format!("{name} to be ready"), async || {
        let conditions = apps.get(name).await.unwrap().status.unwrap_or_default().conditions;
        let ready = api::condition::find(&conditions, "Ready").cloned();
        ready.clone().filter(|ready| ready.status == "True").map(|_| ()).ok_or(format!("{ready:?}"))
    })
    .await;
}

/// `app` and `other` in one member, both ready.
async fn both(other: impl Fn(&Stage) -> Value) -> Stage {
    let stage = Stage::new(&["a"]).await;
    let (moving, stays, there) = (map("moving"), map("stays"), map("there"));
    stage.commit(&[
        ("app/moving.yaml", Some(&moving)),
        ("app/stays.yaml", Some(&stays)),
        ("other/there.yaml", Some(&there)),
    ]);
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    stage.apply(other(&stage)).await.unwrap();
    stage
}

/// Waits until the first one says this of its deletions.
async fn says_for_whom_it_waits(stage: &Stage, whom: &str) {
    let said = format!("what the commit deletes waits for {whom}, which is to have some of it; ");
    until("the first one to say for whom it waits", async || match stage.condition("Ready").await {
        Some(ready) if ready.message.starts_with(&said) => Ok(()),
        ready => Err(format!("{ready:?}")),
    })
    .await;
}

/// Waits until an object is gone.
async fn goes(stage: &Stage, name: &str) {
    until(&format!("{name} to go"), async || match maps(stage).get_opt(name).await.unwrap() {
        None => Ok(()),
        Some(map) => Err(format!("{:?}", map.metadata.uid)),
    })
    .await;
}

fn moves(stage: &Stage) {
    let moving = map("moving");
    stage.commit(&[("app/moving.yaml", None), ("other/moving.yaml", Some(&moving))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_one_commit_moves_to_another_application_is_handed_over() {
    let stage = both(|stage| asked_rarely(stage, "other")).await;
    is_ready(&stage, "other").await;
    let before = uid(&stage).await.unwrap();
    moves(&stage);
    stage.synced().await;
    is_ready(&stage, "other").await;
    is_taken_over(&stage).await;
    assert_eq!(uid(&stage).await, Some(before), "it was made again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_one_commit_moves_to_a_suspended_policy_stays() {
    let stage = both(|stage| asked_rarely(stage, "other")).await;
    is_ready(&stage, "other").await;
    let before = uid(&stage).await.unwrap();
    let mut other = asked_rarely(&stage, "other");
    other["spec"]["syncPolicies"][0]["kustomization"]["suspend"] = json!(true);
    stage.apply(other).await.unwrap();
    moves(&stage);
    until("the object to be kept for the other one", async || {
        let reports = stage.hub.controllers().feed.reports_in(&"a".parse().unwrap());
        let said: Vec<String> = reports.iter().map(|report| report.message.clone()).collect();
        said.iter().any(|said| said.contains("handed over to ")).then_some(()).ok_or(format!("{said:?}"))
    })
    .await;
    stage.polled(2).await;
    assert_eq!(uid(&stage).await, Some(before.clone()));
    stage.apply(asked_rarely(&stage, "other")).await.unwrap();
    is_taken_over(&stage).await;
    assert_eq!(uid(&stage).await, Some(before), "it was made again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_a_commit_moves_to_an_application_that_it_breaks_stays_until_that_is_mended() {
    let stage = both(|stage| asked_rarely(stage, "other")).await;
    is_ready(&stage, "other").await;
    let before = uid(&stage).await.unwrap();
    let moving = map("moving");
    stage.commit(&[
        ("app/moving.yaml", None),
        ("other/moving.yaml", Some(&moving)),
        ("other/broken.yaml", Some("a: [")),
    ]);
    says_for_whom_it_waits(&stage, "app/other (it cannot be rendered)").await;
    let apps: Api<Application> = Api::namespaced(stage.client(), "default");
    until("the other one to be broken", async || {
        let conditions = apps.get("other").await.unwrap().status.unwrap_or_default().conditions;
        let ready = api::condition::find(&conditions, "Ready").cloned();
        ready.clone().filter(|ready| ready.reason == "BuildFailed").map(|_| ()).ok_or(format!("{ready:?}"))
    })
    .await;
    // Another commit that mends nothing.
    let more = map("more");
    stage.commit(&[("app/more.yaml", Some(&more))]);
    stage.polled(3).await;
    assert_eq!(uid(&stage).await, Some(before.clone()));
    // What runs stays while somebody has suspended it.
    let mut suspended = asked_rarely(&stage, "other");
    suspended["spec"]["source"]["gitRepository"]["suspend"] = json!(true);
    stage.apply(suspended).await.unwrap();
    stage.polled(3).await;
    assert_eq!(uid(&stage).await, Some(before.clone()));
    let mut resumed = asked_rarely(&stage, "other");
    resumed["spec"]["source"]["gitRepository"]["suspend"] = json!(false);
    stage.apply(resumed).await.unwrap();
    stage.commit(&[("other/broken.yaml", None)]);
    is_taken_over(&stage).await;
    assert_eq!(uid(&stage).await, Some(before), "it was made again");
}

/// Nothing would be left of the first one: that would be held, and what is held is asked about with the list that shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_objects_that_one_commit_moves_to_another_application_are_handed_over_and_nobody_is_asked() {
    let stage = both(|stage| asked_rarely(stage, "other")).await;
    is_ready(&stage, "other").await;
    let before = uid(&stage).await.unwrap();
    stage.rename("app", "other/app");
    until("the other one to have all objects", async || {
        let reports = stage.hub.controllers().feed.reports_in(&"a".parse().unwrap());
        let counts: Vec<(&str, u32)> = reports.iter().map(|r| (r.unit.name.as_str(), r.objects.inventory)).collect();
        (counts.contains(&("other", 6)) && counts.contains(&("app", 0))).then_some(()).ok_or(format!("{counts:?}"))
    })
    .await;
    assert_eq!(uid(&stage).await, Some(before), "it was made again");
    stage.ready("True", "ReconciliationSucceeded").await;
}

/// Nor does one that is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_whose_source_cannot_be_asked_keeps_no_deletion_of_another_one() {
    let stage = both(|stage| {
        let mut other = asked_rarely(stage, "other");
        other["spec"]["source"]["gitRepository"]["secretRef"] = json!({"name": "missing"});
        other
    })
    .await;
    let apps: Api<Application> = Api::namespaced(stage.client(), "default");
    let gone = asked_rarely(&stage, "gone");
    stage.apply(gone).await.unwrap();
    apps.delete("gone", &DeleteParams::default()).await.unwrap();
    stage.commit(&[("app/moving.yaml", None)]);
    stage.synced().await;
    goes(&stage, "moving").await;
}

/// What an Application that does not follow its source now is to have stays, however often the hub is started; nothing else does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_suspended_application_is_to_have_stays_over_a_restart_and_the_rest_goes() {
    let mut stage = both(|stage| asked_rarely(stage, "other")).await;
    is_ready(&stage, "other").await;
    let before = uid(&stage).await.unwrap();
    let (one, two) = (map("one"), map("two"));
    stage.commit(&[("third/one.yaml", Some(&one)), ("third/two.yaml", Some(&two))]);
    stage.apply(asked_rarely(&stage, "third")).await.unwrap();
    is_ready(&stage, "third").await;
    let mut suspended = asked_rarely(&stage, "other");
    suspended["spec"]["source"]["gitRepository"]["suspend"] = json!(true);
    stage.apply(suspended).await.unwrap();
    let moving = map("moving");
    stage.commit(&[
        ("app/moving.yaml", None),
        ("other/moving.yaml", Some(&moving)),
        ("third/two.yaml", None),
        ("app/more.yaml", Some(&map("more"))),
    ]);
    says_for_whom_it_waits(&stage, "app/other (its source is suspended)").await;
    let mut asked = asked_rarely(&stage, "third");
    asked["metadata"]["annotations"] = json!({api::kurator::annotation::SYNC: "now"});
    stage.apply(asked).await.unwrap();
    goes(&stage, "two").await;
    let stopped = std::mem::replace(&mut stage.hub, start_hub(&stage.dir.path().join("spare")).await);
    stopped.stop().await;
    let spare = std::mem::replace(&mut stage.hub, start_hub(stage.dir.path()).await);
    spare.stop().await;
    stage.commit(&[("app/more.yaml", None)]);
    goes(&stage, "more").await;
    assert_eq!(uid(&stage).await, Some(before.clone()));
    let mut resumed = asked_rarely(&stage, "other");
    resumed["spec"]["source"]["gitRepository"]["suspend"] = json!(false);
    stage.apply(resumed).await.unwrap();
    is_taken_over(&stage).await;
    assert_eq!(uid(&stage).await, Some(before), "it was made again");
}

/// One that the same commit breaks is to have what its files mention, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_that_a_commit_breaks_keeps_nothing_that_its_files_do_not_mention() {
    let stage = both(|stage| asked_rarely(stage, "other")).await;
    is_ready(&stage, "other").await;
    stage.commit(&[("app/moving.yaml", None), ("other/broken.yaml", Some("a: ["))]);
    goes(&stage, "moving").await;
}

/// What the other one is to have cannot be rendered from the files of the first one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_that_leaves_out_the_directory_of_another_one_hands_over_to_it() {
    let stage = both(|stage| asked_rarely(stage, "other")).await;
    is_ready(&stage, "other").await;
    let mut application = stage.application();
    application["spec"]["source"]["gitRepository"]["ignore"] = json!("/*\n!/app");
    stage.apply(application).await.unwrap();
    let before = uid(&stage).await.unwrap();
    let more = map("more");
    stage.commit(&[("app/more.yaml", Some(&more))]);
    until("the first one to read its own directory alone", async || {
        match maps(&stage).get_opt("more").await.unwrap() {
            Some(_) => Ok(()),
            None => Err("nothing yet".to_owned()),
        }
    })
    .await;
    moves(&stage);
    is_taken_over(&stage).await;
    assert_eq!(uid(&stage).await, Some(before), "it was made again");
}
