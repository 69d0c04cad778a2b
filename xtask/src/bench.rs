//! `cargo xtask bench NAME`: measures in release and prints one table; `docs/benchmarks.md` keeps what was measured.

mod apiserver;
mod build;
mod idle;
mod instance;
mod sheet;
mod up;

use anyhow::{Result, bail};

use crate::{process, workspace};

/// A bench: gets the arguments after its name.
type Run = fn(&[String]) -> Result<()>;

/// Every bench, with the line that says what it measures.
const BENCHES: &[(&str, &str, Run)] = &[
    ("up", "how soon `kurator up` is ready and `kurator up --demo` has converged", up::run),
    ("idle", "memory, CPU and writes of a settled hub with three simulated members", idle::run),
    ("apiserver", "creates, gets, a long list and watches over TLS, beside a real kube-apiserver", apiserver::run),
    ("build", "how long a clean release build takes; minutes", build::run),
    ("store", "writes, reads, watches and opening of both store drivers", store),
];

/// Runs the named bench.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let name = args.first().map(String::as_str).unwrap_or_default();
    let Some((_, _, bench)) = BENCHES.iter().find(|(bench, ..)| *bench == name) else {
        for (name, about, _) in BENCHES {
            eprintln!("  {name:10} {about}");
        }
        bail!("name one of these benches; KURATOR_BIN=PATH measures that binary instead of building one");
    };
    bench(args.get(1..).unwrap_or_default())
}

/// The store alone, through its own example.
fn store(args: &[String]) -> Result<()> {
    let mut command = workspace::cargo();
    process::run(command.args(["run", "--release", "-p", "kurator-store", "--example", "bench", "--"]).args(args))
}
