//! Which keys a server may have: a file `known_hosts` as `sshd(8)` describes it.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Most bytes of the file. All hosts that a fleet's sources are on take a hundredth of it.
const FILE_BYTES_MAX: usize = 256 << 10;

/// What the file says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the server's.
    Known,
    /// The server is not in the file.
    NoHost,
    /// The server has other keys there.
    OtherKey,
    /// It is there as one that must not be used any more.
    Revoked,
}

/// The file, parsed.
#[derive(Debug)]
pub(crate) struct KnownHosts(Vec<Line>);

#[derive(Debug)]
struct Line {
    revoked: bool,
    hosts: Hosts,
    algorithm: String,
    key: Vec<u8>,
}

#[derive(Debug)]
enum Hosts {
    /// Each with whether it is taken out.
    Patterns(Vec<(bool, String)>),
    Hashed {
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
}

impl KnownHosts {
    /// Reads the file. Lines of certificate authorities count for nothing: servers are asked for a key, not a certificate.
    ///
    /// # Errors
    /// Which line is not understood, without its content; or that there is none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > FILE_BYTES_MAX {
            return Err(format!("it has {} bytes; at most {FILE_BYTES_MAX} are read", text.len()));
        }
        let mut lines = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || line.starts_with("@cert-authority") {
                continue;
            }
            let parsed = Line::parse(line);
            lines.push(parsed.ok_or_else(|| format!("line {} is not `host algorithm key`", at + 1))?);
        }
        if lines.is_empty() { Err("there is no host in it".to_owned()) } else { Ok(Self(lines)) }
    }

    /// What it says of the key of a server, in the form in which it goes over the wire.
    pub(crate) fn judge(&self, host: &str, port: u16, key: &[u8]) -> Verdict {
        let mut verdict = Verdict::NoHost;
        for line in self.lines_of(host, port) {
            match (line.revoked, line.key == key) {
                (true, true) => return Verdict::Revoked,
                (false, true) => verdict = Verdict::Known,
                (false, false) if verdict == Verdict::NoHost => verdict = Verdict::OtherKey,
                _ => {}
            }
        }
        verdict
    }

    /// The algorithms of the keys that a server has here.
    pub(crate) fn algorithms(&self, host: &str, port: u16) -> Vec<&str> {
        self.lines_of(host, port).filter(|line| !line.revoked).map(|line| line.algorithm.as_str()).collect()
    }

    fn lines_of(&self, host: &str, port: u16) -> impl Iterator<Item = &Line> {
        let name = if port == super::PORT { host.to_owned() } else { format!("[{host}]:{port}") };
        self.0.iter().filter(move |line| line.hosts.has(&name))
    }
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let (revoked, line) = line.strip_prefix("@revoked").map_or((false, line), |rest| (true, rest));
        let mut parts = line.split_whitespace();
        let (hosts, algorithm, key) = (parts.next()?, parts.next()?, parts.next()?);
        let hosts = match hosts.strip_prefix("|1|") {
            Some(hashed) => {
                let (salt, hash) = hashed.split_once('|')?;
                Hosts::Hashed { salt: STANDARD.decode(salt).ok()?, hash: STANDARD.decode(hash).ok()? }
            }
            None => Hosts::Patterns(hosts.split(',').map(pattern).collect()),
        };
        Some(Self { revoked, hosts, algorithm: algorithm.to_owned(), key: STANDARD.decode(key).ok()? })
    }
}

fn pattern(text: &str) -> (bool, String) {
    let (negated, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    (negated, text.to_ascii_lowercase())
}

impl Hosts {
    fn has(&self, name: &str) -> bool {
        match self {
            Self::Patterns(patterns) => {
                let holds = |wanted: bool| {
                    patterns.iter().any(|(negated, pattern)| *negated == wanted && matches(pattern, name))
                };
                holds(false) && !holds(true)
            }
            Self::Hashed { salt, hash } => {
                let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
                hmac::verify(&key, name.as_bytes(), hash).is_ok()
            }
        }
    }
}

/// `*` and `?`. Takes at most pattern × name steps: what a later `*` can take, an earlier one need not.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(&c) if c == b'?' || c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (p, n) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests;
