//! Commits become artifacts.

use std::os::unix::fs::symlink;

use model::tree::{Entry, TreeError};
use source::{Cache, Class, Commit, Error, GitReference, GitSource, GitSpec};

use crate::backend::Backend;
use crate::world::{World, paths, text};

#[tokio::test]
async fn a_commit_arrives_whole() {
    let world = World::new().await;
    let binary: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    world.write("apps/web/deploy.yaml", "kind: Deployment\n");
    world.write("apps/web.txt", "x");
    world.write("apps/bin", &binary);
    symlink("web/deploy.yaml", world.repo().join("apps/link.yaml")).unwrap();
    symlink("../../etc/passwd", world.repo().join("apps/out.yaml")).unwrap();
    let sha = world.commit();
    let (commit, artifact) = world.fetch(&world.main()).await.unwrap();
    assert_eq!((commit.sha, artifact.revision()), (sha.clone(), format!("main@sha1:{sha}").as_str()));
    assert_eq!(
        paths(&artifact),
        ["apps/bin", "apps/link.yaml", "apps/out.yaml", "apps/web.txt", "apps/web/deploy.yaml"]
    );
    let tree = artifact.tree("apps").unwrap();
    assert_eq!(tree.read("apps/bin").unwrap().as_ref(), binary);
    assert_eq!(tree.read("apps/link.yaml").unwrap().as_ref(), b"kind: Deployment\n");
    assert!(matches!(tree.read("apps/out.yaml"), Err(TreeError::Escapes { .. })));
}

#[tokio::test]
async fn only_what_is_asked_for_is_loaded() {
    let world = World::new().await;
    world.write("a/one.yaml", "1");
    world.write("b/two.yaml", "2");
    world.commit();
    let (_, artifact) = world.fetch(&world.main()).await.unwrap();
    let mut tree = artifact.tree("a").unwrap();
    assert!(tree.read("a/one.yaml").is_ok());
    assert_eq!(tree.read("b/two.yaml"), Err(TreeError::NotLoaded { path: "b".into() }));
    artifact.load(&mut tree, "b").unwrap();
    assert!(tree.read("b/two.yaml").is_ok());
}

#[tokio::test]
async fn the_digest_depends_on_content_only() {
    let world = World::new().await;
    world.write("a.yaml", "1");
    world.commit();
    let (_, one) = world.fetch(&world.main()).await.unwrap();
    world.write("a.yaml", "2");
    world.commit();
    let (_, two) = world.fetch(&world.main()).await.unwrap();
    world.write("a.yaml", "1");
    world.commit();
    let (_, three) = world.fetch(&world.main()).await.unwrap();
    assert_ne!(one.digest(), two.digest());
    assert_eq!(one.digest(), three.digest());
    assert_ne!(one.revision(), three.revision());
    assert_eq!(text(&two, "a.yaml"), "2");
}

#[tokio::test]
async fn a_second_fetch_transfers_only_what_changed() {
    let world = World::new().await;
    for n in 0..1_000_u32 {
        // Bytes that do not compress, so that sizes mean something.
        let noise: String = (0..40).map(|k| format!("{:08x}", (n * 40 + k).wrapping_mul(2_654_435_761))).collect();
        world.write(&format!("d{}/f{n}.yaml", n % 10), noise);
    }
    world.commit();
    let source = world.main();
    let (_, artifact) = world.fetch(&source).await.unwrap();
    assert_eq!(artifact.files().len(), 1_000);
    let first = world.server.sent_bytes();
    world.write("d3/f3.yaml", "changed");
    world.commit();
    let (_, artifact) = world.fetch(&source).await.unwrap();
    let second = world.server.sent_bytes() - first;
    assert!(second * 50 < first, "first {first} bytes, second {second}");
    assert_eq!((artifact.files().len(), text(&artifact, "d3/f3.yaml").as_str()), (1_000, "changed"));
    // The same commit again transfers nothing.
    let before = world.server.sent_bytes();
    world.fetch(&source).await.unwrap();
    assert_eq!(world.server.sent_bytes(), before);
}

#[tokio::test]
async fn a_force_push_and_a_removed_commit() {
    let world = World::new().await;
    world.write("a.yaml", "1");
    world.commit();
    world.write("a.yaml", "2");
    let old = world.commit();
    let source = world.main();
    world.fetch(&source).await.unwrap();
    world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    world.write("a.yaml", "3");
    world.commit();
    world.git(&["reflog", "expire", "--expire=now", "--all"]);
    world.git(&["gc", "-q", "--prune=now"]);
    let (_, artifact) = world.fetch(&source).await.unwrap();
    assert_eq!(text(&artifact, "a.yaml"), "3");
    // The old commit is gone at the server; it is still in the cache, and in no other.
    let old = Commit { sha: old, name: "main".into() };
    assert_eq!(text(&source.fetch(&old, &world.cache).await.unwrap(), "a.yaml"), "2");
    let empty = Cache::open(world.dir.path().join("other"), 1 << 30).unwrap();
    let error = source.fetch(&old, &empty).await.unwrap_err();
    assert!(matches!(error, Error::CommitNotFound { .. }), "{error}");
}

#[tokio::test]
async fn the_id_of_an_annotated_tag_stands_for_its_commit_and_is_transferred_once() {
    let world = World::new().await;
    world.write("a.yaml", "1");
    let sha = world.commit();
    world.git(&["tag", "-a", "v1", "-m", "annotated"]);
    world.git(&["tag", "-a", "v2", "-m", "of a tag", "v1"]);
    for tag in ["v1", "v2"] {
        let id = world.git(&["rev-parse", tag]);
        let source = world.source(GitReference::Commit(id.clone()));
        let (asked, artifact) = world.fetch(&source).await.unwrap();
        assert_eq!((asked.sha, artifact.revision()), (id.clone(), format!("sha1:{sha}").as_str()));
        // From now on it is known what the tag names, so that a poll finds what is there.
        assert_eq!(source.resolve().await.unwrap().revision(), artifact.revision());
        let before = world.server.sent_bytes();
        let again = world.source(GitReference::Commit(id));
        assert_eq!(world.fetch(&again).await.unwrap().1.revision(), artifact.revision(), "after a restart");
        assert_eq!(again.resolve().await.unwrap().sha, sha);
        assert_eq!(world.server.sent_bytes(), before);
    }
}

#[tokio::test]
async fn what_is_no_commit_is_said_and_transferred_once() {
    let world = World::new().await;
    world.write("a.yaml", "1");
    world.commit();
    for (name, kind) in [("HEAD^{tree}", "tree"), ("HEAD:a.yaml", "blob")] {
        let id = world.git(&["rev-parse", name]);
        let error = world.fetch(&world.source(GitReference::Commit(id.clone()))).await.unwrap_err();
        let url = world.server.url("shop");
        assert_eq!(
            error.to_string(),
            format!("{url}: {id} names a {kind}, not a commit; name a commit, or a tag of one")
        );
        assert_eq!(error.class(), Class::AwaitChange);
    }
}

#[tokio::test]
async fn what_arrives_damaged_is_not_asked_for_twice_at_once() {
    let world = World::new().await;
    world.write("a.yaml", "1");
    world.commit();
    let backend = Backend::new(world.repo()).damaging();
    let spec = GitSpec::new(crate::backend::url(backend.start().await), GitReference::Default);
    let error = world.fetch(&GitSource::new(&world.http, spec).unwrap()).await.unwrap_err();
    // The cache is not blamed, which would be cleared.
    assert!(
        error.to_string().contains("not understood: the pack was cut off or changed on its way, after "),
        "{error}"
    );
    assert_eq!(error.class(), Class::Retry);
    // What it can do, its references, and one pack.
    assert_eq!(backend.requests.load(std::sync::atomic::Ordering::SeqCst), 3);
}

#[tokio::test]
async fn the_cache_may_go_at_any_time() {
    let world = World::new().await;
    world.write("a.yaml", "1");
    world.commit();
    let source = world.main();
    let (commit, artifact) = world.fetch(&source).await.unwrap();
    let root = world.dir.path().join("cache");
    let objects = || walk(&root.join("git"));

    std::fs::remove_dir_all(&root).unwrap();
    // What is in use stays readable, and is fetched again by commit.
    assert_eq!(text(&artifact, "a.yaml"), "1");
    assert_eq!(source.fetch(&commit, &world.cache).await.unwrap().digest(), artifact.digest());

    std::fs::remove_dir_all(root.join("artifacts")).unwrap();
    let before = world.server.sent_bytes();
    assert_eq!(source.fetch(&commit, &world.cache).await.unwrap().digest(), artifact.digest());
    assert_eq!(world.server.sent_bytes(), before, "made again from the objects");

    for file in objects().into_iter().filter(|f| f.to_string_lossy().contains("pack-")) {
        damage(&file);
    }
    std::fs::remove_dir_all(root.join("artifacts")).unwrap();
    assert_eq!(source.fetch(&commit, &world.cache).await.unwrap().digest(), artifact.digest());

    for file in walk(&root.join("artifacts")) {
        damage(&file);
    }
    let again = source.fetch(&commit, &world.cache).await.unwrap();
    assert_eq!((again.digest(), text(&again, "a.yaml").as_str()), (artifact.digest(), "1"));
    for file in walk(&root.join("artifacts")) {
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[0] ^= 1;
        std::fs::write(file, bytes).unwrap();
    }
    let damaged = world.cache.artifact(artifact.digest(), artifact.revision()).unwrap().unwrap();
    assert!(matches!(damaged.tree(""), Err(Error::Damaged { .. })));
    assert!(world.cache.artifact(artifact.digest(), artifact.revision()).unwrap().is_none(), "to be fetched again");
    source.fetch(&commit, &world.cache).await.unwrap();
    let by_digest = world.cache.artifact(artifact.digest(), artifact.revision()).unwrap().unwrap();
    assert_eq!(text(&by_digest, "a.yaml"), "1");
}

#[tokio::test]
async fn the_cache_is_bounded() {
    let world = World::new().await;
    let cache = Cache::open(world.dir.path().join("small"), 100_000).unwrap();
    let source = world.main();
    let mut newest = String::new();
    for n in 0..6_u8 {
        world.write("a.bin", vec![n; 40_000]);
        world.commit();
        let commit = source.resolve().await.unwrap();
        newest = source.fetch(&commit, &cache).await.unwrap().digest().to_owned();
    }
    let kept = cache.artifacts();
    assert!(kept.values().sum::<u64>() <= 100_000, "{kept:?}");
    assert!(kept.contains_key(newest.trim_start_matches("sha256:")));
}

#[tokio::test]
async fn ignored_files_and_submodules_are_not_there() {
    let world = World::new().await;
    world.write("a.yaml", "1");
    world.write("docs/a.md", "x");
    world.write("docs/keep.yaml", "x");
    let sha = world.commit();
    world.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{sha},vendor")]);
    world.git(&["commit", "-q", "-m", "submodule"]);
    let mut spec = GitSpec::new(world.server.url("shop"), GitReference::Default);
    spec.ignore = Some("# notes\n*.md\n/docs/*\n!/docs/keep.yaml\n".into());
    let source = GitSource::new(&world.http, spec).unwrap();
    let (_, artifact) = world.fetch(&source).await.unwrap();
    assert_eq!(paths(&artifact), ["a.yaml", "docs/keep.yaml", "vendor"]);
    assert_eq!(artifact.submodules().collect::<Vec<_>>(), ["vendor"]);
    let tree = artifact.tree("").unwrap();
    assert!(tree.entries().any(|(path, entry)| path == "vendor" && *entry == Entry::Submodule));
}

#[tokio::test]
async fn sourceignore_files_and_the_defaults_leave_files_out() {
    let world = World::new().await;
    for path in
        ["a.yaml", ".github/w.yaml", "x.png", "app/b.yaml", "app/c.txt", "app/keep.txt", "app/sub/d.txt", "lib/e.txt"]
    {
        world.write(path, "x");
    }
    world.write(".sourceignore", "/lib/\n!/x.png\n");
    world.write("app/.sourceignore", "*.txt\n!/keep.txt\n");
    world.commit();
    let (_, artifact) = world.fetch(&world.main()).await.unwrap();
    let expect = [".sourceignore", "a.yaml", "app/.sourceignore", "app/b.yaml", "app/keep.txt", "x.png"];
    assert_eq!(paths(&artifact), expect);
}

#[tokio::test]
async fn what_was_left_out_is_named_with_the_pattern_that_lets_it_in() {
    let world = World::new().await;
    for path in ["a.yaml", "logo.png", ".github/w.yaml", "app/notes.txt", "docs/guide.md", "docs/more.md"] {
        world.write(path, "x");
    }
    world.write("app/.sourceignore", "*.txt\n");
    world.commit();
    let mut spec = GitSpec::new(world.server.url("shop"), GitReference::Default);
    spec.ignore = Some("docs/\n".into());
    let (_, artifact) = world.fetch(&GitSource::new(&world.http, spec.clone()).unwrap()).await.unwrap();
    let tree = artifact.tree("").unwrap();
    let field = "spec.source.gitRepository.ignore";
    for (path, names, why) in [
        ("logo.png", "logo.png", format!("by the default pattern \"*.png\"; add \"!*.png\" to {field}")),
        (".github/w.yaml", ".github", format!("by the default pattern \".github/\"; add \"!.github/\" to {field}")),
        ("app/notes.txt", "app/notes.txt", "by the pattern \"*.txt\" of app/.sourceignore; change it there".to_owned()),
        ("docs/guide.md", "docs", format!("by the pattern \"docs/\" of {field}; change it there")),
    ] {
        let error = tree.read(path).unwrap_err().to_string();
        assert_eq!(error, format!("{names} is in the repository and left out of its artifact: {why}"));
    }
    assert!(matches!(tree.read("none.png"), Err(TreeError::NotFound { .. })));
    // The advice works.
    spec.ignore = Some("docs/\n!*.png\n!.github/\n".into());
    let (_, artifact) = world.fetch(&GitSource::new(&world.http, spec).unwrap()).await.unwrap();
    assert_eq!(paths(&artifact), [".github/w.yaml", "a.yaml", "app/.sourceignore", "logo.png"]);
    assert_eq!(text(&artifact, "logo.png"), "x");
}

#[tokio::test]
async fn a_file_that_is_left_out_from_now_on_is_known_at_once() {
    let world = World::new().await;
    world.write("a.yaml", "1");
    world.commit();
    let source = world.main();
    let (_, before) = world.fetch(&source).await.unwrap();
    assert!(matches!(before.tree("").unwrap().read("logo.png"), Err(TreeError::NotFound { .. })));
    world.write("logo.png", "x");
    world.commit();
    let (_, after) = world.fetch(&source).await.unwrap();
    assert!(matches!(after.tree("").unwrap().read("logo.png"), Err(TreeError::LeftOut { .. })));
    // What a rendering is remembered by, errors too.
    assert_ne!(before.digest(), after.digest());
    world.write("logo.png", "y");
    world.commit();
    assert_eq!(world.fetch(&source).await.unwrap().1.digest(), after.digest());
}

#[tokio::test]
async fn more_left_out_files_than_anybody_names_are_not_all_remembered() {
    let world = World::new().await;
    world.write("z.yaml", "1");
    for n in 0..3_000 {
        world.write(&format!("pictures-of-everything/{n:06}.png"), "x");
    }
    world.commit();
    let (_, artifact) = world.fetch(&world.main()).await.unwrap();
    let tree = artifact.tree("").unwrap();
    let known =
        |n: u32| matches!(tree.read(&format!("pictures-of-everything/{n:06}.png")), Err(TreeError::LeftOut { .. }));
    assert!(known(0) && known(1_000) && !known(2_999));
    assert_eq!(paths(&artifact), ["z.yaml"]);
}

#[tokio::test]
async fn a_pointer_of_git_lfs_is_named_when_it_is_used() {
    let world = World::new().await;
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n", "a".repeat(64));
    world.write("model.bin", &pointer);
    world.write("a.yaml", "1");
    world.write("about-lfs.txt", "version https://git-lfs.github.com/spec/v1\nis what a pointer begins with\n");
    world.write("long.txt", format!("{pointer}{}", "x".repeat(1024)));
    world.commit();
    let (_, artifact) = world.fetch(&world.main()).await.unwrap();
    let tree = artifact.tree("").unwrap();
    let error = tree.read("model.bin").unwrap_err();
    assert_eq!(error, TreeError::LfsPointer { path: "model.bin".into() });
    assert!(error.to_string().contains("git lfs untrack"), "{error}");
    assert!(["a.yaml", "about-lfs.txt", "long.txt"].iter().all(|path| tree.read(path).is_ok()));
}

#[tokio::test]
async fn stopping_leaves_a_cache_that_works() {
    let world = World::new().await;
    world.write("a.yaml", "1");
    world.commit();
    let source = world.main();
    let commit = source.resolve().await.unwrap();
    for _ in 0..20 {
        let fetch = source.fetch(&commit, &world.cache);
        tokio::select! {
            biased;
            () = tokio::task::yield_now() => {}
            _ = fetch => break,
        }
    }
    assert_eq!(text(&source.fetch(&commit, &world.cache).await.unwrap(), "a.yaml"), "1");
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() { files.extend(walk(&entry.path())) } else { files.push(entry.path()) }
    }
    files
}

fn damage(file: &std::path::Path) {
    let mut permissions = std::fs::metadata(file).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    std::fs::set_permissions(file, permissions).unwrap();
    let bytes = std::fs::read(file).unwrap();
    let mut bad = vec![0xff; bytes.len() / 2];
    bad.extend_from_slice(&bytes[bytes.len() / 2..]);
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, bad).unwrap();
}
