//! Finding out what a process before this one applied. What it means is decided by [`plan::recall`].

use std::sync::Arc;

use client::Class;
use plan::apply::{Accepted, SeenState, Step};
use plan::drift;
use plan::prepare::{Bundle, Prepared};
use plan::recall::{self, Recalled};
use serde_json::Value;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::error::Error;
use crate::observation::Observation;

use super::{Pass, Unit};

impl Unit {
    /// Asks the lists that are to come for what is not known of earlier applies.
    pub(crate) fn await_lists(&self, connection: &Connection, bundle: &Arc<Bundle>) {
        for object in bundle.objects().filter(|object| !self.past.accepted.contains_key(&object.key)) {
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
            if self.step(object) != Step::Recall || !self.is_mine(&object.key) {
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
        for (object, live) in self.look_at(unknown).await? {
            match self.recall_one(&object, live.as_ref()).await {
                Ok(accepted) => {
                    if let Some(live) = &live {
                        let mut view = self.connection.view();
                        if !view.observations.contains_key(&object.key) {
                            let observation = Observation::of(live, &self.connection.ctx.shared.pools.states);
                            view.observations.insert(object.key.clone(), observation);
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
        loop {
            match recall::plan(object, uid, live, &state, scaled) {
                Recalled::Known(accepted) => return Ok(accepted),
                Recalled::AskAutoscaler => {
                    let found = self.connection.autoscalers(&object.key).await?;
                    scaled = Some(drift::is_autoscaled(&object.key, &found));
                }
            }
        }
    }
}
