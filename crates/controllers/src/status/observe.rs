//! The stored objects that an Application's status is folded from.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::{DecisionSpec, UnitId, UnitStatus};
use api::kurator::apps::v1alpha1::Application;
use kube::ResourceExt;
use model::MemberName;
use plan::application::FoldFacts;
use plan::reach::MemberFacts;

use super::Ctx;
use crate::record::{OWNER, owner_of_application};
use client::NamespacedName;

/// What is stored of one Application's units.
pub(super) struct World {
    decisions: BTreeMap<String, DecisionSpec>,
    revisions: BTreeMap<String, String>,
    statuses: BTreeMap<(UnitId, MemberName), UnitStatus>,
    members: BTreeMap<MemberName, MemberFacts>,
}

impl World {
    pub(super) fn read(ctx: &Ctx, key: &NamespacedName) -> Self {
        let owner = owner_of_application(key);
        let term = owner.to_string();
        let decisions: BTreeMap<String, DecisionSpec> =
            ctx.decisions.by_index(OWNER, &term).iter().map(|d| (d.name_any(), d.spec.clone())).collect();
        let names: BTreeSet<&MemberName> = decisions.values().flat_map(|d| d.members.keys()).collect();
        let members = names.into_iter().filter_map(|name| Some((name.clone(), ctx.members.facts(name)?))).collect();
        let revisions = ctx.revisions.by_index(OWNER, &term);
        let source_revision = |r: &api::delivery::Revision| r.spec.inputs.source_revision().to_owned();
        Self {
            members,
            decisions,
            revisions: revisions.iter().map(|r| (r.name_any(), source_revision(r))).collect(),
            statuses: ctx.members.statuses_of(&owner),
        }
    }

    pub(super) fn facts<'a>(&'a self, application: &'a Application) -> FoldFacts<'a> {
        FoldFacts {
            application,
            decisions: &self.decisions,
            revisions: self.revisions.clone(),
            statuses: &self.statuses,
            members: &self.members,
        }
    }
}
