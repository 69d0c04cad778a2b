//! The client: what people ask of a hub, and what a hub asks of members, without the hub.
//!
//! | command | answer |
//! |---|---|
//! | `ready PLURAL COUNT SECS` | `{"at": micros}` when so many `attachedclusters` or `applications` are Ready |
//! | `sync` | `{"at": micros}`: the Application `bench` is asked to fetch; the time is before the request |
//! | `revision` | `{"revision": n}`: how many writes the hub's store has seen |
//! | `prepare` | the floor's namespace is made in every member, and each connection stands |
//! | `floor VALUE BYTES` | `{"at": micros}`: one server-side apply to each member, all at once; the time is before the first |

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use client::{Credential, Document, Resource, Trust};
use futures::StreamExt as _;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{Fallible, Side, kubeconfig_path, now_micros};

/// The namespace of the floor's object; the hub does not know it.
const FLOOR: &str = "floor";
/// The field manager of the floor.
const MANAGER: &str = "bench";

/// A client of the hub and of every member.
pub(crate) struct Driver {
    hub: Client,
    members: Vec<client::Api>,
}

impl Driver {
    /// Makes the clients. Those of members have the settings that the hub's have.
    pub(crate) async fn start(hub: &Path, dir: &Path, count: usize) -> Fallible<Self> {
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(Kubeconfig::read_from(hub)?, &options).await?;
        let hub = Client::try_from(config)?;
        let mut members = Vec::with_capacity(count);
        for index in 0..count {
            let text = std::fs::read(kubeconfig_path(dir, index))?;
            members.push(Credential::parse(&text, Trust { loopback: true })?.api(MANAGER).await?);
        }
        Ok(Self { hub, members })
    }

    /// The API of one of our kinds, or of another.
    fn hub_api(&self, plural: &str) -> Fallible<Api<DynamicObject>> {
        let (group, kind) = match plural {
            "attachedclusters" => ("cluster.kurator.dev", "AttachedCluster"),
            "applications" => ("apps.kurator.dev", "Application"),
            other => return Err(format!("{other} is no kind of this bench").into()),
        };
        let kind = GroupVersionKind::gvk(group, "v1alpha1", kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, plural);
        Ok(Api::namespaced_with(self.hub.clone(), "default", &resource))
    }

    async fn ready(&self, plural: &str, count: usize) -> Fallible<Value> {
        let mut events = std::pin::pin!(watcher(self.hub_api(plural)?, watcher::Config::default()));
        let mut ready = BTreeSet::new();
        while let Some(event) = events.next().await {
            let Ok(Event::Apply(object) | Event::InitApply(object)) = event else { continue };
            let name = object.metadata.name.clone().unwrap_or_default();
            if is_ready(&object) {
                ready.insert(name);
            } else {
                ready.remove(&name);
            }
            if ready.len() >= count {
                return Ok(json!({"at": now_micros()}));
            }
        }
        Err("the watch ended".into())
    }

    async fn sync(&self) -> Fallible<Value> {
        let at = now_micros();
        let patch = json!({"metadata": {"annotations": {"kurator.dev/sync": at.to_string()}}});
        self.hub_api("applications")?.patch("bench", &PatchParams::default(), &Patch::Merge(&patch)).await?;
        Ok(json!({"at": at}))
    }

    async fn revision(&self) -> Fallible<Value> {
        let list: Value = self.hub.request(http::Request::get("/api/v1/namespaces?limit=1").body(Vec::new())?).await?;
        let revision: u64 = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().parse()?;
        Ok(json!({"revision": revision}))
    }

    /// One server-side apply to each member at the same time.
    async fn apply(&self, resource: Resource, object: &Value) -> Fallible<Value> {
        let at = now_micros();
        let (resource, object) = (Arc::new(resource), Arc::new(object.clone()));
        let document = Document::from_bytes(serde_json::to_vec(&*object)?.into());
        let mut requests = JoinSet::new();
        for member in self.members.clone() {
            let (resource, object, document) = (resource.clone(), object.clone(), document.clone());
            requests.spawn(async move { member.apply(&resource.target_of(&object), document).await.map(drop) });
        }
        while let Some(done) = requests.join_next().await {
            done??;
        }
        Ok(json!({"at": at}))
    }
}

impl Side for Driver {
    async fn act(&mut self, command: &[&str]) -> Fallible<Value> {
        match command {
            ["ready", plural, count, secs] => {
                let limit = Duration::from_secs(secs.parse()?);
                let ready = tokio::time::timeout(limit, self.ready(plural, count.parse()?));
                ready.await.map_err(|_| format!("not {count} {plural} are Ready within {secs} s"))?
            }
            ["sync"] => self.sync().await,
            ["revision"] => self.revision().await,
            ["prepare"] => {
                let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": FLOOR}});
                self.apply(Resource::core("Namespace", "namespaces", false), &namespace).await
            }
            ["floor", value, bytes] => {
                let text = "x".repeat(bytes.parse()?);
                let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": FLOOR, "namespace": FLOOR, "labels": {"bench": FLOOR}},
                    "data": {"text": text, "value": value}});
                self.apply(Resource::core("ConfigMap", "configmaps", true), &map).await
            }
            other => Err(format!("{other:?} is no command").into()),
        }
    }
}

/// Does an object's condition `Ready` say so of its newest generation?
fn is_ready(object: &DynamicObject) -> bool {
    let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().any(|condition| {
        let observed = condition["observedGeneration"].as_i64();
        let newest = observed.is_none() || observed == object.metadata.generation;
        condition["type"] == "Ready" && condition["status"] == "True" && newest
    })
}
