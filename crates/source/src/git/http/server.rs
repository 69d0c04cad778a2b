//! One repository at a server that is asked by HTTP (`gitprotocol-http`): each question is a request of its own.

use base64::Engine as _;
use futures::StreamExt as _;

use super::{Http, failure};
use crate::error::{Error, words};
use crate::git::Credentials;
use crate::git::incoming::Incoming;
use crate::git::packet::Writer;

/// Media type prefix of every message.
const MEDIA: &str = "application/x-git-upload-pack";
/// What is after a repository's URL when a server is asked what it can do.
const GREETING: &str = "/info/refs?service=git-upload-pack";
/// The same without its query.
const GREETING_PATH: &str = "/info/refs";
/// Asks for version 2 of the protocol. A server that does not know it answers in an older one.
const VERSION_2: (&str, &str) = ("git-protocol", "version=2");

/// A repository at a server.
pub(crate) struct Server {
    client: reqwest::Client,
    /// With neither user information nor query: safe to print.
    url: String,
    authorization: Option<reqwest::header::HeaderValue>,
}

impl Server {
    /// Prepares credentials. Does no I/O.
    pub(crate) fn new(
        http: &Http,
        url: String,
        credentials: Option<Credentials>,
        ca: Option<&[u8]>,
    ) -> Result<Self, Error> {
        let client = http.client(&url, ca)?;
        let text = credentials.and_then(|credentials| match credentials {
            Credentials::Bearer(token) => Some(format!("Bearer {token}")),
            Credentials::Basic { username, password } => {
                let pair = format!("{username}:{password}");
                Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
            }
            Credentials::Ssh(_) => None,
        });
        let header = |text: String| {
            let mut value = reqwest::header::HeaderValue::try_from(text).map_err(|_| Error::InvalidReference {
                field: "secretRef",
                value: "(hidden)".into(),
                why: "a user name, password or token must not contain line breaks".into(),
            })?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        };
        let authorization = text.map(header).transpose()?;
        Ok(Self { client, url, authorization })
    }

    /// The URL without user information.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What is sent with each request. Secret: hash it, never show it.
    pub(crate) fn identity(&self) -> &[u8] {
        self.authorization.as_ref().map_or(&b""[..], |a| a.as_bytes())
    }

    /// What the server says of itself, and where to ask for more, after redirects.
    pub(crate) async fn greet(&self) -> Result<(Incoming<'_>, String), Error> {
        let request = self.client.get(format!("{}{GREETING}", self.url)).header(VERSION_2.0, VERSION_2.1);
        let answer = self.send(request).await?;
        let base = answer.url().as_str().strip_suffix(GREETING).map(str::to_owned);
        let base = base.ok_or_else(|| self.protocol("redirected to something that is not a repository".into()))?;
        self.check_media(&answer, "-advertisement")?;
        Ok((self.incoming(answer), format!("{base}/git-upload-pack")))
    }

    /// Asks, in version 2 of the protocol or an older one.
    pub(crate) async fn send_question(
        &self,
        to: &str,
        version_2: bool,
        question: Writer,
    ) -> Result<Incoming<'_>, Error> {
        let mut request = self
            .client
            .post(to)
            .header("content-type", format!("{MEDIA}-request"))
            .header("accept", format!("{MEDIA}-result"))
            .body(question.0);
        if version_2 {
            request = request.header(VERSION_2.0, VERSION_2.1);
        }
        let answer = self.send(request).await?;
        self.check_media(&answer, "-result")?;
        Ok(self.incoming(answer))
    }

    fn incoming(&self, answer: reqwest::Response) -> Incoming<'_> {
        let chunks = answer.bytes_stream().map(|chunk| chunk.map_err(|e| failure(&self.url, e)));
        Incoming::body(&self.url, chunks.boxed())
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> Result<reqwest::Response, Error> {
        if let Some(authorization) = &self.authorization {
            request = request.header(reqwest::header::AUTHORIZATION, authorization.clone());
        }
        let answer = request.send().await.map_err(|e| failure(&self.url, e))?;
        let (url, status) = (self.url.clone(), answer.status().as_u16());
        match status {
            200 => Ok(answer),
            300..=399 => {
                let to = answer.headers().get("location").and_then(|l| l.to_str().ok());
                let mut to = to.and_then(|to| answer.url().join(to).ok()).map_or_else(|| "elsewhere".into(), shown);
                // The repository's URL is what belongs into the source, not what was asked for below it.
                if let Some(repository) = to.strip_suffix(GREETING_PATH) {
                    to = repository.to_owned();
                }
                Err(Error::Redirected { url, to })
            }
            401 | 403 => Err(Error::Refused { url, status }),
            404 | 410 => Err(Error::RepositoryNotFound { url, status }),
            _ => Err(Error::Http { url, status }),
        }
    }

    fn check_media(&self, answer: &reqwest::Response, suffix: &str) -> Result<(), Error> {
        let media = answer.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
        if media == format!("{MEDIA}{suffix}") {
            return Ok(());
        }
        Err(self.protocol(format!("this is not a git server (it answered {:?})", words(media))))
    }

    fn protocol(&self, why: String) -> Error {
        Error::Protocol { url: self.url.clone(), why }
    }
}

/// A URL without user information, query and fragment.
fn shown(mut url: reqwest::Url) -> String {
    url.set_query(None);
    url.set_fragment(None);
    // Both fail for URLs that cannot have any.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    words(url.as_str())
}
