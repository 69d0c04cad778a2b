//! The demo's scenes: each does one thing, says what it did, and shows what the fleet did.
//!
//! Scenes are users of the demo: they commit with git, write to members with the kubeconfig, and read the hub's API. Only
//! what concerns the process itself (listeners, restart) goes through its socket.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use api::apps::v1alpha1::Application;
use api::condition::{self, Condition};
use api::delivery::{DriftRecord, UnitReport};
use api::member::v1alpha1::Cluster;
use http::Request;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{APPLICATION, control, repository};
use crate::args::{Common, Format, Scene, SceneKind};
use crate::connect::{self, asked};
use crate::duration::tenths;
use crate::sync::{LOOK_EVERY, short_revision};
use crate::{instance, output, status};

/// Longest wait for the fleet to do what a scene shows.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Field manager of what a scene changes by hand.
const HAND: &str = "demo-hand";

/// Plays one scene.
pub(crate) async fn play(common: &Common, scene: Scene) -> anyhow::Result<()> {
    let dir = instance::dir(common.dir.as_deref())?;
    if !super::repository(&dir).exists() {
        bail!("there is no demo in {}: start one with `kurator up --demo`", dir.display());
    }
    let common = Common { dir: Some(dir.clone()), ..common.clone() };
    let stage = Stage { dir, common };
    match scene.scene {
        SceneKind::Commit => stage.commit().await,
        SceneKind::Edit => stage.edit().await,
        SceneKind::Wipe => stage.wipe().await,
        SceneKind::Restore => stage.restore().await,
        SceneKind::Unplug { member } => stage.unplug(&member).await,
        SceneKind::Plug { member } => stage.plug(&member).await,
        SceneKind::Restart => stage.restart().await,
        SceneKind::Counters => stage.counters().await,
        SceneKind::Stop => stage.ask("stop").await.map(drop),
    }
}

struct Stage {
    dir: PathBuf,
    common: Common,
}

fn say(line: impl Into<String>) -> anyhow::Result<()> {
    Ok(output::print(&[line.into()])?)
}

impl Stage {
    async fn ask(&self, line: &str) -> anyhow::Result<String> {
        control::ask(&self.dir.join(instance::SOCKET), line).await
    }

    fn repo(&self) -> PathBuf {
        super::repository(&self.dir)
    }

    /// The short name of the newest commit.
    fn head(&self) -> anyhow::Result<String> {
        Ok(repository::run(&self.repo(), &["rev-parse", "HEAD"])?.chars().take(6).collect())
    }

    async fn application(&self, hub: &Client) -> anyhow::Result<Application> {
        let api: Api<Application> = Api::namespaced(hub.clone(), "default");
        api.get(APPLICATION).await.map_err(asked("cannot read app/shop"))
    }

    /// What appliers reported last.
    async fn reports(&self, hub: &Client) -> anyhow::Result<Vec<UnitReport>> {
        let path = format!("/apis/view.kurator.dev/v1alpha1/namespaces/default/trees/{APPLICATION}");
        let tree: Value =
            hub.request(Request::get(path).body(Vec::new())?).await.map_err(asked("the tree of app/shop"))?;
        let units = tree["units"].as_array().cloned().unwrap_or_default();
        units.into_iter().map(|unit| serde_json::from_value(unit).context("the tree of app/shop")).collect()
    }

    /// Waits until `look` finds something.
    async fn until<T>(
        &self,
        what: &str,
        look: impl AsyncFn() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<(T, Duration)> {
        let begun = Instant::now();
        loop {
            let last = match look().await {
                Ok(Some(found)) => return Ok((found, begun.elapsed())),
                Ok(None) => None,
                Err(error) => Some(error),
            };
            if begun.elapsed() >= WAIT_MAX {
                let error = last.unwrap_or_else(|| anyhow::anyhow!("see `kurator status app/{APPLICATION}`"));
                return Err(error.context(format!("waited {} s for {what}", WAIT_MAX.as_secs())));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until every member that can be reached runs a commit.
    async fn converged(&self, hub: &Client, commit: &str) -> anyhow::Result<Duration> {
        let (_, took) = self
            .until("the fleet to follow", async || {
                let app = self.application(hub).await?;
                let status = app.status.unwrap_or_default();
                let at =
                    status.source_status.and_then(|s| s.git_repo_status?.artifact).map(|a| short_revision(&a.revision));
                let ready = condition::find(&status.conditions, condition::READY).is_some_and(|c| c.status == "True");
                Ok((ready && at.is_some_and(|at| at.ends_with(commit))).then_some(()))
            })
            .await?;
        Ok(took)
    }

    async fn commit(&self) -> anyhow::Result<()> {
        let hub = connect::hub(&self.common).await?;
        let file = self.repo().join("shop/web.yaml");
        let text = std::fs::read_to_string(&file).with_context(|| {
            format!("there is no {}; after `kurator demo wipe`, first `kurator demo restore`", file.display())
        })?;
        let image = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("image: "))
            .context("shop/web.yaml names no image")?
            .to_owned();
        let (name, version) = image.rsplit_once('.').context("the image's tag is not X.Y.Z")?;
        let next = format!("{name}.{}", version.parse::<u32>().context("the image's tag is not X.Y.Z")? + 1);
        std::fs::write(&file, text.replace(&image, &next))?;
        repository::run(&self.repo(), &["add", "--all"])?;
        repository::commit(&self.repo(), &format!("Run {next}"))?;
        let head = self.head()?;
        say(format!("committed {head}: image {image} becomes {next}; nobody is told, the hub polls"))?;
        let took = self.converged(&hub, &head).await?;
        for report in self.reports(&hub).await? {
            say(format!(
                "  {}: {} objects, pods {}/{}",
                report.member, report.objects.applied, report.pods.ready, report.pods.desired
            ))?;
        }
        say(format!("all members run {head} after {}", tenths(took)))
    }

    async fn edit(&self) -> anyhow::Result<()> {
        let hub = connect::hub(&self.common).await?;
        let beijing = connect::member(&self.common, "beijing").await?;
        let deployments: Api<Deployment> = Api::namespaced(beijing, "shop");
        let replicas = async || -> anyhow::Result<i32> {
            let web = deployments.get("web").await.map_err(asked("deployment web in beijing"))?;
            Ok(web.spec.replicas.unwrap_or(1))
        };
        let before = replicas().await?;
        let params = PatchParams { field_manager: Some(HAND.to_owned()), ..PatchParams::default() };
        let patch = json!({"spec": {"replicas": before + 1}});
        deployments.patch_scale("web", &params, &Patch::Merge(&patch)).await.map_err(asked("scale in beijing"))?;
        say(format!("beijing: scaled deployment shop/web from {before} to {} by hand, as {HAND}", before + 1))?;
        let (_, took) =
            self.until("the scale to be reverted", async || Ok((replicas().await? == before).then_some(()))).await?;
        let drift = self.drift(&hub, "beijing", |d| !d.deleted && d.object.contains("web")).await?;
        say(format!("  reverted after {}; the hub reports: {}", tenths(took), status::drift(&drift)))?;

        let shanghai = connect::member(&self.common, "shanghai").await?;
        let services: Api<Service> = Api::namespaced(shanghai, "shop");
        let old = services.get("web").await.map_err(asked("service web in shanghai"))?.uid();
        services.delete("web", &DeleteParams::default()).await.map_err(asked("delete in shanghai"))?;
        say("shanghai: deleted service shop/web by hand")?;
        let (_, took) = self
            .until("the service to be made again", async || {
                let now = services.get_opt("web").await?;
                Ok(now.filter(|s| s.uid() != old).map(drop))
            })
            .await?;
        let drift = self.drift(&hub, "shanghai", |d| d.deleted).await?;
        say(format!("  made again after {}; the hub reports: {}", tenths(took), status::drift(&drift)))
    }

    /// The last change that a member's applier reported.
    async fn drift(
        &self,
        hub: &Client,
        member: &str,
        wanted: impl Fn(&DriftRecord) -> bool,
    ) -> anyhow::Result<DriftRecord> {
        let found = self.until("the report", async || {
            let reports = self.reports(hub).await?;
            let mut drifts = reports.into_iter().filter(|r| r.member.as_str() == member).filter_map(|r| r.last_drift);
            Ok(drifts.find(|d| wanted(d)))
        });
        Ok(found.await?.0)
    }

    async fn wipe(&self) -> anyhow::Result<()> {
        let hub = connect::hub(&self.common).await?;
        let answering = self.answering(&hub).await?;
        repository::run(&self.repo(), &["rm", "-r", "--quiet", "shop"])
            .context("the directory is empty already: `kurator demo restore` brings it back")?;
        repository::commit(&self.repo(), "Oops: an empty shop")?;
        say(format!("committed {}: directory shop/ is empty now", self.head()?))?;
        let (held, took) = self
            .until("the deletions to be held", async || {
                let status = self.application(&hub).await?.status.unwrap_or_default();
                // Every member that answers has to have said what it would delete before the list is whole.
                let members: usize = status.held.iter().map(|list| list.members.len()).sum();
                Ok((members > 0 && members >= answering).then_some(status.held))
            })
            .await?;
        say(format!("  nothing was deleted; held after {}:", tenths(took)))?;
        for list in &held {
            say(format!("  policy {}: {} deletions wait for approval ({})", list.policy, list.count, list.digest))?;
            for member in &list.members {
                say(format!("    {member}"))?;
            }
        }
        say(format!(
            "next: `kurator approve app/{APPLICATION}` releases exactly these; `kurator demo restore` takes the commit back"
        ))
    }

    /// How many members answer.
    async fn answering(&self, hub: &Client) -> anyhow::Result<usize> {
        let members: Api<Cluster> = Api::all(hub.clone());
        let all = members.list(&kube::api::ListParams::default()).await.map_err(asked("cannot list members"))?;
        let ready = |c: &&Cluster| {
            let status = c.status.as_ref();
            status.is_some_and(|s| condition::find(&s.conditions, condition::READY).is_some_and(|c| c.status == "True"))
        };
        Ok(all.items.iter().filter(ready).count())
    }

    async fn restore(&self) -> anyhow::Result<()> {
        let hub = connect::hub(&self.common).await?;
        repository::run(&self.repo(), &["revert", "--no-edit", "HEAD"])?;
        let head = self.head()?;
        say(format!("reverted the last commit as {head}"))?;
        let took = self.converged(&hub, &head).await?;
        say(format!("all members run {head} after {}", tenths(took)))
    }

    async fn member_ready(&self, hub: &Client, member: &str) -> anyhow::Result<Option<Condition>> {
        let api: Api<Cluster> = Api::all(hub.clone());
        let cluster = api.get(member).await.map_err(asked(&format!("cannot read member/{member}")))?;
        let status = cluster.status.unwrap_or_default();
        Ok(condition::find(&status.conditions, condition::READY).cloned())
    }

    async fn unplug(&self, member: &str) -> anyhow::Result<()> {
        let hub = connect::hub(&self.common).await?;
        self.ask(&format!("unplug {member}")).await?;
        say(format!("{member}: its listener is closed; the hub was told nothing"))?;
        let (ready, took) = self
            .until("the hub to notice", async || {
                Ok(self.member_ready(&hub, member).await?.filter(|c| c.status == "Unknown"))
            })
            .await?;
        say(format!("  {member} is Unknown after {}: {}", tenths(took), ready.message))?;
        let others: Api<Cluster> = Api::all(hub);
        for cluster in others.list(&kube::api::ListParams::default()).await.map_err(asked("members"))? {
            let name = cluster.name_any();
            let status = cluster.status.unwrap_or_default();
            if let Some(ready) = condition::find(&status.conditions, condition::READY).filter(|_| name != member) {
                say(format!("  {name}: Ready {}", ready.status))?;
            }
        }
        say(format!("next: `kurator demo commit` to see the others go on; `kurator demo plug {member}`"))
    }

    async fn plug(&self, member: &str) -> anyhow::Result<()> {
        let hub = connect::hub(&self.common).await?;
        self.ask(&format!("plug {member}")).await?;
        say(format!("{member}: its listener is open again; the hub was told nothing"))?;
        let (_, took) = self
            .until("the hub to notice", async || {
                Ok(self.member_ready(&hub, member).await?.filter(|c| c.status == "True"))
            })
            .await?;
        say(format!("  {member} is Ready after {}", tenths(took)))?;
        if repository::run(&self.repo(), &["cat-file", "-e", "HEAD:shop"]).is_ok() {
            let took = self.converged(&hub, &self.head()?).await?;
            say(format!("  it has caught up after {}", tenths(took)))?;
        }
        Ok(())
    }

    async fn restart(&self) -> anyhow::Result<()> {
        let before = self.ask("counters").await?;
        let hub = connect::hub(&self.common).await?;
        let app = self.application(&hub).await?;
        let revision = crate::sync::revision(&app.status.unwrap_or_default());
        drop(hub);
        self.ask("restart").await?;
        say(format!("the process is starting again, hub and members; {APPLICATION} ran {revision}"))?;
        let gone = |text: &str| text == before;
        let (_, took) = self
            .until("it to answer again with counters of its own", async || {
                Ok(self.ask("counters").await.ok().filter(|text| !gone(text)))
            })
            .await?;
        let hub = connect::hub(&self.common).await?;
        let (reports, _) = self
            .until("every member to be looked at", async || {
                let reports = self.reports(&hub).await?;
                let members: std::collections::BTreeSet<_> = reports.iter().map(|r| &r.member).collect();
                let all = members.len() == super::MEMBERS.len();
                let settled = reports.iter().all(|r| r.phase == api::delivery::UnitPhase::Applied);
                Ok((all && settled).then_some(reports))
            })
            .await?;
        say(format!("  answered again after {}", tenths(took)))?;
        for report in reports {
            say(format!(
                "  {}: {} of {} objects as before, pods {}/{}",
                report.member, report.objects.applied, report.objects.desired, report.pods.ready, report.pods.desired
            ))?;
        }
        let counters: Value = serde_json::from_str(&self.ask("counters").await?)?;
        for (name, count) in counters.as_object().into_iter().flatten() {
            say(format!("  {name}: {} mutating requests since the start", count["mutations"]))?;
        }
        Ok(())
    }

    async fn counters(&self) -> anyhow::Result<()> {
        let counters: Value = serde_json::from_str(&self.ask("counters").await?)?;
        if self.common.output == Format::Text {
            for (name, count) in counters.as_object().into_iter().flatten() {
                say(format!("{name}: {} mutating requests", count["mutations"]))?;
                for (client, verbs) in count["byClient"].as_object().into_iter().flatten() {
                    say(format!("  {client} {verbs}"))?;
                }
            }
        } else if !output::structured(self.common.output, &counters)? {
            bail!("unknown output format");
        }
        Ok(())
    }
}
