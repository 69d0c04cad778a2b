//! `work.karmada.io/v1alpha2`. The bindings' older version is not served.

mod binding;
mod binding_status;
mod requirement;

pub use binding::*;
pub use binding_status::*;
pub use requirement::*;
