//! What a commit, an edit by hand, and an empty directory lead to.

use anyhow::{Context, bail};
use api::condition;
use api::delivery::{DriftRecord, UnitPhase};
use api::karmada::cluster::v1alpha1::Cluster;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use super::Player;
use crate::connect::{self, asked};
use crate::demo::{APPLICATION, repository};
use crate::duration::tenths;
use crate::status;

/// Field manager of what a scene changes by hand.
const HAND: &str = "demo-hand";

impl Player {
    pub(super) async fn commit(&self) -> anyhow::Result<()> {
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
        self.say(format!("committed {head}: image {image} becomes {next}; nobody is told, the hub polls"))?;
        self.followed(&hub, &head).await
    }

    /// Waits until the fleet runs a commit, and says who runs what. A member that does not answer is not waited for.
    async fn followed(&self, hub: &Client, head: &str) -> anyhow::Result<()> {
        let took = self.converged(hub, head).await?;
        let reports = self.reports(hub).await?;
        for report in &reports {
            self.say(match report.phase {
                UnitPhase::Unknown => format!("  {}: does not answer, so nobody knows", report.member),
                _ => format!(
                    "  {}: {} objects, pods {}/{}",
                    report.member, report.objects.applied, report.pods.ready, report.pods.desired
                ),
            })?;
        }
        let silent = reports.iter().any(|report| report.phase == UnitPhase::Unknown);
        let who = if silent { "all members that answer" } else { "all members" };
        self.say(format!("{who} run {head} after {}", tenths(took)))
    }

    pub(super) async fn edit(&self) -> anyhow::Result<()> {
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
        self.say(format!("beijing: scaled deployment shop/web from {before} to {} by hand, as {HAND}", before + 1))?;
        let (_, took) =
            self.until("the scale to be reverted", async || Ok((replicas().await? == before).then_some(()))).await?;
        let drift = self.drift(&hub, "beijing", |d| !d.deleted && d.object.contains("web")).await?;
        self.say(format!("  reverted after {}; the hub reports: {}", tenths(took), status::drift(&drift)))?;

        let shanghai = connect::member(&self.common, "shanghai").await?;
        let services: Api<Service> = Api::namespaced(shanghai, "shop");
        let old = services.get("web").await.map_err(asked("service web in shanghai"))?.uid();
        services.delete("web", &DeleteParams::default()).await.map_err(asked("delete in shanghai"))?;
        self.say("shanghai: deleted service shop/web by hand")?;
        let (_, took) = self
            .until("the service to be made again", async || {
                let now = services.get_opt("web").await?;
                Ok(now.filter(|s| s.uid() != old).map(drop))
            })
            .await?;
        let drift = self.drift(&hub, "shanghai", |d| d.deleted).await?;
        self.say(format!("  made again after {}; the hub reports: {}", tenths(took), status::drift(&drift)))
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

    pub(super) async fn wipe(&self) -> anyhow::Result<()> {
        let hub = connect::hub(&self.common).await?;
        let answering = self.answering(&hub).await?;
        if !self.has("HEAD:shop") {
            bail!("the directory is empty already: `kurator demo restore` brings it back");
        }
        repository::run(&self.repo(), &["rm", "-r", "--quiet", "shop"])?;
        repository::commit(&self.repo(), "Oops: an empty shop")?;
        self.say(format!("committed {}: directory shop/ is empty now", self.head()?))?;
        let (held, took) = self
            .until("the deletions to be held", async || {
                let status = self.application(&hub).await?.status.unwrap_or_default();
                // Every member that answers has to have said what it would delete before the list is whole.
                let members: usize = status.held.iter().map(|list| list.members.len()).sum();
                Ok((members > 0 && members >= answering).then_some(status.held))
            })
            .await?;
        self.say(format!("  nothing was deleted; held after {}:", tenths(took)))?;
        for list in &held {
            self.say(format!(
                "  policy {}: {} deletions wait for approval ({})",
                list.policy, list.count, list.digest
            ))?;
            for member in &list.members {
                self.say(format!("    {member}"))?;
            }
        }
        self.say(format!(
            "next: `kurator approve app/{APPLICATION}` releases exactly these; `kurator demo restore` takes the commit back"
        ))
    }

    /// How many members answer.
    async fn answering(&self, hub: &Client) -> anyhow::Result<usize> {
        let members: Api<Cluster> = Api::all(hub.clone());
        let all = members.list(&ListParams::default()).await.map_err(asked("cannot list members"))?;
        let ready = |c: &&Cluster| {
            let status = c.status.as_ref();
            status.is_some_and(|s| condition::find(&s.conditions, condition::READY).is_some_and(|c| c.status == "True"))
        };
        Ok(all.items.iter().filter(ready).count())
    }

    pub(super) async fn restore(&self) -> anyhow::Result<()> {
        let hub = connect::hub(&self.common).await?;
        if !self.has("HEAD~1:shop") {
            bail!("nothing to restore: the commit before has no shop/, and to revert the last one would empty it");
        }
        repository::run(&self.repo(), &["revert", "--no-edit", "HEAD"])?;
        let head = self.head()?;
        self.say(format!("reverted the last commit as {head}"))?;
        self.followed(&hub, &head).await
    }
}
