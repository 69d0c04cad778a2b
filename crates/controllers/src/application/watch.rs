//! Which change makes which Application look again. One block per kind; each names the relation.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::delivery::{Decision, MemberStatus, Owner};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::fleet::v1alpha1::ClusterRef;
use plan::reach::{Reach, reach};

use super::orphan::Orphans;
use super::{WithoutStatus, with_member};
use crate::changes::Changes;
use crate::index::{ENTRY, FLEET, SECRET};
use crate::origin::{self, OriginFacts};
use crate::record::{self, WAITING, application_of, owner_of_application};
use crate::stores::Stores;
use crate::throttle::gather;
use client::{NamespacedName, Queue, Store};

/// A Decision: the Application whose unit it is of.
pub(crate) fn watch_decisions(stores: &Stores, queue: &Queue<NamespacedName>) {
    let (applications, decisions) = (queue.clone(), stores.decisions.clone());
    let known: Changes<Arc<Decision>> = Changes::new();
    stores.decisions.on_change(move |key, decision| {
        let before = known.replace(key, decision.cloned()).flatten();
        let owners: BTreeSet<Owner> = decision.into_iter().chain(&before).map(|d| d.spec.unit.owner()).collect();
        owners.iter().for_each(|owner| gathered(&decisions, owner, &applications));
    });
}

/// An Application: itself. What is only said of it, mostly by ourselves, is gathered.
pub(crate) fn watch_applications(stores: &Stores, queue: &Queue<NamespacedName>) {
    let (applications, decisions) = (queue.clone(), stores.decisions.clone());
    let asked: Changes<WithoutStatus> = Changes::new();
    stores.applications.on_change(move |key, application| {
        if asked.replace(key, application.map(|a| WithoutStatus::of(a))).is_some() {
            applications.add(key.clone());
        } else {
            gathered(&decisions, &owner_of_application(key), &applications);
        }
    });
}

pub(super) fn watch(stores: &Stores, queue: &Queue<NamespacedName>, orphans: &Arc<Orphans>) {
    // First, so that it is known when the Application is looked at.
    let orphans = orphans.clone();
    stores.applications.on_change(move |key, application| orphans.note_deletion(key, application.map(Arc::as_ref)));
    watch_applications(stores, queue);

    // A Secret: the Applications whose source's credentials are in it.
    let (applications, known) = (queue.clone(), stores.applications.clone());
    stores.secrets.on_change(move |key| {
        known.by_index(SECRET, &key.to_string()).iter().for_each(|a| applications.add(NamespacedName::of(a.as_ref())));
    });

    // A Fleet whose list changed, or how many members may leave at once: the Applications that name it.
    let (applications, known) = (queue.clone(), stores.applications.clone());
    let lists: Changes<(Vec<ClusterRef>, u32)> = Changes::new();
    stores.fleets.on_change(move |key, fleet| {
        let said = fleet
            .and_then(|f| Some((origin::list_of(f)?, plan::application::removals(f.metadata.annotations.as_ref()))));
        if lists.replace(key, said).is_some() {
            known
                .by_index(FLEET, &key.to_string())
                .iter()
                .for_each(|a| applications.add(NamespacedName::of(a.as_ref())));
        }
    });

    // A Namespace that became restricted, or is so no longer: the Applications in it.
    let (applications, known) = (queue.clone(), stores.applications.clone());
    let restricted: Changes<bool> = Changes::new();
    stores.namespaces.on_change(move |key, namespace| {
        let now = namespace.map(|namespace| plan::team::is_restricted(namespace.metadata.labels.as_ref()));
        if restricted.replace(key, now).is_some() {
            let all = known.list_in(&key.name);
            all.iter().for_each(|application| applications.add(NamespacedName::of(application.as_ref())));
        }
    });

    // An AttachedCluster: the Applications of the Fleets that list it, and those that have something in the member that it
    // makes, or made under another name.
    let (applications, known) = (queue.clone(), stores.applications.clone());
    let (fleets, decisions) = (stores.fleets.clone(), stores.decisions.clone());
    let facts: Changes<OriginFacts> = Changes::new();
    stores.attached.on_change(move |key, attached| {
        let now = attached.map(|a| origin::facts(a));
        let Some(before) = facts.replace(key, now.clone()) else { return };
        for fleet in fleets.by_index(ENTRY, &key.to_string()) {
            let term = NamespacedName::of(fleet.as_ref()).to_string();
            known.by_index(FLEET, &term).iter().for_each(|a| applications.add(NamespacedName::of(a.as_ref())));
        }
        for member in before.into_iter().chain(now).filter_map(|facts| facts.wants) {
            with_member(&decisions, member.as_str()).into_iter().for_each(|key| applications.add(key));
        }
    });

    // A member's record, when what is decided by changed: the Applications that have something there, and those of the
    // Fleets that list its origin.
    let (applications, known) = (queue.clone(), stores.applications.clone());
    let (fleets, decisions) = (stores.fleets.clone(), stores.decisions.clone());
    let facts: Changes<ClusterFacts> = Changes::new();
    stores.clusters.on_change(move |key, cluster| {
        let now = cluster.map(|c| ClusterFacts::of(c));
        let Some(before) = facts.replace(key, now.clone()) else { return };
        with_member(&decisions, &key.name).into_iter().for_each(|key| applications.add(key));
        for origin in before.into_iter().chain(now).filter_map(|facts| facts.origin) {
            for fleet in fleets.by_index(ENTRY, &NamespacedName::new(origin.namespace, origin.name).to_string()) {
                let term = NamespacedName::of(fleet.as_ref()).to_string();
                known.by_index(FLEET, &term).iter().for_each(|a| applications.add(NamespacedName::of(a.as_ref())));
            }
        }
    });

    // A Revision: the Application whose unit it is of.
    let (applications, decisions) = (queue.clone(), stores.decisions.clone());
    stores.revisions.on_change(move |_, revision| {
        let owner = revision.map(|r| r.spec.unit.owner());
        owner.into_iter().for_each(|owner| gathered(&decisions, &owner, &applications));
    });
    watch_decisions(stores, queue);

    // A member's report, when it may change a decision: the Applications of these units; when the member's link changed,
    // those whose deletions wait for others.
    let (applications, known) = (queue.clone(), stores.statuses.clone());
    let decisions = stores.decisions.clone();
    let reports: Changes<Arc<MemberStatus>> = Changes::new();
    stores.statuses.on_change(move |key, status| {
        let Some(before) = reports.replace(key, status.cloned()) else { return };
        let changed = record::changed_units(before.as_deref(), status.map(Arc::as_ref));
        for (unit, (was, is)) in changed {
            let is_weighed =
                || !known.by_index(WAITING, &unit.to_string()).is_empty() || record::is_held(&decisions, unit);
            if plan::unit::decides(was, is, is_weighed) {
                gathered(&decisions, &unit.owner(), &applications);
            }
        }
        let link = |slice: &MemberStatus| record::link(slice).map(|link| link.state);
        if before.as_deref().and_then(link) != status.map(Arc::as_ref).and_then(link) {
            let member = status.or(before.as_ref()).map(|s| s.spec.member.to_string()).unwrap_or_default();
            let keys = with_member(&decisions, &member).into_iter();
            keys.for_each(|key| gathered(&decisions, &owner_of_application(&key), &applications));
        }
    });
}

/// Looks at an owner soon: what is written for a thousand members, and what they report, is then a few looks at it.
pub(crate) fn gathered(decisions: &Store<Decision>, owner: &Owner, applications: &Queue<NamespacedName>) {
    if let Some(key) = application_of(owner) {
        applications.add_after(key, gather(record::members_of(decisions, owner)));
    }
}

/// What decisions read of a member's record.
#[derive(Clone, PartialEq)]
struct ClusterFacts {
    origin: Option<api::delivery::Origin>,
    is_released: bool,
    reach: Reach,
    /// Which cluster it is.
    id: Option<String>,
}

impl ClusterFacts {
    fn of(cluster: &Cluster) -> Self {
        let conditions = cluster.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        Self {
            origin: origin::of_record(cluster),
            is_released: origin::is_released(cluster),
            reach: reach(conditions),
            id: cluster.spec.id.clone(),
        }
    }
}
