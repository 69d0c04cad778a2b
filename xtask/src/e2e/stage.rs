//! A hub with the demo in a folder of its own, and the people who use it: kubectl, git and the command line.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;
use crate::tools::Tools;

/// How long a state may take. On an idle machine none takes 5 s; CI machines are slow and busy.
const STATE: Duration = Duration::from_secs(90);

/// Between two looks at a state.
const LOOK: Duration = Duration::from_millis(150);

/// Names of the demo's members, and how many replicas of `web` each runs.
pub(super) const MEMBERS: &[(&str, u64)] = &[("beijing", 6), ("shanghai", 2), ("virginia", 2)];

/// The stage of one part.
pub(super) struct Stage<'a> {
    pub(super) tools: &'a Tools,
    program: &'a Path,
    /// Everything of this part lies here.
    pub(super) base: PathBuf,
    kubectl: PathBuf,
    process: Option<Child>,
    begun: Instant,
}

impl<'a> Stage<'a> {
    /// Starts the demo in a fresh folder and waits until it has converged.
    pub(super) fn start(tools: &'a Tools, program: &'a Path, name: &str) -> Result<Self> {
        let base = std::env::temp_dir().join(format!("kurator-e2e-{}-{name}", std::process::id()));
        fs::create_dir_all(&base).with_context(|| format!("creating {}", base.display()))?;
        let kubectl = tools.require("kubectl")?.to_owned();
        let mut stage = Self { tools, program, base, kubectl, process: None, begun: Instant::now() };
        if let Err(error) = stage.up() {
            stage.show();
            return Err(error);
        }
        Ok(stage)
    }

    /// The demo's folder.
    pub(super) fn dir(&self) -> PathBuf {
        self.base.join("demo")
    }

    /// The repository that the demo serves.
    pub(super) fn repository(&self) -> PathBuf {
        self.dir().join("demo/repo")
    }

    /// Starts `kurator up --demo` and waits until every member runs what git says.
    pub(super) fn up(&mut self) -> Result<()> {
        let start = Instant::now();
        self.process = Some(self.spawn_hub(&self.dir(), &["up", "--demo"])?);
        self.until("the demo to answer", |stage| {
            stage.send_command("ping")?;
            Ok(Some(()))
        })?;
        self.converged()?;
        self.print_lines(&format!("kurator up --demo: converged after {:.1}s", start.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Starts a hub in a directory. All hubs of a stage write into one log.
    pub(super) fn spawn_hub(&self, dir: &Path, args: &[&str]) -> Result<Child> {
        let log =
            File::options().create(true).append(true).open(self.base.join("kurator.log")).context("opening a log")?;
        let twin = log.try_clone().context("opening a log")?;
        let mut command = self.own(dir, args);
        command.env("KURATOR_LOG", "warn").stdin(Stdio::null()).stdout(twin).stderr(log);
        command.spawn().context("starting kurator")
    }

    /// Ends the process as a crash would.
    pub(super) fn kill(&mut self) -> Result<()> {
        let mut child = self.process.take().context("kurator does not run")?;
        child.kill().context("killing kurator")?;
        child.wait().context("waiting for kurator's end")?;
        Ok(())
    }

    /// Ends the demo in order, and removes its folder.
    pub(super) fn finish(mut self) -> Result<()> {
        self.kurator(&["demo", "stop"])?;
        if let Some(mut child) = self.process.take() {
            let status = child.wait().context("waiting for kurator's end")?;
            if !status.success() {
                bail!("kurator ended with {status}");
            }
        }
        fs::remove_dir_all(&self.base).with_context(|| format!("removing {}", self.base.display()))
    }

    /// Prints what a scene did or saw.
    pub(super) fn print_lines(&self, what: &str) {
        for line in what.lines() {
            eprintln!("{:>6.1}s  {line}", self.begun.elapsed().as_secs_f64());
        }
    }

    /// Announces a scene.
    pub(super) fn scene(&self, title: &str) {
        eprintln!("\n{:>6.1}s  --- {title}", self.begun.elapsed().as_secs_f64());
    }

    /// What kubectl says in a context of the demo's kubeconfig.
    pub(super) fn kubectl(&self, context: &str, args: &[&str]) -> Result<String> {
        self.kubectl_of(&self.dir().join("kubeconfig"), &[&["--context", context], args].concat())
    }

    /// What kubectl says with another kubeconfig.
    pub(super) fn kubectl_of(&self, kubeconfig: &Path, args: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.kubectl);
        command.arg("--kubeconfig").arg(kubeconfig).env("HOME", &self.base).args(args);
        Ok(process::output(&mut command)?.trim_end().to_owned())
    }

    /// What kubectl reads, as JSON.
    pub(super) fn json(&self, context: &str, args: &[&str]) -> Result<Value> {
        let text = self.kubectl(context, &[args, &["-o", "json"]].concat())?;
        serde_json::from_str(&text).context("reading kubectl's answer")
    }

    /// kubectl with a text as its standard input: `apply -f -` and the like.
    pub(super) fn kubectl_with(&self, context: &str, args: &[&str], input: &str) -> Result<String> {
        let file = self.input(input)?;
        let args: Vec<&str> = args.iter().map(|a| if *a == "-" { file.as_str() } else { *a }).collect();
        self.kubectl(context, &args)
    }

    /// Writes a text into a file for a command to read, in the place of the one before; returns its path.
    pub(super) fn input(&self, text: &str) -> Result<String> {
        let file = self.base.join("input");
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        Ok(file.display().to_string())
    }

    /// kubectl against any other server, with nothing of the demo's kubeconfig.
    pub(super) fn plain_kubectl(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.kubectl);
        command.env("HOME", &self.base).env("KUBECONFIG", "/dev/null").args(args);
        Ok(process::output(&mut command)?.trim_end().to_owned())
    }

    /// What a script for the shell says that calls kubectl and curl; it ends at its first failure.
    pub(super) fn shell(&self, script: &str) -> Result<String> {
        let folder = self.kubectl.parent().context("kubectl lies nowhere")?;
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).current_dir(&self.base);
        command.env("HOME", &self.base).env("PATH", path).env("no_proxy", "127.0.0.1").env_remove("KUBECONFIG");
        Ok(process::output(&mut command)?.trim_end().to_owned())
    }

    /// What the command line says; what it wrote to its standard error comes first.
    pub(super) fn kurator(&self, args: &[&str]) -> Result<String> {
        self.kurator_of(&self.dir(), args)
    }

    /// What the command line says about the hub of another directory.
    pub(super) fn kurator_of(&self, dir: &Path, args: &[&str]) -> Result<String> {
        let out = self.own(dir, args).stdin(Stdio::null()).output().context("starting kurator")?;
        let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
        if !out.status.success() {
            bail!("kurator {}: {}: {}", args.join(" "), out.status, said.trim());
        }
        Ok(said.trim_end().to_owned())
    }

    /// What git says in the demo's repository.
    pub(super) fn git(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.repository()).args(["-c", "user.name=e2e", "-c", "user.email=e2e@kurator.invalid"]);
        Ok(process::output(command.args(["-c", "commit.gpgsign=false"]).args(args))?.trim_end().to_owned())
    }

    /// Changes a file of the repository, commits it, and returns the commit.
    pub(super) fn commit(&self, file: &str, change: impl FnOnce(String) -> String, message: &str) -> Result<String> {
        let path = self.repository().join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        fs::write(&path, change(text)).with_context(|| format!("writing {}", path.display()))?;
        self.git(&["commit", "--quiet", "--all", "--message", message])?;
        self.git(&["rev-parse", "HEAD"])
    }

    /// Sends a command to the process over its socket, as the demo's scenes do.
    pub(super) fn send_command(&self, line: &str) -> Result<String> {
        let mut stream = UnixStream::connect(self.dir().join("kurator.sock")).context("connecting to kurator.sock")?;
        stream.set_read_timeout(Some(STATE)).context("setting a deadline")?;
        writeln!(stream, "{line}").context("writing to kurator.sock")?;
        let mut lines = Vec::new();
        for line in BufReader::new(stream).lines() {
            match line.context("reading from kurator.sock")?.as_str() {
                "ok" => return Ok(lines.join("\n")),
                line if line.starts_with("error: ") => bail!("{line}"),
                line => lines.push(line.to_owned()),
            }
        }
        bail!("the process ended before it answered {line:?}")
    }

    /// Mutating requests that each API server has counted since the process started.
    pub(super) fn counters(&self) -> Result<Value> {
        serde_json::from_str(&self.send_command("counters")?).context("reading the counters")
    }

    /// Waits until a look finds something. An error of a look is remembered, not final.
    pub(super) fn until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Result<Option<T>>) -> Result<T> {
        let start = Instant::now();
        loop {
            let last = match look(self) {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => None,
                Err(error) => Some(error),
            };
            if start.elapsed() > STATE {
                let missing = format!("waited {} s for {what}", STATE.as_secs());
                return match last {
                    Some(error) => Err(error.context(missing)),
                    None => bail!("{missing}"),
                };
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Looks again and again for this long; fails as soon as a look fails. For what must *not* happen.
    pub(super) fn throughout(&self, window: Duration, look: impl Fn(&Self) -> Result<()>) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < window {
            look(self)?;
            std::thread::sleep(LOOK);
        }
        look(self)
    }

    /// Waits until the Application is ready at the newest commit.
    pub(super) fn converged(&self) -> Result<()> {
        let head = self.git(&["rev-parse", "HEAD"])?;
        self.until(&format!("app/shop Ready at {}", &head[..6]), |stage| {
            let app = stage.application()?;
            let revision = &app["status"]["sourceStatus"]["gitRepoStatus"]["artifact"]["revision"];
            let at_head = revision.as_str().is_some_and(|r| r.contains(&head));
            Ok((at_head && condition(&app, "Ready")["status"] == "True").then_some(()))
        })
    }

    /// The demo's Application.
    pub(super) fn application(&self) -> Result<Value> {
        self.json("hub", &["get", "applications.apps.kurator.dev", "shop"])
    }

    /// The applier's reports of the Application, by member.
    pub(super) fn reports(&self) -> Result<Vec<Value>> {
        let path = "/apis/view.kurator.dev/v1alpha1/namespaces/default/trees/shop";
        let tree: Value = serde_json::from_str(&self.kubectl("hub", &["get", "--raw", path])?)?;
        Ok(tree["units"].as_array().cloned().unwrap_or_default())
    }

    /// Waits until a member's Ready condition has this status, and returns the condition.
    pub(super) fn member(&self, name: &str, status: &str) -> Result<Value> {
        self.until(&format!("member {name} to be Ready {status}"), |stage| {
            let cluster = stage.json("hub", &["get", "clusters.cluster.karmada.io", name])?;
            let ready = condition(&cluster, "Ready");
            Ok((ready["status"] == status).then_some(ready))
        })
    }

    /// Shows logs and state: a scene failed.
    pub(super) fn show(&self) {
        eprintln!("\n--- what was there when it failed (everything is in {})", self.base.display());
        let log = fs::read_to_string(self.base.join("kurator.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        eprintln!("{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        for args in [&["status"][..], &["status", "app/shop"], &["tree", "app/shop"]] {
            eprintln!("$ kurator {}\n{}", args.join(" "), self.kurator(args).unwrap_or_else(|e| format!("{e:#}")));
        }
    }

    /// A command of the program under test that touches nothing outside the stage.
    fn own(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command.arg("--dir").arg(dir).args(args);
        command.env("XDG_STATE_HOME", self.base.join("state")).env_remove("KURATOR_DIR");
        command
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        // A process that is gone already is what is wanted.
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A condition of an object, or null.
pub(super) fn condition(object: &Value, kind: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|c| c["type"] == kind).cloned().unwrap_or_default()
}

/// Fails with what was seen unless it is as expected.
pub(super) fn expect(holds: bool, what: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { bail!("{}", what()) }
}

/// Fails unless a command was refused with these words.
pub(super) fn refused(outcome: &Result<String>, words: &str, what: &str) -> Result<()> {
    match outcome {
        Err(error) if format!("{error:#}").contains(words) => Ok(()),
        Err(error) => bail!("{what}: {words:?} is not in: {error:#}"),
        Ok(said) => bail!("{what}, but it was done: {said}"),
    }
}
