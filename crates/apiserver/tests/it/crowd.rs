//! Many callers at once: those without credentials take nothing from those with, and the network nothing from the process.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::ListParams;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::front::Front;

/// Requests at once that a budget of these tests has room for.
const ROOM: usize = 4;

/// Begins a request whose body does not come.
async fn begin(front: &Front, authorization: &str) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    let mut stream = front.connect(b"http/1.1").await;
    let head = format!("GET /version HTTP/1.1\r\nhost: x\r\n{authorization}content-length: 10\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("writes");
    stream
}

async fn front() -> Front {
    let limits = apiserver::Limits { requests: ROOM, anonymous_requests: ROOM, ..apiserver::Limits::default() };
    Front::start_with(limits).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_without_credentials_take_no_room_from_others() {
    let front = front().await;
    let admin = front.client_as("root", &["system:masters"]).await;
    let maps: Api<ConfigMap> = Api::namespaced(admin, "default");
    let mut held = Vec::new();
    for _ in 0..3 * ROOM {
        held.push(begin(&front, "").await);
    }
    // Their answers are there: nothing waits for a body.
    for stream in &mut held {
        let mut head = [0; 12];
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut head)).await;
        assert!(read.is_ok_and(|r| r.is_ok()) && &head == b"HTTP/1.1 200", "{}", String::from_utf8_lossy(&head));
    }
    maps.list(&ListParams::default()).await.expect("there is room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_over_the_network_take_no_room_from_the_process() {
    let front = front().await;
    let mut held = Vec::new();
    for _ in 0..ROOM {
        held.push(begin(&front, "authorization: Bearer t0ken\r\n").await);
    }
    held.push(begin(&front, "authorization: Bearer t0ken\r\n").await);
    // One too many: whichever was taken in last is refused, before its body is waited for.
    let heads = held.iter_mut().map(|stream| {
        Box::pin(async move {
            let mut head = [0; 12];
            stream.read_exact(&mut head).await.expect("an answer");
            head
        })
    });
    let refused = tokio::time::timeout(Duration::from_secs(10), futures::future::select_all(heads)).await;
    let (head, ..) = refused.expect("the network's budget is spent");
    assert_eq!(&head, b"HTTP/1.1 429");
    let inside: Api<ConfigMap> = Api::namespaced(crate::support::client(&front.server), "default");
    inside.list(&ListParams::default()).await.expect("there is room");
}
