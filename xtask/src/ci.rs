//! `cargo xtask ci`: the only gate. Every lint runs, even after one has failed; the tests run when all lints pass.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{codegen, deps, process, test, tidy, tools, workspace};

/// A step's name, what it does, how long it took and whether it passed.
struct Step {
    name: &'static str,
    took: Duration,
    result: Result<()>,
}

/// Runs every lint, then the README's test command.
pub(crate) fn run(_: &[String]) -> Result<()> {
    let mut steps = Vec::new();
    let mut step = |name: &'static str, act: &dyn Fn() -> Result<()>| {
        eprintln!("\n=== {name}");
        let start = Instant::now();
        let result = act();
        if let Err(error) = &result {
            eprintln!("{name}: {error:#}");
        }
        let passed = result.is_ok();
        steps.push(Step { name, took: start.elapsed(), result });
        passed
    };
    // Tests of what is said of a full disk, and of much else, fail on one: the log says how full it was.
    let mut passed = step("disk", &|| process::run(Command::new("df").args(["-h", "."])));
    passed &= step("fmt", &|| process::run(workspace::cargo().args(["fmt", "--all", "--check"])));
    passed &= step("tidy", &|| tidy::run(&[]));
    passed &= step("deps", &|| deps::run(&[]));
    passed &= step("codegen", &|| codegen::run(&["--check".to_owned()]));
    passed &= step("clippy", &|| {
        let lint = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        process::run(workspace::cargo().args(lint))
    });
    passed &= step("doc", &|| {
        let doc = ["doc", "--workspace", "--no-deps", "--locked"];
        process::run(workspace::cargo().args(doc).env("RUSTDOCFLAGS", "-D warnings"))
    });
    if passed {
        if workspace::is_ci() {
            passed &= step("tools", &|| tools::run(&[]));
        }
        passed = passed && step("test", &|| test::run(&[]));
    }
    eprintln!();
    for Step { name, took, result } in &steps {
        let outcome = if result.is_ok() { "passed" } else { "FAILED" };
        eprintln!("{name:10} {outcome}  {:>7.1}s", took.as_secs_f64());
    }
    if !passed {
        bail!("{} failed", steps.iter().filter(|s| s.result.is_err()).map(|s| s.name).collect::<Vec<_>>().join(", "));
    }
    Ok(())
}
