//! The one way to reach any Kubernetes API: the hub's own, a member's, an agent's hub, a host's new cluster.
//!
//! | question | module |
//! |---|---|
//! | one request, one list | [`api`], [`Typed`] for Rust types, [`Raw`] by path |
//! | how a request gets there | [`Transport`] |
//! | whether it is still the same cluster | [`Api::identified`] |
//! | where a kind is | [`resource`], [`discovery`] |
//! | what changes | [`watch`]; [`store`] keeps the newest state |
//! | what to do next, and when | [`queue`], [`retry`] |
//! | what went wrong, and who acts | [`failure`] |
//! | who is asked, and with which rights | [`credential`], [`proxy`] |
//!
//! Guarantees: each request has a deadline; each answer, list and line of a watch has a limit in bytes, counted while it
//! is read, and one in memory; each answer is compared with its question; a panic costs one reconcile or one watch, and is
//! counted. What a server says is cut before it is repeated.
//!
//! Absent on purpose: anything that knows fleets, exec and port forwarding, and requests that are repeated in secret.

mod answer;
pub mod api;
mod connect;
pub mod contain;
pub mod credential;
pub mod discovery;
mod exchange;
pub mod failure;
#[cfg(test)]
mod fake;
mod json;
pub mod limit;
pub mod metrics;
mod proof;
pub mod proxy;
pub mod queue;
mod raw;
pub mod resource;
pub mod retry;
pub mod store;
mod transport;
pub mod twin;
mod typed;
pub mod watch;

pub use api::{Api, Applied, Content, Delete, Deletion, Document, Kept, List, Project, Propagation, Selection};
pub use credential::{Credential, CredentialError, Trust};
pub use discovery::{Discovery, Served};
pub use failure::{Class, Error, Missing};
pub use limit::Limits;
pub use metrics::Metrics;
pub use queue::{Next, Queue};
pub use raw::Raw;
pub use resource::{Resource, Target, Verb};
pub use retry::{Backoff, Jitter, Pace};
pub use store::{Index, NamespacedName, Store};
pub use transport::{AnswerBody, Answering, Switch, Transport};
pub use twin::Twin;
pub use typed::Typed;
pub use watch::{Event, Position, Watch};
