//! How a built-in kind is served: names, scope, verbs, subresources.

use model::GroupVersionKind;

use crate::schema::Schema;
use crate::{builtin_type, table};

/// A built-in kind as the API serves it. Facts of `kubectl api-resources` and of upstream's registry (`pkg/registry`).
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// API group; empty for core.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Resource name in URLs.
    pub plural: &'static str,
    /// Singular resource name.
    pub singular: &'static str,
    /// Abbreviations.
    pub short_names: &'static [&'static str],
    /// Groups of resources such as `all`.
    pub categories: &'static [&'static str],
    /// Lives in a namespace.
    pub namespaced: bool,
    /// Has a `status` subresource: a write to the main resource leaves status alone and the other way round.
    pub status: bool,
    /// Has a `scale` subresource.
    pub scale: Option<ScalePaths>,
    /// Verbs of the main resource, sorted.
    pub verbs: &'static [&'static str],
    /// Subresources with a behaviour of their own, besides `status` and `scale`.
    pub subresources: &'static [Subresource],
    /// Field selectors besides `metadata.name` and `metadata.namespace`.
    pub selectable: &'static [&'static str],
    /// `metadata.generation` starts at 1 and counts changes of anything but metadata and status. (Other kinds have
    /// none, or are bumped by rules of their own.)
    pub generation: bool,
}

/// Where a `scale` subresource reads and writes, as dotted paths (`spec.replicas`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    /// The wanted number.
    pub spec: &'static str,
    /// The observed number.
    pub status: &'static str,
    /// The selector: an object (a label selector or a plain map) for built-in kinds.
    pub selector: &'static str,
}

/// A subresource besides `status` and `scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// Segment after the object's name.
    pub name: &'static str,
    /// Group of what it takes and returns; empty with an empty `version` for the parent's own.
    pub group: &'static str,
    /// Version of what it takes and returns.
    pub version: &'static str,
    /// Kind of what it takes and returns.
    pub kind: &'static str,
    /// Verbs, sorted.
    pub verbs: &'static [&'static str],
}

impl Kind {
    /// Describes its objects.
    pub fn schema(&self) -> &'static Schema {
        // A test holds every kind to have a type; an unknown index describes anything.
        builtin_type::schema_at(self.type_index().unwrap_or(u16::MAX))
    }

    /// The index of its type in the table.
    pub fn type_index(&self) -> Option<u16> {
        table::find(builtin_type::package(self.group), self.version, self.kind)
    }

    /// `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind { group: self.group.into(), version: self.version.into(), kind: self.kind.into() }
    }
}
