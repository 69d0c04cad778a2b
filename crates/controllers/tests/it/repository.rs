//! A git repository that is served in this process.

use std::collections::BTreeMap;

use git_server::GitServer;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) struct Repository {
    repository: component::Repository,
    server: GitServer,
    _dir: tempfile::TempDir,
    _stop: DropGuard,
}

impl Repository {
    /// An empty one.
    pub(crate) async fn serve() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repository = component::Repository::new(dir.path().join("repository"));
        let (listener, stop) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), CancellationToken::new());
        let served = BTreeMap::from([("shop".to_owned(), repository.path().to_owned())]);
        let server = GitServer::start(listener, served, stop.clone()).unwrap();
        Self { repository, server, _dir: dir, _stop: stop.drop_guard() }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url("shop")
    }

    /// Writes files, commits, and says which commit that is.
    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> String {
        files.iter().for_each(|(path, text)| self.repository.write(path, text));
        self.repository.commit()
    }

    /// Runs git in it.
    pub(crate) fn git(&self, arguments: &[&str]) {
        self.repository.git(arguments);
    }

    /// Takes a file away, and commits.
    pub(crate) fn remove(&self, path: &str) -> String {
        self.repository.git(&["rm", "--quiet", path]);
        self.repository.commit()
    }
}
