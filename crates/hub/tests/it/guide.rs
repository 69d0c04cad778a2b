//! The guide's table of what is deleted when, row by row: each row is done with kubectl's means, and what comes of it is seen in a member.

use std::collections::BTreeSet;

use api::delivery::{UnitPhase, label};
use api::kurator::annotation::{APPROVE, ON_DELETE, ON_DETACH};
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::stage::{Stage, until};

const ENGLISH: &str = include_str!("../../../../docs/guide.md");
const CHINESE: &str = include_str!("../../../../docs/zh/guide.md");

/// What is done.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Delete,
    RemovePolicy,
    RenamePolicy,
    AnnotateAndDelete(&'static str),
    CascadeOrphan,
    TakeOutOfFleet,
    ChangeLabels,
    DeleteAttached,
    DeleteAttachedThatRemoves,
    DeleteFleet,
}

/// What becomes of the object that Kurator made. One that was there before always stays.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Deleted,
    /// It stays and is nobody's.
    GivenBack,
    /// It stays with Kurator's labels, and is looked after.
    Kept,
    /// It stays with Kurator's labels, and nobody looks after it.
    LeftThere,
}

use Deed::{
    AnnotateAndDelete, CascadeOrphan, ChangeLabels, Delete, DeleteAttached, DeleteAttachedThatRemoves, DeleteFleet,
    RemovePolicy, RenamePolicy, TakeOutOfFleet,
};
use Fate::{Deleted, GivenBack, Kept, LeftThere};

/// A play of a row: what is done, whether the policy prunes, what comes of it.
type Play = (Deed, bool, Fate);

/// The rows as the guide has them, and how each is played.
const ROWS: [(&str, &str, &[Play]); 8] = [
    (
        "delete an Application",
        "they are deleted where the policy has `prune: true`, and stay otherwise",
        &[(Delete, true, Deleted), (Delete, false, GivenBack)],
    ),
    (
        "remove one of its policies",
        "once you approve it, they are deleted if the policy has `prune: true`, and stay otherwise",
        &[(RemovePolicy, true, Deleted), (RemovePolicy, false, GivenBack)],
    ),
    (
        "rename one of its policies",
        "they stay, and belong to the policy of the new name",
        &[(RenamePolicy, true, Kept), (RenamePolicy, false, Kept)],
    ),
    (
        "annotate the Application with `kurator.dev/on-delete`, then delete it",
        "with `orphan` all stay, with `prune` all are deleted, whatever the policies say",
        &[(AnnotateAndDelete("orphan"), true, GivenBack), (AnnotateAndDelete("prune"), false, Deleted)],
    ),
    (
        "delete it with `kubectl delete --cascade=orphan`",
        "all stay and are given back, whatever the policies and the annotation say; kubectl says so, and the annotation says `orphan` from \
         then on",
        &[(CascadeOrphan, true, GivenBack), (CascadeOrphan, false, GivenBack)],
    ),
    (
        "take a cluster out of the Fleet's `spec.clusters`, or change its labels so that no policy selects it",
        "once you approve it, they are deleted in this cluster if the policy has `prune: true`, and stay otherwise",
        &[
            (TakeOutOfFleet, true, Deleted),
            (TakeOutOfFleet, false, GivenBack),
            (ChangeLabels, true, Deleted),
            (ChangeLabels, false, GivenBack),
        ],
    ),
    (
        "delete an AttachedCluster",
        "all stay in the cluster, and Kurator looks after them no longer; if it says `kurator.dev/on-detach: remove`, they are deleted first, once you approve it, if the policy has `prune: true`",
        &[
            (DeleteAttached, true, LeftThere),
            (DeleteAttached, false, LeftThere),
            (DeleteAttachedThatRemoves, true, Deleted),
            (DeleteAttachedThatRemoves, false, GivenBack),
        ],
    ),
    (
        "delete a Fleet",
        "all stay, and belong to their Applications as before",
        &[(DeleteFleet, true, Kept), (DeleteFleet, false, Kept)],
    ),
];

/// The rows of the table that begins with this cell, without its head.
fn rows<'a>(guide: &'a str, head: &str) -> Vec<(&'a str, &'a str)> {
    let lines = guide.lines().skip_while(|line| !line.starts_with(head)).skip(2);
    lines.map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")).collect()
}

/// One play on the stage.
struct Scene<'a> {
    stage: &'a Stage,
    name: String,
    play: Play,
}

impl Scene<'_> {
    /// The member in which it is played: rows that change a cluster have one of their own.
    fn member(&self) -> &'static str {
        match self.play.0 {
            ChangeLabels => "labels",
            DeleteAttached => "attached",
            DeleteAttachedThatRemoves => "removes",
            _ => "common",
        }
    }

    fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.stage.member(self.member()).client(), "default")
    }

    fn apps(&self) -> Api<Application> {
        Api::namespaced(self.stage.client(), "default")
    }

    async fn map(&self, which: &str) -> Option<ConfigMap> {
        self.maps().get_opt(&format!("{}-{which}", self.name)).await.unwrap()
    }

    /// Objects, Fleet and Application. One ConfigMap is there already.
    async fn prepare(&self) {
        let name = &self.name;
        let map = |which: &str| {
            json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": format!("{name}-{which}"), "namespace": "default"}, "data": {"a": "1"}})
        };
        let files = [
            (format!("{name}/all.yaml"), format!("{}\n---\n{}\n", map("made"), map("before"))),
            (format!("{name}-rest/all.yaml"), format!("{}\n", map("rest"))),
        ];
        self.stage.commit(&files.each_ref().map(|(path, text)| (path.as_str(), Some(text.as_str()))));
        let before = serde_json::from_value(map("before")).unwrap();
        self.maps().create(&kube::api::PostParams::default(), &before).await.unwrap();
        let clusters = json!([{"kind": "AttachedCluster", "name": self.member()}]);
        self.apply("fleet.kurator.dev/v1alpha1", "Fleet", json!({"clusters": clusters})).await;
        self.apply_application([self.policy("all"), self.policy("rest")]).await;
    }

    fn policy(&self, name: &str) -> Value {
        let directory = match name {
            "rest" => format!("./{}-rest", self.name),
            _ => format!("./{}", self.name),
        };
        let mut policy =
            json!({"name": name, "kustomization": {"interval": "5m", "path": directory, "prune": self.play.1}});
        if let ChangeLabels = self.play.0 {
            policy["destination"] = json!({"fleet": self.name, "clusterSelector": {"matchLabels": {"name": "labels"}}});
        }
        policy
    }

    async fn apply_application(&self, policies: impl IntoIterator<Item = Value>) {
        let policies: Vec<Value> = policies.into_iter().collect();
        let git = json!({"url": self.stage.git.url("app"), "interval": "1s", "ref": {"branch": "main"}});
        let spec =
            json!({"source": {"gitRepository": git}, "destination": {"fleet": self.name}, "syncPolicies": policies});
        self.apply("apps.kurator.dev/v1alpha1", "Application", spec).await;
    }

    async fn apply(&self, version: &str, kind: &str, spec: Value) {
        let metadata = json!({"name": self.name, "namespace": "default"});
        self.stage
            .apply(json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}))
            .await
            .unwrap();
    }

    async fn delivered(&self) {
        until(&format!("{} to be delivered", self.name), async || {
            let status = self.apps().get(&self.name).await.unwrap().status.unwrap_or_default();
            let ready = api::condition::find(&status.conditions, "Ready").cloned();
            let is_there = self.map("made").await.is_some() && self.map("rest").await.is_some();
            match ready {
                Some(ready) if ready.status == "True" && is_there => Ok(()),
                other => Err(format!("{is_there} {other:?}")),
            }
        })
        .await;
    }

    /// Does what the row says.
    async fn act(&self) {
        let (deed, ..) = self.play;
        let attached: Api<AttachedCluster> = Api::namespaced(self.stage.client(), "default");
        let fleets: Api<Fleet> = Api::namespaced(self.stage.client(), "default");
        let (merge, plain) = (PatchParams::default(), DeleteParams::default());
        match deed {
            Delete => drop(self.apps().delete(&self.name, &plain).await.unwrap()),
            RemovePolicy => self.apply_application([self.policy("rest")]).await,
            RenamePolicy => self.apply_application([self.policy("renamed"), self.policy("rest")]).await,
            AnnotateAndDelete(how) => {
                let patch = Patch::Merge(json!({"metadata": {"annotations": {ON_DELETE: how}}}));
                self.apps().patch(&self.name, &merge, &patch).await.unwrap();
                self.apps().delete(&self.name, &plain).await.unwrap();
            }
            CascadeOrphan => drop(self.apps().delete(&self.name, &DeleteParams::orphan()).await.unwrap()),
            TakeOutOfFleet => {
                let patch = Patch::Merge(json!({"spec": {"clusters": []}}));
                fleets.patch(&self.name, &merge, &patch).await.unwrap();
            }
            ChangeLabels => {
                let patch = Patch::Merge(json!({"metadata": {"labels": {"name": "lables"}}}));
                attached.patch(self.member(), &merge, &patch).await.unwrap();
            }
            DeleteAttached => drop(attached.delete(self.member(), &plain).await.unwrap()),
            DeleteAttachedThatRemoves => {
                let patch = Patch::Merge(json!({"metadata": {"annotations": {ON_DETACH: "remove"}}}));
                attached.patch(self.member(), &merge, &patch).await.unwrap();
                attached.delete(self.member(), &plain).await.unwrap();
            }
            DeleteFleet => drop(fleets.delete(&self.name, &plain).await.unwrap()),
        }
    }

    /// "Once you approve it": nothing happens before.
    async fn approve(&self) {
        let policies =
            if let RemovePolicy = self.play.0 { BTreeSet::from(["all"]) } else { BTreeSet::from(["all", "rest"]) };
        let digests = until(&format!("{} to be held", self.name), async || {
            let status = self.apps().get(&self.name).await.unwrap().status.unwrap_or_default();
            let held: BTreeSet<&str> = status.held.iter().map(|list| list.policy.as_str()).collect();
            let digests: Vec<String> = status.held.iter().map(|list| list.digest.clone()).collect();
            if held == policies { Ok(digests.join(",")) } else { Err(format!("{held:?}: {:?}", status.conditions)) }
        })
        .await;
        let made = self.map("made").await.expect("what is held is there");
        assert!(made.labels().contains_key(label::HUB), "{} is Kurator's until it is approved", self.name);
        let patch = json!({"metadata": {"annotations": {APPROVE: digests}}});
        self.apps().patch(&self.name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    /// Waits until it is so.
    async fn ends(&self) {
        let (name, (deed, _, fate)) = (&self.name, self.play);
        match fate {
            Deleted | GivenBack => {
                until(&format!("{name}: {fate:?}"), async || match self.map("made").await {
                    None if fate == Deleted => Ok(()),
                    Some(made) if fate == GivenBack && !made.labels().contains_key(label::HUB) => Ok(()),
                    made => Err(format!("{:?}", made.map(|made| made.metadata))),
                })
                .await;
            }
            Kept => {
                let policy = if let RenamePolicy = deed { "renamed" } else { "all" };
                let feed = &self.stage.hub.controllers().feed;
                let of_policy = |policy: &str| {
                    let reports = feed.reports_in(&self.member().parse().unwrap());
                    let unit = format!("/{name}/{policy}");
                    reports.into_iter().find(|report| report.unit.to_string().ends_with(&unit))
                };
                until(&format!("{name}: its policy {policy} to have it"), async || match of_policy(policy) {
                    Some(report) if report.phase == UnitPhase::Applied && report.objects.inventory == 2 => Ok(()),
                    other => Err(format!("{other:?}")),
                })
                .await;
                if let RenamePolicy = deed {
                    until(&format!("{name}: nothing to be left of the old name"), async || match of_policy("all") {
                        Some(report) if report.phase != UnitPhase::Removed => Err(format!("{report:?}")),
                        _ => Ok(()),
                    })
                    .await;
                }
                // What is looked after is made again.
                let made = self.map("made").await.expect("it stays");
                self.maps().delete(&made.name_any(), &DeleteParams::default()).await.unwrap();
                until(&format!("{name}: it to be made again"), async || {
                    self.map("made").await.map(drop).ok_or("".into())
                })
                .await;
            }
            LeftThere => {
                let records: Api<api::karmada::cluster::v1alpha1::Cluster> = Api::all(self.stage.client());
                until(&format!("{name}: the member to be gone"), async || {
                    match records.get_opt(self.member()).await.unwrap() {
                        None => Ok(()),
                        Some(record) => Err(format!("{record:?}")),
                    }
                })
                .await;
                let made = self.map("made").await.expect("it stays");
                assert!(made.labels().contains_key(label::HUB), "{name}: {:?}", made.labels());
            }
        }
        if let Deleted | GivenBack = fate {
            until(&format!("{name}: what was there before to be given back"), async || {
                let before = self.map("before").await.expect("what was there before stays");
                let is_ours = before.labels().contains_key(label::HUB);
                if is_ours { Err(format!("{:?}", before.labels())) } else { Ok(()) }
            })
            .await;
        }
        assert!(self.map("before").await.is_some(), "{name}: what was there before always stays");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_row_of_what_is_deleted_when_is_true() {
    let written: Vec<(&str, &str)> = ROWS.iter().map(|(what, becomes, _)| (*what, *becomes)).collect();
    assert_eq!(rows(ENGLISH, "| What you do |"), written, "a row that is changed is played as it is now");
    assert_eq!(rows(CHINESE, "| 你做什么 |").len(), ROWS.len());

    let stage = Stage::new(&["common", "labels", "attached", "removes"]).await;
    let plays = ROWS.iter().flat_map(|(_, _, plays)| plays.iter());
    let scenes: Vec<Scene<'_>> = plays
        .enumerate()
        .map(|(number, play)| Scene { stage: &stage, name: format!("play-{number}"), play: *play })
        .collect();
    for scene in &scenes {
        scene.prepare().await;
    }
    for scene in &scenes {
        scene.delivered().await;
    }
    let mut done: Vec<&str> = Vec::new();
    for scene in &scenes {
        // What is done to a cluster is done once for both Applications in it.
        let is_of_cluster = scene.member() != "common";
        if !is_of_cluster || !done.contains(&scene.member()) {
            scene.act().await;
        }
        done.extend(is_of_cluster.then(|| scene.member()));
        if let RemovePolicy | TakeOutOfFleet | ChangeLabels | DeleteAttachedThatRemoves = scene.play.0 {
            scene.approve().await;
        }
    }
    for scene in &scenes {
        scene.ends().await;
    }
}
