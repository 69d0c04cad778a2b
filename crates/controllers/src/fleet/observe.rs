//! What is known of a fleet's members.

use api::delivery::Origin;
use api::kurator::annotation::FLEET_NAME;
use api::kurator::fleet::v1alpha1::Fleet;
use kube::ResourceExt;
use model::GroupKind;
use plan::fleet::{Entry, Observed, Other, labelled_by_others};
use plan::state::State;

use super::Ctx;
use crate::index::FLEET;
use crate::origin::{self, OriginFacts};
use crate::record;
use client::NamespacedName;

/// `fleet` is none when it is gone: then only its label is left to take away.
pub(super) fn observe(ctx: &Ctx, fleet: Option<&Fleet>, key: &NamespacedName) -> Observed {
    let labelled = ctx.attached.list_in(&key.namespace);
    let labelled = labelled.iter().filter(|a| a.labels().get(FLEET_NAME) == Some(&key.name)).map(|a| a.name_any());
    let labelled = labelled.collect();
    let Some(fleet) = fleet else {
        return Observed { name: key.name.clone(), labelled, deleting: true, ..Observed::default() };
    };
    let earlier = labelled_by_others(&key.name, &others(ctx, key));
    let entries = fleet.spec.clusters.iter().map(|reference| {
        let origin = origin::of_entry(&key.namespace, reference);
        let facts = origin.as_ref().and_then(|origin| ctx.origins.get(origin));
        Entry {
            name: reference.name.clone(),
            supported: origin.is_some(),
            exists: facts.is_some(),
            state: origin
                .as_ref()
                .zip(facts.as_ref())
                .map(|(origin, facts)| state(ctx, origin, facts))
                .unwrap_or_default(),
            labelled_by: earlier.get(&reference.name).cloned(),
        }
    });
    let value = serde_json::json!({"spec": fleet.spec});
    Observed {
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        entries: entries.collect(),
        labelled,
        not_implemented: admit::not_implemented(&GroupKind::new("fleet.kurator.dev", "Fleet"), &value),
        status: fleet.status.clone().unwrap_or_default(),
        held: held(ctx, key),
        removals_ignored: plan::application::removals_ignored(fleet.metadata.annotations.as_ref()),
        deleting: fleet.metadata.deletion_timestamp.is_some(),
    }
}

/// How the member of an entry is. One that says `Ready` is so for its prober; its applier may be kept out.
fn state(ctx: &Ctx, origin: &Origin, facts: &OriginFacts) -> State {
    let record = facts.wants.as_ref().and_then(|member| {
        let record = ctx.clusters.get(&NamespacedName::new("", member.as_str()))?;
        (origin::of_record(&record).as_ref() == Some(origin)).then_some((member, record))
    });
    let link = record.and_then(|(member, record)| record::link_of(&ctx.statuses, member, &record));
    facts.state.with_link(link.as_ref())
}

/// Applications that name the fleet and hold an edit.
fn held(ctx: &Ctx, key: &NamespacedName) -> Vec<String> {
    let all = ctx.applications.by_index(FLEET, &key.to_string());
    let mut held: Vec<String> = all.iter().filter(|a| super::holds_edit(a)).map(|a| a.name_any()).collect();
    held.sort();
    held
}

/// The other fleets of the namespace, with what they list.
fn others(ctx: &Ctx, key: &NamespacedName) -> Vec<Other> {
    let all = ctx.fleets.list_in(&key.namespace);
    let others = all.iter().filter(|fleet| fleet.name_any() != key.name);
    let lists = |fleet: &Fleet| {
        let entries = fleet.spec.clusters.iter();
        entries.filter(|e| origin::of_entry(&key.namespace, e).is_some()).map(|e| e.name.clone()).collect()
    };
    let other = |fleet: &std::sync::Arc<Fleet>| Other {
        name: fleet.name_any(),
        deleting: fleet.metadata.deletion_timestamp.is_some(),
        lists: lists(fleet),
    };
    others.map(other).collect()
}
