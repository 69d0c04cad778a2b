//! Input that would cost more than it should: deep, multiplying, long, slow.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::custom::widget_crd;
use crate::support::{get, post, send_request, server};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/x.io/v1/namespaces/default/widgets";

/// A kind that takes anything.
fn free_crd() -> Value {
    let mut crd = widget_crd();
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    crd["spec"]["versions"] =
        json!([{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]);
    crd
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!({"d": inner}))
}

fn widget(spec: Value) -> Value {
    json!({"apiVersion": "x.io/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": spec})
}

#[tokio::test]
async fn what_cannot_be_read_again_is_not_stored() {
    let server = server().await;
    assert_eq!(post(&server, CRDS, &free_crd()).await.0, 201);
    for levels in (90..130).rev() {
        let (code, answer) = post(&server, WIDGETS, &widget(nested(levels))).await;
        if code == 201 {
            break;
        }
        assert_eq!(code, 400, "{levels}: {answer}");
    }
    let (code, list) = get(&server, WIDGETS).await;
    assert_eq!((code, list["items"].as_array().map(Vec::len)), (200, Some(1)), "one is stored, and can be read");
    let deeper = json!([{"op": "add", "path": format!("/spec{}", "/d".repeat(80)), "value": nested(100)}]);
    let path = format!("{WIDGETS}/a");
    let (code, answer) =
        send_request(&server, "PATCH", &path, "application/json-patch+json", &deeper.to_string()).await;
    assert!(code == 422 || code == 400, "{code} {answer}");
    assert_eq!(get(&server, &path).await.0, 200);
}

#[tokio::test]
async fn a_patch_does_not_multiply_what_it_copies() {
    let server = server().await;
    post(&server, CRDS, &free_crd()).await;
    post(&server, WIDGETS, &widget(json!({"text": "x".repeat(1_000)}))).await;
    let doubling: Vec<Value> =
        (0..60).map(|i| json!({"op": "copy", "from": "/spec", "path": format!("/spec/c{i}")})).collect();
    let burying = vec![json!({"op": "copy", "from": "/spec", "path": "/spec/c"}); 9_000];
    for patch in [doubling, burying] {
        let body = Value::Array(patch).to_string();
        let (code, answer) =
            send_request(&server, "PATCH", &format!("{WIDGETS}/a"), "application/json-patch+json", &body).await;
        assert_eq!(code, 422, "{answer}");
    }
}

#[tokio::test]
async fn yaml_aliases_do_not_multiply_text() {
    let server = server().await;
    post(&server, CRDS, &free_crd()).await;
    let aliases = "- *a\n    ".repeat(5_000);
    let body = format!(
        "apiVersion: x.io/v1\nkind: Widget\nmetadata: {{name: b}}\nspec:\n  a: &a {}\n  list:\n    {aliases}\n",
        "x".repeat(100_000)
    );
    let path = format!("{WIDGETS}/b?fieldManager=x");
    let (code, answer) = send_request(&server, "PATCH", &path, "application/apply-patch+yaml", body.trim_end()).await;
    assert!(code == 400 || code == 413, "{code} {answer}");
}

#[tokio::test]
async fn a_field_manager_is_a_short_printable_name() {
    let server = server().await;
    let maps = "/api/v1/namespaces/default/configmaps";
    for (manager, code) in [("x".repeat(128), 201), ("x".repeat(129), 422), ("a%0ab".to_owned(), 422)] {
        let body = json!({"metadata": {"generateName": "m"}});
        assert_eq!(post(&server, &format!("{maps}?fieldManager={manager}"), &body).await.0, code, "{manager}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_says_nothing_is_closed() {
    let limits = apiserver::Limits { handshake: Duration::from_millis(200), ..apiserver::Limits::default() };
    let front = crate::front::Front::start_with(limits).await;
    for alpn in [&b""[..], b"h2", b"http/1.1"] {
        let mut stream = front.connect(alpn).await;
        let mut byte = [0; 1024];
        // HTTP/2 says its settings first; after that, and otherwise, nothing comes but the end.
        let end = async { while stream.read(&mut byte).await.is_ok_and(|n| n > 0) {} };
        tokio::time::timeout(Duration::from_secs(10), end).await.expect("it is closed");
    }
    // Who is refused is a stranger still.
    let mut stream = front.connect(b"http/1.1").await;
    stream.write_all(b"GET /api HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\n\r\n").await.expect("writes");
    let mut answer = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    assert!(end.is_ok() && answer.starts_with(b"HTTP/1.1 401"), "{}", String::from_utf8_lossy(&answer));
}
