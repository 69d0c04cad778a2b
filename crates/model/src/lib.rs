//! Kubernetes vocabulary, free of fleets: names, kinds, quantities, selectors, `Status`, field paths, the YAML
//! dialect, limits, digests and the clock; and the name of a member, which every layer has in its hands.
//!
//! Absent on purpose: anything that does I/O, reads the time or knows what a fleet is.

pub mod cause;
pub mod clock;
mod digest;
pub mod duration;
mod hashed_key;
pub mod kind;
pub mod limit;
mod member;
pub mod name;
pub mod object;
pub mod path;
pub mod quantity;
pub mod selector;
pub mod status;
mod text_form;
pub mod tree;
mod uid;
pub mod weigh;
pub mod words;
pub mod yaml;

pub use clock::{Clock, Timestamp};
pub use digest::Digest;
pub use hashed_key::{HashedKey, KeyMap, KeySet, KeyState};
pub use kind::{GroupKind, GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource};
pub use member::MemberName;
pub use object::ObjectKey;
pub use path::FieldPath;
pub use quantity::Quantity;
pub use selector::{FieldSelector, LabelSelector};
pub use status::{FieldError, FieldErrorKind, Reason, Status};
pub use text_form::NameError;
pub use uid::Uid;
pub use weigh::Weigh;
