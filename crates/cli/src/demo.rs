//! The demo: three simulated members, a git repository served on loopback, and `examples/demo` applied.
//!
//! Everything of it is under `DIR/demo`; members run in this process, each with its own store and TLS listener, and the
//! hub reaches them by nothing but the kubeconfig in their Secret.

pub(crate) mod control;
pub(crate) mod progress;
mod repository;
pub(crate) mod scene;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use git_server::GitServer;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use member_sim::{Member, NodeSpec};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::connect::Api;

/// Name of the demo's Application.
pub(crate) const APPLICATION: &str = "shop";
const FIELD_MANAGER: &str = "kurator-demo";

const FLEET: &str = include_str!("../../../examples/demo/fleet.yaml");
const APPLICATION_YAML: &str = include_str!("../../../examples/demo/application.yaml");

/// Members: name, region, nodes.
const MEMBERS: [(&str, &str, usize); 3] =
    [("beijing", "cn-north", 3), ("shanghai", "cn-east", 2), ("virginia", "us-east", 2)];

/// What the demo runs beside the hub.
pub(crate) struct Demo {
    members: Vec<Member>,
    git: GitServer,
}

/// Directory of the demo's repository.
pub(crate) fn repository(dir: &Path) -> PathBuf {
    dir.join("demo/repo")
}

impl Demo {
    /// Makes or opens everything under `DIR/demo` and starts it.
    pub(crate) async fn start(dir: &Path, shutdown: CancellationToken) -> anyhow::Result<Self> {
        let demo = dir.join("demo");
        std::fs::create_dir_all(&demo).with_context(|| format!("cannot make {}", demo.display()))?;
        let repo = repository(dir);
        let made = tokio::task::spawn_blocking({
            let repo = repo.clone();
            move || repository::create(&repo)
        });
        let members = futures::future::try_join_all(MEMBERS.iter().map(|member| start_member(&demo, member)));
        let (made, members) = tokio::join!(made, members);
        made.context("the demo's repository")??;
        // Before anything is written: members hold the locks of their stores, and a second process ends here.
        let members = members?;
        let listener = listen(&demo.join("git.port")).await.context("the demo's git server")?;
        let repositories = BTreeMap::from([(APPLICATION.to_owned(), repo)]);
        let git = GitServer::start(listener, repositories, shutdown).context("the demo's git server")?;
        Ok(Self { members, git })
    }

    /// Names of the members.
    pub(crate) fn names(&self) -> Vec<String> {
        self.members.iter().map(|m| m.name().to_owned()).collect()
    }

    /// Kubeconfigs of the members, each with one context of its name.
    pub(crate) fn kubeconfigs(&self) -> Vec<String> {
        self.members.iter().map(|m| m.kubeconfig().to_owned()).collect()
    }

    /// One member.
    pub(crate) fn member(&self, name: &str) -> anyhow::Result<&Member> {
        self.members
            .iter()
            .find(|m| m.name() == name)
            .with_context(|| format!("there is no member {name:?} in the demo (there is: {})", self.names().join(", ")))
    }

    /// All members.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Applies the members' Secrets and `examples/demo`, as far as they are not there: what was changed since stays, but
    /// for the port of the demo's own git server, if that had to change.
    pub(crate) async fn install(&self, hub: &Client) -> anyhow::Result<()> {
        let secrets: Api<Secret> = Api::namespaced(hub.clone(), "default");
        let params =
            PatchParams { force: true, field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        for member in &self.members {
            let name = format!("{}-kubeconfig", member.name());
            let wanted = ByteString(member.kubeconfig().as_bytes().to_vec());
            let stored = secrets.get_opt(&name).await.context("the members' kubeconfigs")?;
            if stored.and_then(|s| s.data.unwrap_or_default().remove("value")) == Some(wanted.clone()) {
                continue;
            }
            let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                "data": {"value": wanted}});
            secrets.patch(&name, &params, &Patch::Apply(&secret)).await.context("the members' kubeconfigs")?;
        }
        let merge = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let mut objects = model::yaml::documents(FLEET)?;
        let mut applications = model::yaml::documents(APPLICATION_YAML)?;
        for application in &mut applications {
            application["spec"]["source"]["gitRepository"]["url"] = json!(self.git.url(APPLICATION));
        }
        objects.extend(applications);
        for object in objects {
            let gvk = model::object::gvk(&object).context("examples/demo")?;
            let name = model::object::name(&object).unwrap_or_default().to_owned();
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(&gvk.group, &gvk.version, &gvk.kind));
            let api: kube::Api<DynamicObject> = kube::Api::namespaced_with(hub.clone(), "default", &resource);
            let about = || format!("examples/demo: {} {name}", gvk.kind);
            let url = |object: &Value| object["spec"]["source"]["gitRepository"]["url"].as_str().map(str::to_owned);
            match api.get_opt(&name).await.with_context(about)? {
                None => drop(api.patch(&name, &params, &Patch::Apply(&object)).await.with_context(about)?),
                Some(stored) => {
                    let ours = url(&stored.data).filter(|url| is_own_git(url));
                    if let (Some(old), Some(new)) = (ours, url(&object))
                        && old != new
                    {
                        let moved = json!({"spec": {"source": {"gitRepository": {"url": new}}}});
                        api.patch(&name, &merge, &Patch::Merge(&moved)).await.with_context(about)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Ends the members after what they have begun.
    pub(crate) async fn stop(self) {
        futures::future::join_all(self.members.into_iter().map(Member::stop)).await;
    }
}

async fn start_member(demo: &Path, &(name, region, nodes): &(&str, &str, usize)) -> anyhow::Result<Member> {
    let node = |n: usize| NodeSpec { region: region.to_owned(), ..NodeSpec::new(format!("{name}-{n}")) };
    let options = member_sim::Options {
        dir: Some(demo.join("members").join(name)),
        nodes: (1..=nodes).map(node).collect(),
        region: region.to_owned(),
        clock: std::sync::Arc::new(hub::SystemClock),
        seed: u64::from_le_bytes(hub::entropy::bytes()),
        events: true,
        ..member_sim::Options::new(name)
    };
    Member::start(options).await.with_context(|| format!("member {name}"))
}

/// Whether a URL is that of a demo's git server, whatever its port.
fn is_own_git(url: &str) -> bool {
    url.starts_with("http://127.0.0.1:") && url.ends_with(&format!("/{APPLICATION}.git"))
}

/// Binds to the port of the last time, so that the Application's URL stays right; else to any, which is kept.
async fn listen(file: &Path) -> anyhow::Result<TcpListener> {
    let before = hub::directory::read(file)?.and_then(|text| text.trim().parse::<u16>().ok());
    if let Some(port) = before
        && let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await
    {
        return Ok(listener);
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    hub::directory::write(file, &listener.local_addr()?.port().to_string())?;
    Ok(listener)
}
