//! What makes a member the same one after a restart: its authority, certificates, token key and port.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use pki::{Authority, Context, Credential, Pair, PkiError};
use rustls::ServerConfig;
use serde_json::{Value, json};

/// The file in the member's directory. Holds keys: mode 0600.
const FILE: &str = "identity.json";
/// How long certificates are valid. A simulated member is never rotated; its authority is valid for ten years.
const LIFE: Duration = Duration::from_secs(9 * 365 * 24 * 3600);

/// Why a member has no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A certificate cannot be made or read.
    #[error("its certificates cannot be made or read")]
    Pki(#[from] PkiError),
    /// The file cannot be read or written.
    #[error("cannot read or write {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what this version writes.
    #[error("{} is not an identity: {field} is missing; restore it, or remove the member's directory", .path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// What is missing.
        field: &'static str,
    },
}

/// The identity. No `Debug`: most of it is secret.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) authority: Pair,
    server: Pair,
    admin: Pair,
    pub(crate) token_private: String,
    pub(crate) token_public: String,
    pub(crate) port: Option<u16>,
    tls: Arc<ServerConfig>,
}

impl Identity {
    /// Generates a new one.
    pub(crate) fn generate(name: &str, now: Timestamp) -> Result<Self, IdentityError> {
        let authority = Authority::new(&format!("{name} simulated member"), now)?;
        let server = authority.server(&[], now, LIFE)?;
        let admin = authority.client("kubernetes-admin", &[apiserver::user::MASTERS], now, LIFE)?;
        let (token_private, token_public) = pki::token_key()?;
        let tls = pki::server_config(&server, authority.certificate_pem())?;
        Ok(Self { authority: authority.to_pem(), server, admin, token_private, token_public, port: None, tls })
    }

    /// The one in a directory; a new one if there is none.
    pub(crate) fn load_or_generate(dir: &Path, name: &str, now: Timestamp) -> Result<Self, IdentityError> {
        let path = dir.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => Self::parse(&path, &bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let made = Self::generate(name, now)?;
                made.save(dir)?;
                Ok(made)
            }
            Err(source) => Err(IdentityError::File { path, source }),
        }
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, IdentityError> {
        let file: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let text = |field: &'static str| {
            let found = file.get(field).and_then(Value::as_str).map(str::to_owned);
            found.ok_or_else(|| IdentityError::Shape { path: path.to_path_buf(), field })
        };
        let pair = |certificate, key| {
            Ok::<_, IdentityError>(Pair { certificate_pem: text(certificate)?, key_pem: text(key)? })
        };
        let (authority, server) = (pair("authority", "authorityKey")?, pair("server", "serverKey")?);
        let tls = pki::server_config(&server, &authority.certificate_pem)?;
        Ok(Self {
            authority,
            server,
            admin: pair("admin", "adminKey")?,
            token_private: text("tokenKey")?,
            token_public: text("tokenPublicKey")?,
            port: file.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok()),
            tls,
        })
    }

    /// Writes it whole or not at all.
    pub(crate) fn save(&self, dir: &Path) -> Result<(), IdentityError> {
        let path = dir.join(FILE);
        let file = json!({
            "authority": self.authority.certificate_pem, "authorityKey": self.authority.key_pem,
            "server": self.server.certificate_pem, "serverKey": self.server.key_pem,
            "admin": self.admin.certificate_pem, "adminKey": self.admin.key_pem,
            "tokenKey": self.token_private, "tokenPublicKey": self.token_public,
            "port": self.port,
        });
        let draft = dir.join(format!("{FILE}.new"));
        let write = || -> std::io::Result<()> {
            let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
            out.write_all(file.to_string().as_bytes())?;
            out.sync_all()?;
            fs::rename(&draft, &path)
        };
        write().map_err(|source| IdentityError::File { path, source })
    }

    /// The server side of TLS.
    pub(crate) fn tls(&self) -> Arc<ServerConfig> {
        self.tls.clone()
    }

    /// A kubeconfig of the administrator.
    pub(crate) fn kubeconfig(&self, name: &str, url: &str) -> String {
        pki::kubeconfig(&[Context {
            name,
            server: url,
            authority_pem: &self.authority.certificate_pem,
            credential: Credential::Certificate(&self.admin),
        }])
    }
}
