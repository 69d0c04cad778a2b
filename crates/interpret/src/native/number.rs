//! The numbers of a status, kind by kind: which are reported, and which are summed over members.

/// A number of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    /// Field of the status.
    pub(super) name: &'static str,
    /// Is it written when it is 0? As Kubernetes' types do.
    pub(super) always: bool,
}

const fn sometimes(name: &'static str) -> Number {
    Number { name, always: false }
}

const fn always(name: &'static str) -> Number {
    Number { name, always: true }
}

const DEPLOYMENT: &[Number] = &[
    sometimes("replicas"),
    sometimes("updatedReplicas"),
    sometimes("readyReplicas"),
    sometimes("availableReplicas"),
    sometimes("unavailableReplicas"),
];

const REPLICA_SET: &[Number] = &[always("replicas"), sometimes("readyReplicas"), sometimes("availableReplicas")];

const DAEMON_SET: &[Number] = &[
    always("currentNumberScheduled"),
    always("numberMisscheduled"),
    always("desiredNumberScheduled"),
    always("numberReady"),
    sometimes("updatedNumberScheduled"),
    sometimes("numberAvailable"),
    sometimes("numberUnavailable"),
];

const STATEFUL_SET: &[Number] = &[
    always("replicas"),
    sometimes("readyReplicas"),
    sometimes("currentReplicas"),
    sometimes("updatedReplicas"),
    always("availableReplicas"),
];

const DISRUPTION_BUDGET: &[Number] =
    &[always("disruptionsAllowed"), always("currentHealthy"), always("desiredHealthy"), always("expectedPods")];

const AUTOSCALER: &[Number] = &[sometimes("currentReplicas"), always("desiredReplicas")];

const JOB: &[Number] = &[sometimes("active"), sometimes("succeeded"), sometimes("failed")];

/// The numbers of a kind that has native rules; none when its status has none.
pub(super) fn numbers(kind: &str) -> &'static [Number] {
    match kind {
        "Deployment" => DEPLOYMENT,
        "ReplicaSet" => REPLICA_SET,
        "DaemonSet" => DAEMON_SET,
        "StatefulSet" => STATEFUL_SET,
        "PodDisruptionBudget" => DISRUPTION_BUDGET,
        "HorizontalPodAutoscaler" => AUTOSCALER,
        "Job" => JOB,
        _ => &[],
    }
}

/// Kinds whose reports say which generation they are of.
pub(super) fn has_generations(kind: &str) -> bool {
    matches!(kind, "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet")
}
