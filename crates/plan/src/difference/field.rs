//! Which fields differ.

use api::delivery::label;
use api::view::FieldDifference;
use model::words;
use serde_json::{Map, Value, json};

use super::hidden::Hider;
use crate::drift;
use crate::field::{self, Element, Path};

/// Most fields that are named of one object: an edit touches a few, and a replaced object is seen as one.
pub const FIELDS_MAX: usize = 50;

/// Most characters of a value that are shown: some lines of a terminal.
pub const VALUE_MAX: usize = 300;

/// Fields by which the items of a list are told apart, as Kubernetes' own lists have them. The first that all items have, each
/// with a value of its own, is taken.
const KEYS: [&str; 5] = ["name", "containerPort", "port", "mountPath", "key"];

/// The fields that differ between two objects as they are sent, in the order of their names.
pub fn between(old: &Value, new: &Value, hider: &Hider<'_>) -> Vec<FieldDifference> {
    let (old, new) = (hider.hide(old), hider.hide(new));
    let mut walk = Walk { path: Path::default(), out: Vec::new() };
    walk.compare(Some(&old), Some(&new));
    walk.out
}

/// The fields of a live object that differ from what is sent, and those that we own there and do not send. `known`: paths that
/// the member's admission is known to change. `scaled`: an autoscaler has the replicas.
pub fn live(sent: &Value, live: &Value, known: &[String], scaled: bool, hider: &Hider<'_>) -> Vec<FieldDifference> {
    let (shown_sent, shown_live) = (hider.hide(sent), hider.hide(live));
    let replicas = drift::replicas();
    let one = |path: Path| FieldDifference {
        path: path.words(),
        from: path.find(&shown_live).map(text),
        to: path.find(&shown_sent).map(text),
        by: field::blame(live, &path, label::FIELD_MANAGER).map(|(manager, _)| manager),
    };
    let differs = drift::diff(sent, live).into_iter();
    let differs = differs.filter(|path| !(known.contains(&path.words()) || scaled && *path == replicas));
    differs.chain(drift::left_over(sent, live)).map(one).collect()
}

/// A value in one line.
fn text(value: &Value) -> String {
    words::bounded(&value.to_string(), VALUE_MAX)
}

struct Walk {
    path: Path,
    out: Vec<FieldDifference>,
}

impl Walk {
    fn below(&mut self, element: Element, old: Option<&Value>, new: Option<&Value>) {
        self.path.0.push(element);
        self.compare(old, new);
        self.path.0.pop();
    }

    fn compare(&mut self, old: Option<&Value>, new: Option<&Value>) {
        if old == new || self.is_mark() {
            return;
        }
        match (old, new) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => self.compare_fields(old, new),
            (Some(Value::Array(before)), Some(Value::Array(after))) => self.compare_lists(before, after),
            _ => self.out.push(FieldDifference {
                path: self.path.words(),
                from: old.map(text),
                to: new.map(text),
                by: None,
            }),
        }
    }

    /// Our own note of what was sent differs whenever anything does.
    fn is_mark(&self) -> bool {
        matches!(self.path.0.last(), Some(Element::Field(name)) if name == label::APPLIED)
    }

    fn compare_fields(&mut self, old: &Map<String, Value>, new: &Map<String, Value>) {
        let added = new.keys().filter(|name| !old.contains_key(*name));
        let mut names: Vec<&String> = old.keys().chain(added).collect();
        names.sort();
        for name in names {
            self.below(Element::Field(name.clone()), old.get(name), new.get(name));
        }
    }

    fn compare_lists(&mut self, old: &[Value], new: &[Value]) {
        let key = KEYS.into_iter().find(|key| is_key(key, old) && is_key(key, new));
        if let Some(key) = key {
            let find = |list: &'_ [Value], value: &Value| list.iter().position(|item| item.get(key) == Some(value));
            for item in old {
                let value = &item[key];
                let after = find(new, value).map(|index| &new[index]);
                self.below(Element::Key(json!({key: value}).to_string()), Some(item), after);
            }
            for item in new.iter().filter(|item| find(old, &item[key]).is_none()) {
                self.below(Element::Key(json!({key: item[key]}).to_string()), None, Some(item));
            }
            // The same items in another order.
            if self.is_only_order(old, new) {
                self.whole(old, new);
            }
        } else if old.len() == new.len() && old.iter().chain(new).all(Value::is_object) {
            for (index, (before, after)) in old.iter().zip(new).enumerate() {
                self.below(Element::Index(index), Some(before), Some(after));
            }
        } else {
            self.whole(old, new);
        }
    }

    fn is_only_order(&self, old: &[Value], new: &[Value]) -> bool {
        old != new && old.len() == new.len() && old.iter().all(|item| new.contains(item))
    }

    fn whole(&mut self, old: &[Value], new: &[Value]) {
        let shown = |list: &[Value]| Some(text(&Value::Array(list.to_vec())));
        self.out.push(FieldDifference { path: self.path.words(), from: shown(old), to: shown(new), by: None });
    }
}

/// Has each item of a list a value of its own in this field?
fn is_key(key: &str, list: &[Value]) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    list.iter().all(|item| item.get(key).is_some_and(|value| !value.is_object() && seen.insert(value.to_string())))
}
