//! Probes of a server whose disk has no room: it says so, and goes on by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use apiserver::{ApiServer, Config, JsonProjection, Meta, UserInfo};
use bytes::Bytes;
use serde_json::json;
use store::{
    BoxFuture, Place, Range, ReadError, Revision, Snapshot, Store, Watch, WatchError, Write, WriteError, Written,
};

use crate::support::{Counting, Ticking, get, post, send_request_as};

/// A store in memory whose disk is full at times.
struct Disk {
    inner: Arc<dyn Store<Meta>>,
    full: AtomicBool,
}

impl Disk {
    fn full(&self) -> Result<(), WriteError> {
        let why = || WriteError::Full("cannot write to /x/1.log: no space; make room".to_owned());
        if self.full.load(Ordering::SeqCst) { Err(why()) } else { Ok(()) }
    }
}

impl Store<Meta> for Disk {
    fn revision(&self) -> Revision {
        self.inner.revision()
    }

    fn snapshot(&self) -> Arc<dyn Snapshot<Meta>> {
        self.inner.snapshot()
    }

    fn read(&self, place: &Place) -> Result<Bytes, ReadError> {
        self.inner.read(place)
    }

    fn write(&self, write: Write) -> BoxFuture<'_, Result<Written<Meta>, WriteError>> {
        Box::pin(async move {
            self.full()?;
            self.inner.write(write).await
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async { self.full() })
    }

    fn watch(&self, range: Range, after: Revision) -> Result<Box<dyn Watch<Meta>>, WatchError> {
        self.inner.watch(range, after)
    }

    fn compact(&self, up_to: Revision) -> BoxFuture<'_, Result<(), WriteError>> {
        self.inner.compact(up_to)
    }

    fn compacted(&self) -> Revision {
        self.inner.compacted()
    }
}

#[tokio::test]
async fn a_server_without_room_is_alive_and_not_ready_and_says_why_to_whom_it_knows() {
    let inner = store::memory::open(JsonProjection, store::memory::Options::default());
    let disk = Arc::new(Disk { inner, full: AtomicBool::new(false) });
    let config = Config::new(disk.clone(), Arc::new(Ticking::default()), Arc::new(Counting::default()));
    let server = ApiServer::start(config).await.unwrap();
    let check = async |paths: &[&str], user: UserInfo, expect: u16, says: &str, says_not: &str| {
        for path in paths {
            let (code, _, body) = send_request_as(&server, user.clone(), "GET", path, &[], "").await;
            let body = body.as_str().unwrap_or_default().to_owned();
            assert_eq!(code, expect, "{path} of {}: {body}", user.name);
            assert!(body.contains(says) && (says_not.is_empty() || !body.contains(says_not)), "{path}: {body}");
        }
    };
    let ready = ["/readyz", "/healthz", "/readyz/store"];
    let alive = ["/livez", "/readyz/ping", "/livez/ping"];
    let (known, stranger) = (UserInfo::new("ann", ["staff"]), UserInfo::anonymous());
    for paths in [&ready[..], &alive] {
        check(paths, known.clone(), 200, "ok", "").await;
    }
    disk.full.store(true, Ordering::SeqCst);
    check(&ready, UserInfo::master("admin"), 500, "[-]store failed: the store takes no writes now: cannot write", "")
        .await;
    check(&ready[..1], stranger.clone(), 500, "reason withheld", "/x/1.log").await;
    check(&alive[..1], stranger, 200, "ok", "").await;
    check(&alive, UserInfo::master("admin"), 200, "ok", "").await;
    let maps = "/api/v1/namespaces/default/configmaps";
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let (code, status) = post(&server, maps, &map).await;
    assert_eq!((code, &status["reason"]), (503, &json!("ServiceUnavailable")), "{status}");
    assert!(status["message"].as_str().unwrap().contains("make room"), "{status}");
    assert_eq!(status["details"]["retryAfterSeconds"], 10, "{status}");
    assert_eq!(get(&server, maps).await.0, 200, "reads go on");
    disk.full.store(false, Ordering::SeqCst);
    check(&ready, UserInfo::master("admin"), 200, "ok", "").await;
    assert_eq!(post(&server, maps, &map).await.0, 201);
}
