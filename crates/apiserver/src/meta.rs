//! What the index remembers of each object, so that lists, watches and admission seldom read values.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use model::LabelSelector;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::key;

/// Most strings kept once for all objects (label keys, namespaces, API versions). A fleet uses some hundreds; beyond
/// the limit strings are simply not shared.
const INTERNED_MAX: usize = 16 * 1024;
/// Longer strings are not worth sharing.
const INTERNED_LENGTH_MAX: usize = 128;

/// One owner reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// `apiVersion`.
    pub api_version: Arc<str>,
    /// `kind`.
    pub kind: Arc<str>,
    /// `name`.
    pub name: Box<str>,
    /// `uid`.
    pub uid: Box<str>,
    /// Is it the managing controller?
    pub controller: bool,
    /// Does it wait for this object under foreground deletion?
    pub blocks: bool,
}

/// The store's projection of one object.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// `metadata.namespace`, empty for cluster-scoped objects.
    pub namespace: Arc<str>,
    /// `metadata.name`.
    pub name: Box<str>,
    /// `metadata.uid`.
    pub uid: Box<str>,
    /// `metadata.labels`, ordered by key.
    pub labels: Box<[(Arc<str>, Arc<str>)]>,
    /// `metadata.ownerReferences`.
    pub owners: Box<[Owner]>,
    /// Fields that selectors may name besides name and namespace; only built-in kinds have them here.
    pub fields: Box<[(Arc<str>, Arc<str>)]>,
    /// `metadata.finalizers`.
    pub finalizers: Box<[Arc<str>]>,
    /// Is `metadata.deletionTimestamp` set?
    pub deleting: bool,
    /// Offset in the value where `"resourceVersion":"…",` belongs.
    pub splice: u32,
}

impl Meta {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        let index = self.labels.binary_search_by(|(key, _)| (**key).cmp(name)).ok()?;
        Some(&self.labels[index].1)
    }

    /// Does the selector select this object?
    pub fn matches(&self, selector: &LabelSelector) -> bool {
        selector.is_everything() || selector.matches_with(|key| self.label(key))
    }

    /// A selectable field that is indexed; `None` for one that is not.
    pub fn field(&self, path: &str) -> Option<&str> {
        match path {
            "metadata.name" => Some(&self.name),
            "metadata.namespace" => Some(&self.namespace),
            _ => self.fields.iter().find(|(key, _)| **key == *path).map(|(_, value)| &**value),
        }
    }
}

/// Projects stored objects: the value must be a JSON object with `metadata`.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonProjection;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawOwner<'a> {
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(default)]
    controller: Option<bool>,
    #[serde(default)]
    block_owner_deletion: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMeta<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default, borrow)]
    namespace: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    uid: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    labels: Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
    #[serde(default, borrow)]
    owner_references: Option<Vec<RawOwner<'a>>>,
    #[serde(default, borrow)]
    finalizers: Option<Vec<Cow<'a, str>>>,
    #[serde(default, borrow)]
    deletion_timestamp: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

impl store::Projection for JsonProjection {
    type Meta = Meta;

    fn project(&self, key: &[u8], value: &[u8]) -> Result<Meta, String> {
        let text = std::str::from_utf8(value).map_err(|e| e.to_string())?;
        let head: Head<'_> = serde_json::from_str(text).map_err(|e| format!("not an object with metadata: {e}"))?;
        let raw: RawMeta<'_> = serde_json::from_str(head.metadata.get()).map_err(|e| format!("metadata: {e}"))?;
        let metadata = head.metadata.get();
        let start = metadata.as_ptr() as usize - text.as_ptr() as usize;
        // Canonical JSON is sorted and nothing of `metadata` sorts after `uid`; its value holds no quotes, so the last
        // occurrence is the field itself.
        let inside = metadata.rfind("\"uid\":\"").unwrap_or(1);
        let splice = u32::try_from(start + inside).map_err(|_| "longer than 4 GiB".to_owned())?;
        let labels = raw.labels.unwrap_or_default();
        let owner = |o: RawOwner<'_>| Owner {
            api_version: intern(&o.api_version),
            kind: intern(&o.kind),
            name: o.name.into(),
            uid: o.uid.into(),
            controller: o.controller.unwrap_or(false),
            blocks: o.block_owner_deletion.unwrap_or(false),
        };
        Ok(Meta {
            namespace: intern(raw.namespace.as_deref().unwrap_or_default()),
            name: raw.name.into(),
            uid: raw.uid.unwrap_or_default().into(),
            labels: labels.iter().map(|(k, v)| (intern(k), intern(v))).collect(),
            owners: raw.owner_references.unwrap_or_default().into_iter().map(owner).collect(),
            fields: fields(key, text),
            finalizers: raw.finalizers.unwrap_or_default().iter().map(|f| intern(f)).collect(),
            deleting: raw.deletion_timestamp.is_some(),
            splice,
        })
    }
}

/// Indexed fields of built-in kinds.
fn fields(key: &[u8], text: &str) -> Box<[(Arc<str>, Arc<str>)]> {
    let Some((group, resource, ..)) = key::split(key) else { return Box::default() };
    let paths = indexed(group, resource);
    if paths.is_empty() {
        return Box::default();
    }
    paths.iter().filter_map(|path| Some((path.clone(), intern(&indexed_value(resource, path, text)?)))).collect()
}

/// The value of a selectable field. `source` of an Event is the name of its component, or of who reports it
/// (`pkg/registry/core/event/strategy.go`, ToSelectableFields).
fn indexed_value<'a>(resource: &str, path: &str, text: &'a str) -> Option<Cow<'a, str>> {
    if resource == "events" && path == "source" {
        let component = scalar(text, "source.component").filter(|component| !component.is_empty());
        return component.or_else(|| scalar(text, "reportingComponent"));
    }
    scalar(text, path)
}

/// Fields to index of a kind, from the table of built-in kinds; looked up once per process.
fn indexed(group: &str, resource: &str) -> &'static [Arc<str>] {
    type Table = BTreeMap<&'static str, BTreeMap<&'static str, Vec<Arc<str>>>>;
    static TABLE: OnceLock<Table> = OnceLock::new();
    let build = || {
        let mut table = Table::new();
        for kind in kinds::all().iter().filter(|k| !k.selectable.is_empty()) {
            let paths = || kind.selectable.iter().map(|p| intern(p)).collect();
            table.entry(kind.group).or_default().entry(kind.plural).or_insert_with(paths);
        }
        table
    };
    TABLE.get_or_init(build).get(group).and_then(|kinds| kinds.get(resource)).map_or(&[], Vec::as_slice)
}

/// Reads one scalar of a JSON document as text without building the document.
pub(crate) fn scalar<'a>(text: &'a str, path: &str) -> Option<Cow<'a, str>> {
    let (field, rest) = path.split_once('.').map_or((path, None), |(field, rest)| (field, Some(rest)));
    let map: BTreeMap<Cow<'a, str>, &'a RawValue> = serde_json::from_str(text).ok()?;
    let value = map.get(field)?.get();
    match rest {
        Some(rest) => scalar(value, rest),
        None if value.starts_with('"') => serde_json::from_str(value).ok(),
        None if value == "null" => None,
        None => Some(Cow::Borrowed(value)),
    }
}

/// Shares equal strings.
fn intern(text: &str) -> Arc<str> {
    static STRINGS: OnceLock<Mutex<HashSet<Arc<str>>>> = OnceLock::new();
    if text.len() > INTERNED_LENGTH_MAX {
        return text.into();
    }
    let mut strings = STRINGS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = strings.get(text) {
        return known.clone();
    }
    let new: Arc<str> = text.into();
    if strings.len() < INTERNED_MAX {
        strings.insert(new.clone());
    }
    new
}
