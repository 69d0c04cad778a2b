//! `cargo xtask test [-- ARGUMENTS]`: every test of the project. What cannot run here is skipped by name, with the
//! reason, and counted in the summary; in CI no component may be missing.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::tools::Tools;
use crate::{e2e, process, tools, workspace};

/// Runs the crates' tests, then the end-to-end scenes.
pub(crate) fn run(args: &[String]) -> Result<()> {
    tools::prepare()?;
    let tools = Tools::locate()?;
    let mut passed = vec!["crates"];
    let mut skipped = crates(&tools, args)?;
    let parts = e2e::play(&tools, &[])?;
    if parts.len() < e2e::PARTS.len() {
        passed.push("end to end");
    }
    skipped.extend(parts.into_iter().map(|(part, reason)| format!("e2e {part}: {reason}")));
    eprintln!("\npassed: {}", passed.join(", "));
    for skip in &skipped {
        eprintln!("skipped: {skip}");
    }
    if !skipped.is_empty() {
        eprintln!("{} skipped; `cargo xtask tools` installs what is missing", skipped.len());
    }
    Ok(())
}

/// Seed of property tests in CI. A gate says the same of the same tree each time; new cases are looked for by everybody
/// who runs the tests elsewhere, where the seed is random, and what they find becomes a test of its own.
const CI_SEED: (&str, &str) = ("PROPTEST_RNG_SEED", "37");

/// The variable with the file to which tests append what they skip, `TEST: REASON` (crate `component`).
const SKIPPED: &str = "KURATOR_SKIPPED";
/// The variable with the path of a program (crate `component`).
fn variable_of(program: &str) -> String {
    format!("KURATOR_{}", program.to_ascii_uppercase().replace('-', "_"))
}

/// The tests of every crate, by nextest when it is in the cache; what they skipped, each once.
fn crates(tools: &Tools, args: &[String]) -> Result<BTreeSet<String>> {
    let skipped = Skipped::new()?;
    let mut command = match tools.find("cargo-nextest") {
        Some(nextest) => {
            let mut command = Command::new(nextest);
            workspace::once(&mut command);
            command.current_dir(workspace::root()).args(["nextest", "run"]);
            command
        }
        None => {
            let mut command = workspace::cargo();
            command.arg("test");
            command
        }
    };
    command.args(["--workspace", "--locked"]).args(args).env(SKIPPED, &skipped.0);
    command.envs(std::env::var_os("CI").map(|_| CI_SEED));
    // Also of what is not installed: another clone's, which lies in the same cache, is not what this one is tested with.
    for (program, path) in tools.pinned() {
        let variable = variable_of(program);
        if std::env::var_os(&variable).is_none() {
            command.env(variable, path);
        }
    }
    process::run(&mut command)?;
    skipped.read()
}

/// The file of what was skipped, removed when dropped.
struct Skipped(PathBuf);

impl Skipped {
    fn new() -> Result<Self> {
        let folder = workspace::root().join("target");
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.join(format!("skipped-{}.txt", std::process::id()));
        fs::write(&path, "").with_context(|| format!("writing {}", path.display()))?;
        Ok(Self(path))
    }

    fn read(&self) -> Result<BTreeSet<String>> {
        let text = fs::read_to_string(&self.0).with_context(|| format!("reading {}", self.0.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

impl Drop for Skipped {
    fn drop(&mut self) {
        // A file that stays is a few bytes under `target`.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::{Tools, variable_of};

    #[test]
    fn tests_are_told_of_each_program_where_this_clone_pins_it() {
        let tools = Tools::locate().unwrap();
        let named: Vec<String> = tools.pinned().map(|(program, _)| variable_of(program)).collect();
        for variable in ["KURATOR_KUBECTL", "KURATOR_ETCD", "KURATOR_KUBE_APISERVER"] {
            assert!(named.iter().any(|name| name == variable), "{variable} is not in {named:?}");
        }
        for (program, path) in tools.pinned() {
            assert!(tools.find(program).is_none_or(|found| found == path), "{program}");
        }
    }
}
