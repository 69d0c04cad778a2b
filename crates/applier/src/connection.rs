//! What all units of a member share while it is connected: requests, watches, what was seen, who claims what.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::delivery::UnitId;
use client::contain::counted;
use client::{Api, Class, Delete, Deletion, Discovery, Propagation, Resource, Selection};
use model::{GroupKind, GroupVersion, GroupVersionKind, HashedKey, KeyMap, ObjectKey, Uid, words};
use plan::apply::Seen;
use plan::drift;
use plan::handover::Claims;
use plan::inventory::Entry;
use plan::ownership;
use plan::prepare::Prepared;
use plan::report::Unmet;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::awaited::Awaited;
use crate::error::Error;
use crate::limit;
use crate::member::{Ctx, NAME};
use crate::observation::{Observation, Observations};
use crate::shard::InventoryOwner;
use crate::watch::{Collection, Event, Events, Watch};

/// What is known of a kind, or of its objects in one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its list is on the way, since then.
    Listing(Instant),
    /// What is not among the observations is not there.
    Listed,
    /// The member does not serve it, so no object of it is there.
    Absent,
    /// Discovery names it, and its list is not found: it is going, or not there yet. It is asked for again after a pause.
    Unlisted,
    /// We may not see it, or the member cannot show it.
    Blind(String),
    /// Whether the member serves it could not be found out; the next look asks again.
    Unasked(String),
}

impl Kind {
    /// Why objects of the kind cannot be seen.
    pub(crate) fn hidden(&self, now: Instant) -> Option<&str> {
        match self {
            Self::Blind(why) | Self::Unasked(why) => Some(why),
            Self::Listing(since) if now - *since >= limit::LISTED_WITHIN => Some(NOT_LISTED),
            Self::Unlisted => Some(NOT_FOUND),
            Self::Listing(_) | Self::Listed | Self::Absent => None,
        }
    }
}

/// How many objects that ran to their end and are gone are remembered before those are looked for that no unit has: 25 kB.
const ENDED_SWEPT_FIRST: usize = 256;

/// Why objects cannot be seen of a kind that is named and not listed.
const NOT_FOUND: &str = "the member names this kind, and says that its list is not found; repair or delete its \
                         CustomResourceDefinition or APIService there";

/// Why objects cannot be seen whose list is on the way for too long.
const NOT_LISTED: &str = "the member has not listed the objects of this kind yet";

/// Why objects cannot be seen that have a namespace and are of a kind that has none.
const NOT_IN_NAMESPACES: &str = "the kind is cluster-scoped, and the member gives rights in namespaces only";

/// What was seen, and who claims what.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) observations: Observations,
    pub(crate) kinds: HashMap<Collection, Kind>,
    /// Objects that units have, that ran to their end and are gone: their UID, and whether they failed.
    pub(crate) ended: KeyMap<(Uid, bool)>,
    /// At how many of these those are forgotten that no unit has any more, such as Jobs that are named per commit.
    ended_swept_at: usize,
    /// How often in a row the list of a kind that discovery names was not found.
    unlisted: HashMap<Collection, u32>,
    pub(crate) claims: Claims,
    /// Of units that a pass looks at, the first object that it is about to change.
    pub(crate) unmet: BTreeMap<UnitId, Unmet>,
    /// Why nothing may be pruned: not everything that the units desire is known.
    pub(crate) incomplete: Option<String>,
}

impl View {
    /// Is an observation kept? For an object that a unit wants or has, always; for another one while there is room, since
    /// a member can name new objects without end.
    fn is_kept(&self, key: &HashedKey) -> bool {
        self.observations.has_room() || self.observations.contains_key(key) || self.claims.units(key).next().is_some()
    }

    /// Was an object of another UID seen under this name than the one that is recorded?
    pub(crate) fn is_replaced(&self, key: &HashedKey, entry: &Entry) -> bool {
        let seen = self.observations.get(key).map(|observation| &observation.seen.uid);
        seen.zip(entry.uid.as_ref()).is_some_and(|(seen, recorded)| seen != recorded)
    }

    /// Notes that an object is gone that was last seen so. What ran to its end is not run again for that.
    fn note_gone(&mut self, key: &Arc<HashedKey>, last: &Seen) {
        if let Some(failed) = last.state.ended
            && self.claims.units(key).next().is_some()
        {
            self.ended.insert(Arc::clone(key), (last.uid.clone(), failed));
            self.sweep_ended();
        }
    }

    /// Forgets what ran to its end and that no unit has any more. What is left is bounded by what units have; it is looked
    /// through each time that it has doubled.
    fn sweep_ended(&mut self) {
        if self.ended.len() < self.ended_swept_at.max(ENDED_SWEPT_FIRST) {
            return;
        }
        let claims = &self.claims;
        self.ended.retain(|key, _| claims.units(key).next().is_some());
        self.ended_swept_at = self.ended.len() * 2;
    }

    fn keep_observation(&mut self, key: Arc<HashedKey>, observation: Observation) {
        if self.is_kept(&key) {
            self.observations.insert(key, observation);
        }
    }

    /// Why an object cannot be seen.
    pub(crate) fn hidden(&self, key: &ObjectKey, now: Instant) -> Option<&str> {
        // Asked for each object, of which nearly none is hidden.
        let mut hidden = self.kinds.iter().filter_map(|(collection, known)| Some((collection, known.hidden(now)?)));
        hidden.find(|(collection, _)| collection.has(key)).map(|(_, why)| why)
    }

    /// Notes how a request of ours showed an object. It stands for what a watch would have seen, until that says otherwise.
    /// Nothing is noted of a kind that cannot be seen: no watch would ever take it back. Nothing is noted either when a watch has
    /// already said something later of the object. A watch may be faster than our answer, and says each thing only once.
    pub(crate) fn note_observation(&mut self, key: &Arc<HashedKey>, observation: Observation) {
        let is_latest = self.observations.get(key).is_none_or(|seen| seen.is_older_than(observation.version));
        if is_latest && self.hidden(key, Instant::now()).is_none() {
            self.observations.insert(Arc::clone(key), observation);
        }
    }

    /// Applies an event of a watch. Returns whether it changes anything, and for which objects; `None` means all.
    pub(crate) fn apply_event(&mut self, event: Event) -> Changed {
        match event {
            Event::Listed(collection, version, observations) => {
                let listed: HashSet<&HashedKey> = observations.iter().map(|(key, _)| &**key).collect();
                let ended = self.observations.iter().filter(|(key, observation)| {
                    collection.has(key) && observation.seen.state.ended.is_some() && !listed.contains(&***key)
                });
                let gone: Vec<_> = ended.map(|(key, old)| (Arc::clone(key), old.seen.clone())).collect();
                gone.iter().for_each(|(key, last)| self.note_gone(key, last));
                // What we applied after the list was made is not in it.
                self.observations
                    .retain(|key, observation| !collection.has(key) || !observation.is_older_than(version));
                for (key, observation) in observations {
                    if self.observations.get(&key).is_none_or(|old| old.is_older_than(observation.version)) {
                        self.keep_observation(key, observation);
                    }
                }
                self.unlisted.remove(&collection);
                self.kinds.insert(collection, Kind::Listed);
                Changed::All
            }
            Event::Seen(key, observation) => match self.observations.get_mut(&key) {
                Some(old) if !old.is_older_than(observation.version) => Changed::Nothing,
                Some(old) if old.says_the_same(&observation) => {
                    let recalled = observation.recalled.or_else(|| old.recalled.take());
                    *old = Observation { recalled, ..observation };
                    Changed::Nothing
                }
                _ => {
                    self.keep_observation(Arc::clone(&key), observation);
                    Changed::Object(key)
                }
            },
            Event::Gone(key, version, last) => {
                self.note_gone(&key, &last.seen);
                match self.observations.get(&key) {
                    Some(old) if old.is_older_than(version) => {
                        self.observations.remove(&key);
                        Changed::Object(key)
                    }
                    // Another one was made in its place since.
                    Some(_) => Changed::Nothing,
                    // A unit that let go of it took away what was seen of it; another one may wait for it to be gone.
                    None if self.claims.units(&key).next().is_some() => Changed::Object(key),
                    None => Changed::Nothing,
                }
            }
            Event::Absent(collection) => {
                self.observations.retain(|key, _| !collection.has(key));
                *self.unlisted.entry(collection.clone()).or_default() += 1;
                self.kinds.insert(collection.clone(), Kind::Unlisted);
                Changed::Kind(collection.kind)
            }
            Event::AskAgain(collection) => {
                self.kinds.insert(collection.clone(), Kind::Absent);
                Changed::Kind(collection.kind)
            }
            Event::Blind(collection, why) => {
                let now = Kind::Blind(words::bounded(&why, limit::HIDDEN_WORDS_MAX));
                let seen = self.observations.len();
                // What was seen before is no longer known.
                self.observations.retain(|key, _| !collection.has(key));
                let is_news = self.kinds.get(&collection) != Some(&now) || self.observations.len() != seen;
                self.kinds.insert(collection, now);
                if is_news { Changed::All } else { Changed::Nothing }
            }
            Event::Lost(_) => Changed::Nothing,
        }
    }
}

/// What an event changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Nothing,
    Object(Arc<HashedKey>),
    Kind(GroupKind),
    All,
}

/// A connected member.
pub(crate) struct Connection {
    pub(crate) ctx: Ctx,
    /// Whose inventories are there.
    pub(crate) owner: InventoryOwner,
    pub(crate) api: Api,
    pub(crate) discovery: Discovery,
    pub(crate) awaited: Arc<Awaited>,
    view: Mutex<View>,
    watches: Mutex<JoinSet<()>>,
    events: Events,
}

impl Connection {
    pub(crate) fn new(ctx: Ctx, owner: InventoryOwner, api: Api, events: Events) -> Arc<Self> {
        let discovery = Discovery::sharing(api.clone(), &ctx.shared.documents);
        let (view, watches) = (Mutex::default(), Mutex::default());
        Arc::new(Self { ctx, owner, api, discovery, awaited: Arc::default(), view, watches, events })
    }

    /// What was seen. Held for a moment, never while waiting.
    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        // Every change is one insertion or removal: a panic elsewhere leaves nothing half done.
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that the objects of a kind are watched, in one namespace or in all (an empty one), if the member serves it, and
    /// says what is known of them.
    pub(crate) async fn watch(&self, gvk: &GroupVersionKind, namespace: &str) -> Result<Kind, Error> {
        let collection = Collection { kind: gvk.group_kind(), namespace: namespace.into() };
        match self.view().kinds.get(&collection) {
            None | Some(Kind::Absent | Kind::Unasked(_)) => {}
            Some(known) => return Ok(known.clone()),
        }
        let resource = match self.discovery.find(gvk).await {
            // The list of a cluster-scoped kind takes no namespace: it would ask for all of the member.
            Ok(Some(resource)) if !namespace.is_empty() && !resource.namespaced => {
                let blind = Kind::Blind(NOT_IN_NAMESPACES.to_owned());
                self.view().kinds.insert(collection, blind.clone());
                return Ok(blind);
            }
            Ok(Some(resource)) => resource,
            Ok(None) => {
                self.view().kinds.insert(collection, Kind::Absent);
                return Ok(Kind::Absent);
            }
            Err(e) if e.class() == Class::Unreachable => return Err(e.into()),
            Err(e) => {
                let why = Error::from(e).to_string();
                let unasked = Kind::Unasked(words::bounded(&why, limit::HIDDEN_WORDS_MAX));
                self.view().kinds.insert(collection, unasked.clone());
                return Ok(unasked);
            }
        };
        let since = Instant::now();
        let absences = {
            // Another unit may have started it meanwhile.
            let mut view = self.view();
            let absences = view.unlisted.get(&collection).copied().unwrap_or(0);
            match view.kinds.get(&collection) {
                None | Some(Kind::Absent | Kind::Unasked(_)) => view.kinds.insert(collection, Kind::Listing(since)),
                Some(known) => return Ok(known.clone()),
            };
            absences
        };
        let watch = Watch {
            absences,
            api: self.api.clone(),
            resource,
            namespace: namespace.into(),
            hub: self.ctx.hub.clone(),
            awaited: Arc::clone(&self.awaited),
            shared: Arc::clone(&self.ctx.shared),
            jitter: Arc::clone(&self.ctx.jitter),
            events: self.events.clone(),
        };
        let (events, metrics, member) = (self.events.clone(), self.ctx.metrics.clone(), self.ctx.member.clone());
        // A watch that died unheard would leave its kind looking as it was for ever.
        let watched = async move {
            if let Err(panic) = counted(NAME, &metrics, watch.run()).await {
                tracing::error!(%member, panic, "a watch panicked, and the applier connects again; please report it");
                let error = Error::Bug("a watch panicked; what happened is in the log".to_owned());
                drop(events.send(Box::new(Event::Lost(error))).await);
            }
        };
        // Dropping the connection ends its watches.
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that are over, so that kinds that come and go leave nothing behind.
        while watches.try_join_next().is_some() {}
        watches.spawn(watched);
        Ok(Kind::Listing(since))
    }

    /// The kind of an object as it is served. Every request about one object begins here, so that none goes beyond the rights
    /// that the member gives.
    pub(crate) async fn resource(&self, key: &HashedKey, version: &str) -> Result<Arc<Resource>, Error> {
        if let Some(lack) = self.ctx.rights.lack(key) {
            return Err(Error::OutsideRights(self.ctx.rights.sentence(key, &lack, &BTreeSet::new())));
        }
        let gvk = GroupVersionKind::new(key.group.clone(), version, key.kind.clone());
        let resource = self.discovery.resolve(&gvk).await?;
        if resource.namespaced == key.namespace.is_empty() {
            return Err(Error::Scope { kind: key.group_kind().to_string(), namespaced: resource.namespaced });
        }
        Ok(resource)
    }

    /// The kind of an object that was delivered at this version, which the member may have ceased to serve; `None` when
    /// it serves the kind at no version, or has it with another scope, so that there is no such object.
    pub(crate) async fn recorded_resource(
        &self,
        key: &HashedKey,
        version: &str,
    ) -> Result<Option<Arc<Resource>>, Error> {
        let found = match self.resource(key, version).await {
            Ok(resource) => return Ok(Some(resource)),
            Err(Error::Member(client::Error::NoKind { .. })) => {
                self.discovery.find_any_version(&key.group_kind()).await?
            }
            // The scope of a definition never changes: it was deleted with all its objects, and made again.
            Err(Error::Scope { .. }) => None,
            Err(e) => return Err(e),
        };
        Ok(found.filter(|resource| resource.namespaced != key.namespace.is_empty()))
    }

    /// Reads an object that would be sent, as the member has it.
    pub(crate) async fn read(&self, object: &Prepared) -> Result<Option<Value>, Error> {
        let resource = self.resource(&object.key, &object.version).await?;
        Ok(self.api.get(&resource.target(&object.key.namespace, &object.key.name)).await?)
    }

    /// Reads an object that was sent, at whichever version the member serves it now.
    pub(crate) async fn read_recorded(
        &self,
        key: &HashedKey,
        version: &str,
    ) -> Result<Option<(Arc<Resource>, Value)>, Error> {
        let Some(resource) = self.recorded_resource(key, version).await? else {
            // A group that is hidden for a moment takes no object along, and a watch that shows it knows better.
            let is_hidden = ownership::is_always_served(key, version) || self.view().observations.contains_key(key);
            let kind = key.group_kind().to_string();
            let version = GroupVersion::new(key.group.clone(), version).to_string();
            let hidden = client::Error::NoKind { kind, version, served: None };
            return if is_hidden { Err(hidden.into()) } else { Ok(None) };
        };
        let live = self.api.get(&resource.target(&key.namespace, &key.name)).await;
        if matches!(live, Err(client::Error::NoKind { .. })) {
            // What was known of the group is out of date.
            self.discovery.forget(&key.group);
        }
        Ok(live?.map(|live| (resource, live)))
    }

    /// Deletes exactly the object that was read. Returns whether it is gone already.
    pub(crate) async fn delete(&self, resource: &Resource, live: &Value) -> Result<bool, Error> {
        delete(&self.api, resource, live).await
    }

    /// An autoscaler of the object, if there is one; the others of its namespace are not kept. A member without the kind,
    /// or one that does not show it, has none for us.
    pub(crate) async fn autoscalers(&self, key: &HashedKey) -> Result<Vec<Value>, Error> {
        let gvk = GroupVersionKind::new("autoscaling", "v2", "HorizontalPodAutoscaler");
        let Some(resource) = self.discovery.find(&gvk).await? else { return Ok(Vec::new()) };
        let mut found = false;
        let first = |autoscaler: Value| {
            let is_it = !found && drift::is_autoscaled(key, std::slice::from_ref(&autoscaler));
            found |= is_it;
            is_it.then_some(autoscaler)
        };
        match self.api.list_as(&resource, &key.namespace, &Selection::default(), first).await {
            Ok(listed) => Ok(listed.items),
            Err(e) if e.code() == Some(403) || e.is_path_unknown() => Ok(Vec::new()),
            Err(e) => Err(e.into()),
        }
    }

    /// A number in `0.0..1.0`.
    pub(crate) fn jitter(&self) -> f64 {
        (self.ctx.jitter)()
    }
}

impl Drop for Connection {
    /// What only this member said is not kept until others say something new.
    fn drop(&mut self) {
        let seen = std::mem::take(&mut self.view().observations);
        let (objects, bytes) = (seen.len(), seen.weight());
        drop(seen);
        self.ctx.shared.pools.let_go(objects, bytes);
    }
}

/// Deletes exactly the object that was read: another UID or a later resourceVersion is a conflict. What it owns goes in
/// the background. Returns whether it is gone already.
pub(crate) async fn delete(api: &Api, resource: &Resource, live: &Value) -> Result<bool, Error> {
    let options = Delete::exactly(live).propagation(Propagation::Background);
    match api.delete(&resource.target_of(live), &options).await? {
        Deletion::Absent | Deletion::Gone => Ok(true),
        Deletion::Going(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests;
