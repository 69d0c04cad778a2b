//! Members that go and come back, and the whole process.

use std::collections::BTreeSet;

use crate::connect::Api;
use anyhow::bail;
use api::condition::{self, Condition};
use api::delivery::UnitPhase;
use api::feed::UnitReport;
use api::karmada::cluster::v1alpha1::Cluster;
use kube::api::ListParams;
use kube::{Client, ResourceExt};
use serde_json::Value;

use super::Player;
use crate::args::Format;
use crate::connect::{self, asked};
use crate::demo::{APPLICATION, MEMBERS};
use crate::duration::tenths;
use crate::output;

/// Has a member said what there is to say? Nothing more comes of held deletions, refused objects and a pause until a person
/// acts, so a scene does not wait for that.
fn is_settled(phase: UnitPhase) -> bool {
    use UnitPhase::{Applied, DeletionsHeld, Failed, Suspended};
    matches!(phase, Applied | DeletionsHeld | Failed | Suspended)
}

/// How a member is after the process has started again, in one line.
fn after_restart(report: &UnitReport) -> String {
    let UnitReport { member, objects, pods, phase, message, .. } = report;
    match (phase, &report.deletions) {
        (UnitPhase::DeletionsHeld, Some(held)) => {
            format!("  {member}: {} deletions are held as before, and nothing was deleted", held.count)
        }
        (UnitPhase::Applied, _) => format!(
            "  {member}: {} of {} objects as before, pods {}/{}",
            objects.applied, objects.desired, pods.ready, pods.desired
        ),
        _ => format!("  {member}: {phase}: {message}"),
    }
}

impl Player {
    async fn member_ready(&self, hub: &Client, member: &str) -> anyhow::Result<Option<Condition>> {
        let api: Api<Cluster> = Api::all(hub.clone());
        let cluster = api.get(member).await.map_err(asked(&format!("cannot read member/{member}")))?;
        let status = cluster.status.unwrap_or_default();
        Ok(condition::find(&status.conditions, condition::READY).cloned())
    }

    pub(super) async fn unplug(&self, member: &str) -> anyhow::Result<()> {
        let hub = connect::hub(&self.common).await?;
        self.send_command(&format!("unplug {member}")).await?;
        self.print_line(format!("{member}: its listener is closed; the hub was told nothing"))?;
        let (ready, took) = self
            .until("the hub to notice", async || {
                Ok(self.member_ready(&hub, member).await?.filter(|c| c.status == "Unknown"))
            })
            .await?;
        self.print_line(format!("  {member} is Unknown after {}: {}", tenths(took), ready.message))?;
        let others: Api<Cluster> = Api::all(hub);
        for cluster in others.list(&ListParams::default()).await.map_err(asked("members"))? {
            let name = cluster.name_any();
            let status = cluster.status.unwrap_or_default();
            if let Some(ready) = condition::find(&status.conditions, condition::READY).filter(|_| name != member) {
                self.print_line(format!("  {name}: Ready {}", ready.status))?;
            }
        }
        self.print_line(format!("next: `kurator demo commit` to see the others go on; `kurator demo plug {member}`"))
    }

    pub(super) async fn plug(&self, member: &str) -> anyhow::Result<()> {
        let hub = connect::hub(&self.common).await?;
        self.send_command(&format!("plug {member}")).await?;
        self.print_line(format!("{member}: its listener is open again; the hub was told nothing"))?;
        let (_, took) = self
            .until("the hub to notice", async || {
                Ok(self.member_ready(&hub, member).await?.filter(|c| c.status == "True"))
            })
            .await?;
        self.print_line(format!("  {member} is Ready after {}", tenths(took)))?;
        if self.has("HEAD:shop") {
            let took = self.converged(&hub, &self.head()?).await?;
            self.print_line(format!("  it has caught up after {}", tenths(took)))?;
        }
        Ok(())
    }

    pub(super) async fn restart(&self) -> anyhow::Result<()> {
        let before = self.send_command("ping").await?;
        let hub = connect::hub(&self.common).await?;
        let app = self.application(&hub).await?;
        let revision = crate::sync::revision(&app.status.unwrap_or_default());
        drop(hub);
        self.send_command("restart").await?;
        self.print_line(format!("the process is starting again, hub and members; {APPLICATION} ran {revision}"))?;
        let gone = |text: &str| text == before;
        let (_, took) = self
            .until("the new process to answer", async || {
                Ok(self.send_command("ping").await.ok().filter(|text| !gone(text)))
            })
            .await?;
        let hub = connect::hub(&self.common).await?;
        let (reports, _) = self
            .until("every member to be looked at", async || {
                let reports = self.reports(&hub).await?;
                let members: BTreeSet<_> = reports.iter().map(|r| &r.member).collect();
                let all = members.len() == MEMBERS.len();
                let settled = reports.iter().all(|report| is_settled(report.phase));
                Ok((all && settled).then_some(reports))
            })
            .await?;
        self.print_line(format!("  answered again after {}", tenths(took)))?;
        for report in &reports {
            self.print_line(after_restart(report))?;
        }
        let counters: Value = serde_json::from_str(&self.send_command("counters").await?)?;
        for (name, count) in counters.as_object().into_iter().flatten() {
            self.print_line(format!("  {name}: {} mutating requests since the start", count["mutations"]))?;
        }
        Ok(())
    }

    pub(super) async fn counters(&self) -> anyhow::Result<()> {
        let counters: Value = serde_json::from_str(&self.send_command("counters").await?)?;
        if self.common.output == Format::Text {
            for (name, count) in counters.as_object().into_iter().flatten() {
                self.print_line(format!("{name}: {} mutating requests", count["mutations"]))?;
                for (client, verbs) in count["byClient"].as_object().into_iter().flatten() {
                    self.print_line(format!("  {client} {verbs}"))?;
                }
            }
        } else if !output::structured(self.common.output, &counters)? {
            bail!("unknown output format");
        }
        Ok(())
    }
}
