use std::sync::Mutex;
use std::time::Duration;

use http::Request;
use kube::client::Body;
use plan::authenticator::HubKey;
use plan::prepare::Bundle;
use plan::recall::Recalled;
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
        namespace: Box::default(),
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

/// A payload with one object, as this hub sends it.
fn bundle(shared: &Shared, object: Value) -> Arc<Bundle> {
    let (hub, key) = ("hub".parse().unwrap(), HubKey::from_random([1; 32]));
    let unit = api::delivery::UnitId::new("apps.kurator.dev", "Application", "default", "a", None);
    let (payload, _) = plan::phase::plan(vec![object]);
    Arc::new(Bundle::new(payload.digest(), &payload, &hub, &unit.short(&hub), &key, &shared.pools))
}

/// The object of a bundle as a list of a member has it.
fn live(bundle: &Bundle, uid: &str, version: &str) -> Value {
    let mut live = Value::clone(&bundle.objects().next().unwrap().object);
    for (field, value) in [("uid", uid), ("resourceVersion", version), ("creationTimestamp", "2026-11-26T10:00:00Z")] {
        live["metadata"][field] = value.into();
    }
    live["metadata"]["managedFields"] = json!([{
        "manager": label::FIELD_MANAGER, "operation": "Apply", "apiVersion": "v1", "time": "2026-11-26T10:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {"f:a": {}}, "f:metadata": {"f:annotations": {format!("f:{}", label::APPLIED): {}}}},
    }]);
    for field in ["apiVersion", "kind"] {
        model::object::remove(&mut live, &[field]);
    }
    live
}

fn awaiting(bundle: &Arc<Bundle>, uid: &str) -> Arc<Awaited> {
    let awaited = Awaited::default();
    awaited.add(bundle, &bundle.objects().next().unwrap().key, &uid.into());
    Arc::new(awaited)
}

#[test]
fn an_object_of_a_list_gets_its_kind_and_what_is_awaited_of_it_is_found_out() {
    let shared = Arc::<Shared>::default();
    let bundle = bundle(&shared, config_map());
    let object = bundle.objects().next().unwrap();
    let live = live(&bundle, "u", "7");
    let (key, observation) =
        Observe::new(maps(), awaiting(&bundle, "u"), Arc::clone(&shared)).observe(live.clone(), None);
    assert_eq!(observation.version, NonZeroU64::new(7));
    assert!(Arc::ptr_eq(&key, &object.key));
    assert_eq!(observation.recalled.map(|told| told.0), Some(object.digest));
    let (_, observation) = Observe::new(maps(), Arc::default(), shared).observe(live, None);
    assert_eq!(observation.recalled, None);
}

#[test]
fn an_object_that_another_member_has_too_is_known_by_its_text() {
    let shared = Arc::<Shared>::default();
    let (first, changed) = (bundle(&shared, config_map()), {
        let mut other = config_map();
        other["data"]["a"] = "2".into();
        bundle(&shared, other)
    });
    let observer = |awaited: &Arc<Awaited>| Observe::new(maps(), Arc::clone(awaited), Arc::clone(&shared));
    // Lists that are about to be read keep what is known.
    let _next = observer(&Arc::default());
    let mut learning = observer(&awaiting(&first, "u"));
    let text = live(&first, "u", "7").to_string();
    assert_eq!(learning.recognize(&text), None);
    assert!(learning.project(live(&first, "u", "7"), Some(&text)).is_some());
    learning.list_ended();
    let by_text = |awaited: &Arc<Awaited>, live: &Value| observer(awaited).recognize(&live.to_string());
    let by_body = |awaited: &Arc<Awaited>, live: &Value| observer(awaited).project(live.clone(), None);
    let here = live(&first, "another", "12");
    for awaited in [Arc::default(), awaiting(&first, "another")] {
        let known = by_text(&awaited, &here);
        assert!(known.is_some());
        assert_eq!(known, by_body(&awaited, &here));
    }
    let ((_, observation), _) = by_text(&awaiting(&first, "another"), &here).unwrap();
    assert_eq!((observation.seen.uid, observation.version), ("another".into(), NonZeroU64::new(12)));
    let Some((_, Recalled::Known(accepted))) = observation.recalled.as_deref() else { panic!("it was awaited") };
    assert!(accepted.projection.is_some(), "{accepted:?}");
    // It is another object than the inventory has, or is to be compared with something else.
    assert_eq!(by_text(&awaiting(&first, "u"), &here), None);
    assert_eq!(by_text(&awaiting(&changed, "another"), &here), None);
    for (field, value) in [("labels", json!({})), ("deletionTimestamp", json!("2026-11-26T10:00:00Z"))] {
        let mut differs = here.clone();
        differs["metadata"][field] = value;
        assert_eq!(by_text(&Arc::default(), &differs), None, "{field}");
    }
}

#[test]
fn an_object_of_which_nothing_is_ours_is_no_example_for_others() {
    let shared = Arc::<Shared>::default();
    let bundle = bundle(&shared, config_map());
    let mut live = live(&bundle, "u", "7");
    model::object::remove(&mut live, &["metadata", "managedFields"]);
    let _next = Observe::new(maps(), Arc::default(), Arc::clone(&shared));
    let mut learning = Observe::new(maps(), Arc::default(), Arc::clone(&shared));
    learning.project(live.clone(), Some(&live.to_string()));
    learning.list_ended();
    assert_eq!(Observe::new(maps(), Arc::default(), shared).recognize(&live.to_string()), None);
}

#[test]
fn what_was_found_out_of_an_object_that_is_not_the_recorded_one_is_not_handed_on() {
    let shared = Arc::<Shared>::default();
    let bundle = bundle(&shared, config_map());
    let _next = Observe::new(maps(), Arc::default(), Arc::clone(&shared));
    let mut learning = Observe::new(maps(), awaiting(&bundle, "before"), Arc::clone(&shared));
    let live = live(&bundle, "made again", "7");
    learning.project(live.clone(), Some(&live.to_string()));
    learning.list_ended();
    let mut reading = Observe::new(maps(), awaiting(&bundle, "made again"), shared);
    assert_eq!(reading.recognize(&live.to_string()), None);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_no_longer_hidden_is_listed_again() {
    let refused = || (403, json!({"kind": "Status", "message": "no"}).to_string());
    let (watch, mut inbox) = watch(vec![list(&["a"]), refused(), list(&["a", "b"])]);
    let run = tokio::spawn(watch.run());
    let mut listed = async || match inbox.recv().await.map(|event| *event) {
        Some(Event::Listed(_, Some(version), items)) if version.get() == 5 => items.len(),
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
        let (watch, mut inbox) = watch(vec![(404, "404 page not found\n".to_owned())]);
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
