//! What is known of an object that a process before this one applied.
//!
//! Nothing of an apply is stored but what the object itself says ([`crate::mark`]). A process that starts compares the
//! object with what it would send. A field that differs and is not ours any more was changed by somebody: that is drift. A
//! field that differs, or was added, and is our manager's was set so by the member's admission when we applied it, or by a
//! client that took our manager's name. The member is asked which of the two it is, by an apply that it does not carry out:
//! what it would make of the object now is accepted as it is, and anything else is drift. So a settled member gets no write
//! after a restart.
//!
//! What this cannot tell: a member whose webhooks have side effects does not carry out such an apply. There the object is
//! accepted as it is, and its row says so. And a key that was added under our name to a map that Kubernetes takes as one value, such as the
//! selector of a Service. Servers add keys to such maps too.

use api::delivery::label;
use bytes::Bytes;
use model::Uid;
use serde_json::Value;

use crate::apply::{Accepted, SeenState};
use crate::drift;
use crate::field::{self, Path, Tree};
use crate::mark::Mark;
use crate::prepare::Prepared;

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recalled {
    /// This is known. Whether anything is to be sent follows from it.
    Known(Accepted),
    /// The replicas differ: it has to be known whether an autoscaler owns them.
    AskAutoscaler,
    /// Fields of ours are not as they were sent: it has to be known what the member would make of an apply of this.
    AskMember(Bytes),
}

/// What the member answered so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers<'a> {
    /// Whether an autoscaler scales the object.
    pub scaled: Option<bool>,
    /// What the member would make of an apply; `Some(None)` when it cannot tell.
    pub answer: Option<Option<&'a Value>>,
}

/// Compares what would be sent with what the member has, of which `state` is known. `uid` is what the inventory recorded.
pub fn plan(object: &Prepared, uid: Option<&Uid>, live: &Value, state: &SeenState, answers: Answers<'_>) -> Recalled {
    let Answers { scaled, answer } = answers;
    let mark = Mark::read(live);
    let wanted = object.mark(false);
    let Some(mark) = mark.filter(|mark| (mark.digest, mark.keyed) == (wanted.digest, wanted.keyed)) else {
        // Something else was sent last: it is sent as it should be.
        let applied = mark.filter(|mark| mark.digest != wanted.digest).map(|mark| mark.digest);
        return Recalled::Known(Accepted { applied, ..Accepted::default() });
    };
    let replicas = drift::replicas();
    let (differing, left) = drift::compare(&object.object, live);
    let rescaled = differing.contains(&replicas);
    if scaled.is_none() && (rescaled || mark.scaled) {
        return Recalled::AskAutoscaler;
    }
    let scaled = scaled == Some(true) && (rescaled || mark.scaled);
    let mut touched = uid != model::object::uid(live).map(Uid::from).as_ref() || !owns_mark(live);
    // The autoscaler whose replicas were sent is gone: they are the unit's again.
    touched |= mark.scaled && !scaled;
    let (mut admission, mut unasked) = (Vec::new(), false);
    let owned = if differing.is_empty() { Tree::default() } else { field::applied_by(live, label::FIELD_MANAGER) };
    for path in differing {
        if scaled && path == replicas {
            continue;
        }
        if owned.owns(&path.0) && !(mark.scaled && path == replicas) {
            admission.push(path.words());
        } else {
            touched = true;
        }
    }
    let may_be_forged = !admission.is_empty() || field::applies_beyond(live, label::FIELD_MANAGER, &object.object);
    if !touched && may_be_forged {
        match answer {
            None => return Recalled::AskMember(again(object, live, mark, scaled, &left)),
            Some(Some(answer)) if drift::projection(answer, scaled) == state.accepted(scaled) => {}
            // What admission makes of it is still admission's when the rest is taken back.
            Some(Some(answer)) => {
                (touched, admission) = (true, drift::changed_by_admission(&object.object, answer, scaled));
            }
            // A write at each start would tell no more, and take the same back for ever.
            Some(None) => unasked = true,
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
        left: drift::left_words(&left),
        unasked,
    })
}

/// What is to be applied for a look: the object as it was sent, with the replicas that an autoscaler has set since, and
/// without what is left to others.
fn again(object: &Prepared, live: &Value, mark: Mark, scaled: bool, left: &[(Path, String)]) -> Bytes {
    if !scaled && left.is_empty() {
        return object.body.clone();
    }
    let mut body = Value::clone(&object.object);
    for (path, _) in left {
        field::take_out(&mut body, path);
    }
    if scaled {
        *model::object::slot(&mut body, &drift::REPLICAS) =
            model::object::get(live, &drift::REPLICAS).cloned().unwrap_or_default();
        mark.write(&mut body);
    }
    Bytes::from(body.to_string())
}

/// Does our manager own the annotation that it sends with every object? Otherwise its ownership was taken away.
pub(crate) fn owns_mark(live: &Value) -> bool {
    field::applies(live, label::FIELD_MANAGER, &["metadata", "annotations", label::APPLIED])
}

/// What is known of an object that is gone: it was applied, and is to be made again.
pub fn gone(object: &Prepared) -> Accepted {
    Accepted { applied: Some(object.digest), ..Accepted::default() }
}

#[cfg(test)]
mod tests;
