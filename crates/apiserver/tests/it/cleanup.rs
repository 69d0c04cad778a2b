//! The end of a CRD goes on when its writes fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use apiserver::{ApiServer, Config, JsonProjection, Meta};
use bytes::Bytes;
use serde_json::json;
use store::{
    BoxFuture, Place, Range, ReadError, Revision, Snapshot, Store, Watch, WatchError, Write, WriteError, Written,
};

use crate::custom::widget_crd;
use crate::support::{Counting, Ticking, get, post, send_request};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/x.io/v1/namespaces/default/widgets";

/// A store in memory whose first deletions fail.
struct Faulty {
    inner: Arc<dyn Store<Meta>>,
    left: AtomicU32,
    fault: fn() -> WriteError,
}

impl Store<Meta> for Faulty {
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
        let take = |left: u32| left.checked_sub(1);
        if write.value.is_none() && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            return Box::pin(async { Err((self.fault)()) });
        }
        self.inner.write(write)
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), WriteError>> {
        self.inner.probe()
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

async fn check(fault: fn() -> WriteError) {
    let inner = store::memory::open(JsonProjection, store::memory::Options::default());
    let store = Arc::new(Faulty { inner, left: AtomicU32::new(3), fault });
    let config = Config::new(store.clone(), Arc::new(Ticking::default()), Arc::new(Counting::default()));
    let server = ApiServer::start(config).await.unwrap();
    post(&server, CRDS, &widget_crd()).await;
    let widget = json!({"apiVersion": "x.io/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 1}});
    assert_eq!(post(&server, WIDGETS, &widget).await.0, 201);
    assert_eq!(send_request(&server, "DELETE", &format!("{CRDS}/widgets.x.io"), "", "").await.0, 200);
    let gone = async {
        while get(&server, &format!("{CRDS}/widgets.x.io")).await.0 != 404 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the CRD goes");
    assert_eq!(store.left.load(Ordering::SeqCst), 0, "its writes did fail");
}

#[tokio::test(start_paused = true)]
async fn a_definition_goes_though_the_store_was_overloaded() {
    check(|| WriteError::Overloaded { queued: 1 }).await;
}

#[tokio::test(start_paused = true)]
async fn a_definition_goes_though_its_clean_up_panicked() {
    check(|| panic!("a bug")).await;
}
