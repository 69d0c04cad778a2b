//! Applies the plans of workloads.

use client::{Error, Next};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::known::SimulatedKind;
use super::{Sim, again};
use crate::object::{DaemonSet, Deployment, Job, Pod, ReplicaSet, StatefulSet};
use crate::plan::{daemon_set, deployment, job, replica_set, stateful_set};
use crate::world::Name;

/// Pods created or deleted at the same time for one workload.
const FAN_OUT: usize = 16;

impl Sim {
    pub(super) async fn deployment(&self, name: &Name) -> Result<Next, Error> {
        let plan = {
            let world = self.world();
            let Some(deployment) = world.deployments.get(name) else { return Ok(Next::Wait) };
            let sets = world.replica_sets.owned_by(&deployment.meta.uid);
            let old_pods =
                |set: &ReplicaSet| world.pods.owned_by(&set.meta.uid).iter().filter(|pod| !pod.finished()).count();
            let observed = deployment::Observed { deployment, sets: &sets, old_pods: &old_pods };
            deployment::plan(&observed, self.now())
        };
        let deployment::Plan { create, patch, delete, report, again: after } = plan;
        if let Some(set) = create
            && !self.create_set(name, &set).await?
        {
            return Ok(Next::Wait);
        }
        for (set, patch) in patch {
            self.patch::<ReplicaSet>(&(name.0.clone(), set), "", &patch).await?;
        }
        for (set, uid) in delete {
            self.delete::<ReplicaSet>(&(name.0.clone(), set), &uid, None).await?;
        }
        if let Some(patch) = report {
            self.patch::<Deployment>(name, "status", &patch).await?;
        }
        Ok(again(after))
    }

    /// Creates a ReplicaSet. A name that somebody else has counts as a collision of hashes, and the next one differs.
    async fn create_set(&self, name: &Name, set: &Value) -> Result<bool, Error> {
        match self.create::<ReplicaSet>(&name.0, set).await {
            Ok(()) => return Ok(true),
            Err(error) if error.code() == Some(409) => {}
            Err(error) => return Err(error),
        }
        let taken = ReplicaSet::resource().target(&name.0, set["metadata"]["name"].as_str().unwrap_or_default());
        let Some(found) = self.api.get(&taken).await? else { return Ok(false) };
        let ours = found.pointer("/metadata/ownerReferences/0/uid") == set.pointer("/metadata/ownerReferences/0/uid");
        if ours {
            self.learn::<ReplicaSet>(&found);
            return Ok(true);
        }
        let collisions = self.world().deployments.get(name).map_or(0, |d| d.status.collisions);
        self.patch::<Deployment>(name, "status", &json!({"status": {"collisionCount": collisions + 1}})).await?;
        Ok(false)
    }

    pub(super) async fn replica_set(&self, name: &Name) -> Result<Next, Error> {
        let plan = {
            let world = self.world();
            let Some(set) = world.replica_sets.get(name) else { return Ok(Next::Wait) };
            replica_set::plan(set, &world.pods.owned_by(&set.meta.uid), self.now())
        };
        self.apply::<ReplicaSet>(name, plan).await
    }

    pub(super) async fn stateful_set(&self, name: &Name) -> Result<Next, Error> {
        let plan = {
            let world = self.world();
            let Some(set) = world.stateful_sets.get(name) else { return Ok(Next::Wait) };
            stateful_set::plan(set, &world.pods.owned_by(&set.meta.uid), self.now())
        };
        self.apply::<StatefulSet>(name, plan).await
    }

    pub(super) async fn daemon_set(&self, name: &Name) -> Result<Next, Error> {
        let plan = {
            let world = self.world();
            let Some(set) = world.daemon_sets.get(name) else { return Ok(Next::Wait) };
            let nodes: Vec<_> = world.nodes.all().cloned().collect();
            daemon_set::plan(set, &world.pods.owned_by(&set.meta.uid), &nodes, self.now())
        };
        self.apply::<DaemonSet>(name, plan).await
    }

    pub(super) async fn job(&self, name: &Name) -> Result<Next, Error> {
        let (plan, uid) = {
            let world = self.world();
            let Some(job) = world.jobs.get(name) else { return Ok(Next::Wait) };
            (job::plan(job, &world.pods.owned_by(&job.meta.uid), self.now()), job.meta.uid.clone())
        };
        let job::Plan { create, delete, status, expire, again } = plan;
        if expire {
            self.delete::<Job>(name, &uid, None).await?;
            return Ok(Next::Wait);
        }
        self.apply::<Job>(name, replica_set::Plan { create, delete, status, again }).await
    }

    async fn apply<T: SimulatedKind>(&self, name: &Name, plan: replica_set::Plan) -> Result<Next, Error> {
        let replica_set::Plan { create, delete, status, again: after } = plan;
        self.change_pods(&name.0, create, delete).await?;
        if let Some(patch) = status {
            self.patch::<T>(name, "status", &patch).await?;
        }
        Ok(again(after))
    }

    /// Creates and deletes pods. A name that is taken, or a pod that is gone, is no failure: the next look sees it.
    async fn change_pods(
        &self,
        namespace: &str,
        create: Vec<Value>,
        delete: Vec<(String, String)>,
    ) -> Result<(), Error> {
        let lenient = |result: Result<(), Error>| match result {
            Err(error) if matches!(error.code(), Some(404 | 409)) => Ok(()),
            other => other,
        };
        stream::iter(create)
            .map(|pod| async move { lenient(self.create::<Pod>(namespace, &pod).await) })
            .buffer_unordered(FAN_OUT)
            .try_collect::<()>()
            .await?;
        stream::iter(delete)
            .map(
                |(pod, uid)| async move { lenient(self.delete::<Pod>(&(namespace.to_owned(), pod), &uid, None).await) },
            )
            .buffer_unordered(FAN_OUT)
            .try_collect::<()>()
            .await
    }
}
