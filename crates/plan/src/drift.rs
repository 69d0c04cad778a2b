//! What somebody changed in a delivered object, and whether to take it back.
//!
//! "As applied" is the server's answer, projected onto the fields that our manager owns; drift is when that projection
//! changes later. No schema is guessed and nothing is sent to find out. [`changed`] then names the fields, who set them
//! and when, and [`contest`] stops a fight that reverting does not end.
//!
//! A value that a server writes in another way, or leaves out, is the value that was sent: what tells is that our manager
//! still owns the field. A placeholder that another manager filled is that manager's ([`left_to_others`]).

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
    Walk::over(sent, live).out
}

/// The fields that were sent as a placeholder and have a value of another manager, such as the `caBundle` of a webhook or
/// an empty value of a Secret: its work, and none of ours.
///
/// A placeholder is `null`, an empty text, or the Base64 of nothing but white space: nobody needs such a value, and it is
/// written because a controller fills it. An empty list or map may mean "none" or "all", and is no placeholder, but for the lists of a
/// ServiceAccount that clusters fill.
pub fn left_to_others(sent: &Value, live: &Value) -> Vec<(Path, String)> {
    compare(sent, live).1
}

/// What [`diff`] finds, without what is left to others, and that.
pub(crate) fn compare(sent: &Value, live: &Value) -> (Vec<Path>, Vec<(Path, String)>) {
    let Walk { out: mut paths, filled, .. } = Walk::over(sent, live);
    let by = |path: Path| field::blame(live, &path, label::FIELD_MANAGER).map(|(manager, _)| (path, manager));
    let left: Vec<(Path, String)> = filled.into_iter().filter_map(by).collect();
    paths.retain(|path| !left.iter().any(|(left, _)| left == path));
    (paths, left)
}

/// The same in words that are kept: the field and its manager.
pub fn left_words(left: &[(Path, String)]) -> Vec<String> {
    let mut words = left.iter().map(|(path, manager)| format!("{} ({manager})", path.words())).collect();
    bound(&mut words);
    words
}

/// Is there a placeholder in what is sent, so that it has to be looked whether another manager filled it?
pub fn has_placeholders(sent: &Value) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::Object(map) => {
                map.iter().any(|(name, value)| name != "creationTimestamp" && (is_placeholder(value) || within(value)))
            }
            // A list of texts has no places that somebody could fill.
            Value::Array(items) => items.iter().filter(|item| item.is_object()).any(within),
            _ => false,
        }
    }
    within(sent) || fillable_lists(sent).any(|(_, list)| list.is_empty())
}

/// Base64 of a line feed, of one with a carriage return, of a space: what people write where a value is required.
const BLANK: [&str; 4] = ["Cg==", "DQo=", "IA==", "Cgo="];

fn is_placeholder(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty() || BLANK.contains(&text.as_str()),
        _ => false,
    }
}

/// The lists of a ServiceAccount, which token controllers and platforms fill.
const FILLABLE_LISTS: [&str; 2] = ["imagePullSecrets", "secrets"];

fn fillable_lists(sent: &Value) -> impl Iterator<Item = (&'static str, &Vec<Value>)> {
    let is_account = sent.get("kind").is_some_and(|kind| kind == "ServiceAccount");
    let fields = FILLABLE_LISTS.into_iter().filter(move |_| is_account);
    fields.filter_map(|field| Some((field, sent.get(field)?.as_array()?)))
}

/// The fields of what was sent that the live object has as sent and that our manager does not own any more, with who took
/// them; when there are none, the fields that were added under our manager's name.
/// With `scaled`, replicas are an autoscaler's.
pub fn taken_over(sent: &Value, live: &Value, scaled: bool) -> Vec<ChangedField> {
    let owned = field::applied_by(live, label::FIELD_MANAGER);
    let (mut found, replicas) = (Vec::new(), replicas());
    find_lost(sent, live, &owned, &Path::default(), &mut found);
    found.retain(|path| !(scaled && *path == replicas));
    if found.is_empty() {
        find_added(&owned, sent, live, &Path::default(), &mut found);
    }
    found.into_iter().take(DriftRecord::FIELDS_MAX).map(|path| changed_field(live, &path)).collect()
}

/// Lists are looked at as a whole: something of them is ours, or nothing.
fn find_lost(sent: &Value, live: &Value, owned: &Tree, path: &Path, out: &mut Vec<Path>) {
    let is_identity = matches!(&path.0[..], [Element::Field(first), Element::Field(second)]
        if first == "metadata" && matches!(second.as_str(), "name" | "namespace"));
    if is_identity || (is_servers(path) && !is_mark(path)) {
        return;
    }
    match (sent, live) {
        (Value::Object(sent), Value::Object(live)) => {
            for (name, value) in sent {
                if let Some(theirs) = live.get(name) {
                    find_lost(value, theirs, owned, &path.then(Element::Field(name.clone())), out);
                }
            }
        }
        (sent, _) if says_nothing(sent) || is_placeholder(sent) => {}
        _ if owned.owns(&path.0) => {}
        _ => out.push(path.clone()),
    }
}

/// Fields by name only: an item of a list has keys that servers may have added.
fn find_added(owned: &Tree, sent: &Value, live: &Value, path: &Path, out: &mut Vec<Path>) {
    for element in owned.elements() {
        let Element::Field(name) = element else { continue };
        let at = path.then(element.clone());
        match (sent.get(name), live.get(name), owned.child(element)) {
            (None, Some(_), _) => out.push(at),
            (Some(sent), Some(live), Some(below)) => find_added(below, sent, live, &at, out),
            _ => {}
        }
    }
}

fn is_mark(path: &Path) -> bool {
    matches!(&path.0[..], [Element::Field(first), Element::Field(second), Element::Field(third)]
        if first == "metadata" && second == "annotations" && third == label::APPLIED)
}

/// The fields that our manager owns in the live object and that are not sent any more: the next apply takes them out.
pub fn left_over(sent: &Value, live: &Value) -> Vec<Path> {
    let owned = field::applied_by(live, label::FIELD_MANAGER).project(live);
    let mut walk = Walk::new(live);
    walk.compare(&owned, sent, true);
    walk.out.into_iter().filter(|path| path.find(sent).is_none()).collect()
}

/// Fields that no manifest decides: the server sets them, we do, or they say what the object is.
fn is_servers(path: &Path) -> bool {
    let [Element::Field(first), rest @ ..] = &path.0[..] else { return false };
    match rest {
        [] => matches!(first.as_str(), "apiVersion" | "kind" | "status"),
        [Element::Field(second)] if first == "metadata" => matches!(
            second.as_str(),
            "creationTimestamp" | "managedFields" | "resourceVersion" | "uid" | "generation" | "selfLink"
        ),
        _ => is_mark(path),
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

/// What Go's structs leave out.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// A walk over what was sent and what is there.
struct Walk<'a> {
    /// The live object.
    object: &'a Value,
    /// Which of its lists have keys, once it had to be known.
    shape: Option<Tree>,
    /// What our manager owns, once it had to be known.
    owned: Option<Tree>,
    /// Where it is.
    path: Path,
    out: Vec<Path>,
    /// Placeholders that have a value in the live object.
    filled: Vec<Path>,
}

impl<'a> Walk<'a> {
    fn new(object: &'a Value) -> Self {
        Self { object, shape: None, owned: None, path: Path::default(), out: Vec::new(), filled: Vec::new() }
    }

    /// Walks over both.
    fn over(sent: &Value, live: &'a Value) -> Self {
        let mut walk = Self::new(live);
        walk.compare(sent, live, true);
        walk
    }

    /// Does our manager own the field at this place? Then what the server has there is how it writes what was sent. Before
    /// the first apply nothing is ours, and nobody has changed anything of ours.
    fn is_ours(&mut self) -> bool {
        let owned = self.owned.get_or_insert_with(|| field::applied_by(self.object, label::FIELD_MANAGER));
        owned.is_empty() || owned.owns(&self.path.0)
    }

    fn is_fillable_list(&self) -> bool {
        let is_account = || self.object.get("kind").is_some_and(|kind| kind == "ServiceAccount");
        matches!(&self.path.0[..], [Element::Field(name)] if FILLABLE_LISTS.contains(&name.as_str())) && is_account()
    }

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
                        None if is_zero(value) && walk.is_ours() => {}
                        None => walk.found(),
                    });
                }
            }
            (Value::Array(sent), Value::Array(live)) => {
                if sent.is_empty() && !live.is_empty() && self.is_fillable_list() {
                    self.filled.push(self.path.clone());
                }
                self.compare_lists(sent, live, is_shaped);
            }
            (sent, live) if is_shaped && is_placeholder(sent) && !is_placeholder(live) => {
                self.filled.push(self.path.clone());
                if !says_nothing(sent) {
                    self.found();
                }
            }
            (sent, live) if same_scalar(sent, live, &self.path) => {}
            (sent, live) if same_quantity(sent, live) && self.is_ours() => {}
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
    path.0.iter().any(|e| matches!(e, Element::Field(name) if QUANTITIES.contains(&name.as_str())))
        && same_quantity(sent, live)
}

/// Are both Quantities, of the same amount?
fn same_quantity(sent: &Value, live: &Value) -> bool {
    let parse = |value: &Value| match value {
        Value::String(text) => text.parse::<Quantity>().ok(),
        Value::Number(number) => number.to_string().parse::<Quantity>().ok(),
        _ => None,
    };
    matches!((parse(sent), parse(live)), (Some(a), Some(b)) if a == b)
}

/// The fields of what was sent that the live object has otherwise, with who set them and when. Fields in `known` (paths
/// that admission changed when we applied) are no drift, nor are an autoscaler's replicas, nor what is left to others.
pub fn changed(sent: &Value, live: &Value, known: &[String], scaled: bool) -> Vec<ChangedField> {
    let replicas = replicas();
    compare(sent, live)
        .0
        .into_iter()
        .filter(|p| !(known.contains(&p.words()) || scaled && *p == replicas))
        .take(DriftRecord::FIELDS_MAX)
        .map(|path| changed_field(live, &path))
        .collect()
}

/// A field, with who set it and when.
fn changed_field(live: &Value, path: &Path) -> ChangedField {
    let blamed = field::blame(live, path, label::FIELD_MANAGER);
    let (manager, time) = blamed.map_or((None, None), |(manager, time)| (Some(manager), time));
    ChangedField { path: path.words(), manager, time }
}

/// What is named where every field is as it was sent, and which of them was taken cannot be told.
const OWNERSHIP: &str = "the ownership of its fields";

/// What happened to an object, to be reported. `fields` is what [`changed`] found, or else [`taken_over`]; `None` when the
/// object is gone.
pub fn record(key: &ObjectKey, fields: Option<Vec<ChangedField>>, now: Timestamp) -> DriftRecord {
    let deleted = fields.is_none();
    let mut fields = fields.unwrap_or_default();
    if fields.is_empty() && !deleted {
        fields.push(ChangedField { path: OWNERSHIP.to_owned(), manager: None, time: None });
    }
    let object = words::bounded(&key.to_string(), ObjectKey::CHARS_MAX);
    DriftRecord { object, deleted, fields, seen: now, reverted: false }
}

/// The paths that the server accepted otherwise than sent: an admission webhook or a mutating policy changed them.
/// They are reported and left alone.
pub fn changed_by_admission(sent: &Value, answer: &Value, scaled: bool) -> Vec<String> {
    let replicas = replicas();
    let paths = compare(sent, answer).0.into_iter().filter(|path| !(scaled && *path == replicas));
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

/// Kinds whose pods follow `spec.template`.
const WITH_PODS: [(&str, &str); 5] = [
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("apps", "ReplicaSet"),
    ("", "ReplicationController"),
];

/// Of the paths that [`diff`] found between an object and one that is there already: those by which applying it starts,
/// stops or restarts pods.
pub fn restarts(key: &ObjectKey, paths: &[Path], scaled: bool) -> Vec<String> {
    if !WITH_PODS.contains(&(key.group.as_str(), key.kind.as_str())) {
        return Vec::new();
    }
    let (replicas, template) = (replicas(), Path::of_fields(&["spec", "template"]));
    let is_felt = |path: &&Path| path.0.starts_with(&template.0) || (**path == replicas && !scaled);
    paths.iter().filter(is_felt).map(Path::words).collect()
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
