use client::{Class, Delete, Deletion, Discovery, Error, Propagation, Resource, Selection, Served, Verb};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::ResourceExt;
use kube::api::ObjectMeta;
use model::{GroupKind, GroupVersionKind};
use serde_json::json;

use crate::support::start;

#[tokio::test(start_paused = true)]
async fn an_object_lives_as_json() {
    let (_server, api) = start().await;
    let maps = Resource::core("ConfigMap", "configmaps", true);
    let target = maps.target("default", "a");
    assert_eq!(api.get(&target).await.unwrap(), None);
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}});
    let made = api.create(&maps, "default", &object).await.unwrap();
    assert_eq!(api.create(&maps, "default", &object).await.unwrap_err().reason(), "AlreadyExists");
    let read = api.get(&target).await.unwrap().unwrap();
    assert_eq!(read, made);
    let metadata = api.get_metadata(&target).await.unwrap().unwrap();
    assert_eq!((&metadata["kind"], &metadata["data"]), (&json!("PartialObjectMetadata"), &json!(null)));
    let merged = api.merge(&target, &json!({"data": {"y": "2"}})).await.unwrap();
    assert_eq!(merged["data"], json!({"x": "1", "y": "2"}));
    // The version that was read first is no longer the newest.
    let stale = api.replace(&target, &read).await.unwrap_err();
    assert!(stale.is_conflict() && stale.class() == Class::Reread);
    let stale = api.delete(&target, &Delete::exactly(&read)).await.unwrap_err();
    assert!(stale.is_conflict());
    let gone = api.delete(&target, &Delete::exactly(&merged).propagation(Propagation::Background)).await.unwrap();
    assert_eq!(gone, Deletion::Gone);
    assert_eq!(api.delete(&target, &Delete::default()).await.unwrap(), Deletion::Absent);
}

#[tokio::test(start_paused = true)]
async fn an_apply_says_whether_it_created_and_a_finalizer_keeps_what_is_deleted() {
    let (_server, api) = start().await;
    let maps = Resource::core("ConfigMap", "configmaps", true);
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "default", "name": "a", "finalizers": ["test.io/hold"]}});
    let target = maps.target_of(&object);
    let applied = api.apply(&target, &object).await.unwrap();
    assert!(applied.created);
    assert_eq!(applied.object["metadata"]["managedFields"][0]["manager"], "test");
    assert!(!api.apply(&target, &object).await.unwrap().created);
    let Deletion::Going(left) = api.delete(&target, &Delete::default()).await.unwrap() else { panic!("it went") };
    assert!(left["metadata"]["deletionTimestamp"].is_string());
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages_and_whole_collections_go() {
    let (_server, api) = start().await;
    let api = api.with_limits(client::Limits { page_objects: 3, ..client::Limits::default() });
    let maps = Resource::core("ConfigMap", "configmaps", true);
    for n in 0..8 {
        let labels = json!({"even": (n % 2 == 0).to_string()});
        let object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "m-", "labels": labels}});
        api.create(&maps, "default", &object).await.unwrap();
    }
    assert_eq!(api.count(&maps, "default").await.unwrap(), 8);
    assert_eq!(api.list(&maps, "", &Selection::default()).await.unwrap().items.len(), 8);
    let even = Selection { labels: "even=true".to_owned(), ..Selection::metadata() };
    let listed = api.list(&maps, "default", &even).await.unwrap();
    assert_eq!(listed.items.len(), 4);
    assert!(listed.items.iter().all(|item| item["kind"] == "PartialObjectMetadata"), "{:?}", listed.items[0]);
    api.delete_all(&maps, "default", &even, &Delete::default()).await.unwrap();
    assert_eq!(api.count(&maps, "default").await.unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn rust_types_are_the_same_requests() {
    let (_server, api) = start().await;
    let maps = api.typed::<ConfigMap>();
    let metadata = ObjectMeta { name: Some("a".into()), namespace: Some("default".into()), ..ObjectMeta::default() };
    let made = maps.create(&ConfigMap { metadata, ..ConfigMap::default() }).await.unwrap();
    let mut next = made.clone();
    next.data = Some([("x".to_owned(), "1".to_owned())].into());
    let replaced = maps.replace(&next).await.unwrap();
    assert_ne!(replaced.resource_version(), made.resource_version());
    assert!(maps.replace(&made).await.unwrap_err().is_conflict());
    assert_eq!(maps.get("default", "a").await.unwrap().unwrap(), replaced);
    let merged = maps.merge("default", "a", "", &json!({"data": {"x": null}})).await.unwrap();
    assert_eq!(merged.data, None);
    assert_eq!(maps.list("default", &Selection::default()).await.unwrap().items, [merged]);
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "default", "name": "b"}});
    assert!(maps.apply(&other).await.unwrap().created);
    maps.delete("default", "a", &Delete::default()).await.unwrap();
    assert_eq!(maps.get("default", "a").await.unwrap(), None);

    let spaces = api.typed::<Namespace>();
    let mut space = spaces.get("", "default").await.unwrap().unwrap();
    let condition = |type_: &str| json!({"type": type_, "status": "True"});
    let status = json!({"phase": "Active", "conditions": [condition("X")]});
    space.status = serde_json::from_value(status).unwrap();
    let written = spaces.replace_status(&space).await.unwrap();
    let types = |space: &Namespace| -> Vec<String> {
        let conditions = space.status.as_ref().unwrap().conditions.iter().flatten();
        conditions.map(|condition| condition.type_.clone()).collect()
    };
    assert_eq!(types(&written), ["X"]);
    assert!(spaces.replace_status(&space).await.unwrap_err().is_conflict(), "at the version that was read");
    let part = |uid: &str| {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default", "uid": uid},
            "status": {"conditions": [condition("Y")]}})
    };
    let written = spaces.apply_status(&part(&space.uid().unwrap())).await.unwrap();
    assert_eq!(types(&written), ["X", "Y"], "what others have there stays");
    let other = spaces.apply_status(&part("another")).await.unwrap_err();
    // The server applies a status whatever UID is named; its answer tells that it was another object's.
    assert!(matches!(other, Error::Mismatch { .. }), "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_fields_that_are_wrong() {
    let (_server, api) = start().await;
    let maps = Resource::core("ConfigMap", "configmaps", true);
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "Not A Name"}});
    let error = api.create(&maps, "default", &object).await.unwrap_err();
    assert_eq!(
        (error.class(), error.reason(), error.fields()),
        (Class::AwaitChange, "Invalid", &["metadata.name".to_owned()][..])
    );
    assert!(!error.is_ambiguous());
}

#[tokio::test(start_paused = true)]
async fn discovery_finds_what_the_server_serves() {
    let (_server, api) = start().await;
    let served = Served::discover(&api).await.unwrap();
    assert!(served.failed.is_empty());
    let deployments = served.kind("apps", "Deployment").unwrap();
    assert!(deployments.namespaced && deployments.can(Verb::DeleteCollection));
    assert!(served.kinds.iter().all(|kind| !kind.plural.contains('/')));
    let discovery = Discovery::new(api);
    let found = discovery.resolve(&GroupVersionKind::new("apps", "v1", "Deployment")).await.unwrap();
    assert_eq!(&found, deployments);
    let any = discovery.find_any_version(&GroupKind::new("apps", "Deployment")).await.unwrap();
    assert_eq!(any.as_ref(), Some(&found));
    let missing = discovery.resolve(&GroupVersionKind::new("apps", "v2", "Deployment")).await.unwrap_err();
    assert!(matches!(missing, Error::NoKind { .. }), "{missing:?}");
}
