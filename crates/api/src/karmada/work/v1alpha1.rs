//! `work.karmada.io/v1alpha1`, of which Work alone is left.

mod work;

pub use work::*;
