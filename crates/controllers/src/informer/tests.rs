use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ObjectMeta;

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

fn informer() -> Arc<Informer<ConfigMap>> {
    let terms = |m: &ConfigMap| m.data.iter().flatten().map(|(key, _)| key.clone()).collect();
    Informer::indexed(vec![Index { name: "about", terms }])
}

fn about(informer: &Informer<ConfigMap>, term: &str) -> Vec<String> {
    informer.by("about", term).iter().map(|m| m.name_any()).collect()
}

#[test]
fn an_index_follows_every_change() {
    let informer = informer();
    informer.put(map("b", 1, &["x", "y"]));
    informer.put(map("a", 2, &["x"]));
    assert_eq!((about(&informer, "x"), about(&informer, "y")), (vec!["a".into(), "b".into()], vec!["b".into()]));
    informer.learn(map("b", 3, &["z"]));
    assert_eq!((about(&informer, "x"), about(&informer, "z")), (vec!["a".into()], vec!["b".into()]));
    informer.remove(&map("a", 4, &["x"]));
    assert!(about(&informer, "x").is_empty());
    let listed = [map("c", 5, &["x"])].map(|m| (Key::of(&m), Arc::new(m)));
    informer.replace(listed.into_iter().collect());
    assert_eq!((about(&informer, "x"), about(&informer, "z")), (vec!["c".into()], Vec::new()));
}

#[test]
fn an_answer_that_comes_after_the_deletion_brings_nothing_back() {
    let informer = informer();
    informer.put(map("a", 1, &[]));
    // Somebody deletes what this process has just written; the watch is faster than the answer to the write.
    informer.remove(&map("a", 3, &[]));
    informer.learn(map("a", 2, &[]));
    assert!(informer.list().is_empty());
    informer.learn(map("a", 4, &[]));
    assert_eq!(informer.list().len(), 1, "made anew");
}

#[test]
fn a_deletion_that_comes_after_the_object_was_made_anew_takes_nothing_away() {
    let informer = informer();
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = told.clone();
    informer.on_change(move |_, object| seen.lock().unwrap().push(object.is_some()));
    informer.put(map("a", 1, &[]));
    informer.learn(map("a", 3, &[]));
    informer.remove(&map("a", 2, &[]));
    assert_eq!(informer.list().len(), 1);
    informer.put(map("a", 3, &[]));
    assert_eq!(*told.lock().unwrap(), [true, true]);
}
