//! How units are in their members, from stored objects: what views and `kurator up` show beside what appliers report.

use std::collections::BTreeMap;

use api::condition::Statement;
use api::delivery::{Health, MemberLink, Removal, Revision, UnitId, UnitPhase};
use api::feed::{SyncState, UnitReport};
use model::MemberName;
use plan::state::{Pair, Said, State};

use crate::deps::Controllers;
use crate::reach::MemberReader;
use crate::record;
use client::NamespacedName;

/// How a member is with all that it is to have: a row of `kurator up`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberState {
    /// Its own state, or the worst of its units if it is ready.
    pub state: State,
    /// Why, in one word.
    pub reason: String,
    /// Why, in words.
    pub message: String,
    /// What this process was told says so, too: what was stored before it started counts for nothing.
    pub is_settled: bool,
}

impl MemberState {
    /// Is everything there as it is meant to be, and is that known now?
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready && self.is_settled
    }

    /// What is said of it.
    pub fn set(&mut self, said: &Said<'_>) {
        self.state = said.state;
        (self.reason, self.message) = (said.reason.to_owned(), said.message.to_owned());
    }
}

/// Is a unit where it is meant to be, as its member has said since this process started?
pub fn is_settled(report: &UnitReport) -> bool {
    report.phase == UnitPhase::Applied && matches!(report.health, Health::Healthy | Health::Suspended)
}

/// What keeps a unit from being settled: its own message, else its worst object.
fn unsettled(report: &UnitReport) -> String {
    if !report.message.is_empty() {
        return report.message.clone();
    }
    let delivered = report.details.iter().filter(|d| d.sync != SyncState::NotPruned);
    let worst = delivered.max_by_key(|d| d.health).filter(|d| d.health > Health::Suspended);
    worst.map_or_else(String::new, |d| {
        let said = if d.message.is_empty() { String::new() } else { format!(", {}", d.message) };
        format!("{} is {}{said}", d.key, d.health)
    })
}

impl Controllers {
    /// A member: its own state, or the worst of its units if it is ready.
    pub fn member_state(&self, member: &MemberName) -> MemberState {
        let mut out = MemberState { message: "joining".to_owned(), ..MemberState::default() };
        let stores = &self.stores;
        let Some(cluster) = stores.clusters.get(&NamespacedName::new("", member.as_str())) else { return out };
        let conditions = cluster.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        out.set(&Said::of_member(conditions, self.member_link(member).as_ref()));
        let reports = self.feed.reports_in(member);
        let mut revisions: BTreeMap<UnitId, Option<String>> =
            reports.iter().map(|report| (report.unit.clone(), None)).collect();
        for decision in stores.decisions.by_index(record::MEMBER, member.as_str()) {
            let entry = decision.spec.members.get(member).filter(|entry| entry.removal == Removal::None);
            revisions.extend(entry.map(|entry| (decision.spec.unit.clone(), Some(entry.revision.clone()))));
        }
        out.is_settled = !reports.is_empty();
        for (unit, revision) in &revisions {
            let report = reports.iter().find(|report| report.unit == *unit);
            // It speaks of the revision that is decided now.
            let is_newest = |report: &UnitReport| revision.as_deref() == Some(report.revision.as_str());
            let is_settled = report.is_some_and(|report| is_settled(report) && is_newest(report));
            out.is_settled &= is_settled;
            let ready = self.unit_ready(unit, member);
            let state = State::of_reason(ready.reason);
            let worst = report.map(|report| unsettled(report)).unwrap_or_default();
            if state > out.state {
                let message = if worst.is_empty() { ready.message.as_str() } else { worst.as_str() };
                out.set(&Said { state, reason: ready.reason, message, since: None });
            } else if out.state == State::Ready && !is_settled {
                out.message = worst;
            }
        }
        out
    }

    /// `Ready` of a unit at a member.
    pub fn unit_ready(&self, unit: &UnitId, member: &MemberName) -> Statement {
        let stores = &self.stores;
        let decisions = stores.decisions_of(unit);
        let entry = decisions.iter().find_map(|decision| decision.spec.members.get(member));
        let explanation = decisions.iter().find_map(|decision| decision.spec.explanation.as_ref());
        let record = stores.clusters.get(&NamespacedName::new("", member.as_str()));
        let slices = record::slices_of(&stores.statuses, member);
        let mut slices = slices.iter().filter(|s| record.as_ref().is_none_or(|r| record::is_report_of(s, r)));
        let status = slices.find_map(|slice| slice.status.as_ref()?.units.get(unit));
        let facts = MemberReader::new(stores).facts(member);
        let pair = Pair::decided(entry, explanation, member.as_str(), status, facts.as_ref());
        pair.ready(&self.revision_names(unit))
    }

    /// How the applier of a member gets on with it, as it is stored.
    pub fn member_link(&self, member: &MemberName) -> Option<MemberLink> {
        MemberReader::new(&self.stores).facts(member)?.link
    }

    /// Has the applier of a member got through to it since this process started, and does it still?
    pub fn has_connected(&self, member: &MemberName) -> bool {
        self.feed.link(member).is_some_and(|said| said.link == applier::Link::Connected)
    }

    /// What the source calls each revision of a unit's owner.
    fn revision_names(&self, unit: &UnitId) -> BTreeMap<String, String> {
        let revisions = self.stores.revisions.by_index(record::OWNER, &unit.owner().to_string());
        let name = |r: &Revision| Some((r.metadata.name.clone()?, r.spec.inputs.source_revision().to_owned()));
        revisions.iter().filter_map(|revision| name(revision)).collect()
    }
}
