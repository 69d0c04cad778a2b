//! Submodules: followed when the source says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use component::Repository;
use git_server::GitServer;
use model::tree::TreeError;
use source::{Cache, Class, Credentials, Error, GitReference, GitSource, GitSpec, Http};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::backend::Backend;
use crate::world::{paths, text};

/// Repositories that are served side by side.
struct Repositories {
    dir: tempfile::TempDir,
    all: BTreeMap<String, Repository>,
    cache: Cache,
    http: Http,
}

impl Repositories {
    fn new(names: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let all = names.iter().map(|name| ((*name).to_owned(), Repository::new(dir.path().join(name)))).collect();
        let cache = Cache::open(dir.path().join("cache"), 1 << 30).unwrap();
        Self { dir, all, cache, http: Http::new().unwrap() }
    }

    async fn serve(&self) -> GitServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let all: BTreeMap<String, PathBuf> = self.all.iter().map(|(n, r)| (n.clone(), r.path().to_owned())).collect();
        GitServer::start(listener, all, CancellationToken::new()).unwrap()
    }

    /// Makes a file and a commit with these submodules.
    fn commit(&self, name: &str, content: &str, submodules: &[(&str, &str, &str)]) -> String {
        let repository = &self.all[name];
        repository.write("a.yaml", content);
        let lines =
            submodules.iter().map(|(path, url, _)| format!("[submodule \"{path}\"]\n\tpath = {path}\n\turl = {url}\n"));
        repository.write(".gitmodules", lines.collect::<String>());
        repository.git(&["add", "--all"]);
        for (path, _, sha) in submodules {
            repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{sha},{path}")]);
        }
        repository.git(&["commit", "-q", "--allow-empty", "-m", "change"]);
        repository.git(&["rev-parse", "HEAD"])
    }

    fn source(&self, url: String, follow: bool) -> GitSource {
        let mut spec = GitSpec::new(url, GitReference::Branch("main".into()));
        spec.submodules = follow;
        GitSource::new(&self.http, spec).unwrap()
    }

    async fn fetch(&self, source: &GitSource) -> Result<source::Artifact, Error> {
        source.fetch(&source.resolve().await?, &self.cache).await
    }
}

#[tokio::test]
async fn submodules_and_theirs_are_part_of_the_artifact() {
    let world = Repositories::new(&["app", "lib", "deep"]);
    world.all["lib"].write("docs/x.md", "x");
    world.all["lib"].write("logo.png", "x");
    world.all["lib"].write("sub/b.txt", "x");
    world.all["lib"].write("sub/.sourceignore", "*.txt\n");
    let deep = world.commit("deep", "deep", &[]);
    let lib = world.commit("lib", "lib", &[("vendor/deep", "../deep.git", &deep)]);
    world.all["app"].write("vendor/.sourceignore", "*.md\n");
    let app = world.commit("app", "app", &[("vendor/lib", "../lib.git", &lib), ("out", "../deep.git", &deep)]);
    let server = world.serve().await;
    let source = world.source(server.url("app"), true);
    let artifact = world.fetch(&source).await.unwrap();
    assert_eq!(
        paths(&artifact),
        [
            "a.yaml",
            "out/a.yaml",
            "vendor/.sourceignore",
            "vendor/lib/a.yaml",
            "vendor/lib/sub/.sourceignore",
            "vendor/lib/vendor/deep/a.yaml"
        ]
    );
    assert_eq!(artifact.revision(), format!("main@sha1:{app}"));
    assert_eq!(text(&artifact, "vendor/lib/vendor/deep/a.yaml"), "deep");
    let left_out = artifact.tree("").unwrap().read("vendor/lib/logo.png").unwrap_err();
    assert!(left_out.to_string().contains("by the default pattern \"*.png\""), "{left_out}");
    let left_out = artifact.tree("").unwrap().read("vendor/lib/docs/x.md").unwrap_err();
    assert!(left_out.to_string().contains("of vendor/.sourceignore"), "{left_out}");

    // The same commit again transfers nothing, also by another source and after a restart.
    let before = server.sent_bytes();
    assert_eq!(world.fetch(&world.source(server.url("app"), true)).await.unwrap().digest(), artifact.digest());
    assert_eq!(server.sent_bytes(), before);
    // A new commit with the same submodules transfers none of theirs.
    let lib_before = artifact.digest().to_owned();
    world.commit("app", "app 2", &[("vendor/lib", "../lib.git", &lib), ("out", "../deep.git", &deep)]);
    let artifact = world.fetch(&source).await.unwrap();
    assert_eq!((text(&artifact, "a.yaml").as_str(), text(&artifact, "out/a.yaml").as_str()), ("app 2", "deep"));
    assert_ne!(artifact.digest(), lib_before);
    // Without them it is another artifact of the same commit.
    let without = world.fetch(&world.source(server.url("app"), false)).await.unwrap();
    assert_eq!(paths(&without), ["a.yaml", "out", "vendor/.sourceignore", "vendor/lib"]);
    assert_eq!(without.submodules().collect::<Vec<_>>(), ["out", "vendor/lib"]);
    let error = without.tree("").unwrap().read("vendor/lib/a.yaml").unwrap_err();
    assert!(matches!(&error, TreeError::Submodule { path } if path == "vendor/lib"));
    assert!(error.to_string().contains("set spec.source.gitRepository.recurseSubmodules"), "{error}");
}

#[tokio::test]
async fn an_entry_that_gitmodules_does_not_name_stays_empty() {
    let world = Repositories::new(&["app", "lib"]);
    let lib = world.commit("lib", "lib", &[]);
    world.commit("app", "app", &[("vendor/lib", "../lib.git", &lib)]);
    world.all["app"].write(".gitmodules", "");
    world.all["app"].git(&["add", ".gitmodules"]);
    world.all["app"].git(&["commit", "-q", "-m", "forgets"]);
    let server = world.serve().await;
    let artifact = world.fetch(&world.source(server.url("app"), true)).await.unwrap();
    assert_eq!(artifact.submodules().collect::<Vec<_>>(), ["vendor/lib"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_submodule_names_it() {
    for (url, sha, why) in [
        (
            "../lib.git",
            Some("1".repeat(40)),
            "lib.git: the server does not have commit 1111111111111111111111111111111111111111",
        ),
        ("../none.git", None, "none.git: no git repository there (HTTP 404)"),
        ("../../lib.git", None, "../../lib.git: it leads out of http://127.0.0.1:"),
        ("file:///etc", None, "file:///etc: file:// would read the hub's own disk"),
    ] {
        let world = Repositories::new(&["app", "lib"]);
        let lib = world.commit("lib", "lib", &[]);
        world.commit("app", "app", &[("vendor/lib", url, sha.as_ref().unwrap_or(&lib))]);
        let server = world.serve().await;
        let error = world.fetch(&world.source(server.url("app"), true)).await.unwrap_err();
        assert_eq!(error.class(), Class::AwaitChange, "{error}");
        let error = error.to_string();
        assert!(error.starts_with("submodule vendor/lib: ") && error.contains(why), "{error}");
    }
}

#[tokio::test]
async fn repositories_that_have_each_other_are_fetched_at_the_same_time() {
    let world = Repositories::new(&["app", "lib"]);
    let app = world.commit("app", "app", &[]);
    let own = world.commit("lib", "lib", &[]);
    let lib = world.commit("lib", "lib 2", &[("app", "../app.git", &app), ("self", "../lib.git", &own)]);
    world.commit("app", "app 2", &[("lib", "../lib.git", &lib)]);
    let server = world.serve().await;
    let (one, two) = (world.source(server.url("app"), true), world.source(server.url("lib"), true));
    let (one, two) = tokio::join!(world.fetch(&one), world.fetch(&two));
    assert_eq!(paths(&one.unwrap()), ["a.yaml", "lib/a.yaml", "lib/app/a.yaml", "lib/self/a.yaml"]);
    assert_eq!(paths(&two.unwrap()), ["a.yaml", "app/a.yaml", "self/a.yaml"]);
}

#[tokio::test]
async fn too_many_submodules_or_too_deep_ones_are_refused() {
    let world = Repositories::new(&["app", "lib"]);
    let mut at = world.commit("lib", "0", &[]);
    for n in 1..12 {
        at = world.commit("lib", &n.to_string(), &[("lib", "../lib.git", &at)]);
    }
    let lib = world.commit("lib", "last", &[]);
    let many: Vec<(String, String)> = (0..201).map(|n| (format!("m{n:03}"), lib.clone())).collect();
    let server = world.serve().await;
    let cases = [
        (vec![("lib", "../lib.git", at.as_str())], "the nesting of submodules exceeds the limit of 10"),
        (
            many.iter().map(|(path, sha)| (path.as_str(), "../lib.git", sha.as_str())).collect(),
            "the number of submodules exceeds the limit of 200",
        ),
    ];
    for (submodules, why) in cases {
        world.all["app"].git(&["rm", "-rqf", "--cached", "--ignore-unmatch", "."]);
        world.commit("app", why, &submodules);
        let error = world.fetch(&world.source(server.url("app"), true)).await.unwrap_err();
        assert!(error.to_string().ends_with(why), "{error}");
        assert_eq!(error.class(), Class::AwaitChange);
    }
}

#[tokio::test]
async fn all_parts_together_have_the_bytes_of_one_artifact() {
    let world = Repositories::new(&["app", "lib"]);
    let lib = world.commit("lib", &"0".repeat(65 << 20), &[]);
    world.commit("app", "app", &[("m0", "../lib.git", &lib), ("m1", "../lib.git", &lib), ("m2", "../lib.git", &lib)]);
    let server = world.serve().await;
    let mut spec = GitSpec::new(server.url("app"), GitReference::Branch("main".into()));
    // A debug build on a busy machine takes more than the minute that is usual.
    (spec.submodules, spec.timeout) = (true, source::TIMEOUT_MAX);
    let error = world.fetch(&GitSource::new(&world.http, spec).unwrap()).await.unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with("submodule m1: ") && error.contains("the size of all files, in bytes,"), "{error}");
}

#[tokio::test]
async fn credentials_go_to_the_server_of_the_source_alone() {
    let world = Repositories::new(&["app", "lib"]);
    let lib = world.commit("lib", "lib", &[]);
    let (mine, other) = (guarded(world.dir.path()).await, guarded(world.dir.path()).await);
    let with_user = mine.replace("http://", "http://git@");
    for (url, allowed) in [
        ("../../lib/.git".to_owned(), true),
        (format!("{mine}/lib/.git"), true),
        (format!("{with_user}/lib/.git"), true),
        (format!("{other}/lib/.git"), false),
    ] {
        world.commit("app", &url, &[("lib", &url, &lib)]);
        let mut spec = GitSpec::new(format!("{mine}/app/.git"), GitReference::Branch("main".into()));
        spec.credentials = Some(Credentials::Basic { username: "me".into(), password: "hunter2".into() });
        spec.submodules = true;
        let fetched = world.fetch(&GitSource::new(&world.http, spec.clone()).unwrap()).await;
        match allowed {
            true => assert_eq!(text(&fetched.unwrap(), "lib/a.yaml"), "lib"),
            false => {
                let error = fetched.unwrap_err();
                assert_eq!(error.reason(), "AuthenticationFailed");
                let error = error.to_string();
                assert!(error.starts_with(&format!("submodule lib: {other}/lib/.git: access refused")), "{error}");
                assert!(!error.contains("hunter2"), "{error}");
            }
        }
    }
}

/// A server of the repositories below a directory that wants a password.
async fn guarded(root: &Path) -> String {
    let backend = Backend::new(root.to_owned()).guarded("Basic bWU6aHVudGVyMg==");
    format!("http://{}", backend.start().await)
}
