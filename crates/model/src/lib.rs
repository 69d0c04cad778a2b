//! Kubernetes vocabulary, free of fleets: names, kinds, quantities, selectors, `Status`, field paths, the YAML
//! dialect, limits and the clock.
//!
//! Absent on purpose: anything that does I/O, reads the time or knows what a fleet is.

pub mod cause;
pub mod clock;
pub mod duration;
pub mod kind;
pub mod limit;
pub mod name;
pub mod object;
pub mod path;
pub mod quantity;
pub mod selector;
pub mod status;
pub mod tree;
pub mod yaml;

pub use clock::{Clock, Timestamp};
pub use kind::{GroupKind, GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource};
pub use object::ObjectKey;
pub use path::FieldPath;
pub use quantity::Quantity;
pub use selector::{FieldSelector, LabelSelector};
pub use status::{FieldError, FieldErrorKind, Reason, Status};
