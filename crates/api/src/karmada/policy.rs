//! API group `policy.karmada.io`: which objects go to which members, and how they differ there.

pub mod v1alpha1;
