//! API group `fleet.kurator.dev`.

pub mod v1alpha1;
