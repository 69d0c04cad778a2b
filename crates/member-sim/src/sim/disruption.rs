//! Applies [`crate::plan::disruption`].

use std::sync::Arc;

use client::{Error, Next};

use super::{Sim, again};
use crate::object::{Budget, Pod, Uid};
use crate::plan::disruption;
use crate::world::{Name, World};

/// The workload that a controller of pods stands for, and how many pods that wants: a Deployment for its ReplicaSets.
fn scale(world: &World, controller: &Uid) -> Option<(Uid, i64)> {
    if let Some(set) = world.replica_sets.by_uid(controller) {
        let deployment = set.meta.controller.as_ref().and_then(|uid| world.deployments.by_uid(uid));
        return Some(match deployment {
            Some(deployment) => (deployment.meta.uid.clone(), deployment.replicas),
            None => (set.meta.uid.clone(), set.replicas),
        });
    }
    world.stateful_sets.by_uid(controller).map(|set| (set.meta.uid.clone(), set.replicas))
}

impl Sim {
    pub(super) async fn budget(&self, name: &Name) -> Result<Next, Error> {
        let plan = {
            let world = self.world();
            let Some(budget) = world.budgets.get(name) else { return Ok(Next::Wait) };
            let guards = |pod: &&Arc<Pod>| budget.selector.as_ref().is_some_and(|s| s.matches(&pod.meta.labels));
            let pods: Vec<Arc<Pod>> =
                world.pods.within(&name.0).filter(|pod| !pod.finished()).filter(guards).cloned().collect();
            disruption::plan(budget, &pods, &|controller| scale(&world, controller), self.now())
        };
        if let Some(patch) = plan.status {
            self.patch::<Budget>(name, "status", &patch).await?;
        }
        Ok(again(plan.again))
    }
}
