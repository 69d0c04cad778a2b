//! A Kubernetes API server as one tower service over a store.
//!
//! One generic handler serves every kind: built-in ones from a generated table, kinds of CustomResourceDefinitions, and
//! kinds that come from code ([`Resource`]). What objects mean is decided by `apimachinery` and by [`Admission`]; this
//! crate knows no fleet kind. In process a client is made from [`ApiServer::service_as`]; over the network
//! [`ApiServer::serve`] accepts TLS.
//!
//! # How bytes flow
//! A stored value is canonical JSON in the storage version without `metadata.resourceVersion`; its index entry holds a
//! parsed [`Meta`] and the offset where the revision belongs. `get`, `list` and `watch` copy bytes and put the revision
//! in; nothing is parsed unless another version, a Table or an unindexed field selector asks for it. Writes parse,
//! prune, default, admit, validate and track field managers, then compare with what is stored: a write that changes
//! nothing is answered and not stored.
//!
//! Absent on purpose: webhooks, CEL, conversion webhooks, aggregation of other servers, CBOR, protobuf answers,
//! streaming to kubelets.

mod authn;
mod bootstrap;
mod budget;
mod call;
mod cleanup;
mod connection;
mod conversion;
mod crd;
mod discovery;
mod dispatch;
mod document;
mod error;
mod impersonation;
mod json;
mod key;
mod lifecycle;
mod namespace;
mod negotiate;
mod network;
mod openapi;
mod own_service;
mod page;
mod path;
mod query;
mod registry;
mod review;
mod semantics;
mod server;
mod service;
mod state;
mod stored;
mod strategy;
mod surroundings;
mod tls;
mod token;
mod token_key;
mod tracking;
mod verb;

pub mod admission;
pub mod authz;
pub mod body;
pub mod config;
pub mod counter;
pub mod meta;
pub mod reply;
pub mod resource;
pub mod user;

pub use admission::{Admission, AdmissionRequest, Denied, Operation};
pub use authz::{AllowAll, Attributes, Authorizer, Policies, Rbac};
pub use body::ResponseBody;
pub use config::{Config, Exposition, Ids, Limits};
pub use counter::Counters;
pub use error::Error;
pub use meta::{JsonProjection, Meta, Owner};
pub use reply::Answer;
pub use resource::{ConnectRequest, Resource, ResourceInfo, ResourceRequest, Source, VirtualEvent, VirtualList};
pub use server::ApiServer;
pub use service::Service;
pub use tls::Gate;
pub use token_key::{TokenKey, TokenKeyError};
pub use user::{MASTERS, UserInfo};
