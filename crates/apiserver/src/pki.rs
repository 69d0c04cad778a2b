//! Certificates, keys and kubeconfigs: pure but for the randomness of new keys.
//!
//! ECDSA P-256 throughout. Nothing is written here: the caller stores keys, with mode 0600, and decides when to issue
//! anew. Keys never show in `Debug`.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

/// How long an authority is valid: ten years, as kubeadm makes them.
const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Certificates are valid from a little before they are made, for clients whose clock is behind.
const SKEW: Duration = Duration::from_secs(3600);

/// Most groups of one certificate: rcgen keeps one value per attribute type, and there are two spellings of O.
const GROUPS_MAX: usize = 2;

/// Why a certificate or key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The certificate could not be made or signed.
    #[error("cannot make {what}: {source}")]
    Make {
        /// What was wanted.
        what: String,
        /// Reason.
        #[source]
        source: rcgen::Error,
    },
    /// More groups than a certificate can hold.
    #[error("a certificate for {user:?} holds at most {GROUPS_MAX} groups; give the user more by RBAC bindings")]
    Groups {
        /// The user.
        user: String,
    },
    /// Text that is not what it should be.
    #[error("cannot read {what}: {why}; restore it from a backup, or remove it to have a new one made")]
    Read {
        /// What was read.
        what: String,
        /// Reason.
        why: String,
    },
}

/// A certificate chain and its key, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub certificate_pem: String,
    /// The private key (PKCS #8): a secret.
    pub key_pem: String,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

impl Authority {
    /// A new authority with this common name.
    ///
    /// # Errors
    /// [`PkiError::Make`]: the system has no randomness, or the name cannot be encoded.
    pub fn new(name: &str, now: Timestamp) -> Result<Self, PkiError> {
        let make = |source| PkiError::Make { what: format!("the certificate authority {name:?}"), source };
        let mut params = params(name, &[], now, AUTHORITY_LIFE);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().map_err(make)?;
        let key_pem = key.serialize_pem();
        let certificate_pem = CertifiedIssuer::self_signed(params, key).map_err(make)?.pem();
        Self::from_pem(&Pair { certificate_pem, key_pem })
    }

    /// Reads an authority that was stored.
    ///
    /// # Errors
    /// [`PkiError::Read`].
    pub fn from_pem(pair: &Pair) -> Result<Self, PkiError> {
        let read =
            |e: rcgen::Error| PkiError::Read { what: "the certificate authority".to_owned(), why: e.to_string() };
        let key = KeyPair::from_pem(&pair.key_pem).map_err(read)?;
        let issuer = Issuer::from_ca_cert_pem(&pair.certificate_pem, key).map_err(read)?;
        Ok(Self { issuer, certificate_pem: pair.certificate_pem.clone() })
    }

    /// The authority's certificate.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Certificate and key, to be stored.
    pub fn to_pem(&self) -> Pair {
        Pair { certificate_pem: self.certificate_pem.clone(), key_pem: self.issuer.key().serialize_pem() }
    }

    /// A certificate for a server: `127.0.0.1`, `::1` and `localhost`, and these names or addresses.
    ///
    /// # Errors
    /// [`PkiError::Make`]: a name that is no DNS name.
    pub fn server(&self, names: &[&str], now: Timestamp, life: Duration) -> Result<Pair, PkiError> {
        let make = |source| PkiError::Make { what: format!("a server certificate for {names:?}"), source };
        let mut params = params("kube-apiserver", &[], now, life);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        for name in ["127.0.0.1", "::1", "localhost"].iter().chain(names) {
            let san = match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*name).try_into().map_err(make)?),
            };
            if !params.subject_alt_names.contains(&san) {
                params.subject_alt_names.push(san);
            }
        }
        self.sign(params).map_err(make)
    }

    /// A certificate for a client: the user's name (CN) and up to two groups (O).
    ///
    /// # Errors
    /// [`PkiError::Groups`] for more groups, [`PkiError::Make`].
    pub fn client(&self, user: &str, groups: &[&str], now: Timestamp, life: Duration) -> Result<Pair, PkiError> {
        if groups.len() > GROUPS_MAX {
            return Err(PkiError::Groups { user: user.to_owned() });
        }
        let mut params = params(user, groups, now, life);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
            .map_err(|source| PkiError::Make { what: format!("a client certificate for {user:?}"), source })
    }

    fn sign(&self, mut params: CertificateParams) -> Result<Pair, rcgen::Error> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Pair { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

fn params(name: &str, groups: &[&str], now: Timestamp, life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    for (index, group) in groups.iter().enumerate() {
        subject.push(group_type(index), *group);
    }
    params.distinguished_name = subject;
    let epoch = date_time_ymd(1970, 1, 1);
    let start = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0));
    params.not_before = epoch + start.saturating_sub(SKEW);
    params.not_after = epoch + (start + life);
    params
}

/// The attribute type of the n-th group: O.
fn group_type(index: usize) -> DnType {
    if index == 0 { DnType::OrganizationName } else { DnType::CustomDnType(vec![2, 5, 4, 10]) }
}

/// A key pair for service account tokens: private (PKCS #8) and public (SPKI) key in PEM.
///
/// # Errors
/// [`PkiError::Make`]: the system has no randomness.
pub fn token_key() -> Result<(String, String), PkiError> {
    let key = KeyPair::generate().map_err(|source| PkiError::Make { what: "a token key".to_owned(), source })?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

/// The TLS side of [`ApiServer::serve`](crate::ApiServer::serve): HTTP/2 and HTTP/1.1, client certificates of this
/// authority accepted and not demanded.
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

/// One context of a kubeconfig: a cluster and how to log in to it.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// Name of context, cluster and user.
    pub name: &'a str,
    /// `https://127.0.0.1:6443`.
    pub server: &'a str,
    /// The authority that signed the server's certificate.
    pub authority_pem: &'a str,
    /// Who logs in.
    pub credential: Credential<'a>,
}

/// How a kubeconfig logs in.
#[derive(Clone)]
pub enum Credential<'a> {
    /// With a client certificate.
    Certificate(&'a Pair),
    /// With a bearer token.
    Token(&'a str),
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate(_) => "Certificate",
            Self::Token(_) => "Token",
        })
    }
}

/// A kubeconfig as YAML with everything embedded. The first context is the current one. Holds secrets: write it with
/// mode 0600.
pub fn kubeconfig(contexts: &[Context<'_>]) -> String {
    let encode = |pem: &str| STANDARD.encode(pem);
    let cluster = |c: &Context<'_>| json!({"name": c.name, "cluster": {"server": c.server, "certificate-authority-data": encode(c.authority_pem)}});
    let user = |c: &Context<'_>| {
        let login = match &c.credential {
            Credential::Certificate(pair) => json!({
                "client-certificate-data": encode(&pair.certificate_pem), "client-key-data": encode(&pair.key_pem),
            }),
            Credential::Token(token) => json!({"token": token}),
        };
        json!({"name": c.name, "user": login})
    };
    let context = |c: &Context<'_>| json!({"name": c.name, "context": {"cluster": c.name, "user": c.name}});
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "preferences": {},
        "clusters": contexts.iter().map(cluster).collect::<Vec<Value>>(),
        "users": contexts.iter().map(user).collect::<Vec<Value>>(),
        "contexts": contexts.iter().map(context).collect::<Vec<Value>>(),
        "current-context": contexts.first().map(|c| c.name).unwrap_or_default(),
    });
    model::yaml::to_string(&config)
}

#[cfg(test)]
mod tests;
