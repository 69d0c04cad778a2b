//! `cargo xtask test [-- ARGUMENTS]`: every test of the project. What cannot run here is skipped by name, with the
//! reason, and counted in the summary; in CI nothing may be skipped.

use std::process::Command;

use anyhow::Result;

use crate::tools::Tools;
use crate::{e2e, process, tools, workspace};

/// Runs the crates' tests, then the end-to-end scenes.
pub(crate) fn run(args: &[String]) -> Result<()> {
    tools::prepare()?;
    let tools = Tools::locate()?;
    let mut passed = vec!["crates"];
    crates(&tools, args)?;
    let skipped = e2e::play(&tools, &[])?;
    if skipped.len() < e2e::PARTS.len() {
        passed.push("end to end");
    }
    eprintln!("\npassed: {}", passed.join(", "));
    for (name, reason) in &skipped {
        eprintln!("skipped: {name}: {reason}");
    }
    if !skipped.is_empty() {
        eprintln!("{} skipped; `cargo xtask tools` installs what is missing", skipped.len());
    }
    Ok(())
}

/// Seed of property tests in CI. A gate says the same of the same tree each time; new cases are looked for by everybody
/// who runs the tests elsewhere, where the seed is random, and what they find becomes a test of its own.
const CI_SEED: (&str, &str) = ("PROPTEST_RNG_SEED", "37");

/// The tests of every crate, by nextest when it is in the cache.
fn crates(tools: &Tools, args: &[String]) -> Result<()> {
    let seed = std::env::var_os("CI").map(|_| CI_SEED);
    match tools.find("cargo-nextest") {
        Some(nextest) => {
            let mut command = Command::new(nextest);
            workspace::once(&mut command);
            command.current_dir(workspace::root()).args(["nextest", "run", "--workspace", "--locked"]).args(args);
            command.envs(seed);
            process::run(&mut command)
        }
        None => process::run(workspace::cargo().args(["test", "--workspace", "--locked"]).args(args).envs(seed)),
    }
}
