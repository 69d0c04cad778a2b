//! What somebody changed in a delivered object, and whether to take it back.
//!
//! "As applied" is the server's answer, projected onto the fields that our manager owns; drift is when that projection
//! changes later. No schema is guessed and nothing is sent to find out. [`changed`] then names the fields, who set them
//! and when, and [`contest`] stops a fight that reverting does not end.

use std::collections::HashSet;

use api::delivery::{ChangedField, DriftRecord, label};
use model::{ObjectKey, Quantity, Timestamp, words};
use serde_json::{Map, Value};

use crate::field::{self, Element, Items, Path, Tree};

pub(crate) const REPLICAS: [&str; 2] = ["spec", "replicas"];

/// The path that a HorizontalPodAutoscaler writes.
pub fn replicas() -> Path {
    Path::of_fields(&REPLICAS)
}

/// The digest of what our manager owns of an object. With `scaled`, `spec.replicas` belongs to an autoscaler and is
/// left out.
pub fn projection(object: &Value, scaled: bool) -> model::Digest {
    field::digest_applied(object, label::FIELD_MANAGER, if scaled { &REPLICAS } else { &[] })
}

/// The fields of what was sent that the live object has otherwise. Fields that only the live object has are nobody's
/// drift: defaults and other managers' fields. The paths are in the order of the sent object.
pub fn diff(sent: &Value, live: &Value) -> Vec<Path> {
    let mut walk = Walk { object: live, shape: None, path: Path::default(), out: Vec::new() };
    walk.compare(sent, live, true);
    walk.out
}

/// The fields that our manager owns in the live object and that are not sent any more: the next apply takes them out.
pub fn left_over(sent: &Value, live: &Value) -> Vec<Path> {
    let owned = field::applied_by(live, label::FIELD_MANAGER).project(live);
    let mut walk = Walk { object: live, shape: None, path: Path::default(), out: Vec::new() };
    walk.compare(&owned, sent, true);
    walk.out.into_iter().filter(|path| path.find(sent).is_none()).collect()
}

/// Fields that no manifest decides: the server sets them, we do, or they say what the object is.
fn is_servers(path: &Path) -> bool {
    let [Element::Field(first), rest @ ..] = &path.0[..] else { return false };
    match rest {
        [Element::Field(second), Element::Field(third)] => {
            first == "metadata" && second == "annotations" && third == label::APPLIED
        }
        [] => matches!(first.as_str(), "apiVersion" | "kind" | "status"),
        [Element::Field(second)] if first == "metadata" => matches!(
            second.as_str(),
            "creationTimestamp" | "managedFields" | "resourceVersion" | "uid" | "generation" | "selfLink"
        ),
        _ => false,
    }
}

/// Annotations of which none is the manifest's.
fn is_only_mark(path: &Path, value: &Value) -> bool {
    let is_annotations = matches!(&path.0[..], [Element::Field(first), Element::Field(second)]
        if first == "metadata" && second == "annotations");
    is_annotations && value.as_object().is_some_and(|map| map.keys().all(|key| key == label::APPLIED))
}

/// Servers drop what says nothing.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().all(says_nothing),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// A walk over what was sent and what is there.
struct Walk<'a> {
    /// The live object.
    object: &'a Value,
    /// Which of its lists have keys, once it had to be known.
    shape: Option<Tree>,
    /// Where it is.
    path: Path,
    out: Vec<Path>,
}

impl Walk<'_> {
    fn found(&mut self) {
        self.out.push(self.path.clone());
    }

    /// Goes one step on, and comes back.
    fn below(&mut self, element: Element, then: impl FnOnce(&mut Self)) {
        self.path.0.push(element);
        then(self);
        self.path.0.pop();
    }

    /// `is_shaped` is false inside an atomic list, where no list has keys.
    fn compare(&mut self, sent: &Value, live: &Value, is_shaped: bool) {
        if is_servers(&self.path) {
            return;
        }
        match (sent, live) {
            (Value::Object(sent), Value::Object(live)) => {
                for (name, value) in sent {
                    let theirs = live.get(name);
                    let is_scalar = !value.is_object() && !value.is_array();
                    if is_scalar && theirs == Some(value) {
                        continue;
                    }
                    self.below(Element::Field(name.clone()), |walk| match theirs {
                        Some(theirs) => walk.compare(value, theirs, is_shaped),
                        None if says_nothing(value) || is_servers(&walk.path) || is_only_mark(&walk.path, value) => {}
                        None => walk.found(),
                    });
                }
            }
            (Value::Array(sent), Value::Array(live)) => self.compare_lists(sent, live, is_shaped),
            (sent, live) if same_scalar(sent, live, &self.path) => {}
            (sent, _) if says_nothing(sent) => {}
            _ => self.found(),
        }
    }

    /// The steps into the list at this place that a manager owns.
    fn elements(&mut self) -> Vec<Element> {
        let shape = self.shape.get_or_insert_with(|| field::shape(self.object));
        let here = self.path.0.iter().try_fold(&*shape, |tree, element| tree.child(element));
        here.into_iter().flat_map(Tree::elements).cloned().collect()
    }

    fn compare_lists(&mut self, sent: &[Value], live: &[Value], is_shaped: bool) {
        let elements = if is_shaped { self.elements() } else { Vec::new() };
        let key_names: Option<Vec<String>> =
            elements.iter().find_map(Element::keys).map(|keys| keys.keys().cloned().collect());
        if let Some(names) = key_names {
            let mut live = Items::new(live);
            for item in sent {
                let keys_of = |item: &Value| -> Map<String, Value> {
                    names.iter().filter_map(|n| Some((n.clone(), item.get(n)?.clone()))).collect()
                };
                // A key that was not sent was defaulted by the server.
                let found = live.with_keys(&keys_of(item));
                let keys = keys_of(found.unwrap_or(item));
                self.below(Element::Key(Value::Object(keys).to_string()), |walk| match found {
                    Some(theirs) => walk.compare(item, theirs, is_shaped),
                    None => walk.found(),
                });
            }
        } else if elements.iter().any(|e| matches!(e, Element::Value(_))) {
            let live: HashSet<&Value> = live.iter().collect();
            for value in sent.iter().filter(|value| !live.contains(value)) {
                self.below(Element::Value(value.to_string()), Self::found);
            }
        } else {
            // An atomic list is one value: it differs as a whole, though the server may default inside its items.
            let before = self.out.len();
            for (index, (item, theirs)) in sent.iter().zip(live).enumerate() {
                self.below(Element::Index(index), |walk| walk.compare(item, theirs, false));
            }
            if sent.len() != live.len() || self.out.len() > before {
                self.out.truncate(before);
                self.found();
            }
        }
    }
}

/// Names below which a value is a Quantity that the server writes in its canonical form.
const QUANTITIES: [&str; 9] =
    ["limits", "requests", "hard", "capacity", "sizeLimit", "divisor", "averageValue", "min", "max"];

fn same_scalar(sent: &Value, live: &Value, path: &Path) -> bool {
    if sent == live {
        return true;
    }
    if let (Some(a), Some(b)) = (sent.as_f64(), live.as_f64()) {
        return a.to_bits() == b.to_bits();
    }
    let quantity = path.0.iter().any(|e| matches!(e, Element::Field(name) if QUANTITIES.contains(&name.as_str())));
    let parse = |value: &Value| match value {
        Value::String(text) => text.parse::<Quantity>().ok(),
        Value::Number(number) => number.to_string().parse::<Quantity>().ok(),
        _ => None,
    };
    quantity && matches!((parse(sent), parse(live)), (Some(a), Some(b)) if a == b)
}

/// The fields of what was sent that the live object has otherwise, with who set them and when. Fields in `known` (paths
/// that admission changed when we applied) are no drift, nor are an autoscaler's replicas.
pub fn changed(sent: &Value, live: &Value, known: &[String], scaled: bool) -> Vec<ChangedField> {
    let replicas = replicas();
    let blamed = |path: Path| {
        let blamed = field::blame(live, &path, label::FIELD_MANAGER);
        let (manager, time) = blamed.map_or((None, None), |(manager, time)| (Some(manager), time));
        ChangedField { path: path.words(), manager, time }
    };
    diff(sent, live)
        .into_iter()
        .filter(|p| !(known.contains(&p.words()) || scaled && *p == replicas))
        .take(DriftRecord::FIELDS_MAX)
        .map(blamed)
        .collect()
}

/// What happened to an object, to be reported. `fields` is what [`changed`] found, `None` when the object is gone. A
/// projection that changed although no field differs means that our ownership was taken away, and names
/// `metadata.managedFields`.
pub fn record(key: &ObjectKey, fields: Option<Vec<ChangedField>>, now: Timestamp) -> DriftRecord {
    let deleted = fields.is_none();
    let mut fields = fields.unwrap_or_default();
    if fields.is_empty() && !deleted {
        fields.push(ChangedField { path: "metadata.managedFields".to_owned(), manager: None, time: None });
    }
    let object = words::bounded(&key.to_string(), ObjectKey::CHARS_MAX);
    DriftRecord { object, deleted, fields, seen: now, reverted: false }
}

/// The paths that the server accepted otherwise than sent: an admission webhook or a mutating policy changed them.
/// They are reported and left alone.
pub fn changed_by_admission(sent: &Value, answer: &Value, scaled: bool) -> Vec<String> {
    let replicas = replicas();
    let paths = diff(sent, answer).into_iter().filter(|path| !(scaled && *path == replicas));
    let mut paths = paths.map(|path| path.words()).collect();
    bound(&mut paths);
    paths
}

/// Keeps of an object's paths as many as are remembered and reported.
pub(crate) fn bound(paths: &mut Vec<String>) {
    let mut room = ADMISSION_BYTES_MAX;
    let fits = |path: &&String| {
        let fits = path.len() <= room;
        room = room.saturating_sub(path.len());
        fits
    };
    let kept = paths.iter().take(DriftRecord::FIELDS_MAX).take_while(fits).count();
    paths.truncate(kept);
}

/// Bytes of paths that are remembered per object. A path has about 40 bytes, so that is a dozen; a member with 10,000
/// objects, all of them changed by admission, costs 5 MB at most.
pub const ADMISSION_BYTES_MAX: usize = 512;

/// Reverts against the same manager within the window before we stop.
pub const CONTEST_REVERTS: usize = 3;
/// Seconds within which they count, and the first pause after.
pub const CONTEST_WINDOW_SECS: i64 = 600;
/// Longest pause, in seconds: a fight that lasts a day is reverted once an hour.
pub const CONTEST_PAUSE_MAX_SECS: i64 = 3_600;

/// One revert in an object's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// When.
    pub at: Timestamp,
    /// Against whom; `None` when the server does not say (a deletion, a removed field).
    pub manager: Option<String>,
}

/// Whether a change is taken back now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reverting {
    /// Take it back.
    Revert,
    /// Three reverts against the same manager in ten minutes did not help: leave it until then.
    Contested {
        /// When to try again.
        until: Timestamp,
    },
}

/// Decides from an object's reverts, oldest first. Each revert after a pause that is contested again doubles the pause.
pub fn contest(history: &[Revert], manager: Option<&str>, now: Timestamp) -> Reverting {
    let against: Vec<i64> =
        history.iter().filter(|r| r.manager.as_deref() == manager).map(|r| r.at.as_second()).collect();
    let Some(&last) = against.last() else { return Reverting::Revert };
    // Walk the reverts: three within a window make the contest, every further one within twice the pause keeps it.
    let mut pause = 0;
    for (i, &at) in against.iter().enumerate() {
        if pause > 0 && at - against[i - 1] <= 2 * pause {
            pause = (pause * 2).min(CONTEST_PAUSE_MAX_SECS);
        } else if i + 1 >= CONTEST_REVERTS && at - against[i + 1 - CONTEST_REVERTS] <= CONTEST_WINDOW_SECS {
            pause = CONTEST_WINDOW_SECS;
        } else {
            pause = 0;
        }
    }
    let until = last + pause;
    match Timestamp::from_second(until) {
        Ok(until) if pause > 0 && now < until => Reverting::Contested { until },
        _ => Reverting::Revert,
    }
}

/// Reverts remembered per object. Enough for the pause to reach its maximum: 3 + log2(3600 / 600) rounded up.
pub const HISTORY_MAX: usize = 8;

/// Adds a revert to an object's history and forgets the oldest.
pub fn remember(history: &mut Vec<Revert>, revert: Revert) {
    history.push(revert);
    if history.len() > HISTORY_MAX {
        history.remove(0);
    }
}

/// Does one of these HorizontalPodAutoscalers scale the object? (`spec.scaleTargetRef` names kind and name in the
/// autoscaler's own namespace, and an API version whose group counts.)
pub fn is_autoscaled(key: &ObjectKey, autoscalers: &[Value]) -> bool {
    autoscalers.iter().any(|hpa| {
        let target = |field: &str| model::object::get_str(hpa, &["spec", "scaleTargetRef", field]).unwrap_or_default();
        let group = target("apiVersion").split_once('/').map_or("", |(group, _)| group);
        model::object::namespace(hpa).unwrap_or_default() == key.namespace
            && target("kind") == key.kind
            && target("name") == key.name
            && group == key.group
            && !model::object::is_deleting(hpa)
    })
}

#[cfg(test)]
mod tests;
