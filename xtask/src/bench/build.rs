//! How long a clean release build takes: everything from the sources, with no compiler cache.

use std::time::Instant;

use anyhow::Result;

use super::instance::Scratch;
use super::sheet::{Sheet, seconds};
use crate::{process, workspace};

pub(crate) fn run(_: &[String]) -> Result<()> {
    // Downloads are the network's time, not the build's.
    process::run(workspace::cargo().args(["fetch", "--locked"]))?;
    let scratch = Scratch::new("build")?;
    let begun = Instant::now();
    // An empty wrapper switches off a compiler cache that the user has set.
    let mut build = workspace::cargo();
    build.args(["build", "--release", "--locked", "-p", "kurator"]).env("RUSTC_WRAPPER", "");
    process::run(build.env("CARGO_TARGET_DIR", scratch.join("target")))?;
    let took = begun.elapsed();
    let mut sheet = Sheet::new(&["build", "measured", "goal"]);
    sheet.row(["clean release build".to_owned(), seconds(took), "< 360 s".to_owned()]);
    let size = std::fs::metadata(scratch.join("target/release/kurator"))?.len();
    sheet.row(["binary".to_owned(), format!("{:.1} MiB", size as f64 / f64::from(1 << 20)), "-".to_owned()]);
    sheet.print();
    Ok(())
}
