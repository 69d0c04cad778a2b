//! The demo's git repository: an ordinary one, made with the system's git.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// Files of `examples/demo/repository`, by path.
const FILES: [(&str, &str); 4] = [
    ("README.md", include_str!("../../../../examples/demo/repository/README.md")),
    ("shop/namespace.yaml", include_str!("../../../../examples/demo/repository/shop/namespace.yaml")),
    ("shop/settings.yaml", include_str!("../../../../examples/demo/repository/shop/settings.yaml")),
    ("shop/web.yaml", include_str!("../../../../examples/demo/repository/shop/web.yaml")),
];

/// Makes the repository with its first commit, unless it has one. A start that was killed in between is repeated.
pub(super) fn create(repo: &Path) -> anyhow::Result<()> {
    if repo.join(".git").is_dir() && run(repo, &["rev-parse", "--verify", "--quiet", "HEAD"]).is_ok() {
        return Ok(());
    }
    for (path, text) in FILES {
        let file = repo.join(path);
        let parent = file.parent().unwrap_or(repo);
        std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    run(repo, &["init", "--quiet", "--initial-branch=main"])?;
    run(repo, &["add", "--all"])?;
    commit(repo, "The shop opens")
}

/// Commits what is staged.
pub(super) fn commit(repo: &Path, message: &str) -> anyhow::Result<()> {
    run(repo, &["commit", "--quiet", "--message", message]).map(drop)
}

/// What git takes from its environment: inside a hook or `git rebase --exec`, these name the repository of somebody else.
const ENVIRONMENT: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_CONFIG_PARAMETERS",
];

/// Runs git in the repository and returns what it prints. Nothing of the user's own configuration is needed, and nothing
/// of it (templates, hooks, ignored files, signing) gets in the way.
pub(super) fn run(repo: &Path, args: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(repo).args(args);
    for name in ENVIRONMENT {
        command.env_remove(name);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "demo").env(format!("GIT_{who}_EMAIL"), "demo@kurator.invalid");
    }
    let output = command.output().context("cannot run git: the demo needs it installed")?;
    if !output.status.success() {
        bail!("git {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
