//! Reading `metadata.managedFields`: who owns which field, and the part of an object that one manager owns.
//!
//! A read-only view of FieldsV1 (`structured-merge-diff/fieldpath/serialize.go`): `f:NAME` is a field, `k:{…}` a list
//! item by its keys, `v:…` an item of a set, `i:N` an item by position, `.` the thing itself. It needs no schema, since
//! the keys of lists are in the paths.

mod beyond;
mod part;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use api::delivery::ChangedField;
use model::{Digest, Timestamp, words};
use serde_json::{Map, Value};

/// One step of a path into an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    /// A field of an object.
    Field(String),
    /// A list item with these key fields, as canonical JSON.
    Key(String),
    /// An item of a list that is a set, as canonical JSON.
    Value(String),
    /// A list item by position.
    Index(usize),
}

impl Element {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "f" => Some(Self::Field(rest.to_owned())),
            "k" => Some(Self::Key(serde_json::from_str::<Value>(rest).ok()?.to_string())),
            "v" => Some(Self::Value(serde_json::from_str::<Value>(rest).ok()?.to_string())),
            "i" => rest.parse().ok().map(Self::Index),
            _ => None,
        }
    }

    /// The key fields of a `Key`.
    pub(crate) fn keys(&self) -> Option<Map<String, Value>> {
        match self {
            Self::Key(text) => serde_json::from_str(text).ok(),
            _ => None,
        }
    }
}

/// A path into an object. Prints as `spec.template.spec.containers[name="web"].image`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Element>);

impl Path {
    /// This path and one more step.
    #[must_use]
    pub fn then(&self, element: Element) -> Self {
        let mut steps = self.0.clone();
        steps.push(element);
        Self(steps)
    }

    /// As it prints, cut: names in it may be a member's.
    pub fn words(&self) -> String {
        let mut words = self.to_string();
        words::bound(&mut words, ChangedField::PATH_MAX);
        words
    }

    /// What is at this place of an object. A key of a list that a server defaults may be missing in the item.
    pub fn find<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        let mut at = object;
        for element in &self.0 {
            at = match element {
                Element::Field(name) => at.get(name)?,
                Element::Index(index) => at.get(*index)?,
                Element::Value(text) => at.as_array()?.iter().find(|item| item.to_string() == *text)?,
                Element::Key(_) => {
                    let keys = element.keys()?;
                    let is_it = |item: &&Value| {
                        item.is_object()
                            && keys.iter().all(|(name, value)| item.get(name).is_none_or(|own| own == value))
                    };
                    at.as_array()?.iter().find(is_it)?
                }
            };
        }
        Some(at)
    }

    /// A path of fields.
    pub fn of_fields(fields: &[&str]) -> Self {
        Self(fields.iter().map(|f| Element::Field((*f).to_owned())).collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, element) in self.0.iter().enumerate() {
            match element {
                Element::Field(name) if name.contains(['.', '/']) => write!(f, "[{name}]")?,
                Element::Field(name) if i == 0 => f.write_str(name)?,
                Element::Field(name) => write!(f, ".{name}")?,
                Element::Key(_) => {
                    let keys = element.keys().unwrap_or_default();
                    let pairs: Vec<String> = keys.iter().map(|(k, v)| format!("{k}={v}")).collect();
                    write!(f, "[{}]", pairs.join(","))?;
                }
                Element::Value(value) => write!(f, "[={value}]")?,
                Element::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A set of paths, as a tree. A node without children owns everything below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    itself: bool,
    children: BTreeMap<Element, Tree>,
}

impl Tree {
    /// Reads a FieldsV1 value. Steps of an unknown kind are left out.
    pub fn parse(fields: &Value) -> Self {
        let mut out = Self::default();
        if let Value::Object(map) = fields {
            for (text, below) in map {
                if text == "." {
                    out.itself = true;
                } else if let Some(element) = Element::parse(text) {
                    out.children.insert(element, Self::parse(below));
                }
            }
        }
        out
    }

    /// Has no path at all?
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    fn merge(&mut self, other: Self) {
        self.itself |= other.itself;
        for (element, tree) in other.children {
            self.children.entry(element).or_default().merge(tree);
        }
    }

    /// The tree below one step.
    pub(crate) fn child(&self, element: &Element) -> Option<&Self> {
        self.children.get(element)
    }

    /// The steps that lead on from here.
    pub(crate) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.keys()
    }

    /// Does the tree own this path, itself or by owning the whole of something above it?
    pub fn owns(&self, path: &[Element]) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut at = self;
        for element in path {
            match at.children.get(element) {
                Some(below) => at = below,
                None => return at.children.is_empty() && !at.itself,
            }
        }
        // At the path: either a leaf, or an owner of the thing itself, or of something inside it.
        true
    }

    /// Takes a path out. Used for fields that are somebody else's by agreement.
    pub fn without(mut self, path: &[Element]) -> Self {
        self.remove(path);
        self
    }

    fn remove(&mut self, path: &[Element]) {
        match path {
            [] => {}
            [last] => {
                self.children.remove(last);
            }
            [first, rest @ ..] => {
                if let Some(below) = self.children.get_mut(first) {
                    below.remove(rest);
                    if below.children.is_empty() && !below.itself {
                        self.children.remove(first);
                    }
                }
            }
        }
    }

    /// The part of a value that the tree names. List items come in order of their keys, so that somebody else's
    /// reordering changes nothing. A field that is named and absent is null: a server leaves out zeros, and somebody who sets
    /// another value takes the name away.
    pub fn project(&self, value: &Value) -> Value {
        if self.children.is_empty() {
            return match value {
                Value::Object(_) if self.itself => Value::Object(Map::new()),
                Value::Array(_) if self.itself => Value::Array(Vec::new()),
                whole => whole.clone(),
            };
        }
        match value {
            Value::Object(map) => {
                let mut out = Map::new();
                for (element, below) in &self.children {
                    if let Element::Field(name) = element {
                        let inner = map.get(name).unwrap_or(&Value::Null);
                        out.insert(name.clone(), below.project(inner));
                    }
                }
                Value::Object(out)
            }
            Value::Array(items) => {
                let mut out = Vec::new();
                let mut items = Items::new(items);
                for (element, below) in &self.children {
                    if let Some(item) = items.find(element) {
                        out.push(below.project(item));
                    }
                }
                Value::Array(out)
            }
            scalar => scalar.clone(),
        }
    }
}

/// Takes a field out of what is sent. In a list with keys it is the item that has them, as far as it says.
pub(crate) fn take_out(sent: &mut Value, path: &Path) {
    let Some((last, above)) = path.0.split_last() else { return };
    let mut at = sent;
    for element in above {
        let below = match element {
            Element::Field(name) => at.get_mut(name),
            Element::Key(_) => element.keys().and_then(|keys| item_with_keys(at, &keys)),
            Element::Value(_) | Element::Index(_) => None,
        };
        match below {
            Some(below) => at = below,
            None => return,
        }
    }
    if let (Element::Field(name), Value::Object(map)) = (last, at) {
        map.remove(name);
    }
}

fn item_with_keys<'a>(list: &'a mut Value, keys: &Map<String, Value>) -> Option<&'a mut Value> {
    let has_keys = |item: &Value| keys.iter().all(|(name, value)| item.get(name).is_none_or(|own| own == value));
    list.as_array_mut()?.iter_mut().find(|item| has_keys(item))
}

/// Most sets of key fields by which the items of one list are found. A list has one set; where a server defaults a key, a
/// sent item may have fewer. For each set an index is made, so it bounds the work that a member can ask for.
const KEY_SETS_MAX: usize = 16;

/// The items of a list, found by the steps that name them, each lookup without a walk over all of them.
pub(crate) struct Items<'a> {
    items: &'a [Value],
    /// By their text, for lists that are sets.
    by_text: Option<HashMap<String, &'a Value>>,
    /// By their values of some fields, for each list of names of fields that was asked for.
    by_keys: HashMap<Vec<String>, ByKeys<'a>>,
}

/// Items by their values of some fields. The first one counts.
type ByKeys<'a> = HashMap<Vec<&'a Value>, &'a Value>;

impl<'a> Items<'a> {
    pub(crate) fn new(items: &'a [Value]) -> Self {
        Self { items, by_text: None, by_keys: HashMap::new() }
    }

    /// The item that a step names.
    fn find(&mut self, element: &Element) -> Option<&'a Value> {
        match element {
            Element::Index(index) => self.items.get(*index),
            Element::Value(text) => {
                let items = self.items.iter().rev();
                let by_text = self.by_text.get_or_insert_with(|| items.map(|item| (item.to_string(), item)).collect());
                by_text.get(text).copied()
            }
            Element::Key(_) => self.with_keys(&element.keys()?),
            Element::Field(_) => None,
        }
    }

    /// The first item that has these values in these fields. `None` also when it was asked for by too many sets of fields.
    pub(crate) fn with_keys(&mut self, keys: &Map<String, Value>) -> Option<&'a Value> {
        let names: Vec<String> = keys.keys().cloned().collect();
        if !self.by_keys.contains_key(&names) {
            if self.by_keys.len() >= KEY_SETS_MAX {
                return None;
            }
            let values = |item: &'a Value| names.iter().map(|name| item.get(name)).collect::<Option<Vec<&'a Value>>>();
            // In reverse, so that the first one stays.
            let by_keys = self.items.iter().rev().filter_map(|item| Some((values(item)?, item))).collect();
            self.by_keys.insert(names.clone(), by_keys);
        }
        let by_keys: &ByKeys<'_> = self.by_keys.get(&names)?;
        by_keys.get(&keys.values().collect::<Vec<&Value>>()).copied()
    }
}

/// One entry of `metadata.managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldOwner {
    /// Name of the manager.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// Subresource through which it wrote, empty for the object itself.
    pub subresource: String,
    /// When it last changed what it owns.
    pub time: Option<Timestamp>,
    /// What it owns.
    pub fields: Tree,
}

/// All entries of `metadata.managedFields`; malformed ones are left out. The names of managers are cut.
pub fn owners(object: &Value) -> Vec<FieldOwner> {
    let entries = model::object::get(object, &["metadata", "managedFields"]).and_then(Value::as_array);
    let read = |entry: &Value| {
        let text = |field: &str| {
            let text = entry.get(field).and_then(Value::as_str).unwrap_or_default();
            words::bounded(text, ChangedField::MANAGER_MAX)
        };
        Some(FieldOwner {
            manager: text("manager"),
            operation: text("operation"),
            subresource: text("subresource"),
            time: text("time").parse().ok(),
            fields: Tree::parse(entry.get("fieldsV1")?),
        })
    };
    entries.into_iter().flatten().filter_map(read).collect()
}

/// What a manager owns by server-side apply to the object itself.
pub fn applied_by(object: &Value, manager: &str) -> Tree {
    let mut out = Tree::default();
    let entries = model::object::get(object, &["metadata", "managedFields"]).and_then(Value::as_array);
    for entry in entries.into_iter().flatten().filter(|entry| is_applied(entry, manager)) {
        out.merge(entry.get("fieldsV1").map(Tree::parse).unwrap_or_default());
    }
    out
}

/// Is an entry of `metadata.managedFields` what the manager owns by server-side apply to the object itself?
fn is_applied(entry: &Value, manager: &str) -> bool {
    let is = |field: &str, text: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default() == text;
    is("manager", manager) && is("operation", "Apply") && is("subresource", "")
}

/// The FieldsV1 value of [`applied_by`], when it comes from one entry only, as it nearly always does.
fn applied_fields<'a>(object: &'a Value, manager: &str) -> Option<&'a Value> {
    let entries = model::object::get(object, &["metadata", "managedFields"]).and_then(Value::as_array)?;
    let mut ours = entries.iter().filter(|entry| is_applied(entry, manager)).filter_map(|entry| entry.get("fieldsV1"));
    ours.next().filter(|_| ours.next().is_none())
}

/// The digest of the part of an object that a manager owns, without a path of fields (empty for none): that of
/// `applied_by(…).without(…).project(…)`.
pub fn digest_applied(object: &Value, manager: &str, without: &[&str]) -> Digest {
    match applied_fields(object, manager) {
        Some(fields) => Digest::of_json(&part::Part { fields, value: object, without }),
        None => {
            let owned = applied_by(object, manager);
            let owned = if without.is_empty() { owned } else { owned.without(&Path::of_fields(without).0) };
            Digest::of_json(&owned.project(object))
        }
    }
}

/// Does a manager own a path of fields by server-side apply? As [`Tree::owns`] says.
pub fn applies(object: &Value, manager: &str, path: &[&str]) -> bool {
    let has_steps =
        |at: &Value| at.as_object().is_some_and(|map| map.keys().any(|step| Element::parse(step).is_some()));
    let Some(fields) = applied_fields(object, manager) else {
        return applied_by(object, manager).owns(&Path::of_fields(path).0);
    };
    if !has_steps(fields) {
        return false;
    }
    let mut at = fields;
    for name in path {
        match at.get(format!("f:{name}")) {
            Some(below) => at = below,
            None => return !has_steps(at) && at.get(".").is_none(),
        }
    }
    true
}

/// Does a manager own more by server-side apply than this value has? Fields are told apart by name, the items of a list by
/// their keys, where the value has them or servers are known to add them.
pub fn applies_beyond(object: &Value, manager: &str, value: &Value) -> bool {
    // Several entries may be ours after a change of versions: then it may be so.
    applied_fields(object, manager)
        .is_none_or(|fields| beyond::goes_beyond(fields, value, &beyond::Place::Object(object)))
}

/// Everything that anybody owns: it tells which lists have keys.
pub fn shape(object: &Value) -> Tree {
    let mut out = Tree::default();
    owners(object).into_iter().for_each(|owner| out.merge(owner.fields));
    out
}

/// Who last set a field, other than `except`, and when: the newest entry that owns it. `None` when nobody does, as
/// after a removal.
pub fn blame(object: &Value, path: &Path, except: &str) -> Option<(String, Option<Timestamp>)> {
    owners(object)
        .into_iter()
        .filter(|owner| owner.manager != except && owner.fields.owns(&path.0))
        .max_by(|a, b| a.time.cmp(&b.time).then_with(|| b.manager.cmp(&a.manager)))
        .map(|owner| (owner.manager, owner.time))
}

#[cfg(test)]
mod tests;
