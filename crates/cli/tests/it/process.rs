//! Runs `kurator` as its users do, in a directory of its own.

#![allow(clippy::disallowed_methods, reason = "watches other processes, by the time that they live in")]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longest wait for a state: many times what it takes, for a machine that does much else.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A directory, and everything that runs in it.
pub(crate) struct Place {
    home: TempDir,
    dir: PathBuf,
    running: Option<Child>,
}

/// What a user's environment may hold and nothing here may follow: a proxy for the web, and the repository of the git
/// hook that started the command.
const ELSEWHERE: [(&str, &str); 6] = [
    ("HTTPS_PROXY", "http://127.0.0.1:1"),
    ("https_proxy", "http://127.0.0.1:1"),
    ("GIT_DIR", "/nowhere/.git"),
    ("GIT_INDEX_FILE", "/nowhere/index"),
    ("GIT_OBJECT_DIRECTORY", "/nowhere/objects"),
    ("GIT_COMMON_DIR", "/nowhere/.git"),
];

/// What a command printed, and its exit code.
pub(crate) struct Printed {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::at("instance")
    }

    /// One whose instance lies there, below its home.
    pub(crate) fn at(path: &str) -> Self {
        let home = TempDir::new().unwrap();
        Self { dir: home.path().join(path), home, running: None }
    }

    /// The instance's directory.
    pub(crate) fn dir(&self) -> PathBuf {
        self.dir.clone()
    }

    /// The program with these words, in this place.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kurator"));
        command.args(words.split_whitespace()).stdin(Stdio::null());
        for name in ["KURATOR_DIR", "KURATOR_LOG", "NO_COLOR", "KUBECONFIG"] {
            command.env_remove(name);
        }
        command.envs(ELSEWHERE);
        // Other instances of this machine are none of a test's business.
        command.env("XDG_STATE_HOME", self.home.path().join("state"));
        command
    }

    /// Runs a command to its end. It finds the hub of this place by itself.
    pub(crate) fn run(&self, words: &str) -> Printed {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let printed = Printed { code: status.code(), out: text(stdout), err: text(stderr) };
        assert!(
            !printed.out.contains('\x1b') && !printed.err.contains('\x1b'),
            "escape codes: {}{}",
            printed.out,
            printed.err
        );
        printed
    }

    /// Runs a command that has to succeed; returns its data.
    pub(crate) fn ok(&self, words: &str) -> String {
        let printed = self.run(words);
        assert_eq!(printed.code, Some(0), "kurator {words}: {}{}", printed.out, printed.err);
        printed.out
    }

    /// Runs a command that has to fail; returns what it says.
    pub(crate) fn fails(&self, words: &str) -> String {
        let printed = self.run(words);
        assert_eq!(printed.code, Some(1), "kurator {words}: {}{}", printed.out, printed.err);
        assert_eq!(printed.out, "", "kurator {words}: an error on stdout");
        printed.err
    }

    pub(crate) fn json(&self, words: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{words} -o json"))).unwrap()
    }

    /// Starts `kurator up` and waits for a line on its stdout.
    pub(crate) fn up(&mut self, words: &str, line: &str) -> Vec<String> {
        self.up_with(words, line, Stdio::inherit())
    }

    /// [`up`](Self::up) with a stderr of one's own.
    pub(crate) fn up_with(&mut self, words: &str, line: &str, stderr: Stdio) -> Vec<String> {
        let mut lines = self.up_lines(words, stderr);
        let mut seen = Vec::new();
        loop {
            let next =
                lines.next().unwrap_or_else(|| panic!("kurator {words} ended before {line:?}: {seen:?}")).unwrap();
            let found = next.starts_with(line);
            seen.push(next);
            if found {
                return seen;
            }
        }
    }

    /// Starts `kurator up`; the lines of its stdout, as they come.
    pub(crate) fn up_lines(&mut self, words: &str, stderr: Stdio) -> Lines<BufReader<ChildStdout>> {
        let words = format!("up {words} --dir {}", self.dir().display());
        let mut child = self.command(&words).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        self.running = Some(child);
        lines
    }

    /// Starts `kurator up` and waits for nothing.
    pub(crate) fn start(&mut self, words: &str) {
        self.start_with(words, &[]);
    }

    /// [`start`](Self::start) with more of an environment.
    pub(crate) fn start_with(&mut self, words: &str, environment: &[(&str, &OsStr)]) {
        let words = format!("up {words} --dir {}", self.dir().display());
        let mut command = self.command(&words);
        let child =
            command.envs(environment.iter().copied()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
        self.running = Some(child);
    }

    /// Sends a signal to what runs.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.running.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Does what runs catch SIGINT by now?
    pub(crate) fn catches_interrupts(&self) -> bool {
        let id = self.running.as_ref().unwrap().id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
        // Signals are numbered from 1; SIGINT is 2.
        caught & 0b10 != 0
    }

    /// Waits until what runs has ended; its exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let mut child = self.running.take().unwrap();
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Looks until it finds something.
pub(crate) fn until<T>(what: &str, look: impl Fn() -> Result<T, String>) -> T {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(Instant::now() < deadline, "waited for {what}; last seen: {seen}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
