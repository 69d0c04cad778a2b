//! Tests of the whole: properties over random fleets, and Karmada's published cases.

mod differential;
mod karmada;
mod property;
pub(crate) mod random;
