//! Certificates and keys of the hub: made once, kept on disk, renewed before they end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use apiserver::TokenKey;
use apiserver::pki::{self, Authority, Pair};
use model::Timestamp;
use rustls::ServerConfig;

use crate::directory::{self, Directory, DirectoryError};

/// How long server and client certificates last. They are made anew at a start when less than half of it is left, so a
/// hub that restarts once in half a year never meets the end.
const LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// User of the administrator's kubeconfig.
const ADMIN: &str = "kurator-admin";

/// Why keys could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// On disk.
    #[error("keys of the hub")]
    Directory(#[from] DirectoryError),
    /// In themselves.
    #[error("keys of the hub")]
    Pki(#[from] pki::PkiError),
    /// The key of service account tokens.
    #[error("the key of service account tokens")]
    Token(#[from] apiserver::TokenKeyError),
}

/// Everything that the hub's listeners and clients need.
pub struct Keys {
    /// The authority's certificate.
    pub authority_pem: String,
    /// Listener configuration.
    pub tls: Arc<ServerConfig>,
    /// The administrator's certificate and key.
    pub admin: Pair,
    /// Signs service account tokens.
    pub token: TokenKey,
}

impl Keys {
    /// Reads what is there and makes what is not, or is about to end.
    ///
    /// # Errors
    /// See [`KeysError`].
    pub fn open(directory: &Directory, now: Timestamp) -> Result<Self, KeysError> {
        let at = directory.keys();
        let authority = match pair(&at, "ca")? {
            Some(pair) => Authority::from_pem(&pair)?,
            None => {
                let authority = Authority::new("kurator-hub", now)?;
                keep(&at, "ca", &authority.to_pem())?;
                authority
            }
        };
        let current = |name: &str| -> Result<Option<Pair>, KeysError> {
            let pair = pair(&at, name)?;
            Ok(pair.filter(|p| expires(p).is_some_and(|end| end - now.as_second() > half())))
        };
        let server = match current("server")? {
            Some(pair) => pair,
            None => {
                let pair = authority.server(&["kubernetes", "kubernetes.default.svc"], now, LIFE)?;
                keep(&at, "server", &pair)?;
                pair
            }
        };
        let admin = match current("admin")? {
            Some(pair) => pair,
            None => {
                let pair = authority.client(ADMIN, &["system:masters"], now, LIFE)?;
                keep(&at, "admin", &pair)?;
                pair
            }
        };
        let token = match pair(&at, "token")? {
            Some(pair) => pair,
            None => {
                let (key_pem, certificate_pem) = pki::token_key()?;
                let pair = Pair { certificate_pem, key_pem };
                keep(&at, "token", &pair)?;
                pair
            }
        };
        Ok(Self {
            tls: pki::server_config(&server, authority.certificate_pem())?,
            authority_pem: authority.certificate_pem().to_owned(),
            admin,
            token: TokenKey::from_pem(&token.key_pem, &token.certificate_pem)?,
        })
    }
}

/// When a certificate ends, in seconds since 1970; `None` when it cannot be read.
fn expires(pair: &Pair) -> Option<i64> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pair.certificate_pem.as_bytes()).ok()?;
    Some(pem.parse_x509().ok()?.validity().not_after.timestamp())
}

fn half() -> i64 {
    i64::try_from(LIFE.as_secs() / 2).unwrap_or(i64::MAX)
}

fn pair(at: &Path, name: &str) -> Result<Option<Pair>, DirectoryError> {
    let certificate = directory::read(&at.join(format!("{name}.crt")))?;
    let key = directory::read(&at.join(format!("{name}.key")))?;
    Ok(certificate.zip(key).map(|(certificate_pem, key_pem)| Pair { certificate_pem, key_pem }))
}

/// The key before the certificate: a crash in between leaves no certificate, and both are made again.
fn keep(at: &Path, name: &str, pair: &Pair) -> Result<(), DirectoryError> {
    directory::write(&at.join(format!("{name}.key")), &pair.key_pem)?;
    directory::write(&at.join(format!("{name}.crt")), &pair.certificate_pem)
}
