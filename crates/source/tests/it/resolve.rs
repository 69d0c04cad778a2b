//! What a reference means.

use std::time::Duration;

use source::{Class, Credentials, Error, GitReference, GitSource, GitSpec};

use crate::world::World;

#[tokio::test]
async fn branch_tag_name_commit_and_range_resolve() {
    let world = World::new().await;
    world.write("a.yaml", "a: 1\n");
    let first = world.commit();
    world.git(&["tag", "v1.2.0"]);
    world.git(&["tag", "-a", "v1.3.0", "-m", "annotated"]);
    let second = world.commit();
    world.git(&["tag", "-a", "v2.0.0-rc.1", "-m", "pre"]);
    world.git(&["branch", "other"]);
    let cases = [
        (GitReference::Branch("main".into()), format!("main@sha1:{second}")),
        (GitReference::Default, format!("main@sha1:{second}")),
        (GitReference::Tag("v1.2.0".into()), format!("v1.2.0@sha1:{first}")),
        (GitReference::Tag("v1.3.0".into()), format!("v1.3.0@sha1:{first}")),
        (GitReference::Semver("1.x".into()), format!("v1.3.0@sha1:{first}")),
        (GitReference::Semver("<1.3".into()), format!("v1.2.0@sha1:{first}")),
        (GitReference::Semver(">=1.0.0-0".into()), format!("v2.0.0-rc.1@sha1:{second}")),
        (GitReference::Name("refs/heads/other".into()), format!("refs/heads/other@sha1:{second}")),
        (GitReference::Commit(first.clone()), format!("sha1:{first}")),
    ];
    for packed in [false, true] {
        if packed {
            world.git(&["pack-refs", "--all"]);
        }
        for (reference, expect) in &cases {
            let commit = world.source(reference.clone()).resolve().await.unwrap();
            assert_eq!(commit.revision(), *expect, "{reference:?} packed={packed}");
        }
    }
}

#[tokio::test]
async fn a_missing_branch_names_those_that_exist() {
    let world = World::new().await;
    let source = world.source(GitReference::Branch("mian".into()));
    assert!(matches!(source.resolve().await, Err(Error::Empty { .. })));
    world.commit();
    for n in 0..7 {
        world.git(&["branch", &format!("b{n}")]);
    }
    let error = source.resolve().await.unwrap_err();
    let url = world.server.url("shop");
    assert_eq!(error.to_string(), format!("{url}: branch \"mian\" does not exist; there is b0, b1, b2, b3, b4"));
    assert_eq!(error.class(), Class::AwaitChange);
    let error = world.source(GitReference::Semver("1.x".into())).resolve().await.unwrap_err();
    assert!(error.to_string().ends_with("a tag within \"1.x\" does not exist; there is none of that kind"), "{error}");
}

#[tokio::test]
async fn says_what_is_wrong_with_the_server() {
    let world = World::new().await;
    world.commit();
    let spec = GitSpec::new(world.server.url("nothing"), GitReference::Default);
    let error = GitSource::new(&world.http, spec).unwrap().resolve().await.unwrap_err();
    assert!(matches!(error, Error::RepositoryNotFound { status: 404, .. }), "{error}");

    // Port 1 is nobody's, and no program is given it by chance.
    let spec = GitSpec::new("http://me:secret@127.0.0.1:1/x.git".to_owned(), GitReference::Default);
    let error = GitSource::new(&world.http, spec).unwrap().resolve().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(error.class(), Class::Retry);
    assert!(!error.to_string().contains("secret"), "{error}");

    // Plain HTTP where TLS is expected.
    let url = world.server.url("shop").replace("http://", "https://");
    let error = GitSource::new(&world.http, GitSpec::new(url, GitReference::Default)).unwrap().resolve().await;
    assert!(matches!(error, Err(Error::Tls { .. })), "{error:?}");

    // A server that accepts and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut spec = GitSpec::new(format!("http://{}/x.git", silent.local_addr().unwrap()), GitReference::Default);
    spec.timeout = Duration::from_millis(50);
    let error = GitSource::new(&world.http, spec).unwrap().resolve().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert!(error.to_string().contains("no answer within 0.05 s"), "{error}");
}

#[tokio::test]
async fn refuses_urls_that_it_does_not_serve_without_their_secrets() {
    let world = World::new().await;
    for (url, why) in [
        ("git@github.com:a/b.git", "write it as ssh://git@github.com/a/b.git"),
        ("file:///etc", "file:// would read the hub's own disk"),
        ("ftp://me:secret@host/x", "the scheme ftp is not supported"),
        ("https://me:secret@host/x?token=1", "a repository URL has no query and no fragment"),
        ("https://host/x?token=secret", "a repository URL has no query and no fragment"),
        ("https://host/x#secret", "a repository URL has no query and no fragment"),
        ("https://host:port/x?token=secret", "not a URL"),
    ] {
        let error = GitSource::new(&world.http, GitSpec::new(url, GitReference::Default)).err().unwrap().to_string();
        assert!(error.contains(why) && error.contains("http://"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let credentials = Credentials::Basic { username: "me".into(), password: "secret".into() };
    assert!(!format!("{credentials:?}").contains("secret"));
    for credentials in [None, Some(credentials)] {
        let mut spec = GitSpec::new("ssh://git@github.com/a/b", GitReference::Default);
        spec.credentials = credentials;
        let error = GitSource::new(&world.http, spec).err().unwrap().to_string();
        let why = "git over ssh needs a private key and the server's in the Secret of secretRef: `identity` and `known_hosts` are missing";
        assert_eq!(error, format!("ssh://git@github.com/a/b: {why}"));
    }
}

#[tokio::test]
async fn a_poll_is_one_request_without_a_process() {
    let world = World::new().await;
    world.commit();
    let source = world.main();
    for _ in 0..5 {
        source.resolve().await.unwrap();
    }
    assert_eq!((world.server.listed(), world.server.sent_bytes()), (5, 0));
    world.shutdown.cancel();
    let down = async {
        loop {
            if let Err(error) = source.resolve().await {
                break error;
            }
            tokio::task::yield_now().await;
        }
    };
    let error = tokio::time::timeout(Duration::from_secs(5), down).await.unwrap();
    assert_eq!(error.class(), Class::Retry, "{error}");
}

#[tokio::test]
async fn a_range_of_the_largest_numbers_is_a_range() {
    let world = World::new().await;
    world.commit();
    world.git(&["tag", "v1.0.0"]);
    let max = u64::MAX;
    for range in
        [format!("~{max}"), format!("~1.{max}"), format!("^0.{max}"), format!("^0.0.{max}"), format!("{max}.x")]
    {
        let error = world.source(GitReference::Semver(range)).resolve().await.unwrap_err();
        assert!(matches!(error, Error::ReferenceNotFound { .. }), "{error}");
    }
}
