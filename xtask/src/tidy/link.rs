//! Links between documents: what a document points at is there.

use super::{Breach, File};
use crate::workspace;

pub(super) fn check(file: &File) -> Vec<Breach> {
    if file.path.extension().is_none_or(|e| e != "md") {
        return Vec::new();
    }
    let root = workspace::root();
    let folder = root.join(&file.path).parent().map(ToOwned::to_owned).unwrap_or_else(|| root.clone());
    let mut breaches = Vec::new();
    let mut code = false;
    for (number, line) in file.lines() {
        code ^= line.trim_start().starts_with("```");
        if code {
            continue;
        }
        for target in targets(line) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let whole = match path {
                "" => root.join(&file.path),
                _ if path.starts_with('/') => root.join(&path[1..]),
                _ => folder.join(path),
            };
            if !whole.exists() {
                breaches.push((number, format!("{target} is not there")));
            } else if !anchor.is_empty() && path.ends_with(".md") && !has_heading(&whole, anchor) {
                breaches.push((number, format!("{path} has no heading for #{anchor}")));
            }
        }
    }
    breaches
}

/// The local targets of the links in a line.
fn targets(line: &str) -> Vec<&str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
        .filter(|t| !t.is_empty() && !t.contains("://") && !t.starts_with("mailto:"))
        .collect()
}

/// Has a document a heading with this anchor, as GitHub makes them?
fn has_heading(path: &std::path::Path, anchor: &str) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter(|l| l.starts_with('#')).any(|heading| {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let made: String =
            title.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_').collect::<String>();
        made.replace(' ', "-") == anchor
    })
}
