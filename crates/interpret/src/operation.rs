//! What an interpreter can be asked, and for which kinds the answer is built in.

use std::fmt;

use model::GroupVersionKind;

/// A question about an object (`karmada.md 3.1`). The names are those of Karmada's `InterpreterOperation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Operation {
    /// How many replicas it wants, and what each needs.
    InterpretReplica,
    /// Which groups of replicas it consists of, and what each replica of them needs.
    InterpretComponent,
    /// Set the number of replicas.
    ReviseReplica,
    /// Keep what the object in the member has, and the template has not.
    Retain,
    /// Make the template's status from the statuses of all members.
    AggregateStatus,
    /// Is it healthy?
    InterpretHealth,
    /// Which part of its status is reported.
    InterpretStatus,
    /// Which objects it needs beside it.
    InterpretDependency,
}

impl Operation {
    /// Every operation, in the order of `karmada.md 3.1`.
    pub const ALL: [Self; 8] = [
        Self::InterpretReplica,
        Self::InterpretComponent,
        Self::ReviseReplica,
        Self::Retain,
        Self::AggregateStatus,
        Self::InterpretHealth,
        Self::InterpretStatus,
        Self::InterpretDependency,
    ];
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A set of operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations(u8);

impl Operations {
    /// No operation.
    pub const NONE: Self = Self(0);

    /// The set of these.
    pub const fn of(operations: &[Operation]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < operations.len() {
            bits |= 1 << operations[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Is the operation in the set?
    pub const fn has(self, operation: Operation) -> bool {
        self.0 & (1 << operation as u8) != 0
    }

    /// The operations of the set, in the order of [`Operation::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Operation> {
        Operation::ALL.into_iter().filter(move |operation| self.has(*operation))
    }
}

/// A kind with built-in rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NativeKind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// API version: rules are for this one only, as Karmada's are.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// What is built in for it.
    pub operations: Operations,
}

use Operation::{
    AggregateStatus as Aggregate, InterpretDependency as Depend, InterpretHealth as Health, InterpretReplica as Count,
    InterpretStatus as Reflect, Retain, ReviseReplica as Revise,
};

const fn row(group: &'static str, version: &'static str, kind: &'static str, operations: &[Operation]) -> NativeKind {
    NativeKind { group, version, kind, operations: Operations::of(operations) }
}

/// The kinds with built-in rules, ordered by group and kind (`karmada.md 3.2`). `InterpretStatus` stands where only part
/// of the status is reported: of every other kind it is the whole status.
pub const NATIVE: &[NativeKind] = &[
    row("", "v1", "PersistentVolume", &[Retain, Aggregate]),
    row("", "v1", "PersistentVolumeClaim", &[Retain, Aggregate, Health]),
    row("", "v1", "Pod", &[Count, Retain, Aggregate, Health, Depend]),
    row("", "v1", "Secret", &[Retain]),
    row("", "v1", "Service", &[Retain, Aggregate, Health, Reflect]),
    row("", "v1", "ServiceAccount", &[Retain]),
    row("apps", "v1", "DaemonSet", &[Aggregate, Health, Reflect, Depend]),
    row("apps", "v1", "Deployment", &[Count, Revise, Retain, Aggregate, Health, Reflect, Depend]),
    row("apps", "v1", "ReplicaSet", &[Count, Revise, Aggregate, Health, Reflect, Depend]),
    row("apps", "v1", "StatefulSet", &[Count, Revise, Aggregate, Health, Reflect, Depend]),
    row("autoscaling", "v2", "HorizontalPodAutoscaler", &[Aggregate, Reflect]),
    row("batch", "v1", "CronJob", &[Aggregate, Depend]),
    row("batch", "v1", "Job", &[Count, Revise, Retain, Aggregate, Reflect, Depend]),
    row("multicluster.x-k8s.io", "v1alpha1", "ServiceImport", &[Depend]),
    row("networking.k8s.io", "v1", "Ingress", &[Aggregate, Health, Reflect, Depend]),
    row("policy", "v1", "PodDisruptionBudget", &[Aggregate, Health, Reflect]),
];

/// What is built in for a kind.
pub fn native_operations(kind: &GroupVersionKind) -> Operations {
    let is = |row: &&NativeKind| row.kind == kind.kind && row.group == kind.group && row.version == kind.version;
    NATIVE.iter().find(is).map_or(Operations::NONE, |row| row.operations)
}
