use std::time::Duration;

use serde_json::json;

use super::*;
use crate::fake::{UNKNOWN_PATH, simple};
use crate::resource::Verb;

fn kinds(version: &str) -> String {
    let resources = json!([
        {"name": "horizontalpodautoscalers", "kind": "HorizontalPodAutoscaler", "namespaced": true, "verbs": ["get", "watch"]},
        {"name": "horizontalpodautoscalers/status", "kind": "HorizontalPodAutoscaler", "namespaced": true, "verbs": ["get"]},
        {"name": "", "kind": "Nameless"}, {"name": "kindless"},
    ]);
    json!({"kind": "APIResourceList", "groupVersion": version, "resources": resources}).to_string()
}

fn group() -> Value {
    json!({"name": "autoscaling", "preferredVersion": {"version": "v2"}, "versions": [{"version": "v1"}, {"version": "v2"}]})
}

fn scaler(version: &str) -> GroupVersionKind {
    GroupVersionKind::new("autoscaling", version, "HorizontalPodAutoscaler")
}

#[tokio::test(start_paused = true)]
async fn everything_is_found_in_its_preferred_version_and_what_fails_is_named() {
    let (api, _) = simple(|_, asked| match asked.line.as_str() {
        "GET /apis" => {
            let broken = json!({"name": "broken.example", "versions": [{"version": "v1"}]});
            (200, json!({"kind": "APIGroupList", "groups": [group(), broken]}).to_string())
        }
        "GET /api/v1" => (200, json!({"groupVersion": "v1", "resources": []}).to_string()),
        "GET /apis/autoscaling/v1" => (200, kinds("autoscaling/v1")),
        "GET /apis/autoscaling/v2" => (200, kinds("autoscaling/v2")),
        _ => (500, json!({"message": "it is down"}).to_string()),
    });
    let served = Served::discover(&api).await.unwrap();
    assert_eq!(served.kinds.len(), 1);
    let kind = served.kind("autoscaling", "HorizontalPodAutoscaler").unwrap();
    assert_eq!((kind.version.as_str(), kind.can(Verb::Watch), kind.can(Verb::Delete)), ("v2", true, false));
    assert_eq!(kind.target("a", "b").path(), "/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers/b");
    assert_eq!(served.failed.into_iter().collect::<Vec<_>>(), [("broken.example/v1".into(), "it is down".into())]);
}

#[tokio::test(start_paused = true)]
async fn a_kind_is_asked_for_once_and_one_that_is_missing_at_most_every_half_second() {
    let (api, log) = simple(|_, _| (200, kinds("autoscaling/v1")));
    let discovery = Discovery::new(api);
    let scaler = scaler("v1");
    let both = futures::join!(discovery.find(&scaler), discovery.find(&scaler));
    assert!(both.0.unwrap().is_some() && both.1.unwrap().is_some());
    assert_eq!(log.lock().unwrap().len(), 1, "who comes second waits for the first");
    let missing = GroupVersionKind::new("autoscaling", "v1", "Other");
    for _ in 0..100 {
        assert!(discovery.find(&missing).await.unwrap().is_none());
    }
    assert_eq!(log.lock().unwrap().len(), 1);
    tokio::time::advance(limit::DISCOVERY_REFRESH + Duration::from_millis(1)).await;
    let error = discovery.resolve(&missing).await.unwrap_err();
    assert_eq!(error.to_string(), "Other.autoscaling is not served in autoscaling/v1");
    assert_eq!(log.lock().unwrap().len(), 3, "the document, and which versions the group has");
    discovery.forget("autoscaling");
    assert!(discovery.find(&scaler).await.unwrap().is_some());
    assert_eq!(log.lock().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn any_version_will_do_where_any_is_asked_for() {
    let (api, _) = simple(|_, asked| match asked.line.as_str() {
        "GET /apis/autoscaling" => (200, group().to_string()),
        "GET /apis/autoscaling/v1" => (200, kinds("autoscaling/v1")),
        _ => (404, UNKNOWN_PATH.to_owned()),
    });
    let discovery = Discovery::new(api);
    let kind = GroupKind::new("autoscaling", "HorizontalPodAutoscaler");
    assert_eq!(discovery.find_any_version(&kind).await.unwrap().unwrap().version, "v1", "v2 is not there after all");
    assert!(discovery.find_any_version(&GroupKind::new("other", "Kind")).await.unwrap().is_none());
    assert!(discovery.find_any_version(&GroupKind::new("", "Pod")).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_served_in_another_version_is_said_with_it_and_asked_for_once() {
    let (api, log) = simple(|_, asked| match asked.line.as_str() {
        "GET /apis/autoscaling" => (200, group().to_string()),
        "GET /apis/autoscaling/v2" => (200, kinds("autoscaling/v2")),
        _ => (404, UNKNOWN_PATH.to_owned()),
    });
    let discovery = Discovery::new(api);
    for _ in 0..100 {
        match discovery.resolve(&scaler("v1")).await {
            Err(Error::NoKind { served, .. }) => assert_eq!(served.as_deref(), Some("autoscaling/v2")),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(log.lock().unwrap().len(), 3, "v1, the group, v2");
    // Another kind that no version has.
    let missing = GroupVersionKind::new("autoscaling", "v1", "Other");
    assert!(matches!(discovery.resolve(&missing).await, Err(Error::NoKind { served: None, .. })));
}

#[tokio::test(start_paused = true)]
async fn a_document_about_another_version_is_refused_and_names_of_versions_do_not_add_up() {
    let (api, _) = simple(|_, _| (200, kinds("autoscaling/v1")));
    let discovery = Discovery::new(api);
    assert!(matches!(discovery.find(&scaler("v2")).await, Err(Error::Mismatch { .. })));
    let (api, _) = simple(|_, _| (404, UNKNOWN_PATH.to_owned()));
    let discovery = Discovery::new(api);
    for n in 0..2 * limit::DISCOVERY_DOCUMENTS_MAX {
        assert!(discovery.find(&GroupVersionKind::new("g", format!("v{n}"), "K")).await.unwrap().is_none());
    }
    assert!(discovery.lock_known().len() <= limit::DISCOVERY_DOCUMENTS_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_server_with_groups_without_end_is_not_asked_for_each() {
    let (api, log) = simple(|_, _| {
        let groups: Vec<Value> =
            (0..1000).map(|n| json!({"name": format!("g{n}"), "versions": [{"version": "v1"}]})).collect();
        (200, json!({"kind": "APIGroupList", "groups": groups}).to_string())
    });
    assert!(matches!(Served::discover(&api).await, Err(Error::Endless { .. })));
    assert_eq!(log.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_of_a_document_has_a_size() {
    let find = async |resources: Value, kind: &str| {
        let body = json!({"groupVersion": "g.io/v1", "resources": resources}).to_string();
        let (api, _) = simple(move |_, _| (200, body.clone()));
        Discovery::new(api).find(&GroupVersionKind::new("g.io", "v1", kind)).await
    };
    let long = "x".repeat(limit::KIND_BYTES_MAX + 1);
    let table = [
        ("things", "Thing", true),
        ("things", &long[1..], true),
        ("things", &long, false),
        (&long, "Thing", false),
        ("../../v1/secrets", "Thing", false),
        ("things?x=", "Thing", false),
        ("things", "Thing\u{1b}", false),
    ];
    for (plural, kind, right) in table {
        let found = find(json!([{"name": plural, "kind": kind}]), kind).await.unwrap();
        assert_eq!(found.is_some(), right, "{plural} {kind}");
    }
    let max = limit::DISCOVERY_KINDS_MAX;
    let many = |count: usize| Value::from(vec![json!({"name": "a", "kind": "B"}); count]);
    assert!(find(many(max), "B").await.unwrap().is_some());
    let error = find(many(max + 1), "B").await.unwrap_err();
    assert!(matches!(error, Error::Endless { of: "kinds in a group version", .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_no_server_can_have_is_not_asked_for() {
    let (api, log) = simple(|_, _| (200, "{}".to_owned()));
    for (group, version) in [("g".repeat(254), "v1".to_owned()), ("g".to_owned(), "v".repeat(64))] {
        let kind = GroupVersionKind::new(group, version, "Thing");
        assert!(Discovery::new(api.clone()).find(&kind).await.unwrap().is_none());
    }
    assert!(log.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn kinds_of_many_documents_are_forgotten_together() {
    let (api, log) = simple(|_, asked| {
        let version = asked.line.rsplit('/').next().unwrap();
        let resources = vec![json!({"name": "a", "kind": "B"}); limit::DISCOVERY_KINDS_MAX];
        (200, json!({"groupVersion": format!("g/{version}"), "resources": resources}).to_string())
    });
    let discovery = Discovery::new(api);
    for n in 0..20 {
        assert!(discovery.find(&GroupVersionKind::new("g", format!("v{n}"), "B")).await.unwrap().is_some());
        let slots: Vec<Slot> = discovery.lock_known().values().cloned().collect();
        let kept: usize = slots.iter().map(|slot| slot.try_lock().unwrap().resources.len()).sum();
        assert!(kept <= limit::DISCOVERY_KEPT_MAX, "{kept}");
    }
    assert_eq!(log.lock().unwrap().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn servers_that_say_the_same_share_it_while_it_is_used() {
    let documents = Documents::default();
    let server = |version: &'static str| {
        let (api, _) = simple(move |_, _| (200, kinds(version)));
        Discovery::sharing(api, &documents)
    };
    let (a, b, other) = (server("autoscaling/v2"), server("autoscaling/v2"), server("autoscaling/v1"));
    let found = [a.find(&scaler("v2")).await, b.find(&scaler("v2")).await].map(|found| found.unwrap().unwrap());
    assert!(Arc::ptr_eq(&found[0], &found[1]));
    drop((a, b));
    assert!(other.find(&scaler("v1")).await.unwrap().is_some());
    assert_eq!(documents.0.lock().unwrap().len(), 1, "what no member uses is dropped");
}
