//! `cargo xtask codegen [builtins] [--check]`: writes generated files, or fails when a committed one is not current.
//!
//! The source of truth is Kubernetes' own Go modules at one pinned version, fetched by the ordinary `go` client: their
//! struct tags and markers say JSON names, presence, protobuf numbers, list keys and patch strategies together. (The
//! crates `k8s-pb` and `k8s-openapi` were tried first: one follows an older Kubernetes than the other, and neither
//! says which fields Go writes when they are empty.) Only facts are kept, no prose.

mod builtins;
mod go;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The Go modules that declare the built-in types, pinned: a version of a Go module never changes its content.
const MODULES: &[&str] = &[
    "k8s.io/api@v0.37.2",
    "k8s.io/apimachinery@v0.37.2",
    "k8s.io/apiextensions-apiserver@v0.37.2",
    "k8s.io/kube-aggregator@v0.37.2",
];

/// Runs the command; see the module's documentation for the arguments.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the workspace")?;
    let check = args.iter().any(|a| a == "--check");
    match args.iter().map(String::as_str).filter(|a| *a != "--check").collect::<Vec<_>>()[..] {
        [] | ["builtins"] => {}
        _ => bail!("usage: cargo xtask codegen [builtins] [--check]"),
    }
    if check && std::env::var_os("CI").is_none() && Command::new("go").arg("version").output().is_err() {
        eprintln!("skipped: codegen --check builtins: needs the `go` command to read Kubernetes' modules");
        return Ok(());
    }
    let dirs = MODULES.iter().map(|m| module_dir(m)).collect::<Result<Vec<_>>>()?;
    write(&root.join("crates/kinds/src/table.txt"), &builtins::table(&dirs)?, check)
}

/// Writes a generated file when its content changed; with `check`, fails instead of writing.
fn write(path: &Path, content: &str, check: bool) -> Result<()> {
    let current = std::fs::read_to_string(path).unwrap_or_default();
    if current == content {
        return Ok(());
    }
    if check {
        bail!("{} is not current: run `cargo xtask codegen` and commit the result", path.display());
    }
    std::fs::write(path, content).with_context(|| format!("writing {}", path.display()))
}

/// The folder of a Go module's sources, downloaded into Go's own cache when it is not there.
fn module_dir(module: &str) -> Result<PathBuf> {
    let output = Command::new("go")
        .args(["mod", "download", "-json", module])
        .current_dir(std::env::temp_dir())
        .output()
        .context("running go mod download")?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("go mod download {module}: {}", String::from_utf8_lossy(&output.stderr).trim()))?;
    let dir = answer["Dir"].as_str().with_context(|| format!("go mod download {module}: {}", answer["Error"]))?;
    Ok(PathBuf::from(dir))
}
