//! What a commit, an edit by hand, and an empty directory lead to.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use api::delivery::{DriftRecord, MemberStatus, UnitId, UnitPhase, UnitStatus};
use api::feed::UnitReport;
use api::kurator::apps::v1alpha1::HeldDeletions;
use api::reason;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use model::MemberName;
use serde_json::json;

use super::member::is_settled;
use super::{Look, Player, not_fetched};
use crate::connect::{self, Api, asked};
use crate::demo::{APPLICATION, repository};
use crate::duration::tenths;
use crate::status;

/// Field manager of what a scene changes by hand.
const HAND: &str = "demo-hand";

/// What a member's reports say of changes by hand.
#[derive(Default)]
struct LastChange {
    /// How many were reverted.
    reverts: u64,
    /// The last one.
    drift: Option<DriftRecord>,
    /// A fight after which an object is left alone, in words.
    contest: Option<String>,
}

impl LastChange {
    fn of(units: impl Iterator<Item = UnitStatus>) -> Self {
        units.fold(Self::default(), |last, unit| Self {
            reverts: last.reverts + unit.reverts,
            drift: last.drift.into_iter().chain(unit.last_drift).max_by_key(|drift| drift.seen),
            contest: last.contest.or_else(|| (unit.reason == reason::CONTESTED).then_some(unit.message)),
        })
    }
}

/// Says what a member did not do. The hub has no part in it.
fn of_member(what: &str, member: &str) -> impl FnOnce(kube::Error) -> anyhow::Error {
    let what = format!("{what} in {member}");
    move |error| match error {
        kube::Error::Api(status) => anyhow::anyhow!("{what}: {}", status.message),
        other => anyhow::Error::new(other).context(format!("{what}: the member does not answer")),
    }
}

/// A unit in a member.
type Unit = (MemberName, UnitId);

fn unit_of(report: &UnitReport) -> Unit {
    (report.member.clone(), report.unit.clone())
}

/// The lists of what is held, when every unit that had something has said what it would delete.
fn held_of(expected: &BTreeSet<Unit>, reports: &[UnitReport], held: Vec<HeldDeletions>) -> Look<Vec<HeldDeletions>> {
    let is_late = |report: &&UnitReport| {
        // One that does not answer any more is not waited for.
        report.phase != UnitPhase::Unknown && (report.objects.desired > 0 || !is_settled(report.phase))
    };
    let late = reports.iter().filter(|report| expected.contains(&unit_of(report))).filter(is_late);
    let late: BTreeSet<&str> = late.map(|report| report.member.as_str()).collect();
    if !late.is_empty() {
        let names = late.into_iter().collect::<Vec<_>>().join(", ");
        return Look::found_or(None, format!("{names} did not say yet what would be deleted there"));
    }
    // The Application's status is stored at most once a second.
    let mut holds = reports.iter().filter(|report| report.phase == UnitPhase::DeletionsHeld);
    let is_listed = |report: &UnitReport| {
        let policy = report.unit.policy.as_deref().unwrap_or_default();
        held.iter().any(|list| list.policy == policy && !list.waiting_on.contains(&report.member.to_string()))
    };
    let is_whole = holds.all(is_listed);
    Look::found_or(is_whole.then_some(held), "the list is not whole yet")
}

/// Why nothing is held of what an empty directory would delete: units that failed say it themselves; those that are applied prune
/// nothing.
fn why_nothing_waits(expected: &BTreeSet<Unit>, reports: &[UnitReport]) -> String {
    let is_meant = |report: &&UnitReport| expected.contains(&unit_of(report)) && report.phase != UnitPhase::Applied;
    let words = |report: &UnitReport| match (report.phase, report.reason.as_str()) {
        (UnitPhase::Unknown, _) => format!("{} does not answer any more", report.member),
        (phase, "") => format!("{} is {phase}", report.member),
        (_, reason) if report.message.is_empty() => format!("{} says {reason}", report.member),
        (_, reason) => format!("{} says {reason}: {}", report.member, report.message),
    };
    let said: BTreeSet<String> = reports.iter().filter(is_meant).map(words).collect();
    if said.is_empty() {
        return "no policy prunes".to_owned();
    }
    said.into_iter().collect::<Vec<_>>().join("; ")
}

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
        self.must_be_followed(&hub).await?;
        let next = format!("{name}.{}", version.parse::<u32>().context("the image's tag is not X.Y.Z")? + 1);
        std::fs::write(&file, text.replace(&image, &next))?;
        repository::run(&self.repo(), &["add", "--all"])?;
        repository::commit(&self.repo(), &format!("Run {next}"))?;
        let head = self.head()?;
        self.print_line(format!("committed {head}: image {image} becomes {next}; nobody is told, the hub polls"))?;
        self.followed(&hub, &head).await
    }

    /// Waits until the fleet runs a commit, and says who runs what. A member that does not answer is not waited for.
    async fn followed(&self, hub: &Client, head: &str) -> anyhow::Result<()> {
        let took = self.converged(hub, head).await?;
        let reports = self.reports(hub).await?;
        for report in &reports {
            self.print_line(match report.phase {
                UnitPhase::Unknown => format!("  {}: does not answer, so nobody knows", report.member),
                _ => format!(
                    "  {}: {} objects, pods {}/{}",
                    report.member, report.objects.applied, report.pods.ready, report.pods.desired
                ),
            })?;
        }
        let silent = reports.iter().any(|report| report.phase == UnitPhase::Unknown);
        let who = if silent { "all members that answer" } else { "all members" };
        self.print_line(format!("{who} run {head} after {}", tenths(took)))
    }

    pub(super) async fn edit(&self) -> anyhow::Result<()> {
        if !self.has("HEAD:shop/web.yaml") {
            bail!("there is no shop/web.yaml; after `kurator demo wipe`, first `kurator demo restore`");
        }
        let hub = connect::hub(&self.common).await?;
        for member in ["beijing", "shanghai"] {
            self.must_be_plugged(member).await?;
            if let Some(contest) = self.last_change(&hub, member).await?.contest {
                bail!("{member}: {contest}; `kurator demo edit` works again after that");
            }
        }
        let deployments: Api<Deployment> = Api::namespaced(connect::member(&self.common, "beijing").await?, "shop");
        let replicas = async || -> anyhow::Result<i32> {
            let web = deployments.get("web").await.map_err(of_member("deployment web", "beijing"))?;
            Ok(web.spec.replicas.unwrap_or(1))
        };
        let (before, known) = (replicas().await?, self.last_change(&hub, "beijing").await?);
        let params = PatchParams { field_manager: Some(HAND.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({"spec": {"replicas": before + 1}}));
        deployments.patch_scale("web", &params, &patch).await.map_err(of_member("the scale", "beijing"))?;
        self.print_line(format!(
            "beijing: scaled deployment shop/web from {before} to {} by hand, as {HAND}",
            before + 1
        ))?;
        let is_back = async || Ok(replicas().await? == before);
        if !self.answered(&hub, "beijing", &known, "reverted", is_back).await? {
            return Ok(());
        }

        let services: Api<Service> = Api::namespaced(connect::member(&self.common, "shanghai").await?, "shop");
        let old = services.get("web").await.map_err(of_member("service web", "shanghai"))?.uid();
        let known = self.last_change(&hub, "shanghai").await?;
        let delete = services.delete("web", &DeleteParams::default()).await;
        delete.map_err(of_member("the deletion", "shanghai"))?;
        self.print_line("shanghai: deleted service shop/web by hand")?;
        let is_back = async || Ok(services.get_opt("web").await?.is_some_and(|service| service.uid() != old));
        self.answered(&hub, "shanghai", &known, "made again", is_back).await.map(drop)
    }

    /// Waits until a change by hand is taken back and stored as such, or left alone; says which, and returns whether it is
    /// taken back.
    async fn answered(
        &self,
        hub: &Client,
        member: &str,
        known: &LastChange,
        done: &str,
        is_back: impl AsyncFn() -> anyhow::Result<bool>,
    ) -> anyhow::Result<bool> {
        let (back, took) = self
            .until(&format!("the change in {member} to be {done}"), async || {
                let contest = self.last_change(hub, member).await?.contest;
                let found = if contest.is_some() { Some(contest) } else { is_back().await?.then_some(None) };
                Ok(Look::found_or(found, "it is still as it was changed by hand"))
            })
            .await?;
        if let Some(contest) = back {
            self.print_line(format!("  not {done}, after too many edits in a short time: {contest}"))?;
            return Ok(false);
        }
        let (drift, _) = self
            .until("the report", async || {
                let now = self.last_change(hub, member).await?;
                Ok(Look::found_or(now.drift.filter(|_| now.reverts > known.reverts), "the hub has not stored it yet"))
            })
            .await?;
        self.print_line(format!("  {done} after {}; the hub reports: {}", tenths(took), status::drift(&drift)))?;
        Ok(true)
    }

    /// What is stored of the last change in a member, so that `kurator status` shows at once what a scene has said.
    async fn last_change(&self, hub: &Client, member: &str) -> anyhow::Result<LastChange> {
        let statuses: Api<MemberStatus> = Api::all(hub.clone());
        let statuses = statuses.list(&ListParams::default()).await.map_err(asked("cannot list what members report"))?;
        let slices = statuses.items.into_iter().filter(|slice| slice.spec.member.as_str() == member);
        let units = slices.flat_map(|slice| slice.status.unwrap_or_default().units);
        Ok(LastChange::of(units.filter(|(unit, _)| unit.name == APPLICATION).map(|(_, status)| status)))
    }

    pub(super) async fn wipe(&self) -> anyhow::Result<()> {
        let hub = connect::hub(&self.common).await?;
        if !self.has("HEAD:shop") {
            bail!("the directory is empty already: `kurator demo restore` brings it back");
        }
        self.must_be_followed(&hub).await?;
        let reports = self.reports(&hub).await?;
        // What does not answer says nothing of what it would delete.
        let answering =
            reports.iter().filter(|report| report.phase != UnitPhase::Unknown && report.objects.desired > 0);
        let expected: BTreeSet<Unit> = answering.map(unit_of).collect();
        if expected.is_empty() {
            bail!(
                "no member that answers has anything of app/{APPLICATION}, so that an empty directory would show nothing: see \
                 `kurator status app/{APPLICATION} -n default`"
            );
        }
        repository::run(&self.repo(), &["rm", "-r", "--quiet", "shop"])?;
        repository::commit(&self.repo(), "Oops: an empty shop")?;
        let head = self.head()?;
        self.print_line(format!("committed {head}: directory shop/ is empty now"))?;
        let (held, took) = self
            .until("the deletions to be held", async || {
                let app = self.application(&hub).await?;
                let status = app.status.clone().unwrap_or_default();
                if let Some(look) = not_fetched(&app, &status, &head) {
                    return Ok(look);
                }
                Ok(held_of(&expected, &self.reports(&hub).await?, status.held))
            })
            .await?;
        if held.is_empty() {
            let why = why_nothing_waits(&expected, &self.reports(&hub).await?);
            return self.print_line(format!("  nothing was deleted, and nothing is held: {why}"));
        }
        self.print_line(format!("  nothing was deleted; held after {}:", tenths(took)))?;
        for list in &held {
            self.print_line(format!(
                "  policy {}: {} deletions wait for approval ({})",
                list.policy, list.count, list.digest
            ))?;
            for member in &list.members {
                self.print_line(format!("    {member}"))?;
            }
        }
        self.print_line(format!(
            "next: `kurator approve app/{APPLICATION} -n default` releases exactly these; `kurator demo restore` takes the commit back"
        ))
    }

    pub(super) async fn restore(&self) -> anyhow::Result<()> {
        let hub = connect::hub(&self.common).await?;
        if !self.has("HEAD~1:shop") {
            bail!("nothing to restore: the commit before has no shop/, and to revert the last one would empty it");
        }
        self.must_be_followed(&hub).await?;
        repository::run(&self.repo(), &["revert", "--no-edit", "HEAD"])?;
        let head = self.head()?;
        self.print_line(format!("reverted the last commit as {head}"))?;
        self.followed(&hub, &head).await
    }
}

#[cfg(test)]
mod tests;
