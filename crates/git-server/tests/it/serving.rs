//! What the real git gets, and what is refused.

use std::collections::BTreeMap;
use std::process::Command;

use component::{Repository, git};
use git_server::GitServer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A repository named `shop` in a temporary directory, served.
struct World {
    dir: tempfile::TempDir,
    repository: Repository,
    server: GitServer,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::new(dir.path().join("repo"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let repositories = BTreeMap::from([("shop".to_owned(), repository.path().to_owned())]);
        let server = GitServer::start(listener, repositories, CancellationToken::new()).unwrap();
        Self { dir, repository, server }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn git_clones_in_every_protocol_version_and_cannot_push() {
    let world = World::new().await;
    world.repository.write("a.yaml", "1");
    world.repository.commit();
    world.repository.git(&["tag", "-a", "v1", "-m", "x"]);
    let url = world.server.url("shop");
    for version in ["0", "1", "2"] {
        let target = world.dir.path().join(format!("clone{version}"));
        let target_text = target.to_str().unwrap();
        git(world.dir.path(), &["-c", &format!("protocol.version={version}"), "clone", "-q", &url, target_text]);
        assert_eq!(std::fs::read_to_string(target.join("a.yaml")).unwrap(), "1");
        assert_eq!(git(&target, &["tag"]), "v1");
    }
    let clone = world.dir.path().join("clone2");
    assert_eq!(
        git(&clone, &["ls-remote", "origin"]),
        git(&clone, &["ls-remote", world.repository.path().to_str().unwrap()])
    );
    let push = Command::new("git").current_dir(&clone).args(["push", "origin", "HEAD:refs/heads/x"]).output().unwrap();
    let said = String::from_utf8_lossy(&push.stderr).into_owned();
    assert!(!push.status.success() && said.contains("403"), "{said}");
}

#[tokio::test]
async fn only_what_was_given_is_served() {
    let world = World::new().await;
    world.repository.commit();
    let base = world.server.url("shop");
    let client = reqwest::Client::new();
    for (path, status) in [
        ("/info/refs?service=git-receive-pack", 403),
        ("/HEAD", 404),
        ("/objects/info/packs", 404),
        ("/../../etc/passwd", 404),
        ("/info/refs", 404),
    ] {
        let answer = client.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
    let post = |body: Vec<u8>| {
        client.post(format!("{base}/git-upload-pack")).header("git-protocol", "version=2").body(body).send()
    };
    assert_eq!(post(b"nonsense".to_vec()).await.unwrap().status().as_u16(), 400);
    assert_eq!(post(vec![b'0'; 2 << 20]).await.unwrap().status().as_u16(), 413);
}
