//! Writes what [`crate::plan::event`] says, as real components do: `v1` Events, the same again counted. Bounded: what is too
//! much is not said, and of very many the oldest go.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use client::{Api, Delete, Resource};
use model::clock::{format_micros, format_seconds};
use model::{Clock, Timestamp};
use serde_json::json;
use tokio::sync::mpsc;

use super::Sim;
use crate::object::Uid;
use crate::plan::event::{Owner, Said};
use crate::world::World;

/// Most events that wait to be written: a rollout of 50 pods says as much.
const QUEUE_MAX: usize = 256;
/// Most events of one member that are kept, about 1 kB each. A test or a demo looks at the last few.
const KEPT_MAX: usize = 500;

/// Takes what is said.
pub(super) struct Speaker(mpsc::Sender<Said>);

impl Speaker {
    /// A speaker, and what has to be run for it.
    pub(super) fn new() -> (Self, mpsc::Receiver<Said>) {
        let (queue, said) = mpsc::channel(QUEUE_MAX);
        (Self(queue), said)
    }

    pub(super) fn send(&self, said: Said) {
        // One that does not fit is lost: no work waits for what is said of it.
        let _ = self.0.try_send(said);
    }
}

/// An event that was written.
struct Written {
    name: String,
    count: u32,
}

type Key = (Uid, &'static str, String);

/// Writes until the future is dropped.
pub(super) async fn write(api: &Api, clock: &Arc<dyn Clock>, said: &mut mpsc::Receiver<Said>) {
    let mut known: HashMap<Key, Written> = HashMap::new();
    let mut order: VecDeque<(Key, String)> = VecDeque::new();
    let mut made = 0_u64;
    let resource = Resource::core("Event", "events", true);
    while let Some(said) = said.recv().await {
        let now = clock.now();
        let key: Key = (said.about.2.as_str().into(), said.reason, said.message.clone());
        if let Some(written) = known.get_mut(&key) {
            written.count = written.count.saturating_add(1);
            let patch = json!({"count": written.count, "lastTimestamp": format_seconds(now)});
            if api.merge(&resource.target(&said.about.0, &written.name), &patch).await.is_ok() {
                continue;
            }
        }
        made += 1;
        let name = format!("{}.{:016x}", said.about.1, (now.as_microsecond().cast_unsigned()).wrapping_add(made));
        if api.create(&resource, &said.about.0, &object(&said, &name, now)).await.is_err() {
            // The namespace is going, most likely.
            continue;
        }
        order.push_back((key.clone(), said.about.0.clone()));
        known.insert(key, Written { name, count: 1 });
        if order.len() > KEPT_MAX
            && let Some((oldest, namespace)) = order.pop_front()
            && let Some(written) = known.remove(&oldest)
        {
            // Gone already is as good.
            let _ = api.delete(&resource.target(&namespace, &written.name), &Delete::default()).await;
        }
    }
}

fn object(said: &Said, name: &str, now: Timestamp) -> serde_json::Value {
    let Said { api_version, kind, about: (namespace, object, uid), component, host, warns, reason, message } = said;
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": object, "uid": uid},
        "type": if *warns { "Warning" } else { "Normal" }, "reason": reason, "message": message,
        "source": {"component": component, "host": host},
        "reportingComponent": component, "reportingInstance": host,
        "firstTimestamp": format_seconds(now), "lastTimestamp": format_seconds(now), "count": 1,
        "eventTime": if *component == "default-scheduler" { json!(format_micros(now)) } else { json!(null) },
    })
}

impl Sim {
    /// Says something, in a member that does.
    pub(super) fn record_events(&self, said: impl IntoIterator<Item = Said>) {
        if let Some(speaker) = &self.speaker {
            said.into_iter().for_each(|said| speaker.send(said));
        }
    }
}

/// The workload of this UID.
pub(super) fn owner<'a>(world: &'a World, uid: &Uid) -> Option<Owner<'a>> {
    let apps = |kind, component, meta| Owner { api_version: "apps/v1", kind, component, meta };
    if let Some(set) = world.replica_sets.by_uid(uid) {
        return Some(apps("ReplicaSet", "replicaset-controller", &set.meta));
    }
    if let Some(deployment) = world.deployments.by_uid(uid) {
        return Some(apps("Deployment", "deployment-controller", &deployment.meta));
    }
    if let Some(set) = world.stateful_sets.by_uid(uid) {
        return Some(apps("StatefulSet", "statefulset-controller", &set.meta));
    }
    if let Some(set) = world.daemon_sets.by_uid(uid) {
        return Some(apps("DaemonSet", "daemonset-controller", &set.meta));
    }
    let job = world.jobs.by_uid(uid)?;
    Some(Owner { api_version: "batch/v1", kind: "Job", component: "job-controller", meta: &job.meta })
}
