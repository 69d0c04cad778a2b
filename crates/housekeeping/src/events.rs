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

use client::contain::restarting;
use client::{Api, Event, Metrics, Resource, Selection, Served, Verb, Watch, retry};
use futures::FutureExt as _;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::graph::Item;

/// Changes to CRDs come in bursts (created, names accepted, established); one discovery serves a burst.
const BURST: Duration = Duration::from_millis(20);
/// How soon groups that failed are asked again; also the pause after a discovery that failed altogether.
const RETRY: Duration = Duration::from_secs(5);

/// Takes the stream in. Called in order for each kind; must not block.
pub trait Sink: Send + Sync + 'static {
    /// The server serves these kinds now. Comes first, and again after each change.
    fn discovered(&self, served: Arc<Served>);
    /// Something happened to objects of a kind.
    fn event(&self, resource: &Arc<Resource>, event: Event<Item>);
}

/// A source of such a stream.
pub trait Events: Send + Sync + 'static {
    /// Feeds the sink until the future is dropped. Called again after a panic: it then begins from the beginning.
    fn run(&self, sink: Arc<dyn Sink>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// One metadata watch per kind, and discovery again when a CRD or an APIService changes.
pub struct Watches {
    api: Api,
    metrics: Metrics,
}

impl Watches {
    /// Over a client.
    pub fn new(api: Api) -> Self {
        Self { api, metrics: Metrics::default() }
    }

    /// Counts panics there.
    pub fn with_metrics(self, metrics: &Metrics) -> Self {
        Self { metrics: metrics.clone(), ..self }
    }

    fn watch(&self, resource: Arc<Resource>, sink: &Arc<dyn Sink>, changed: &Arc<Notify>) -> AbortOnDropHandle<()> {
        let (api, metrics, sink) = (self.api.clone(), self.metrics.clone(), sink.clone());
        let changed = changes_served(&resource).then(|| changed.clone());
        let work = async move {
            restarting("housekeeping-watch", metrics, retry::steady(), || {
                let (kind, sink, changed) = (resource.clone(), sink.clone(), changed.clone());
                let watch =
                    Watch::of_own_server(api.clone(), resource.clone(), move |object| Item::project(&kind, &object));
                let resource = resource.clone();
                let mut listed = false;
                watch.selection(Selection::metadata()).follow(move |event| {
                    // The first list says nothing that discovery did not know a moment ago.
                    if let Some(changed) = changed.as_ref().filter(|_| listed) {
                        changed.notify_one();
                    }
                    listed |= matches!(event, Event::Listed(..));
                    sink.event(&resource, event);
                })
            })
            .await;
        };
        AbortOnDropHandle::new(tokio::spawn(work.boxed()))
    }
}

/// Is a kind followed? Not what cannot be deleted (views, reviews); and not Events, which are never owned and many.
pub(crate) fn is_followed(resource: &Resource) -> bool {
    [Verb::List, Verb::Watch, Verb::Delete].iter().all(|verb| resource.can(*verb)) && resource.plural != "events"
}

fn changes_served(resource: &Resource) -> bool {
    matches!(
        (resource.group.as_str(), resource.kind.as_str()),
        ("apiextensions.k8s.io", "CustomResourceDefinition") | ("apiregistration.k8s.io", "APIService")
    )
}

impl Events for Watches {
    fn run(&self, sink: Arc<dyn Sink>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let changed = Arc::new(Notify::new());
            let mut running: HashMap<Arc<Resource>, AbortOnDropHandle<()>> = HashMap::new();
            loop {
                let retry = match Served::discover(&self.api).await {
                    Ok(found) => {
                        let found = Arc::new(found);
                        running.retain(|resource, _| found.kinds.contains(resource));
                        sink.discovered(found.clone());
                        for resource in found.kinds.iter().filter(|resource| is_followed(resource)) {
                            running
                                .entry(resource.clone())
                                .or_insert_with(|| self.watch(resource.clone(), &sink, &changed));
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
