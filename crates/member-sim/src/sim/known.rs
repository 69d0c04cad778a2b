//! Which kinds behaviours know, where they are, and what a change of one means for others.

use std::sync::{Arc, LazyLock};

use client::Resource;
use model::LabelSelector;

use crate::object::{
    Budget, DaemonSet, Deployment, Job, Node, Object, Pod, ReplicaSet, Revision, Service, Slice, StatefulSet, Uid,
};
use crate::plan::{self, event::Said};
use crate::sim::{Key, event};
use crate::world::{Change, Objects, World};

/// A kind that behaviours know.
pub(crate) trait SimulatedKind: Object {
    /// Where it is in the API.
    fn resource() -> &'static Arc<Resource>;

    /// Where the world keeps them.
    fn objects(world: &mut World) -> &mut Objects<Self>;

    /// What is said of a change.
    fn happened(_change: &Change<Self>, _world: &World) -> Vec<Said> {
        Vec::new()
    }

    /// What is to be looked at because of a change.
    fn wake(change: &Change<Self>, world: &World, push: &mut dyn FnMut(Key));
}

/// The workload that controls a pod or ReplicaSet, and the one that controls that.
fn wake_owner(owner: &Uid, world: &World, push: &mut dyn FnMut(Key)) {
    if let Some(set) = world.replica_sets.by_uid(owner) {
        push(Key::ReplicaSet(set.meta.key()));
        // Recreate waits for pods, not only for counts.
        if let Some(deployment) = &set.meta.controller {
            wake_owner(deployment, world, push);
        }
    } else if let Some(deployment) = world.deployments.by_uid(owner) {
        push(Key::Deployment(deployment.meta.key()));
    } else if let Some(set) = world.stateful_sets.by_uid(owner) {
        push(Key::StatefulSet(set.meta.key()));
    } else if let Some(set) = world.daemon_sets.by_uid(owner) {
        push(Key::DaemonSet(set.meta.key()));
    } else if let Some(job) = world.jobs.by_uid(owner) {
        push(Key::Job(job.meta.key()));
    }
}

/// The budgets that guard a pod.
fn wake_budgets(pod: &Pod, world: &World, push: &mut dyn FnMut(Key)) {
    let guards = |budget: &&Arc<Budget>| budget.selector.as_ref().is_some_and(|s| s.matches(&pod.meta.labels));
    let budgets = world.budgets.within(&pod.meta.namespace).filter(guards);
    budgets.for_each(|budget| push(Key::Budget(budget.meta.key())));
}

/// The workloads whose selectors fit a pod that nothing controls: one of them may adopt it.
fn wake_takers(pod: &Pod, world: &World, push: &mut dyn FnMut(Key)) {
    let namespace = &pod.meta.namespace;
    let fits = |selector: &LabelSelector| !selector.is_everything() && selector.matches(&pod.meta.labels);
    let sets = world.replica_sets.within(namespace).filter(|set| fits(&set.selector));
    sets.for_each(|set| push(Key::ReplicaSet(set.meta.key())));
    let sets = world.stateful_sets.within(namespace).filter(|set| fits(&set.selector));
    sets.for_each(|set| push(Key::StatefulSet(set.meta.key())));
    let sets = world.daemon_sets.within(namespace).filter(|set| fits(&set.selector));
    sets.for_each(|set| push(Key::DaemonSet(set.meta.key())));
    let jobs = world.jobs.within(namespace).filter(|job| fits(&job.selector));
    jobs.for_each(|job| push(Key::Job(job.meta.key())));
}

impl SimulatedKind for Pod {
    fn resource() -> &'static Arc<Resource> {
        static RESOURCE: LazyLock<Arc<Resource>> = LazyLock::new(|| Arc::new(Resource::core("Pod", "pods", true)));
        &RESOURCE
    }

    fn objects(world: &mut World) -> &mut Objects<Self> {
        &mut world.pods
    }

    fn happened(change: &Change<Self>, world: &World) -> Vec<Said> {
        let owner = change.sides().find_map(|pod| pod.meta.controller.as_ref());
        let owner = owner.and_then(|uid| event::owner(world, uid));
        plan::event::pod(change.old.as_deref(), change.new.as_deref(), owner.as_ref())
    }

    fn wake(change: &Change<Self>, world: &World, push: &mut dyn FnMut(Key)) {
        for pod in change.sides() {
            if let Some(owner) = &pod.meta.controller {
                wake_owner(owner, world, push);
            }
        }
        if let Some(pod) = change.new.as_deref().filter(|pod| pod.meta.controller.is_none()) {
            wake_takers(pod, world, push);
        }
        let shown = |p: &Pod| (p.ip.clone(), p.ready(), p.meta.deleting(), p.finished(), p.meta.labels.clone());
        if change.old.as_deref().map(shown) != change.new.as_deref().map(shown) {
            for pod in change.sides() {
                wake_budgets(pod, world, push);
                let selects = |s: &&Arc<Service>| {
                    !s.selector.is_empty()
                        && s.selector.iter().all(|(key, value)| pod.meta.labels.get(key) == Some(value))
                };
                world
                    .services
                    .within(&pod.meta.namespace)
                    .filter(selects)
                    .for_each(|s| push(Key::Service(s.meta.key())));
            }
        }
        match &change.new {
            Some(pod) if pod.unscheduled() => push(Key::Schedule),
            Some(pod) => push(Key::Pod(pod.meta.key())),
            None => {}
        }
        let holds = |pod: Option<&Pod>| pod.is_some_and(|p| !p.node.is_empty() && !p.finished());
        if holds(change.old.as_deref()) && !holds(change.new.as_deref()) {
            // Room for others.
            push(Key::Schedule);
        }
    }
}

impl SimulatedKind for Node {
    fn resource() -> &'static Arc<Resource> {
        static RESOURCE: LazyLock<Arc<Resource>> = LazyLock::new(|| Arc::new(Resource::core("Node", "nodes", false)));
        &RESOURCE
    }

    fn objects(world: &mut World) -> &mut Objects<Self> {
        &mut world.nodes
    }

    fn wake(change: &Change<Self>, world: &World, push: &mut dyn FnMut(Key)) {
        push(Key::Schedule);
        for node in change.sides() {
            push(Key::Node(node.meta.name.clone()));
        }
        let trouble = |n: &Node| (n.taints.clone(), n.ready());
        if change.old.as_deref().map(trouble) != change.new.as_deref().map(trouble) {
            let name = change.sides().next().map(|n| n.meta.name.clone()).unwrap_or_default();
            world.pods.all().filter(|p| p.node == name).for_each(|p| push(Key::Pod(p.meta.key())));
        }
        world.daemon_sets.all().for_each(|d| push(Key::DaemonSet(d.meta.key())));
    }
}

impl SimulatedKind for ReplicaSet {
    fn resource() -> &'static Arc<Resource> {
        static RESOURCE: LazyLock<Arc<Resource>> =
            LazyLock::new(|| Arc::new(Resource::new("apps", "v1", "ReplicaSet", "replicasets", true)));
        &RESOURCE
    }

    fn objects(world: &mut World) -> &mut Objects<Self> {
        &mut world.replica_sets
    }

    fn happened(change: &Change<Self>, world: &World) -> Vec<Said> {
        let owner = change.sides().find_map(|set| set.meta.controller.as_ref());
        let owner = owner.and_then(|uid| event::owner(world, uid));
        plan::event::replica_set(change.old.as_deref(), change.new.as_deref(), owner.as_ref())
    }

    fn wake(change: &Change<Self>, world: &World, push: &mut dyn FnMut(Key)) {
        for set in change.sides() {
            if let Some(owner) = &set.meta.controller {
                wake_owner(owner, world, push);
            }
        }
        if let Some(set) = &change.new {
            push(Key::ReplicaSet(set.meta.key()));
            if set.meta.controller.is_none() {
                let fits = |d: &&Arc<Deployment>| d.labels_of_sets().matches(&set.meta.labels);
                let takers = world.deployments.within(&set.meta.namespace).filter(fits);
                takers.for_each(|deployment| push(Key::Deployment(deployment.meta.key())));
            }
        }
    }
}

impl SimulatedKind for Revision {
    fn resource() -> &'static Arc<Resource> {
        static RESOURCE: LazyLock<Arc<Resource>> =
            LazyLock::new(|| Arc::new(Resource::new("apps", "v1", "ControllerRevision", "controllerrevisions", true)));
        &RESOURCE
    }

    fn objects(world: &mut World) -> &mut Objects<Self> {
        &mut world.revisions
    }

    fn wake(change: &Change<Self>, world: &World, push: &mut dyn FnMut(Key)) {
        for revision in change.sides() {
            if let Some(owner) = &revision.meta.controller {
                wake_owner(owner, world, push);
            }
        }
    }
}

impl SimulatedKind for Service {
    fn resource() -> &'static Arc<Resource> {
        static RESOURCE: LazyLock<Arc<Resource>> =
            LazyLock::new(|| Arc::new(Resource::core("Service", "services", true)));
        &RESOURCE
    }

    fn objects(world: &mut World) -> &mut Objects<Self> {
        &mut world.services
    }

    fn wake(change: &Change<Self>, _: &World, push: &mut dyn FnMut(Key)) {
        if let Some(service) = &change.new {
            push(Key::Service(service.meta.key()));
        }
    }
}

impl SimulatedKind for Budget {
    fn resource() -> &'static Arc<Resource> {
        static RESOURCE: LazyLock<Arc<Resource>> = LazyLock::new(|| {
            Arc::new(Resource::new("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true))
        });
        &RESOURCE
    }

    fn objects(world: &mut World) -> &mut Objects<Self> {
        &mut world.budgets
    }

    fn wake(change: &Change<Self>, _: &World, push: &mut dyn FnMut(Key)) {
        if let Some(budget) = &change.new {
            push(Key::Budget(budget.meta.key()));
        }
    }
}

impl SimulatedKind for Slice {
    fn resource() -> &'static Arc<Resource> {
        static RESOURCE: LazyLock<Arc<Resource>> = LazyLock::new(|| {
            Arc::new(Resource::new("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true))
        });
        &RESOURCE
    }

    fn objects(world: &mut World) -> &mut Objects<Self> {
        &mut world.slices
    }

    fn wake(change: &Change<Self>, _: &World, push: &mut dyn FnMut(Key)) {
        for slice in change.sides().filter(|slice| !slice.service.is_empty()) {
            push(Key::Service((slice.meta.namespace.clone(), slice.service.clone())));
        }
    }
}

macro_rules! workload {
    ($kind:ident, $group:literal, $plural:literal, $objects:ident) => {
        impl SimulatedKind for $kind {
            fn resource() -> &'static Arc<Resource> {
                static RESOURCE: LazyLock<Arc<Resource>> =
                    LazyLock::new(|| Arc::new(Resource::new($group, "v1", stringify!($kind), $plural, true)));
                &RESOURCE
            }

            fn objects(world: &mut World) -> &mut Objects<Self> {
                &mut world.$objects
            }

            fn wake(change: &Change<Self>, world: &World, push: &mut dyn FnMut(Key)) {
                if let Some(object) = &change.new {
                    push(Key::$kind(object.meta.key()));
                    // How many pods are wanted counts in percentages; budgets are few.
                    let budgets = world.budgets.within(&object.meta.namespace);
                    budgets.for_each(|budget| push(Key::Budget(budget.meta.key())));
                }
            }
        }
    };
}

workload!(Deployment, "apps", "deployments", deployments);
workload!(StatefulSet, "apps", "statefulsets", stateful_sets);
workload!(DaemonSet, "apps", "daemonsets", daemon_sets);
workload!(Job, "batch", "jobs", jobs);
