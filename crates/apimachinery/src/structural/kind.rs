//! What a CustomResourceDefinition says, once it has been checked.

use std::sync::Arc;

use model::{FieldPath, GroupVersionKind};
use serde_json::{Value, json};

use kinds::schema::Schema;

/// A custom kind: one CustomResourceDefinition.
#[derive(Clone, Debug)]
pub struct CustomKind {
    /// API group; never empty.
    pub group: String,
    /// What it is called, with the defaults filled in.
    pub names: Names,
    /// Are its objects in namespaces?
    pub namespaced: bool,
    /// Its versions, in the order of the CRD. Exactly one is the storage version.
    pub versions: Vec<CustomVersion>,
    /// How an object gets from one version to another.
    pub conversion: ConversionStrategy,
}

impl CustomKind {
    /// A version by name.
    pub fn version(&self, name: &str) -> Option<&CustomVersion> {
        self.versions.iter().find(|v| v.name == name)
    }

    /// The version that objects are stored in.
    pub fn storage_version(&self) -> Option<&CustomVersion> {
        self.versions.iter().find(|v| v.storage)
    }

    /// Group, version and kind of one version.
    pub fn gvk(&self, version: &CustomVersion) -> GroupVersionKind {
        GroupVersionKind::new(self.group.clone(), version.name.clone(), self.names.kind.clone())
    }
}

/// The names of a custom kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// In paths.
    pub plural: String,
    /// On the command line.
    pub singular: String,
    /// Kind of one object.
    pub kind: String,
    /// Kind of a list of objects.
    pub list_kind: String,
    /// Aliases on the command line.
    pub short_names: Vec<String>,
    /// Groups of kinds on the command line, such as `all`.
    pub categories: Vec<String>,
}

impl Names {
    /// The object that `status.acceptedNames` holds.
    pub fn to_value(&self) -> Value {
        let mut out = json!({
            "plural": self.plural, "singular": self.singular, "kind": self.kind, "listKind": self.list_kind,
        });
        if !self.short_names.is_empty() {
            out["shortNames"] = json!(self.short_names);
        }
        if !self.categories.is_empty() {
            out["categories"] = json!(self.categories);
        }
        out
    }
}

/// `spec.conversion.strategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConversionStrategy {
    /// Only `apiVersion` changes.
    #[default]
    None,
    /// A webhook converts.
    Webhook,
}

/// One version of a custom kind.
#[derive(Clone, Debug)]
pub struct CustomVersion {
    /// Such as `v1alpha1`.
    pub name: String,
    /// Does the API serve it?
    pub served: bool,
    /// Are objects stored in it?
    pub storage: bool,
    /// The warning that requests to a deprecated version get.
    pub deprecation: Option<String>,
    /// The type, `apiVersion`, `kind` and `metadata` included.
    pub schema: Arc<Schema>,
    /// Does it have the `status` subresource?
    pub status: bool,
    /// The `scale` subresource.
    pub scale: Option<ScaleFields>,
    /// Columns of `kubectl get` besides the name. Empty means the age alone.
    pub columns: Vec<Column>,
    /// Fields that a field selector may name, besides `metadata.name` and `metadata.namespace`: `spec.color`.
    pub selectable: Vec<String>,
    /// Where the schema has `x-kubernetes-validations`, which are not evaluated here.
    pub cel_rules: Vec<FieldPath>,
}

/// Where the `scale` subresource reads and writes, each as field names from the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScaleFields {
    /// Replicas wanted, below `spec`.
    pub spec_replicas: Vec<String>,
    /// Replicas there are, below `status`.
    pub status_replicas: Vec<String>,
    /// Label selector as text, below `spec` or `status`.
    pub label_selector: Option<Vec<String>>,
}

/// One entry of `additionalPrinterColumns`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub name: String,
    /// `integer`, `number`, `string`, `boolean` or `date`.
    pub ty: String,
    /// Display hint.
    pub format: String,
    /// Documentation.
    pub description: String,
    /// Columns above 0 are shown in wide output only.
    pub priority: i64,
    /// Where the value is.
    pub json_path: String,
}
