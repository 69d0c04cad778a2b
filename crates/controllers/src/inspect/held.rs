//! Everything of an Application that waits for an approval, by name: what an approval is of.
//!
//! Names come from where they are known: a list that a source causes from the member's own report of exactly that list, what an
//! edit takes out from the member's report of all that it has, and, of a member that has said nothing since the hub started, from
//! what it was sent. Nothing of it is stored: a thousand members would make megabytes of a status. A list whose digest is not
//! that of the names is left out: it has changed a moment ago.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use api::delivery::{DecisionSpec, MemberDecision, Owner, Removal, UnitId, UnitPhase, UnitStatus};
use api::feed::UnitReport;
use api::view::{GoesWith, HeldList, HeldObjects};
use client::NamespacedName;
use kube::ResourceExt;
use model::{Digest, HashedKey, MemberName, ObjectKey, Uid};
use plan::departure::{Known, Objects, Stored, called, grouped};
use plan::prepare::Bundle;
use plan::unit;

use super::{InspectError, Inspector, Placed, turn_of};
use crate::lost;
use crate::record::{OWNER, owner_of_application};

/// Why nothing is said of a member.
const UNNAMED: &str = "what it has is not known by name: it has not said so since the hub started, and what it was sent cannot be \
                       rendered any more";

/// What is lost between two revisions, by their names, and the digest of that list. Members that ran the same lose the same.
type Lost = HashMap<(String, String), Option<Vec<Arc<HashedKey>>>>;

/// What is known of the members of one Application.
struct World {
    placed: Vec<Placed>,
    statuses: BTreeMap<(UnitId, MemberName), UnitStatus>,
    reports: BTreeMap<(UnitId, MemberName), Arc<UnitReport>>,
}

impl World {
    fn entries(&self, unit: &UnitId) -> impl Iterator<Item = (&Placed, &MemberName, &MemberDecision)> {
        let mine = self.placed.iter().filter(move |placed| placed.unit() == unit);
        mine.flat_map(|placed| placed.decision.spec.members.iter().map(move |(member, entry)| (placed, member, entry)))
    }

    /// Does a unit of the Application stay in a member, also when the edit that waits is approved?
    fn stays(&self, unit: &UnitId, member: &MemberName) -> bool {
        let mut entries = self.entries(unit).filter(|(_, of, _)| *of == member);
        entries.any(|(_, _, entry)| entry.removal.is_none() && entry.kept().is_none())
    }

    fn report(&self, unit: &UnitId, member: &MemberName) -> Option<&Arc<UnitReport>> {
        self.reports.get(&(unit.clone(), member.clone()))
    }
}

impl Inspector {
    /// What of an Application waits for an approval, object by object; with UIDs when they are asked for.
    ///
    /// # Errors
    /// The Application is not there.
    pub async fn held(&self, key: &NamespacedName, with_uids: bool) -> Result<HeldList, InspectError> {
        let _turn = turn_of(&self.list_turns).await?;
        let application = self.application(key)?;
        let owner = owner_of_application(key);
        let world = self.world(&owner, self.placed(&application, &owner));
        let mut units: Vec<UnitId> = world.placed.iter().map(|placed| placed.unit().clone()).collect();
        units.dedup();
        let mut out = HeldList { application: key.name.clone(), lists: Vec::new() };
        for unit in &units {
            let policy = unit.policy.clone().unwrap_or_default();
            let lists = [self.by_source(&world, unit).await, self.by_edit(&world, unit).await];
            for (digest, known) in lists.into_iter().flatten() {
                let (groups, unnamed) = grouped(known, with_uids);
                let (policy, digest) = (policy.clone(), digest.to_string());
                out.lists.push(HeldObjects { policy, digest, groups, unnamed });
            }
        }
        Ok(out)
    }

    fn world(&self, owner: &Owner, placed: Vec<Placed>) -> World {
        let mut reports = BTreeMap::new();
        for placed in &placed {
            let of_unit = self.feed.reports_of(placed.unit()).into_iter();
            reports.extend(of_unit.map(|report| ((placed.unit().clone(), report.member.clone()), report)));
        }
        World { placed, reports, statuses: self.members.statuses_of(owner) }
    }

    /// Does a member not answer now?
    fn is_away(&self, member: &MemberName) -> bool {
        self.members.facts(member).is_some_and(|facts| !facts.reports())
    }

    /// What a source causes.
    async fn by_source(&self, world: &World, unit: &UnitId) -> Option<(Digest, Vec<Known>)> {
        let status_of =
            |unit: &UnitId, member: &MemberName| world.statuses.get(&(unit.clone(), member.clone())).cloned();
        let decisions = world.placed.iter().filter(|placed| placed.unit() == unit).map(|placed| &placed.decision.spec);
        let reports = |member: &MemberName| self.members.facts(member).is_some_and(|facts| facts.reports());
        let held = unit::held(unit, decisions, status_of, reports)?;
        let waiting: HashSet<&MemberName> = held.members.iter().map(|(member, ..)| member).collect();
        let (mut out, mut known) = (Vec::new(), Lost::new());
        for (placed, member, entry) in world.entries(unit).filter(|(_, member, _)| waiting.contains(member)) {
            let (report, away) = (world.report(unit, member), held.away.contains(member));
            let status = world.statuses.get(&(unit.clone(), member.clone()));
            let list = unit::report_at(status, entry).and_then(|status| status.held.as_ref());
            let list = list.or_else(|| unit::carried(status?, entry));
            let digest = list.map(|list| list.digest).or(entry.expected.as_ref().map(|expected| expected.digest));
            let going = report.and_then(|report| report.going.as_ref());
            let objects = match (going.filter(|going| Some(going.digest) == digest), digest) {
                // The report of exactly this list.
                (Some(going), _) => {
                    let mut objects = Objects::of_list(&going.objects).with_report(report.map(Arc::as_ref));
                    if let Some(report) = report {
                        let along = self.goes_along_with(report, &self.feed.reports_in(member));
                        objects.empty_along(report, &along);
                    }
                    Ok(objects)
                }
                // It says otherwise by now. One that has not come to its list since the hub started says nothing of it.
                (None, _) if list.is_some() && !away && !report.is_some_and(|report| waits(report)) => return None,
                (None, Some(digest)) => {
                    let lost = self.lost(world, (placed, member, entry), digest, &mut known).await;
                    lost.map(|objects| objects.with_report(report.map(Arc::as_ref)))
                }
                (None, None) => return None,
            };
            let uids = report.map(|report| uids(report)).unwrap_or_default();
            out.push(Known { member: member.clone(), away, objects, uids });
        }
        Some((held.digest, out))
    }

    /// The list of a member that does not answer: the objects of an earlier revision that have this digest together.
    async fn lost(
        &self,
        world: &World,
        (placed, member, entry): (&Placed, &MemberName, &MemberDecision),
        digest: Digest,
        known: &mut Lost,
    ) -> Result<Objects, String> {
        let unit = placed.unit();
        let all = self.stores.revisions.by_index(OWNER, &unit.owner().to_string());
        let status = world.statuses.get(&(unit.clone(), member.clone()));
        let (rights, heirs) = (self.rights(member), self.heirs(world, unit, member).await);
        let (adopted, kept) = status.map(|status| (status.adopted.clone(), status.kept.clone())).unwrap_or_default();
        let leaving = entry.leaving.as_deref().filter(|_| !entry.removal.is_none());
        let shown = leaving.and_then(|why| why.shown.as_ref()).or(entry.granted_shown.as_deref());
        let (expected, asked) = (entry.expected.as_deref(), entry.question());
        let stored = Stored { adopted: &adopted, kept: &kept, expected, asked: &asked, shown, rights: &rights };
        let heir = |key: &ObjectKey| heirs.iter().find(|heir| has(&heir.bundle, key)).map(|heir| heir.name.clone());
        let (wanted, earlier): (Vec<_>, Vec<_>) =
            all.iter().filter(|revision| revision.spec.unit == *unit).partition(|r| r.name_any() == entry.revision);
        for (earlier, wanted) in earlier.iter().zip(wanted.iter().cycle()) {
            let pair = (earlier.name_any(), wanted.name_any());
            if !known.contains_key(&pair) {
                let keys = lost::between(&self.renderings, &earlier.spec, &wanted.spec).await;
                known.insert(pair.clone(), keys);
            }
            let Some(Some(keys)) = known.get(&pair) else { continue };
            if let Some(objects) = Objects::of_lost(keys, digest, &stored, heir) {
                return Ok(objects);
            }
        }
        Err(UNNAMED.to_owned())
    }

    /// What an edit takes a unit out of.
    async fn by_edit(&self, world: &World, unit: &UnitId) -> Option<(Digest, Vec<Known>)> {
        let held = |placed: &Placed| placed.decision.spec.held;
        let digest = world.placed.iter().filter(|placed| placed.unit() == unit).find_map(held)?;
        let mut out = Vec::new();
        for (placed, member, entry) in world.entries(unit).filter(|(_, _, entry)| entry.kept().is_some()) {
            let removal = removal(&placed.decision.spec);
            let report = world.report(unit, member);
            let others = self.feed.reports_in(member);
            let known = match report.and_then(|report| Some((report, Objects::of_report(report, removal)?))) {
                Some((report, mut objects)) => {
                    if entry.gives_back(report.asked.placed) {
                        objects.give_back();
                    }
                    for (key, units) in self.goes_along_with(report, &others) {
                        units.first().into_iter().for_each(|other| objects.go_along(key.clone(), &called(other, unit)));
                    }
                    Some(objects)
                }
                // An inventory that cannot be read may have more than was sent.
                None if report.is_some_and(|report| report.unreadable) => None,
                None => {
                    let status = world.statuses.get(&(unit.clone(), member.clone()));
                    self.objects_of_sent(placed, member, entry, status).await
                }
            };
            let mut objects = known.ok_or_else(|| UNNAMED.to_owned());
            if let Ok(objects) = &mut objects {
                for Heir { name, bundle } in self.heirs(world, unit, member).await {
                    objects.hand_over(|key| has(&bundle, key), &name);
                }
                let stays = |other: &UnitId| world.stays(other, member);
                report.into_iter().for_each(|report| self.spare_occupied(report, &others, objects, stays));
            }
            let uids = report.map(|report| uids(report)).unwrap_or_default();
            out.push(Known { member: member.clone(), away: self.is_away(member), objects, uids });
        }
        (!out.is_empty()).then_some((digest, out))
    }

    /// What a member was sent that has said nothing, with what goes along.
    async fn objects_of_sent(
        &self,
        placed: &Placed,
        member: &MemberName,
        entry: &MemberDecision,
        status: Option<&UnitStatus>,
    ) -> Option<Objects> {
        let sent = self.sent_to(placed, member, entry, status).await?;
        let mut objects = Objects::of_sent(&sent, removal(&placed.decision.spec));
        for GoesWith { key, units } in self.goes_along_with_sent(placed.unit(), member, &sent).await? {
            units.first().into_iter().for_each(|other| objects.go_along(key.clone(), &called(other, placed.unit())));
        }
        Some(objects)
    }

    /// A Namespace or definition stays in which another Application has something, or of it. What another policy has in it may leave by
    /// the same edit: `stays` says of which it does not.
    pub(super) fn spare_occupied(
        &self,
        report: &UnitReport,
        others: &[Arc<UnitReport>],
        objects: &mut Objects,
        stays: impl Fn(&UnitId) -> bool,
    ) {
        let is_other = |other: &&UnitId| other.owner() != report.unit.owner();
        for (container, units) in self.occupants_of(report, others) {
            let policy = || units.iter().find(|other| stays(other));
            if let Some(other) = units.iter().find(is_other).or_else(policy) {
                objects.spare_occupied(&container, &called(other, &report.unit));
            }
        }
    }

    /// What other policies of the Application have in the member: it is handed over to them.
    async fn heirs(&self, world: &World, unit: &UnitId, member: &MemberName) -> Vec<Heir> {
        let mut out = Vec::new();
        for placed in world.placed.iter().filter(|placed| placed.unit() != unit) {
            let entry = placed.decision.spec.members.get(member);
            let Some(entry) = entry.filter(|entry| entry.removal.is_none() && entry.kept().is_none()) else { continue };
            if let Ok(bundle) = self.bundle(&placed.decision, entry).await {
                out.push(Heir { name: format!("policy {}", placed.policy()), bundle });
            }
        }
        out
    }
}

/// Another policy of the Application, which takes over what it has in a member too.
struct Heir {
    /// `policy web`.
    name: String,
    bundle: Arc<Bundle>,
}

/// Has an applier not come to what its unit has lost? It waits for what comes before. The list that is stored is one that it made earlier.
fn waits(report: &UnitReport) -> bool {
    let is_on_the_way = matches!(report.phase, UnitPhase::Pending | UnitPhase::Applying | UnitPhase::Waiting);
    is_on_the_way && report.deletions.is_none()
}

/// Does a payload have an object?
pub(super) fn has(bundle: &Bundle, key: &ObjectKey) -> bool {
    bundle.keys.contains(&HashedKey::from(key.clone()))
}

fn removal(decision: &DecisionSpec) -> Removal {
    if decision.prune { Removal::Prune } else { Removal::Release }
}

/// The UIDs that a member's inventory has.
fn uids(report: &UnitReport) -> BTreeMap<ObjectKey, Uid> {
    let rows = report.details.iter().zip(&report.uids);
    rows.filter_map(|(row, uid)| Some((ObjectKey::clone(&row.key), uid.clone()?))).collect()
}
