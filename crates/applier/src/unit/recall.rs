//! Finding out what a process before this one applied. What it means is decided by [`plan::recall`].

use std::sync::Arc;

use client::{Class, Document};
use futures::StreamExt as _;
use plan::apply::{Accepted, SeenState, Step};
use plan::drift;
use plan::prepare::{Bundle, Prepared};
use plan::recall::{self, Answers, Recalled};
use serde_json::Value;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::error::Error;
use crate::observation::Observation;

use super::apply::Looked;
use super::{Pass, Unit};

impl Unit {
    /// Asks the lists that are to come for what is not known of earlier applies.
    pub(crate) fn await_lists(&self, connection: &Connection, bundle: &Arc<Bundle>) {
        let rights = &connection.ctx.rights;
        let is_awaited = |object: &&Arc<Prepared>| {
            !self.past.accepted.contains_key(&object.key) && rights.lack(&object.key).is_none()
        };
        for object in bundle.objects().filter(is_awaited) {
            if let Some(uid) = self.inventory.get(&object.key).and_then(|entry| entry.uid.as_ref()) {
                connection.awaited.add(bundle, &object.key, uid);
            }
        }
    }
}

impl Pass {
    /// Finds out what is known of objects that a process before this one applied. Reads only, and only once.
    pub(super) async fn recall(&mut self) -> Result<(), Error> {
        let Ok(bundle) = self.bundle.clone() else { return Ok(()) };
        if !self.entry.removal.is_none() {
            return Ok(());
        }
        let now = Instant::now();
        let mut unknown = Vec::new();
        for object in bundle.objects() {
            let is_outside = self.outside.contains_key(&object.key);
            if is_outside || self.step(object) != Step::Recall || !self.is_mine(&object.key) {
                continue;
            }
            self.connection.awaited.remove(&object.key);
            let told = self
                .connection
                .view()
                .observations
                .get_mut(&object.key)
                .and_then(|observation| observation.recalled.take());
            match told.map(|told| *told) {
                Some((digest, Recalled::Known(accepted))) if digest == object.digest => {
                    let accepted = self.connection.ctx.shared.pools.accepted.share(accepted);
                    self.unit.past.accepted.insert(object.key.clone(), accepted);
                }
                _ if self
                    .unit
                    .past
                    .memory
                    .get(&object.key)
                    .is_some_and(|m| m.rest(object.digest, now, false).is_some()) => {}
                _ => unknown.push(object.clone()),
            }
        }
        let found = self.look_at(unknown).await?;
        let (this, lanes) = (&*self, self.lanes(found.len()));
        let recall = |(object, live): Looked| async move {
            let recalled = this.recall_one(&object, live.as_ref()).await;
            (object, live, recalled)
        };
        let recalled: Vec<_> =
            futures::stream::iter(found.into_iter().map(recall)).buffered(lanes.width).collect().await;
        for (object, live, recalled) in recalled {
            match recalled {
                Ok(accepted) => {
                    if let Some(live) = &live {
                        let mut view = self.connection.view();
                        if !view.observations.contains_key(&object.key) {
                            view.note_observation(
                                &object.key,
                                Observation::of(live, &self.connection.ctx.shared.pools.states),
                            );
                        }
                    }
                    let accepted = self.connection.ctx.shared.pools.accepted.share(accepted);
                    self.unit.past.accepted.insert(object.key.clone(), accepted);
                    if let Some(memory) = self.unit.past.memory.get_mut(&object.key) {
                        memory.failure = None;
                    }
                }
                Err(e) if e.class() == Class::Unreachable => return Err(e),
                Err(e) => self.fail(&object, &e),
            }
        }
        Ok(())
    }

    /// What is known of one object, from its body.
    async fn recall_one(&self, object: &Prepared, live: Option<&Value>) -> Result<Accepted, Error> {
        let Some(live) = live else { return Ok(recall::gone(object)) };
        let uid = self.unit.inventory.get(&object.key).and_then(|entry| entry.uid.as_ref());
        let (state, mut scaled) = (SeenState::of(live), self.entry.force.then_some(false));
        let mut answer: Option<Option<Value>> = None;
        loop {
            let answers = Answers { scaled, answer: answer.as_ref().map(Option::as_ref) };
            match recall::plan(object, uid, live, &state, answers) {
                Recalled::Known(accepted) => return Ok(accepted),
                Recalled::AskAutoscaler => {
                    let found = self.connection.autoscalers(&object.key).await?;
                    scaled = Some(drift::is_autoscaled(&object.key, &found));
                }
                Recalled::AskMember(body) => answer = Some(self.would_apply(object, Document::from_bytes(body)).await?),
            }
        }
    }

    /// What the member would make of an apply; `None` when it cannot tell, as with a webhook that has side effects.
    async fn would_apply(&self, object: &Prepared, body: Document) -> Result<Option<Value>, Error> {
        let resource = self.connection.resource(&object.key, &object.version).await?;
        let target = resource.target(&object.key.namespace, &object.key.name);
        match self.connection.api.apply_dry_run(&target, body).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.code() == Some(400) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
