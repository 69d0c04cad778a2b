//! How the hub and members are reached: kubeconfigs from Secrets, clients with limits, and what a failure means.

pub mod credential;
pub mod failure;
pub mod limit;
pub mod proxy;
mod read;

pub use credential::{Credential, CredentialError, Trust};
pub use failure::{Failure, classify};
pub use read::read;
