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

/// Connections that sources share. Cheap to clone; make one per runtime.
#[derive(Clone)]
pub struct Http {
    /// For plain HTTP on this machine, which no proxy can reach.
    local: reqwest::Client,
    /// For everything else. Made when it is first needed: it reads the machine's trusted certificates, which takes 30 ms.
    remote: Arc<OnceLock<reqwest::Client>>,
}

impl Http {
    /// Makes the client for plain HTTP on this machine; the one for other servers is made when a source needs it.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new() -> Result<Self, Error> {
        let local = builder().no_proxy().tls_certs_only([]).build();
        let local = local.map_err(|e| Error::Certificate { url: "http://localhost".into(), why: innermost(&e) })?;
        Ok(Self { local, remote: Arc::default() })
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
    reqwest::Client::builder().user_agent(USER_AGENT).connect_timeout(CONNECT_TIMEOUT).redirect(policy)
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

/// Turns a failed request into words.
fn failure(url: &str, error: &reqwest::Error) -> Error {
    let (url, why) = (url.to_owned(), innermost(error));
    let tls = std::error::Error::source(error).is_some_and(is_tls);
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
