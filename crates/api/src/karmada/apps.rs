//! API group `apps.karmada.io`: asking for bindings to be scheduled again.

pub mod v1alpha1;
