//! Certificates and keys of the hub: made once, kept on disk, renewed before they end.
//!
//! All are in one file that is replaced as a whole: no crash, at a first start or at a renewal, leaves a key without its
//! certificate, or certificates of an authority that is gone.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use apiserver::TokenKey;
use model::Timestamp;
use pki::{Authority, Pair};
use rustls::ServerConfig;
use serde_json::{Map, Value};
use x509_parser::extensions::GeneralName;

use crate::directory::{self, Directory, DirectoryError};

/// How long server and client certificates last. They are renewed at a start when less than half of it is left, so a
/// hub that restarts once in half a year never meets the end.
const LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// User of the administrator's kubeconfig.
const ADMIN: &str = "kurator-admin";

/// The file.
const FILE: &str = "hub.json";

/// Why keys could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// On disk.
    #[error("keys of the hub")]
    Directory(#[from] DirectoryError),
    /// The file holds something else.
    #[error(
        "{path} holds no keys: restore it from a backup (`kurator hub backup` keeps it as hub/keys/hub.json), or write {{}} into it \
         to have new keys made, after which no kubeconfig and no token that this hub gave out is good any more"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The file is gone, and the hub has given credentials out.
    #[error(
        "{path} is not there, and this hub has {objects} objects: with new keys, no kubeconfig and no token that it gave out would \
         be good any more; restore it from a backup (`tar xzf FILE hub/keys/hub.json`), or write {{}} into it to have new keys made"
    )]
    Lost {
        /// The file.
        path: String,
        /// How many objects the store has.
        objects: usize,
    },
    /// Its store is lost, and they are there.
    #[error(
        "{store} is empty, and a hub has lived here until {until}: it would begin as another hub that knows nothing of its clusters, \
         and leave alone what the first one delivered; put the store back, or restore the directory from a backup \
         (`kurator hub restore`); to begin with an empty hub, delete {path} too"
    )]
    StoreLost {
        /// The folder of the store.
        store: String,
        /// What the hub noted last.
        until: String,
        /// The file of its keys.
        path: String,
    },
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
    /// Signs certificates of people.
    pub authority: Arc<Authority>,
}

impl Keys {
    /// Is the file there?
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_there(directory: &Directory) -> Result<bool, DirectoryError> {
        Ok(directory::read(&directory.keys().join(FILE))?.is_some())
    }

    /// Refuses to make the keys of a hub that has objects already. Nothing is stored before keys are durable, so that these
    /// were lost; a hub that went on with others would tell nobody.
    ///
    /// # Errors
    /// It has objects.
    pub fn refuse_lost(directory: &Directory, objects: usize) -> Result<(), KeysError> {
        let path = directory.keys().join(FILE).display().to_string();
        if objects == 0 { Ok(()) } else { Err(KeysError::Lost { path, objects }) }
    }

    /// Refuses to begin as an empty hub where one has lived: its own objects are stored before it notes that it lives, so that
    /// its store was lost.
    ///
    /// # Errors
    /// It has no objects, and has lived; or its note cannot be read.
    pub fn refuse_lost_store(directory: &Directory, objects: usize) -> Result<(), KeysError> {
        // A note that cannot be read says nothing, where nothing hangs on it.
        let note = if objects == 0 { directory::read(&directory.alive())? } else { None };
        let Some(note) = note else { return Ok(()) };
        Err(KeysError::StoreLost {
            store: directory.store().display().to_string(),
            until: model::words::cut(note.trim()),
            path: directory.keys().join(FILE).display().to_string(),
        })
    }

    /// Reads what is there and makes what is not, or is about to end. The server's certificate covers loopback and the
    /// host that clients are told; with another host it is made again. What is made is durable when this returns.
    ///
    /// # Errors
    /// See [`KeysError`].
    pub fn open(directory: &Directory, host: &str, now: Timestamp) -> Result<Self, KeysError> {
        let path = directory.keys().join(FILE);
        let damaged = |source| KeysError::Damaged { path: path.display().to_string(), source };
        let mut ring = Ring::parse(directory::read(&path)?.as_deref()).map_err(damaged)?;
        let authority = match ring.pair("ca") {
            Some(pair) => Authority::from_pem(&pair)?,
            None => {
                // Nothing that another authority signed is of use any more.
                ring = Ring::default();
                let authority = Authority::new("kurator-hub", now)?;
                ring.add_pair("ca", &authority.to_pem());
                authority
            }
        };
        let names = ["kubernetes", "kubernetes.default.svc", host];
        let server =
            ring.certified("server", now, |pair| covers(pair, host), || authority.server(&names, now, LIFE))?;
        let admin =
            ring.certified("admin", now, |_| true, || authority.client(ADMIN, &["system:masters"], now, LIFE))?;
        let token = match ring.pair("token") {
            Some(pair) => pair,
            None => {
                let (key_pem, certificate_pem) = pki::token_key()?;
                ring.add_pair("token", &Pair { certificate_pem, key_pem })
            }
        };
        if ring.changed {
            directory::write(&path, &Value::Object(ring.pairs).to_string())?;
        }
        Ok(Self {
            tls: pki::server_config(&server, authority.certificate_pem())?,
            authority_pem: authority.certificate_pem().to_owned(),
            admin,
            token: TokenKey::from_pem(&token.key_pem, &token.certificate_pem)?,
            authority: Arc::new(authority),
        })
    }
}

/// The content of the file: pairs by name, each `{certificate, key}` in PEM. For tokens the certificate is a public key.
#[derive(Default)]
struct Ring {
    pairs: Map<String, Value>,
    changed: bool,
}

impl Ring {
    /// A file that is not there holds nothing. One that cannot be read is not replaced: it may be all that is left of
    /// an authority that others trust.
    fn parse(text: Option<&str>) -> Result<Self, serde_json::Error> {
        let pairs = text.map(serde_json::from_str).transpose()?.unwrap_or_default();
        Ok(Self { pairs, changed: false })
    }

    fn pair(&self, name: &str) -> Option<Pair> {
        let text = |field: &str| Some(self.pairs.get(name)?.get(field)?.as_str()?.to_owned());
        Some(Pair { certificate_pem: text("certificate")?, key_pem: text("key")? })
    }

    fn add_pair(&mut self, name: &str, pair: &Pair) -> Pair {
        let value = serde_json::json!({"certificate": pair.certificate_pem, "key": pair.key_pem});
        self.pairs.insert(name.to_owned(), value);
        self.changed = true;
        pair.clone()
    }

    /// A pair whose certificate lasts long enough and fits, made again when it does not.
    fn certified(
        &mut self,
        name: &str,
        now: Timestamp,
        fits: impl Fn(&Pair) -> bool,
        make: impl FnOnce() -> Result<Pair, pki::PkiError>,
    ) -> Result<Pair, KeysError> {
        let lasting = |pair: &Pair| expires(pair).is_some_and(|end| end - now.as_second() > half());
        match self.pair(name).filter(lasting).filter(fits) {
            Some(pair) => Ok(pair),
            None => Ok(self.add_pair(name, &make()?)),
        }
    }
}

/// When a certificate ends, in seconds since 1970; `None` when it cannot be read.
fn expires(pair: &Pair) -> Option<i64> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pair.certificate_pem.as_bytes()).ok()?;
    Some(pem.parse_x509().ok()?.validity().not_after.timestamp())
}

/// Is a certificate good for a host?
fn covers(pair: &Pair, host: &str) -> bool {
    let names = || {
        let (_, pem) = x509_parser::pem::parse_x509_pem(pair.certificate_pem.as_bytes()).ok()?;
        let certificate = pem.parse_x509().ok()?;
        let names = &certificate.subject_alternative_name().ok()??.value.general_names;
        Some(names.iter().any(|name| match (name, host.parse::<IpAddr>()) {
            (GeneralName::IPAddress(bytes), Ok(IpAddr::V4(ip))) => *bytes == ip.octets(),
            (GeneralName::IPAddress(bytes), Ok(IpAddr::V6(ip))) => *bytes == ip.octets(),
            (GeneralName::DNSName(name), Err(_)) => name.eq_ignore_ascii_case(host),
            _ => false,
        }))
    };
    names().unwrap_or_default()
}

fn half() -> i64 {
    i64::try_from(LIFE.as_secs() / 2).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
