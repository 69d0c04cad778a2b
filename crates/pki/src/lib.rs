//! Certificates, keys and kubeconfigs, and whom a client trusts: pure but for the randomness of new keys.
//!
//! ECDSA P-256 throughout. Keys never show in `Debug`. Absent on purpose: files (the caller stores keys, with mode 0600),
//! the decision when a certificate is renewed, and revocation.

mod authority;
mod error;
mod kubeconfig;
mod request;
mod tls;
mod trust;

pub use authority::{Authority, Pair, token_key};
pub use error::PkiError;
pub use kubeconfig::{Context, Credential, kubeconfig};
pub use request::Request;
pub use tls::server_config;
pub use trust::{Besides, certificates, client_config, not_after, server_verifier};

#[cfg(test)]
mod tests;
