//! Dependencies that no source line uses. They cost builds, and an edge that is not used is a decision that nobody took.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::short;
use crate::{syntax, workspace};

/// `kube` does not compile until a crate of the build says which version of Kubernetes is meant, and each crate must be
/// able to be built alone.
const VERSION: &str = "selects the version of Kubernetes for kube";

/// Dependencies that a crate needs though no line of it names them: the crate, the dependency and why.
const UNNAMED: &[(&str, &str, &str)] = &[("api", "k8s-openapi", VERSION), ("member-sim", "k8s-openapi", VERSION)];

/// The crates that a package's sources name.
#[derive(Default)]
struct Uses {
    /// By the library and the programs.
    product: BTreeSet<String>,
    /// By tests, benches and examples.
    test: BTreeSet<String>,
}

/// Every dependency of the given packages that nothing uses, as a breach.
pub(super) fn breaches(packages: &[Value]) -> Result<Vec<String>> {
    let files = workspace::files()?;
    let mut breaches = Vec::new();
    let mut needed: BTreeSet<String> = BTreeSet::new();
    let mut excused: BTreeSet<(&str, &str)> = BTreeSet::new();
    for package in packages {
        let name = short(package["name"].as_str().unwrap_or_default());
        let uses = uses(&folder(package)?, &files)?;
        let dependencies: Vec<&Value> = package["dependencies"].as_array().into_iter().flatten().collect();
        for dependency in &dependencies {
            let key = key(dependency);
            needed.insert(key.to_owned());
            let Some(problem) = problem(dependency, &dependencies, &uses) else { continue };
            match UNNAMED.iter().find(|(from, to, _)| *from == name && *to == key) {
                Some((from, to, _)) => drop(excused.insert((from, to))),
                None => breaches.push(format!("{name}: {key} {problem}")),
            }
        }
    }
    let idle = UNNAMED.iter().filter(|(from, to, _)| !excused.contains(&(*from, *to)));
    breaches.extend(idle.map(|(from, to, _)| format!("{from}: {to} needs no excuse in xtask/src/deps/usage.rs")));
    let declared = workspace_dependencies()?;
    let unused = declared.iter().filter(|name| !needed.contains(*name));
    breaches.extend(unused.map(|name| format!("no crate uses {name} of [workspace.dependencies]")));
    Ok(breaches)
}

/// What is wrong with a dependency, given the others of its crate.
fn problem(dependency: &Value, all: &[&Value], uses: &Uses) -> Option<&'static str> {
    let name = key(dependency).replace('-', "_");
    if dependency["kind"] == "dev" {
        let adds_features = dependency["features"].as_array().is_some_and(|f| !f.is_empty());
        let twice = all.iter().any(|d| d["kind"].is_null() && key(d) == key(dependency));
        return match () {
            () if twice && !adds_features => Some("is in [dependencies] already"),
            () if twice || uses.test.contains(&name) => None,
            () => Some("in [dev-dependencies] is used by no test, bench or example"),
        };
    }
    match () {
        () if uses.product.contains(&name) => None,
        () if uses.test.contains(&name) => Some("is used by tests only: it belongs in [dev-dependencies]"),
        () => Some("in [dependencies] is used by no line of its sources"),
    }
}

/// The name by which a manifest, and so its sources, call a dependency.
fn key(dependency: &Value) -> &str {
    dependency["rename"].as_str().or_else(|| dependency["name"].as_str()).unwrap_or_default()
}

/// A package's folder, relative to the clone.
fn folder(package: &Value) -> Result<PathBuf> {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
    let folder = manifest.parent().context("a manifest lies in a folder")?;
    Ok(folder.strip_prefix(workspace::root()).context("the workspace's packages lie in the clone")?.to_owned())
}

/// What the sources below a folder name.
fn uses(folder: &Path, files: &[PathBuf]) -> Result<Uses> {
    let mut sources = Vec::new();
    for path in files.iter().filter(|p| p.starts_with(folder) && p.extension().is_some_and(|e| e == "rs")) {
        let whole = workspace::root().join(path);
        let text = std::fs::read_to_string(whole).with_context(|| format!("reading {}", path.display()))?;
        let within = path.strip_prefix(folder).unwrap_or(path);
        sources.push((within.to_owned(), syntax::read(&text)));
    }
    let test_modules: Vec<PathBuf> = sources
        .iter()
        .flat_map(|(path, source)| source.test_modules.iter().map(|name| module_folder(path).join(name)))
        .collect();
    let mut uses = Uses::default();
    for (path, source) in sources {
        let bare = path.with_extension("");
        let test = !path.starts_with("src") || test_modules.iter().any(|module| bare.starts_with(module));
        for named in source.paths {
            let Some(first) = named.segments.into_iter().next() else { continue };
            if test || named.test {
                uses.test.insert(first)
            } else {
                uses.product.insert(first)
            };
        }
    }
    Ok(uses)
}

/// Where the modules lie that a file declares.
fn module_folder(path: &Path) -> PathBuf {
    let parent = path.parent().unwrap_or(Path::new("")).to_owned();
    match path.file_stem().and_then(|s| s.to_str()) {
        Some("lib" | "main" | "mod") | None => parent,
        Some(stem) => parent.join(stem),
    }
}

/// The names of the workspace's table of dependencies. Read by line: the table is flat.
fn workspace_dependencies() -> Result<Vec<String>> {
    let text = std::fs::read_to_string(workspace::root().join("Cargo.toml")).context("reading Cargo.toml")?;
    let table =
        text.lines().skip_while(|l| *l != "[workspace.dependencies]").skip(1).take_while(|l| !l.starts_with('['));
    Ok(table.filter_map(|l| l.split_once(" = ")).map(|(name, _)| name.to_owned()).collect())
}
