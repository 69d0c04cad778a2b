//! `cargo xtask e2e [PART…]`: the demo's scenes, played by the real kubectl and git, and a real Kubernetes as a member.
//!
//! A part starts a hub of its own in a folder of its own, so each can be played alone. A scene says what it did and
//! what it saw; it waits for states with a deadline. When one fails, its part's logs and state are printed.

mod kubectl;
mod member;
mod rights;
mod scene;
mod stage;

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::tools::{self, Tools};
use crate::{process, real, workspace};
use stage::Stage;

/// A part of the play.
pub(crate) struct Part {
    name: &'static str,
    /// The programs that it needs from the cache.
    programs: &'static [&'static str],
    play: fn(&mut Stage) -> Result<()>,
}

/// Every part.
pub(crate) const PARTS: &[Part] = &[
    Part { name: "kubectl", programs: &["kubectl"], play: kubectl::play },
    Part { name: "scenes", programs: &["kubectl"], play: scene::play },
    Part { name: "real-member", programs: real::PROGRAMS, play: member::play },
];

/// Installs what is missing (outside CI only what takes seconds), then plays the named parts, or all.
pub(crate) fn run(args: &[String]) -> Result<()> {
    if let Some(unknown) = args.iter().find(|a| PARTS.iter().all(|p| p.name != *a)) {
        bail!("{unknown} is no part; there are {}", PARTS.iter().map(|p| p.name).collect::<Vec<_>>().join(", "));
    }
    tools::prepare()?;
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
    let mut program = None;
    for part in PARTS.iter().filter(|p| only.is_empty() || only.iter().any(|o| o == p.name)) {
        let mut missing = tools.missing(part.programs);
        if !process::exists("git", "--version") {
            missing.push("git");
        }
        if !missing.is_empty() {
            let missing = format!("{} missing", missing.join(", "));
            if workspace::is_ci() {
                bail!("{}: {missing}; CI requires every component", part.name);
            }
            skipped.push((part.name, missing));
            continue;
        }
        let program = match &program {
            Some(program) => program,
            None => program.insert(build()?),
        };
        eprintln!("\n=== e2e {}", part.name);
        let start = Instant::now();
        let mut stage = Stage::start(tools, program, part.name)?;
        if let Err(error) = (part.play)(&mut stage) {
            stage.show();
            return Err(error.context(format!("e2e {}", part.name)));
        }
        stage.finish()?;
        eprintln!("=== e2e {} passed, {:.1}s", part.name, start.elapsed().as_secs_f64());
    }
    Ok(skipped)
}

/// Builds `kurator` as developers run it, and says where it lies. `KURATOR_BIN` names one that is built already.
fn build() -> Result<PathBuf> {
    if let Some(program) = std::env::var_os("KURATOR_BIN") {
        return Ok(program.into());
    }
    let mut command: Command = workspace::cargo();
    command.args(["build", "--locked", "--package", "kurator", "--bin", "kurator", "--message-format", "json"]);
    let said = process::output(&mut command)?;
    let built = said
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    match built {
        Some(program) => Ok(program),
        None => bail!("cargo built no program named kurator"),
    }
}
