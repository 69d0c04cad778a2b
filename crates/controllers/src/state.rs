//! How units are in their members, from stored objects: what views and `kurator up` show beside what appliers report.

use std::collections::BTreeMap;

use api::condition::Statement;
use api::delivery::{MemberLink, Revision, UnitId};
use model::MemberName;
use plan::state::Pair;

use crate::deps::Controllers;
use crate::reach::MemberReader;
use crate::record;
use client::NamespacedName;

impl Controllers {
    /// `Ready` of a unit at a member.
    pub fn unit_ready(&self, unit: &UnitId, member: &MemberName) -> Statement {
        let stores = &self.stores;
        let decisions = stores.decisions_of(unit);
        let entry = decisions.iter().find_map(|decision| decision.spec.members.get(member));
        let explanation = decisions.iter().find_map(|decision| decision.spec.explanation.as_ref());
        let record = stores.clusters.get(&NamespacedName::new("", member.as_str()));
        let slices = record::slices_of(&stores.statuses, member);
        let mut slices = slices.iter().filter(|s| record.as_ref().is_none_or(|r| record::is_report_of(s, r)));
        let status = slices.find_map(|slice| slice.status.as_ref()?.units.get(unit));
        let facts = MemberReader::new(stores).facts(member);
        let pair = Pair::decided(entry, explanation, member.as_str(), status, facts.as_ref());
        pair.ready(&self.revision_names(unit))
    }

    /// How the applier of a member gets on with it, as it is stored.
    pub fn member_link(&self, member: &MemberName) -> Option<MemberLink> {
        MemberReader::new(&self.stores).facts(member)?.link
    }

    /// Has the applier of a member got through to it since this process started, and does it still?
    pub fn has_connected(&self, member: &MemberName) -> bool {
        self.feed.link(member).is_some_and(|said| said.link == applier::Link::Connected)
    }

    /// What the source calls each revision of a unit's owner.
    fn revision_names(&self, unit: &UnitId) -> BTreeMap<String, String> {
        let revisions = self.stores.revisions.by_index(record::OWNER, &unit.owner().to_string());
        let name = |r: &Revision| Some((r.metadata.name.clone()?, r.spec.inputs.source_revision().to_owned()));
        revisions.iter().filter_map(|revision| name(revision)).collect()
    }
}
