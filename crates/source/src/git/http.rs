//! The HTTP client that git sources share.

mod server;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use model::cause::innermost;

use crate::error::Error;
pub(super) use server::Server;

/// Time to connect: a SYN is retried after 1, 3 and 7 s, so one lost packet does not fail a fetch.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Most redirects of one request, as git follows within reason (curl's default is 50; real hosts use one or two).
const REDIRECTS_MAX: usize = 5;
/// Servers such as GitHub look for `git/` at the start.
const USER_AGENT: &str = concat!("git/2.50 kurator/", env!("CARGO_PKG_VERSION"));

/// For files that are no part of git.
const FILE_USER_AGENT: &str = concat!("kurator/", env!("CARGO_PKG_VERSION"));

/// Connections that sources share. Cheap to clone; make one per runtime.
#[derive(Clone)]
pub struct Http {
    /// For plain HTTP on this machine, which no proxy can reach.
    local: reqwest::Client,
    /// For everything else. Made when it is first needed: it reads the machine's trusted certificates, which takes 30 ms.
    remote: Arc<OnceLock<reqwest::Client>>,
    /// For files of other machines, which may be redirected elsewhere. Made when it is first needed.
    files: Arc<OnceLock<reqwest::Client>>,
}

impl Http {
    /// Makes the client for plain HTTP on this machine; the one for other servers is made when a source needs it.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new() -> Result<Self, Error> {
        let local = builder().no_proxy().tls_certs_only([]).build();
        let local = local.map_err(|e| Error::Certificate { url: "http://localhost".into(), why: innermost(&e) })?;
        Ok(Self { local, remote: Arc::default(), files: Arc::default() })
    }

    /// The client for a file. It follows redirects to other servers: nothing is given to them. `shown` stands for the URL in
    /// errors.
    pub(crate) fn file_client(&self, url: &str, shown: &str) -> Result<reqwest::Client, Error> {
        let fail = |error: reqwest::Error| Error::Certificate { url: shown.to_owned(), why: innermost(&error) };
        if is_local(url) && url.starts_with("http://") {
            return file_builder().no_proxy().tls_certs_only([]).build().map_err(fail);
        }
        if let Some(client) = self.files.get() {
            return Ok(client.clone());
        }
        let client = file_builder().build().map_err(fail)?;
        Ok(self.files.get_or_init(|| client).clone())
    }

    /// The client for a server; one of its own when `ca` is trusted too.
    fn client(&self, url: &str, ca: Option<&[u8]>) -> Result<reqwest::Client, Error> {
        let fail = |why: String| Error::Certificate { url: url.to_owned(), why };
        let local = is_local(url);
        if let Some(pem) = ca {
            let certificates = pki::certificates(pem).map_err(|e| fail(e.to_string()))?;
            let tls = pki::client_config(&certificates, pki::Besides::Machine).map_err(|e| fail(e.to_string()))?;
            let builder = if local { builder().no_proxy() } else { builder() };
            return builder.tls_backend_preconfigured(tls).build().map_err(|e| fail(innermost(&e)));
        }
        if local && url.starts_with("http://") {
            return Ok(self.local.clone());
        }
        if let Some(client) = self.remote.get() {
            return Ok(client.clone());
        }
        let client = builder().build().map_err(|e| fail(innermost(&e)))?;
        Ok(self.remote.get_or_init(|| client).clone())
    }
}

fn builder() -> reqwest::ClientBuilder {
    let policy = reqwest::redirect::Policy::custom(|attempt| {
        let stays = attempt.previous().last().is_none_or(|previous| same_server(previous, attempt.url()));
        // Another server would be given what this one was trusted with; git's answer is to name it in the URL.
        if !stays || attempt.previous().len() > REDIRECTS_MAX { attempt.stop() } else { attempt.follow() }
    });
    client_builder(USER_AGENT, policy)
}

fn file_builder() -> reqwest::ClientBuilder {
    let policy = reqwest::redirect::Policy::custom(|attempt| {
        let Some(first) = attempt.previous().first() else { return attempt.stop() };
        let safe = attempt.url().scheme() == "https" || first.scheme() == "http" && attempt.url().scheme() == "http";
        let stays = check_reach(attempt.url().as_str(), first.as_str()).is_ok();
        if !safe || !stays || attempt.previous().len() > REDIRECTS_MAX { attempt.stop() } else { attempt.follow() }
    });
    client_builder(FILE_USER_AGENT, policy)
}

fn client_builder(user_agent: &str, policy: reqwest::redirect::Policy) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder().user_agent(user_agent).connect_timeout(CONNECT_TIMEOUT).redirect(policy);
    // The query of the URL that redirects may be a token.
    builder.referer(false)
}

/// Refuses a URL that leads to the hub's own machine, or to what only this machine reaches, such as the address under which
/// clouds give out credentials. A file in a repository must not send the hub there, unless `from` is there itself.
/// It is decided by how the host is written: a name that resolves to such an address is not noticed.
pub(crate) fn check_reach(to: &str, from: &str) -> Result<(), Error> {
    if !is_own(to) || is_own(from) {
        return Ok(());
    }
    let url = reqwest::Url::parse(to).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    Err(Error::OwnMachine { host: url })
}

/// Is the host this machine, or one that only this machine reaches?
fn is_own(url: &str) -> bool {
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<std::net::IpAddr>().map(|address| address.to_canonical()) {
        Ok(std::net::IpAddr::V4(address)) => {
            // The last one is where a cloud gives out credentials outside of the link-local addresses.
            address.is_loopback()
                || address.is_link_local()
                || address.octets()[0] == 0
                || address.octets() == [100, 100, 100, 200]
        }
        // The second one is where a cloud gives out credentials over IPv6.
        Ok(std::net::IpAddr::V6(address)) => {
            address.is_loopback()
                || address.is_unicast_link_local()
                || address.is_unspecified()
                || address.segments()[..2] == [0xfd00, 0xec2]
        }
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// Is it the same server: host and port, with TLS if it was with TLS? From plain HTTP to TLS, each at its usual port, is a
/// step that servers ask for.
fn same_server(from: &reqwest::Url, to: &reqwest::Url) -> bool {
    let upgrade = (from.scheme(), to.scheme()) == ("http", "https")
        && (from.port_or_known_default(), to.port_or_known_default()) == (Some(80), Some(443));
    let same = from.scheme() == to.scheme() && from.port_or_known_default() == to.port_or_known_default();
    from.host_str() == to.host_str() && (same || upgrade)
}

/// Are both URLs of the same server, so that what the first one is given may be given to the second?
pub(super) fn is_same_server(from: &str, to: &str) -> bool {
    let parse = |text: &str| reqwest::Url::parse(text).ok();
    parse(from).zip(parse(to)).is_some_and(|(from, to)| same_server(&from, &to))
}

/// Is the server on this machine?
fn is_local(url: &str) -> bool {
    let host = reqwest::Url::parse(url).ok().and_then(|u| u.host_str().map(str::to_owned)).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|a| a.is_loopback())
}

/// Turns a failed request into words. `url` is the one that may be printed.
pub(crate) fn failure(url: &str, error: reqwest::Error) -> Error {
    // What it was asked with, and where it was redirected to, may have a token in its query.
    let error = error.without_url();
    let (url, why) = (url.to_owned(), innermost(&error));
    let tls = std::error::Error::source(&error).is_some_and(is_tls);
    match () {
        () if tls => Error::Tls { url, why },
        () if error.is_timeout() => Error::Timeout { url, after: CONNECT_TIMEOUT },
        () if error.is_connect() || error.is_request() => Error::Unreachable { url, why },
        () => Error::Protocol { url, why },
    }
}

/// Is TLS the cause? Connectors wrap it in I/O errors, whose `source` leaves out what they wrap.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || wrapped.is_some_and(|inner| is_tls(inner)) || error.source().is_some_and(is_tls)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[tokio::test]
    async fn a_failure_does_not_repeat_what_was_asked_with() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x?token=abc", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let _ = socket.read(&mut [0; 4096]).unwrap();
            socket.write_all(b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n").unwrap();
        });
        let answer = Http::new().unwrap().local.get(&url).send().await.unwrap();
        server.join().unwrap();
        let error = answer.error_for_status().unwrap_err();
        assert!(innermost(&error).contains("token"), "{error}");
        let error = failure("https://shown/x", error);
        assert!(error.to_string().starts_with("https://shown/x: ") && !error.to_string().contains("token"), "{error}");
    }
}
