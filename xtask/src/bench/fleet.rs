//! A hub and many simulated members in another process, and a client that sends the same requests without a hub.
//!
//! The hub is the release binary. Members and client are the example `fleet` of `kurator-member-sim`, two processes; they
//! are told what to do line by line and answer with the times at which things happened.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::guard::Guard;
use super::instance::{Instance, Scratch, processor_coarse};
use crate::tools::{self, Tools};
use crate::{process, workspace};

/// Members unless said otherwise: what a hub is made for.
const MEMBERS: usize = 1_000;
/// Commits that are measured unless said otherwise.
const COMMITS: usize = 5;
/// Bytes of text in each ConfigMap: the size of a usual manifest.
const TEXT_BYTES: usize = 1_800;
/// Longest wait for a fleet to follow. The first delivery of 100,000 objects took 94 s when this was written.
const FOLLOW_MAX: Duration = Duration::from_secs(600);
/// From the last event in a member to the hub's rest: its status is written at most once a second.
const REST: Duration = Duration::from_secs(3);
/// Where the objects of the unit go.
const NAMESPACE: &str = "bench";
/// The object that changes.
const CHANGED: &str = "settings-000";

/// How much is measured: `--members N` and `--commits N`.
pub(super) struct Scale {
    pub(super) members: usize,
    pub(super) commits: usize,
}

impl Scale {
    pub(super) fn parse(args: &[String]) -> Result<Self> {
        let mut scale = Self { members: MEMBERS, commits: COMMITS };
        let mut args = args.iter();
        while let Some(name) = args.next() {
            let value = args.next().with_context(|| format!("{name} needs a number"))?;
            let value = value.parse().with_context(|| format!("{name}: {value:?} is no number"))?;
            match name.as_str() {
                "--members" => scale.members = value,
                "--commits" => scale.commits = value,
                _ => bail!("{name} is unknown; there are --members N and --commits N"),
            }
        }
        if scale.members == 0 || scale.commits == 0 {
            bail!("--members and --commits are at least 1");
        }
        Ok(scale)
    }
}

/// The programs that are measured, built.
pub(super) struct Programs {
    hub: PathBuf,
    fleet: PathBuf,
    kubectl: PathBuf,
}

impl Programs {
    /// Builds what is not there. `KURATOR_BENCH_FLEET` names an example `fleet` that is built already.
    pub(super) fn prepare() -> Result<Self> {
        let hub = super::instance::binary()?;
        let fleet = match std::env::var_os("KURATOR_BENCH_FLEET") {
            Some(path) => path.into(),
            None => {
                let build = ["build", "--release", "-p", "kurator-member-sim", "--example", "fleet"];
                process::run(workspace::cargo().args(build))?;
                let target = std::env::var_os("CARGO_TARGET_DIR");
                target.map_or_else(|| workspace::root().join("target"), PathBuf::from).join("release/examples/fleet")
            }
        };
        tools::prepare()?;
        Ok(Self { hub, fleet, kubectl: Tools::locate()?.require("kubectl")?.to_owned() })
    }
}

/// A process of the example `fleet`.
struct Helper {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    _guard: Guard,
}

impl Helper {
    /// Starts it and reads what it says when it is there.
    fn start(command: &mut Command) -> Result<(Self, Value)> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().context("starting the example `fleet`")?;
        let guard = Guard::process(child.id())?;
        let input = child.stdin.take().context("the process has no input")?;
        let output = child.stdout.take().context("the process has no output")?;
        let mut helper = Self { child, input, lines: BufReader::new(output).lines(), _guard: guard };
        let hello = helper.answer()?;
        Ok((helper, hello))
    }

    fn send_command(&mut self, command: &str) -> Result<Value> {
        writeln!(self.input, "{command}").with_context(|| format!("asking for `{command}`"))?;
        self.answer().with_context(|| format!("`{command}`"))
    }

    fn answer(&mut self) -> Result<Value> {
        let line = self.lines.next().context("the process has ended")?.context("reading an answer")?;
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("{line:?} is no answer"))?;
        match answer["error"].as_str() {
            Some(error) => bail!("{error}"),
            None => Ok(answer),
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A hub with a fleet. What is dropped first stands first.
pub(super) struct Fleet<'a> {
    pub(super) hub: Instance,
    driver: Helper,
    members: Helper,
    programs: &'a Programs,
    scratch: Scratch,
    count: usize,
    git_url: String,
    /// Values of the changed object so far: each commit and each apply of the floor has another one.
    values: usize,
}

impl<'a> Fleet<'a> {
    /// Starts members and hub; nothing is attached yet.
    pub(super) fn start(programs: &'a Programs, name: &str, count: usize, objects: usize) -> Result<Self> {
        let scratch = Scratch::new(name)?;
        let dir = scratch.join("fleet");
        repository(&dir.join("repository"), objects)?;
        eprintln!("starting {count} members …");
        let count_text = count.to_string();
        let mut serve = Command::new(&programs.fleet);
        let (members, hello) = Helper::start(serve.arg("serve").arg(&dir).arg(&count_text))?;
        let git_url = hello["git"].as_str().context("where the repository is served")?.to_owned();
        let hub = start_hub(programs, &scratch)?;
        let driver = drive(programs, &hub, &dir, count)?;
        Ok(Self { hub, driver, members, programs, scratch, count, git_url, values: 0 })
    }

    /// Attaches every member; the time until all are Ready.
    pub(super) fn attach(&mut self) -> Result<Duration> {
        eprintln!("attaching …");
        let mut objects = Vec::new();
        let mut clusters = Vec::new();
        for index in 0..self.count {
            let name = format!("member-{index:04}");
            let path = self.scratch.join("fleet").join(format!("{name}.kubeconfig"));
            let kubeconfig = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let metadata = json!({"name": name, "namespace": "default"});
            objects.push(json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata,
                "stringData": {"value": kubeconfig}}));
            objects.push(json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
                "metadata": metadata, "spec": {"kubeconfig": {"name": name, "key": "value"}}}));
            clusters.push(json!({"kind": "AttachedCluster", "name": name}));
        }
        objects.push(json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet",
            "metadata": {"name": "bench", "namespace": "default"}, "spec": {"clusters": clusters}}));
        let begun = Instant::now();
        self.apply("attach", &objects)?;
        self.until_ready("attachedclusters", self.count)?;
        Ok(begun.elapsed())
    }

    /// Delivers the unit for the first time; the time until the Application is Ready.
    pub(super) fn deliver(&mut self) -> Result<Duration> {
        eprintln!("delivering …");
        let begun = Instant::now();
        // Nothing is fetched by itself while it is measured.
        let application = json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
            "metadata": {"name": "bench", "namespace": "default"},
            "spec": {
                "source": {"gitRepository": {"url": self.git_url, "interval": "1h", "ref": {"branch": "main"}}},
                "syncPolicies": [{"name": "all", "destination": {"fleet": "bench"},
                    "kustomization": {"interval": "1h", "path": "./unit", "prune": true}}]}});
        self.apply("deliver", &[application])?;
        self.until_ready("applications", 1)?;
        Ok(begun.elapsed())
    }

    /// Changes one object; for each member the time from asking for a fetch until the member has it.
    pub(super) fn commit(&mut self) -> Result<Vec<Duration>> {
        let value = self.next_value();
        self.members.send_command(&format!("expect {NAMESPACE} {CHANGED} {value}"))?;
        let repository = self.scratch.join("fleet/repository");
        fs::write(repository.join("unit").join(format!("{CHANGED}.yaml")), map(CHANGED, &value))
            .context("changing the object")?;
        commit(&repository)?;
        let begun = self.driver.send_command("sync")?;
        self.until_seen(&begun)
    }

    /// Sends the same change to every member without a hub; the times as of [`commit`](Self::commit).
    pub(super) fn floor(&mut self) -> Result<Vec<Duration>> {
        let value = self.next_value();
        self.members.send_command(&format!("expect floor floor {value}"))?;
        let begun = self.driver.send_command(&format!("floor {value} {TEXT_BYTES}"))?;
        self.until_seen(&begun)
    }

    /// Makes the floor's namespace in each member, and opens its connections.
    pub(super) fn prepare_floor(&mut self) -> Result<()> {
        self.driver.send_command("prepare").map(drop)
    }

    /// Counts begin here.
    pub(super) fn mark(&mut self) -> Result<()> {
        self.members.send_command("mark").map(drop)
    }

    /// Mutating requests at all members since [`mark`](Self::mark).
    pub(super) fn mutations(&mut self) -> Result<u64> {
        self.members.send_command("counts")?["mutations"].as_u64().context("the number of mutations")
    }

    /// Members that are not watched again since [`mark`](Self::mark).
    pub(super) fn unwatched(&mut self) -> Result<u64> {
        self.members.send_command("counts")?["unwatched"].as_u64().context("the number of members that are not watched")
    }

    /// Writes that the hub's store has seen so far.
    pub(super) fn revision(&mut self) -> Result<u64> {
        self.driver.send_command("revision")?["revision"].as_u64().context("the hub's revision")
    }

    /// Ends the hub, by SIGKILL or in an orderly way, and starts it again on its directory. It has not said yet that it
    /// is ready.
    pub(super) fn restart_hub(&mut self, kill: bool) -> Result<()> {
        if kill {
            self.hub.kill()?;
        } else {
            self.hub.terminate()?;
        }
        self.hub = spawn_hub(self.programs, &self.scratch)?;
        Ok(())
    }

    /// A client of the hub as it is after a restart.
    pub(super) fn reconnect(&mut self) -> Result<()> {
        self.driver = drive(self.programs, &self.hub, &self.scratch.join("fleet"), self.count)?;
        Ok(())
    }

    /// CPU time that the hub uses from now until it rests again, and what `act` returns. What it uses while it is idle,
    /// a share of a core, is taken off.
    pub(super) fn processor_of<T>(
        &mut self,
        idle: f64,
        act: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<(Duration, T)> {
        let (begun, before) = (Instant::now(), processor_coarse(self.hub.pid())?);
        let done = act(self)?;
        std::thread::sleep(REST);
        let used = processor_coarse(self.hub.pid())? - before;
        Ok((used.saturating_sub(begun.elapsed().mul_f64(idle)), done))
    }

    /// The hub's share of a core over so long.
    pub(super) fn share(&self, over: Duration) -> Result<f64> {
        let (begun, before) = (Instant::now(), processor_coarse(self.hub.pid())?);
        std::thread::sleep(over);
        Ok((processor_coarse(self.hub.pid())? - before).as_secs_f64() / begun.elapsed().as_secs_f64())
    }

    fn next_value(&mut self) -> String {
        self.values += 1;
        format!("value-{}", self.values)
    }

    fn until_seen(&mut self, begun: &Value) -> Result<Vec<Duration>> {
        let begun = begun["at"].as_u64().context("when it began")?;
        let seen = self.members.send_command(&format!("seen {}", FOLLOW_MAX.as_secs()))?;
        if seen["missing"] != 0 {
            bail!("{} members do not have the change after {} s", seen["missing"], FOLLOW_MAX.as_secs());
        }
        let at = seen["at"].as_array().into_iter().flatten().filter_map(Value::as_u64);
        Ok(at.map(|at| Duration::from_micros(at.saturating_sub(begun))).collect())
    }

    fn until_ready(&mut self, plural: &str, count: usize) -> Result<()> {
        self.driver.send_command(&format!("ready {plural} {count} {}", FOLLOW_MAX.as_secs())).map(drop)
    }

    fn apply(&self, name: &str, objects: &[Value]) -> Result<()> {
        let file = self.scratch.join(format!("{name}.yaml"));
        let text: String = objects.iter().map(|object| format!("---\n{object}\n")).collect();
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        let mut kubectl = Command::new(&self.programs.kubectl);
        kubectl.arg("--kubeconfig").arg(self.hub.kubeconfig()).args(["apply", "--server-side", "--filename"]);
        process::output(kubectl.arg(&file)).map(drop)
    }
}

fn spawn_hub(programs: &Programs, scratch: &Scratch) -> Result<Instance> {
    Instance::start(&programs.hub, &scratch.join("hub"), &["--allow-loopback-members"])
}

fn start_hub(programs: &Programs, scratch: &Scratch) -> Result<Instance> {
    let mut hub = spawn_hub(programs, scratch)?;
    hub.until("hub ready")?;
    Ok(hub)
}

fn drive(programs: &Programs, hub: &Instance, dir: &Path, count: usize) -> Result<Helper> {
    let mut drive = Command::new(&programs.fleet);
    drive.arg("drive").arg(hub.kubeconfig()).arg(dir).arg(count.to_string());
    Ok(Helper::start(&mut drive)?.0)
}

/// A repository with one directory: a Namespace and ConfigMaps, together so many objects.
fn repository(dir: &Path, objects: usize) -> Result<()> {
    let unit = dir.join("unit");
    fs::create_dir_all(&unit).with_context(|| format!("creating {}", unit.display()))?;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    fs::write(unit.join("namespace.yaml"), namespace.to_string()).context("writing the namespace")?;
    for index in 0..objects.saturating_sub(1) {
        let name = format!("settings-{index:03}");
        fs::write(unit.join(format!("{name}.yaml")), map(&name, "value-0")).context("writing an object")?;
    }
    git(dir, &["init", "--quiet", "--initial-branch", "main"])?;
    commit(dir)
}

/// A ConfigMap. JSON is YAML.
fn map(name: &str, value: &str) -> String {
    let data = json!({"text": "x".repeat(TEXT_BYTES), "value": value});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}, "data": data})
        .to_string()
}

fn commit(repository: &Path) -> Result<()> {
    git(repository, &["add", "--all"])?;
    git(repository, &["commit", "--quiet", "--message", "change"])
}

/// git, free of what the developer has configured.
fn git(dir: &Path, args: &[&str]) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(dir).args(["-c", "user.name=bench", "-c", "user.email=bench@example.com"]).args(args);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    process::output(&mut git).map(drop)
}

/// The time that this share of the times is not above; `times` is sorted by it.
pub(super) fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}
