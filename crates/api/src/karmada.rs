//! Karmada's kinds, as published.

pub mod cluster;
