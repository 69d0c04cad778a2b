//! What can go wrong with a source, in words that say who acts. URLs in errors never carry user information or queries.

use std::time::Duration;

/// Most characters of a server's own words, or of a URL, in an error.
const WORDS_MAX: usize = 200;

/// Who has to act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It may go away by itself: try again with back-off.
    Retry,
    /// Somebody has to change the source, its credentials or the repository.
    AwaitChange,
}

/// Why a source could not be resolved, fetched or read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation; `url` is always without user information")]
pub enum Error {
    #[error("{url}: {why}; use a URL that begins with https://, http:// or ssh://")]
    UnsupportedUrl { url: String, why: String },
    #[error("{field}: {value:?} is not valid: {why}")]
    InvalidReference { field: &'static str, value: String, why: String },
    #[error("the CA certificate of {url} cannot be read: {why}; it must be PEM")]
    Certificate { url: String, why: String },
    #[error("{url}: no git repository there (HTTP {status}); check the URL, and the credentials if it is private")]
    RepositoryNotFound { url: String, status: u16 },
    #[error("{url}: access refused (HTTP {status}); check the credentials in secretRef")]
    Refused { url: String, status: u16 },
    #[error("{url}: git over ssh needs a private key and the server's in the Secret of secretRef: {why}")]
    SshCredentials { url: String, why: String },
    #[error(
        "{url}: the identity of the source is given to the source's own server alone; name a public repository by https://, or \
         one at the server of the source"
    )]
    SshOfBase { url: String },
    #[error(
        "{host} is this machine, or one that only this machine reaches: a file in a repository cannot send the hub there; use \
         an address that other machines reach"
    )]
    OwnMachine { host: String },
    #[error("{url}: no file there (HTTP {status}); check the URL: a file is asked for without credentials")]
    FileNotFound { url: String, status: u16 },
    #[error("{url}: a web page is there, not a manifest; use the URL of the raw file")]
    WebPage { url: String },
    #[error("{url}: the server does not accept the key for the user {user}; add the public key of `identity` there")]
    KeyRefused { url: String, user: String },
    #[error(
        "{url}: `known_hosts` in the Secret of secretRef does not have the server. It shows the {algorithm} key {fingerprint}: \
         compare that with what its operator says, and add the lines that `ssh-keyscan {host}` prints"
    )]
    HostUnknown { url: String, host: String, algorithm: String, fingerprint: String },
    #[error(
        "{url}: the server shows the {algorithm} key {fingerprint}, and `known_hosts` in the Secret of secretRef has another \
         one for {host}: somebody may be in between. If its operator says that the key has changed, replace it there"
    )]
    HostKeyChanged { url: String, host: String, algorithm: String, fingerprint: String },
    #[error(
        "{url}: `known_hosts` in the Secret of secretRef has the {known} key of the server alone, and the server offers {theirs}: \
         compare those with what its operator says, and add the lines that `ssh-keyscan {host}` prints"
    )]
    HostKeyKind { url: String, host: String, known: String, theirs: String },
    #[error("{url}: the key {fingerprint} of the server is revoked in `known_hosts`")]
    HostKeyRevoked { url: String, fingerprint: String },
    #[error("{url}: the server has no key that is understood; it offers {theirs}, and ed25519 and ecdsa are")]
    SshAlgorithms { url: String, theirs: String },
    #[error("{url}: the server opens no repository there; it says: {said}; check the URL, and what the key may read")]
    NotOpened { url: String, said: String },
    #[error("{url}: the repository has no commit yet; push one")]
    Empty { url: String },
    #[error("{url}: {what} {name:?} does not exist; {}", known_text(known))]
    ReferenceNotFound { url: String, what: &'static str, name: String, known: Vec<String> },
    #[error("{url}: the server does not have commit {commit}; it may have been removed by a force-push")]
    CommitNotFound { url: String, commit: String },
    #[error(
        "{url}: the server gives only what a branch or tag names now, and commit {commit} is none of these; follow a \
         branch or tag, or have `uploadpack.allowReachableSHA1InWant` set there"
    )]
    CommitNotNamed { url: String, commit: String },
    #[error("{url}: {id} names a {kind}, not a commit; name a commit, or a tag of one")]
    NotACommit { url: String, id: String, kind: String },
    #[error("{url}: no answer within {}; check the network or raise spec.timeout", seconds(.after))]
    Timeout { url: String, after: Duration },
    #[error("{url}: TLS failed: {why}; check the certificate of the server or give its CA")]
    Tls { url: String, why: String },
    #[error("{url}: cannot connect: {why}")]
    Unreachable { url: String, why: String },
    #[error("{url}: the server answered HTTP {status}")]
    Http { url: String, status: u16 },
    #[error("{url}: redirected to {to}, which is not followed; use that URL if you trust it")]
    Redirected { url: String, to: String },
    #[error("{url}: not understood: {why}")]
    Protocol { url: String, why: String },
    #[error("{url}: {what} exceeds the limit of {limit}")]
    TooLarge { url: String, what: String, limit: u64 },
    #[error("the source cache at {path}: {source}")]
    Cache { path: String, source: std::io::Error },
    #[error("artifact {digest} in the source cache is damaged ({why}); it is fetched again")]
    Damaged { digest: String, why: String },
    #[error("{url}: what was fetched is damaged: {why}")]
    BadObjects { url: String, why: String },
    #[error("{url}: .gitmodules: line {line} is not understood; correct it")]
    Gitmodules { url: String, line: usize },
    #[error("submodule {path}: {source}")]
    Submodule { path: String, source: Box<Error> },
    #[error("{place}: {why}")]
    Ignore { place: String, why: String },
    #[error(transparent)]
    Tree(#[from] model::tree::TreeError),
    #[error("the fetch was stopped")]
    Stopped,
}

impl Error {
    /// Who acts.
    pub fn class(&self) -> Class {
        match self {
            Self::Timeout { .. }
            | Self::Tls { .. }
            | Self::Unreachable { .. }
            | Self::Protocol { .. }
            | Self::Cache { .. }
            | Self::Damaged { .. }
            | Self::BadObjects { .. }
            | Self::Stopped => Class::Retry,
            Self::Submodule { source, .. } => source.class(),
            Self::Http { status, .. } if *status >= 500 || matches!(status, 408 | 425 | 429) => Class::Retry,
            _ => Class::AwaitChange,
        }
    }

    /// The reason in CamelCase, for a condition.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnsupportedUrl { .. } | Self::OwnMachine { .. } => "UnsupportedURL",
            Self::FileNotFound { .. } | Self::WebPage { .. } => "FileNotFound",
            Self::InvalidReference { .. } | Self::Ignore { .. } | Self::Gitmodules { .. } => "InvalidSource",
            Self::Submodule { source, .. } => source.reason(),
            Self::Certificate { .. }
            | Self::Refused { .. }
            | Self::SshCredentials { .. }
            | Self::SshOfBase { .. }
            | Self::KeyRefused { .. }
            | Self::HostUnknown { .. }
            | Self::HostKeyChanged { .. }
            | Self::HostKeyKind { .. }
            | Self::HostKeyRevoked { .. }
            | Self::SshAlgorithms { .. } => "AuthenticationFailed",
            Self::RepositoryNotFound { .. } | Self::NotOpened { .. } => "RepositoryNotFound",
            Self::Empty { .. }
            | Self::ReferenceNotFound { .. }
            | Self::CommitNotFound { .. }
            | Self::CommitNotNamed { .. }
            | Self::NotACommit { .. } => "ReferenceNotFound",
            Self::Timeout { .. } => "Timeout",
            Self::Tls { .. } => "TLSFailed",
            Self::Unreachable { .. } | Self::Http { .. } | Self::Redirected { .. } => "Unreachable",
            Self::Protocol { .. } | Self::BadObjects { .. } | Self::Stopped => "GitOperationFailed",
            Self::TooLarge { .. } => "SourceTooLarge",
            Self::Cache { .. } | Self::Damaged { .. } => "StorageOperationFailed",
            Self::Tree(_) => "InvalidPath",
        }
    }
}

fn known_text(known: &[String]) -> String {
    if known.is_empty() { "there is none of that kind".to_owned() } else { format!("there is {}", known.join(", ")) }
}

fn seconds(after: &Duration) -> String {
    format!("{} s", after.as_secs_f64())
}

/// Somebody else's words, as far as they are worth repeating: cut, and without control characters.
pub(crate) fn words(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}
