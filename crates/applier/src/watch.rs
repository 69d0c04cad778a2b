//! Watching the objects of one kind that this hub delivered: what [`client::Watch`] follows, as observations.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use api::delivery::{HubId, label};
use client::{Api, Backoff, Jitter, Kept, Project, Resource, Selection, Twin};
use model::{GroupKind, HashedKey, ObjectKey, Uid, Weigh as _};
use plan::apply::{Seen, SeenState};
use plan::rights::Rights;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::awaited::{Awaited, Wanted};
use crate::error::Error;
use crate::lookalike::{Known, Lookalike, Reading};
use crate::observation::Observation;
use crate::shared::Shared;

/// What one watch follows: the objects of a kind, all of them or those in one namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Collection {
    pub(crate) kind: GroupKind,
    /// Empty for all.
    pub(crate) namespace: Box<str>,
}

impl Collection {
    /// The one in which an object is, of a member with these rights.
    pub(crate) fn of(key: &ObjectKey, rights: &Rights) -> Self {
        Self { kind: key.group_kind(), namespace: rights.listed_in(key).into() }
    }

    /// Is an object in it?
    pub(crate) fn has(&self, key: &ObjectKey) -> bool {
        key.is_of(&self.kind) && (self.namespace.is_empty() || *self.namespace == *key.namespace)
    }
}

impl From<GroupKind> for Collection {
    /// All objects of the kind.
    fn from(kind: GroupKind) -> Self {
        Self { kind, namespace: Box::default() }
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.namespace {
            "" => self.kind.fmt(f),
            namespace => write!(f, "{} in {namespace}", self.kind),
        }
    }
}

/// What a watch says.
#[derive(Debug)]
pub(crate) enum Event {
    /// All objects of the collection, as of this position.
    Listed(Collection, Option<NonZeroU64>, Vec<(Arc<HashedKey>, Observation)>),
    /// An object is there, perhaps changed.
    Seen(Arc<HashedKey>, Observation),
    /// An object is gone, as of this position; as it was last.
    Gone(Arc<HashedKey>, Option<NonZeroU64>, Observation),
    /// The member does not serve the kind, or no longer.
    Absent(Collection),
    /// A while has gone by since the kind was absent: it is looked for again. The watch is over.
    AskAgain(Collection),
    /// The member does not let us see the kind, or cannot show it. The watch tries again from time to time.
    Blind(Collection, String),
    /// Nothing more can be seen: the member cannot be reached, or the watch failed.
    Lost(Error),
}

/// Where watches put what they say. Boxed: a channel makes room for 32 messages before there is any, which is 9 KiB of
/// events in each member, and a member at rest has none on their way.
pub(crate) type Events = mpsc::Sender<Box<Event>>;

/// One collection's watch.
pub(crate) struct Watch {
    /// How often in a row the kind was absent before, though discovery named it.
    pub(crate) absences: u32,
    pub(crate) api: Api,
    pub(crate) resource: Arc<Resource>,
    /// The namespace that is watched; empty for all.
    pub(crate) namespace: Box<str>,
    pub(crate) hub: HubId,
    pub(crate) awaited: Arc<Awaited>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) jitter: Jitter,
    pub(crate) events: Events,
}

/// Makes observations of objects. Their bodies are at hand only here, so what is awaited of them is found out here too.
struct Observe {
    resource: Arc<Resource>,
    awaited: Arc<Awaited>,
    shared: Arc<Shared>,
    /// What other members have, until the first list was read.
    known: Option<Arc<Known>>,
    /// The list that is being read.
    reading: Option<Reading>,
}

impl Observe {
    fn new(resource: Arc<Resource>, awaited: Arc<Awaited>, shared: Arc<Shared>) -> Self {
        let known = Some(shared.lookalikes.of_kind(&resource));
        Self { resource, awaited, shared, known, reading: None }
    }

    fn reading(&mut self) -> &mut Reading {
        let Self { resource, shared, known, reading, .. } = self;
        reading.get_or_insert_with(|| known.take().unwrap_or_else(|| shared.lookalikes.of_kind(resource)).into())
    }

    /// What is kept of an object with its body.
    fn observe(&mut self, mut object: Value, text: Option<&str>) -> Item {
        // Objects in lists do not say their kind.
        object["apiVersion"] = self.resource.api_version().into();
        object["kind"] = self.resource.kind.clone().into();
        let pools = &Arc::clone(&self.shared).pools;
        let key = pools.keys.share(ObjectKey::of(&object));
        let state = SeenState::of(&object);
        let recalled = self.awaited.recall(&key, &object, &state);
        let observation = Observation::with_state(&object, state, &pools.states);
        // An object of which nothing is ours is compared as a whole, with what its server says by itself.
        let is_alike = || SeenState::of(&Twin::example(&object)) == *observation.seen.state;
        if let Some(text) = text.filter(|_| self.reading().is_worth_learning(&key) && is_alike()) {
            let told = recalled.clone().filter(|recalled| recalled.is_of_recorded_uid).map(|recalled| recalled.told);
            let state = Arc::clone(&observation.seen.state);
            if let Some(lookalike) = Lookalike::new(text, Arc::clone(&key), state, told) {
                self.reading().learn(lookalike);
            }
        }
        (key, Observation { recalled: recalled.map(|recalled| Box::new(recalled.told)), ..observation })
    }

    /// What is kept of an object that is written as another member has it, if that tells all that is awaited of it.
    fn find(&mut self, text: &str) -> Option<Item> {
        let (known, own) = self.reading().find(text)?;
        let uid = Uid::from(own.uid);
        let recalled = match self.awaited.wanted(&known.key, &uid) {
            Wanted::Nothing => None,
            Wanted::Digest(digest) => Some(known.recalled.clone().filter(|(of, _)| *of == digest)?),
            Wanted::OtherUid => return None,
        };
        let seen = Seen { uid, state: Arc::clone(&known.state) };
        let version = own.resource_version.parse().ok();
        Some((Arc::clone(&known.key), Observation { seen, version, recalled: recalled.map(Box::new) }))
    }
}

impl Project<Item> for Observe {
    fn recognize(&mut self, text: &str) -> Kept<Item> {
        let item = self.find(text)?;
        let weight = item.weight();
        Some((item, weight))
    }

    fn project(&mut self, object: Value, text: Option<&str>) -> Kept<Item> {
        let item = self.observe(object, text);
        let weight = item.weight();
        Some((item, weight))
    }

    fn list_ended(&mut self) {
        (self.known, self.reading) = (None, None);
    }
}

impl Watch {
    /// Runs until the kind is gone or the receiver is. The future has room for what an idle watch keeps, and not for what
    /// made it: there are thousands.
    pub(crate) fn run(self) -> impl Future<Output = ()> + Send + 'static {
        let Self { absences, api, resource, namespace, hub, awaited, shared, jitter, events } = self;
        // Inventories carry the hub's label too; only delivered objects are part of an ApplySet.
        let selection = Selection::labels(format!("{}={hub},{}", label::HUB, label::APPLYSET_PART_OF));
        let observe = Observe::new(Arc::clone(&resource), awaited, Arc::clone(&shared));
        let watch = client::Watch::projecting(api, resource, observe).namespace(&*namespace).selection(selection);
        let mut watch = watch.backoff(Backoff::MEMBER, Arc::clone(&jitter));
        async move {
            // The first event is a list.
            let mut turn = Box::pin(shared.list_turn()).await;
            loop {
                let event = match watch.next().await {
                    client::Event::Absent => break,
                    event => translate(&mut watch, &namespace, event),
                };
                if events.send(Box::new(event)).await.is_err() {
                    return;
                }
                turn = None;
            }
            drop(turn);
            let collection = Collection { kind: watch.resource().group_kind(), namespace };
            if events.send(Box::new(Event::Absent(collection.clone()))).await.is_err() {
                return;
            }
            // Discovery may still name the kind: do not ask in a tight loop.
            tokio::time::sleep(Backoff::MEMBER.pause(absences.saturating_add(1), jitter())).await;
            drop(events.send(Box::new(Event::AskAgain(collection))).await);
        }
    }
}

/// An object, and what is kept of it.
type Item = (Arc<HashedKey>, Observation);

/// Translates an event of the client's watch.
fn translate(watch: &mut client::Watch<Item>, namespace: &str, event: client::Event<Item>) -> Event {
    let collection = || Collection { kind: watch.resource().group_kind(), namespace: namespace.into() };
    let number = |position: Option<u64>| position.and_then(NonZeroU64::new);
    match event {
        client::Event::Listed(items, position) => Event::Listed(collection(), number(position), items),
        client::Event::Applied((key, observation), _) => Event::Seen(key, observation),
        client::Event::Deleted((key, last), position) => Event::Gone(key, number(position), last),
        client::Event::Absent => Event::Absent(collection()),
        client::Event::Refused(error) => {
            let blind = Event::Blind(collection(), Error::from(error).to_string());
            // The receiver forgets the kind's objects, so a list has to come next.
            watch.relist();
            blind
        }
        client::Event::Lost(error) => Event::Lost(error.into()),
    }
}

#[cfg(test)]
mod tests;
