//! What other units of a member have to do with what one has there, as far as they stay.
//!
//! A report of a member that is away says what its units wanted when it was last seen. What became of them since is in their
//! Decisions: a unit that leaves too takes nothing over, and what it has in a Namespace goes with it. What such a unit has that waits for
//! another one goes with that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::delivery::{MemberDecision, ObjectSet, Removal, UnitId};
use api::feed::UnitReport;
use api::view::{GoesWith, SentObject};
use model::{MemberName, ObjectKey};
use plan::departure::{goes_along, going_keys, heirs, is_kept_by, occupants, says_what_is_there};

use super::{Inspector, Placed};
use crate::record::{MEMBER, application_of};

/// Units by object.
type ByObject = BTreeMap<ObjectKey, BTreeSet<UnitId>>;

impl Inspector {
    /// Who waits for objects that a unit has in a member, and takes them over when it leaves. `others`: all that the member reported.
    pub fn heirs_of(&self, report: &UnitReport, others: &[Arc<UnitReport>]) -> ByObject {
        self.staying(&report.member, heirs(&report.unit, others.iter().map(Arc::as_ref)))
    }

    /// Who has something in Namespaces of a unit, and keeps these there.
    pub fn occupants_of(&self, report: &UnitReport, others: &[Arc<UnitReport>]) -> ByObject {
        self.staying(&report.member, occupants(report, others.iter().map(Arc::as_ref)))
    }

    /// What others have that leave the member with what they have, and that this one keeps there: what it waits for, and what it has
    /// something in.
    pub fn goes_along_with(&self, report: &UnitReport, others: &[Arc<UnitReport>]) -> ByObject {
        let mut found = goes_along(report, others.iter().map(Arc::as_ref));
        // Many objects are of few units.
        let units: BTreeSet<UnitId> = found.values().flatten().cloned().collect();
        let takes: BTreeMap<UnitId, Takes> =
            units.into_iter().map(|unit| (unit.clone(), self.takes_from(&unit, &report.member))).collect();
        found.retain(|key, units| {
            units.retain(|unit| takes.get(unit).is_some_and(|takes| takes.has(key)));
            !units.is_empty()
        });
        found
    }

    /// The same of a unit that has said nothing since the hub started, by what it was sent. `None`: it is not known what another one has
    /// that leaves.
    pub(super) async fn goes_along_with_sent(
        &self,
        unit: &UnitId,
        member: &MemberName,
        sent: &[SentObject],
    ) -> Option<Vec<GoesWith>> {
        let mine: BTreeSet<&ObjectKey> = sent.iter().map(|object| &object.key).collect();
        // What it may wait for is among what it was sent, and in its list anyway.
        let awaited = BTreeSet::new();
        let mut found = ByObject::new();
        for decision in self.stores.decisions.by_index(MEMBER, member.as_str()) {
            let other = decision.spec.unit.clone();
            let Some(entry) = decision.spec.members.get(member).filter(|_| other != *unit) else { continue };
            let takes = self.takes_along(&other, entry);
            if matches!(takes, Takes::Nothing) {
                continue;
            }
            let theirs = self.going_of(Placed { decision: decision.clone() }, member, entry).await?;
            for key in theirs.into_iter().filter(|key| takes.has(key) && is_kept_by(key, &awaited, &mine)) {
                found.entry(key).or_default().insert(other.clone());
            }
        }
        let found = found.into_iter().map(|(key, units)| GoesWith { key, units: units.into_iter().collect() });
        Some(found.collect())
    }

    /// What a unit that leaves takes along from a member: as it said, or else of what it was sent.
    async fn going_of(
        &self,
        placed: Placed,
        member: &MemberName,
        entry: &MemberDecision,
    ) -> Option<BTreeSet<ObjectKey>> {
        let unit = placed.unit().clone();
        let reports = self.feed.reports_of(&unit);
        let said = reports.iter().find(|report| report.member == *member && says_what_is_there(report));
        if let Some(report) = said {
            let is_let_go = entry.gives_back(report.asked.placed);
            return Some(going_keys(report).filter(|_| !is_let_go).cloned().collect());
        }
        let statuses = self.members.statuses_of(&unit.owner());
        let status = statuses.get(&(unit, member.clone()));
        let sent = self.sent_to(&placed, member, entry, status).await?;
        let goes =
            sent.into_iter().filter(|object| !object.adopted && !object.kept && !object.given_back && !object.outside);
        Some(goes.map(|object| object.key).collect())
    }

    /// Leaves out units that leave the member, and those that no decision names: these are in no snapshot.
    fn staying(&self, member: &MemberName, found: ByObject) -> ByObject {
        self.only(found, |unit| self.removal_from(unit, member) == Some(Removal::None))
    }

    /// Leaves out other units than these.
    fn only(&self, mut found: ByObject, is_meant: impl Fn(&UnitId) -> bool) -> ByObject {
        // Many objects wait for few units.
        let units: BTreeSet<UnitId> = found.values().flatten().cloned().collect();
        let meant: BTreeSet<UnitId> = units.into_iter().filter(is_meant).collect();
        found.retain(|_, units| {
            units.retain(|unit| meant.contains(unit));
            !units.is_empty()
        });
        found
    }

    /// What becomes of a unit in a member; nothing, when no decision names it there.
    fn removal_from(&self, unit: &UnitId, member: &MemberName) -> Option<Removal> {
        let decisions = self.stores.decisions_of(unit);
        let entry = decisions.iter().find_map(|decision| decision.spec.members.get(member))?;
        // The deletion of its owner may not be decided yet.
        let is_early = entry.removal.is_none() && self.is_being_deleted(unit);
        Some(if is_early { Removal::Prune } else { entry.removal })
    }

    fn takes_from(&self, unit: &UnitId, member: &MemberName) -> Takes {
        let decisions = self.stores.decisions_of(unit);
        let entry = decisions.iter().find_map(|decision| decision.spec.members.get(member));
        let said = self.feed.report(unit, member);
        let is_let_go = |entry: &&MemberDecision| said.is_some_and(|report| entry.gives_back(report.asked.placed));
        entry.filter(|entry| !is_let_go(entry)).map_or(Takes::Nothing, |entry| self.takes_along(unit, entry))
    }

    /// What a unit may take along from a member that it leaves.
    fn takes_along(&self, unit: &UnitId, entry: &MemberDecision) -> Takes {
        let shown = || entry.leaving.as_ref().and_then(|leaving| leaving.shown.clone());
        match entry.removal {
            Removal::Prune => match shown() {
                None => Takes::All,
                Some(shown) if shown.is_empty() => Takes::Nothing,
                Some(shown) => Takes::Only(shown),
            },
            Removal::None if self.is_being_deleted(unit) => Takes::All,
            Removal::None | Removal::Release => Takes::Nothing,
        }
    }

    fn is_being_deleted(&self, unit: &UnitId) -> bool {
        let application = application_of(&unit.owner()).and_then(|key| self.stores.applications.get(&key));
        application.is_some_and(|application| application.metadata.deletion_timestamp.is_some())
    }
}

/// What a unit may take along from a member.
enum Takes {
    /// It stays, or lets go of all that it has.
    Nothing,
    /// What was shown to the person who approved that it leaves. About all else that person is asked.
    Only(ObjectSet),
    /// All that it has.
    All,
}

impl Takes {
    fn has(&self, key: &ObjectKey) -> bool {
        match self {
            Self::Nothing => false,
            Self::Only(shown) => shown.contains(key),
            Self::All => true,
        }
    }
}
