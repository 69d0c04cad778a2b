//! Watching the objects of one kind that this hub delivered: what [`client::Watch`] follows, as observations.

use std::sync::Arc;

use api::delivery::{HubId, label};
use client::{Api, Backoff, Jitter, Resource, Selection};
use model::{GroupKind, ObjectKey};
use plan::apply::SeenState;
use plan::pool::Pools;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::awaited::Awaited;
use crate::error::Error;
use crate::observation::Observation;
use crate::shared::Shared;

/// What a watch says.
#[derive(Debug)]
pub(crate) enum Event {
    /// All objects of the kind, as of this position.
    Listed(GroupKind, Option<u64>, Vec<(Arc<ObjectKey>, Observation)>),
    /// An object is there, perhaps changed.
    Seen(Arc<ObjectKey>, Observation),
    /// An object is gone, as of this position.
    Gone(Arc<ObjectKey>, Option<u64>),
    /// The member does not serve the kind, or no longer.
    Absent(GroupKind),
    /// A while has gone by since the kind was absent: it is looked for again. The watch is over.
    AskAgain(GroupKind),
    /// The member does not let us see the kind, or cannot show it. The watch tries again from time to time.
    Blind(GroupKind, String),
    /// Nothing more can be seen: the member cannot be reached, or the watch failed.
    Lost(Error),
}

/// Where watches put what they say. Boxed: a channel makes room for 32 messages before there is any, which is 9 KiB of
/// events in each member, and a member at rest has none on their way.
pub(crate) type Events = mpsc::Sender<Box<Event>>;

/// One kind's watch.
pub(crate) struct Watch {
    /// How often in a row the kind was absent before, though discovery named it.
    pub(crate) absences: u32,
    pub(crate) api: Api,
    pub(crate) resource: Arc<Resource>,
    pub(crate) hub: HubId,
    pub(crate) awaited: Arc<Awaited>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) jitter: Jitter,
    pub(crate) events: Events,
}

/// What is kept of an object. Its body is at hand only here, so what is awaited of it is found out here too.
fn observation_of(
    resource: &Resource,
    awaited: &Awaited,
    pools: &Pools,
    mut object: Value,
) -> (Arc<ObjectKey>, Observation) {
    // Objects in lists do not say their kind.
    object["apiVersion"] = resource.api_version().into();
    object["kind"] = resource.kind.clone().into();
    let key = ObjectKey::of(&object);
    let state = SeenState::of(&object);
    let recalled = awaited.recall(&key, &object, &state).map(Box::new);
    let observation = Observation::with_state(&object, state, &pools.states);
    (pools.keys.share(key), Observation { recalled, ..observation })
}

impl Watch {
    /// Runs until the kind is gone or the receiver is. The future has room for what an idle watch keeps, and not for what
    /// made it: there are thousands.
    pub(crate) fn run(self) -> impl Future<Output = ()> + Send + 'static {
        let Self { absences, api, resource, hub, awaited, shared, jitter, events } = self;
        // Inventories carry the hub's label too; only delivered objects are part of an ApplySet.
        let selection = Selection::labels(format!("{}={hub},{}", label::HUB, label::APPLYSET_PART_OF));
        let (projected, sharing) = (Arc::clone(&resource), Arc::clone(&shared));
        let project = move |object| Some(observation_of(&projected, &awaited, &sharing.pools, object));
        let watch = client::Watch::new(api, resource, project).selection(selection);
        let mut watch = watch.backoff(Backoff::MEMBER, Arc::clone(&jitter));
        async move {
            // The first event is a list.
            let mut turn = Box::pin(shared.list_turn()).await;
            loop {
                let event = match watch.next().await {
                    client::Event::Absent => break,
                    event => translate(&mut watch, event),
                };
                if events.send(Box::new(event)).await.is_err() {
                    return;
                }
                turn = None;
            }
            drop(turn);
            let kind = watch.resource().group_kind();
            if events.send(Box::new(Event::Absent(kind.clone()))).await.is_err() {
                return;
            }
            // Discovery may still name the kind: do not ask in a tight loop.
            tokio::time::sleep(Backoff::MEMBER.pause(absences.saturating_add(1), jitter())).await;
            drop(events.send(Box::new(Event::AskAgain(kind))).await);
        }
    }
}

/// An object, and what is kept of it.
type Item = (Arc<ObjectKey>, Observation);

/// Translates an event of the client's watch.
fn translate(watch: &mut client::Watch<Item>, event: client::Event<Item>) -> Event {
    let kind = || watch.resource().group_kind();
    match event {
        client::Event::Listed(items, position) => Event::Listed(kind(), position, items),
        client::Event::Applied((key, observation), _) => Event::Seen(key, observation),
        client::Event::Deleted((key, _), position) => Event::Gone(key, position),
        client::Event::Absent => Event::Absent(kind()),
        client::Event::Refused(error) => {
            let blind = Event::Blind(kind(), Error::from(error).to_string());
            // The receiver forgets the kind's objects, so a list has to come next.
            watch.relist();
            blind
        }
        client::Event::Lost(error) => Event::Lost(error.into()),
    }
}

#[cfg(test)]
mod tests;
