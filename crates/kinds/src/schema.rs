//! The description of a type that pruning, defaulting, validation, patches, server-side apply and OpenAPI share.
//!
//! Sources: structural schemas of CRDs (`apiextensions-apiserver/pkg/apiserver/schema`), and the generated table of
//! built-in types, whose Go markers (`+listType`, `+patchMergeKey`, …) say the same things.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

/// What a node of a schema is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Type {
    /// Any JSON value (`x-kubernetes-preserve-unknown-fields` without a type).
    #[default]
    Any,
    /// An object: with `fields`, or a map with `values`.
    Object,
    /// A list of `items`.
    Array,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// `x-kubernetes-int-or-string`.
    IntOrString,
}

/// How a list merges under server-side apply (`x-kubernetes-list-type`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListType {
    /// One owner for the whole list.
    #[default]
    Atomic,
    /// Scalars, each owned on its own.
    Set,
    /// Objects, each identified by the values of these fields.
    Map(Vec<String>),
}

/// How an object merges under server-side apply (`x-kubernetes-map-type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapType {
    /// Each field has an owner.
    #[default]
    Granular,
    /// One owner for the whole object.
    Atomic,
}

/// How a list or object merges under a strategic merge patch (`x-kubernetes-patch-strategy`, `-merge-key`). Only
/// built-in kinds have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatchStrategy {
    /// Merge instead of replace.
    pub merge: bool,
    /// Drop fields of the live object that the patch does not name (`retainKeys`).
    pub retain_keys: bool,
    /// The field that identifies items of a merged list.
    pub merge_key: Option<String>,
}

/// The value rules of OpenAPI that structural schemas may use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Fields that must be there.
    pub required: Vec<String>,
    /// The only values allowed; empty means any.
    pub enumeration: Vec<Value>,
    /// `format`: `int32`, `date-time`, `byte`, ….
    pub format: Option<String>,
    /// Regular expression (unanchored).
    pub pattern: Option<String>,
    /// Bounds of numbers.
    pub minimum: Option<f64>,
    /// Bounds of numbers.
    pub maximum: Option<f64>,
    /// The minimum itself is not allowed.
    pub exclusive_minimum: bool,
    /// The maximum itself is not allowed.
    pub exclusive_maximum: bool,
    /// The number must be a multiple of this.
    pub multiple_of: Option<f64>,
    /// Bounds of text, in characters.
    pub min_length: Option<u64>,
    /// Bounds of text, in characters.
    pub max_length: Option<u64>,
    /// Bounds of lists.
    pub min_items: Option<u64>,
    /// Bounds of lists.
    pub max_items: Option<u64>,
    /// No two items are equal.
    pub unique_items: bool,
    /// Bounds of maps.
    pub min_properties: Option<u64>,
    /// Bounds of maps.
    pub max_properties: Option<u64>,
    /// All of these must accept the value.
    pub all_of: Vec<Arc<Schema>>,
    /// One or more of these must accept the value.
    pub any_of: Vec<Arc<Schema>>,
    /// Exactly one of these must accept the value.
    pub one_of: Vec<Arc<Schema>>,
    /// This must not accept the value.
    pub not: Option<Arc<Schema>>,
}

/// One node of a schema. Children are shared and may redirect to a named built-in type, so recursive types need no
/// infinite tree: read them only through [`Schema::field`], [`Schema::items`], [`Schema::values`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema {
    /// A built-in type that this node stands for: its index in the generated table. The other fields of this node that
    /// describe structure are then empty; `default`, `list`, `map`, `patch` and `description` may still be set and win,
    /// because in Go they sit on the field and not on the type.
    pub named: Option<u16>,
    /// What it is.
    pub ty: Type,
    /// Documentation.
    pub description: Option<Arc<str>>,
    /// Known fields of an object.
    pub fields: BTreeMap<String, Arc<Schema>>,
    /// Items of a list.
    pub item: Option<Arc<Schema>>,
    /// Values of a map.
    pub value: Option<Arc<Schema>>,
    /// Filled in when the field is missing.
    pub default: Option<Value>,
    /// `null` is a value here and is kept.
    pub nullable: bool,
    /// Fields that are not known are kept.
    pub preserve_unknown: bool,
    /// The value is a whole Kubernetes object with `apiVersion`, `kind` and `metadata`.
    pub embedded: bool,
    /// Server-side apply: lists.
    pub list: ListType,
    /// Server-side apply: objects and maps.
    pub map: MapType,
    /// Strategic merge patch.
    pub patch: Option<PatchStrategy>,
    /// Value rules; `None` when there are none.
    pub rules: Option<Box<Rules>>,
}

impl Schema {
    /// This node, or the built-in type it stands for: read structure (`ty`, `fields`, `item`, `value`) from the result,
    /// and `default`, `list`, `map`, `patch` from `self` first.
    pub fn resolve(&self) -> &Schema {
        match self.named {
            Some(index) => crate::builtin_type::schema_at(index),
            None => self,
        }
    }

    /// The schema of a known field, or of any value of a map.
    pub fn field(&self, name: &str) -> Option<&Schema> {
        let node = self.resolve();
        node.fields.get(name).or(node.value.as_ref()).map(Arc::as_ref)
    }

    /// The schema of a list's items.
    pub fn items(&self) -> Option<&Schema> {
        self.resolve().item.as_deref()
    }

    /// The schema of a map's values (`additionalProperties`).
    pub fn values(&self) -> Option<&Schema> {
        self.resolve().value.as_deref()
    }

    /// What it is, after redirection.
    pub fn kind(&self) -> Type {
        self.resolve().ty
    }
}
