//! The TLS side of a server.

use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::authority::Pair;
use crate::error::PkiError;

/// The TLS side of a server: HTTP/2 and HTTP/1.1. A client certificate of this authority is accepted and not demanded.
///
/// # Errors
/// [`PkiError::Read`]: a certificate or key that is not one.
pub fn server_config(pair: &Pair, client_authority_pem: &str) -> Result<Arc<ServerConfig>, PkiError> {
    let read = |what: &str, why: String| PkiError::Read { what: what.to_owned(), why };
    let certificates = |what: &str, pem: &str| -> Result<Vec<CertificateDer<'static>>, PkiError> {
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        all.map_err(|e| read(what, e.to_string()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates("the client authority", client_authority_pem)? {
        roots.add(certificate).map_err(|e| read("the client authority", e.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|e| read("the client authority", e.to_string()))?;
    let key =
        PrivateKeyDer::from_pem_slice(pair.key_pem.as_bytes()).map_err(|e| read("the server key", e.to_string()))?;
    let chain = certificates("the server certificate", &pair.certificate_pem)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| read("the TLS versions", e.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|e| read("the server certificate", e.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
