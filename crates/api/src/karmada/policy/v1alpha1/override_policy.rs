//! OverridePolicy and ClusterOverridePolicy: how objects differ in members (karmada.md 1.2).

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ClusterAffinity, ResourceSelector};
use crate::delivery::crd::free_value;

/// How objects differ in members.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "policy.karmada.io", version = "v1alpha1", kind = "OverridePolicy", namespaced, derive = "PartialEq")]
#[serde(rename_all = "camelCase")]
pub struct OverrideSpec {
    /// The objects; absent: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_selectors: Vec<ResourceSelector>,
    /// Changes, in the order in which they are made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub override_rules: Vec<RuleWithCluster>,
    /// Deprecated by `overrideRules`: the members of `overriders`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_cluster: Option<ClusterAffinity>,
    /// Deprecated by `overrideRules`: changes.
    #[serde(default)]
    pub overriders: Overriders,
}

/// How objects of any namespace, or none, differ in members.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "policy.karmada.io", version = "v1alpha1", kind = "ClusterOverridePolicy", derive = "PartialEq")]
#[serde(transparent)]
pub struct ClusterOverrideSpec(pub OverrideSpec);

impl Deref for ClusterOverrideSpec {
    type Target = OverrideSpec;

    fn deref(&self) -> &OverrideSpec {
        &self.0
    }
}

impl DerefMut for ClusterOverrideSpec {
    fn deref_mut(&mut self) -> &mut OverrideSpec {
        &mut self.0
    }
}

/// Changes for some members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleWithCluster {
    /// The members; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_cluster: Option<ClusterAffinity>,
    /// The changes.
    pub overriders: Overriders,
}

/// Changes of an object, by what they change. They are made in Karmada's order: images, commands, arguments, labels, annotations,
/// texts with fields in them, then paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overriders {
    /// Changes of any field, by its path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plaintext: Vec<PlaintextOverrider>,
    /// Changes of parts of image references.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_overrider: Vec<ImageOverrider>,
    /// Changes of containers' commands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command_overrider: Vec<CommandArgsOverrider>,
    /// Changes of containers' arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args_overrider: Vec<CommandArgsOverrider>,
    /// Changes of labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels_overrider: Vec<LabelAnnotationOverrider>,
    /// Changes of annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations_overrider: Vec<LabelAnnotationOverrider>,
    /// Changes inside fields that hold JSON or YAML as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub field_overrider: Vec<FieldOverrider>,
}

/// What is done with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OverriderOperator {
    /// It is put there.
    Add,
    /// It is taken away.
    Remove,
    /// It takes the place of what is there.
    Replace,
}

impl OverriderOperator {
    /// The word that manifests have.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
        }
    }
}

/// A change of any field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlaintextOverrider {
    /// The field, as a JSON pointer.
    pub path: String,
    /// What is done there.
    pub operator: OverriderOperator,
    /// The value; none for `remove`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_value")]
    pub value: Option<Value>,
}

/// A change of a part of image references.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageOverrider {
    /// Where the reference is; absent: in every container of a workload that Kubernetes has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicate: Option<ImagePredicate>,
    /// The part.
    pub component: ImageComponent,
    /// What is done with it.
    pub operator: OverriderOperator,
    /// The value; not read for `remove`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
}

/// Where an image reference is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImagePredicate {
    /// The field, as a JSON pointer.
    pub path: String,
}

/// A part of an image reference: `[registry/]repository[:tag or @digest]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum ImageComponent {
    /// The host, with its port.
    Registry,
    /// The path.
    Repository,
    /// The tag or the digest.
    Tag,
}

/// A change of a container's command or arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandArgsOverrider {
    /// The container's name.
    pub container_name: String,
    /// `add` or `remove`.
    pub operator: OverriderOperator,
    /// What is added at the end, or removed where it occurs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub value: Vec<String>,
}

/// A change of labels or annotations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LabelAnnotationOverrider {
    /// What is done; `replace` only where the key is there.
    pub operator: OverriderOperator,
    /// Keys and values; for `remove` only the keys are read.
    pub value: BTreeMap<String, String>,
}

/// Changes inside a field that holds JSON or YAML as text: one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldOverrider {
    /// The field, as a JSON pointer.
    pub field_path: String,
    /// Changes of JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<DocumentPatchOperation>,
    /// Changes of YAML.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yaml: Vec<DocumentPatchOperation>,
}

/// A change inside a document that a field holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentPatchOperation {
    /// Where in the document, as a JSON pointer.
    pub sub_path: String,
    /// What is done there.
    pub operator: OverriderOperator,
    /// The value; none for `remove`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_value")]
    pub value: Option<Value>,
}
