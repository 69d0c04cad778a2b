//! `cargo xtask deps`: which crate may depend on which, what pure crates may not reach, what no crate may, and which
//! dependencies are not used.
//!
//! The table is ARCHITECTURE.md's picture as data. A new edge is a decision: change the table together with an ADR.
//! An edge that no manifest has, or a dependency that no source line names, goes.

mod usage;

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::{process, workspace};

/// A crate, and every workspace crate that its library may use. Tests may use any crate.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("api", &["model", "kinds"]),
    ("kinds", &["model"]),
    ("apimachinery", &["model", "kinds"]),
    ("pki", &["model"]),
    ("store", &[]),
    ("component", &[]),
    ("render", &["model", "api", "kinds"]),
    ("interpret", &["model"]),
    ("place", &["model", "api"]),
    ("plan", &["model", "api", "kinds", "interpret", "place"]),
    ("admit", &["model", "api"]),
    ("source", &["model", "pki"]),
    ("git-server", &["source"]),
    ("client", &["model", "kinds", "pki"]),
    ("apiserver", &["model", "kinds", "apimachinery", "store"]),
    ("test-apiserver", &["model", "store", "apiserver"]),
    ("housekeeping", &["model", "client"]),
    ("applier", &["model", "api", "plan", "client"]),
    ("controllers", &["model", "api", "kinds", "plan", "place", "render", "admit", "source", "client", "applier"]),
    (
        "hub",
        &[
            "model",
            "api",
            "admit",
            "store",
            "pki",
            "apiserver",
            "kinds",
            "apimachinery",
            "housekeeping",
            "controllers",
            "client",
            "source",
            "applier",
            "plan",
        ],
    ),
    ("member-sim", &["model", "store", "pki", "apiserver", "housekeeping", "client"]),
    (
        "cli",
        &["model", "api", "kinds", "plan", "apiserver", "controllers", "hub", "member-sim", "client", "git-server"],
    ),
    ("xtask", &[]),
];

/// Crates without I/O, clock, randomness or async: their dependencies must not have them either.
pub(crate) const PURE: &[&str] =
    &["model", "api", "kinds", "apimachinery", "render", "interpret", "place", "plan", "admit"];

/// Packages that bring a runtime, a socket, a client or randomness.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio-util",
    "async-std",
    "mio",
    "socket2",
    "hyper",
    "hyper-util",
    "reqwest",
    "tower",
    "rustls",
    "kube-client",
    "kube-runtime",
    "rand",
    "fastrand",
    "uuid",
    "getrandom",
];

/// Packages that nobody may reach: aws-lc-rs is the only crypto stack.
const NOBODY: &[&str] = &["ring", "openssl", "openssl-sys", "native-tls", "boring", "mbedtls"];

/// Packages of which a second version would be a second crypto stack or a second Kubernetes vocabulary.
const ONCE: &[&str] = &["rustls", "aws-lc-rs", "aws-lc-sys", "kube-core", "k8s-openapi", "hyper", "tokio"];

/// Checks every rule and lists every breach.
pub(crate) fn run(_: &[String]) -> Result<()> {
    let packages = workspace::packages()?;
    let mut breaches = edges(&packages);
    breaches.extend(usage::breaches(&packages)?);
    for name in PURE {
        for package in tree(&["-p", &format!("kurator-{name}"), "-e", "normal"])? {
            let package = package.split(' ').next().unwrap_or_default().to_owned();
            if IMPURE.contains(&package.as_str()) || package.starts_with("gix") {
                breaches.push(format!("{name} is pure, but reaches {package} (see it by `cargo tree -p kurator-{name} -e normal -i {package}`)"));
            }
        }
    }
    let all = tree(&["--workspace", "-e", "normal,build"])?;
    for package in NOBODY {
        if all.iter().any(|p| p.split(' ').next() == Some(package)) {
            breaches.push(format!(
                "{package} is reached; aws-lc-rs is the only crypto stack (`cargo tree --workspace -i {package}`)"
            ));
        }
    }
    for package in ONCE {
        let versions: Vec<&String> = all.iter().filter(|p| p.split(' ').next() == Some(package)).collect();
        if versions.len() > 1 {
            breaches.push(format!("more than one version of {package}: {versions:?}"));
        }
    }
    if !breaches.is_empty() {
        for breach in &breaches {
            eprintln!("deps: {breach}");
        }
        bail!("{} breaches; the rules are in ARCHITECTURE.md, the table in xtask/src/deps.rs", breaches.len());
    }
    eprintln!("deps: {} crates keep their edges, {} of them are pure", EDGES.len(), PURE.len());
    Ok(())
}

/// Workspace edges that the table does not list, and rows and edges of the table that no manifest has.
fn edges(packages: &[Value]) -> Vec<String> {
    let own: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let mut breaches = Vec::new();
    for (from, _) in EDGES.iter().filter(|(from, _)| !own.iter().any(|name| short(name) == *from)) {
        breaches.push(format!("{from} is in the table of edges, but there is no such crate"));
    }
    for package in packages {
        let name = short(package["name"].as_str().unwrap_or_default());
        let Some((_, allowed)) = EDGES.iter().find(|(from, _)| *from == name) else {
            breaches.push(format!("{name} is not in the table of edges"));
            continue;
        };
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let used: BTreeSet<&str> = dependencies
            .filter(|d| d["kind"] != "dev")
            .filter_map(|d| d["name"].as_str())
            .filter(|target| own.contains(target))
            .map(short)
            .collect();
        let forbidden = used.iter().filter(|target| !allowed.contains(target));
        breaches.extend(forbidden.map(|target| format!("{name} may not depend on {target}")));
        let unused = allowed.iter().filter(|target| !used.contains(*target));
        breaches.extend(unused.map(|target| format!("{name} may depend on {target} and does not: remove the edge")));
    }
    breaches
}

/// A package's name in the table: `kurator-plan` is `plan`, the binary's package `kurator` is `cli`.
fn short(package: &str) -> &str {
    if package == "kurator" { "cli" } else { package.strip_prefix("kurator-").unwrap_or(package) }
}

/// Every `name version` that `cargo tree` prints for these arguments, once.
fn tree(args: &[&str]) -> Result<BTreeSet<String>> {
    let mut command = workspace::cargo();
    command.args(["tree", "--locked", "--prefix", "none", "--format", "{p}"]).args(args);
    let text = process::output(&mut command)?;
    // A line is `name v1.2.3 (path or marks)`.
    Ok(text.lines().map(|l| l.split(' ').take(2).collect::<Vec<_>>().join(" ")).filter(|l| !l.is_empty()).collect())
}
