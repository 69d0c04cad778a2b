//! `apps.kurator.dev/v1alpha1`.

mod application;

pub use application::*;
