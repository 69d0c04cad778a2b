//! Applies [`crate::plan::schedule`]: bindings, and the condition of pods that fit nowhere.

use std::sync::Arc;

use client::{Error, Next};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::Sim;
use super::known::SimulatedKind;
use crate::object::{Condition, Node, Pod};
use crate::plan::schedule::{self, Scheduling};

/// Bindings at the same time: kube-scheduler's cycle binds in the background too.
const FAN_OUT: usize = 16;

impl Sim {
    pub(super) async fn schedule(&self) -> Result<Next, Error> {
        let results = {
            let world = self.world();
            if !world.pods.all().any(|pod| pod.unscheduled()) {
                return Ok(Next::Wait);
            }
            let mut local = self.local();
            // A pod bound a moment ago counts where it goes, until its event says so.
            let assume = |pod: &Arc<Pod>| match local.assumed.get(&pod.meta.uid) {
                Some(node) if pod.node.is_empty() => Arc::new(Pod { node: node.clone(), ..Pod::clone(pod) }),
                _ => pod.clone(),
            };
            let pods: Vec<Arc<Pod>> = world.pods.all().map(assume).collect();
            let nodes: Vec<Arc<Node>> = world.nodes.all().cloned().collect();
            local.assumed.retain(|uid, _| world.pods.by_uid(uid).is_some_and(|pod| pod.unscheduled()));
            schedule::plan(&nodes, &pods)
        };
        stream::iter(results)
            .map(|(pod, result)| async move {
                match result {
                    Scheduling::Bind(node) => self.bind(&pod, &node).await,
                    Scheduling::Unschedulable(message) => self.refuse(&pod, message).await,
                }
            })
            .buffer_unordered(FAN_OUT)
            .try_collect::<()>()
            .await?;
        Ok(Next::Wait)
    }

    async fn bind(&self, pod: &Pod, node: &str) -> Result<(), Error> {
        let meta = &pod.meta;
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding",
            "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": &*meta.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        self.local().assumed.insert(meta.uid.clone(), node.to_owned());
        let target = Pod::resource().target(&meta.namespace, &meta.name).part("binding");
        match self.api.create_part(&target, &binding).await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.local().assumed.remove(&meta.uid);
                // Gone, being deleted, or bound by somebody else.
                if matches!(error.code(), Some(404 | 409)) { Ok(()) } else { Err(error) }
            }
        }
    }

    async fn refuse(&self, pod: &Pod, message: String) -> Result<(), Error> {
        let now = self.now();
        let mut condition = Condition::new("PodScheduled", "False", "Unschedulable", message, now);
        condition.updated = None;
        if let Some(before) = pod.condition("PodScheduled") {
            if before.status == "False" && before.message == condition.message {
                return Ok(());
            }
            if before.status == "False" {
                condition.changed = before.changed;
            }
        }
        let others = pod.conditions.iter().filter(|c| c.kind != "PodScheduled").map(Condition::to_value);
        let list: Vec<Value> = others.chain([condition.to_value()]).collect();
        let patch = json!({"metadata": {"uid": &*pod.meta.uid}, "status": {"conditions": list}});
        match self.patch::<Pod>(&pod.meta.key(), "status", &patch).await {
            Err(error) if matches!(error.code(), Some(404 | 409)) => Ok(()),
            other => other,
        }
    }
}
