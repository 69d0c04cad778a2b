//! The inputs that each unit should be rendered from.

use std::collections::BTreeMap;

use api::delivery::{Inputs, RevisionSpec, UnitId};
use model::Timestamp;

use super::{Observed, duplicates};

/// The inputs that a unit should be rendered from.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Name of the revision.
    pub name: String,
    /// The revision: stored already, or to be created.
    pub revision: RevisionSpec,
    /// Whether it is to be created.
    pub is_new: bool,
    /// Whether a directory that the artifact does not have stands for no objects.
    pub missing_is_empty: bool,
}

/// What each unit should be rendered from: the newest revision while its inputs are current or not known, else a revision
/// with the next epoch. Units that cannot be rendered at all are left out.
pub fn wanted(observed: &Observed<'_>, now: Timestamp) -> Vec<Wanted> {
    let twice = duplicates(observed.units);
    let units = observed.units.iter().filter(|unit| unit.frozen.is_none() && !twice.contains(&unit.id));
    units
        .filter_map(|unit| {
            let newest = observed.newest(&unit.id);
            let kept = |(name, revision): (&str, &RevisionSpec)| Wanted {
                name: name.to_owned(),
                revision: revision.clone(),
                is_new: false,
                missing_is_empty: true,
            };
            match (&unit.inputs, newest) {
                (None, newest) => newest.map(kept),
                (Some(inputs), Some((name, revision))) if is_current(revision, inputs, observed.renderer) => {
                    Some(kept((name, revision)))
                }
                (Some(inputs), newest) => {
                    let inputs = with_known_remotes(inputs, newest.map(|(_, revision)| &revision.inputs));
                    Some(new(observed, &unit.id, &inputs, now))
                }
            }
        })
        .collect()
}

fn new(observed: &Observed<'_>, unit: &UnitId, inputs: &Inputs, now: Timestamp) -> Wanted {
    let epoch = epoch_before(observed, unit) + 1;
    Wanted {
        name: RevisionSpec::object_name(&unit.short(observed.hub), epoch),
        missing_is_empty: was_there(observed, unit, inputs),
        revision: RevisionSpec {
            unit: unit.clone(),
            epoch,
            inputs: inputs.clone(),
            overrides: BTreeMap::new(),
            answers: BTreeMap::new(),
            renderer: observed.renderer.to_owned(),
            time: now,
        },
        is_new: true,
    }
}

fn is_current(revision: &RevisionSpec, inputs: &Inputs, renderer: &str) -> bool {
    revision.inputs.is_current(inputs) && revision.renderer == renderer
}

/// Inputs with what is known of other machines: what was asked for now, and else what the newest revision was rendered from.
/// A hub that has just started has asked for nothing yet, and makes the same of an edit as before.
fn with_known_remotes(inputs: &Inputs, newest: Option<&Inputs>) -> Inputs {
    let (Inputs::Artifact(inputs), Some(Inputs::Artifact(newest))) = (inputs, newest) else { return inputs.clone() };
    let mut inputs = inputs.clone();
    for (id, fetched) in &newest.remotes {
        inputs.remotes.entry(id.clone()).or_insert_with(|| fetched.clone());
    }
    Inputs::Artifact(inputs)
}

/// A directory that was there in an earlier revision and is gone was emptied, since git keeps no empty directories; one
/// that never was is a mistake.
fn was_there(observed: &Observed<'_>, unit: &UnitId, inputs: &Inputs) -> bool {
    let path = |inputs: &Inputs| match inputs {
        Inputs::Artifact(inputs) => Some(inputs.kustomize.path.clone()),
        Inputs::Objects(_) | Inputs::Chart(_) => None,
    };
    let mut earlier = observed.revisions.values().filter(|revision| revision.unit == *unit);
    earlier.any(|revision| path(&revision.inputs).is_some() && path(&revision.inputs) == path(inputs))
}

/// The highest epoch that anything remembers of a unit: revisions go with their owner, decisions and members' reports may
/// remember more, and an epoch must never be used twice.
fn epoch_before(observed: &Observed<'_>, unit: &UnitId) -> u64 {
    let revisions = observed.revisions.values().filter(|r| r.unit == *unit).map(|r| r.epoch);
    let decisions = observed.slices(unit).flat_map(|(_, decision)| decision.members.values().map(|m| m.epoch));
    let statuses = observed.statuses.iter().filter(|((u, _), _)| u == unit).map(|(_, s)| s.epoch);
    revisions.chain(decisions).chain(statuses).max().unwrap_or_default()
}
