//! API group `work.karmada.io`: where an object goes, and how it is there.

pub mod v1alpha1;
pub mod v1alpha2;
