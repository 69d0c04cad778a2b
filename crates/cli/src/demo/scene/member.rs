//! Members that go and come back, and the whole process.

use std::collections::BTreeSet;

use anyhow::bail;
use api::condition::{self, Condition};
use api::delivery::UnitPhase;
use api::feed::UnitReport;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::reason;
use kube::api::ListParams;
use kube::{Client, ResourceExt};
use plan::state::State;
use serde_json::Value;

use super::{Look, Player};
use crate::args::Format;
use crate::connect::{self, Api, asked};
use crate::demo::APPLICATION;
use crate::duration::tenths;
use crate::output;
use crate::up::settled::FAILING_FOR;

/// Has a member said what there is to say? Nothing more comes of held deletions, refused objects and a pause until a person
/// acts, so a scene does not wait for that.
pub(super) fn is_settled(phase: UnitPhase) -> bool {
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

/// Has a member that came back what is wanted there, and is that stored? The Application itself counts as converged also while
/// nothing is known of a member.
fn behind(units: &[Value], app: &Application, member: &str) -> Look<()> {
    let text = |unit: &Value, field: &str| unit[field].as_str().unwrap_or_default().to_owned();
    for unit in units.iter().filter(|unit| unit["member"] == member) {
        let (state, reason) = (text(unit, "state"), text(unit, "stateReason"));
        let why = format!("{state}, {reason}: {}", text(unit, "stateMessage"));
        if [State::Unknown, State::Progressing].iter().any(|waits| waits.as_str() == state) {
            return Look::found_or(None, why);
        }
        if state == State::NotReady.as_str() {
            return Look::blocked(&reason, FAILING_FOR, why);
        }
    }
    let conditions = app.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let ready = condition::find(conditions, condition::READY).filter(|ready| ready.reason == reason::MEMBER_UNKNOWN);
    let is_named = |ready: &Condition| ready.message.split([' ', ',', ';']).any(|word| word == member);
    let stale = ready.filter(|ready| is_named(ready)).map(|ready| ready.message.clone());
    Look::found_or(stale.is_none().then_some(()), stale.unwrap_or_default())
}

/// Is there something that a member which came back is to be given? The source may be empty, and a person may have deleted the
/// Application.
pub(super) fn is_delivered(has_files: bool, app: Option<&Application>) -> bool {
    has_files && app.is_some_and(|app| app.metadata.deletion_timestamp.is_none())
}

/// Who writes members' records.
const RECORDS: &str = "kurator-member";

/// How many requests changed something at one API server since the start, and whose they were. A member that has changed
/// shortly before is counted again after the start: its record then says other numbers of pods.
fn since_start(count: &Value) -> String {
    let number = count["mutations"].as_u64().unwrap_or_default();
    let clients: Vec<&str> =
        count["byClient"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let whose = match clients.as_slice() {
        [] => String::new(),
        [RECORDS] => ", which noted what had changed in members before".to_owned(),
        many => format!(", of {}", many.join(", ")),
    };
    format!("{number} mutating request{} since the start{whose}", if number == 1 { "" } else { "s" })
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
                let ready = self.member_ready(&hub, member).await?;
                Ok(Look::found_or(ready.filter(|c| c.status == "Unknown"), format!("{member} still counts as known")))
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
                let ready = self.member_ready(&hub, member).await?;
                let why = ready.as_ref().map(|c| format!("{member} {}: {}", c.reason, c.message)).unwrap_or_default();
                Ok(Look::found_or(ready.filter(|c| c.status == "True"), why))
            })
            .await?;
        self.print_line(format!("  {member} is Ready after {}", tenths(took)))?;
        if is_delivered(self.has("HEAD:shop"), self.find_application(&hub).await?.as_ref()) {
            let head = self.head()?;
            let (_, caught_up) = self
                .until(&format!("{member} to catch up"), async || {
                    Ok(behind(&self.units(&hub).await?, &self.application(&hub).await?, member))
                })
                .await?;
            let took = caught_up + self.converged(&hub, &head).await?;
            self.print_line(format!("  it has caught up after {}", tenths(took)))?;
        }
        Ok(())
    }

    pub(super) async fn restart(&self) -> anyhow::Result<()> {
        let before = self.send_command("ping").await?;
        let hub = connect::hub(&self.common).await?;
        let app = self.application(&hub).await?;
        let revision = crate::sync::revision(&app.status.unwrap_or_default());
        // A member on which nothing is delivered has nothing to say after the start either.
        let expected: BTreeSet<_> = self.reports(&hub).await?.into_iter().map(|r| (r.member, r.unit)).collect();
        drop(hub);
        self.send_command("restart").await?;
        self.print_line(format!("the process is starting again, hub and members; {APPLICATION} ran {revision}"))?;
        let gone = |text: &str| text == before;
        let (_, took) = self
            .until("the new process to answer", async || {
                Ok(Look::found_or(self.send_command("ping").await.ok().filter(|text| !gone(text)), "it is starting"))
            })
            .await?;
        let hub = connect::hub(&self.common).await?;
        let (reports, _) = self
            .until("every member to be looked at", async || {
                let reports = self.reports(&hub).await?;
                let settled = reports.iter().filter(|report| is_settled(report.phase));
                let settled: BTreeSet<_> = settled.map(|r| (r.member.clone(), r.unit.clone())).collect();
                let late: BTreeSet<String> = expected.difference(&settled).map(|(m, _)| m.to_string()).collect();
                let why = format!("nothing final is known of {}", late.iter().cloned().collect::<Vec<_>>().join(", "));
                Ok(Look::found_or(late.is_empty().then_some(reports), why))
            })
            .await?;
        self.print_line(format!("  answered again after {}", tenths(took)))?;
        for report in &reports {
            self.print_line(after_restart(report))?;
        }
        let counters: Value = serde_json::from_str(&self.send_command("counters").await?)?;
        for (name, count) in counters.as_object().into_iter().flatten() {
            self.print_line(format!("  {name}: {}", since_start(count)))?;
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_has_caught_up_when_its_units_are_as_wanted_and_the_application_says_so() {
        let unit = |member: &str, state: &str| json!({"member": member, "state": state, "stateReason": "Why", "stateMessage": "words"});
        let app = |reason: &str, message: &str| -> Application {
            serde_json::from_value(json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
                "metadata": {"name": "shop"}, "spec": {"source": {}},
                "status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": reason, "message": message,
                    "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}))
            .unwrap()
        };
        let well = app("ReconciliationSucceeded", "3 of 3 ready");
        let stale = app("MemberUnknown", "nothing is known of beijing; 2 of 3 ready");
        let other = app("MemberUnknown", "nothing is known of shanghai; 2 of 3 ready");
        for (state, app, expect, gives_up) in [
            ("Ready", &well, true, None),
            ("Unknown", &well, false, None),
            ("Progressing", &well, false, None),
            ("NotReady", &well, false, Some(FAILING_FOR)),
            ("Suspended", &well, true, None),
            ("Ready", &stale, false, None),
            // Another member is not waited for.
            ("Ready", &other, true, None),
        ] {
            let look = behind(&[unit("beijing", state), unit("shanghai", "Unknown")], app, "beijing");
            let long = match &look {
                Look::Found(()) => None,
                Look::NotYet { in_the_way, .. } => in_the_way.as_ref().map(|found| found.long),
            };
            assert_eq!((look == Look::Found(()), long), (expect, gives_up), "{state}: {look:?}");
        }
    }

    #[test]
    fn a_count_says_whose_requests_they_were() {
        for (count, said) in [
            (json!({"mutations": 0, "byClient": {}}), "0 mutating requests since the start"),
            (
                json!({"mutations": 1, "byClient": {"kurator-member": {"update": 1}}}),
                "1 mutating request since the start, which noted what had changed in members before",
            ),
            (
                json!({"mutations": 3, "byClient": {"kurator-member": {"update": 1}, "kurator-status": {"update": 2}}}),
                "3 mutating requests since the start, of kurator-member, kurator-status",
            ),
        ] {
            assert_eq!(since_start(&count), said);
        }
    }
}
