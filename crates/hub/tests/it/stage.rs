//! A hub, members, a repository; and waiting for states.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api::condition::{self, Condition};
use api::kurator::apps::v1alpha1::Application;
use component::Repository;
use controllers::Controller;
use git_server::GitServer;
use hub::{Hub, Options, SystemClock};
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use member_sim::Member;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::external::External;

/// Longest wait for any state; a loaded machine needs a few seconds at most.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Longest wait for a store that was closed: a child needs milliseconds until it is a program of its own.
const FREE_WITHIN: Duration = Duration::from_secs(5);

/// Everything a test needs.
pub(crate) struct Stage {
    pub(crate) dir: TempDir,
    pub(crate) hub: Hub,
    pub(crate) members: Vec<Member>,
    repository: Repository,
    pub(crate) git: GitServer,
    /// Where the objects are, when that is not the hub in this process.
    external: Option<External>,
    _git_stop: tokio_util::sync::DropGuard,
}

/// Waits until `look` finds something; panics with what it was and what was seen last.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = tokio::time::Instant::now() + WAIT_MAX;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(tokio::time::Instant::now() < deadline, "waited for {what}; last seen: {seen}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn start_hub(dir: &Path) -> Hub {
    start_hub_with(dir, &Controller::ALL).await
}

async fn start_hub_with(dir: &Path, controllers: &[Controller]) -> Hub {
    try_start_hub(dir, controllers).await.unwrap()
}

/// Starts a hub, or says why it does not start.
pub(crate) async fn try_start_hub(dir: &Path, controllers: &[Controller]) -> Result<Hub, hub::Error> {
    let options = Options {
        directory: dir.join("hub"),
        listen: ([127, 0, 0, 1], 0).into(),
        hook_listen: None,
        advertise: None,
        trust: client::Trust { loopback: true },
        controllers: controllers.iter().copied().collect(),
    };
    // A second call only finds it set.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let deadline = tokio::time::Instant::now() + FREE_WITHIN;
    loop {
        let started = Hub::start(options.clone(), Arc::new(SystemClock), CancellationToken::new()).await;
        match started {
            // Tests of this process start git all the time. Between its fork and its exec a child has every file of its
            // parent open, so that the lock of a store that was closed a moment ago may still be held.
            Err(hub::Error::Store(store::disk::OpenError::Locked { .. })) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            started => return started,
        }
    }
}

impl Stage {
    /// A hub, members of these names (each with the label `name`), and a repository with a ConfigMap, a Deployment and
    /// their namespace below `app/`.
    pub(crate) async fn new(members: &[&str]) -> Self {
        Box::pin(Self::with(members, &Controller::ALL, None)).await
    }

    /// The same with a hub in whose process no controller runs.
    pub(crate) async fn without_controllers(members: &[&str]) -> Self {
        Box::pin(Self::with(members, &[], None)).await
    }

    /// The same with all objects on another API server. The hub in this process has nothing to do.
    pub(crate) async fn on(external: External, members: &[&str]) -> Self {
        Box::pin(Self::with(members, &[], Some(external))).await
    }

    async fn with(members: &[&str], controllers: &[Controller], external: Option<External>) -> Self {
        let dir = TempDir::new().unwrap();
        let repository = Repository::new(dir.path().join("repo"));
        let stop = CancellationToken::new();
        let hub = start_hub_with(dir.path(), controllers).await;
        let mut started = Vec::new();
        for name in members {
            started.push(Member::start(member_sim::Options::new(*name)).await.unwrap());
        }
        repository.write("app/namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: app}\n");
        repository.write("app/settings.yaml", settings("one"));
        repository.write(
            "app/web.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: app}\nspec:\n  replicas: 1\n  \
             selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      \
             containers: [{name: web, image: example/web:1}]\n",
        );
        repository.commit();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let git = GitServer::start(
            listener,
            BTreeMap::from([("app".to_owned(), repository.path().to_owned())]),
            stop.clone(),
        )
        .unwrap();
        if let Some(external) = &external {
            external.install(&hub.client()).await;
        }
        let stage = Self { dir, hub, members: started, repository, git, external, _git_stop: stop.drop_guard() };
        for name in members {
            stage.attach(name).await;
        }
        stage.fleet(members).await;
        stage
    }

    pub(crate) fn client(&self) -> Client {
        self.external.as_ref().map_or_else(|| self.hub.client(), External::client)
    }

    pub(crate) fn member(&self, name: &str) -> &Member {
        self.members.iter().find(|m| m.name() == name).unwrap()
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.repository.path().to_owned()
    }

    /// Writes files and commits.
    pub(crate) fn commit(&self, files: &[(&str, Option<&str>)]) {
        for (path, text) in files {
            match text {
                Some(text) => self.repository.write(path, text),
                None => std::fs::remove_file(self.repo().join(path)).unwrap(),
            }
        }
        self.repository.commit();
    }

    /// Moves a directory, and commits.
    pub(crate) fn rename(&self, from: &str, to: &str) {
        self.repository.git(&["mv", from, to]);
        self.repository.commit();
    }

    /// The same on a branch of its own; the main branch stays.
    pub(crate) fn commit_on(&self, branch: &str, files: &[(&str, Option<&str>)]) -> String {
        self.repository.git(&["checkout", "-q", "-b", branch]);
        self.commit(files);
        let commit = self.repository.git(&["rev-parse", "HEAD"]);
        self.repository.git(&["checkout", "-q", "main"]);
        commit
    }

    /// Applies an object to the hub.
    pub(crate) async fn apply(&self, object: Value) -> Result<DynamicObject, kube::Error> {
        apply(&self.client(), object).await
    }

    /// Declares a member of this stage.
    pub(crate) async fn attach(&self, name: &str) {
        let kubeconfig = self.member(name).kubeconfig().to_owned();
        self.attach_with(name, &kubeconfig, json!({})).await;
    }

    /// Declares a member with a kubeconfig.
    pub(crate) async fn attach_with(&self, name: &str, kubeconfig: &str, extra: Value) {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "default"},
            "stringData": {"value": kubeconfig}});
        self.apply(secret).await.unwrap();
        let mut attached = json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
            "metadata": {"name": name, "namespace": "default", "labels": {"name": name}},
            "spec": {"kubeconfig": {"name": name, "key": "value"}}});
        for (field, value) in extra.as_object().unwrap() {
            attached["spec"][field] = value.clone();
        }
        self.apply(attached).await.unwrap();
    }

    pub(crate) async fn fleet(&self, members: &[&str]) {
        let clusters: Vec<Value> = members.iter().map(|m| json!({"kind": "AttachedCluster", "name": m})).collect();
        self.apply(json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet",
            "metadata": {"name": "f", "namespace": "default"}, "spec": {"clusters": clusters}}))
            .await
            .unwrap();
    }

    /// An Application of one policy over the whole fleet, polled every second.
    pub(crate) fn application(&self) -> Value {
        json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
        "metadata": {"name": "app", "namespace": "default"},
        "spec": {
            "source": {"gitRepository": {"url": self.git.url("app"), "interval": "1s", "ref": {"branch": "main"}}},
            "destination": {"fleet": "f"},
            "syncPolicies": [{"name": "p", "kustomization": {"interval": "5m", "path": "./app", "prune": true}}],
        }})
    }

    pub(crate) async fn condition(&self, type_: &str) -> Option<Condition> {
        let api: Api<Application> = Api::namespaced(self.client(), "default");
        let app = api.get_opt("app").await.unwrap()?;
        condition::find(&app.status?.conditions, type_).cloned()
    }

    /// Waits until the Application's `Ready` has this status and reason.
    pub(crate) async fn ready(&self, status: &str, reason: &str) -> Condition {
        until(&format!("Ready {status} {reason}"), async || match self.condition("Ready").await {
            Some(c) if c.status == status && c.reason == reason => Ok(c),
            other => Err(format!("{other:?}")),
        })
        .await
    }

    /// Waits until the Application is ready at the newest commit.
    pub(crate) async fn synced(&self) {
        let head = self.repository.git(&["rev-parse", "HEAD"]);
        until("the newest commit to be ready", async || {
            let source = self.condition("SourceReady").await.map(|c| c.message).unwrap_or_default();
            let ready = self.condition("Ready").await;
            match ready {
                Some(c) if c.status == "True" && source.ends_with(&head) => Ok(()),
                other => Err(format!("{source}: {other:?}")),
            }
        })
        .await;
    }

    /// Waits until the repository has been asked this many times more.
    pub(crate) async fn polled(&self, times: u64) {
        let goal = self.git.listed() + times;
        until("the repository to be asked", async || match self.git.listed() {
            now if now >= goal => Ok(()),
            now => Err(format!("{now} of {goal}")),
        })
        .await;
    }

    /// Mutating requests at the hub and at each member.
    pub(crate) fn mutations(&self) -> Vec<u64> {
        let members = self.members.iter().map(|m| m.counters().mutations());
        std::iter::once(self.hub.counters().mutations()).chain(members).collect()
    }
}

pub(crate) async fn apply(client: &Client, object: Value) -> Result<DynamicObject, kube::Error> {
    let gvk = model::object::gvk(&object).unwrap();
    let name = model::object::name(&object).unwrap().to_owned();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(&gvk.group, &gvk.version, &gvk.kind));
    let api: Api<DynamicObject> = match model::object::namespace(&object) {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    api.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(&object)).await
}

pub(crate) fn settings(value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings, namespace: app}}\ndata: {{value: {value}}}\n")
}
