//! Everything that is shown, read once.

use std::collections::BTreeMap;

use api::condition::{self, Condition};
use api::delivery::{LinkState, MemberLink, MemberStatus, Origin, Revision, UnitId, UnitStatus};
use api::karmada::cluster::v1alpha1::{Cluster, ClusterSpec, ClusterStatus};
use api::kurator::annotation::ORIGIN;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use kube::api::{ListParams, ObjectList};
use kube::{Api, Client, ResourceExt};

use crate::connect::asked;
use crate::reach;
use crate::sync::short_revision;

pub(super) struct World {
    pub(super) namespace: String,
    pub(super) members: Vec<Cluster>,
    pub(super) applications: Vec<Application>,
    /// By unit and member.
    pub(super) statuses: BTreeMap<(UnitId, String), UnitStatus>,
    /// How appliers get on with their members.
    pub(super) links: BTreeMap<String, MemberLink>,
    /// What git calls a Revision, by its name.
    pub(super) revisions: BTreeMap<String, String>,
    /// What the credential may not list.
    pub(super) hidden: Vec<&'static str>,
}

/// What members are called where they cannot be listed.
pub(super) const MEMBERS: &str = "members";
/// What their reports are called.
pub(super) const REPORTS: &str = "what members report";
const ATTACHED: &str = "attached clusters";

/// What a list holds; nothing of one that this credential may not read, whose name is noted.
fn readable<K: Clone>(
    listed: kube::Result<ObjectList<K>>,
    what: &'static str,
    hidden: &mut Vec<&'static str>,
) -> anyhow::Result<Vec<K>> {
    match listed {
        Err(kube::Error::Api(status)) if status.code == FORBIDDEN => {
            hidden.push(what);
            Ok(Vec::new())
        }
        listed => Ok(listed.map_err(asked(&format!("cannot list {what}")))?.items),
    }
}

/// The code of an answer to a credential without the right.
const FORBIDDEN: u16 = 403;

impl World {
    pub(super) async fn read(client: &Client, namespace: &str) -> anyhow::Result<Self> {
        let all = ListParams::default();
        let members: Api<Cluster> = Api::all(client.clone());
        let applications: Api<Application> = Api::namespaced(client.clone(), namespace);
        let statuses: Api<MemberStatus> = Api::all(client.clone());
        // A member runs units of every namespace.
        let revisions: Api<Revision> = Api::all(client.clone());
        let mut hidden = Vec::new();
        let members = readable(members.list(&all).await, MEMBERS, &mut hidden)?;
        let applications = applications.list(&all).await.map_err(asked("cannot list applications"))?.items;
        let statuses = readable(statuses.list(&all).await, REPORTS, &mut hidden)?;
        let revisions = match revisions.list(&all).await {
            // Those of the applications that are shown are in their namespace.
            Err(kube::Error::Api(status)) if status.code == FORBIDDEN => {
                let revisions: Api<Revision> = Api::namespaced(client.clone(), namespace);
                readable(revisions.list(&all).await, "revisions", &mut hidden)?
            }
            listed => listed.map_err(asked("cannot list revisions"))?.items,
        };
        let attached: Api<AttachedCluster> = Api::all(client.clone());
        let attached = readable(attached.list(&all).await, ATTACHED, &mut hidden)?;
        let world = Self::new(namespace, members, applications, statuses, revisions).with_attached(attached);
        Ok(Self { hidden, ..world })
    }

    /// Takes in clusters that were attached and have made no member.
    pub(super) fn with_attached(mut self, attached: Vec<AttachedCluster>) -> Self {
        self.members = members(self.members, attached);
        self
    }

    pub(super) fn new(
        namespace: &str,
        mut members: Vec<Cluster>,
        mut applications: Vec<Application>,
        statuses: Vec<MemberStatus>,
        revisions: Vec<Revision>,
    ) -> Self {
        members.sort_by_key(ResourceExt::name_any);
        applications.sort_by_key(ResourceExt::name_any);
        let link = |slice: &MemberStatus| Some((slice.spec.member.to_string(), slice.status.as_ref()?.link.clone()?));
        let links = statuses.iter().filter_map(link).collect();
        let statuses = statuses.into_iter().flat_map(|slice| {
            let member = slice.spec.member.to_string();
            let units = slice.status.map(|s| s.units).unwrap_or_default();
            units.into_iter().map(move |(unit, status)| ((unit, member.clone()), status))
        });
        let revisions = revisions.into_iter().map(|r| (r.name_any(), short_revision(r.spec.inputs.source_revision())));
        Self {
            namespace: namespace.to_owned(),
            members,
            applications,
            statuses: statuses.collect(),
            links,
            revisions: revisions.collect(),
            hidden: Vec::new(),
        }
    }

    /// May the credential not list this?
    pub(super) fn hides(&self, what: &str) -> bool {
        self.hidden.contains(&what)
    }

    pub(super) fn application(&self, name: &str) -> anyhow::Result<&Application> {
        self.applications.iter().find(|a| a.name_any() == name).ok_or_else(|| {
            let known = self.applications.iter().map(|a| format!("app/{}", a.name_any()));
            let namespace = &self.namespace;
            anyhow::anyhow!(
                "there is no app/{name} in namespace {namespace} ({}); choose another namespace with -n",
                there_is(known)
            )
        })
    }

    pub(super) fn member(&self, name: &str) -> anyhow::Result<&Cluster> {
        self.members.iter().find(|m| m.name_any() == name).ok_or_else(|| {
            let known = self.members.iter().map(|m| format!("member/{}", m.name_any()));
            if self.hides(MEMBERS) {
                return anyhow::anyhow!("member/{name} cannot be shown: this credential may not list members");
            }
            anyhow::anyhow!("there is no member/{name} ({})", there_is(known))
        })
    }

    /// Whether what a member reported last still holds: its record says that it answers, and its applier gets through.
    pub(super) fn answers(&self, member: &str) -> bool {
        let cluster = self.members.iter().find(|m| m.name_any() == member);
        reach::answers(cluster, self.links.get(member))
    }

    /// The link of an applier that does not get through, though the member answers its prober.
    pub(super) fn kept_out(&self, member: &str) -> Option<&MemberLink> {
        let cluster = self.members.iter().find(|m| m.name_any() == member);
        cluster.filter(|cluster| reach::record_answers(cluster))?;
        reach::kept_out(self.links.get(member))
    }

    /// Why what a member reported last does not hold, in words.
    pub(super) fn silence(&self, member: &str) -> &'static str {
        let cluster = self.members.iter().find(|m| m.name_any() == member);
        match (cluster.and_then(ready), self.kept_out(member).map(|link| link.state)) {
            (_, Some(LinkState::Blocked)) => "the member is not delivered to",
            (_, Some(_)) => "the member does not answer its applier",
            (Some(c), None) if c.status == "False" => "the member is not delivered to",
            _ => "the member does not answer",
        }
    }

    /// An application's units, by member and policy.
    pub(super) fn of_application(&self, app: &Application) -> Vec<(&UnitId, &str, &UnitStatus)> {
        let (namespace, name) = (app.namespace().unwrap_or_default(), app.name_any());
        let mine = |unit: &UnitId| unit.kind == "Application" && unit.namespace == namespace && unit.name == name;
        let all = self.statuses.iter().filter(|((unit, _), _)| mine(unit));
        let mut all: Vec<_> = all.map(|((unit, member), status)| (unit, member.as_str(), status)).collect();
        all.sort_by_key(|(unit, member, _)| (*member, *unit));
        all
    }

    pub(super) fn of_member(&self, member: &str) -> Vec<(&UnitId, &UnitStatus)> {
        self.statuses.iter().filter(|((_, m), _)| m == member).map(|((unit, _), s)| (unit, s)).collect()
    }

    /// What git calls the revision that a unit runs.
    pub(super) fn revision_of(&self, status: &UnitStatus) -> String {
        self.revisions.get(&status.revision).cloned().unwrap_or_default()
    }
}

/// Members, and clusters that were attached and have made none: their own `Ready` says why, and nothing else does. Such a
/// one is shown by the name that it wants, or by that of its object if another member has it. In the order of names.
pub(crate) fn members(mut members: Vec<Cluster>, attached: Vec<AttachedCluster>) -> Vec<Cluster> {
    for one in attached {
        let namespace = one.namespace().unwrap_or_default();
        let me = format!("{namespace}/{}", one.name_any());
        let origin = Origin::new("cluster.kurator.dev", "AttachedCluster", &namespace, &one.name_any()).to_string();
        if members.iter().any(|member| member.annotations().get(ORIGIN) == Some(&origin)) {
            continue;
        }
        let wanted = one.spec.member_name.clone().unwrap_or_else(|| one.name_any());
        let is_free = |name: &String| members.iter().all(|member| member.name_any() != *name);
        let name = [wanted, one.name_any()].into_iter().find(is_free).unwrap_or(me);
        let mut member = Cluster::new(&name, ClusterSpec::default());
        let conditions = one.status.map(|status| status.conditions).unwrap_or_default();
        member.status = Some(ClusterStatus { conditions, ..ClusterStatus::default() });
        members.push(member);
    }
    members.sort_by_key(ResourceExt::name_any);
    members
}

fn there_is(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() { "there is none yet".to_owned() } else { format!("there is: {}", names.join(", ")) }
}

/// A member's `Ready`.
pub(super) fn ready(member: &Cluster) -> Option<&Condition> {
    member.status.as_ref().and_then(|s| condition::find(&s.conditions, condition::READY))
}
