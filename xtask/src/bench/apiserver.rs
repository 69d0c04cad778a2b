//! The hub's API server as clients see it: over TLS, on disk, beside a real kube-apiserver and etcd on the same disk when
//! `cargo xtask tools` has them. The load is `kurator-client`'s example `load`; it runs on the same cores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::instance::{Instance, Scratch, binary, resident};
use super::sheet::Sheet;
use crate::real::Real;
use crate::tools::Tools;
use crate::{process, workspace};

/// The rows: a figure as the load prints it, and what the next issue asks of its ratio.
const FIGURES: &[(&str, &str)] = &[
    ("creates/s", "≥ 6 ×"),
    ("gets/s", "-"),
    ("list of all, ms", "-"),
    ("list of all, MB", "-"),
    ("watch events/s", "-"),
    ("memory, MiB", "≤ 1/15"),
];

/// Figures by name.
type Figures = BTreeMap<String, f64>;

pub(crate) fn run(args: &[String]) -> Result<()> {
    let binary = binary()?;
    let load = load()?;
    let scratch = Scratch::new("apiserver")?;
    let mut hub = Instance::start(&binary, &scratch.join("hub"), &[])?;
    hub.until("hub ready")?;
    let mut ours = figures(&load, &hub.kubeconfig(), args)?;
    ours.insert("memory, MiB".to_owned(), resident(hub.pid())?);
    hub.stop()?;
    let real = real(&load, &scratch, args)?;
    let mut sheet = Sheet::new(&["API server over TLS", "kurator", "kube-apiserver + etcd", "ratio", "next goal"]);
    for (name, goal) in FIGURES {
        let show = |n: Option<&f64>| n.map_or_else(|| "-".to_owned(), |n| format!("{n:.0}"));
        let (mine, theirs) = (ours.get(*name), real.as_ref().and_then(|r| r.get(*name)));
        let ratio = mine.zip(theirs).map_or_else(|| "-".to_owned(), |(a, b)| format!("{:.2}", a / b));
        sheet.row([(*name).to_owned(), show(mine), show(theirs), ratio, (*goal).to_owned()]);
    }
    sheet.print();
    Ok(())
}

/// Builds the load generator.
fn load() -> Result<PathBuf> {
    process::run(workspace::cargo().args(["build", "--release", "-p", "kurator-client", "--example", "load"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace::root().join("target"), PathBuf::from);
    Ok(target.join("release/examples/load"))
}

/// The same load on a real one; `None` when it is not installed.
fn real(load: &Path, scratch: &Scratch, args: &[String]) -> Result<Option<Figures>> {
    let tools = Tools::locate()?;
    if let Some(missing) = ["etcd", "kube-apiserver", "kubectl"].iter().find(|p| tools.find(p).is_none()) {
        eprintln!("no baseline: {missing} is not in the cache; `cargo xtask tools` installs it");
        return Ok(None);
    }
    let real = Real::api(&tools, &scratch.join("real"))?;
    let mut figures = figures(load, &real.kubeconfig(), args)?;
    figures.insert(
        "memory, MiB".to_owned(),
        real.pids().try_fold(0.0, |sum, pid| Ok::<_, anyhow::Error>(sum + resident(pid)?))?,
    );
    Ok(Some(figures))
}

/// Runs the load; it prints one figure a line, `NAME: NUMBER`.
fn figures(load: &Path, kubeconfig: &Path, args: &[String]) -> Result<Figures> {
    eprintln!("loading {}", kubeconfig.display());
    let said = process::output(std::process::Command::new(load).arg(kubeconfig).args(args))?;
    said.lines()
        .map(|line| {
            let (name, number) = line.split_once(": ").with_context(|| format!("{line:?} is no figure"))?;
            Ok((name.to_owned(), number.trim().parse().with_context(|| format!("{line:?} is no figure"))?))
        })
        .collect()
}
