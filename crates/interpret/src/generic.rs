//! Kinds that nobody here knows, by the conventions of `status.conditions`.

use serde_json::Value;

use crate::health::{Health, State};
use crate::read::{condition, flag};

/// Conditions in the order in which they decide: `Stalled` and `Reconciling` are kstatus' own and abnormal when true,
/// then `Ready`, then `Available`. No condition at all means that the kind reports nothing: healthy once it exists. What its own
/// spec suspends is judged like all others first: it may have failed before, or never have worked.
pub(crate) fn health(object: &Value) -> Health {
    let health = by_conditions(object);
    let is_suspended = flag(object, "spec.suspend") || flag(object, "spec.paused");
    if is_suspended { health.while_suspended("suspended by its own spec") } else { health }
}

fn by_conditions(object: &Value) -> Health {
    if let Some(stalled) = condition(object, "Stalled").filter(|c| c.is_true()) {
        return Health::of(State::Degraded, stalled, "Stalled");
    }
    if let Some(reconciling) = condition(object, "Reconciling").filter(|c| c.is_true()) {
        return Health::of(State::Progressing, reconciling, "Reconciling");
    }
    for ty in ["Ready", "Available"] {
        match condition(object, ty) {
            Some(found) if found.is_true() => return Health::of(State::Healthy, found, ""),
            Some(found) => return Health::of(State::Progressing, found, &format!("Not{ty}")),
            None => {}
        }
    }
    Health::healthy()
}
