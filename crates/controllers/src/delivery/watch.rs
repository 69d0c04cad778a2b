//! Which change makes which member look again. One block per kind; each names the relation.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::condition;
use api::delivery::Decision;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::SYNC;
use api::kurator::apps::v1alpha1::Application;
use client::NamespacedName;
use kube::ResourceExt as _;
use model::MemberName;
use plan::reach::{Reach, reach};

use super::Ctx;
use crate::changes::Changes;
use crate::index::SECRET;
use crate::record::{OWNER, owner_of_application};
use crate::stores::Stores;

pub(super) fn watch(ctx: &Arc<Ctx>, stores: &Stores) {
    // A Decision: every member in it, or that was in it.
    let members = ctx.members.clone();
    let known: Changes<Arc<Decision>> = Changes::new();
    stores.decisions.on_change(move |key, decision| {
        let Some(before) = known.replace(key, decision.cloned()) else { return };
        before.iter().chain(decision).flat_map(|d| d.spec.members.keys()).for_each(|name| members.add(name.clone()));
    });

    // A Revision: the members that wait for it.
    let (members, decisions) = (ctx.members.clone(), ctx.decisions.clone());
    stores.revisions.on_change(move |key, revision| {
        let Some(revision) = revision else { return };
        let theirs = decisions.by_index(OWNER, &revision.spec.unit.owner().to_string());
        let waiting = theirs.iter().flat_map(|d| &d.spec.members).filter(|(_, entry)| entry.revision == key.name);
        waiting.for_each(|(member, _)| members.add(member.clone()));
    });

    // A member's record: its member. When the member answers again, its applier is told.
    let (here, members) = (Arc::downgrade(ctx), ctx.members.clone());
    let facts: Changes<ClusterFacts> = Changes::new();
    stores.clusters.on_change(move |key, cluster| {
        let Ok(member) = key.name.parse::<MemberName>() else { return };
        let now = cluster.map(|c| ClusterFacts::of(c));
        let answers = now.as_ref().is_some_and(|facts| facts.reach != Reach::Unknown);
        let Some(before) = facts.replace(key, now) else { return };
        if answers
            && before.is_some_and(|facts| facts.reach == Reach::Unknown)
            && let Some(here) = here.upgrade()
            && let Some(back) = here.state().back.get(&member)
        {
            back.send_modify(|times| *times += 1);
        }
        members.add(member);
    });

    // An Application that a person asks to look at: the appliers of its members look at once.
    let here = Arc::downgrade(ctx);
    let asked: Changes<Option<String>> = Changes::new();
    stores.applications.on_change(move |key, application| {
        if let Some(here) = here.upgrade() {
            note_sync(&here, &asked, key, application);
        }
    });

    // A Secret: the members whose kubeconfig is in it.
    let (members, clusters) = (ctx.members.clone(), ctx.clusters.clone());
    stores.secrets.on_change(move |key| {
        let names = clusters.by_index(SECRET, &key.to_string());
        let names = names.iter().filter_map(|c| kube::ResourceExt::name_any(c.as_ref()).parse().ok());
        names.for_each(|name| members.add(name));
    });

    // A stored report that was changed or deleted by another hand: its member's is written again.
    let reported = ctx.reported.clone();
    stores.statuses.on_change(move |key, status| {
        let named = match status {
            Some(status) => Some(status.spec.member.clone()),
            // `NAME-SLICE`
            None => key.name.rsplit_once('-').and_then(|(member, _)| member.parse().ok()),
        };
        named.into_iter().for_each(|member| reported.add(member));
    });
}

/// Has the appliers look that an Application's units are in, when a person asks for it since the hub started.
pub(super) fn note_sync(
    ctx: &Ctx,
    asked: &Changes<Option<String>>,
    key: &NamespacedName,
    application: Option<&Arc<Application>>,
) {
    let now = application.map(|found| found.annotations().get(SYNC).cloned());
    let (Some(Some(_)), Some(Some(_))) = (asked.replace(key, now.clone()), now) else { return };
    let theirs = ctx.decisions.by_index(OWNER, &owner_of_application(key).to_string());
    let members: BTreeSet<&MemberName> = theirs.iter().flat_map(|decision| decision.spec.members.keys()).collect();
    let state = ctx.state();
    let channels = members.into_iter().filter_map(|member| state.look.get(member));
    channels.for_each(|look| look.send_modify(|times| *times += 1));
}

/// What delivery reads of a member's record.
#[derive(PartialEq)]
struct ClusterFacts {
    id: Option<String>,
    credential: Option<plan::member::CredentialRef>,
    reach: Reach,
    deliverable: bool,
    is_released: bool,
    take_over: Option<api::feed::TakeOver>,
    rights: plan::rights::Rights,
}

impl ClusterFacts {
    fn of(cluster: &Cluster) -> Self {
        let conditions = cluster.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        Self {
            id: cluster.spec.id.clone(),
            credential: crate::origin::credential_of(cluster),
            reach: reach(conditions),
            deliverable: is_deliverable(cluster),
            is_released: crate::origin::is_released(cluster),
            take_over: crate::origin::take_over_of(cluster),
            rights: crate::origin::rights_of(cluster),
        }
    }
}

/// Does the record say that its member may be delivered to?
pub(super) fn is_deliverable(cluster: &Cluster) -> bool {
    let conditions = cluster.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    condition::find(conditions, condition::DELIVERABLE).is_some_and(|c| c.status == "True")
}
