//! Repositories that are small and would take the hub's memory or time: what they name is refused.

use std::io::Write;
use std::process::{Command, Stdio};

use source::{Class, Error};

use crate::world::World;

/// Runs git with an input, and returns what it says.
fn git(world: &World, arguments: &[&str], input: &[u8]) -> String {
    let mut command = Command::new("git");
    command.current_dir(world.repo()).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn blob(world: &World, bytes: &[u8]) -> String {
    git(world, &["hash-object", "-w", "--stdin"], bytes)
}

fn tree(world: &World, lines: &str) -> String {
    git(world, &["mktree"], lines.as_bytes())
}

/// Commits a tree, and fetches it.
async fn refused(world: &World, tree: &str) -> Error {
    let commit = world.git(&["commit-tree", tree, "-m", "bomb"]);
    world.git(&["update-ref", "refs/heads/main", &commit]);
    let error = world.fetch(&world.main()).await.unwrap_err();
    assert_eq!(error.class(), Class::AwaitChange, "{error}");
    error
}

#[tokio::test]
async fn directories_without_end_are_refused_before_they_are_walked() {
    let world = World::new().await;
    world.commit();
    // 20 objects, and 10^20 directories without a file in any.
    let mut at = tree(&world, "");
    for _ in 0..20 {
        at = tree(&world, &(0..10).map(|n| format!("040000 tree {at}\td{n}\n")).collect::<String>());
    }
    let error = refused(&world, &at).await;
    assert!(matches!(&error, Error::TooLarge { what, .. } if what.contains("directories")), "{error}");
}

#[tokio::test]
async fn a_large_directory_that_is_there_many_times_is_refused() {
    let world = World::new().await;
    world.commit();
    // 1 MB of pictures, which are left out, in each of 100 directories.
    let picture = blob(&world, b"x");
    let pictures: String = (0..20_000).map(|n| format!("100644 blob {picture}\t{n:020}.jpg\n")).collect();
    let large = tree(&world, &pictures);
    let root = tree(&world, &(0..100).map(|n| format!("040000 tree {large}\td{n}\n")).collect::<String>());
    let error = refused(&world, &root).await;
    assert!(error.to_string().contains("the size of all directories, in bytes, exceeds the limit of"), "{error}");
}

#[tokio::test]
async fn a_link_that_no_disk_could_hold_is_refused_by_name() {
    let world = World::new().await;
    world.commit();
    let target = blob(&world, format!("link.yaml{}", "/x".repeat(2_500_000)).as_bytes());
    let app = tree(&world, &format!("120000 blob {target}\tlink.yaml\n"));
    let error = refused(&world, &tree(&world, &format!("040000 tree {app}\tapp\n"))).await.to_string();
    let why = "the target of this symbolic link has 5000009 bytes; a path has at most 4096";
    assert_eq!(error, format!("app/link.yaml: {why}"));
}

#[tokio::test]
async fn names_and_paths_that_no_disk_could_hold_are_refused() {
    let world = World::new().await;
    world.commit();
    let file = blob(&world, b"x");
    let named = |name: &str, object: &str, kind: &str| tree(&world, &format!("{kind} {object}\t{name}\n"));
    let error = refused(&world, &named(&"a".repeat(256), &file, "100644 blob")).await.to_string();
    let name = "a".repeat(100);
    assert!(
        error.ends_with(&format!("the length of the name \"{name}…\" in \"\", in bytes, exceeds the limit of 255")),
        "{error}"
    );
    let mut at = named("file", &file, "100644 blob");
    for _ in 0..16 {
        at = named(&"a".repeat(255), &at, "040000 tree");
    }
    let error = refused(&world, &at).await.to_string();
    assert!(error.ends_with("…\", in bytes, exceeds the limit of 4096"), "{error}");
}

#[tokio::test]
async fn ignore_patterns_that_take_hours_are_refused() {
    let world = World::new().await;
    world.commit();
    let file = blob(&world, b"x");
    let with_patterns = |patterns: String| {
        let ignore = blob(&world, patterns.as_bytes());
        let mut lines = format!("100644 blob {ignore}\t.sourceignore\n");
        lines.extend((0..50).map(|n| format!("100644 blob {file}\t{}{n:02}\n", "a".repeat(253))));
        tree(&world, &lines)
    };
    let pattern = format!("*{}b\n", "a".repeat(20_000));
    for (count, why) in [
        (900, "it has 18002700 bytes of patterns; at most 262144 are read".to_owned()),
        (1, format!("the pattern \"*{}…\" has 20002 bytes; no path has more than 4096", "a".repeat(99))),
    ] {
        let error = refused(&world, &with_patterns(pattern.repeat(count))).await.to_string();
        assert_eq!(error, format!(".sourceignore: {why}"));
    }
}
