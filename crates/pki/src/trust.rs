//! Which servers a client trusts. This is the one place where the roots of a client are made.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::error::PkiError;

/// Whom a client trusts besides the certificates that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Besides {
    /// Nobody, as with `certificate-authority-data` of a kubeconfig.
    Nobody,
    /// The authorities that the machine trusts.
    Machine,
}

/// The certificates of a PEM text. There is at least one.
///
/// # Errors
/// [`PkiError::Authority`]: there is none, or a damaged one.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PkiError> {
    let fail = |why: String| PkiError::Authority { why };
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|e| fail(e.to_string()))?;
    if all.is_empty() { Err(fail("there is no certificate in it".to_owned())) } else { Ok(all) }
}

/// When a certificate ends; `None` when it cannot be read.
pub fn not_after(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

/// The TLS side of a client without a certificate of its own, which trusts as [`server_verifier`] says.
///
/// # Errors
/// As [`server_verifier`].
pub fn client_config(given: &[CertificateDer<'static>], besides: Besides) -> Result<ClientConfig, PkiError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|e| PkiError::Authority { why: e.to_string() })?;
    let verifier = server_verifier(given, besides)?;
    Ok(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Verifies servers by the certificates that were given, as DER.
///
/// A server whose own certificate is among them is trusted, whether or not it is an authority, as OpenSSL and Go do: that
/// is what `openssl req -x509` makes, and what people take out of a browser. Its names, its time and what it may be used
/// for are checked like those of any other.
///
/// # Errors
/// [`PkiError::Authority`]: a certificate that is not one, or roots of the machine that cannot be read.
pub fn server_verifier(
    given: &[CertificateDer<'static>],
    besides: Besides,
) -> Result<Arc<dyn ServerCertVerifier>, PkiError> {
    let fail = |why: String| PkiError::Authority { why };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chains: Arc<dyn ServerCertVerifier> = match besides {
        Besides::Nobody => {
            let mut roots = RootCertStore::empty();
            for certificate in given {
                roots.add(certificate.clone()).map_err(|e| fail(e.to_string()))?;
            }
            let made = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
            made.map_err(|e| fail(e.to_string()))?
        }
        Besides::Machine => {
            let made = rustls_platform_verifier::Verifier::new_with_extra_roots(given.iter().cloned(), provider);
            Arc::new(made.map_err(|e| fail(e.to_string()))?)
        }
    };
    Ok(Arc::new(Verifier { chains, given: given.to_vec() }))
}

/// Trusts what leads to a root, and what was given as it is.
#[derive(Debug)]
struct Verifier {
    chains: Arc<dyn ServerCertVerifier>,
    given: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.given.iter().any(|given| given.as_ref() == end_entity.as_ref()) {
            check(end_entity, server_name, now)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.chains.root_hint_subjects()
    }
}

/// Checks of a certificate what does not depend on who signed it. Extensions that are critical and unknown are refused
/// where it is parsed.
fn check(certificate: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
    let bad = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| bad(()))?;
    let time = |at: i64| UnixTime::since_unix_epoch(Duration::from_secs(at.try_into().unwrap_or(0)));
    let (not_before, not_after) =
        (time(parsed.validity().not_before.timestamp()), time(parsed.validity().not_after.timestamp()));
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    let purposes = parsed.extended_key_usage().map_err(|_| bad(()))?;
    if purposes.is_some_and(|purposes| !purposes.value.server_auth && !purposes.value.any) {
        return Err(CertificateError::InvalidPurpose.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
