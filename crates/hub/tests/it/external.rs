//! The controllers against a real kube-apiserver with etcd: what they need of a hub is what Kubernetes has.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Config, ResourceExt};
use tempfile::TempDir;

use crate::split::{HALVES, Process, kill_in_mid_delivery};
use crate::stage::{Stage, until};

/// A running API server. Dropping it ends its processes.
pub(crate) struct External {
    config: Config,
    children: Vec<Child>,
    _dir: TempDir,
}

impl Drop for External {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl External {
    /// Starts it, when its programs are here.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        let (etcd, server) = (component::program("etcd", test)?, component::program("kube-apiserver", test)?);
        let dir = TempDir::new().unwrap();
        let [client, peer, secure] = ports();
        let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
        let at = |name: &str| dir.path().join(name).display().to_string();
        let etcd = spawn(
            &etcd,
            &dir.path().join("etcd.log"),
            &[
                &format!("--data-dir={}", at("etcd")),
                &format!("--listen-client-urls={client}"),
                &format!("--advertise-client-urls={client}"),
                &format!("--listen-peer-urls={peer}"),
                &format!("--initial-advertise-peer-urls={peer}"),
                &format!("--initial-cluster=default={peer}"),
                "--unsafe-no-fsync",
                "--log-level=warn",
            ],
        );
        let (private, public) = pki::token_key().unwrap();
        fs::write(dir.path().join("service-account.key"), private).unwrap();
        fs::write(dir.path().join("service-account.pub"), public).unwrap();
        fs::write(dir.path().join("tokens.csv"), "secret,admin,admin,system:masters\n").unwrap();
        let server = spawn(
            &server,
            &dir.path().join("kube-apiserver.log"),
            &[
                &format!("--etcd-servers={client}"),
                &format!("--secure-port={secure}"),
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--endpoint-reconciler-type=none",
                &format!("--cert-dir={}", at("certs")),
                "--service-account-issuer=https://kubernetes.default.svc",
                &format!("--service-account-key-file={}", at("service-account.pub")),
                &format!("--service-account-signing-key-file={}", at("service-account.key")),
                "--service-cluster-ip-range=10.96.0.0/16",
                "--authorization-mode=RBAC",
                &format!("--token-auth-file={}", at("tokens.csv")),
            ],
        );
        let mut config = Config::new(format!("https://127.0.0.1:{secure}").parse().unwrap());
        // The server has just made its certificate itself, on loopback.
        config.accept_invalid_certs = true;
        config.auth_info.token = Some("secret".to_owned().into());
        let external = Self { config, children: vec![etcd, server], _dir: dir };
        // A second call only finds it set.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let api = external.client();
        until("kube-apiserver to be ready", async || {
            let asked = http::Request::get("/readyz").body(Vec::new()).unwrap();
            api.request_text(asked).await.map(drop).map_err(|e| e.to_string())
        })
        .await;
        Some(external)
    }

    /// A client of its own.
    pub(crate) fn client(&self) -> Client {
        Client::try_from(self.config.clone()).unwrap()
    }

    /// What every hub has: our CRDs, the system namespace, and the Secrets that another hub has made.
    pub(crate) async fn install(&self, other: &Client) {
        let client = self.client();
        let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
        let params = PatchParams::apply("test").force();
        for crd in api::crd::all() {
            let name = model::object::name(&crd).unwrap().to_owned();
            definitions.patch(&name, &params, &Patch::Apply(&crd)).await.unwrap();
        }
        until("the definitions to be established", async || {
            let all = definitions.list(&Default::default()).await.unwrap();
            let is_established = |crd: &&CustomResourceDefinition| {
                let conditions = crd.status.iter().flat_map(|s| s.conditions.iter().flatten());
                conditions.clone().any(|c| c.type_ == "Established" && c.status == "True")
            };
            let missing: Vec<String> =
                all.items.iter().filter(|c| !is_established(c)).map(ResourceExt::name_any).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?}")) }
        })
        .await;
        let system = Namespace { metadata: named("kurator-system"), ..Namespace::default() };
        Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &system).await.unwrap();
        for name in ["kurator-hub-id", "kurator-hub-key"] {
            let made: Secret = Api::namespaced(other.clone(), "kurator-system").get(name).await.unwrap();
            let copy = Secret { metadata: named(name), data: made.data, ..Secret::default() };
            let secrets: Api<Secret> = Api::namespaced(client.clone(), "kurator-system");
            secrets.create(&PostParams::default(), &copy).await.unwrap();
        }
    }
}

fn named(name: &str) -> kube::core::ObjectMeta {
    kube::core::ObjectMeta { name: Some(name.to_owned()), ..Default::default() }
}

fn spawn(program: &Path, log: &Path, args: &[&str]) -> Child {
    let log = fs::File::create(log).unwrap();
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

/// Ports that nobody listens on. They lie below those that Linux gives away (from 32768 on): between now and the start
/// of the program that gets them, a connection of another test may be given any of the latter.
fn ports<const N: usize>() -> [u16; N] {
    let mut next = 20_000 + u16::try_from(std::process::id() % 1_000).unwrap() * 12;
    let held = [(); N].map(|()| {
        loop {
            next += 1;
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", next)) {
                return listener;
            }
        }
    });
    held.map(|listener| listener.local_addr().unwrap().port())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_of_the_controllers_deliver_over_a_real_kube_apiserver_also_when_one_is_killed() {
    let Some(external) = External::start("hub::external").await else { return };
    let stage = Stage::on(external, &["a", "b"]).await;
    let mut halves = Vec::new();
    for half in HALVES {
        halves.push(Process::start(&stage, half).await);
    }
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    kill_in_mid_delivery(&stage, &mut halves, 1, "two").await;
    kill_in_mid_delivery(&stage, &mut halves, 0, "three").await;
    // Nothing is written any more: the server's own revision of our kinds stays.
    let newest = async || {
        let mut all = Vec::new();
        for crd in api::crd::all() {
            let text = |path: &[&str]| model::object::get_str(&crd, path).unwrap_or_default().to_owned();
            let (group, plural) = (text(&["spec", "group"]), text(&["spec", "names", "plural"]));
            let path = format!("/apis/{group}/v1alpha1/{plural}");
            let list = stage.client().request_text(http::Request::get(path).body(Vec::new()).unwrap()).await;
            let list: serde_json::Value = serde_json::from_str(&list.unwrap()).unwrap();
            let versions = list["items"].as_array().into_iter().flatten();
            all.extend(versions.map(|item| item["metadata"]["resourceVersion"].to_string()));
        }
        all
    };
    until("the hub to come to rest", async || {
        let before = newest().await;
        stage.polled(3).await;
        let after = newest().await;
        if before == after { Ok(()) } else { Err(format!("{before:?} {after:?}")) }
    })
    .await;
}
