//! `cargo xtask bless [CRATE…]`: accepts what golden tests see now. The diff is read in review, as any other change.

use anyhow::Result;

use crate::{process, workspace};

/// Runs the tests of the named crates (or of all) with their snapshots rewritten.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let mut command = workspace::cargo();
    command.env("INSTA_UPDATE", "always").env("INSTA_FORCE_PASS", "1").env("KURATOR_BLESS", "1").arg("test");
    if args.is_empty() {
        command.arg("--workspace");
    }
    for name in args {
        command.args(["-p", name]);
    }
    process::run(command.args(["--quiet", "--no-fail-fast"]))?;
    eprintln!("blessed; now read `git diff`");
    Ok(())
}
