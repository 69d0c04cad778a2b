//! A repository, a server and a cache in a temporary directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use git_server::GitServer;
use source::{Artifact, Cache, Commit, Error, GitReference, GitSource, GitSpec, Http};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) server: GitServer,
    pub(crate) shutdown: CancellationToken,
    pub(crate) cache: Cache,
    pub(crate) http: Http,
}

impl World {
    /// An empty repository named `shop`, served.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = dir.path().join("repo");
        std::fs::create_dir(&repo).unwrap();
        git(&repo, &["init", "-q", "-b", "main"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shutdown = CancellationToken::new();
        let repositories = BTreeMap::from([("shop".to_owned(), repo)]);
        let server = GitServer::start(listener, repositories, shutdown.clone()).unwrap();
        let cache = Cache::open(dir.path().join("cache"), 1 << 30).unwrap();
        Self { dir, server, shutdown, cache, http: Http::new().unwrap() }
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(&self.repo(), arguments)
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.repo().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Commits everything and returns the commit.
    pub(crate) fn commit(&self) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "change"]);
        self.git(&["rev-parse", "HEAD"])
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

pub(crate) fn git(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"])
        .args(["-c", "tag.gpgsign=false", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn text(artifact: &Artifact, path: &str) -> String {
    String::from_utf8(artifact.tree("").unwrap().read(path).unwrap().to_vec()).unwrap()
}

pub(crate) fn paths(artifact: &Artifact) -> Vec<&str> {
    artifact.files().iter().map(|f| f.path.as_str()).collect()
}
