//! API group `cluster.kurator.dev`.

pub mod v1alpha1;
