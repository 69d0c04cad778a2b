//! Servers that answer in version 0 or 1 of the protocol, asked for version 2.

use std::sync::atomic::Ordering;

use source::{Class, Error, GitReference, GitSource, GitSpec};

use crate::backend::{Backend, configure, url};
use crate::world::{World, paths, text};

fn follow(world: &World, url: &str, reference: GitReference) -> GitSource {
    GitSource::new(&world.http, GitSpec::new(url, reference)).unwrap()
}

#[tokio::test]
async fn a_front_that_drops_the_header_for_version_2_is_followed() {
    let world = World::new().await;
    world.write("a.yaml", "1");
    world.write("keep.yaml", "keep");
    let first = world.commit();
    world.git(&["tag", "v1.0.0"]);
    world.git(&["tag", "-a", "v1.1.0", "-m", "annotated"]);
    world.write("a.yaml", "2");
    let second = world.commit();
    world.git(&["branch", "other"]);
    let backend = Backend::new(world.repo()).without_version_2();
    let url = url(backend.start().await);
    for (reference, expect) in [
        (GitReference::Default, format!("main@sha1:{second}")),
        (GitReference::Branch("other".into()), format!("other@sha1:{second}")),
        (GitReference::Tag("v1.0.0".into()), format!("v1.0.0@sha1:{first}")),
        (GitReference::Tag("v1.1.0".into()), format!("v1.1.0@sha1:{first}")),
        (GitReference::Semver("1.x".into()), format!("v1.1.0@sha1:{first}")),
        (GitReference::Name("refs/heads/main".into()), format!("refs/heads/main@sha1:{second}")),
        (GitReference::Commit(first.clone()), format!("sha1:{first}")),
    ] {
        let (_, artifact) = world.fetch(&follow(&world, &url, reference)).await.unwrap();
        assert_eq!(artifact.revision(), expect);
        assert_eq!(text(&artifact, "a.yaml"), if expect.ends_with(&second) { "2" } else { "1" });
    }
    // A poll is one request, and only what changed is transferred.
    let source = follow(&world, &url, GitReference::Branch("main".into()));
    source.resolve().await.unwrap();
    let before = backend.requests.load(Ordering::SeqCst);
    source.resolve().await.unwrap();
    assert_eq!(backend.requests.load(Ordering::SeqCst) - before, 1);
    world.write("a.yaml", "3");
    world.commit();
    let (_, artifact) = world.fetch(&source).await.unwrap();
    assert_eq!((text(&artifact, "a.yaml").as_str(), text(&artifact, "keep.yaml").as_str()), ("3", "keep"));
    let error = follow(&world, &url, GitReference::Branch("mian".into())).resolve().await.unwrap_err().to_string();
    assert!(error.ends_with("branch \"mian\" does not exist; there is main, other"), "{error}");
}

#[tokio::test]
async fn an_empty_repository_of_an_older_server_is_empty() {
    let world = World::new().await;
    let url = url(Backend::new(world.repo()).without_version_2().start().await);
    let error = follow(&world, &url, GitReference::Default).resolve().await.unwrap_err();
    assert!(matches!(error, Error::Empty { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_cannot_leave_the_history_out_or_has_no_packets_around_a_pack_is_followed() {
    for (word, instead) in [
        (" shallow", " shallox"),
        ("side-band", "side-bant"),
        ("side-band-64k", "side-bant-64k"),
        ("thin-pack", "thin-pact"),
    ] {
        let world = World::new().await;
        world.write("a.yaml", "1");
        world.write("keep.yaml", "keep");
        world.commit();
        let url = url(Backend::new(world.repo()).without_version_2().saying(word, instead).start().await);
        let source = follow(&world, &url, GitReference::Branch("main".into()));
        world.fetch(&source).await.unwrap();
        for content in ["2", "1"] {
            world.write("a.yaml", content);
            world.commit();
            let (_, artifact) = world.fetch(&source).await.unwrap();
            assert_eq!(paths(&artifact), ["a.yaml", "keep.yaml"], "{word}");
            assert_eq!(text(&artifact, "a.yaml"), content, "{word}");
        }
    }
}

#[tokio::test]
async fn a_commit_that_no_branch_names_is_refused_with_what_to_do() {
    let world = World::new().await;
    world.write("a.yaml", "1");
    world.commit();
    world.write("a.yaml", "2");
    let gone = world.commit();
    world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let url = url(Backend::new(world.repo()).without_version_2().start().await);
    let source = follow(&world, &url, GitReference::Commit(gone.clone()));
    let error = world.fetch(&source).await.unwrap_err();
    assert_eq!((error.class(), error.reason()), (Class::AwaitChange, "ReferenceNotFound"));
    let why = format!(
        "{url}: the server gives only what a branch or tag names now, and commit {gone} is none of these; follow a branch or \
         tag, or have `uploadpack.allowReachableSHA1InWant` set there"
    );
    assert_eq!(error.to_string(), why);
    configure(&world.repo(), "uploadpack.allowAnySHA1InWant", "true");
    let source = follow(&world, &url, GitReference::Commit(gone.clone()));
    let (_, artifact) = world.fetch(&source).await.unwrap();
    assert_eq!(text(&artifact, "a.yaml"), "2");
    let source = follow(&world, &url, GitReference::Commit("1".repeat(40)));
    let error = world.fetch(&source).await.unwrap_err();
    assert!(matches!(error, Error::CommitNotFound { .. }), "{error}");
}
