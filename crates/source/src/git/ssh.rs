//! One repository at a server that is reached by ssh: each question goes through a channel on which `git-upload-pack` runs
//! (`gitprotocol-pack`, "SSH Transport").
//!
//! Absent on purpose: passwords of users, agents, host certificates, RSA keys (russh signs with them by a crate that has a
//! timing leak, RUSTSEC-2023-0071), compression, and whatever `~/.ssh` of the hub's user says.

mod identity;
mod known_hosts;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use russh::client::{self, Handle, Handler, Msg};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{AlgorithmKind, Channel, ChannelMsg, Preferred, compression};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use self::identity::Identity;
use self::known_hosts::{KnownHosts, Verdict};
use super::address::SshAddress;
use super::incoming::Incoming;
use super::packet::Writer;
use crate::error::{Error, words};

/// The port when a URL names none.
pub(super) const PORT: u16 = 22;
/// Time to connect, as for HTTP.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes that a server may send before they are read: a pack is written to disk about as fast as it arrives.
const WINDOW_BYTES: u32 = 512 << 10;
/// Packets of the channel that wait to be read: those of the window, when they are as large as usual.
const PACKETS_MAX: usize = 16;
/// Bytes between the socket and what reads it.
const PUMP_BYTES: usize = 64 << 10;
/// Bytes that are kept of what is said beside the protocol: a sentence, which is cut to fewer when it is shown.
const SAID_BYTES_MAX: usize = 1024;
/// The keys of servers that are understood, in the order of preference.
const HOST_KEYS: [Algorithm; 4] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
];

/// What a Secret has for ssh. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SshCredentials {
    /// The private key.
    pub identity: String,
    /// The passphrase of the private key, when it has one.
    pub passphrase: Option<String>,
    /// The keys of servers.
    pub known_hosts: String,
}

/// A repository at a server.
pub(super) struct Server {
    address: SshAddress,
    identity: Identity,
    known_hosts: Arc<KnownHosts>,
    config: Arc<client::Config>,
}

impl Server {
    /// Checks key and known hosts. Does no I/O.
    pub(super) fn new(address: SshAddress, credentials: &SshCredentials) -> Result<Self, Error> {
        let url = address.url.clone();
        let fail = |what: &str, why: String| Error::SshCredentials { url: url.clone(), why: format!("{what}: {why}") };
        let identity = Identity::parse(&credentials.identity, credentials.passphrase.clone());
        let identity = identity.map_err(|why| fail("identity", why))?;
        let known_hosts = KnownHosts::parse(&credentials.known_hosts).map_err(|why| fail("known_hosts", why))?;
        let known = known_hosts.algorithms(&address.host, address.port);
        let mut keys = HOST_KEYS.to_vec();
        // The server has keys of several kinds, and shows one: ask for one that is known.
        keys.retain(|algorithm| known.is_empty() || known.contains(&algorithm.as_str()));
        if keys.is_empty() {
            let why = format!("of {} it has {} alone; add its ed25519 or ecdsa key", address.host, known.join(", "));
            return Err(fail("known_hosts", why));
        }
        let config = client::Config {
            window_size: WINDOW_BYTES,
            channel_buffer_size: PACKETS_MAX,
            preferred: Preferred {
                key: Cow::Owned(keys),
                compression: Cow::Owned(vec![compression::NONE]),
                ..Preferred::DEFAULT
            },
            nodelay: true,
            ..client::Config::default()
        };
        Ok(Self { address, identity, known_hosts: Arc::new(known_hosts), config: Arc::new(config) })
    }

    /// Why there is no session. A server that has keys, but none of the kinds that were asked for, is told from one whose keys
    /// are not understood: in the first case `known_hosts` lacks a line.
    fn error_of(&self, failure: Failure) -> Error {
        let theirs = match failure {
            Failure::HostKey(error) => return error,
            Failure::Ssh(russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, theirs, .. }) => theirs,
            Failure::Ssh(error) => return failed(self.url(), &error),
        };
        let (url, shown) = (self.url().to_owned(), words(&theirs.join(", ")));
        let known = self.known_hosts.algorithms(&self.address.host, self.address.port);
        match theirs.iter().any(|key| HOST_KEYS.iter().any(|understood| understood.as_str() == key)) {
            true => Error::HostKeyKind { url, host: self.address.scanned(), known: known.join(", "), theirs: shown },
            false => Error::SshAlgorithms { url, theirs: shown },
        }
    }

    /// The URL, which has the name of the user and no password.
    pub(super) fn url(&self) -> &str {
        &self.address.url
    }

    /// What identifies at the server. Secret: hash it, never show it.
    pub(super) fn identity(&self) -> &[u8] {
        self.identity.text()
    }

    /// Connects, and starts `git-upload-pack`, which then says what it can do.
    pub(super) async fn open(&self) -> Result<Conversation, Error> {
        let url = self.url().to_owned();
        let key = self.identity.key(&url).await?;
        let target = (self.address.host.as_str(), self.address.port);
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(target)).await;
        let mut socket = match connected {
            Ok(Ok(socket)) => socket,
            Ok(Err(e)) => return Err(Error::Unreachable { url, why: e.to_string() }),
            Err(_) => return Err(Error::Timeout { url, after: CONNECT_TIMEOUT }),
        };
        // The session runs in a task of the library, which ends when its side of this pipe does: when the pump goes, also
        // because the future that waits for it was dropped.
        let (near, mut far) = tokio::io::duplex(PUMP_BYTES);
        let pump = Pump(tokio::spawn(async move {
            // Either side that ends ends it; what was said is not worth a line.
            let _ = tokio::io::copy_bidirectional(&mut socket, &mut far).await;
        }));
        let check = HostCheck { address: self.address.clone(), known_hosts: self.known_hosts.clone() };
        let connected = client::connect_stream(self.config.clone(), near, check).await;
        let mut session = connected.map_err(|failure| self.error_of(failure))?;
        let key = PrivateKeyWithHashAlg::new(key, None);
        let accepted = session.authenticate_publickey(&self.address.user, key).await;
        if !accepted.map_err(|e| failed(&url, &e))?.success() {
            // A connection that broke off counts as a refusal for the library.
            return Err(match session.is_closed() {
                true => Error::Unreachable { url, why: "the server closed the connection".to_owned() },
                false => Error::KeyRefused { url, user: self.address.user.clone() },
            });
        }
        let channel = session.channel_open_session().await.map_err(|e| failed(&url, &e))?;
        // A server that does not take it speaks an older version of the protocol.
        let asked = channel.set_env(false, "GIT_PROTOCOL", "version=2").await;
        asked.map_err(|e| failed(&url, &e))?;
        let command = format!("git-upload-pack {}", quote_path(&self.address.path));
        channel.exec(true, command).await.map_err(|e| failed(&url, &e))?;
        Ok(Conversation { url, channel, said: String::new(), _session: session, _pump: pump })
    }
}

/// A channel on which `git-upload-pack` runs. It ends when it is dropped.
pub(super) struct Conversation {
    url: String,
    channel: Channel<Msg>,
    /// What was said beside the protocol.
    said: String,
    _session: Handle<HostCheck>,
    _pump: Pump,
}

impl Conversation {
    /// What comes next.
    pub(super) fn incoming(&mut self) -> Incoming<'_> {
        let Self { url, channel, said, .. } = self;
        let url = url.as_str();
        let chunks = futures::stream::unfold((channel, said), move |(channel, said)| async move {
            let chunk = next_chunk(url, channel, said).await?;
            Some((chunk, (channel, said)))
        });
        Incoming::channel(url, chunks.boxed())
    }

    /// Asks, and reads what comes next.
    pub(super) async fn send_question(&mut self, question: Writer) -> Result<Incoming<'_>, Error> {
        self.channel.data_bytes(question.0).await.map_err(|e| failed(&self.url, &e))?;
        Ok(self.incoming())
    }

    /// Why nothing was said that could be understood.
    pub(super) fn refusal(&self, error: Error) -> Error {
        match (error, self.said.trim()) {
            (error @ Error::Protocol { .. }, said) if !said.is_empty() => {
                drop(error);
                Error::NotOpened { url: self.url.clone(), said: words(said) }
            }
            (error, _) => error,
        }
    }
}

/// The next bytes; `None` when the channel is closed.
async fn next_chunk(url: &str, channel: &mut Channel<Msg>, said: &mut String) -> Option<Result<Bytes, Error>> {
    loop {
        match channel.wait().await? {
            ChannelMsg::Data { data } => return Some(Ok(data)),
            // The first of it says why; the rest is no use.
            ChannelMsg::ExtendedData { data, .. } if said.len() < SAID_BYTES_MAX => {
                said.push_str(&String::from_utf8_lossy(&data[..data.len().min(SAID_BYTES_MAX)]));
            }
            ChannelMsg::Failure => {
                let why = "the server does not run git-upload-pack for this key".to_owned();
                return Some(Err(Error::Protocol { url: url.to_owned(), why }));
            }
            _ => {}
        }
    }
}

/// Copies between a socket and a session, until it is dropped.
struct Pump(JoinHandle<()>);

impl Drop for Pump {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Compares the key that a server shows with those that are known.
struct HostCheck {
    address: SshAddress,
    known_hosts: Arc<KnownHosts>,
}

/// Why there is no session.
#[derive(Debug)]
enum Failure {
    HostKey(Error),
    Ssh(russh::Error),
}

impl From<russh::Error> for Failure {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

impl Handler for HostCheck {
    type Error = Failure;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Failure> {
        // No certificate was asked for.
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let (url, host) = (self.address.url.clone(), self.address.host.clone());
        let bytes = key.to_bytes().map_err(|e| failed(&url, &russh::Error::from(russh::keys::Error::from(e))));
        let bytes = bytes.map_err(Failure::HostKey)?;
        let (fingerprint, algorithm) = (key.fingerprint(HashAlg::Sha256).to_string(), key.algorithm().to_string());
        Err(Failure::HostKey(match self.known_hosts.judge(&host, self.address.port, &bytes) {
            Verdict::Known => return Ok(true),
            Verdict::NoHost => Error::HostUnknown { url, host: self.address.scanned(), algorithm, fingerprint },
            Verdict::OtherKey => Error::HostKeyChanged { url, host, algorithm, fingerprint },
            Verdict::Revoked => Error::HostKeyRevoked { url, fingerprint },
        }))
    }
}

/// A failed exchange in words.
fn failed(url: &str, error: &russh::Error) -> Error {
    let (url, why) = (url.to_owned(), words(&model::cause::innermost(error)));
    match error {
        russh::Error::IO(_) | russh::Error::HUP | russh::Error::Disconnect => Error::Unreachable { url, why },
        _ => Error::Protocol { url, why },
    }
}

/// A path as the shell of the server takes it, quoted as git does.
fn quote_path(path: &str) -> String {
    format!("'{}'", path.replace('\'', "'\\''").replace('!', "'\\!'"))
}

#[cfg(test)]
mod tests;
