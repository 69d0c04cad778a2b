//! Look-ups of the records of delivery. Every look-up on the way of a change goes through an index: what one member or
//! one unit costs does not grow with the members and units that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use api::delivery::{
    Decision, DeletionState, MemberLink, MemberMove, MemberStatus, MemberStatusSpec, Owner, Revision, UnitId,
    UnitStatus,
};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::REPORT_OF;
use kube::{Resource, ResourceExt};
use model::MemberName;

use client::{Index, NamespacedName, Store};

/// Revisions, Decisions and members' reports by the owner of their units.
pub(crate) const OWNER: &str = "owner";
/// Decisions by a member that they name, and members' reports by their member.
pub(crate) const MEMBER: &str = "member";
/// Members' reports by a unit whose deletions wait there to be granted.
pub(crate) const WAITING: &str = "waiting";

/// The owner that stands for an Application.
pub(crate) fn owner_of_application(key: &NamespacedName) -> Owner {
    plan::application::owner(&key.namespace, &key.name)
}

/// The Application that an owner is; `None` for owners of other kinds.
pub(crate) fn application_of(owner: &Owner) -> Option<NamespacedName> {
    let mine = owner.is_of(plan::application::GROUP, plan::application::KIND);
    mine.then(|| NamespacedName::new(owner.namespace.clone(), owner.name.clone()))
}

pub(crate) fn revision_indexes() -> Vec<Index<Revision>> {
    vec![Index { name: OWNER, terms: |r: &Revision| vec![r.spec.unit.owner().to_string()] }]
}

pub(crate) fn decision_indexes() -> Vec<Index<Decision>> {
    vec![
        Index { name: OWNER, terms: |d: &Decision| vec![d.spec.unit.owner().to_string()] },
        Index { name: MEMBER, terms: |d: &Decision| d.spec.members.keys().map(ToString::to_string).collect() },
    ]
}

pub(crate) fn status_indexes() -> Vec<Index<MemberStatus>> {
    vec![
        Index { name: OWNER, terms: |s: &MemberStatus| owners(s).iter().map(ToString::to_string).collect() },
        Index { name: MEMBER, terms: |s: &MemberStatus| vec![s.spec.member.to_string()] },
        Index { name: WAITING, terms: waiting },
    ]
}

/// Owners of the units of a slice, each once.
pub(crate) fn owners(status: &MemberStatus) -> BTreeSet<Owner> {
    units(status).map(|(unit, _)| unit.owner()).collect()
}

fn units(status: &MemberStatus) -> impl Iterator<Item = (&UnitId, &UnitStatus)> {
    status.status.iter().flat_map(|status| &status.units)
}

fn waiting(status: &MemberStatus) -> Vec<String> {
    let waits = |s: &UnitStatus| s.held.as_ref().is_some_and(|held| held.state == DeletionState::Waiting);
    units(status).filter(|(_, s)| waits(s)).map(|(unit, _)| unit.to_string()).collect()
}

/// Is a slice a report of the member that this record is? A record that was made again under the same name may be of another
/// cluster, of which the older report says nothing; so may a record whose new identity a person approved. A slice without an
/// owner or a cluster is of an earlier version, and taken as it is.
pub(crate) fn is_report_of(slice: &MemberStatus, record: &Cluster) -> bool {
    let cluster = slice.annotations().get(REPORT_OF);
    is_of_record(slice, record) && cluster.is_none_or(|cluster| record.spec.id.as_ref().is_none_or(|id| id == cluster))
}

/// Was a slice written while the member had this record, whichever cluster it was?
pub(crate) fn is_of_record(slice: &MemberStatus, record: &Cluster) -> bool {
    let mut owners = slice.owner_references().iter().filter(|owner| owner.kind == Cluster::kind(&()));
    owners.next().is_none_or(|owner| Some(&owner.uid) == record.metadata.uid.as_ref())
}

/// Is the unit one of this owner's? Asked for each report that is folded, so nothing is copied.
fn is_of(unit: &UnitId, owner: &Owner) -> bool {
    (&unit.namespace, &unit.name, &unit.kind, &unit.group) == (&owner.namespace, &owner.name, &owner.kind, &owner.group)
}

/// What members report of the units of one owner.
pub(crate) fn statuses_of(
    statuses: &Store<MemberStatus>,
    clusters: &Store<Cluster>,
    owner: &Owner,
) -> BTreeMap<(UnitId, MemberName), UnitStatus> {
    let mut out = BTreeMap::new();
    // Units of one owner are beside each other, the one without a policy first.
    let first = owner.unit(None);
    for slice in statuses.by_index(OWNER, &owner.to_string()) {
        let record = clusters.get(&NamespacedName::new("", slice.spec.member.as_str()));
        if record.is_some_and(|record| !is_report_of(&slice, &record)) {
            continue;
        }
        let Some(status) = &slice.status else { continue };
        let units = status.units.range((Bound::Included(&first), Bound::Unbounded));
        for (unit, said) in units.take_while(|(unit, _)| is_of(unit, owner)) {
            out.insert((unit.clone(), slice.spec.member.clone()), said.clone());
        }
    }
    out
}

/// How many members the decisions of one owner name.
pub(crate) fn members_of(decisions: &Store<Decision>, owner: &Owner) -> usize {
    decisions.by_index(OWNER, &owner.to_string()).iter().map(|decision| decision.spec.members.len()).sum()
}

/// Would an edit take a unit out of members that keep it for now?
pub(crate) fn is_held(decisions: &Store<Decision>, unit: &UnitId) -> bool {
    let all = decisions.by_index(OWNER, &unit.owner().to_string());
    all.iter().any(|decision| decision.spec.unit == *unit && decision.spec.held.is_some())
}

/// The slices of one member's report, in order.
pub(crate) fn slices_of(statuses: &Store<MemberStatus>, member: &MemberName) -> Vec<Arc<MemberStatus>> {
    let mut all = statuses.by_index(MEMBER, member.as_str());
    all.sort_by_key(|status| status.spec.slice);
    all
}

/// How the applier of the member that this record is gets on with it, as it is stored.
pub(crate) fn link_of(statuses: &Store<MemberStatus>, member: &MemberName, record: &Cluster) -> Option<MemberLink> {
    let first = statuses.get(&NamespacedName::new("", MemberStatusSpec::object_name(member, 0)))?;
    link(&first).filter(|_| is_report_of(&first, record)).cloned()
}

/// What is on its way between the hubs of the member that this record is, as it is stored.
pub(crate) fn moving_of(statuses: &Store<MemberStatus>, member: &MemberName, record: &Cluster) -> MemberMove {
    let first = statuses.get(&NamespacedName::new("", MemberStatusSpec::object_name(member, 0)));
    let first = first.filter(|first| is_report_of(first, record));
    first.and_then(|first| first.status.as_ref().map(|status| status.moving.clone())).unwrap_or_default()
}

/// The link in a slice of a member's report; only slice 0 has one.
pub(crate) fn link(slice: &MemberStatus) -> Option<&MemberLink> {
    slice.status.as_ref()?.link.as_ref()
}

/// Units whose status differs between two states of a slice.
pub(crate) fn changed_units<'a>(
    before: Option<&'a MemberStatus>,
    after: Option<&'a MemberStatus>,
) -> BTreeMap<&'a UnitId, (Option<&'a UnitStatus>, Option<&'a UnitStatus>)> {
    let mut out = BTreeMap::new();
    let (was, is) = (before.map(units), after.map(units));
    for (unit, status) in was.into_iter().flatten() {
        out.insert(unit, (Some(status), None));
    }
    for (unit, status) in is.into_iter().flatten() {
        let was = out.get(unit).and_then(|(was, _)| *was);
        if was == Some(status) {
            out.remove(unit);
        } else {
            out.insert(unit, (was, Some(status)));
        }
    }
    out
}
