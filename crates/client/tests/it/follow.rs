use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::{Index, NamespacedName, Resource, Selection, Store, Watch};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::start;

/// How long anything may take. Time is paused, so waiting for it costs nothing.
const DEADLINE: Duration = Duration::from_secs(60);

fn map(name: &str, team: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"team": team}})
}

#[tokio::test(start_paused = true)]
async fn a_store_follows_a_kind_and_its_writer_sees_its_own_writes() {
    let (_server, api) = start().await;
    let maps = Resource::core("ConfigMap", "configmaps", true);
    api.create(&maps, "default", &map("a", "red")).await.unwrap();
    let team = |map: &ConfigMap| map.data.iter().flatten().map(|(_, value)| value.clone()).collect();
    let store = Store::<ConfigMap>::typed(vec![Index { name: "team", terms: team }]);
    let changed = Arc::new(tokio::sync::Notify::new());
    let (told, news) = (Arc::new(Mutex::new(Vec::new())), changed.clone());
    let seen = told.clone();
    store.on_change(move |name, object| {
        seen.lock().unwrap().push(format!("{}{name}", if object.is_some() { '+' } else { '-' }));
        news.notify_one();
    });
    let stop = CancellationToken::new();
    let (running, watch, stopped) = (store.clone(), store.watch(api.clone()).namespace("default"), stop.clone());
    let task = tokio::spawn(async move { running.run(watch, stopped).await });
    timeout(DEADLINE, store.synced()).await.unwrap();
    assert_eq!(store.by_index("team", "red").len(), 1);

    let typed = api.typed::<ConfigMap>();
    let mut b = typed.create(&serde_json::from_value(in_default(map("b", "red"))).unwrap()).await.unwrap();
    store.learn(b.clone());
    assert_eq!(store.by_index("team", "red").len(), 2, "before the watch says so");
    b.data = Some([("team".to_owned(), "blue".to_owned())].into());
    typed.replace(&b).await.unwrap();
    typed.delete("default", "a", &Default::default()).await.unwrap();
    let done = async {
        while told.lock().unwrap().len() < 4 {
            changed.notified().await;
        }
    };
    timeout(DEADLINE, done).await.unwrap();
    assert_eq!(*told.lock().unwrap(), ["+default/a", "+default/b", "+default/b", "-default/a"]);
    assert_eq!(store.by_index("team", "blue")[0].name_any(), "b");
    assert!(store.by_index("team", "red").is_empty());
    stop.cancel();
    task.await.unwrap();
}

fn in_default(mut object: Value) -> Value {
    object["metadata"]["namespace"] = json!("default");
    object
}

#[tokio::test(start_paused = true)]
async fn a_store_of_json_follows_what_is_selected() {
    let (_server, api) = start().await;
    let maps = Arc::new(Resource::core("ConfigMap", "configmaps", true));
    for (name, mine) in [("a", "yes"), ("b", "no")] {
        let mut object = map(name, "red");
        object["metadata"]["labels"] = json!({"mine": mine});
        api.create(&maps, "default", &object).await.unwrap();
    }
    let store = Store::dynamic(maps.clone(), Vec::new());
    let selection = Selection { labels: "mine=yes".to_owned(), ..Selection::metadata() };
    let (running, watch) = (store.clone(), store.watch(api.clone()).selection(selection));
    let task = tokio::spawn(async move { running.run(watch, CancellationToken::new()).await });
    timeout(DEADLINE, store.synced()).await.unwrap();
    assert_eq!(store.len(), 1);
    let a = store.get(&NamespacedName::new("default", "a")).unwrap();
    assert_eq!(a["data"], Value::Null, "metadata only");
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_lives_on_bookmarks_and_goes_on_without_a_list() {
    let (server, api) = start().await;
    let maps = Arc::new(Resource::core("ConfigMap", "configmaps", true));
    let (lists, written) = (Arc::new(Mutex::new(0)), server.counters().mutations());
    let count = lists.clone();
    let watch = Watch::new(api, maps, |_| Some(()));
    let following = watch.follow(move |event| {
        if matches!(event, client::Event::Listed(..)) {
            *count.lock().unwrap() += 1;
        }
    });
    assert!(timeout(Duration::from_secs(86_400), following).await.is_err(), "it follows for ever");
    assert_eq!(*lists.lock().unwrap(), 1);
    assert_eq!(server.counters().mutations(), written);
}
