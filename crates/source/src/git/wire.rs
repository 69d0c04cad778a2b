//! The two commands of protocol version 2 that a fetch needs: `ls-refs` and `fetch`.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use data_encoding::HEXLOWER;
use futures::StreamExt;
use model::limit::{REFERENCE_BYTES_MAX, URL_BYTES_MAX};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use super::http::{self, Http};
use super::packet::{self, Packet, Writer};
use super::{Credentials, objects::PACK_BYTES_MAX};
use crate::cache::{Pack, Repository};
use crate::error::Error;

/// Largest list of references: 100,000 of 100 bytes fit. It is read as it arrives, and not kept.
const LIST_BYTES_MAX: usize = 16 << 20;
/// Largest answer that is kept in memory: capabilities, which take some hundred bytes. A server that speaks an older version
/// lists its references there; 10,000 of them fit, and the error then says what is wrong with it.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Most characters of a server's own words, or of a URL, in an error.
const WORDS_MAX: usize = 200;
/// Media type prefix of every message.
const MEDIA: &str = "application/x-git-upload-pack";

/// One reference of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ref {
    /// Full name.
    pub(super) name: String,
    oid: String,
    peeled: Option<String>,
    /// What a symbolic reference names.
    pub(super) target: Option<String>,
}

impl Ref {
    /// The object it means in the end: for an annotated tag what the tag names.
    pub(super) fn commit(&self) -> &str {
        self.peeled.as_deref().unwrap_or(&self.oid)
    }

    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split(' ');
        let (oid, name) = (parts.next()?, parts.next()?);
        let sha = |t: &str| t.len() == 40 && t.bytes().all(|c| c.is_ascii_hexdigit());
        // Nothing asks for a longer name, and one that is chosen is stored.
        if !sha(oid) || name.len() > REFERENCE_BYTES_MAX {
            return None;
        }
        let mut found = Self { name: name.to_owned(), oid: oid.to_owned(), peeled: None, target: None };
        for attribute in parts {
            match attribute.split_once(':') {
                Some(("peeled", oid)) if sha(oid) => found.peeled = Some(oid.to_owned()),
                Some(("symref-target", target)) if target.len() <= REFERENCE_BYTES_MAX => {
                    found.target = Some(target.to_owned())
                }
                _ => {}
            }
        }
        Some(found)
    }
}

/// What a server said it can do.
#[derive(Clone, Debug)]
struct Abilities {
    /// Where to post, after redirects.
    post: String,
    shallow: bool,
    object_format: bool,
}

/// A repository at a server.
pub(super) struct Remote {
    client: reqwest::Client,
    /// With neither user information nor query: safe to print.
    url: String,
    authorization: Option<reqwest::header::HeaderValue>,
    abilities: Mutex<Option<Arc<Abilities>>>,
}

impl Remote {
    /// Checks the URL and prepares credentials.
    pub(super) fn new(
        http: &Http,
        text: &str,
        credentials: Option<Credentials>,
        ca: Option<&[u8]>,
    ) -> Result<Self, Error> {
        let (url, from_url) = parse_url(text)?;
        let client = http.client(&url, ca)?;
        let text = match credentials.or(from_url) {
            None => None,
            Some(Credentials::Bearer(token)) => Some(format!("Bearer {token}")),
            Some(Credentials::Basic { username, password }) => {
                let pair = format!("{username}:{password}");
                Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
            }
        };
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
        Ok(Self { client, url, authorization, abilities: Mutex::new(None) })
    }

    /// The URL without user information.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Names the cache of this repository. Credentials are part of it: what one tenant may read, another may not.
    pub(super) fn cache_key(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.url.as_bytes());
        hash.update([0]);
        hash.update(self.authorization.as_ref().map_or(&b""[..], |a| a.as_bytes()));
        HEXLOWER.encode(&hash.finalize()[..16])
    }

    /// Lists references that begin with any of `prefixes`, and calls `see` with each as it arrives.
    pub(super) async fn list(&self, prefixes: &[String], mut see: impl FnMut(Ref)) -> Result<(), Error> {
        let abilities = self.abilities().await?;
        let mut body = command("ls-refs", &abilities);
        body.line("peel").line("symrefs");
        for prefix in prefixes {
            body.line(&format!("ref-prefix {prefix}"));
        }
        body.flush();
        let answer = self.post(&abilities, body).await?;
        let (mut held, mut received, mut ended) = (Vec::new(), 0, false);
        let mut stream = answer.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|e| http::failure(&self.url, &e))?;
            received += chunk.len();
            if received > LIST_BYTES_MAX {
                return Err(self.too_large("the list of references", LIST_BYTES_MAX));
            }
            // What comes after the end is read, so that the connection can be used once more, and means nothing.
            if ended {
                continue;
            }
            held.extend_from_slice(&chunk);
            let mut rest = held.as_slice();
            while let Some(packet) = packet::take_packet(&mut rest).map_err(|why| self.protocol(why))? {
                self.refused(&packet)?;
                match packet {
                    Packet::Data(_) => Ref::parse(packet.line()).into_iter().for_each(&mut see),
                    _ => {
                        ended = true;
                        break;
                    }
                }
            }
            let used = held.len() - rest.len();
            held.drain(..used);
        }
        if !ended && !held.is_empty() {
            return Err(self.protocol("the message ends within a packet".into()));
        }
        Ok(())
    }

    /// Fetches the objects of one commit that `tips` do not have into a temporary file of the repository's cache.
    pub(super) async fn pack(&self, sha: &str, tips: &[String], repository: &Repository) -> Result<Pack, Error> {
        let abilities = self.abilities().await?;
        if !abilities.shallow {
            return Err(self.protocol("the server cannot send a single commit (no `fetch=shallow`)".into()));
        }
        let mut body = command("fetch", &abilities);
        body.line("thin-pack").line("ofs-delta").line("no-progress").line("deepen 1");
        for tip in tips {
            body.line(&format!("shallow {tip}"));
        }
        body.line(&format!("want {sha}"));
        for tip in tips {
            body.line(&format!("have {tip}"));
        }
        body.line("done").flush();
        let answer = self.post(&abilities, body).await?;
        self.receive(answer, sha, repository).await
    }

    /// Reads sections until the pack, then copies the pack.
    async fn receive(&self, answer: reqwest::Response, sha: &str, repository: &Repository) -> Result<Pack, Error> {
        let mut pack = repository.new_pack()?;
        let (mut held, mut in_pack, mut written) = (Vec::new(), false, 0_u64);
        let mut stream = answer.bytes_stream();
        while let Some(chunk) = stream.next().await {
            held.extend_from_slice(&chunk.map_err(|e| http::failure(&self.url, &e))?);
            let mut rest = held.as_slice();
            while let Some(packet) = packet::take_packet(&mut rest).map_err(|why| self.protocol(why))? {
                match packet {
                    Packet::Data([1, data @ ..]) if in_pack => {
                        written += data.len() as u64;
                        if written > PACK_BYTES_MAX {
                            let what = "the repository's content".to_owned();
                            return Err(Error::TooLarge { url: self.url.clone(), what, limit: PACK_BYTES_MAX });
                        }
                        pack.file().write_all(data).map_err(|e| repository.failed(e))?;
                    }
                    Packet::Data([3, data @ ..]) if in_pack => return Err(self.server_error(data, sha)),
                    Packet::Data(data) if data.starts_with(b"ERR ") => return Err(self.server_error(&data[4..], sha)),
                    Packet::Data(_) if !in_pack => in_pack = packet.line() == "packfile",
                    _ => {}
                }
            }
            let used = held.len() - rest.len();
            held.drain(..used);
        }
        if written == 0 {
            return Err(self.protocol("the answer has no pack".into()));
        }
        Ok(pack)
    }

    /// The error that a server's own words say; they are cut, and without control characters.
    fn server_error(&self, data: &[u8], sha: &str) -> Error {
        let text: String = String::from_utf8_lossy(data).chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
        if text.contains("not our ref") || text.contains("unadvertised object") {
            return Error::CommitNotFound { url: self.url.clone(), commit: sha.to_owned() };
        }
        self.protocol(format!("the server says: {text}"))
    }

    fn refused(&self, packet: &Packet<'_>) -> Result<(), Error> {
        match packet {
            Packet::Data(data) if data.starts_with(b"ERR ") => Err(self.server_error(&data[4..], "")),
            _ => Ok(()),
        }
    }

    fn too_large(&self, what: &str, limit: usize) -> Error {
        Error::TooLarge { url: self.url.clone(), what: what.to_owned(), limit: limit as u64 }
    }

    fn protocol(&self, why: String) -> Error {
        Error::Protocol { url: self.url.clone(), why }
    }

    /// Asks once what the server can do.
    async fn abilities(&self) -> Result<Arc<Abilities>, Error> {
        if let Some(known) = self.abilities.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(known);
        }
        let tail = "/info/refs?service=git-upload-pack";
        let answer = self.send(self.client.get(format!("{}{tail}", self.url))).await?;
        let base = answer.url().as_str().strip_suffix(tail).map(str::to_owned);
        let base = base.ok_or_else(|| self.protocol("redirected to something that is not a repository".into()))?;
        self.check_media(&answer, "-advertisement")?;
        let body = self.limited(answer).await?;
        let mut abilities = Abilities { post: format!("{base}/git-upload-pack"), shallow: false, object_format: false };
        let mut version = 0;
        for packet in packet::all(&body).map_err(|why| self.protocol(why))? {
            self.refused(&packet)?;
            match packet.line().split_once('=').unwrap_or((packet.line(), "")) {
                ("version 2", _) => version = 2,
                ("fetch", features) => abilities.shallow = features.split(' ').any(|f| f == "shallow"),
                ("object-format", "sha1") => abilities.object_format = true,
                ("object-format", other) => {
                    return Err(self.protocol(format!("its objects are named by {other}; only sha1 is supported")));
                }
                _ => {}
            }
        }
        if version != 2 {
            return Err(
                self.protocol("the server does not speak git protocol version 2 (git 2.18 and later do)".into())
            );
        }
        let abilities = Arc::new(abilities);
        *self.abilities.lock().unwrap_or_else(PoisonError::into_inner) = Some(abilities.clone());
        Ok(abilities)
    }

    async fn post(&self, abilities: &Abilities, body: Writer) -> Result<reqwest::Response, Error> {
        let request = self
            .client
            .post(&abilities.post)
            .header("content-type", format!("{MEDIA}-request"))
            .header("accept", format!("{MEDIA}-result"))
            .body(body.0);
        let answer = self.send(request).await.and_then(|answer| {
            self.check_media(&answer, "-result")?;
            Ok(answer)
        });
        if answer.is_err() {
            // The server may have moved or changed: ask again next time.
            *self.abilities.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        answer
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> Result<reqwest::Response, Error> {
        if let Some(authorization) = &self.authorization {
            request = request.header(reqwest::header::AUTHORIZATION, authorization.clone());
        }
        let answer = request.header("git-protocol", "version=2").send().await;
        let answer = answer.map_err(|e| http::failure(&self.url, &e))?;
        let (url, status) = (self.url.clone(), answer.status().as_u16());
        match status {
            200 => Ok(answer),
            300..=399 => {
                let to = answer.headers().get("location").and_then(|l| l.to_str().ok());
                let to = to.and_then(|to| answer.url().join(to).ok()).map_or_else(|| "elsewhere".into(), shown);
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
        Err(self.protocol(format!("this is not a git server (it answered {:?})", cut(media))))
    }

    async fn limited(&self, answer: reqwest::Response) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        let mut stream = answer.bytes_stream();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(|e| http::failure(&self.url, &e))?);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(self.too_large("what the server says of itself", ANSWER_BYTES_MAX));
            }
        }
        Ok(body)
    }
}

fn command(name: &str, abilities: &Abilities) -> Writer {
    let mut body = Writer::default();
    body.line(&format!("command={name}"));
    if abilities.object_format {
        body.line("object-format=sha1");
    }
    body.delimiter();
    body
}

/// The URL as it may be printed, and the user information that was in it.
fn parse_url(text: &str) -> Result<(String, Option<Credentials>), Error> {
    // What cannot be parsed may still hold a password or a token: only what is after the last `@` and before a query is
    // repeated.
    let shown = text.rsplit('@').next().unwrap_or(text).split(['?', '#']).next().map(cut).unwrap_or_default();
    let fail = |why: &str| Error::UnsupportedUrl { url: shown.clone(), why: why.to_owned() };
    if text.len() > URL_BYTES_MAX {
        return Err(fail(&format!("it has {} bytes, and {URL_BYTES_MAX} are the most", text.len())));
    }
    let scp_like = !text.contains("://") && text.contains(':');
    let mut url = match reqwest::Url::parse(text) {
        _ if scp_like || text.starts_with("ssh://") => return Err(fail("git over ssh is not supported yet")),
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        Ok(url) if url.scheme() == "file" => return Err(fail("file:// would read the hub's own disk")),
        Ok(url) => return Err(fail(&format!("the scheme {} is not supported", url.scheme()))),
        Err(e) => return Err(fail(&format!("not a URL: {e}"))),
    };
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fail("a repository URL has no query and no fragment"));
    }
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let credentials = (!url.username().is_empty()).then(|| Credentials::Basic {
        username: decode(url.username()),
        password: decode(url.password().unwrap_or_default()),
    });
    // Both fail only for URLs without a host, which http URLs have.
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| fail("the URL has no host"))?;
    Ok((url.as_str().trim_end_matches('/').to_owned(), credentials))
}

/// A URL without user information, query and fragment.
fn shown(mut url: reqwest::Url) -> String {
    url.set_query(None);
    url.set_fragment(None);
    // Both fail for URLs that cannot have any.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    cut(url.as_str())
}

/// Somebody else's words, as far as they are worth repeating.
fn cut(text: &str) -> String {
    text.chars().take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests;
