//! Everything that is shown, read once.

use std::collections::BTreeMap;

use api::condition::{self, Condition};
use api::delivery::{
    Decision, Explanation, MemberDecision, MemberLink, MemberMove, MemberStatus, Origin, Revision, UnitId, UnitStatus,
};
use api::karmada::cluster::v1alpha1::{Cluster, ClusterSpec, ClusterStatus};
use api::kurator::annotation::ORIGIN;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use api::reason;
use kube::api::{ListParams, ObjectList};
use kube::{Client, ResourceExt};
use model::Timestamp;
use plan::reach::{MemberFacts, reach};
use plan::state::{Pair, Said, State};

use super::agreed;
use super::near::there_is;
use crate::connect::{Api, asked};
use crate::sync::short_revision;

/// Where applications and fleets are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// In one namespace.
    Namespace(String),
    /// In all.
    All,
}

impl Scope {
    /// In words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Namespace(namespace) => format!("in namespace {namespace}"),
            Self::All => "in any namespace".to_owned(),
        }
    }
}

pub(super) struct World {
    pub(super) scope: Scope,
    pub(super) members: Vec<Cluster>,
    pub(super) fleets: Vec<Fleet>,
    pub(super) applications: Vec<Application>,
    /// Clusters that were attached, by namespace and name.
    pub(super) attached: BTreeMap<(String, String), AttachedCluster>,
    /// By unit and member.
    pub(super) statuses: BTreeMap<(UnitId, String), UnitStatus>,
    /// The units that each member reports on.
    of_member: BTreeMap<String, Vec<UnitId>>,
    /// How appliers get on with their members.
    pub(super) links: BTreeMap<String, MemberLink>,
    /// What this hub has in members that no Application asks for.
    pub(super) unasked: BTreeMap<String, MemberMove>,
    /// How each member is reached.
    facts: BTreeMap<String, MemberFacts>,
    /// What is decided, by unit and member.
    decisions: BTreeMap<(UnitId, String), MemberDecision>,
    /// Of which units it may be read what is decided.
    decided: Decided,
    /// Why each unit is where it is.
    pub(super) explanations: BTreeMap<UnitId, Explanation>,
    /// What git calls a Revision, by its name.
    pub(super) revisions: BTreeMap<String, String>,
    /// What the credential may not list.
    pub(super) hidden: Vec<&'static str>,
}

/// Of which units it was read what is decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Decided {
    /// Of none: the credential may not list decisions.
    #[default]
    Nothing,
    /// Of those in one namespace.
    Namespace(String),
    /// Of all.
    All,
}

impl Decided {
    fn covers(&self, unit: &UnitId) -> bool {
        match self {
            Self::Nothing => false,
            Self::Namespace(namespace) => unit.namespace == *namespace,
            Self::All => true,
        }
    }
}

/// What was read of the hub.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) members: Vec<Cluster>,
    pub(super) attached: Vec<AttachedCluster>,
    pub(super) fleets: Vec<Fleet>,
    pub(super) applications: Vec<Application>,
    pub(super) statuses: Vec<MemberStatus>,
    pub(super) decisions: Vec<Decision>,
    pub(super) decided: Decided,
    pub(super) revisions: Vec<Revision>,
    /// What the credential may not list.
    pub(super) hidden: Vec<&'static str>,
}

/// What members are called where they cannot be listed.
pub(super) const MEMBERS: &str = "members";
/// What their reports are called.
pub(super) const REPORTS: &str = "what members report";
/// What is wanted in each member.
pub(super) const DECISIONS: &str = "decisions";
pub(super) const FLEETS: &str = "fleets";
pub(super) const APPLICATIONS: &str = "applications";
const ATTACHED: &str = "attached clusters";

/// What a list holds; nothing of one that this credential may not read, whose name is noted.
fn readable<K: Clone>(
    listed: kube::Result<ObjectList<K>>,
    what: &'static str,
    hidden: &mut Vec<&'static str>,
) -> anyhow::Result<Vec<K>> {
    match listed {
        Err(error) if is_forbidden(&error) => {
            hidden.push(what);
            Ok(Vec::new())
        }
        listed => Ok(listed.map_err(asked(&format!("cannot list {what}")))?.items),
    }
}

/// The code of an answer to a credential without the right.
const FORBIDDEN: u16 = 403;

fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == FORBIDDEN)
}

/// What is decided: of all units, or of those in the namespace that is looked at where no more may be read.
async fn read_decisions(
    client: &Client,
    scope: &Scope,
    hidden: &mut Vec<&'static str>,
) -> anyhow::Result<(Vec<Decision>, Decided)> {
    let all = ListParams::default();
    let listed = match (Api::<Decision>::all(client.clone()).list(&all).await, scope) {
        (Err(error), Scope::Namespace(namespace)) if is_forbidden(&error) => {
            let decisions: Api<Decision> = Api::namespaced(client.clone(), namespace);
            (decisions.list(&all).await, Decided::Namespace(namespace.clone()))
        }
        (listed, _) => (listed, Decided::All),
    };
    let decided = if listed.0.as_ref().is_err_and(is_forbidden) { Decided::Nothing } else { listed.1 };
    Ok((readable(listed.0, DECISIONS, hidden)?, decided))
}

impl World {
    pub(super) async fn read(client: &Client, scope: Scope) -> anyhow::Result<Self> {
        let all = ListParams::default();
        // A member runs units of every namespace.
        let members: Api<Cluster> = Api::all(client.clone());
        let attached: Api<AttachedCluster> = Api::all(client.clone());
        let statuses: Api<MemberStatus> = Api::all(client.clone());
        let revisions: Api<Revision> = Api::all(client.clone());
        let (fleets, applications): (Api<Fleet>, Api<Application>) = match &scope {
            Scope::Namespace(namespace) => {
                (Api::namespaced(client.clone(), namespace), Api::namespaced(client.clone(), namespace))
            }
            Scope::All => (Api::all(client.clone()), Api::all(client.clone())),
        };
        let mut hidden = Vec::new();
        let revisions = match (revisions.list(&all).await, &scope) {
            // Those of the applications that are shown are in their namespace.
            (Err(error), Scope::Namespace(namespace)) if is_forbidden(&error) => {
                let revisions: Api<Revision> = Api::namespaced(client.clone(), namespace);
                readable(revisions.list(&all).await, "revisions", &mut hidden)?
            }
            (listed, _) => readable(listed, "revisions", &mut hidden)?,
        };
        let members = readable(members.list(&all).await, MEMBERS, &mut hidden)?;
        let attached = readable(attached.list(&all).await, ATTACHED, &mut hidden)?;
        let (fleets, applications) = (fleets.list(&all).await, applications.list(&all).await);
        let (fleets, applications) = match &scope {
            // What is looked at is not left out: without it there is nothing to show.
            Scope::Namespace(_) => (
                fleets.map_err(asked("cannot list fleets"))?.items,
                applications.map_err(asked("cannot list applications"))?.items,
            ),
            Scope::All => (readable(fleets, FLEETS, &mut hidden)?, readable(applications, APPLICATIONS, &mut hidden)?),
        };
        let statuses = readable(statuses.list(&all).await, REPORTS, &mut hidden)?;
        let (decisions, decided) = read_decisions(client, &scope, &mut hidden).await?;
        let lists = Lists { members, attached, fleets, applications, statuses, decisions, decided, revisions, hidden };
        Ok(Self::new(scope, lists))
    }

    pub(super) fn new(scope: Scope, lists: Lists) -> Self {
        let Lists { members, attached, mut fleets, mut applications, statuses, decisions, decided, revisions, hidden } =
            lists;
        let key = |namespace: Option<String>, name: String| (namespace.unwrap_or_default(), name);
        applications.sort_by_key(|app| key(app.namespace(), app.name_any()));
        fleets.sort_by_key(|fleet| key(fleet.namespace(), fleet.name_any()));
        let members = self::members(members, attached.clone());
        let link = |slice: &MemberStatus| Some((slice.spec.member.to_string(), slice.status.as_ref()?.link.clone()?));
        let links: BTreeMap<String, MemberLink> = statuses.iter().filter_map(link).collect();
        let moving =
            |slice: &MemberStatus| Some((slice.spec.member.to_string(), slice.status.as_ref()?.moving.clone()));
        let unasked = statuses.iter().filter_map(moving).filter(|(_, moving)| moving.unasked_count > 0).collect();
        let facts = members.iter().map(|member| {
            let name = member.name_any();
            let facts = MemberFacts { link: links.get(&name).cloned(), ..MemberFacts::new(reach(conditions(member))) };
            (name, facts)
        });
        let facts = facts.collect();
        let statuses = statuses.into_iter().flat_map(|slice| {
            let member = slice.spec.member.to_string();
            let units = slice.status.map(|s| s.units).unwrap_or_default();
            units.into_iter().map(move |(unit, status)| ((unit, member.clone()), status))
        });
        let statuses: BTreeMap<(UnitId, String), UnitStatus> = statuses.collect();
        let mut of_member: BTreeMap<String, Vec<UnitId>> = BTreeMap::new();
        for (unit, member) in statuses.keys() {
            of_member.entry(member.clone()).or_default().push(unit.clone());
        }
        let explained = |d: &Decision| Some((d.spec.unit.clone(), d.spec.explanation.clone()?));
        let explanations: BTreeMap<UnitId, Explanation> = decisions.iter().filter_map(explained).collect();
        let decisions = decisions.into_iter().flat_map(|decision| {
            let unit = decision.spec.unit.clone();
            let members = decision.spec.members.into_iter();
            members.map(move |(member, entry)| ((unit.clone(), member.to_string()), entry))
        });
        let revisions = revisions.into_iter().map(|r| (r.name_any(), short_revision(r.spec.inputs.source_revision())));
        Self {
            scope,
            members,
            fleets,
            applications,
            attached: attached.into_iter().map(|one| (key(one.namespace(), one.name_any()), one)).collect(),
            decisions: decisions.collect(),
            decided,
            explanations,
            statuses,
            of_member,
            links,
            unasked,
            facts,
            revisions: revisions.collect(),
            hidden,
        }
    }

    /// May the credential not list this?
    pub(super) fn hides(&self, what: &str) -> bool {
        self.hidden.contains(&what)
    }

    pub(super) fn application(&self, name: &str) -> anyhow::Result<&Application> {
        self.applications.iter().find(|a| a.name_any() == name).ok_or_else(|| {
            let known = self.applications.iter().map(|a| format!("app/{}", a.name_any()));
            let said = there_is(&format!("app/{name}"), known);
            anyhow::anyhow!("there is no app/{name} {} ({said}); choose another namespace with -n", self.scope.words())
        })
    }

    pub(super) fn fleet(&self, name: &str) -> anyhow::Result<&Fleet> {
        self.fleets.iter().find(|f| f.name_any() == name).ok_or_else(|| {
            let known = self.fleets.iter().map(|f| format!("fleet/{}", f.name_any()));
            let said = there_is(&format!("fleet/{name}"), known);
            anyhow::anyhow!(
                "there is no fleet/{name} {} ({said}); choose another namespace with -n",
                self.scope.words()
            )
        })
    }

    pub(super) fn member(&self, name: &str) -> anyhow::Result<&Cluster> {
        self.find_member(name).or_else(|| self.find_attached(name)).ok_or_else(|| {
            let known = self.members.iter().map(|m| format!("member/{}", m.name_any()));
            if self.hides(MEMBERS) {
                return anyhow::anyhow!("member/{name} cannot be shown: this credential may not list members");
            }
            anyhow::anyhow!("there is no member/{name} ({})", there_is(&format!("member/{name}"), known))
        })
    }

    pub(super) fn find_member(&self, name: &str) -> Option<&Cluster> {
        self.members.iter().find(|m| m.name_any() == name)
    }

    /// The member of `NAMESPACE/NAME`, as other commands name what was attached: it is shown by its member's name where that is free.
    fn find_attached(&self, attached: &str) -> Option<&Cluster> {
        let (namespace, name) = attached.split_once('/')?;
        self.made_by(namespace, name)
    }

    /// The member that a cluster of this namespace makes, or stands for.
    pub(super) fn member_of_attached(&self, namespace: &str, name: &str) -> Option<&Cluster> {
        self.attached.get(&(namespace.to_owned(), name.to_owned()))?;
        self.made_by(namespace, name)
    }

    fn made_by(&self, namespace: &str, name: &str) -> Option<&Cluster> {
        let origin = Origin::new("cluster.kurator.dev", "AttachedCluster", namespace, name).to_string();
        self.members.iter().find(|member| member.annotations().get(ORIGIN) == Some(&origin))
    }

    /// How a member is, by its record and its applier.
    pub(super) fn member_state<'a>(&'a self, member: &'a Cluster) -> Said<'a> {
        Said::of_member(conditions(member), self.links.get(&member.name_any()))
    }

    /// How a unit is in a member.
    pub(super) fn unit<'a>(&'a self, unit: &UnitId, member: &'a str, status: &'a UnitStatus) -> Pair<'a> {
        let decided = self.decisions.get(&(unit.clone(), member.to_owned()));
        let pair = Pair::decided(decided, self.explanations.get(unit), member, Some(status), self.facts.get(member));
        // Who may not read decisions sees what the member says of what it was told.
        if self.decided.covers(unit) { pair } else { Pair { wanted: Some(&status.revision), ..pair } }
    }

    /// Since when a unit is in its state. A member reports since when its phase and health are as they are; where the state
    /// comes from elsewhere, so does its time.
    pub(super) fn since(&self, unit: &UnitId, pair: &Pair<'_>, status: &UnitStatus) -> Timestamp {
        let of_app = || {
            let is_it = |app: &&Application| {
                app.name_any() == unit.name && app.namespace().is_some_and(|n| n == unit.namespace)
            };
            let app = self.applications.iter().find(is_it)?;
            let said = Said::of_conditions(&app.status.as_ref()?.conditions);
            said.since.filter(|_| said.state != State::Ready)
        };
        let elsewhere = match pair.reason() {
            reason::MEMBER_UNKNOWN | reason::MEMBER_BLOCKED | reason::MEMBER_NOT_READY => {
                self.find_member(pair.member).and_then(|member| self.member_state(member).since)
            }
            reason::DELETIONS_HELD => pair.kept.and_then(|leaving| leaving.since),
            // What it has is not what it should have.
            _ if pair.wanted != Some(&status.revision) => of_app().filter(|at| *at > status.since),
            _ => None,
        };
        elsewhere.unwrap_or(status.since)
    }

    /// What was agreed to of an application, and is done when its members answer: member and sentence.
    pub(super) fn agreed(&self, app: &Application) -> Vec<(&str, String)> {
        let (namespace, name) = (app.namespace().unwrap_or_default(), app.name_any());
        let mine = |unit: &UnitId| unit.kind == "Application" && unit.namespace == namespace && unit.name == name;
        let entries = self
            .decisions
            .iter()
            .filter(|((unit, member), _)| mine(unit) && self.facts.get(member).is_some_and(|facts| !facts.reports()));
        let said = entries.filter_map(|((unit, member), entry)| {
            let status = self.statuses.get(&(unit.clone(), member.clone()));
            Some((member.as_str(), agreed::sentence_of(unit, entry, status)?))
        });
        said.collect()
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
        let units = self.of_member.get(member).into_iter().flatten();
        units.filter_map(|unit| Some((unit, self.statuses.get(&(unit.clone(), member.to_owned()))?))).collect()
    }

    /// Units of the applications that are looked at which hang on their way out of a member that answers.
    pub(super) fn hanging(&self, now: Timestamp) -> impl Iterator<Item = (&UnitId, &str, &UnitStatus)> {
        let is_shown = |unit: &UnitId| match &self.scope {
            Scope::Namespace(namespace) => unit.namespace == *namespace,
            Scope::All => true,
        };
        let units = self.statuses.iter().map(|((unit, member), status)| (unit, member.as_str(), status));
        units.filter(move |(unit, member, status)| {
            is_shown(unit)
                && plan::state::hangs(status, now)
                && self.unit(unit, member, status).state() == State::Terminating
        })
    }

    /// What git calls the revision that a unit runs.
    pub(super) fn revision_of(&self, status: &UnitStatus) -> String {
        self.revisions.get(&status.revision).cloned().unwrap_or_default()
    }

    /// Is what a member reported last true now, as far as is known?
    pub(super) fn is_known(&self, member: &str) -> bool {
        self.facts.get(member).is_some_and(MemberFacts::reports)
    }

    /// How many of a member's units are ready.
    pub(super) fn ready_units(&self, member: &str) -> usize {
        let units = self.of_member(member);
        units.iter().filter(|(unit, status)| self.unit(unit, member, status).state() == State::Ready).count()
    }
}

/// Conditions of an AttachedCluster that are of its member, and that the member's record does not have.
pub(super) const MOVING: [&str; 2] = [condition::TAKE_OVER, condition::DETACHING];

/// Members, and clusters that were attached and have made none: their own `Ready` says why, and nothing else does. Such a
/// one is shown by the name that it wants, or by that of its object if another member has it. In the order of names. A member
/// has the conditions of [`MOVING`], too.
pub(crate) fn members(mut members: Vec<Cluster>, attached: Vec<AttachedCluster>) -> Vec<Cluster> {
    for one in attached {
        let namespace = one.namespace().unwrap_or_default();
        let me = format!("{namespace}/{}", one.name_any());
        let origin = Origin::new("cluster.kurator.dev", "AttachedCluster", &namespace, &one.name_any()).to_string();
        if let Some(member) = members.iter_mut().find(|member| member.annotations().get(ORIGIN) == Some(&origin)) {
            let moving = one.status.map(|status| status.conditions).unwrap_or_default();
            let moving = moving.into_iter().filter(|c| MOVING.contains(&c.type_.as_str()));
            member.status.get_or_insert_default().conditions.extend(moving);
            continue;
        }
        let wanted = one.spec.member_name.clone().unwrap_or_else(|| one.name_any());
        let is_free = |name: &String| members.iter().all(|member| member.name_any() != *name);
        let name = [wanted, one.name_any()].into_iter().find(is_free).unwrap_or(me);
        let mut member = Cluster::new(&name, ClusterSpec::default());
        member.annotations_mut().insert(ORIGIN.to_owned(), origin);
        let conditions = one.status.map(|status| status.conditions).unwrap_or_default();
        member.status = Some(ClusterStatus { conditions, ..ClusterStatus::default() });
        members.push(member);
    }
    members.sort_by_key(ResourceExt::name_any);
    members
}

/// A member's conditions.
pub(super) fn conditions(member: &Cluster) -> &[Condition] {
    member.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default()
}

/// A member's `Ready`.
pub(super) fn ready(member: &Cluster) -> Option<&Condition> {
    condition::find(conditions(member), condition::READY)
}
