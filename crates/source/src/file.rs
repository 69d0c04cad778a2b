//! One file of another machine, fetched by HTTP without credentials.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use model::limit::URL_BYTES_MAX;

use crate::artifact::{Artifact, Mode};
use crate::cache::Cache;
use crate::error::Error;
use crate::git::http::{Http, check_reach, failure};

/// Most bytes of one file. The largest manifests that projects publish (definitions of a monitoring stack) have 4 MiB.
pub const FILE_BYTES_MAX: usize = 16 << 20;

/// The path of the file in its artifact.
const PATH: &str = "content";

/// What a web page begins with.
const WEB_PAGE: [&str; 2] = ["<!doctype", "<html"];

/// What the server calls the content that it sent last, and the artifact that was made of it.
type Tag = (String, String);

/// A file to fetch. Cheap to clone; keep it between polls, since it remembers what the server sent last.
#[derive(Clone)]
pub struct FileSource {
    client: reqwest::Client,
    url: reqwest::Url,
    /// As it may be printed.
    shown: String,
    timeout: Duration,
    last: Arc<Mutex<Option<Tag>>>,
}

impl FileSource {
    /// A file that something in a source at the URL `from` names. `shown` stands for its URL in errors: it has no secret in it.
    /// Does no I/O.
    ///
    /// # Errors
    /// A URL that cannot be used, or that leads to the hub's own machine while the source does not.
    pub fn new(http: &Http, url: &str, shown: &str, from: &str, timeout: Duration) -> Result<Self, Error> {
        let fail = |why: String| Error::UnsupportedUrl { url: shown.to_owned(), why };
        if url.len() > URL_BYTES_MAX {
            return Err(fail(format!("it has {} bytes, and {URL_BYTES_MAX} are the most", url.len())));
        }
        check_reach(url, from)?;
        let url = reqwest::Url::parse(url).map_err(|error| fail(format!("not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(fail("a file is fetched by https:// or http://".to_owned()));
        }
        let client = http.file_client(url.as_str(), shown)?;
        let timeout = timeout.min(crate::TIMEOUT_MAX);
        Ok(Self { client, url, shown: shown.to_owned(), timeout, last: Arc::default() })
    }

    /// The file as an artifact: what the server has now.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn fetch<'a>(&'a self, cache: &'a Cache) -> BoxFuture<'a, Result<Artifact, Error>> {
        // Boxed, so that it is compiled here and not in each crate that calls it.
        self.fetch_in_time(cache).boxed()
    }

    async fn fetch_in_time(&self, cache: &Cache) -> Result<Artifact, Error> {
        match tokio::time::timeout(self.timeout, self.fetch_now(cache)).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { url: self.shown.clone(), after: self.timeout }),
        }
    }

    /// The bytes of a file that was fetched. Reads the disk.
    ///
    /// # Errors
    /// The cache is damaged, or the artifact is not that of a file.
    pub fn bytes(artifact: &Artifact) -> Result<Arc<[u8]>, Error> {
        let file = artifact.files().iter().find(|file| file.path == PATH);
        let damaged = || Error::Damaged { digest: artifact.digest().to_owned(), why: "it is no file".to_owned() };
        Ok(artifact.read(file.ok_or_else(damaged)?)?.into())
    }

    async fn fetch_now(&self, cache: &Cache) -> Result<Artifact, Error> {
        let known = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Only what is still here need not be sent again.
        let known = known.and_then(|(tag, digest)| Some((tag, cache.artifact(&digest, "").ok()??)));
        let mut request = self.client.get(self.url.clone());
        if let Some((tag, _)) = &known {
            request = request.header(reqwest::header::IF_NONE_MATCH, tag);
        }
        let answer = request.send().await.map_err(|error| failure(&self.shown, error))?;
        let (url, status) = (self.shown.clone(), answer.status().as_u16());
        match (status, known) {
            (200, _) => {}
            (304, Some((_, artifact))) => return Ok(artifact),
            (300..=399, _) => {
                let host = answer.headers().get("location").and_then(|to| to.to_str().ok());
                let host = host.and_then(|to| answer.url().join(to).ok());
                let to = host.map_or_else(|| "elsewhere".to_owned(), |to| to.origin().ascii_serialization());
                return Err(Error::Redirected { url, to });
            }
            (401 | 403 | 404 | 410, _) => return Err(Error::FileNotFound { url, status }),
            _ => return Err(Error::Http { url, status }),
        }
        let tag = answer.headers().get(reqwest::header::ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let bytes = self.body(answer).await?;
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).trim_start().to_ascii_lowercase();
        if WEB_PAGE.iter().any(|page| head.starts_with(page)) {
            return Err(Error::WebPage { url });
        }
        let (cache, shown) = (cache.clone(), self.shown.clone());
        let stored = tokio::task::spawn_blocking(move || cache.store(PATH, Mode::File, &bytes, &shown)).await;
        let artifact = stored.map_err(|_| Error::Stopped)??;
        let last = tag.map(|tag| (tag, artifact.digest().to_owned()));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
        Ok(artifact)
    }

    async fn body(&self, answer: reqwest::Response) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| failure(&self.shown, error))?;
            if bytes.len() + chunk.len() > FILE_BYTES_MAX {
                let what = "the size of the file, in bytes,".to_owned();
                return Err(Error::TooLarge { url: self.shown.clone(), what, limit: FILE_BYTES_MAX as u64 });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}
