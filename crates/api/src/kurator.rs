//! Kurator's kinds, as published, and the annotations that people write on them.

pub mod annotation;
pub mod apps;
pub mod cluster;
pub mod consent;
pub mod fleet;
pub mod minted;
