//! Units, and the inputs that each should be rendered from.

use api::delivery::{Artifact, RevisionSpec, UnitId};
use api::kurator::apps::v1alpha1::Application;
use model::Timestamp;

use super::{Observed, duplicates, newest, short};

/// The inputs that a unit should be rendered from.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Name of the revision.
    pub name: String,
    /// The revision: stored already, or to be created.
    pub revision: RevisionSpec,
    /// Whether it is to be created.
    pub is_new: bool,
}

/// The unit that stands for a policy.
fn unit(namespace: &str, application: &str, policy: &str) -> UnitId {
    UnitId::new("apps.kurator.dev", "Application", namespace, application, Some(policy))
}

/// The Application that a unit belongs to: namespace and name. `None` for units of other owners.
pub fn owner(unit: &UnitId) -> Option<(&str, &str)> {
    (unit.group == "apps.kurator.dev" && unit.kind == "Application")
        .then_some((unit.namespace.as_str(), unit.name.as_str()))
}

/// The units of an Application, one for each policy, in their order. Two may be equal; then the names are wrong.
pub fn unit_ids(application: &Application) -> Vec<UnitId> {
    let (namespace, name) = (
        application.metadata.namespace.clone().unwrap_or_default(),
        application.metadata.name.clone().unwrap_or_default(),
    );
    let policies = application.spec.sync_policies.iter().enumerate();
    policies.map(|(index, policy)| unit(&namespace, &name, &policy.name_or_default(&name, index))).collect()
}

/// What each unit should be rendered from: the newest revision while its inputs are current or no source is at hand,
/// else a revision with the next epoch. Units that cannot be rendered at all are left out.
pub fn wanted(observed: &Observed<'_>, now: Timestamp) -> Vec<Wanted> {
    let Some(application) = observed.application.filter(|a| a.metadata.deletion_timestamp.is_none()) else {
        return Vec::new();
    };
    let units = unit_ids(application);
    let twice = duplicates(&units);
    let policies = units.iter().zip(&application.spec.sync_policies);
    policies
        .filter(|(unit, _)| !twice.contains(unit))
        .filter_map(|(unit, policy)| {
            let inputs = serde_json::to_value(&policy.kustomization.as_ref()?.inputs).unwrap_or_default();
            let newest = newest(observed, unit);
            match (&observed.source.artifact, newest) {
                (None, None) => None,
                (None, Some((name, revision))) => Some(kept(name, revision)),
                (Some(artifact), Some((name, revision))) if same(revision, artifact, &inputs, observed.renderer) => {
                    Some(kept(name, revision))
                }
                (Some(artifact), _) => {
                    let epoch = epoch_before(observed, unit) + 1;
                    Some(Wanted {
                        name: RevisionSpec::object_name(&short(observed, unit), epoch),
                        revision: RevisionSpec {
                            unit: unit.clone(),
                            epoch,
                            artifact: artifact.clone(),
                            policy: inputs,
                            renderer: observed.renderer.to_owned(),
                            time: now,
                            seed: short(observed, unit).to_string(),
                            facts: std::collections::BTreeMap::new(),
                            inputs: std::collections::BTreeMap::new(),
                        },
                        is_new: true,
                    })
                }
            }
        })
        .collect()
}

fn kept(name: &str, revision: &RevisionSpec) -> Wanted {
    Wanted { name: name.to_owned(), revision: revision.clone(), is_new: false }
}

fn same(revision: &RevisionSpec, artifact: &Artifact, inputs: &serde_json::Value, renderer: &str) -> bool {
    revision.artifact == *artifact && revision.policy == *inputs && revision.renderer == renderer
}

/// The highest epoch that anything remembers of a unit: revisions go with their Application, decisions and members'
/// reports may remember more, and an epoch must never be used twice.
fn epoch_before(observed: &Observed<'_>, unit: &UnitId) -> u64 {
    let revisions = observed.revisions.values().filter(|r| r.unit == *unit).map(|r| r.epoch);
    let decisions =
        observed.decisions.values().filter(|d| d.unit == *unit).flat_map(|d| d.members.values().map(|m| m.epoch));
    let statuses = observed.statuses.iter().filter(|((u, _), _)| u == unit).map(|(_, s)| s.epoch);
    revisions.chain(decisions).chain(statuses).max().unwrap_or_default()
}
