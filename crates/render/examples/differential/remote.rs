//! Repositories of other machines, for trees that name some: the files of `remote/ORG/REPOSITORY/REFERENCE/`.
//!
//! Both builds read the same: kubectl starts git, and git is told to look for every server that the trees name below a
//! directory of this machine. No connection is made.

use std::path::Path;
use std::process::Command;

use model::tree::FileTree;
use render::{Fetched, Question, RemoteAt, Remotes};

use crate::tree::{Files, Tree};

/// Where the trees keep repositories.
const DIR: &str = "remote/";

/// What begins the address of a repository, in every form in which the trees name one.
const SERVERS: [&str; 5] =
    ["https://github.com/", "https://git.test/", "git@github.com:", "git@git.test:", "ssh://git@git.test/"];

/// The reference when an entry names none.
const HEAD: &str = "main";

/// A file of a repository: organization, repository, reference, path and content.
type File<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

fn files(tree: &Tree) -> Vec<File<'_>> {
    let Files::Here(files) = &tree.files else { return Vec::new() };
    files.iter().filter_map(|(path, content)| file(path, content)).collect()
}

fn file<'a>(path: &'a str, content: &'a str) -> Option<File<'a>> {
    let mut parts = path.strip_prefix(DIR)?.splitn(4, '/');
    Some((parts.next()?, parts.next()?, parts.next()?, parts.next()?, content))
}

/// Whether a tree names other machines.
pub(crate) fn has_any(tree: &Tree) -> bool {
    !files(tree).is_empty()
}

/// Answers a question of a rendering.
///
/// # Errors
/// There is no such repository or reference.
pub(crate) fn answer(tree: &Tree, question: Question, remotes: &mut Remotes) -> Result<(), String> {
    let Question::Remote(remote) = question else {
        return Err(format!("everything is loaded, and it asks {question:?}"));
    };
    let RemoteAt::Repository(repository) = &remote.at else { return Err(format!("{} is no repository", remote.id)) };
    let mut parts = repository.url.trim_end_matches(".git").rsplit('/');
    let (name, organization) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let reference = if repository.reference.is_empty() { HEAD } else { &repository.reference };
    let mut found = FileTree::new();
    for (org, repo, at, path, content) in files(tree) {
        if (org, repo, at) == (organization, name, reference) {
            found.insert_file(path, content.as_bytes().to_vec());
        }
    }
    if found.entries().next().is_none() {
        return Err(format!("there is no {}", remote.id));
    }
    remotes.insert(remote.id, Fetched::Tree(found));
    Ok(())
}

/// Makes the repositories below a directory, and tells the git that a command starts to find them there.
pub(crate) fn serve(tree: &Tree, scratch: &Path, command: &mut Command) {
    let root = scratch.join("repositories");
    for (organization, name, reference, ..) in files(tree) {
        let dir = root.join(organization).join(name);
        let branch = format!("refs/heads/{reference}");
        if !dir.exists() {
            std::fs::create_dir_all(&dir).expect("the disk has room");
            git(&dir, &["init", "--quiet", "--bare", "--initial-branch", HEAD]);
            // The name with and without the ending.
            std::os::unix::fs::symlink(&dir, root.join(organization).join(format!("{name}.git"))).expect("it is new");
        }
        let work = scratch.join(DIR).join(organization).join(name).join(reference);
        let work = work.to_str().expect("the scratch directory has a plain name");
        if git(&dir, &["for-each-ref", &branch]).is_empty() {
            git(&dir, &["--work-tree", work, "read-tree", "--empty"]);
            git(&dir, &["--work-tree", work, "add", "--all", "."]);
            let tree = git(&dir, &["write-tree"]);
            let commit = git(&dir, &["-c", "user.name=t", "-c", "user.email=t@t", "commit-tree", &tree, "-m", "m"]);
            git(&dir, &["update-ref", &branch, &commit]);
        }
    }
    let to = format!("url.file://{}/.insteadOf", root.display());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("GIT_CONFIG_COUNT", SERVERS.len().to_string()).env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", scratch);
    for (at, server) in SERVERS.iter().enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{at}"), &to).env(format!("GIT_CONFIG_VALUE_{at}"), server);
    }
}

fn git(dir: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new("git").current_dir(dir).env("GIT_DIR", dir).args(arguments).output().expect("git is installed");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
