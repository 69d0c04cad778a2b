//! `cargo xtask e2e`: the demo's scenes, played by the real kubectl and git, and a real Kubernetes as a member.

use anyhow::{Result, bail};

use crate::real::{self, Real};
use crate::tools::{self, Tools};
use crate::workspace;

/// The parts and the programs that each needs.
pub(crate) const PARTS: &[(&str, &[&str])] = &[("real member", real::PROGRAMS)];

/// Installs what is missing in CI, then plays every part.
pub(crate) fn run(args: &[String]) -> Result<()> {
    tools::install(if workspace::is_ci() { tools::Cost::Minutes } else { tools::Cost::Seconds })?;
    for (part, reason) in play(&Tools::locate()?, args)? {
        eprintln!("skipped: {part}: {reason}");
    }
    Ok(())
}

/// Plays the parts (those named, or all); returns what was skipped and why.
///
/// # Errors
///
/// A scene that does not come to its state in time; in CI also a missing component.
pub(crate) fn play(tools: &Tools, only: &[String]) -> Result<Vec<(&'static str, String)>> {
    let mut skipped = Vec::new();
    for (part, programs) in PARTS {
        if !only.is_empty() && !only.iter().any(|o| part.contains(o.as_str())) {
            continue;
        }
        let missing = tools.missing(programs);
        if !missing.is_empty() {
            if workspace::is_ci() {
                bail!("{part}: {} missing; CI requires every component", missing.join(", "));
            }
            skipped.push((*part, format!("{} missing, run `cargo xtask tools`", missing.join(", "))));
            continue;
        }
        let dir = std::env::temp_dir().join(format!("kurator-e2e-{}", std::process::id()));
        let real = Real::start(tools, &dir.join("real"), 3)?;
        eprintln!("{}", real.kubectl(&["get", "nodes"])?);
        drop(real);
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(skipped)
}
