//! A certificate authority and what it signs.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

use crate::error::{GROUPS_MAX, PkiError};
use crate::request::Request;

/// How long an authority is valid: ten years, as kubeadm makes them.
const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Certificates are valid from a little before they are made, for clients whose clock is behind.
const SKEW: Duration = Duration::from_secs(3600);

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

    /// A certificate for the client that made a request, with its own key. Returned in PEM.
    ///
    /// # Errors
    /// [`PkiError::Make`].
    pub fn requested_client(&self, request: &Request, now: Timestamp, life: Duration) -> Result<String, PkiError> {
        let groups: Vec<&str> = request.groups().iter().map(String::as_str).collect();
        let mut params = params(request.user(), &groups, now, life);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let what = || format!("a client certificate for {:?}", request.user());
        let signed = params.signed_by(&request.public_key, &self.issuer);
        signed.map(|certificate| certificate.pem()).map_err(|source| PkiError::Make { what: what(), source })
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
