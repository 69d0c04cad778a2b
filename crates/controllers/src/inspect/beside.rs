//! What other units of a member have to do with what one has there, as far as they stay.
//!
//! A report of a member that is away says what its units wanted when it was last seen. What became of them since is in their
//! Decisions: a unit that leaves too takes nothing over, and what it has in a Namespace goes with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::delivery::{Removal, UnitId};
use api::feed::UnitReport;
use model::{MemberName, ObjectKey};
use plan::departure::{goes_along, heirs, occupants};

use super::Inspector;

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

    /// What a unit waits for that others have which leave with what they have.
    pub fn goes_along_with(&self, report: &UnitReport, others: &[Arc<UnitReport>]) -> ByObject {
        let found = goes_along(report, others.iter().map(Arc::as_ref));
        self.only(found, |unit| self.removal_from(unit, &report.member) == Some(Removal::Prune))
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
        decisions.iter().find_map(|decision| decision.spec.members.get(member)).map(|entry| entry.removal)
    }
}
