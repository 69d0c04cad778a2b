//! What a bench leaves on the machine goes with it, also when it is killed: a shell waits for the end of a pipe that only
//! this process holds, and then removes it.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Removes a process or a folder when this process ends in any way. Dropping it removes nothing: then its owner has.
pub(super) struct Guard(Child);

impl Guard {
    /// Kills a process.
    pub(super) fn process(pid: u32) -> Result<Self> {
        Self::new("cat >/dev/null; kill -KILL \"$0\" 2>/dev/null", pid.to_string().as_ref())
    }

    /// Removes a folder, a moment later than processes that write to it.
    pub(super) fn folder(path: &Path) -> Result<Self> {
        Self::new("cat >/dev/null; sleep 2; rm -rf \"$0\"", path.as_os_str())
    }

    fn new(script: &str, target: &std::ffi::OsStr) -> Result<Self> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg(target).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own: Ctrl-C in a terminal reaches every process of the bench, and must not reach this one.
        let child = command.process_group(0).spawn();
        Ok(Self(child.context("starting sh, which removes what a killed bench leaves")?))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Before its pipe closes. `cat` is in the same group and ends with the pipe.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
