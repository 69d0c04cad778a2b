//! `cargo xtask bench NAME…`: measures in release and prints tables; `docs/benchmarks.md` keeps what was measured.

mod apiserver;
mod build;
mod fleet;
mod guard;
mod idle;
mod instance;
mod memory;
mod propagate;
mod restart;
mod sheet;
mod up;

use anyhow::{Result, bail};

use crate::{process, workspace};

/// A bench: gets the arguments after its name.
type Run = fn(&[String]) -> Result<()>;

/// Every bench, with the line that says what it measures.
const BENCHES: &[(&str, &str, Run)] = &[
    ("up", "how soon `kurator up` is ready and `kurator up --demo` has converged", up::run),
    ("idle", "memory, CPU and writes of a settled hub, with three members and with many", idle::run),
    ("propagate", "how soon a commit is in each of many members, beside a bare client", propagate::run),
    ("restart", "how soon a killed hub looks after many members again, and what it writes", restart::run),
    ("memory", "what the first delivery to many members leaves in memory", memory::run),
    ("apiserver", "creates, gets, a long list and watches over TLS, beside a real kube-apiserver", apiserver::run),
    ("build", "how long a clean release build takes; minutes", build::run),
    ("store", "writes, reads, watches and opening of both store drivers", store),
];

/// Runs the named benches one after the other, each with the arguments behind the last name.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let named = |name: &String| BENCHES.iter().find(|(bench, ..)| bench == name);
    let benches: Vec<_> = args.iter().map_while(named).collect();
    if benches.is_empty() {
        for (name, about, _) in BENCHES {
            eprintln!("  {name:10} {about}");
        }
        bail!("name one of these benches; KURATOR_BIN=PATH measures that binary instead of building one");
    }
    let rest = args.get(benches.len()..).unwrap_or_default();
    for (index, (_, _, bench)) in benches.into_iter().enumerate() {
        if index > 0 {
            println!();
        }
        bench(rest)?;
    }
    Ok(())
}

/// The store alone, through its own example.
fn store(args: &[String]) -> Result<()> {
    let mut command = workspace::cargo();
    process::run(command.args(["run", "--release", "-p", "kurator-store", "--example", "bench", "--"]).args(args))
}
