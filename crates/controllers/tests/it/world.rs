//! A hub's API in memory, controllers over it, and what they reach: members' APIs in memory, and a repository.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use apiserver::ApiServer;
use client::{Api, NamespacedName, Raw};
use controllers::{Connect, Controller, Controllers, Metrics, Options};
use plan::application::SourceFacts;
use plan::authenticator::HubKey;
use serde_json::{Value, json};
use test_apiserver::{TestClock, client_of};
use tokio::time::{advance, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use crate::member_api::{Answers, MemberApi};
use crate::repository::Repository;

/// How long anything may take. Time is paused: but for git, waiting for it costs nothing.
const DEADLINE: Duration = Duration::from_secs(60);
/// Longer than any period of a controller that has nothing to do.
const QUIET: Duration = Duration::from_secs(61);
/// How often a world is given such a time to come to rest.
const TURNS_MAX: usize = 6;
/// How often a state is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The least real time of a [`LOOK_EVERY`] while a repository is served.
const LOOK_REALLY: Duration = Duration::from_millis(1);

pub(crate) const HUB: &str = "abcdefghij";

pub(crate) fn hub_key() -> HubKey {
    HubKey::from_random([7; 32])
}

/// The controllers of one process.
struct Process {
    controllers: Arc<Controllers>,
    run: AbortOnDropHandle<()>,
    _stop: DropGuard,
}

pub(crate) struct World {
    server: ApiServer,
    pub(crate) api: Raw,
    which: Vec<Controller>,
    /// By name.
    members: Arc<BTreeMap<String, MemberApi>>,
    pub(crate) repository: Option<Repository>,
    dir: tempfile::TempDir,
    process: Option<Process>,
}

impl World {
    /// The hub's API with our kinds, and one controller.
    pub(crate) async fn with(which: Controller) -> Self {
        Self::of(&[which], &[]).await
    }

    /// The hub's API with our kinds, controllers, and members that they can reach. Each member has a record that says so.
    pub(crate) async fn of(which: &[Controller], members: &[&str]) -> Self {
        // A second call only finds it set.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let server = test_apiserver::start().await;
        let api = Api::new(client_of(&server), "test").raw();
        for crd in api::crd::all() {
            api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &crd).await.unwrap();
        }
        let mut started = BTreeMap::new();
        for name in members {
            started.insert((*name).to_owned(), MemberApi::start().await);
        }
        let (which, members, dir) = (which.to_vec(), Arc::new(started), tempfile::tempdir().unwrap());
        let mut world = Self { server, api, which, members, repository: None, dir, process: None };
        for name in world.members.keys() {
            world.attach(name).await;
        }
        world.start();
        world
    }

    /// An attached cluster that is ready, and its member's record.
    async fn attach(&self, name: &str) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"value": kubeconfig(name)},
        });
        self.create(SECRETS, secret).await;
        self.create(ATTACHED, attached(name)).await;
        self.set_status(&format!("{ATTACHED}/{name}"), json!({"ready": true, "member": name})).await;
        let record = json!({
            "apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
            "metadata": {"name": name, "annotations": {
                "kurator.dev/origin": format!("cluster.kurator.dev/AttachedCluster/default/{name}"),
                "kurator.dev/credential-key": "value",
            }},
            "spec": {"syncMode": "Push", "secretRef": {"namespace": "default", "name": name}},
        });
        self.create(CLUSTERS, record).await;
        self.is_ready(name, "True").await;
    }

    /// Writes what a member's record says of it, as its prober would.
    pub(crate) async fn is_ready(&self, member: &str, ready: &str) {
        self.is_ready_and_deliverable(member, ready, "True").await;
    }

    pub(crate) async fn is_ready_and_deliverable(&self, member: &str, ready: &str, deliverable: &str) {
        let condition = |type_: &str, status: &str| {
            json!({"type": type_, "status": status, "reason": "Test", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"})
        };
        let conditions = json!({"conditions": [condition("Ready", ready), condition("Deliverable", deliverable)]});
        self.set_status(&format!("{CLUSTERS}/{member}"), conditions).await;
    }

    /// Kills the controllers, and starts them again without what they had in memory. What was begun ends where it is, also
    /// between two writes.
    pub(crate) async fn kill(&mut self) {
        if let Some(Process { run, _stop: stop, .. }) = self.process.take() {
            run.abort();
            let killed = timeout(DEADLINE, run).await.unwrap();
            assert!(killed.is_err_and(|end| end.is_cancelled()), "the controllers ended by themselves");
            // Watches, fetches and appliers are tasks of their own; in a process that is killed they end too.
            drop(stop);
        }
        self.start();
    }

    /// Stops the controllers in order, and starts them again without what they had in memory.
    pub(crate) async fn restart(&mut self) {
        if let Some(Process { run, _stop: stop, .. }) = self.process.take() {
            drop(stop);
            timeout(DEADLINE, run).await.unwrap().unwrap();
        }
        self.start();
    }

    /// Deletes the cache of artifacts, as an operator may at any time.
    pub(crate) fn lose_cache(&self) {
        std::fs::remove_dir_all(self.dir.path().join("cache")).unwrap();
    }

    fn start(&mut self) {
        let members = self.members.clone();
        let connect = move |credential: &client::Credential| {
            let name = credential.server().trim_start_matches("https://").trim_end_matches(".test");
            members[name].connect()
        };
        let options = Options {
            trust: client::Trust::default(),
            connect: Connect::By(Arc::new(connect)),
            cache: self.dir.path().join("cache"),
            cache_bytes_max: 1 << 20,
            controllers: self.which.iter().copied().collect(),
            metrics: Metrics::default(),
            alive_before: None,
        };
        let (clock, stop) = (Arc::new(TestClock::start()), CancellationToken::new());
        let api = Api::new(client_of(&self.server), "test");
        let hub = HUB.parse().unwrap();
        let controllers =
            Controllers::new(api, clock, Arc::new(|| 0.5), hub, hub_key(), &options, stop.clone()).unwrap();
        let run = AbortOnDropHandle::new(tokio::spawn(controllers.clone().run()));
        self.process = Some(Process { controllers, run, _stop: stop.drop_guard() });
    }

    pub(crate) fn member(&self, name: &str) -> &MemberApi {
        &self.members[name]
    }

    pub(crate) async fn create(&self, collection: &str, object: Value) -> Value {
        self.api.create(collection, &object).await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) {
        self.api.delete(path, &json!({})).await.unwrap();
    }

    /// Writes a part of an object's status, as another controller would.
    pub(crate) async fn set_status(&self, path: &str, status: Value) {
        self.api.merge(&format!("{path}/status"), &json!({"status": status})).await.unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        self.api.get(path).await.unwrap()
    }

    /// Waits until something of an object is as wanted.
    pub(crate) async fn until<T: PartialEq + Debug>(&self, path: &str, of: impl Fn(&Value) -> T, wanted: T) {
        self.wait(&self.api, path, |object| object.map(&of), Some(wanted)).await;
    }

    /// Waits until there is no such object.
    pub(crate) async fn until_gone(&self, path: &str) {
        self.wait(&self.api, path, |object| object.is_some(), false).await;
    }

    /// Waits until something of an object in a member is as wanted.
    pub(crate) async fn until_in<T: PartialEq + Debug>(
        &self,
        member: &str,
        path: &str,
        of: impl Fn(&Value) -> T,
        wanted: T,
    ) {
        self.wait(&self.member(member).api, path, |object| object.map(&of), Some(wanted)).await;
    }

    /// Waits until there is no such object in a member.
    pub(crate) async fn until_gone_in(&self, member: &str, path: &str) {
        self.wait(&self.member(member).api, path, |object| object.is_some(), false).await;
    }

    async fn wait<T: PartialEq + Debug>(&self, api: &Raw, path: &str, of: impl Fn(Option<&Value>) -> T, wanted: T) {
        let mut last = None;
        let wait = async {
            loop {
                last = api.get(path).await.unwrap();
                if of(last.as_ref()) == wanted {
                    return;
                }
                self.pause().await;
            }
        };
        assert!(timeout(DEADLINE, wait).await.is_ok(), "{path} is never {wanted:?}; last: {last:#?}");
    }

    /// Lets a moment pass. Git and its sockets take real time, during which the paused clock would run ahead to deadlines
    /// that they are far from. It stays where it is while a blocking task runs.
    async fn pause(&self) {
        if self.repository.is_none() {
            return sleep(LOOK_EVERY).await;
        }
        #[allow(clippy::disallowed_methods, reason = "real time is what is waited for")]
        tokio::task::spawn_blocking(|| std::thread::sleep(LOOK_REALLY)).await.unwrap();
        advance(LOOK_EVERY).await;
    }

    /// Waits until this process has heard of every source that it follows: then it asks none for a long time.
    async fn until_sources_heard(&self) {
        if !self.which.contains(&Controller::Application) {
            return;
        }
        let list = self.get(APPLICATIONS).await.unwrap();
        let live = list["items"].as_array().unwrap().iter().filter(|a| a["metadata"]["deletionTimestamp"].is_null());
        let fetcher = &self.process.as_ref().unwrap().controllers.fetcher;
        let revisions = self.get(REVISIONS).await.unwrap();
        let remotes = |revision: &Value| revision["spec"]["inputs"]["artifact"]["remotes"].is_object();
        let uses_remotes = revisions["items"].as_array().unwrap().iter().any(remotes);
        for key in live.map(NamespacedName::of_value) {
            let is_whole =
                |facts: &SourceFacts| facts.artifact.is_some() && (!uses_remotes || !facts.remotes.is_empty());
            let is_heard = || fetcher.heard(&key).is_some_and(|facts| is_whole(&facts) || facts.error.is_some());
            let wait = async {
                while !is_heard() {
                    self.pause().await;
                }
            };
            assert!(timeout(DEADLINE, wait).await.is_ok(), "the source of {key} is never heard of");
        }
    }

    /// Mutating requests at the hub and at members, also those that changed nothing.
    fn writes(&self) -> u64 {
        let members = self.members.values().map(|member| &member.server);
        members.chain([&self.server]).map(|server| server.counters().mutations()).sum()
    }

    fn writers(&self) -> String {
        let at = |server: &ApiServer| server.counters().mutations_by_client();
        let members: Vec<_> = self.members.iter().map(|(name, member)| (name, at(&member.server))).collect();
        format!("hub {:?}, members {members:?}", at(&self.server))
    }

    /// Waits until nothing is written for a minute; then controllers that start again after they were killed must write nothing.
    pub(crate) async fn settles(&mut self) {
        let before = self.settled().await;
        self.kill().await;
        self.writes_nothing_since(before).await;
    }

    /// The same after controllers that were stopped in order.
    pub(crate) async fn settles_after_a_stop(&mut self) {
        let before = self.settled().await;
        self.restart().await;
        self.writes_nothing_since(before).await;
    }

    /// Waits until nothing is written for a minute; says what was written until then.
    async fn settled(&self) -> (u64, String) {
        let mut before = self.writes();
        for _ in 0..TURNS_MAX {
            // time: that nothing is written for so long is what is asked.
            sleep(QUIET).await;
            let now = self.writes();
            if now == before {
                return (now, self.writers());
            }
            before = now;
        }
        panic!("it never settles: {}", self.writers());
    }

    async fn writes_nothing_since(&self, (before, writers): (u64, String)) {
        self.until_sources_heard().await;
        // time: as above.
        sleep(QUIET).await;
        assert_eq!(self.writes(), before, "a second pass writes: {}; before it: {writers}", self.writers());
    }

    /// Makes controllers look at an object again, by a change that means nothing to them: nothing else may be written.
    pub(crate) async fn settles_after_touch(&mut self, path: &str) {
        let before = self.writes();
        self.api.merge(path, &json!({"metadata": {"annotations": {"example.com/touched": "yes"}}})).await.unwrap();
        // time: that nothing is written for so long is what is asked.
        sleep(QUIET).await;
        assert_eq!(self.writes(), before + 1, "a second pass of {path} writes: {}", self.writers());
    }

    /// How the hub's requests to a member are answered from now on.
    pub(crate) fn answers(&self, member: &str, how: Answers) {
        self.member(member).answers(how);
    }
}

/// A kubeconfig by which [`World`] finds the member of this name.
pub(crate) fn kubeconfig(member: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: \
         'https://{member}.test'}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, \
         user: {{token: t}}}}]\n"
    )
}

/// Status and reason of an object's condition; empty when there is none.
pub(crate) fn condition(object: &Value, type_: &str) -> (String, String) {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let found = conditions.clone().find(|c| c["type"] == type_);
    let text = |field: &str| found.and_then(|c| c[field].as_str()).unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

pub(crate) fn ready(object: &Value) -> (String, String) {
    condition(object, "Ready")
}

/// What `ready` is compared with.
pub(crate) fn is(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}

pub(crate) const APPLICATIONS: &str = "/apis/apps.kurator.dev/v1alpha1/namespaces/default/applications";
pub(crate) const ATTACHED: &str = "/apis/cluster.kurator.dev/v1alpha1/namespaces/default/attachedclusters";
pub(crate) const CLUSTERS: &str = "/apis/cluster.karmada.io/v1alpha1/clusters";
pub(crate) const DECISIONS: &str = "/apis/delivery.kurator.dev/v1alpha1/namespaces/default/decisions";
pub(crate) const FLEETS: &str = "/apis/fleet.kurator.dev/v1alpha1/namespaces/default/fleets";
pub(crate) const REVISIONS: &str = "/apis/delivery.kurator.dev/v1alpha1/namespaces/default/revisions";
pub(crate) const SECRETS: &str = "/api/v1/namespaces/default/secrets";
pub(crate) const STATUSES: &str = "/apis/delivery.kurator.dev/v1alpha1/memberstatuses";

/// An AttachedCluster whose kubeconfig is in the Secret of its name.
pub(crate) fn attached(name: &str) -> Value {
    json!({
        "apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster", "metadata": {"name": name},
        "spec": {"kubeconfig": {"name": name, "key": "value"}},
    })
}

/// A Fleet that lists AttachedClusters.
pub(crate) fn fleet(name: &str, members: &[&str]) -> Value {
    let clusters: Vec<Value> = members.iter().map(|m| json!({"kind": "AttachedCluster", "name": m})).collect();
    json!({
        "apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet", "metadata": {"name": name},
        "spec": {"clusters": clusters},
    })
}
