//! `cluster.karmada.io/v1alpha1`.

mod cluster;

pub use cluster::*;
