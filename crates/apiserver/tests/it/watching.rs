//! Watches: order, transitions of selectors, initial events.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{PostParams, WatchEvent, WatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::json;

use crate::support::{ask, client, config_map, get, post, server};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
/// No wait here takes long; a broken watch fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(10);

fn summary(event: &WatchEvent<ConfigMap>) -> String {
    match event {
        WatchEvent::Added(o) => format!("ADDED {}", o.metadata.name.as_deref().unwrap_or_default()),
        WatchEvent::Modified(o) => format!("MODIFIED {}", o.metadata.name.as_deref().unwrap_or_default()),
        WatchEvent::Deleted(o) => format!("DELETED {}", o.metadata.name.as_deref().unwrap_or_default()),
        WatchEvent::Bookmark(b) => format!("BOOKMARK {:?}", b.metadata.annotations),
        WatchEvent::Error(e) => format!("ERROR {}", e.message),
    }
}

#[tokio::test]
async fn an_object_that_comes_and_goes_from_a_selector_is_added_and_deleted() {
    let server = server().await;
    let api: Api<ConfigMap> = Api::namespaced(client(&server), "default");
    let (_, list) = get(&server, MAPS).await;
    let start = list["metadata"]["resourceVersion"].as_str().expect("a revision").to_owned();
    let params = WatchParams::default().labels("team=a");
    let mut events = api.watch(&params, &start).await.expect("watches").boxed();
    api.create(&PostParams::default(), &config_map("m", "k", "1")).await.expect("creates");
    for team in ["a", "a", "b"] {
        let body = json!({"metadata": {"labels": {"team": team}}, "data": {"k": team}}).to_string();
        ask(&server, "PATCH", &format!("{MAPS}/m"), "application/merge-patch+json", &body).await;
    }
    let body = json!({"metadata": {"labels": {"team": "a"}}}).to_string();
    ask(&server, "PATCH", &format!("{MAPS}/m"), "application/merge-patch+json", &body).await;
    let body = json!({"data": {"k": "z"}}).to_string();
    ask(&server, "PATCH", &format!("{MAPS}/m"), "application/merge-patch+json", &body).await;
    ask(&server, "DELETE", &format!("{MAPS}/m"), "", "").await;
    let mut seen = Vec::new();
    while seen.len() < 5 {
        let event = tokio::time::timeout(PATIENCE, events.try_next()).await.expect("in time").expect("an event");
        seen.push(summary(&event.expect("the watch goes on")));
    }
    assert_eq!(seen, ["ADDED m", "DELETED m", "ADDED m", "MODIFIED m", "DELETED m"]);
}

#[tokio::test]
async fn a_streaming_list_ends_with_its_bookmark() {
    let server = server().await;
    for index in 0..3 {
        post(&server, MAPS, &json!({"metadata": {"name": format!("m{index}")}})).await;
    }
    let api: Api<ConfigMap> = Api::namespaced(client(&server), "default");
    let config = watcher::Config::default().streaming_lists();
    let mut stream = watcher(api, config).default_backoff().boxed();
    let mut names = Vec::new();
    loop {
        let event = tokio::time::timeout(PATIENCE, stream.try_next()).await.expect("in time").expect("no error");
        match event.expect("the stream goes on") {
            watcher::Event::InitApply(o) => names.push(o.metadata.name.unwrap_or_default()),
            watcher::Event::InitDone => break,
            _ => {}
        }
    }
    assert_eq!(names, ["m0", "m1", "m2"]);
}

#[tokio::test]
async fn a_watch_ends_when_its_time_is_up_and_when_the_server_closes() {
    let server = server().await;
    let (code, all) = get(&server, &format!("{MAPS}?watch=true&timeoutSeconds=1")).await;
    assert_eq!((code, all.as_str()), (200, Some("")), "nothing happened, then it ended");
    let open = tokio::spawn({
        let server = server.clone();
        async move { get(&server, &format!("{MAPS}?watch=1")).await }
    });
    server.close();
    let ended = tokio::time::timeout(PATIENCE, open).await.expect("in time").expect("no panic");
    assert_eq!(ended.0, 200);
}

#[tokio::test]
async fn an_old_revision_is_gone() {
    let server = server().await;
    let (code, status) = get(&server, &format!("{MAPS}?watch=true&resourceVersion=999999")).await;
    assert_eq!((code, status["reason"].as_str()), (504, Some("Timeout")));
}
