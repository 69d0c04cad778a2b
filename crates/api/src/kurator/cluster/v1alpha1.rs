//! `cluster.kurator.dev/v1alpha1`.

mod attached_cluster;

pub use attached_cluster::*;
