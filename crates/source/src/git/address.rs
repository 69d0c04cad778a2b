//! Where a repository is: what of a URL is used, what is refused, and what may be printed.

use model::limit::URL_BYTES_MAX;
use percent_encoding::percent_decode_str;

use super::{Credentials, ssh};
use crate::error::{Error, words};

/// The user when a URL over ssh names none, as in Flux; git hosts have no other.
const USER: &str = "git";

/// A URL that can be used.
pub(super) enum Address {
    /// `http://` or `https://`.
    Http {
        /// As it may be printed.
        url: String,
        /// The user information that was in it.
        credentials: Option<Credentials>,
    },
    /// `ssh://`.
    Ssh(SshAddress),
}

/// Where a repository is at a server that is reached by ssh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SshAddress {
    /// As it may be printed; the same repository has the same, however it was written.
    pub(super) url: String,
    pub(super) user: String,
    /// A name in lower case, or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// As `git-upload-pack` takes it.
    pub(super) path: String,
}

impl SshAddress {
    /// What `ssh-keyscan` is called with for this server.
    pub(super) fn scanned(&self) -> String {
        let Self { host, port, .. } = self;
        if *port == ssh::PORT { host.clone() } else { format!("-p {port} {host}") }
    }
}

impl Address {
    /// Reads a URL.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let fail = |why: &str| Error::UnsupportedUrl { url: words(&shown(text)), why: why.to_owned() };
        if text.len() > URL_BYTES_MAX {
            return Err(fail(&format!("it has {} bytes, and {URL_BYTES_MAX} are the most", text.len())));
        }
        if let Some(form) = scp_like(text) {
            return Err(fail(&format!("write it as {form}: the form `host:path` is not a URL")));
        }
        let url = match reqwest::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https" | "ssh") => url,
            Ok(url) if url.scheme() == "file" => return Err(fail("file:// would read the hub's own disk")),
            Ok(url) => return Err(fail(&format!("the scheme {} is not supported", url.scheme()))),
            Err(e) => return Err(fail(&format!("not a URL: {e}"))),
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(fail("a repository URL has no query and no fragment"));
        }
        let made = if url.scheme() == "ssh" { over_ssh(&url) } else { over_http(url) };
        made.map_err(fail)
    }
}

/// What may be printed of a text that is refused: it may hold a password or a token, before an `@` or in a query.
fn shown(text: &str) -> String {
    let parsed = reqwest::Url::parse(text).ok().filter(|url| !url.path().contains('@'));
    if let Some(url) = parsed.filter(|url| url.has_host() || url.scheme() == "file") {
        return format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path());
    }
    let before_query = text.split(['?', '#']).next().unwrap_or(text);
    if text.len() > before_query.len() && text[before_query.len()..].contains('@') {
        // The `?` may be in a password.
        let plain = |text: &str| text.bytes().all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c));
        let scheme = before_query.split_once("://").map(|(scheme, _)| scheme).filter(|scheme| plain(scheme));
        return scheme.map_or_else(|| "…".to_owned(), |scheme| format!("{scheme}://…"));
    }
    before_query.rsplit('@').next().unwrap_or(before_query).to_owned()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn over_http(mut url: reqwest::Url) -> Result<Address, &'static str> {
    let credentials = (!url.username().is_empty()).then(|| Credentials::Basic {
        username: decode(url.username()),
        password: decode(url.password().unwrap_or_default()),
    });
    // Both fail only for URLs without a host, which http URLs have.
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| "the URL has no host")?;
    Ok(Address::Http { url: url.as_str().trim_end_matches('/').to_owned(), credentials })
}

fn over_ssh(url: &reqwest::Url) -> Result<Address, &'static str> {
    if url.password().is_some() {
        return Err("git over ssh takes no password in the URL; it identifies by `identity` in secretRef");
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("the URL has no host")?.to_ascii_lowercase();
    let user = if url.username().is_empty() { USER.to_owned() } else { decode(url.username()) };
    let path = decode(url.path()).trim_end_matches('/').to_owned();
    if path.is_empty() {
        return Err("the URL has no path; it names the repository");
    }
    if [user.as_str(), host.as_str(), path.as_str()].iter().any(|part| part.contains(char::is_control)) {
        return Err("the URL has control characters in it");
    }
    let port = url.port().unwrap_or(ssh::PORT);
    let at = if port == ssh::PORT { String::new() } else { format!(":{port}") };
    let shown = format!(
        "ssh://{}@{host}{at}{}",
        if url.username().is_empty() { USER } else { url.username() },
        url.path().trim_end_matches('/')
    );
    // `/~user/x` is in the home of that user, as git has it.
    let path = if path.starts_with("/~") { path[1..].to_owned() } else { path };
    let host = host.trim_matches(['[', ']']).to_owned();
    Ok(Address::Ssh(SshAddress { url: shown, user, host, port, path }))
}

/// The URL of an address such as `git@host:path`, which git takes too and Flux does not.
fn scp_like(text: &str) -> Option<String> {
    let (server, path) = text.split_once(':').filter(|_| !text.contains("://"))?;
    let (user, host) = server.rsplit_once('@').unwrap_or((USER, server));
    // It may be something else altogether, with a password in it.
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.~/".contains(&c));
    let form = format!("ssh://{user}@{host}/{}", path.trim_start_matches('/'));
    if [user, host, path].into_iter().all(plain) { Some(form) } else { Some("ssh://USER@HOST/PATH".to_owned()) }
}

#[cfg(test)]
mod tests;
