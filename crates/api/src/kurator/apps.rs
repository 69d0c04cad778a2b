//! API group `apps.kurator.dev`.

pub mod v1alpha1;
