//! Whether members can be reached, read from stored objects: the record with its origin, and what the applier stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::delivery::{MemberStatus, Owner, UnitId, UnitStatus};
use api::karmada::cluster::v1alpha1::Cluster;
use model::{MemberName, Uid};
use plan::reach::{MemberFacts, reach};

use crate::origin::Origins;
use crate::record;
use crate::stores::Stores;
use client::{NamespacedName, Store};

/// Reads what decisions need of members.
#[derive(Clone)]
pub(crate) struct MemberReader {
    clusters: Arc<Store<Cluster>>,
    statuses: Arc<Store<MemberStatus>>,
    origins: Origins,
}

impl MemberReader {
    pub(crate) fn new(stores: &Stores) -> Self {
        Self {
            clusters: stores.clusters.clone(),
            statuses: stores.statuses.clone(),
            origins: Origins::new(&stores.attached),
        }
    }

    /// What members report of the units of one owner.
    pub(crate) fn statuses_of(&self, owner: &Owner) -> BTreeMap<(UnitId, MemberName), UnitStatus> {
        record::statuses_of(&self.statuses, &self.clusters, owner)
    }

    /// What is known of a member; `None` when it has no record. A record whose origin does not want it any more makes no
    /// member: detaching deletes nothing in the member, so nothing may be removed from it in that moment either.
    pub(crate) fn facts(&self, member: &MemberName) -> Option<MemberFacts> {
        let cluster = self.clusters.get(&NamespacedName::new("", member.as_str()))?;
        if !self.origins.is_claimed(&cluster) {
            return None;
        }
        let conditions = cluster.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        let link = record::link_of(&self.statuses, member, &cluster);
        let cluster = cluster.spec.id.as_deref().map(Uid::from);
        Some(MemberFacts { reach: reach(conditions), link, cluster })
    }
}
