//! Rules about each crate's manifest. Read by line: the manifests are flat, and the rule is about how they are written.

use super::{Breach, File};

pub(super) fn check(file: &File) -> Vec<Breach> {
    let path = file.path.to_string_lossy();
    if file.name() != "Cargo.toml" || path == "Cargo.toml" {
        return Vec::new();
    }
    let mut breaches = Vec::new();
    let mut section = "";
    let (mut lints, mut doctest) = (false, !file.text.contains("\n[lib]"));
    for (number, line) in file.lines() {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
        }
        match section {
            "[lints]" => lints |= line == "workspace = true",
            "[lib]" => doctest |= line == "doctest = false",
            "[dependencies]" | "[dev-dependencies]" | "[build-dependencies]" => {
                let entry = !line.is_empty() && !line.starts_with(['[', '#']);
                if entry && !line.ends_with(".workspace = true") && !line.contains("workspace = true") {
                    breaches
                        .push((number, "versions are pinned once, in the workspace: `X.workspace = true`".to_owned()));
                }
            }
            _ => {}
        }
    }
    if !lints {
        breaches.push((0, "add `[lints]` with `workspace = true`".to_owned()));
    }
    if !doctest {
        breaches.push((0, "add `doctest = false` to `[lib]`: examples that must hold are tests".to_owned()));
    }
    for inherited in ["version", "edition", "rust-version", "license"] {
        if !file.text.contains(&format!("\n{inherited}.workspace = true")) {
            breaches.push((0, format!("inherit `{inherited}.workspace = true`")));
        }
    }
    breaches
}
