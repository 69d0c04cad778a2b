//! A server in memory, its clients, and raw requests to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apiserver::{ApiServer, Config, Ids, JsonProjection, UserInfo};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use model::{Clock, Timestamp};
use serde_json::Value;
use tower::ServiceExt as _;

/// Time that moves one second with each look, so that what must not depend on time shows when it does.
#[derive(Default)]
pub(crate) struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let secs = 1_700_000_000 + self.0.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_second(i64::try_from(secs).expect("small")).expect("in range")
    }
}

/// Ids that count.
#[derive(Default)]
pub(crate) struct Counting(AtomicU64);

impl Ids for Counting {
    fn uid(&self) -> String {
        format!("00000000-0000-4000-8000-{:012}", self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn suffix(&self) -> String {
        let digits = b"bcdfghjklmnpqrstvwxz2456789";
        let mut number = self.0.fetch_add(1, Ordering::Relaxed);
        (0..5)
            .map(|_| {
                let digit = digits[usize::try_from(number % 27).expect("small")];
                number /= 27;
                char::from(digit)
            })
            .collect()
    }
}

pub(crate) fn config() -> Config {
    let store = store::memory::open(JsonProjection, store::memory::Options::default());
    Config::new(store, Arc::new(Ticking::default()), Arc::new(Counting::default()))
}

pub(crate) async fn server() -> ApiServer {
    ApiServer::start(config()).await.expect("starts")
}

pub(crate) fn client(server: &ApiServer) -> Client {
    Client::new(server.service_as(UserInfo::master("admin")), "default")
}

/// One raw request: method, path with query, content type, body. Returns the code and the JSON of the answer.
pub(crate) async fn send_request(
    server: &ApiServer,
    method: &str,
    path: &str,
    content_type: &str,
    body: &str,
) -> (u16, Value) {
    let (code, _, value) =
        send_request_as(server, UserInfo::master("admin"), method, path, &[("content-type", content_type)], body).await;
    (code, value)
}

pub(crate) async fn send_request_as(
    server: &ApiServer,
    user: UserInfo,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, http::HeaderMap, Value) {
    let mut request = http::Request::builder().method(method).uri(path).header("user-agent", "test/1");
    for (name, value) in headers.iter().filter(|(_, v)| !v.is_empty()) {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a request");
    let answer = server.service_as(user).oneshot(request).await.expect("infallible");
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.expect("infallible").to_bytes();
    let value =
        serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into()));
    (parts.status.as_u16(), parts.headers, value)
}

pub(crate) async fn get(server: &ApiServer, path: &str) -> (u16, Value) {
    send_request(server, "GET", path, "", "").await
}

pub(crate) async fn post(server: &ApiServer, path: &str, body: &Value) -> (u16, Value) {
    send_request(server, "POST", path, "application/json", &body.to_string()).await
}

pub(crate) fn config_map(name: &str, key: &str, value: &str) -> ConfigMap {
    serde_json::from_value(serde_json::json!({"metadata": {"name": name}, "data": {key: value}})).expect("a ConfigMap")
}
