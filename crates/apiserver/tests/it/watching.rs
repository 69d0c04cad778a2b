//! Watches: order, transitions of selectors, initial events.

use std::time::Duration;

use apiserver::UserInfo;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use http_body_util::{BodyExt as _, Full};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{PostParams, WatchEvent, WatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::{client, config_map, get, post, send_request, server};

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
        send_request(&server, "PATCH", &format!("{MAPS}/m"), "application/merge-patch+json", &body).await;
    }
    let body = json!({"metadata": {"labels": {"team": "a"}}}).to_string();
    send_request(&server, "PATCH", &format!("{MAPS}/m"), "application/merge-patch+json", &body).await;
    let body = json!({"data": {"k": "z"}}).to_string();
    send_request(&server, "PATCH", &format!("{MAPS}/m"), "application/merge-patch+json", &body).await;
    send_request(&server, "DELETE", &format!("{MAPS}/m"), "", "").await;
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

/// Frames of a raw watch as JSON lines.
async fn frames(server: &apiserver::ApiServer, path: &str, count: usize) -> Vec<Value> {
    let request = http::Request::get(path)
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
        .body(Full::new(Bytes::new()))
        .expect("a request");
    let answer = server.service_as(UserInfo::master("w")).oneshot(request).await.expect("infallible");
    let mut body = answer.into_body();
    let mut lines = Vec::new();
    while lines.len() < count {
        let frame = tokio::time::timeout(PATIENCE * 20, body.frame()).await.expect("in time").expect("goes on");
        let bytes = frame.expect("infallible").into_data().expect("data");
        lines.extend(
            bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).expect("JSON")),
        );
    }
    lines
}

#[tokio::test]
async fn a_watch_of_tables_names_its_columns_once() {
    let server = server().await;
    for index in 0..2 {
        post(&server, MAPS, &json!({"metadata": {"name": format!("m{index}")}, "data": {"k": "v"}})).await;
    }
    let lines = frames(&server, &format!("{MAPS}?watch=1"), 2).await;
    assert_eq!(lines[0]["object"]["columnDefinitions"][1]["name"], "Data");
    assert_eq!(lines[1]["object"]["columnDefinitions"], json!([]));
    assert_eq!(lines[1]["object"]["rows"][0]["cells"][0], "m1");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_still_moves_on_by_bookmarks() {
    let server = server().await;
    let (_, list) = get(&server, MAPS).await;
    let start = list["metadata"]["resourceVersion"].as_str().expect("a revision").to_owned();
    // Something else happens: the watch sees nothing, and learns that it missed nothing.
    post(&server, "/api/v1/namespaces", &json!({"metadata": {"name": "other"}})).await;
    let path = format!("{MAPS}?watch=1&allowWatchBookmarks=true&resourceVersion={start}");
    let lines = frames(&server, &path, 1).await;
    assert_eq!(lines[0]["type"], "BOOKMARK");
    assert_ne!(lines[0]["object"]["metadata"]["resourceVersion"].as_str(), Some(start.as_str()));
}

#[tokio::test(start_paused = true)]
async fn a_watch_says_how_far_it_came_shortly_before_it_ends() {
    let server = server().await;
    let (_, list) = get(&server, MAPS).await;
    let start = list["metadata"]["resourceVersion"].as_str().expect("a revision").to_owned();
    for (seconds, bookmarks) in [(1, 0), (50, 1), (300, 5)] {
        let began = tokio::time::Instant::now();
        let query = format!("watch=1&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={start}");
        let (_, all) = get(&server, &format!("{MAPS}?{query}")).await;
        let said = all.to_string().matches("BOOKMARK").count();
        assert_eq!((said, began.elapsed().as_secs()), (bookmarks, seconds), "{all}");
    }
}

#[tokio::test]
async fn a_compacted_revision_is_gone_and_a_list_can_go_on_without_it() {
    let config = crate::support::config();
    let store = config.store.clone();
    let server = apiserver::ApiServer::start(config).await.expect("starts");
    for index in 0..3 {
        post(&server, MAPS, &json!({"metadata": {"name": format!("m{index}")}})).await;
    }
    let (_, list) = get(&server, &format!("{MAPS}?limit=1")).await;
    let start = list["metadata"]["resourceVersion"].as_str().expect("a revision").to_owned();
    post(&server, MAPS, &json!({"metadata": {"name": "m3"}})).await;
    store.compact(store.revision()).await.expect("compacts");
    let (code, status) = get(&server, &format!("{MAPS}?watch=1&resourceVersion={start}")).await;
    assert_eq!((code, status["reason"].as_str()), (410, Some("Expired")), "{status}");
    // A token of another life of the server: its revision is not there.
    let mut config = crate::support::config();
    config.store = store;
    let again = apiserver::ApiServer::start(config).await.expect("starts");
    let token = list["metadata"]["continue"].as_str().expect("a token");
    let (code, status) = get(&again, &format!("{MAPS}?continue={token}")).await;
    assert_eq!((code, status["reason"].as_str()), (410, Some("Expired")));
    let token = status["metadata"]["continue"].as_str().expect("a token that goes on");
    let (_, rest) = get(&again, &format!("{MAPS}?continue={token}")).await;
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(3), "m1 to m3, at the newest revision");
}

#[tokio::test]
async fn a_revision_of_the_future_is_refused() {
    let server = server().await;
    let (code, status) = get(&server, &format!("{MAPS}?watch=true&resourceVersion=999999")).await;
    assert_eq!((code, status["reason"].as_str()), (504, Some("Timeout")));
}
