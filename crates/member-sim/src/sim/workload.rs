//! Applies the plans of workloads.

use client::{Error, Next};
use futures::{StreamExt, TryStreamExt, stream};
use model::LabelSelector;
use serde_json::{Value, json};

use super::known::SimulatedKind;
use super::{Sim, again};
use crate::object::{DaemonSet, Deployment, Job, Meta, Pod, ReplicaSet, Revision, StatefulSet};
use crate::plan::{claim, daemon_set, deployment, job, replica_set, revision, stateful_set};
use crate::world::{Name, World};

/// Pods created or deleted at the same time for one workload.
const FAN_OUT: usize = 16;

/// What a workload of pods adopts and releases.
fn of_pods(world: &World, owner: &Meta, selector: &LabelSelector, takes: impl Fn(&Pod) -> bool) -> claim::Plan {
    claim::plan(owner, selector, &world.pods.owned_by(&owner.uid), &world.pods.free_within(&owner.namespace), takes)
}

impl Sim {
    pub(super) async fn deployment(&self, name: &Name) -> Result<Next, Error> {
        let look = |world: &World| {
            let deployment = world.deployments.get(name)?;
            let uid = &deployment.meta.uid;
            let (owned, free) = (world.replica_sets.owned_by(uid), world.replica_sets.free_within(&name.0));
            let claim = claim::plan(&deployment.meta, &deployment.labels_of_sets(), &owned, &free, |_| true);
            Some((claim, deployment.meta.own("apps/v1", "Deployment")))
        };
        if self.claim::<ReplicaSet>(&name.0, look).await? {
            return Ok(Next::Wait);
        }
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

    /// Adopts and releases what `look` finds; true when there was something. Its change brings the next look.
    async fn claim<T: SimulatedKind>(
        &self,
        namespace: &str,
        look: impl FnOnce(&World) -> Option<(claim::Plan, Value)>,
    ) -> Result<bool, Error> {
        let found = look(&self.world()).filter(|(claim, _)| !claim.is_empty());
        let Some((claim::Plan { adopt, release }, owner)) = found else { return Ok(false) };
        let adopted = adopt.into_iter().map(|item| (item, true));
        for ((name, uid), adopted) in adopted.chain(release.into_iter().map(|item| (item, false))) {
            let key = (namespace.to_owned(), name);
            // The whole list is written: what else owns the object is not known here.
            let live = self.api.get(&T::resource().target(&key.0, &key.1)).await?;
            let Some(live) = live.filter(|live| model::object::uid(live) == Some(&uid)) else { continue };
            let mut owners = live["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
            owners.retain(|other| other["uid"] != owner["uid"]);
            if adopted {
                owners.push(owner.clone());
            }
            let metadata = json!({
                "uid": uid, "resourceVersion": live["metadata"]["resourceVersion"], "ownerReferences": owners,
            });
            self.patch::<T>(&key, "", &json!({"metadata": metadata})).await?;
        }
        Ok(true)
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
        let look = |world: &World| {
            let set = world.replica_sets.get(name)?;
            Some((of_pods(world, &set.meta, &set.selector, |_| true), set.meta.own("apps/v1", "ReplicaSet")))
        };
        if self.claim::<Pod>(&name.0, look).await? {
            return Ok(Next::Wait);
        }
        let plan = {
            let world = self.world();
            let Some(set) = world.replica_sets.get(name) else { return Ok(Next::Wait) };
            replica_set::plan(set, &world.pods.owned_by(&set.meta.uid), self.now())
        };
        self.apply::<ReplicaSet>(name, plan).await
    }

    pub(super) async fn stateful_set(&self, name: &Name) -> Result<Next, Error> {
        let look = |world: &World| {
            let set = world.stateful_sets.get(name)?;
            let takes = |pod: &Pod| stateful_set::ordinal(set, pod).is_some();
            Some((of_pods(world, &set.meta, &set.selector, takes), set.meta.own("apps/v1", "StatefulSet")))
        };
        if self.claim::<Pod>(&name.0, look).await? || self.revise(name).await? {
            return Ok(Next::Wait);
        }
        let plan = {
            let world = self.world();
            let Some(set) = world.stateful_sets.get(name) else { return Ok(Next::Wait) };
            let (pods, revisions) = (world.pods.owned_by(&set.meta.uid), world.revisions.owned_by(&set.meta.uid));
            stateful_set::plan(set, &pods, &revisions, self.now())
        };
        self.apply::<StatefulSet>(name, plan).await
    }

    /// Keeps the revisions of a StatefulSet; true when there was something to write. Its change brings the next look.
    async fn revise(&self, name: &Name) -> Result<bool, Error> {
        let revision::Plan { create, renumber, delete } = {
            let world = self.world();
            let Some(set) = world.stateful_sets.get(name) else { return Ok(false) };
            let uid = &set.meta.uid;
            revision::plan(set, &world.revisions.owned_by(uid), &world.pods.owned_by(uid))
        };
        let changed = create.is_some() || renumber.is_some() || !delete.is_empty();
        if let Some(object) = create {
            self.create::<Revision>(&name.0, &object).await?;
        }
        if let Some((revision, patch)) = renumber {
            self.patch::<Revision>(&(name.0.clone(), revision), "", &patch).await?;
        }
        for (revision, uid) in delete {
            self.delete::<Revision>(&(name.0.clone(), revision), &uid, None).await?;
        }
        Ok(changed)
    }

    pub(super) async fn daemon_set(&self, name: &Name) -> Result<Next, Error> {
        let look = |world: &World| {
            let set = world.daemon_sets.get(name)?;
            Some((of_pods(world, &set.meta, &set.selector, |_| true), set.meta.own("apps/v1", "DaemonSet")))
        };
        if self.claim::<Pod>(&name.0, look).await? {
            return Ok(Next::Wait);
        }
        let plan = {
            let world = self.world();
            let Some(set) = world.daemon_sets.get(name) else { return Ok(Next::Wait) };
            let nodes: Vec<_> = world.nodes.all().cloned().collect();
            daemon_set::plan(set, &world.pods.owned_by(&set.meta.uid), &nodes, self.now())
        };
        self.apply::<DaemonSet>(name, plan).await
    }

    pub(super) async fn job(&self, name: &Name) -> Result<Next, Error> {
        let look = |world: &World| {
            let job = world.jobs.get(name)?;
            Some((of_pods(world, &job.meta, &job.selector, |_| true), job.meta.own("batch/v1", "Job")))
        };
        if self.claim::<Pod>(&name.0, look).await? {
            return Ok(Next::Wait);
        }
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
