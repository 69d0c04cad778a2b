//! `apps.karmada.io/v1alpha1`.

mod workload_rebalancer;

pub use workload_rebalancer::*;
