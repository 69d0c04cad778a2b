//! Sources over ssh, from a real sshd on loopback.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use component::{Sshd, keygen};
use source::{Class, Credentials, Error, GitReference, GitSource, GitSpec, SshCredentials};

use crate::world::{World, paths, text};

/// A server and the folder of its keys.
struct Server {
    dir: tempfile::TempDir,
    sshd: Sshd,
}

impl Server {
    fn start(program: &Path, accepts_version: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sshd = Sshd::start(program, dir.path(), accepts_version);
        Self { dir, sshd }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    fn credentials(&self) -> SshCredentials {
        SshCredentials {
            identity: self.read("identity"),
            passphrase: None,
            known_hosts: self.sshd.known_hosts("host.pub"),
        }
    }
}

fn follow(world: &World, url: &str, credentials: SshCredentials, reference: GitReference) -> Result<GitSource, Error> {
    let mut spec = GitSpec::new(url, reference);
    spec.credentials = Some(Credentials::Ssh(credentials));
    GitSource::new(&world.http, spec)
}

fn main_branch() -> GitReference {
    GitReference::Branch("main".into())
}

#[tokio::test]
async fn a_repository_is_followed_over_ssh_in_both_versions_of_the_protocol() {
    let Some(program) = component::sshd("a_repository_is_followed_over_ssh") else { return };
    for accepts_version in [true, false] {
        let server = Server::start(&program, accepts_version);
        let world = World::new().await;
        world.write("a.yaml", "1");
        world.write("keep.yaml", "keep");
        let first = world.commit();
        world.git(&["tag", "-a", "v1.0.0", "-m", "annotated"]);
        let url = server.sshd.url(&world.repo());
        let source = follow(&world, &url, server.credentials(), main_branch()).unwrap();
        let (_, artifact) = world.fetch(&source).await.unwrap();
        assert_eq!(artifact.revision(), format!("main@sha1:{first}"));
        world.write("a.yaml", "2");
        world.commit();
        let (_, artifact) = world.fetch(&source).await.unwrap();
        assert_eq!((text(&artifact, "a.yaml").as_str(), text(&artifact, "keep.yaml").as_str()), ("2", "keep"));
        for reference in [
            GitReference::Tag("v1.0.0".into()),
            GitReference::Semver("1.x".into()),
            GitReference::Commit(first.clone()),
        ] {
            let source = follow(&world, &url, server.credentials(), reference).unwrap();
            assert_eq!(text(&world.fetch(&source).await.unwrap().1, "a.yaml"), "1");
        }
        let missing = follow(&world, &url, server.credentials(), GitReference::Branch("mian".into())).unwrap();
        let error = missing.resolve().await.unwrap_err().to_string();
        assert!(error.ends_with("branch \"mian\" does not exist; there is main"), "{error}");
        // Each exchange has ended its connection.
        let until = tokio::time::Instant::now() + Duration::from_secs(20);
        while server.sshd.connections() > 0 {
            assert!(tokio::time::Instant::now() < until, "{} connections are left", server.sshd.connections());
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn who_the_server_is_and_who_asks_is_checked_and_said() {
    let Some(program) = component::sshd("who_the_server_is_and_who_asks") else { return };
    let server = Server::start(&program, true);
    let world = World::new().await;
    world.write("a.yaml", "1");
    world.commit();
    keygen(&server.file("other"), &["-t", "ed25519"], "");
    keygen(&server.file("ecdsa"), &["-t", "ecdsa"], "");
    let said = Command::new("ssh-keygen").args(["-lf"]).arg(server.file("host.pub")).output().unwrap().stdout;
    let fingerprint = String::from_utf8(said).unwrap().split(' ').nth(1).unwrap().to_owned();
    let (url, good, port) = (server.sshd.url(&world.repo()), server.credentials(), server.sshd.port());
    let elsewhere = format!("other.example {}", server.read("host.pub"));
    let nothing = server.sshd.url(Path::new("/nothing/here"));
    let cases = [
        (
            "a host that is not known",
            &url,
            SshCredentials { known_hosts: elsewhere, ..good.clone() },
            format!("It shows the ssh-ed25519 key {fingerprint}: compare that with what its operator says, and add the lines that `ssh-keyscan -p {port} 127.0.0.1` prints"),
        ),
        (
            "another key of the host",
            &url,
            SshCredentials { known_hosts: server.sshd.known_hosts("other.pub"), ..good.clone() },
            format!("the server shows the ssh-ed25519 key {fingerprint}, and `known_hosts` in the Secret of secretRef has another one"),
        ),
        (
            "a kind of key that the host does not have",
            &url,
            SshCredentials { known_hosts: server.sshd.known_hosts("ecdsa.pub"), ..good.clone() },
            format!(
                "has the ecdsa-sha2-nistp256 key of the server alone, and the server offers ssh-ed25519: compare those with what its \
                 operator says, and add the lines that `ssh-keyscan -p {port} 127.0.0.1` prints"
            ),
        ),
        (
            "a revoked key",
            &url,
            SshCredentials { known_hosts: format!("@revoked * {}", server.read("host.pub")), ..good.clone() },
            format!("the key {fingerprint} of the server is revoked"),
        ),
        (
            "a key that is not let in",
            &url,
            SshCredentials { identity: server.read("other"), ..good.clone() },
            format!("the server does not accept the key for the user {}; add the public key", server.sshd.user()),
        ),
        (
            "a repository that is not there",
            &nothing,
            good.clone(),
            "the server opens no repository there; it says: fatal: '/nothing/here' does not appear to be a git repository".to_owned(),
        ),
    ];
    for (what, url, credentials, why) in cases {
        let error = follow(&world, url, credentials, main_branch()).unwrap().resolve().await.unwrap_err();
        assert_eq!(error.class(), Class::AwaitChange, "{what}: {error}");
        let error = error.to_string();
        assert!(error.contains(&why) && !error.contains("PRIVATE"), "{what}: {error}");
    }
    // What is good is good after all of that.
    let source = follow(&world, &url, good, main_branch()).unwrap();
    assert_eq!(paths(&world.fetch(&source).await.unwrap().1), ["a.yaml"]);
}

#[tokio::test]
async fn keys_with_and_without_a_passphrase_are_used() {
    let Some(program) = component::sshd("keys_with_and_without_a_passphrase") else { return };
    let server = Server::start(&program, true);
    let world = World::new().await;
    world.commit();
    let url = server.sshd.url(&world.repo());
    let ask = async |identity: &str, passphrase: Option<&str>| {
        let (identity, passphrase) = (server.read(identity), passphrase.map(str::to_owned));
        let credentials = SshCredentials { identity, passphrase, ..server.credentials() };
        match follow(&world, &url, credentials, main_branch()) {
            Ok(source) => source.resolve().await.map(drop),
            Err(error) => Err(error),
        }
    };
    for (name, kind, passphrase) in [
        ("sealed", &["-t", "ed25519"][..], "hunter2"),
        ("p256", &["-t", "ecdsa", "-b", "256"], ""),
        ("p384", &["-t", "ecdsa", "-b", "384"], ""),
        ("p521", &["-t", "ecdsa", "-b", "521"], ""),
        ("pem", &["-t", "ecdsa", "-m", "PKCS8"], ""),
    ] {
        keygen(&server.file(name), kind, passphrase);
        let allowed = server.read("authorized") + &server.read(&format!("{name}.pub"));
        std::fs::write(server.file("authorized"), allowed).unwrap();
        let asked = ask(name, Some(passphrase).filter(|p| !p.is_empty())).await;
        assert!(asked.is_ok(), "{name}: {asked:?}");
    }
    for (passphrase, why) in [
        (Some("wrong"), "identity: its passphrase is not the `password` in the Secret"),
        (None, "identity: it has a passphrase; give that as `password`, or use a key without one"),
    ] {
        let error = ask("sealed", passphrase).await.unwrap_err();
        assert!(matches!(error, Error::SshCredentials { .. }) && error.to_string().ends_with(why), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_in_time() {
    // Its package brings `ssh-keygen`.
    let Some(_) = component::sshd("a_server_that_says_nothing") else { return };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    keygen(&dir.path().join("key"), &["-t", "ed25519"], "");
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let known_hosts = format!("* {}", read("key.pub"));
    let mut spec = GitSpec::new(format!("ssh://git@127.0.0.1:{port}/x"), main_branch());
    spec.credentials = Some(Credentials::Ssh(SshCredentials { identity: read("key"), passphrase: None, known_hosts }));
    // time: how long it waits is what this is about.
    spec.timeout = Duration::from_millis(300);
    let source = GitSource::new(&world.http, spec).unwrap();
    let begun = tokio::time::Instant::now();
    let (asked, accepted) = tokio::join!(source.resolve(), listener.accept());
    assert!(matches!(asked, Err(Error::Timeout { .. })), "{asked:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    // The connection is gone, although the library's session waits for the server.
    let (mut socket, _) = accepted.unwrap();
    let mut said = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut said);
    tokio::time::timeout(Duration::from_secs(10), read).await.expect("the connection is left open").unwrap();
    assert!(said.starts_with(b"SSH-2.0-"), "{said:?}");
}
