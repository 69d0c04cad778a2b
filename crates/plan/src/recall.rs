//! What is known of an object that a process before this one applied.
//!
//! Nothing of an apply is stored but what the object itself says ([`crate::mark`]). A process that starts compares the
//! object with what it would send. A field that differs and is still our manager's was set so by the server or its
//! admission, when we applied it: it is accepted as it is. A field that differs and is not ours any more was changed by
//! somebody: that is drift. So a settled member gets no write after a restart.
//!
//! What this cannot tell: a field of ours that an admission changed while somebody else wrote the object. It counts as
//! accepted.

use api::delivery::label;
use model::Uid;
use serde_json::Value;

use crate::apply::{Accepted, SeenState};
use crate::drift;
use crate::field::{self, Tree};
use crate::mark::Mark;
use crate::prepare::Prepared;

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recalled {
    /// This is known. Whether anything is to be sent follows from it.
    Known(Accepted),
    /// The replicas differ: it has to be known whether an autoscaler owns them.
    AskAutoscaler,
}

/// Compares what would be sent with what the member has, of which `state` is known. `uid` is what the inventory recorded;
/// `scaled` says whether an autoscaler scales the object, when that is known.
pub fn plan(object: &Prepared, uid: Option<&Uid>, live: &Value, state: &SeenState, scaled: Option<bool>) -> Recalled {
    let mark = Mark::read(live);
    let wanted = object.mark(false);
    let Some(mark) = mark.filter(|mark| (mark.digest, mark.keyed) == (wanted.digest, wanted.keyed)) else {
        // Something else was sent last: it is sent as it should be.
        let applied = mark.filter(|mark| mark.digest != wanted.digest).map(|mark| mark.digest);
        return Recalled::Known(Accepted { applied, ..Accepted::default() });
    };
    let replicas = drift::replicas();
    let differing = drift::diff(&object.object, live);
    let rescaled = differing.contains(&replicas);
    if scaled.is_none() && (rescaled || mark.scaled) {
        return Recalled::AskAutoscaler;
    }
    let scaled = scaled == Some(true) && (rescaled || mark.scaled);
    let mut touched = uid != model::object::uid(live).map(Uid::from).as_ref() || !owns_mark(live);
    // The autoscaler whose replicas were sent is gone: they are the unit's again.
    touched |= mark.scaled && !scaled;
    let mut admission = Vec::new();
    let owned = if differing.is_empty() { Tree::default() } else { field::applied_by(live, label::FIELD_MANAGER) };
    for path in differing {
        if scaled && path == replicas {
            continue;
        }
        if owned.owns(&path.0) && !(mark.scaled && path == replicas) {
            admission.push(path.to_string());
        } else {
            touched = true;
        }
    }
    drift::bound(&mut admission);
    let projection = (!touched).then(|| state.accepted(scaled));
    Recalled::Known(Accepted {
        applied: Some(object.digest),
        projection,
        // What was sent with an autoscaler's replicas and has lost its autoscaler is told apart from what another client changed.
        scaled: scaled || mark.scaled,
        admission,
    })
}

/// Does our manager own the annotation that it sends with every object? Otherwise its ownership was taken away.
fn owns_mark(live: &Value) -> bool {
    field::applies(live, label::FIELD_MANAGER, &["metadata", "annotations", label::APPLIED])
}

/// What is known of an object that is gone: it was applied, and is to be made again.
pub fn gone(object: &Prepared) -> Accepted {
    Accepted { applied: Some(object.digest), ..Accepted::default() }
}

#[cfg(test)]
mod tests;
