use std::sync::Mutex;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ObjectMeta;
use serde_json::json;

use super::*;

fn map(name: &str, revision: u64, about: &[&str]) -> ConfigMap {
    let data = about.iter().map(|a| ((*a).to_owned(), String::new())).collect();
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            resource_version: Some(revision.to_string()),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..ConfigMap::default()
    }
}

fn store() -> Arc<Store<ConfigMap>> {
    let terms = |m: &ConfigMap| m.data.iter().flatten().map(|(key, _)| key.clone()).collect();
    Store::typed(vec![Index { name: "about", terms }])
}

#[test]
fn who_owns_which_field_is_kept_only_where_somebody_asks() {
    let owned = || {
        let mut map = map("a", 1, &["x"]);
        map.metadata.managed_fields = Some(vec![Default::default()]);
        map
    };
    let (all, slim) = (store(), Store::<ConfigMap>::without_managed_fields(Vec::new()));
    for (store, kept) in [(all, true), (slim, false)] {
        let has_fields = |object: ConfigMap| object.metadata.managed_fields.is_some();
        let read = (store.reader.parse)(serde_json::to_value(owned()).unwrap()).unwrap();
        store.learn(owned());
        let learned = ConfigMap::clone(&store.get(&NamespacedName::new("", "a")).unwrap());
        assert_eq!((has_fields(read), has_fields(learned)), (kept, kept));
    }
}

fn apply(store: &Store<ConfigMap>, object: ConfigMap) {
    store.apply_event(Event::Applied(object, None));
}

fn remove(store: &Store<ConfigMap>, object: ConfigMap) {
    store.apply_event(Event::Deleted(object, None));
}

fn about(store: &Store<ConfigMap>, term: &str) -> Vec<String> {
    store.by_index("about", term).iter().map(|m| m.name_any()).collect()
}

/// What listeners are told: `+name` and `-name`.
fn record_calls<K: Send + Sync + 'static>(store: &Store<K>) -> Arc<Mutex<Vec<String>>> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = told.clone();
    store.on_change(move |name, object| {
        seen.lock().unwrap().push(format!("{}{name}", if object.is_some() { '+' } else { '-' }));
    });
    told
}

#[test]
fn an_index_follows_every_change() {
    let store = store();
    apply(&store, map("b", 1, &["x", "y"]));
    apply(&store, map("a", 2, &["x"]));
    assert_eq!((about(&store, "x"), about(&store, "y")), (vec!["a".into(), "b".into()], vec!["b".into()]));
    store.learn(map("b", 3, &["z"]));
    assert_eq!((about(&store, "x"), about(&store, "z")), (vec!["a".into()], vec!["b".into()]));
    remove(&store, map("a", 4, &["x"]));
    assert!(about(&store, "x").is_empty());
    store.apply_event(Event::Listed(vec![map("c", 5, &["x"])], Some(5)));
    assert_eq!((about(&store, "x"), about(&store, "z")), (vec!["c".into()], Vec::new()));
    assert_eq!(store.len(), 1);
}

#[test]
fn an_answer_that_comes_after_the_deletion_brings_nothing_back() {
    let store = store();
    apply(&store, map("a", 1, &[]));
    // Somebody deletes what this process has just written; the watch is faster than the answer to the write.
    remove(&store, map("a", 3, &[]));
    store.learn(map("a", 2, &[]));
    assert!(store.is_empty());
    store.learn(map("a", 4, &[]));
    assert_eq!(store.len(), 1, "made again");
}

#[test]
fn a_deletion_that_comes_after_the_object_was_made_anew_takes_nothing_away() {
    let store = store();
    let told = record_calls(&store);
    apply(&store, map("a", 1, &[]));
    store.learn(map("a", 3, &[]));
    remove(&store, map("a", 2, &[]));
    assert_eq!(store.len(), 1);
    apply(&store, map("a", 3, &[]));
    assert_eq!(*told.lock().unwrap(), ["+a", "+a"]);
}

#[test]
fn a_second_list_tells_what_changed_and_keeps_what_is_newer_than_it() {
    let store = store();
    let told = record_calls(&store);
    assert!(!store.is_synced());
    store.apply_event(Event::Listed(vec![map("a", 1, &[]), map("b", 2, &["x"]), map("c", 3, &[])], Some(3)));
    assert!(store.is_synced());
    assert_eq!(std::mem::take(&mut *told.lock().unwrap()), ["+a", "+b", "+c"]);
    // While the list was on its way, this process wrote b again and made e.
    store.learn(map("b", 12, &["y"]));
    store.learn(map("e", 13, &[]));
    store.apply_event(Event::Listed(vec![map("a", 1, &[]), map("b", 5, &["x"]), map("d", 6, &[])], Some(10)));
    assert_eq!(*told.lock().unwrap(), ["-c", "+d"], "a is the same, b and e are newer");
    let names: Vec<String> = store.list().iter().map(|m| m.name_any()).collect();
    assert_eq!(names, ["a", "b", "d", "e"]);
    assert_eq!((about(&store, "x").len(), about(&store, "y").len()), (0, 1));
    // What the list did not have is known to be deleted at its version.
    store.learn(map("c", 9, &[]));
    assert_eq!(store.get(&NamespacedName::new("", "c")), None);
}

#[test]
fn a_list_that_comes_before_the_event_of_an_own_write_tells_of_it_once() {
    let store = store();
    let told = record_calls(&store);
    store.apply_event(Event::Listed(vec![map("a", 1, &[]), map("b", 2, &[])], Some(2)));
    told.lock().unwrap().clear();
    // This process writes b and c. The watch ends before it delivers them, and lists again.
    store.learn(map("b", 12, &["x"]));
    store.learn(map("c", 13, &[]));
    let listed = || vec![map("a", 1, &[]), map("b", 12, &["x"]), map("c", 13, &[])];
    store.apply_event(Event::Listed(listed(), Some(13)));
    assert_eq!(std::mem::take(&mut *told.lock().unwrap()), ["+b", "+c"]);
    assert_eq!(about(&store, "x"), ["b"]);
    store.apply_event(Event::Listed(listed(), Some(13)));
    assert_eq!(*told.lock().unwrap(), [""; 0], "told already");
    // A write whose event came is not told again by a list.
    store.learn(map("a", 14, &[]));
    apply(&store, map("a", 14, &[]));
    store.apply_event(Event::Listed(vec![map("a", 14, &[]), map("b", 12, &["x"]), map("c", 13, &[])], Some(14)));
    assert_eq!(*told.lock().unwrap(), ["+a"]);
}

#[test]
fn kinds_without_a_rust_type_are_kept_as_json() {
    let resource = Arc::new(Resource::new("example.com", "v1", "Box", "boxes", true));
    let owner = |value: &Value| vec![value["spec"]["owner"].as_str().unwrap_or_default().to_owned()];
    let store = Store::dynamic(resource, vec![Index { name: "owner", terms: owner }]);
    let told = record_calls(&store);
    let a_box = |namespace: &str, name: &str, version: &str| json!({"metadata": {"namespace": namespace, "name": name, "resourceVersion": version}, "spec": {"owner": "me"}});
    store.apply_event(Event::Listed(vec![a_box("b", "x", "2"), a_box("a", "x", "1")], Some(2)));
    store.apply_event(Event::Applied(a_box("a", "y", "3"), Some(3)));
    assert_eq!(store.list_in("a").len(), 2);
    assert_eq!(store.by_index("owner", "me").len(), 3);
    store.apply_event(Event::Deleted(a_box("b", "x", "4"), Some(4)));
    assert_eq!(*told.lock().unwrap(), ["+a/x", "+b/x", "+a/y", "-b/x"]);
    assert!(store.get(&NamespacedName::new("b", "x")).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_object_of_the_wrong_form_is_passed_over_and_the_others_are_seen() {
    let (api, _) = crate::fake::server(|nth, _| async move {
        let item = |name: &str, data: Value| json!({"metadata": {"namespace": "shop", "name": name}, "data": data});
        let page = json!({"kind": "ConfigMapList", "metadata": {"resourceVersion": "1"},
            "items": [item("bad", json!(7)), item("good", json!({"a": "b"}))]});
        match nth {
            0 => crate::fake::reply(200, crate::fake::closed(vec![page.to_string()])),
            _ => crate::fake::reply(200, crate::fake::open(vec![])),
        }
    });
    let store = Store::<ConfigMap>::typed(Vec::new());
    let stop = CancellationToken::new();
    let (running, stopped) = (store.clone(), stop.clone());
    let task = tokio::spawn(async move { running.run(running.watch(api), stopped).await });
    store.synced().await;
    assert_eq!(store.list().iter().map(|m| m.name_any()).collect::<Vec<_>>(), ["good"]);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_costs_that_call_and_everything_is_told_again() {
    let page = || {
        let item = |name: &str| json!({"metadata": {"namespace": "shop", "name": name, "resourceVersion": "1"}});
        json!({"kind": "ConfigMapList", "metadata": {"resourceVersion": "1"}, "items": [item("a"), item("b")]})
    };
    let (api, _) = crate::fake::server(move |_, asked| {
        let is_watch = asked.line.contains("watch=true");
        async move {
            match is_watch {
                true => crate::fake::reply(200, crate::fake::open(vec![])),
                false => crate::fake::reply(200, crate::fake::closed(vec![page().to_string()])),
            }
        }
    });
    let store = Store::<ConfigMap>::typed(Vec::new());
    let panics = std::sync::atomic::AtomicU32::new(0);
    store.on_change(move |_, _| assert!(panics.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0, "a bug"));
    let told = record_calls(&store);
    let stop = CancellationToken::new();
    let (running, stopped) = (store.clone(), stop.clone());
    let task = tokio::spawn(async move {
        let (metrics, jitter) = (crate::Metrics::default(), crate::retry::steady());
        let run = || running.run(running.watch(api.clone()), stopped.clone());
        crate::contain::restarting("watch", metrics, jitter, run).await;
    });
    store.synced().await;
    stop.cancel();
    task.await.unwrap();
    // The listener after the one that panicked missed nothing, and the second list told both of everything.
    assert_eq!(*told.lock().unwrap(), ["+shop/a", "+shop/b", "+shop/a", "+shop/b"]);
}
