//! `kurator status`: the fleet, one application per member, one member per application.

use std::collections::BTreeMap;

use api::apps::v1alpha1::Application;
use api::condition::{self, Condition};
use api::delivery::{DriftRecord, Health, MemberStatus, UnitId, UnitPhase, UnitStatus};
use api::member::v1alpha1::Cluster;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use model::clock::format_seconds;
use model::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::args::{Common, Target, What};
use crate::connect::{self, asked};
use crate::duration::since;
use crate::output::{self, Cell, Table, Tone};
use crate::sync::{revision, short_revision};

pub(crate) async fn run(common: &Common, what: What) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let world = World::read(&client, common).await?;
    let now = hub::SystemClock.now();
    let (value, lines) = match what.object {
        None => (world.fleet_value(), world.fleet_lines(now)),
        Some(Target::App(name)) => {
            let app = world.application(&name)?;
            (world.application_value(app), world.application_lines(app, now))
        }
        Some(Target::Member(name)) => {
            let member = world.member(&name)?;
            (world.member_value(member), world.member_lines(member, now))
        }
    };
    if !output::structured(common.output, &value)? {
        output::print(&lines)?;
    }
    Ok(())
}

/// Everything that is shown, read once.
struct World {
    members: Vec<Cluster>,
    applications: Vec<Application>,
    statuses: BTreeMap<(UnitId, String), UnitStatus>,
    revisions: BTreeMap<String, String>,
}

impl World {
    async fn read(client: &Client, common: &Common) -> anyhow::Result<Self> {
        let all = ListParams::default();
        let members: Api<Cluster> = Api::all(client.clone());
        let applications: Api<Application> = Api::namespaced(client.clone(), &common.namespace);
        let statuses: Api<MemberStatus> = Api::all(client.clone());
        let revisions: Api<api::delivery::Revision> = Api::namespaced(client.clone(), &common.namespace);
        let members = members.list(&all).await.map_err(asked("cannot list members"))?.items;
        let applications = applications.list(&all).await.map_err(asked("cannot list applications"))?.items;
        let statuses = statuses.list(&all).await.map_err(asked("cannot list what members report"))?.items;
        let revisions = revisions.list(&all).await.map_err(asked("cannot list revisions"))?.items;
        let statuses = statuses
            .into_iter()
            .flat_map(|s| {
                let member = s.spec.member.to_string();
                let units = s.status.map(|s| s.units).unwrap_or_default();
                units.into_iter().map(move |(unit, status)| ((unit, member.clone()), status)).collect::<Vec<_>>()
            })
            .collect();
        let revisions =
            revisions.into_iter().map(|r| (r.name_any(), short_revision(&r.spec.artifact.revision))).collect();
        Ok(Self { members, applications, statuses, revisions })
    }

    fn application(&self, name: &str) -> anyhow::Result<&Application> {
        self.applications.iter().find(|a| a.name_any() == name).ok_or_else(|| {
            let known: Vec<String> = self.applications.iter().map(|a| format!("app/{}", a.name_any())).collect();
            anyhow::anyhow!("there is no app/{name} in this namespace (there is: {})", join(&known))
        })
    }

    fn member(&self, name: &str) -> anyhow::Result<&Cluster> {
        self.members.iter().find(|m| m.name_any() == name).ok_or_else(|| {
            let known: Vec<String> = self.members.iter().map(|m| format!("member/{}", m.name_any())).collect();
            anyhow::anyhow!("there is no member/{name} (there is: {})", join(&known))
        })
    }

    fn is_known(&self, member: &str) -> bool {
        let cluster = self.members.iter().find(|m| m.name_any() == member);
        cluster.and_then(ready).is_some_and(|c| c.status != "Unknown")
    }

    fn of_application(&self, app: &Application) -> Vec<(&UnitId, &str, &UnitStatus)> {
        let (namespace, name) = (app.namespace().unwrap_or_default(), app.name_any());
        let mine = |unit: &UnitId| unit.kind == "Application" && unit.namespace == namespace && unit.name == name;
        let all = self.statuses.iter().filter(|((unit, _), _)| mine(unit));
        all.map(|((unit, member), status)| (unit, member.as_str(), status)).collect()
    }

    fn of_member(&self, member: &str) -> Vec<(&UnitId, &UnitStatus)> {
        self.statuses.iter().filter(|((_, m), _)| m == member).map(|((unit, _), s)| (unit, s)).collect()
    }

    fn fleet_lines(&self, now: Timestamp) -> Vec<String> {
        let mut members = Table::new(&["MEMBER", "REGION", "VERSION", "NODES", "UNITS", "PODS", "STATE"]);
        for member in &self.members {
            let name = member.name_any();
            let status = member.status.clone().unwrap_or_default();
            let units = self.of_member(&name);
            let good = units.iter().filter(|(_, s)| is_good(s)).count();
            let (ready_pods, pods) = units.iter().fold((0, 0), |(r, d), (_, s)| (r + s.pods.ready, d + s.pods.desired));
            let nodes = status.node_summary.map_or_else(String::new, |n| format!("{}/{}", n.ready_num, n.total_num));
            members.row(vec![
                name.into(),
                member.spec.region.clone().unwrap_or_default().into(),
                status.kubernetes_version.unwrap_or_default().into(),
                nodes.into(),
                format!("{good}/{}", units.len()).into(),
                format!("{ready_pods}/{pods}").into(),
                state(ready(member), now),
            ]);
        }
        let mut applications = Table::new(&["APPLICATION", "REVISION", "READY", "OBJECTS", "STATE"]);
        for app in &self.applications {
            let status = app.status.clone().unwrap_or_default();
            let summary = status.summary.clone().unwrap_or_default();
            applications.row(vec![
                app.name_any().into(),
                revision(&status).into(),
                format!("{}/{}", summary.ready, summary.placed).into(),
                summary.objects.to_string().into(),
                state(condition::find(&status.conditions, condition::READY), now),
            ]);
        }
        let mut lines = if self.members.is_empty() {
            vec!["no members yet: apply an AttachedCluster".to_owned()]
        } else {
            members.lines(output::colour())
        };
        lines.push(String::new());
        lines.extend(if self.applications.is_empty() {
            vec!["no applications yet: apply an Application".to_owned()]
        } else {
            applications.lines(output::colour())
        });
        lines
    }

    fn fleet_value(&self) -> Value {
        json!({
            "members": self.members.iter().map(|m| self.member_value(m)).collect::<Vec<_>>(),
            "applications": self.applications.iter().map(|a| self.application_value(a)).collect::<Vec<_>>(),
        })
    }

    fn application_value(&self, app: &Application) -> Value {
        let units: Vec<Value> = self
            .of_application(app)
            .iter()
            .map(|(unit, member, status)| json!({"member": member, "policy": unit.policy, "status": status}))
            .collect();
        json!({"name": app.name_any(), "namespace": app.namespace(), "status": app.status, "units": units})
    }

    fn application_lines(&self, app: &Application, now: Timestamp) -> Vec<String> {
        let status = app.status.clone().unwrap_or_default();
        let mut lines = vec![format!("app/{}  {}", app.name_any(), revision(&status)).trim_end().to_owned()];
        for condition in &status.conditions {
            let since = condition.last_transition_time.parse().map_or_else(|_| String::new(), |at| since(at, now));
            lines.push(format!(
                "  {} {} ({since}) {}: {}",
                condition.type_, condition.status, condition.reason, condition.message
            ));
        }
        lines.push(String::new());
        let headings = ["MEMBER", "POLICY", "REVISION", "OBJECTS", "PODS", "DELIVERY", "HEALTH", "SINCE", "MESSAGE"];
        let mut table = Table::new(&headings);
        let units = self.of_application(app);
        for (unit, member, status) in &units {
            let known = self.is_known(member);
            let (delivery, health) = if known {
                (Cell::new(status.phase.to_string(), phase_tone(status.phase)), health_cell(status.health))
            } else {
                (Cell::new("Unknown", Tone::Waiting), Cell::new("Unknown", Tone::Waiting))
            };
            let message = if known {
                status.message.clone()
            } else {
                format!("the member does not answer; last known: {}, {}", status.phase, status.health)
            };
            table.row(vec![
                (*member).into(),
                unit.policy.clone().unwrap_or_default().into(),
                self.revisions.get(&status.revision).cloned().unwrap_or_default().into(),
                format!("{}/{}", status.objects.applied, status.objects.desired).into(),
                format!("{}/{}", status.pods.ready, status.pods.desired).into(),
                delivery,
                health,
                since(status.since, now).into(),
                message.into(),
            ]);
        }
        lines.extend(table.lines(output::colour()));
        let drifts: Vec<String> = units
            .iter()
            .filter_map(|(_, member, s)| s.last_drift.as_ref().map(|d| format!("  {member}: {}", drift(d))))
            .collect();
        if !drifts.is_empty() {
            lines.push(String::new());
            lines.push("changed by somebody else, last per member:".to_owned());
            lines.extend(drifts);
        }
        for held in &status.held {
            lines.push(String::new());
            lines.push(format!("held, policy {}: {} deletions ({})", held.policy, held.count, held.digest));
            lines.extend(held.members.iter().map(|m| format!("  {m}")));
            lines.push(format!("release exactly these with: kurator approve app/{}", app.name_any()));
        }
        lines
    }

    fn member_value(&self, member: &Cluster) -> Value {
        let name = member.name_any();
        let units: Vec<Value> =
            self.of_member(&name).iter().map(|(unit, status)| json!({"unit": unit, "status": status})).collect();
        json!({"name": name, "region": member.spec.region, "status": member.status, "units": units})
    }

    fn member_lines(&self, member: &Cluster, now: Timestamp) -> Vec<String> {
        let name = member.name_any();
        let status = member.status.clone().unwrap_or_default();
        let ready = ready(member);
        let mut lines = vec![
            format!("member/{name}  {}", status.kubernetes_version.clone().unwrap_or_default()),
            format!("  server {}", member.spec.api_endpoint.clone().unwrap_or_default()),
        ];
        if let Some(c) = ready {
            lines.push(format!("  Ready {} {}: {}", c.status, c.reason, c.message));
        }
        if let Some(resources) = &status.resource_summary {
            for (resource, amount) in &resources.allocatable {
                let used = resources.allocated.get(resource).map_or("0", String::as_str);
                lines.push(format!("  {resource} {used} of {amount}"));
            }
        }
        lines.push(String::new());
        let mut table = Table::new(&["UNIT", "REVISION", "OBJECTS", "PODS", "DELIVERY", "HEALTH", "SINCE"]);
        for (unit, status) in self.of_member(&name) {
            let label = match &unit.policy {
                Some(policy) => format!("{}/{} {policy}", unit.namespace, unit.name),
                None => format!("{}/{}", unit.namespace, unit.name),
            };
            table.row(vec![
                label.into(),
                self.revisions.get(&status.revision).cloned().unwrap_or_default().into(),
                format!("{}/{}", status.objects.applied, status.objects.desired).into(),
                format!("{}/{}", status.pods.ready, status.pods.desired).into(),
                Cell::new(status.phase.to_string(), phase_tone(status.phase)),
                health_cell(status.health),
                since(status.since, now).into(),
            ]);
        }
        lines.extend(table.lines(output::colour()));
        lines
    }
}

fn join(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn ready(member: &Cluster) -> Option<&Condition> {
    member.status.as_ref().and_then(|s| condition::find(&s.conditions, condition::READY))
}

fn is_good(status: &UnitStatus) -> bool {
    status.phase == UnitPhase::Applied && matches!(status.health, Health::Healthy | Health::Suspended)
}

/// A `Ready` condition in one word, or a few.
fn state(ready: Option<&Condition>, now: Timestamp) -> Cell {
    let Some(ready) = ready else { return Cell::new("Pending", Tone::Waiting) };
    let since = ready.last_transition_time.parse().map_or_else(|_| String::new(), |at| since(at, now));
    match ready.status.as_str() {
        "True" => Cell::new("Ready", Tone::Good),
        "False" => Cell::new(format!("NotReady ({since}) {}: {}", ready.reason, ready.message), Tone::Bad),
        _ => Cell::new(format!("Unknown ({since}) {}", ready.message), Tone::Waiting),
    }
}

fn phase_tone(phase: UnitPhase) -> Tone {
    match phase {
        UnitPhase::Applied => Tone::Good,
        UnitPhase::Failed => Tone::Bad,
        _ => Tone::Waiting,
    }
}

fn health_cell(health: Health) -> Cell {
    let tone = match health {
        Health::Healthy => Tone::Good,
        Health::Degraded | Health::Missing => Tone::Bad,
        _ => Tone::Waiting,
    };
    Cell::new(health.to_string(), tone)
}

/// A change that somebody made, in one line.
pub(crate) fn drift(record: &DriftRecord) -> String {
    let end = if record.reverted { "reverted" } else { "not reverted" };
    if record.deleted {
        return format!(
            "{} deleted at {} (Kubernetes does not record by whom), made again",
            record.object, record.seen
        );
    }
    let fields: Vec<String> = record
        .fields
        .iter()
        .map(|f| {
            let who = f.manager.as_deref().unwrap_or("nobody that is recorded");
            // Writes through the scale subresource have no time in managedFields: then when it was seen.
            let when = format_seconds(f.time.unwrap_or(record.seen));
            format!("{} by {who} at {when}", f.path)
        })
        .collect();
    format!("{} {}: {end}", record.object, fields.join(", "))
}
