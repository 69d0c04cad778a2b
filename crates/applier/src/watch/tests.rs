use std::sync::Mutex;
use std::time::Duration;

use http::Request;
use kube::client::Body;
use plan::authenticator::HubKey;
use plan::prepare::Bundle;
use serde_json::json;
use tower::BoxError;

use super::*;

fn maps() -> Arc<Resource> {
    Arc::new(Resource::core("ConfigMap", "configmaps", true))
}

fn config_map() -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": {"a": "1"}})
}

/// A watch of a member that answers each request with the next of these: a status and a body. Then it is silent.
fn watch(answers: Vec<(u16, String)>) -> (Watch, mpsc::Receiver<Box<Event>>) {
    let answers = Arc::new(Mutex::new(answers.into_iter()));
    let service = tower::service_fn(move |_: Request<Body>| {
        let next = answers.lock().unwrap().next();
        async move {
            let Some((status, body)) = next else { return std::future::pending().await };
            http::Response::builder().status(status).body(Body::from(body.into_bytes())).map_err(BoxError::from)
        }
    });
    let (events, inbox) = mpsc::channel(8);
    let watch = Watch {
        absences: 0,
        api: Api::new(kube::Client::new(service, "default"), label::FIELD_MANAGER),
        resource: maps(),
        hub: "hub".parse().unwrap(),
        awaited: Arc::default(),
        shared: Arc::default(),
        jitter: client::retry::steady(),
        events,
    };
    (watch, inbox)
}

fn list(names: &[&str]) -> (u16, String) {
    let item = |name| json!({"metadata": {"name": name, "namespace": "shop", "resourceVersion": "3"}});
    let items: Vec<Value> = names.iter().map(item).collect();
    (200, json!({"kind": "ConfigMapList", "metadata": {"resourceVersion": "5"}, "items": items}).to_string())
}

#[test]
fn an_object_of_a_list_gets_its_kind_and_what_is_awaited_of_it_is_found_out() {
    let (hub, key) = ("hub".parse().unwrap(), HubKey::from_random([1; 32]));
    let unit = api::delivery::UnitId::new("apps.kurator.dev", "Application", "default", "a", None);
    let (payload, _) = plan::phase::plan(vec![config_map()]);
    let pools = Pools::default();
    let bundle = Arc::new(Bundle::new(payload.digest(), &payload, &hub, &unit.short(&hub), &key, &pools));
    let object = bundle.objects().next().unwrap();
    let awaited = Awaited::default();
    awaited.add(&bundle, &object.key, &"u".into());
    let mut live = Value::clone(&object.object);
    for (field, value) in [("uid", "u"), ("resourceVersion", "7")] {
        live["metadata"][field] = value.into();
    }
    for field in ["apiVersion", "kind"] {
        model::object::remove(&mut live, &[field]);
    }
    let (key, observation) = observation_of(&maps(), &awaited, &pools, live.clone());
    assert_eq!(observation.version, Some(7));
    assert!(Arc::ptr_eq(&key, &object.key));
    assert_eq!(observation.recalled.map(|told| told.0), Some(object.digest));
    let (_, observation) = observation_of(&maps(), &Awaited::default(), &pools, live);
    assert_eq!(observation.recalled, None);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_no_longer_hidden_is_listed_again() {
    let refused = || (403, json!({"kind": "Status", "message": "no"}).to_string());
    let (watch, mut inbox) = watch(vec![list(&["a"]), refused(), list(&["a", "b"])]);
    let run = tokio::spawn(watch.run());
    let mut listed = async || match inbox.recv().await.map(|event| *event) {
        Some(Event::Listed(_, Some(5), items)) => items.len(),
        Some(Event::Blind(kind, why)) => {
            assert_eq!((kind.to_string().as_str(), why.as_str()), ("ConfigMap", "no"));
            0
        }
        other => panic!("{other:?}"),
    };
    assert_eq!([listed().await, listed().await, listed().await], [1, 0, 2]);
    run.abort();
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_served_is_asked_for_again_after_a_pause_that_grows() {
    for (absences, pause) in [(0, Backoff::MEMBER.first), (1, Backoff::MEMBER.first * 2), (99, Backoff::MEMBER.longest)]
    {
        let (watch, mut inbox) = watch(vec![(404, String::new())]);
        let (run, began) = (tokio::spawn(Watch { absences, ..watch }.run()), tokio::time::Instant::now());
        // It is said at once, since units wait for it.
        assert!(matches!(inbox.recv().await.as_deref(), Some(Event::Absent(_))));
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(matches!(inbox.recv().await.as_deref(), Some(Event::AskAgain(_))));
        assert_eq!(began.elapsed(), pause);
        assert!(inbox.recv().await.is_none());
        run.await.unwrap();
    }
}

#[tokio::test]
async fn an_idle_watch_is_small() {
    let (watch, _inbox) = watch(Vec::new());
    let size = size_of_val(&watch.run());
    // A thousand members with ten watches each: 15 MB, and 0.5 kB more for each stream that is open.
    assert!(size < 1_536, "{size}");
}
