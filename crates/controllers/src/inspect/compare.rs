//! What members have against what they should have.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::delivery::{DeletionState, HubId, MemberDecision, label};
use api::feed::{ObjectReport, SyncState, UnitReport};
use api::view::{Differences, ObjectChange, ObjectDifference};
use client::{Api, NamespacedName};
use futures::{StreamExt, stream};
use model::{HashedKey, KeyMap, MemberName, ObjectKey, object};
use plan::difference::hidden::Hider;
use plan::difference::{self, field, group};
use plan::inventory;
use plan::mark::Mark;
use plan::prepare::Bundle;
use plan::reach::{MemberFacts, Standing};
use plan::rights::{OUTSIDE_RIGHTS, Rights};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::live::{self, Wanted};
use super::{InspectError, Inspector, Placed, undecided};
use crate::record::owner_of_application;

/// Members that are asked at the same time. What one of them has is in memory meanwhile.
pub(super) const MEMBERS_AT_ONCE: usize = 8;
/// Longest time for all members: clients and proxies give up after 30 s or more.
pub(super) const ASKED_WITHIN: Duration = Duration::from_secs(25);
/// Longest time for one member.
pub(super) const MEMBER_WITHIN: Duration = Duration::from_secs(10);

impl Inspector {
    /// What the members of an Application, or one of them, have against what they should have.
    ///
    /// # Errors
    /// The Application is not there, or not placed in the member.
    pub async fn comparison(
        &self,
        key: &NamespacedName,
        only: Option<&MemberName>,
    ) -> Result<Differences, InspectError> {
        let _turn = self.turn().await?;
        let application = self.application(key)?;
        let owner = owner_of_application(key);
        let hider = Hider { key: &self.key, owner: &owner };
        let mut found = group::Found::default();
        let mut pairs = Vec::new();
        let placed = self.placed(&application, &owner);
        let decisions = placed.iter().map(|placed| &placed.decision.spec);
        found.notes = undecided::collect_notes(&application, decisions, only);
        for placed in placed {
            let reports = self.feed.reports_of(placed.unit());
            let mut reports: BTreeMap<MemberName, Arc<UnitReport>> =
                reports.into_iter().map(|report| (report.member.clone(), report)).collect();
            let placed = Arc::new(placed);
            let entries = placed.decision.spec.members.iter();
            let entries = entries.filter(|(member, _)| only.is_none_or(|only| only == *member));
            for (member, entry) in entries {
                found.members.insert(member.clone());
                pairs.push(Pair {
                    placed: placed.clone(),
                    member: member.clone(),
                    entry: entry.clone(),
                    report: reports.remove(member),
                });
            }
        }
        if let (Some(member), true) = (only, pairs.is_empty()) {
            return Err(InspectError::NotFound(self.why_not_placed(&owner, key, member)));
        }
        let deadline = Instant::now() + ASKED_WITHIN;
        let hider = &hider;
        let ask = |pair: Pair| async move {
            let until = deadline.min(Instant::now() + MEMBER_WITHIN);
            let answer = timeout_at(until, self.compare(key, &pair, hider)).await;
            let late = || Err("it was not asked in time; ask for it alone with --member".to_owned());
            (pair.member, answer.unwrap_or_else(|_| late()))
        };
        let mut answers = stream::iter(pairs).map(ask).buffer_unordered(MEMBERS_AT_ONCE);
        while let Some((member, answer)) = answers.next().await {
            match answer {
                Ok(difference) => found.add(difference),
                Err(why) => drop(found.unknown.insert(member, why)),
            }
        }
        Ok(found.into_differences())
    }

    /// One unit in one member. An error says in words why nothing is known.
    async fn compare(
        &self,
        key: &NamespacedName,
        pair: &Pair,
        hider: &Hider<'_>,
    ) -> Result<group::MemberDifference, String> {
        let Pair { placed, member, entry, report } = pair;
        let report = last_report(member, self.members.facts(member).as_ref(), report.as_deref())?;
        let connection = self.connections.get(member).ok_or("the hub has no connection to it yet")?;
        let unit = placed.unit();
        let bundle = match entry.removal.is_none() {
            true => Some(self.bundle(&placed.decision, entry).await.map_err(|why| why.to_string())?),
            false => None,
        };
        let part_of = inventory::applyset_id(&unit.short(&self.hub));
        let wanted = wanted(bundle.as_deref(), report);
        let ask = Api::clone(&connection.api);
        let rights = self.rights(member);
        let live = live::read(&ask, wanted, &part_of, &rights).await.map_err(|error| model::cause::chain(&error))?;
        let objects = objects(bundle.as_deref(), report, &live, &rights, &self.hub, hider);
        let waits = report.deletions.as_ref().is_some_and(|d| d.state == DeletionState::Waiting && d.count > 0);
        let siblings =
            plan::state::Pair::decided(Some(entry), placed.decision.spec.explanation.as_ref(), "", None, None);
        let siblings = siblings.awaits_siblings();
        let deletes = objects.iter().any(|object| object.change == ObjectChange::Delete);
        Ok(group::MemberDifference {
            member: member.clone(),
            application: key.name.clone(),
            policy: placed.policy(),
            from: String::new(),
            to: self.source_revision(&placed.decision, entry),
            held: match siblings {
                _ if !waits || !deletes => String::new(),
                Some(siblings) => format!("it waits until it is known whether the objects move to {siblings}"),
                None => format!("it waits for `kurator approve app/{} -n {}`", key.name, key.namespace),
            },
            objects: Arc::new(objects),
        })
    }
}

/// What a member said last of a unit; an error says why it is not compared. What is there and not wanted is known by the
/// report alone: without one, such a member would look as if nothing differed.
pub(super) fn last_report<'a>(
    member: &MemberName,
    facts: Option<&MemberFacts>,
    report: Option<&'a UnitReport>,
) -> Result<&'a UnitReport, String> {
    match why_not_asked(member, facts) {
        Some(why) => Err(why),
        None => match report.ok_or("its applier has not reported yet")? {
            report if report.unreadable => Err("its record of what was delivered there cannot be read".to_owned()),
            report => Ok(report),
        },
    }
}

/// Why a member is not asked now.
pub(super) fn why_not_asked(member: &MemberName, facts: Option<&MemberFacts>) -> Option<String> {
    let Some(facts) = facts else { return Some("its record is gone".to_owned()) };
    match facts.standing() {
        // Not well, but it answers.
        Standing::Current | Standing::NotReady => None,
        Standing::Unknown(_) => Some("it does not answer".to_owned()),
        Standing::Blocked(_) => Some(format!("nothing is delivered to it now; see `kurator status member/{member}`")),
    }
}

/// A unit in a member, and what the member said of it last.
struct Pair {
    placed: Arc<Placed>,
    member: MemberName,
    entry: MemberDecision,
    report: Option<Arc<UnitReport>>,
}

/// What to look for: what the unit has, and what its member still holds of it.
fn wanted(bundle: Option<&Bundle>, report: &UnitReport) -> Vec<Wanted> {
    let sent = bundle.into_iter().flat_map(Bundle::objects);
    let mut out: Vec<Wanted> =
        sent.map(|object| Wanted { key: ObjectKey::clone(&object.key), version: object.version.to_string() }).collect();
    for row in extra(bundle, report).filter(|row| row.sync != SyncState::Pending) {
        out.push(Wanted { key: ObjectKey::clone(&row.key), version: row.version.clone() });
    }
    out.sort();
    out.dedup();
    out
}

/// What the member still holds and the unit no longer wants. Nothing is done about what is not pruned, so that it is no difference.
fn extra<'a>(bundle: Option<&'a Bundle>, report: &'a UnitReport) -> impl Iterator<Item = &'a ObjectReport> {
    let is_wanted = move |row: &ObjectReport| bundle.is_some_and(|bundle| bundle.get(&row.key).is_some());
    let rows = report.details.iter().map(Arc::as_ref);
    rows.filter(move |row| !is_wanted(row) && row.sync != SyncState::NotPruned)
}

/// The objects that differ.
pub(super) fn objects(
    bundle: Option<&Bundle>,
    report: &UnitReport,
    live: &BTreeMap<ObjectKey, Value>,
    rights: &Rights,
    hub: &HubId,
    hider: &Hider<'_>,
) -> Vec<ObjectDifference> {
    let by_key: KeyMap<&ObjectReport> = report.details.iter().map(|row| (row.key.clone(), row.as_ref())).collect();
    let sent = || bundle.into_iter().flat_map(Bundle::objects);
    let lacks = rights.lacks(sent().map(|object| &object.key));
    // The applier's own words, when it has said why.
    let said = |row: &ObjectReport| (row.reason == OUTSIDE_RIGHTS).then(|| row.message.clone());
    let mut out = Vec::new();
    for sent in sent() {
        let row = by_key.get(&*sent.key);
        // Nothing is done about how it is, so that no difference ever ends.
        if row.is_some_and(|row| row.sync == SyncState::LeftAlone) {
            continue;
        }
        let refused = row.filter(|row| row.sync == SyncState::Failed).map(|row| row.message.clone());
        if let Some(lack) = rights.lack(&sent.key) {
            let words = row.and_then(|row| said(row)).unwrap_or_else(|| rights.sentence(&sent.key, &lack, &lacks));
            out.push(not_asked(&sent.key, words));
            continue;
        }
        let Some(there) = live.get(&**sent.key) else {
            let note = refused.unwrap_or_default();
            out.push(ObjectDifference { note, ..difference::whole(&sent.key, ObjectChange::Add) });
            continue;
        };
        let known = row.map(|row| row.changed_by_admission.as_slice()).unwrap_or_default();
        let scaled = Mark::read(there).is_some_and(|mark| mark.scaled);
        let fields = field::live(&sent.object, there, known, scaled, hider);
        if !fields.is_empty() {
            let note = refused.unwrap_or_else(|| whose(there, hub));
            out.push(ObjectDifference { note, ..difference::changed(&sent.key, fields) });
        }
    }
    for row in extra(bundle, report) {
        if live.contains_key(&**row.key) {
            out.push(leaving(&row.key, row.adopted));
        } else if let Some(lack) = rights.lack(&row.key) {
            let why = said(row).unwrap_or_else(|| rights.why_it_stays(&lack, &lacks, bundle.is_none()));
            out.push(not_asked(&row.key, why));
        }
    }
    out
}

pub(super) fn not_asked(key: &HashedKey, note: String) -> ObjectDifference {
    ObjectDifference { note, ..difference::whole(key, ObjectChange::NotAsked) }
}

fn leaving(key: &HashedKey, adopted: bool) -> ObjectDifference {
    if adopted {
        let note = "it was there before us".to_owned();
        return ObjectDifference { note, ..difference::whole(key, ObjectChange::Release) };
    }
    difference::whole(key, ObjectChange::Delete)
}

/// Whose a live object is, when it is not ours.
fn whose(live: &Value, hub: &HubId) -> String {
    match object::label(live, label::HUB) {
        Some(owner) if owner == hub.as_str() => String::new(),
        Some(owner) => format!("the hub {owner} delivers it"),
        None => "it was not delivered by this hub".to_owned(),
    }
}
