//! What kustomizations name on other machines, fetched into the cache of artifacts: a git repository, or a file.
//!
//! A repository at the server of the source is asked with the credentials of the source, as its submodules are; every other
//! one, and every file, is asked without any (ADR 46).

use api::delivery::RemoteInput;
use model::Digest;
use render::{Remote, RemoteAt, Repository};
use source::{Commit, Error, FileSource, GitReference, GitSource, GitSpec, TIMEOUT_DEFAULT, TIMEOUT_MAX};

use crate::artifact::{Artifacts, text};

/// Something on another machine, to be fetched. Keep it between polls: it remembers its server.
pub(crate) enum RemoteSource {
    /// A repository.
    Repository(GitSource),
    /// A file.
    File(FileSource),
    /// A repository; a file, where there is none.
    Either(GitSource, FileSource),
}

impl RemoteSource {
    /// Prepares what an entry of a file of `source` names. Does no I/O.
    ///
    /// # Errors
    /// It cannot be asked for at all.
    pub(crate) fn new(artifacts: &Artifacts, remote: &Remote, source: &GitSpec) -> Result<Self, Error> {
        let timeout = remote.timeout.unwrap_or(TIMEOUT_DEFAULT).min(TIMEOUT_MAX);
        let git = |repository: &Repository| {
            let reference = GitReference::of_base(&repository.reference);
            let spec = source.beside(&repository.url, reference, repository.submodules)?;
            artifacts.source(GitSpec { timeout, ..spec })
        };
        let file = |url: &str| artifacts.file(url, &remote.id, &source.url, timeout);
        Ok(match &remote.at {
            RemoteAt::Repository(repository) => Self::Repository(git(repository)?),
            RemoteAt::File(url) => Self::File(file(url)?),
            RemoteAt::Either(repository, url) => Self::Either(git(repository)?, file(url)?),
        })
    }

    /// What is there now, in the cache. `known` is what it was.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) async fn fetch(&self, artifacts: &Artifacts, known: Option<&RemoteInput>) -> Result<RemoteInput, Error> {
        match self {
            Self::Repository(git) => fetch_git(artifacts, git, known).await,
            Self::File(file) => fetch_file(artifacts, file).await,
            Self::Either(_, file) if known.is_some_and(|known| known.revision.is_none()) => {
                fetch_file(artifacts, file).await
            }
            // One that was a repository stays one: a server that refuses it for a while may answer with a page.
            Self::Either(git, file) => match fetch_git(artifacts, git, known).await {
                Err(
                    no_repository @ (Error::RepositoryNotFound { .. }
                    | Error::Refused { .. }
                    | Error::Protocol { .. }
                    | Error::Http { .. }
                    | Error::Redirected { .. }),
                ) if known.is_none() => match fetch_file(artifacts, file).await {
                    // It is neither: what is said of a repository tells more.
                    Err(Error::FileNotFound { .. } | Error::WebPage { .. }) => Err(no_repository),
                    other => other,
                },
                other => other,
            },
        }
    }

    /// Brings what was there back into the cache.
    ///
    /// # Errors
    /// It is not there any more, or something else is. Why, in words.
    pub(crate) async fn fetch_again(&self, artifacts: &Artifacts, pinned: &RemoteInput) -> Result<(), String> {
        let found = match (self, &pinned.revision) {
            (Self::Repository(git) | Self::Either(git, _), Some(revision)) => {
                let fetched = artifacts.fetch(git, &commit(revision)).await.map_err(|error| text(&error))?;
                fetched.digest().to_owned()
            }
            (Self::File(file) | Self::Either(_, file), _) => {
                fetch_file(artifacts, file).await.map_err(|error| text(&error))?.digest.to_string()
            }
            (Self::Repository(_), None) => return Err("its record does not say which commit it was".to_owned()),
        };
        if found == pinned.digest.to_string() {
            return Ok(());
        }
        let what = if pinned.revision.is_some() {
            "the repository has other files at that commit"
        } else {
            "the server has another file"
        };
        Err(format!("{what} now"))
    }
}

async fn fetch_git(artifacts: &Artifacts, git: &GitSource, known: Option<&RemoteInput>) -> Result<RemoteInput, Error> {
    let commit = git.resolve().await?;
    if let Some(known) = known.filter(|known| known.revision.as_deref() == Some(commit.revision().as_str())) {
        return Ok(known.clone());
    }
    let fetched = artifacts.fetch(git, &commit).await?;
    Ok(RemoteInput { digest: digest(&fetched)?, revision: Some(fetched.revision().to_owned()) })
}

async fn fetch_file(artifacts: &Artifacts, file: &FileSource) -> Result<RemoteInput, Error> {
    let fetched = artifacts.fetch_file(file).await?;
    Ok(RemoteInput { digest: digest(&fetched)?, revision: None })
}

/// The digest of an artifact as a value.
///
/// # Errors
/// It has another form: the cache is damaged.
pub(crate) fn digest(artifact: &source::Artifact) -> Result<Digest, Error> {
    let damaged =
        |_| Error::Damaged { digest: artifact.digest().to_owned(), why: "its digest has another form".to_owned() };
    artifact.digest().parse().map_err(damaged)
}

/// The commit that a revision names.
pub(crate) fn commit(revision: &str) -> Commit {
    let (name, sha) = revision.rsplit_once("sha1:").unwrap_or(("", revision));
    Commit { sha: sha.to_owned(), name: name.trim_end_matches('@').to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use client::{Api, Metrics};
    use source::Cache;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_util::sync::CancellationToken;

    use super::*;

    /// A server on which there is no repository, and at every path the same file.
    async fn file_server() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/maps/settings.yaml", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let _ = socket.read(&mut [0; 4096]).await;
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\na: 1\n";
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        url
    }

    #[tokio::test]
    async fn what_was_a_repository_does_not_become_a_file() {
        let url = file_server().await;
        let (dir, metrics) = (tempfile::tempdir().unwrap(), Metrics::default());
        let nothing = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Ok::<_, std::convert::Infallible>(http::Response::new(kube::client::Body::empty()))
        });
        let api = Api::new(kube::Client::new(nothing, "default"), "test");
        let cache = Cache::open(dir.path(), 1 << 20).unwrap();
        let artifacts = Arc::new(Artifacts::new(api, cache, &metrics, CancellationToken::new()).unwrap());
        let git = artifacts.source(GitSpec::new(&url, GitReference::Default)).unwrap();
        let file = artifacts.file(&url, "shown", &url, TIMEOUT_DEFAULT).unwrap();
        let either = RemoteSource::Either(git, file);
        let found = either.fetch(&artifacts, None).await.unwrap();
        assert_eq!(found.revision, None);
        let was = |revision: Option<&str>| RemoteInput { digest: found.digest, revision: revision.map(str::to_owned) };
        assert_eq!(either.fetch(&artifacts, Some(&was(None))).await.unwrap(), found);
        let repository = was(Some("main@sha1:3f2c1a97df8477b5708f63235d978e6ede475f92"));
        assert!(either.fetch(&artifacts, Some(&repository)).await.is_err());
    }
}
