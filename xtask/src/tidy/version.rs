//! What a version of the renderer made of an input stays so: a row that was committed once is not rewritten under the same
//! version. Tests compare the rows with what is rendered now; only the history knows what they were.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{process, workspace};

/// The tables, each with rows `VERSION NAME INPUT OUTPUT`.
const TABLES: &[&str] = &["crates/render/tests/golden/version.txt", "crates/controllers/src/rendering/version.txt"];

/// The rows that another commit had with another output, by table.
pub(super) fn rewritten() -> Result<Vec<(&'static str, String)>> {
    let mut found = Vec::new();
    for table in TABLES {
        let now = std::fs::read_to_string(workspace::root().join(table)).with_context(|| format!("reading {table}"))?;
        let mut log = Command::new("git");
        log.args(["log", "--patch", "--format=", "--no-color", "--no-ext-diff", "--", table]);
        let history = process::output(log.current_dir(workspace::root()))?;
        found.extend(changed(&history, &now).into_iter().map(|row| (*table, row)));
    }
    Ok(found)
}

/// A row's output by what it is of.
fn row(line: &str) -> Option<((&str, &str, &str), &str)> {
    let [version, name, input, output] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
    Some(((version, name, input), output))
}

/// What is wrong with the rows of a table, given every change that was ever made to it.
fn changed(history: &str, now: &str) -> Vec<String> {
    let added = history.lines().filter_map(|line| row(line.strip_prefix('+')?));
    let mut ever: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    added.for_each(|(of, output)| ever.entry(of).or_default().push(output));
    let rewritten = now.lines().filter_map(row).filter(|(of, output)| {
        let others = ever.get(of).into_iter().flatten();
        others.clone().any(|other| other != output)
    });
    let words = |(version, name, _): (&str, &str, &str)| {
        format!("version {version} once made something else of the same input ({name}): bump render::VERSION")
    };
    rewritten.map(|(of, _)| words(of)).collect()
}

#[cfg(test)]
mod tests {
    use super::changed;

    #[test]
    fn a_row_is_not_rewritten_under_its_version() {
        let history = "+++ b/version.txt\n@@ -1 +1 @@\n-1 layers in old\n+1 layers in new\n+++ b/version.txt\n\
                       +1 layers in old\n+1 names in a\n+1 edited in a\n";
        let check = |now: &str| changed(history, now).len();
        assert_eq!(check("1 layers in new\n1 names in a\n"), 1, "another commit had `old`");
        assert_eq!(check("1 names in b\n"), 1, "it is not committed yet");
        assert_eq!(check("1 names in a\n1 edited other b\n1 fresh in a\n2 layers in new\n2 names in b\n"), 0);
    }
}
