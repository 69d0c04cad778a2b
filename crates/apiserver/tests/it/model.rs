//! The verbs against a naive map: whatever happens, both hold the same, and who followed the watch knows it too.

use std::collections::BTreeMap;

use apiserver::{ApiServer, UserInfo};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::{get, send_request, server};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Made after everything else: who sees it has seen all.
const LAST: &str = "zz-last";
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

#[derive(Clone, Debug)]
enum Op {
    Create(usize, u8),
    /// With the resourceVersion last seen (`true`) or the one before.
    Update(usize, u8, bool),
    Patch(usize, u8),
    Apply(usize, u8),
    Label(usize, Option<u8>),
    Delete(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let name = 0_usize..3;
    prop_oneof![
        (name.clone(), 0_u8..3).prop_map(|(n, v)| Op::Create(n, v)),
        (name.clone(), 0_u8..3, any::<bool>()).prop_map(|(n, v, fresh)| Op::Update(n, v, fresh)),
        (name.clone(), 0_u8..3).prop_map(|(n, v)| Op::Patch(n, v)),
        (name.clone(), 0_u8..3).prop_map(|(n, v)| Op::Apply(n, v)),
        (name.clone(), proptest::option::of(0_u8..2)).prop_map(|(n, l)| Op::Label(n, l)),
        name.prop_map(Op::Delete),
    ]
}

/// What the map remembers of an object.
#[derive(Clone, Debug, Default, PartialEq)]
struct Held {
    value: String,
    label: Option<String>,
    revisions: Vec<u64>,
}

fn revision(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|rv| rv.parse().ok()).expect("a revision")
}

/// Does one operation on both; the codes and the growth of revisions must agree.
async fn step(server: &ApiServer, model: &mut BTreeMap<String, Held>, op: &Op) {
    let (Op::Create(n, _) | Op::Update(n, ..) | Op::Patch(n, _) | Op::Apply(n, _) | Op::Label(n, _) | Op::Delete(n)) =
        op;
    let name = format!("m{n}");
    let path = format!("{MAPS}/{name}");
    let held = model.get(&name).cloned();
    let text = |v: u8| v.to_string();
    let merge = "application/merge-patch+json";
    let mut next = held.clone().unwrap_or_default();
    let (answer, expect) = match op {
        Op::Create(_, v) => {
            next = Held { value: text(*v), ..Held::default() };
            let body = json!({"metadata": {"name": name}, "data": {"k": text(*v)}}).to_string();
            let code = if held.is_some() { 409 } else { 201 };
            (send_request(server, "POST", MAPS, "application/json", &body).await, code)
        }
        Op::Update(_, v, fresh) => {
            let at =
                held.as_ref().and_then(|h| if *fresh { h.revisions.last() } else { h.revisions.iter().rev().nth(1) });
            let code = match (&held, at) {
                (None, _) => 404,
                (Some(h), Some(at)) if Some(at) != h.revisions.last() => 409,
                _ => 200,
            };
            next.value = text(*v);
            let labels = next.label.as_ref().map(|l| json!({"l": l}));
            let metadata = json!({"name": name, "labels": labels, "resourceVersion": at.map(u64::to_string)});
            let body = json!({"metadata": metadata, "data": {"k": text(*v)}}).to_string();
            (send_request(server, "PUT", &path, "application/json", &body).await, code)
        }
        Op::Patch(_, v) => {
            next.value = text(*v);
            let body = json!({"data": {"k": text(*v)}}).to_string();
            (send_request(server, "PATCH", &path, merge, &body).await, if held.is_some() { 200 } else { 404 })
        }
        Op::Apply(_, v) => {
            next.value = text(*v);
            let metadata = json!({"name": name});
            let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": text(*v)}});
            let path = format!("{path}?fieldManager=applier&force=true");
            let answer = send_request(server, "PATCH", &path, "application/apply-patch+yaml", &body.to_string()).await;
            (answer, if held.is_some() { 200 } else { 201 })
        }
        Op::Label(_, l) => {
            next.label = l.map(text);
            let body = json!({"metadata": {"labels": {"l": next.label}}}).to_string();
            (send_request(server, "PATCH", &path, merge, &body).await, if held.is_some() { 200 } else { 404 })
        }
        Op::Delete(_) => (send_request(server, "DELETE", &path, "", "").await, if held.is_some() { 200 } else { 404 }),
    };
    let (code, body) = answer;
    assert_eq!(code, expect, "{op:?}: {body}");
    if code >= 400 {
        return;
    }
    if matches!(op, Op::Delete(_)) {
        model.remove(&name);
        return;
    }
    let at = revision(&body);
    // An apply may write although nothing visible changed: the first one of a manager records what it owns.
    let same = held.as_ref().is_some_and(|h| h.value == next.value && h.label == next.label);
    if same && !matches!(op, Op::Apply(..) | Op::Update(..)) {
        assert_eq!(Some(&at), next.revisions.last(), "{op:?} changed nothing and must not write");
    }
    if next.revisions.last() != Some(&at) {
        assert!(next.revisions.last().is_none_or(|last| *last < at), "revisions only grow");
        next.revisions.push(at);
    }
    model.insert(name, next);
}

fn fields_of(object: &Value) -> (String, String, Option<String>, u64) {
    let text = |v: &Value| v.as_str().map(str::to_owned);
    let name = text(&object["metadata"]["name"]).unwrap_or_default();
    (name, text(&object["data"]["k"]).unwrap_or_default(), text(&object["metadata"]["labels"]["l"]), revision(object))
}

/// Everything that a watch from a revision says up to the last object.
async fn follow(server: &ApiServer, selector: &str, from: u64) -> BTreeMap<String, (String, Option<String>, u64)> {
    let path = format!("{MAPS}?watch=1&resourceVersion={from}&timeoutSeconds=60{selector}");
    let request = http::Request::get(path).body(Full::new(Bytes::new())).expect("a request");
    let answer = server.service_as(UserInfo::master("w")).oneshot(request).await.expect("infallible");
    let mut body = answer.into_body();
    let mut state = BTreeMap::new();
    loop {
        let frame = tokio::time::timeout(PATIENCE, body.frame()).await.expect("the last object comes");
        let bytes = frame.expect("the watch goes on").expect("infallible").into_data().expect("data");
        for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            let event: Value = serde_json::from_slice(line).expect("JSON");
            let (name, value, label, at) = fields_of(&event["object"]);
            if name == LAST {
                return state;
            }
            match event["type"].as_str().expect("a type") {
                "ADDED" => assert!(state.insert(name, (value, label, at)).is_none(), "added twice"),
                "MODIFIED" => assert!(state.insert(name, (value, label, at)).is_some(), "modified before it was added"),
                "DELETED" => assert!(state.remove(&name).is_some(), "deleted before it was added"),
                other => panic!("{other}: {event}"),
            }
        }
    }
}

async fn check(ops: &[Op]) {
    let server = server().await;
    let (_, list) = get(&server, MAPS).await;
    let from = revision(&list);
    let mut model = BTreeMap::new();
    for op in ops {
        step(&server, &mut model, op).await;
    }
    let mut expected = Vec::new();
    for (selector, label) in [("", None), ("&labelSelector=l%3D1", Some("1"))] {
        let expect: BTreeMap<_, _> = model
            .iter()
            .filter(|(_, held)| label.is_none() || held.label.as_deref() == label)
            .map(|(name, h)| (name.clone(), (h.value.clone(), h.label.clone(), *h.revisions.last().expect("one"))))
            .collect();
        let (_, list) = get(&server, &format!("{MAPS}?{}", selector.trim_start_matches('&'))).await;
        let listed: BTreeMap<_, _> = list["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(fields_of)
            .map(|(name, value, label, at)| (name, (value, label, at)))
            .collect();
        assert_eq!(listed, expect, "a list with {selector:?}");
        expected.push((selector, expect));
    }
    let last = json!({"metadata": {"name": LAST, "labels": {"l": "1"}}}).to_string();
    send_request(&server, "POST", MAPS, "application/json", &last).await;
    for (selector, expect) in expected {
        assert_eq!(follow(&server, selector, from).await, expect, "a watch with {selector:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn verbs_lists_and_watches_agree_with_a_map(ops in proptest::collection::vec(op(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(check(&ops));
    }
}
