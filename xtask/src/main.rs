//! Project tasks, run as `cargo xtask COMMAND`. One module per command; this file only dispatches.
#![allow(clippy::disallowed_methods, reason = "a command line is a composition root: it reads clocks and waits")]

mod bench;
mod bless;
mod ci;
mod codegen;
mod deps;
mod e2e;
mod kustomize;
mod process;
mod real;
mod syntax;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;

/// A command's entry: gets the arguments after its name.
type Run = fn(&[String]) -> Result<()>;

/// Every command, with the line that `cargo xtask` prints about it.
const COMMANDS: &[(&str, &str, Run)] = &[
    ("test", "run every test: the crates' own, then the end-to-end scenes when their components are there", test::run),
    ("ci", "the only gate: formatting, lints, tidy, deps, generated files, documentation, then `test`", ci::run),
    ("tidy", "check the habits that a compiler does not see", tidy::run),
    ("deps", "check which crate may reach which, what none may, and that each dependency is used", deps::run),
    ("codegen", "write the generated files, or verify them with --check", codegen::run),
    ("bless", "accept what golden tests see now; review the diff", bless::run),
    ("tools", "install the pinned real components into a cache outside the clone", tools::run),
    ("e2e", "play the demo's scenes with the real kubectl, git and Kubernetes", e2e::run),
    ("kustomize", "build trees with kubectl kustomize and with crate render, and compare", kustomize::run),
    ("bench", "measure; see docs/benchmarks.md", bench::run),
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let Some((_, _, run)) = COMMANDS.iter().find(|(command, ..)| *command == name) else {
        eprintln!("usage: cargo xtask COMMAND [ARGUMENTS]\n");
        for (command, about, _) in COMMANDS {
            eprintln!("  {command:10} {about}");
        }
        return ExitCode::from(2);
    };
    match run(&rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
