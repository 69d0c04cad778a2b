//! A repository, a server and a cache in a temporary directory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use component::Repository;
use git_server::GitServer;
use source::{Artifact, Cache, Commit, Error, GitReference, GitSource, GitSpec, Http};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    repository: Repository,
    pub(crate) server: GitServer,
    pub(crate) shutdown: CancellationToken,
    pub(crate) cache: Cache,
    pub(crate) http: Http,
}

impl World {
    /// An empty repository named `shop`, served.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::new(dir.path().join("repo"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shutdown = CancellationToken::new();
        let repositories = BTreeMap::from([("shop".to_owned(), repository.path().to_owned())]);
        let server = GitServer::start(listener, repositories, shutdown.clone()).unwrap();
        let cache = Cache::open(dir.path().join("cache"), 1 << 30).unwrap();
        Self { dir, repository, server, shutdown, cache, http: Http::new().unwrap() }
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.repository.path().to_owned()
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.repository.git(arguments)
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        self.repository.write(path, bytes);
    }

    /// Commits everything and returns the commit.
    pub(crate) fn commit(&self) -> String {
        self.repository.commit()
    }

    pub(crate) fn source(&self, reference: GitReference) -> GitSource {
        GitSource::new(&self.http, GitSpec::new(self.server.url("shop"), reference)).unwrap()
    }

    pub(crate) fn main(&self) -> GitSource {
        self.source(GitReference::Branch("main".into()))
    }

    pub(crate) async fn fetch(&self, source: &GitSource) -> Result<(Commit, Artifact), Error> {
        let commit = source.resolve().await?;
        let artifact = source.fetch(&commit, &self.cache).await?;
        Ok((commit, artifact))
    }
}

pub(crate) fn text(artifact: &Artifact, path: &str) -> String {
    String::from_utf8(artifact.tree("").unwrap().read(path).unwrap().to_vec()).unwrap()
}

pub(crate) fn paths(artifact: &Artifact) -> Vec<&str> {
    artifact.files().iter().map(|f| f.path.as_str()).collect()
}
