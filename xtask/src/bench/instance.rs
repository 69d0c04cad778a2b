//! A `kurator up` that is measured: its own process, on a directory of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::guard::Guard;
use crate::{process, workspace};

/// Longest time for an orderly end. The process gives itself 5 s.
const STOP: Duration = Duration::from_secs(10);
/// A tick of `/proc/PID/stat`: Linux counts 100 of them a second on x86-64 and arm64.
const TICK_MILLIS: u64 = 10;
/// Between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// The binary that is measured: `$KURATOR_BIN`, else a release build of this clone.
pub(crate) fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("KURATOR_BIN") {
        return Ok(path.into());
    }
    process::run(workspace::cargo().args(["build", "--release", "-p", "kurator"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace::root().join("target"), PathBuf::from);
    Ok(target.join("release/kurator"))
}

/// A directory for one bench, removed when dropped.
pub(crate) struct Scratch {
    path: PathBuf,
    _guard: Guard,
}

impl Scratch {
    /// Makes an empty directory under the build's own folder: on the disk that people work on, not in memory.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let path = workspace::root().join("target/bench").join(format!("{name}-{}", std::process::id()));
        // Left by a run that was killed, under the same process id.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
        let guard = Guard::folder(&path)?;
        Ok(Self { path, _guard: guard })
    }

    /// A path in it.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A directory that stays costs disk only; the next run makes another one.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A running hub.
pub(crate) struct Instance {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    begun: Instant,
    binary: PathBuf,
    dir: PathBuf,
    _guard: Guard,
}

impl Instance {
    /// Starts `kurator up` on a directory.
    pub(crate) fn start(binary: &Path, dir: &Path, args: &[&str]) -> Result<Self> {
        let mut command = Command::new(binary);
        // Its registration stays in its directory, so that other instances on this machine are left alone.
        command.arg("up").arg("--dir").arg(dir).args(args).env("XDG_STATE_HOME", dir.join("state"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let begun = Instant::now();
        let mut child = command.spawn().with_context(|| format!("starting {}", binary.display()))?;
        let guard = Guard::process(child.id())?;
        let out = child.stdout.take().context("the process has no output")?;
        let lines = BufReader::new(out).lines();
        Ok(Self { child, lines, begun, binary: binary.to_owned(), dir: dir.to_owned(), _guard: guard })
    }

    /// Waits for a line that begins so; the time since the start, the process' own start included.
    pub(crate) fn until(&mut self, prefix: &str) -> Result<Duration> {
        for line in self.lines.by_ref() {
            if line.context("reading what it prints")?.starts_with(prefix) {
                return Ok(self.begun.elapsed());
            }
        }
        bail!("kurator ended before it printed {prefix:?}")
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    /// Mutating requests so far, at each API server.
    pub(crate) fn mutations(&self) -> Result<Vec<(String, u64)>> {
        let mut command = Command::new(&self.binary);
        command.args(["demo", "counters", "-o", "json", "--dir"]).arg(&self.dir);
        let said: serde_json::Value = serde_json::from_str(&process::output(&mut command)?).context("the counters")?;
        let all = said.as_object().context("the counters are not an object")?;
        Ok(all.iter().map(|(name, of)| (name.clone(), of["mutations"].as_u64().unwrap_or_default())).collect())
    }

    /// Ends it in an orderly way; the time that this took.
    pub(crate) fn stop(mut self) -> Result<Duration> {
        self.terminate()
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("killing kurator")?;
        self.child.wait().context("waiting for kurator").map(drop)
    }

    /// As [`stop`](Self::stop), for one that is replaced by another.
    pub(crate) fn terminate(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        process::output(Command::new("kill").args(["-TERM", &self.pid().to_string()]))?;
        while begun.elapsed() < STOP {
            if self.child.try_wait().context("looking at kurator")?.is_some() {
                return Ok(begun.elapsed());
            }
            std::thread::sleep(LOOK);
        }
        bail!("kurator did not end within {} s", STOP.as_secs())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // It has ended already after `stop`; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Resident memory of a process in MiB.
pub(crate) fn resident(pid: u32) -> Result<f64> {
    memory(pid, "VmRSS:")
}

/// The most memory that a process ever had resident, in MiB.
pub(crate) fn peak(pid: u32) -> Result<f64> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, field: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("reading /proc")?;
    let line = status.lines().find_map(|l| l.strip_prefix(field));
    let line = line.with_context(|| format!("/proc says no {field}"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().with_context(|| format!("reading {field}"))?;
    Ok(kib / 1024.0)
}

/// CPU time of a process so far, of all its threads, in user and kernel mode.
pub(crate) fn processor(pid: u32) -> Result<Duration> {
    // In nanoseconds, one file for each thread: `stat` counts in ticks of 10 ms, too coarse for a process that sleeps.
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("reading /proc")? {
        let file = task.context("reading /proc")?.path().join("schedstat");
        // A thread that ended meanwhile is not read; its time is lost to the sum, and idle threads do not end.
        let Ok(text) = fs::read_to_string(file) else { continue };
        nanos += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(Duration::from_nanos(nanos))
}

/// CPU time of a process so far as [`processor`], threads that have ended included, in steps of 10 ms.
pub(crate) fn processor_coarse(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("reading /proc")?;
    // The second field is the program's name in parentheses; the 14th and 15th are ticks in user and kernel mode.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields.iter().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * TICK_MILLIS))
}

/// Threads of a process.
pub(crate) fn threads(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/task")).context("reading /proc")?.count())
}
