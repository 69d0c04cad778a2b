//! What is to be placed, and how decisions are made.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::karmada::policy::v1alpha1::Placement;
use api::karmada::work::v1alpha2::{BindingSpec, BindingStatus, Component, ReplicaRequirements, TargetCluster};

use crate::trigger;

/// One thing to place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The rules.
    pub placement: Arc<Placement>,
    /// Group and version of the object, such as `apps/v1`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// UID of the template: its parity breaks ties of weights.
    pub uid: String,
    /// How many replicas are wanted; 0 for what has none.
    pub replicas: i32,
    /// What one replica asks for; `None` for what has no replicas.
    pub requirements: Option<ReplicaRequirements>,
    /// Parts with replicas of their own.
    pub components: Vec<Component>,
    /// Where it was placed before.
    pub previous: Vec<TargetCluster>,
    /// Name of the term of `clusterAffinities` that was used before; empty when none was.
    pub observed_affinity: String,
    /// Members that it is being evicted from.
    pub evicting: BTreeSet<String>,
    /// Whether the previous answer counts.
    pub mode: Mode,
    /// Where the other workloads of its affinity group are, those that are placed: only members that all of them are in
    /// come into question.
    pub together: Vec<BTreeSet<String>>,
    /// Members in which other workloads of its anti-affinity group are.
    pub apart: BTreeSet<String>,
}

/// Whether the previous answer counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Move as little as possible.
    #[default]
    Steady,
    /// Decide as if for the first time (a WorkloadRebalancer asked for it).
    Fresh,
}

/// Switches of behaviour, as Karmada's feature gates and flags; and where we go beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gates {
    /// `CustomizedClusterResourceModeling`: count with the sizes of nodes when they are known.
    pub resource_models: bool,
    /// `MultiplePodTemplatesScheduling`: workloads with components are estimated as a whole.
    pub component_sets: bool,
    /// `WorkloadAffinity`: affinity and anti-affinity groups of workloads are obeyed.
    pub workload_affinity: bool,
    /// `--enable-empty-workload-propagation`: chosen members that got no replicas stay in the answer.
    pub empty_workloads: bool,
    /// Ours: spread constraints by zone, provider and label are obeyed, several of them together as well. Off: Karmada's
    /// error for those without region or cluster, and silence for the rest.
    pub spread_by_all: bool,
    /// Ours: `maxGroups: 0` of a spread constraint is no limit. Off: nothing can be selected then.
    pub unset_is_unlimited: bool,
}

impl Default for Gates {
    fn default() -> Self {
        Self { spread_by_all: true, unset_is_unlimited: true, ..Self::karmada() }
    }
}

impl Gates {
    /// Karmada's defaults as of 1.19, without what is ours.
    pub const fn karmada() -> Self {
        Self {
            resource_models: true,
            component_sets: false,
            workload_affinity: false,
            empty_workloads: false,
            spread_by_all: false,
            unset_is_unlimited: false,
        }
    }
}

impl Request {
    /// The request of a binding. `None`: the binding has no placement.
    ///
    /// Other workloads of its affinity groups are not among what a binding knows: `together` and `apart` are empty.
    pub fn of(spec: &BindingSpec, status: &BindingStatus) -> Option<Self> {
        let fresh = trigger::is_reschedule_due(spec, status);
        Some(Self {
            placement: Arc::new(spec.placement.clone()?),
            api_version: spec.resource.api_version.clone(),
            kind: spec.resource.kind.clone(),
            uid: spec.resource.uid.clone(),
            replicas: spec.replicas,
            requirements: spec.replica_requirements.clone(),
            components: spec.components.clone(),
            previous: spec.clusters.clone(),
            observed_affinity: status.scheduler_observed_affinity_name.clone(),
            evicting: spec.graceful_eviction_tasks.iter().map(|task| task.from_cluster.clone()).collect(),
            mode: if fresh { Mode::Fresh } else { Mode::Steady },
            together: Vec::new(),
            apart: BTreeSet::new(),
        })
    }

    /// Has it replicas, or parts that have? Everything else is placed as a whole.
    pub fn is_workload(&self) -> bool {
        self.replicas > 0 || self.requirements.is_some() || !self.components.is_empty()
    }
}
