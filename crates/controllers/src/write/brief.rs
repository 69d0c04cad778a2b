//! A status in fewer words, for a hub that refuses it whole.
//!
//! What members, authors and servers say ends up in statuses, and one text that is too long must not keep the hub from
//! saying that a member is lost. So texts, lists and maps are cut, whatever they are about: phases, counts, digests and
//! conditions are short and stay. Nothing is taken out, so that the type of the status can read it.

use api::condition::{CONDITIONS_MAX, Condition};
use api::reason;
use serde_json::Value;

/// Most bytes of a brief status: a sixth of the largest object, so that it fits beside a large spec.
const BRIEF_BYTES_MAX: usize = 512 * 1024;
/// How much stays, from much to little; the first that makes [`BRIEF_BYTES_MAX`] is taken.
const CUTS: [Cut; 3] = [
    Cut { text_max: 1_024, list_max: 16, entries_max: 128 },
    Cut { text_max: 256, list_max: 4, entries_max: 32 },
    // A digest has 71 characters and a name of an object 253 at most, of which the beginning says enough. No struct that
    // deep has 16 fields.
    Cut { text_max: 128, list_max: 1, entries_max: 16 },
];
/// Most entries of a map less deep than [`DEEP`]. A slice of a member's report has 100 units, which all stay.
const ENTRIES_MAX: usize = 128;
/// From which depth on maps are details: below a status, its map of units, and a unit.
const DEEP: usize = 3;
/// Longest key that is kept: a unit's is made of five names.
const KEY_MAX: usize = 1_024;
/// Deepest value that is kept. Statuses of ours stay below 8.
const DEPTH_MAX: usize = 16;

/// How much stays of each part.
#[derive(Clone, Copy)]
struct Cut {
    /// Most characters of a text.
    text_max: usize,
    /// Most items of a list other than conditions.
    list_max: usize,
    /// Most entries of a map that is [`DEEP`].
    entries_max: usize,
}

/// The brief form of a status. In a status with conditions, one of the type `mark` says that it is cut, and `why`.
pub(super) fn brief(status: &Value, mark: &str, why: &str) -> Value {
    let mut brief = Value::Null;
    for cut in CUTS {
        brief = shorten(status, cut, 0);
        if serde_json::to_vec(&brief).is_ok_and(|bytes| bytes.len() <= BRIEF_BYTES_MAX) {
            break;
        }
    }
    if let Some(conditions) = brief.get_mut("conditions").and_then(Value::as_array_mut)
        && let Some(mark) = marked(conditions, mark, why)
    {
        conditions.push(mark);
    }
    brief
}

/// Says a status that it is cut?
pub(crate) fn is_marked(conditions: &[Condition], mark: &str) -> bool {
    conditions.iter().any(|condition| condition.type_ == mark)
}

/// The condition that says so. Its time is that of the newest other one, with which it became too long: it is the same
/// each time that the same is said, so that a status which stays refused is stored once.
fn marked(conditions: &[Value], type_: &str, why: &str) -> Option<Value> {
    let times = conditions.iter().filter_map(|c| c.get("lastTransitionTime")?.as_str());
    let condition = Condition {
        type_: type_.to_owned(),
        status: "True".to_owned(),
        reason: reason::STATUS_REFUSED.to_owned(),
        message: format!("long texts and lists are cut here, since the hub's API refuses this status whole: {why}"),
        observed_generation: None,
        last_transition_time: times.max()?.to_owned(),
    };
    serde_json::to_value(condition).ok()
}

fn shorten(value: &Value, cut: Cut, depth: usize) -> Value {
    match value {
        Value::String(text) => cut_text(text, cut.text_max).into(),
        Value::Array(items) => {
            let conditions = items.first().is_some_and(|item| item.get("lastTransitionTime").is_some());
            let max = if conditions { CONDITIONS_MAX } else { cut.list_max };
            let max = if depth < DEPTH_MAX { max } else { 0 };
            items.iter().take(max).map(|item| shorten(item, cut, depth + 1)).collect()
        }
        Value::Object(entries) => {
            let kept = entries.iter().filter(|(key, _)| key.len() <= KEY_MAX);
            let max = if depth < DEEP { ENTRIES_MAX } else { cut.entries_max };
            let kept = kept.take(if depth < DEPTH_MAX { max } else { 0 });
            kept.map(|(key, value)| (key.clone(), shorten(value, cut, depth + 1))).collect()
        }
        other => other.clone(),
    }
}

/// The beginning of a text, the last character of which says that it is one.
fn cut_text(text: &str, max: usize) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(max - 1).collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests;
