//! A real Kubernetes as a member: etcd, kube-apiserver, kube-controller-manager and kube-scheduler as processes on
//! loopback, with KWOK in the place of kubelets. No container ever runs; everything else is upstream's own.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::tools::Tools;

/// The programs that a real member needs.
pub(crate) const PROGRAMS: &[&str] =
    &["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "kubectl"];

/// How long a component may take until it answers. A start takes 3 s on an idle machine; CI machines are slow and busy.
const READY: Duration = Duration::from_secs(120);

/// Between two looks at something that becomes ready.
const LOOK: Duration = Duration::from_millis(200);

/// Does etcd wait for the disk?
#[derive(Clone, Copy)]
enum Disk {
    /// A write is answered when it is on disk.
    Durable,
    /// What it holds need not survive the machine.
    Lazy,
}

/// A running control plane. Dropping it ends its processes; its folder stays, so that the logs can be read.
pub(crate) struct Real {
    dir: PathBuf,
    kubectl: PathBuf,
    children: Vec<(&'static str, Child)>,
}

impl Real {
    /// Starts every component under `dir` and waits until `nodes` nodes are ready.
    ///
    /// # Errors
    ///
    /// A program that is not in the cache, or a component that ends or does not answer in time; its log is named.
    pub(crate) fn start(tools: &Tools, dir: &Path, nodes: usize) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        let mut real =
            Self { dir: dir.to_owned(), kubectl: tools.require("kubectl")?.to_owned(), children: Vec::new() };
        let [client, peer, secure, controller, scheduler, kubelet] = ports()?;
        real.etcd(tools, client, peer, Disk::Lazy)?;
        real.apiserver(tools, client, secure)?;
        real.controllers(tools, controller, scheduler, kubelet)?;
        real.nodes(nodes)?;
        Ok(real)
    }

    /// Starts only etcd and kube-apiserver, durable as in production: the baseline of benches.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub(crate) fn api(tools: &Tools, dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        let mut real =
            Self { dir: dir.to_owned(), kubectl: tools.require("kubectl")?.to_owned(), children: Vec::new() };
        let [client, peer, secure] = ports()?;
        real.etcd(tools, client, peer, Disk::Durable)?;
        real.apiserver(tools, client, secure)?;
        Ok(real)
    }

    /// Its processes.
    pub(crate) fn pids(&self) -> impl Iterator<Item = u32> + '_ {
        self.children.iter().map(|(_, child)| child.id())
    }

    /// The path of the kubeconfig of the member's administrator.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    /// The member's answer to a kubectl command.
    pub(crate) fn kubectl(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.kubectl);
        command.arg("--kubeconfig").arg(self.kubeconfig()).args(args);
        crate::process::output(&mut command)
    }

    /// Freezes the API server: connections are accepted by the kernel and never answered, as when a network is lost.
    pub(crate) fn freeze(&self) -> Result<()> {
        self.signal("kube-apiserver", "STOP")
    }

    /// Lets a frozen API server go on.
    pub(crate) fn thaw(&self) -> Result<()> {
        self.signal("kube-apiserver", "CONT")
    }

    /// The last lines of every component's log: they say why a scene failed.
    pub(crate) fn logs(&self) -> String {
        let mut all = String::new();
        for (name, _) in &self.children {
            all += &format!("--- {name}\n{}\n", tail(&self.dir.join(format!("{name}.log"))));
        }
        all
    }

    fn signal(&self, name: &str, signal: &str) -> Result<()> {
        let child = self.children.iter().find(|(n, _)| *n == name).with_context(|| format!("no {name} runs"))?;
        crate::process::output(Command::new("kill").args([&format!("-{signal}"), &child.1.id().to_string()])).map(drop)
    }

    fn etcd(&mut self, tools: &Tools, client: u16, peer: u16, disk: Disk) -> Result<()> {
        let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
        self.spawn(
            "etcd",
            Command::new(tools.require("etcd")?),
            &[
                &format!("--data-dir={}", self.dir.join("etcd").display()),
                &format!("--listen-client-urls={client}"),
                &format!("--advertise-client-urls={client}"),
                &format!("--listen-peer-urls={peer}"),
                &format!("--initial-advertise-peer-urls={peer}"),
                &format!("--initial-cluster=default={peer}"),
                match disk {
                    Disk::Durable => "--unsafe-no-fsync=false",
                    Disk::Lazy => "--unsafe-no-fsync",
                },
                "--log-level=warn",
            ],
        )
    }

    /// kube-apiserver with the smallest set of flags that works on loopback, and a kubeconfig for its administrator.
    fn apiserver(&mut self, tools: &Tools, etcd: u16, secure: u16) -> Result<()> {
        let (key, tokens, certs) =
            (self.dir.join("service-account.key"), self.dir.join("tokens.csv"), self.dir.join("certs"));
        fs::write(&key, signing_key()?).context("writing the key of service accounts")?;
        let token = random(24)?.iter().map(|b| format!("{b:02x}")).collect::<String>();
        fs::write(&tokens, format!("{token},admin,admin,system:masters\n")).context("writing the tokens")?;
        let program = Command::new(tools.require("kube-apiserver")?);
        self.spawn(
            "kube-apiserver",
            program,
            &[
                &format!("--etcd-servers=http://127.0.0.1:{etcd}"),
                &format!("--secure-port={secure}"),
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--endpoint-reconciler-type=none",
                &format!("--cert-dir={}", certs.display()),
                "--service-account-issuer=https://kubernetes.default.svc",
                // As managed clusters have it: requested tokens are good for two days at most.
                "--service-account-max-token-expiration=48h",
                &format!("--service-account-key-file={}", key.display()),
                &format!("--service-account-signing-key-file={}", key.display()),
                "--service-cluster-ip-range=10.96.0.0/16",
                "--authorization-mode=RBAC",
                &format!("--token-auth-file={}", tokens.display()),
            ],
        )?;
        // The certificate is made by the server itself: the file holds it and the authority that signed it.
        let certificate = certs.join("apiserver.crt");
        self.until("kube-apiserver", "its certificate", |_| Ok(fs::metadata(&certificate).is_ok_and(|m| m.len() > 0)))?;
        let authority = BASE64.encode(fs::read(&certificate).context("reading the member's certificate")?);
        fs::write(
            self.kubeconfig(),
            format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: real\n\
                 clusters:\n- name: real\n  cluster:\n    server: https://127.0.0.1:{secure}\n    certificate-authority-data: {authority}\n\
                 users:\n- name: admin\n  user:\n    token: {token}\n\
                 contexts:\n- name: real\n  context:\n    cluster: real\n    user: admin\n"
            ),
        )
        .context("writing the member's kubeconfig")?;
        self.until("kube-apiserver", "/readyz", |real| {
            Ok(real.kubectl(&["get", "--raw=/readyz"]).is_ok_and(|a| a == "ok"))
        })
    }

    fn controllers(&mut self, tools: &Tools, controller: u16, scheduler: u16, kubelet: u16) -> Result<()> {
        let kubeconfig = format!("--kubeconfig={}", self.kubeconfig().display());
        let certs = self.dir.join("certs").display().to_string();
        self.spawn(
            "kube-controller-manager",
            Command::new(tools.require("kube-controller-manager")?),
            &[
                &kubeconfig,
                "--leader-elect=false",
                "--bind-address=127.0.0.1",
                &format!("--secure-port={controller}"),
                &format!("--service-account-private-key-file={}", self.dir.join("service-account.key").display()),
                &format!("--root-ca-file={certs}/apiserver.crt"),
                "--allocate-node-cidrs=true",
                "--cluster-cidr=10.244.0.0/16",
            ],
        )?;
        self.spawn(
            "kube-scheduler",
            Command::new(tools.require("kube-scheduler")?),
            &[&kubeconfig, "--leader-elect=false", "--bind-address=127.0.0.1", &format!("--secure-port={scheduler}")],
        )?;
        self.spawn(
            "kwok",
            Command::new(tools.require("kwok")?),
            &[
                &kubeconfig,
                &format!("--config={}", tools.folder("kwok")?.join("stages.yaml").display()),
                "--manage-all-nodes=true",
                "--node-lease-duration-seconds=40",
                &format!("--node-port={kubelet}"),
            ],
        )
    }

    /// Creates the nodes and waits until the member says that they are ready and that accounts are made.
    fn nodes(&mut self, count: usize) -> Result<()> {
        let items: Vec<serde_json::Value> = (1..=count)
            .map(|i| {
                let name = format!("node-{i}");
                let resources = serde_json::json!({"cpu": "8", "memory": "16Gi", "pods": "110"});
                serde_json::json!({
                    "apiVersion": "v1", "kind": "Node",
                    "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
                    "status": {"capacity": resources, "allocatable": resources},
                })
            })
            .collect();
        let list = self.dir.join("nodes.json");
        fs::write(&list, serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
            .context("writing the nodes")?;
        self.kubectl(&["apply", "-f", &list.to_string_lossy()])?;
        let ready = r#"{range .items[*]}{range .status.conditions[?(@.type=="Ready")]}{.status} {end}{end}"#;
        self.until("kwok", "its nodes Ready", |real| {
            let said = real.kubectl(&["get", "nodes", "-o", &format!("jsonpath={ready}")])?;
            Ok(said.split_whitespace().filter(|s| *s == "True").count() == count)
        })?;
        self.until("kube-controller-manager", "the default service account", |real| {
            Ok(real.kubectl(&["get", "serviceaccount", "default", "-o", "name"]).is_ok())
        })
    }

    /// Starts a component with its output in a log of its own.
    fn spawn(&mut self, name: &'static str, mut command: Command, args: &[&str]) -> Result<()> {
        let log =
            File::create(self.dir.join(format!("{name}.log"))).with_context(|| format!("opening {name}'s log"))?;
        let twin = log.try_clone().with_context(|| format!("opening {name}'s log"))?;
        command.args(args).stdin(Stdio::null()).stdout(twin).stderr(log);
        self.children.push((name, command.spawn().with_context(|| format!("starting {name}"))?));
        Ok(())
    }

    /// Waits for a state of a component; fails at once when any component has ended.
    fn until(&mut self, name: &str, what: &str, mut check: impl FnMut(&Self) -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        while !check(self)? {
            for (name, child) in &mut self.children {
                if let Some(status) = child.try_wait().with_context(|| format!("looking at {name}"))? {
                    bail!("{name} ended, {status}:\n{}", tail(&self.dir.join(format!("{name}.log"))));
                }
            }
            if start.elapsed() > READY {
                bail!(
                    "{name}: no {what} after {} s:\n{}",
                    READY.as_secs(),
                    tail(&self.dir.join(format!("{name}.log")))
                );
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        // Nothing can be done about a process that is gone already. A stopped process is killed no less.
        for (_, child) in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The last lines of a log.
fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// Ports that nobody listens on now; all are held until all are known, so that they differ. They lie below those that
/// Linux gives away (from 32768 on), so that no connection is given one before the program that gets it listens.
fn ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    let first = 20_000 + u16::try_from(std::process::id() % 1_000)? * 12;
    let mut candidates = first..32_768;
    for port in &mut ports {
        let listener = candidates.find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
        let listener = listener.context("looking for a free port")?;
        *port = listener.local_addr().context("looking for a free port")?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Bytes from the system's source of randomness.
fn random(count: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes)).context("reading /dev/urandom")?;
    Ok(bytes)
}

/// A fresh P-256 key for the tokens of service accounts, as RFC 5915 writes it in PEM. The public half is optional
/// there, and every reader computes it.
fn signing_key() -> Result<String> {
    let mut der = vec![0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20];
    let mut secret = random(32)?;
    // Below the order of the curve, which begins with four bytes of ones.
    secret[0] &= 0x7f;
    der.extend(secret);
    der.extend([0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    Ok(format!("-----BEGIN EC PRIVATE KEY-----\n{}\n-----END EC PRIVATE KEY-----\n", BASE64.encode(der)))
}
