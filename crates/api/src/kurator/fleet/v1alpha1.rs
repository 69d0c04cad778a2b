//! `fleet.kurator.dev/v1alpha1`.

mod fleet_kind;

pub use fleet_kind::*;
