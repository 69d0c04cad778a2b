//! The HTTP client that git sources share.

use std::time::Duration;

use crate::error::Error;

/// Time to connect: a SYN is retried after 1, 3 and 7 s, so one lost packet does not fail a fetch.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Most redirects of one request, as git follows within reason (curl's default is 50; real hosts use one or two).
const REDIRECTS_MAX: usize = 5;
/// Servers such as GitHub look for `git/` at the start.
const USER_AGENT: &str = concat!("git/2.50 kurator/", env!("CARGO_PKG_VERSION"));

/// Connections and trusted certificates for sources without a CA of their own. Cheap to clone; make one per runtime.
#[derive(Clone)]
pub struct Http(reqwest::Client);

impl Http {
    /// Reads the machine's trusted certificates.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn new() -> Result<Self, Error> {
        build(None).map(Self).map_err(|e| Error::Certificate { url: "this machine".into(), why: text(&e) })
    }

    /// This client, or one that trusts `ca` too.
    pub(super) fn client(&self, url: &str, ca: Option<&[u8]>) -> Result<reqwest::Client, Error> {
        let Some(pem) = ca else { return Ok(self.0.clone()) };
        let fail = |why: String| Error::Certificate { url: url.to_owned(), why };
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(|e| fail(text(&e)))?;
        if certificates.is_empty() {
            return Err(fail("there is no certificate in it".into()));
        }
        build(Some(certificates)).map_err(|e| fail(text(&e)))
    }
}

fn build(ca: Option<Vec<reqwest::Certificate>>) -> Result<reqwest::Client, reqwest::Error> {
    let policy = reqwest::redirect::Policy::custom(|attempt| {
        let previous = attempt.previous().last();
        let downgrade = previous.is_some_and(|p| p.scheme() == "https") && attempt.url().scheme() != "https";
        let elsewhere = previous.is_some_and(|p| p.host_str() != attempt.url().host_str());
        // Another host would be given what this one was trusted with; git's answer is to name it in the URL.
        if downgrade || elsewhere || attempt.previous().len() > REDIRECTS_MAX {
            attempt.stop()
        } else {
            attempt.follow()
        }
    });
    let builder = reqwest::Client::builder().user_agent(USER_AGENT).connect_timeout(CONNECT_TIMEOUT).redirect(policy);
    match ca {
        Some(certificates) => builder.tls_certs_merge(certificates),
        None => builder,
    }
    .build()
}

/// The innermost cause, which says what happened; the outer ones repeat the URL.
pub(super) fn text(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Turns a failed request into words.
pub(super) fn failure(url: &str, error: &reqwest::Error) -> Error {
    let (url, why) = (url.to_owned(), text(error));
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
