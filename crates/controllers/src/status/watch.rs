//! Which change makes which Application's status be folded again. One block per kind; each names the relation.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::delivery::{Decision, LinkState, MemberStatus, Owner, UnitId};
use plan::reach::{Reach, reach};

use crate::application::{Asked, key_of, owner};
use crate::changes::Changes;
use crate::pace::gather;
use crate::record::{self, MEMBER};
use crate::stores::Stores;
use client::Queue;
use client::{NamespacedName, Store};

pub(super) fn watch(stores: &Stores, queue: &Queue<NamespacedName>) {
    // An Application: itself. What is only said of it, mostly by ourselves, is gathered.
    let (applications, decisions) = (queue.clone(), stores.decisions.clone());
    let asked: Changes<Asked> = Changes::new();
    stores.applications.on_change(move |key, application| {
        if asked.replace(key, application.map(|a| Asked::of(a))).is_some() {
            applications.add(key.clone());
        } else {
            gathered(&decisions, &owner(key), &applications);
        }
    });

    // A Decision: the Application whose unit it is of.
    let (applications, decisions) = (queue.clone(), stores.decisions.clone());
    let known: Changes<Arc<Decision>> = Changes::new();
    stores.decisions.on_change(move |key, decision| {
        let before = known.replace(key, decision.cloned()).flatten();
        let owners: BTreeSet<Owner> = decision.into_iter().chain(&before).map(|d| d.spec.unit.owner()).collect();
        owners.iter().for_each(|owner| gathered(&decisions, owner, &applications));
    });

    // A member's report: the Applications of the units that changed; when its link changed, those with something there.
    let (applications, decisions) = (queue.clone(), stores.decisions.clone());
    let reports: Changes<Arc<MemberStatus>> = Changes::new();
    stores.statuses.on_change(move |key, status| {
        let Some(before) = reports.replace(key, status.cloned()) else { return };
        let changed = record::changed_units(before.as_deref(), status.map(Arc::as_ref));
        let owners: BTreeSet<Owner> = changed.into_keys().map(UnitId::owner).collect();
        owners.iter().for_each(|owner| gathered(&decisions, owner, &applications));
        if before.as_deref().and_then(link) != status.map(Arc::as_ref).and_then(link) {
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
    let owners: BTreeSet<Owner> = decisions.by(MEMBER, member).iter().map(|d| d.spec.unit.owner()).collect();
    owners.iter().for_each(|owner| gathered(decisions, owner, applications));
}

/// Looks at an owner soon: reports of a thousand members are then a few looks at it, and not a thousand.
fn gathered(decisions: &Store<Decision>, owner: &Owner, applications: &Queue<NamespacedName>) {
    if let Some(key) = key_of(owner) {
        applications.add_after(key, gather(record::members_of(decisions, owner)));
    }
}

fn link(status: &MemberStatus) -> Option<LinkState> {
    status.status.as_ref()?.link.as_ref().map(|link| link.state)
}
