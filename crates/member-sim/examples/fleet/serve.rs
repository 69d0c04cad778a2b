//! The members, and the repository that the hub follows.
//!
//! | command | answer |
//! |---|---|
//! | `expect NAMESPACE NAME VALUE` | when every member is watched: `{}`; from then on it notes when ConfigMap NAME has VALUE under the key `value` |
//! | `seen SECS` | `{"at": [micros…], "missing": members}`, as soon as all have it, or after SECS |
//! | `mark` | counts begin at zero from here |
//! | `counts` | `{"mutations": n, "requests": n, "unwatched": members that nobody has begun to watch}`, since `mark` |

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use git_server::GitServer;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::runtime::watcher::{self, Event, watcher};
use member_sim::{Member, Options};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Fallible, Side, kubeconfig_path, member_name, now_micros};

/// Members that start at a time: each makes its keys, which takes a core.
const STARTS: usize = 16;
/// Longest time until every member is watched.
const WATCHING_MAX: Duration = Duration::from_secs(120);

/// The members of a bench.
pub(crate) struct Members {
    members: Vec<Member>,
    git: GitServer,
    expected: Option<Expected>,
    /// Mutating requests, all requests, and watches of each member at the last `mark`.
    marked: (u64, u64, Vec<u64>),
}

/// An expectation: the watches that look for it, and what they tell.
struct Expected {
    /// `None` when a watch stands, else when it saw the value.
    told: mpsc::UnboundedReceiver<Option<u64>>,
    _watches: JoinSet<()>,
}

impl Members {
    /// Starts the members, writes their kubeconfigs into a folder and serves the repository `repository` in it.
    pub(crate) async fn start(dir: &Path, count: usize) -> Fallible<Self> {
        let starts = (0..count).map(|index| Member::start(Options::new(member_name(index))));
        let members: Vec<Member> = futures::stream::iter(starts).buffered(STARTS).try_collect().await?;
        for (index, member) in members.iter().enumerate() {
            std::fs::write(kubeconfig_path(dir, index), member.kubeconfig())?;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let repositories = BTreeMap::from([("bench".to_owned(), dir.join("repository"))]);
        let git = GitServer::start(listener, repositories, CancellationToken::new())?;
        let marked = (0, 0, vec![0; count]);
        Ok(Self { members, git, expected: None, marked })
    }

    /// Where the repository is served.
    pub(crate) fn git_url(&self) -> String {
        self.git.url("bench")
    }

    async fn expect(&mut self, namespace: &str, name: &str, value: &str) -> Fallible<Value> {
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut watches = JoinSet::new();
        for member in &self.members {
            let api: Api<ConfigMap> = Api::namespaced(member.client(), namespace);
            watches.spawn(look_for(api, format!("metadata.name={name}"), value.to_owned(), tell.clone()));
        }
        let standing = async {
            for _ in 0..self.members.len() {
                if told.recv().await.flatten().is_some() {
                    return Err(format!("{namespace}/{name} has the value {value} already"));
                }
            }
            Ok(())
        };
        tokio::time::timeout(WATCHING_MAX, standing).await??;
        self.expected = Some(Expected { told, _watches: watches });
        Ok(json!({}))
    }

    async fn until_seen(&mut self, limit: Duration) -> Fallible<Value> {
        let mut expected = self.expected.take().ok_or("nothing is expected")?;
        let deadline = Instant::now() + limit;
        let mut at = Vec::new();
        while at.len() < self.members.len() {
            match tokio::time::timeout_at(deadline, expected.told.recv()).await {
                Ok(Some(moment)) => at.extend(moment),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(json!({"at": at, "missing": self.members.len() - at.len()}))
    }

    /// Mutating requests, all requests, and watches of each member so far.
    fn totals(&self) -> (u64, u64, Vec<u64>) {
        let counters = || self.members.iter().map(Member::counters);
        let mutations: u64 = counters().map(|c| c.mutations()).sum();
        let reads: u64 = counters().map(|c| c.verb("get") + c.verb("list") + c.verb("watch")).sum();
        (mutations, mutations + reads, counters().map(|c| c.verb("watch")).collect())
    }
}

impl Side for Members {
    async fn act(&mut self, command: &[&str]) -> Fallible<Value> {
        match command {
            ["expect", namespace, name, value] => self.expect(namespace, name, value).await,
            ["seen", secs] => self.until_seen(Duration::from_secs(secs.parse()?)).await,
            ["mark"] => {
                self.marked = self.totals();
                Ok(json!({}))
            }
            ["counts"] => {
                let (mutations, requests, watches) = self.totals();
                let (mutations, requests) = (mutations - self.marked.0, requests - self.marked.1);
                let unwatched = watches.iter().zip(&self.marked.2).filter(|(now, before)| now <= before).count();
                Ok(json!({"mutations": mutations, "requests": requests, "unwatched": unwatched}))
            }
            other => Err(format!("{other:?} is no command").into()),
        }
    }
}

/// Tells when the watch stands, and when the object has the value.
async fn look_for(api: Api<ConfigMap>, name: String, value: String, tell: mpsc::UnboundedSender<Option<u64>>) {
    let mut events = std::pin::pin!(watcher(api, watcher::Config::default().fields(&name)));
    while let Some(event) = events.next().await {
        let message = match event {
            Ok(Event::InitDone) => None,
            Ok(Event::Apply(map) | Event::InitApply(map))
                if map.data.as_ref().and_then(|data| data.get("value")) == Some(&value) =>
            {
                Some(now_micros())
            }
            // A watch that fails is begun again by the stream.
            _ => continue,
        };
        if tell.send(message).is_err() || message.is_some() {
            return;
        }
    }
}
