//! Which change makes which Application's status be folded again. One block per kind; each names the relation.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::delivery::{Decision, MemberStatus, Owner, UnitId};
use plan::reach::{Reach, reach};

use crate::application::{gathered, watch_applications, watch_decisions};
use crate::changes::Changes;
use crate::record::{self, MEMBER};
use crate::stores::Stores;
use client::Queue;
use client::{NamespacedName, Store};

pub(super) fn watch(stores: &Stores, queue: &Queue<NamespacedName>) {
    watch_applications(stores, queue);

    // A Decision: the Application whose unit it is of.
    watch_decisions(stores, queue);

    // A member's report: the Applications of the units that changed; when its link changed, those with something there.
    let (applications, decisions) = (queue.clone(), stores.decisions.clone());
    let reports: Changes<Arc<MemberStatus>> = Changes::new();
    stores.statuses.on_change(move |key, status| {
        let Some(before) = reports.replace(key, status.cloned()) else { return };
        let changed = record::changed_units(before.as_deref(), status.map(Arc::as_ref));
        let owners: BTreeSet<Owner> = changed.into_keys().map(UnitId::owner).collect();
        owners.iter().for_each(|owner| gathered(&decisions, owner, &applications));
        // The whole link: its message is in the status too.
        if before.as_deref().and_then(record::link) != status.map(Arc::as_ref).and_then(record::link) {
            let member = status.or(before.as_ref()).map(|s| s.spec.member.to_string()).unwrap_or_default();
            with_member(&decisions, &member, &applications);
        }
    });

    // A member's record, when it can be reached otherwise than before: the Applications that have something there.
    let (applications, decisions) = (queue.clone(), stores.decisions.clone());
    let known: Changes<Reach> = Changes::new();
    stores.clusters.on_change(move |key, cluster| {
        let conditions = cluster.map(|c| c.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default());
        if known.replace(key, conditions.map(reach)).is_some() {
            with_member(&decisions, &key.name, &applications);
        }
    });

    // An AttachedCluster that came, went or goes by another name: the Applications that have something in its member.
    let (applications, decisions) = (queue.clone(), stores.decisions.clone());
    let known: Changes<crate::origin::OriginFacts> = Changes::new();
    stores.attached.on_change(move |key, attached| {
        let now = attached.map(|a| crate::origin::facts(a));
        let Some(before) = known.replace(key, now.clone()) else { return };
        let names = before.into_iter().chain(now).filter_map(|facts| facts.wants);
        names.for_each(|member| with_member(&decisions, member.as_str(), &applications));
    });
}

fn with_member(decisions: &Store<Decision>, member: &str, applications: &Queue<NamespacedName>) {
    let owners: BTreeSet<Owner> = decisions.by_index(MEMBER, member).iter().map(|d| d.spec.unit.owner()).collect();
    owners.iter().for_each(|owner| gathered(decisions, owner, applications));
}
