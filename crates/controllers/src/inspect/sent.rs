//! What members are known to have though they have not said so since the hub started: what they were sent.
//!
//! A member that is away says nothing to a hub that was started again. What it ran last is stored as the name of a Revision, and
//! that can be rendered. Where less can be rendered than the member is known to have, nothing is said: a list with too little in it is
//! worse than none. Each answer takes a turn, since it renders; [`held`](super::held) has one when it asks for what was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::condition;
use api::delivery::{MemberDecision, ObjectSet, Owner, UnitCounts, UnitPhase, UnitStatus};
use api::reason;
use api::view::{Sent, SentObject};
use client::NamespacedName;
use kube::ResourceExt;
use model::{MemberName, ObjectKey};
use plan::departure::says_what_is_there;
use plan::prepare::Bundle;

use super::{InspectError, Inspector, Placed, turn_of};
use crate::record::{MEMBER, application_of, owner_of_application};

impl Inspector {
    /// What members were sent of an Application that have not said what they have; `only` of this one, if it is named.
    ///
    /// # Errors
    /// Too many lists are asked for at the same time.
    pub async fn sent(&self, key: &NamespacedName, only: Option<&MemberName>) -> Result<Vec<Sent>, InspectError> {
        let _turn = turn_of(&self.list_turns).await?;
        Ok(self.sent_of(key, only).await)
    }

    /// The same of each of these Applications.
    ///
    /// # Errors
    /// Too many lists are asked for at the same time.
    pub async fn sent_of_each(
        &self,
        keys: &[NamespacedName],
        only: Option<&MemberName>,
    ) -> Result<Vec<Vec<Sent>>, InspectError> {
        let _turn = turn_of(&self.list_turns).await?;
        let mut out = Vec::new();
        for key in keys {
            out.push(self.sent_of(key, only).await);
        }
        Ok(out)
    }

    /// The same of everything that a member was sent.
    ///
    /// # Errors
    /// Too many lists are asked for at the same time.
    pub async fn sent_to_member(&self, member: &MemberName) -> Result<Vec<Sent>, InspectError> {
        let _turn = turn_of(&self.list_turns).await?;
        let decisions = self.stores.decisions.by_index(MEMBER, member.as_str());
        let owners: BTreeSet<Owner> = decisions.iter().map(|decision| decision.spec.unit.owner()).collect();
        let mut out = Vec::new();
        for key in owners.iter().filter_map(application_of) {
            out.extend(self.sent_of(&key, Some(member)).await);
        }
        Ok(out)
    }

    async fn sent_of(&self, key: &NamespacedName, only: Option<&MemberName>) -> Vec<Sent> {
        let Ok(application) = self.application(key) else { return Vec::new() };
        let owner = owner_of_application(key);
        let placed = self.placed(&application, &owner);
        let statuses = self.members.statuses_of(&owner);
        let mut out = Vec::new();
        for placed in &placed {
            let unit = placed.unit();
            let reports = self.feed.reports_of(unit);
            let says = |member: &MemberName| {
                reports.iter().any(|report| report.member == *member && says_what_is_there(report))
            };
            let is_asked = |member: &MemberName| only.is_none_or(|only| only == member) && !says(member);
            for (member, entry) in placed.decision.spec.members.iter().filter(|(member, _)| is_asked(member)) {
                let status = statuses.get(&(unit.clone(), member.clone()));
                let objects = match status {
                    None if self.was_never_open(member) => Some(Vec::new()),
                    _ => self.sent_to(placed, member, entry, status).await,
                };
                let Some(objects) = objects else { continue };
                let along = self.goes_along_with_sent(unit, member, &objects).await;
                let sent = |goes_with| Sent { unit: unit.clone(), member: member.clone(), objects, goes_with };
                out.extend(along.map(sent));
            }
        }
        out
    }

    /// Was nothing ever delivered to a member under its name? Its cluster is a member already under another one.
    fn was_never_open(&self, member: &MemberName) -> bool {
        let record = self.stores.clusters.get(&NamespacedName::new("", member.as_str()));
        // Nothing is delivered before it is known which cluster a member is.
        record.filter(|record| record.spec.id.is_none()).is_some_and(|record| {
            let conditions = record.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
            let ready = condition::find(conditions, condition::READY);
            ready.is_some_and(|ready| ready.reason == reason::SAME_CLUSTER)
        })
    }

    /// What it was sent last and is to be sent now. `None`: it may have more than that.
    pub(super) async fn sent_to(
        &self,
        placed: &Placed,
        member: &MemberName,
        entry: &MemberDecision,
        status: Option<&UnitStatus>,
    ) -> Option<Vec<SentObject>> {
        if status.is_some_and(|status| is_partly(status) || lacks_adopted(status)) || !placed.decision.spec.prune {
            return None;
        }
        let rights = self.rights(member);
        let wanted = self.bundle(&placed.decision, entry).await.ok()?;
        let last = match status.map(|status| &status.revision).filter(|had| **had != entry.revision) {
            None => Arc::clone(&wanted),
            Some(had) => {
                let namespace = placed.decision.namespace().unwrap_or_default();
                let revision = self.stores.revisions.get(&NamespacedName::new(namespace, had))?;
                self.render(placed.unit(), &revision.spec, true).await.ok()?.0
            }
        };
        // What is to be sent now adds names, and stands for nothing that is there.
        if status.is_some_and(|status| !is_all_of(&last, status, !entry.removal.is_none())) {
            return None;
        }
        let is_let_go = status.is_some_and(|status| entry.gives_back(status.asked.placed));
        let mut all: BTreeMap<ObjectKey, SentObject> = BTreeMap::new();
        for object in [&wanted, &last].into_iter().flat_map(|bundle| bundle.objects()) {
            let is_in =
                |set: fn(&UnitStatus) -> &ObjectSet| status.is_some_and(|status| set(status).contains(&object.key));
            if is_in(|status| &status.unmade) {
                continue;
            }
            let key = ObjectKey::clone(&object.key);
            let (adopted, kept) = (is_in(|status| &status.adopted), object.stays || is_in(|status| &status.kept));
            let outside = rights.lack(&object.key).is_some();
            let given_back = is_let_go && last.get(&object.key).is_some();
            all.entry(key.clone()).or_insert(SentObject { key, adopted, kept, given_back, outside });
        }
        Some(all.into_values().collect())
    }
}

/// Does a member have what is not wanted, or not all that is? What waits to be deleted, or is not to be deleted, is recorded beside
/// what is wanted, and what is not applied is not. A look that failed as a whole may have the numbers of an earlier revision, or none.
fn is_partly(status: &UnitStatus) -> bool {
    // What is left alone and is not there is not applied, and is nothing that the member lacks.
    let settled = status.objects.applied.saturating_add(u32::try_from(status.unmade.len()).unwrap_or(u32::MAX));
    status.held.is_some() || settled < status.objects.desired || status.phase == UnitPhase::Failed
}

/// Was more there before than is stored by name? It is as long as it is little.
fn lacks_adopted(status: &UnitStatus) -> bool {
    status.adopted.len() < status.objects.adopted as usize
}

/// Is all that a member has of a unit in what it was sent last? `leaves`: the unit is on its way out of it.
fn is_all_of(last: &Bundle, status: &UnitStatus, leaves: bool) -> bool {
    let UnitCounts { desired, inventory, .. } = status.objects;
    let is = |said: u32, objects: usize| usize::try_from(said).is_ok_and(|said| said == objects);
    let all = last.objects().count();
    if leaves {
        // It wants nothing any more, and loses one object after the other.
        return inventory as usize <= all;
    }
    // All that is applied is recorded, but for what the member said that the unit has not made.
    let made = last.objects().filter(|object| !status.unmade.contains(&object.key)).count();
    let was_never_there = desired == 0 && inventory == 0;
    was_never_there || (is(desired, all) && is(inventory, made))
}
