//! `cargo xtask bench NAME`: measures in release and prints one table; `docs/benchmarks.md` keeps what was measured.

use anyhow::{Result, bail};

use crate::{process, workspace};

/// A bench: gets the arguments after its name.
type Run = fn(&[String]) -> Result<()>;

/// Every bench, with the line that says what it measures.
const BENCHES: &[(&str, &str, Run)] = &[("store", "writes, reads, watches and opening of both store drivers", store)];

/// Runs the named bench.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let name = args.first().map(String::as_str).unwrap_or_default();
    let Some((_, _, bench)) = BENCHES.iter().find(|(bench, ..)| *bench == name) else {
        for (name, about, _) in BENCHES {
            eprintln!("  {name:10} {about}");
        }
        bail!("name one of these benches");
    };
    bench(args.get(1..).unwrap_or_default())
}

/// The store alone, through its own example.
fn store(args: &[String]) -> Result<()> {
    let mut command = workspace::cargo();
    process::run(command.args(["run", "--release", "-p", "kurator-store", "--example", "bench", "--"]).args(args))
}
