//! One stream of metadata for all kinds of a server.
//!
//! [`Watches`] makes it from one metadata watch per kind, which works against any server. A server in the same process
//! could implement [`Events`] over its store instead; it does not, since there is little to gain: over our own server 50
//! idle watches take 0.85 MiB and no measurable processor time (`cargo run --example members` in `member-sim`, with and
//! without housekeeping, 30 members).

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::api::Api;
use crate::discovery::{Discovery, Served};
use crate::graph::Item;
use crate::informer::{Collection, Event, follow};

/// Changes to CRDs come in bursts (created, names accepted, established); one discovery serves a burst.
const BURST: Duration = Duration::from_millis(20);
/// How soon groups that failed are asked again; also the pause after a discovery that failed altogether.
const RETRY: Duration = Duration::from_secs(5);

/// Takes the stream in. Called in order for each kind; must not block.
pub trait Sink: Send + Sync + 'static {
    /// The server serves these kinds now. Comes first, and again after each change.
    fn discovered(&self, discovery: Arc<Discovery>);
    /// Something happened to objects of a kind.
    fn event(&self, served: &Arc<Served>, event: Event<Item>);
}

/// A source of such a stream.
pub trait Events: Send + 'static {
    /// Feeds the sink until the future is dropped.
    fn run(self: Box<Self>, sink: Arc<dyn Sink>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// One metadata watch per kind, and discovery again when a CRD or an APIService changes.
pub struct Watches {
    api: Api,
}

impl Watches {
    /// Over a client.
    pub fn new(api: Api) -> Self {
        Self { api }
    }
}

/// Is a kind followed? Not what cannot be deleted (views, reviews); and not Events, which are never owned and many.
pub(crate) fn is_followed(served: &Served) -> bool {
    ["list", "watch", "delete"].iter().all(|verb| served.can(verb)) && served.plural != "events"
}

fn changes_discovery(served: &Served) -> bool {
    matches!(
        (served.group.as_str(), served.kind.as_str()),
        ("apiextensions.k8s.io", "CustomResourceDefinition") | ("apiregistration.k8s.io", "APIService")
    )
}

impl Events for Watches {
    fn run(self: Box<Self>, sink: Arc<dyn Sink>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let changed = Arc::new(Notify::new());
            let mut running: HashMap<Arc<Served>, AbortOnDropHandle<()>> = HashMap::new();
            loop {
                let retry = match Discovery::of(&self.api).await {
                    Ok(found) => {
                        let found = Arc::new(found);
                        running.retain(|served, _| found.kinds.contains(served));
                        sink.discovered(found.clone());
                        for served in found.kinds.iter().filter(|served| is_followed(served)) {
                            running
                                .entry(served.clone())
                                .or_insert_with(|| watch(self.api.clone(), served.clone(), &sink, &changed));
                        }
                        !found.failed.is_empty()
                    }
                    Err(error) => {
                        tracing::debug!(error = %error, "discovery failed");
                        true
                    }
                };
                if retry {
                    let _ = timeout(RETRY, changed.notified()).await;
                } else {
                    changed.notified().await;
                }
                sleep(BURST).await;
            }
        })
    }
}

fn watch(api: Api, served: Arc<Served>, sink: &Arc<dyn Sink>, changed: &Arc<Notify>) -> AbortOnDropHandle<()> {
    let collection = Collection { path: served.collection(""), metadata: true };
    let changed = changes_discovery(&served).then(|| changed.clone());
    let (sink, kind) = (sink.clone(), served.clone());
    let mut listed = false;
    AbortOnDropHandle::new(tokio::spawn(follow(
        api,
        collection,
        move |object| Item::project(&kind, object),
        move |event| {
            // The first list says nothing that discovery did not know a moment ago.
            if let Some(changed) = changed.as_ref().filter(|_| listed) {
                changed.notify_one();
            }
            listed = true;
            sink.event(&served, event);
        },
    )))
}
