//! The private key of a source.

use std::sync::Arc;

use russh::keys::ssh_key::Kdf;
use russh::keys::{Algorithm, PrivateKey};
use tokio::sync::{OnceCell, Semaphore};

use crate::error::Error;

/// Most rounds of the function that makes a key of a passphrase. `ssh-keygen` takes 16 or 24, people who say `-a` take 100;
/// a hundred take about a second, on one core of the hub.
const ROUNDS_MAX: u32 = 256;
/// Keys that are decrypted at the same time, in the whole process. It takes a core for up to some seconds and cannot be stopped, so that a
/// hundred sources with a passphrase must not take all cores; the place is given back when the work ends, not when its
/// fetch does.
static DECRYPTIONS: Semaphore = Semaphore::const_new(1);
/// Most bytes of a key: RSA keys, the longest, have 12 kB with 16,384 bits.
const KEY_BYTES_MAX: usize = 16 << 10;

/// A key, which is decrypted when it is first needed. Never printed.
pub(super) struct Identity {
    text: Vec<u8>,
    key: PrivateKey,
    passphrase: Option<String>,
    decrypted: OnceCell<Arc<PrivateKey>>,
}

impl Identity {
    /// Reads a key. Says what is wrong with it, without its content.
    pub(super) fn parse(text: &str, passphrase: Option<String>) -> Result<Self, String> {
        let text = text.trim();
        if text.len() > KEY_BYTES_MAX {
            return Err(format!("it has {} bytes; at most {KEY_BYTES_MAX} are read", text.len()));
        }
        let key = read(text)?;
        match key.algorithm() {
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => {}
            Algorithm::Rsa { .. } => return Err(RSA.to_owned()),
            other => return Err(format!("keys of the kind {other} are not supported; make one of ed25519")),
        }
        if let Kdf::Bcrypt { rounds, .. } = key.kdf()
            && *rounds > ROUNDS_MAX
        {
            let why = "its passphrase takes";
            return Err(format!("{why} {rounds} rounds; at most {ROUNDS_MAX} are made: `ssh-keygen -p -a 100 -f KEY`"));
        }
        if key.is_encrypted() && passphrase.as_deref().unwrap_or_default().is_empty() {
            return Err("it has a passphrase; give that as `password`, or use a key without one".to_owned());
        }
        Ok(Self { text: text.as_bytes().to_vec(), key, passphrase, decrypted: OnceCell::new() })
    }

    /// The key as it was given. Secret.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The key, decrypted.
    pub(super) async fn key(&self, url: &str) -> Result<Arc<PrivateKey>, Error> {
        let decrypt = || async {
            let (key, passphrase) = (self.key.clone(), self.passphrase.clone().unwrap_or_default());
            if !key.is_encrypted() {
                return Ok(Arc::new(key));
            }
            let place = DECRYPTIONS.acquire().await.map_err(|_| Error::Stopped)?;
            let decrypted = tokio::task::spawn_blocking(move || {
                let decrypted = key.decrypt(passphrase);
                drop(place);
                decrypted
            });
            let decrypted = decrypted.await;
            let why = "identity: its passphrase is not the `password` in the Secret";
            let wrong = |_| Error::SshCredentials { url: url.to_owned(), why: why.to_owned() };
            decrypted.map_err(|_| Error::Stopped)?.map(Arc::new).map_err(wrong)
        };
        self.decrypted.get_or_try_init(decrypt).await.cloned()
    }
}

const RSA: &str =
    "RSA keys are not supported; make one by `ssh-keygen -t ed25519`, and add its public key at the server";

fn read(text: &str) -> Result<PrivateKey, String> {
    let first = text.lines().next().unwrap_or_default().trim_end();
    let damaged = "it is damaged, or of a kind that is not supported; make one by `ssh-keygen -t ed25519`".to_owned();
    match first {
        "-----BEGIN OPENSSH PRIVATE KEY-----" => PrivateKey::from_openssh(text).map_err(|_| damaged),
        "-----BEGIN RSA PRIVATE KEY-----" => Err(RSA.to_owned()),
        "-----BEGIN PRIVATE KEY-----" | "-----BEGIN EC PRIVATE KEY-----" if !text.contains("ENCRYPTED") => {
            russh::keys::decode_secret_key(text, None).map_err(|_| damaged)
        }
        // The author of the key says how long it takes to decrypt it; only in OpenSSH's format that is known before.
        _ if text.contains("ENCRYPTED") => {
            Err("only a key in OpenSSH's own format may have a passphrase; convert it by `ssh-keygen -p -f KEY`"
                .to_owned())
        }
        _ if first.starts_with("ssh-") || first.starts_with("ecdsa-") => {
            Err("it is a public key; the private one is wanted".to_owned())
        }
        _ => Err("it is no private key; it begins with -----BEGIN OPENSSH PRIVATE KEY-----".to_owned()),
    }
}

#[cfg(test)]
mod tests;
