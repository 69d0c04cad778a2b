//! The entries of a kustomization file's lists, and of the configurations of transformers and generators
//! (`kustomize/api/types`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::field::Spec;
use super::selector::Selector;

/// One change of an image reference.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Image {
    /// The image as it is written, without tag and digest.
    pub(crate) name: String,
    /// Name to put in its place.
    pub(crate) new_name: String,
    /// Tag to put in its place; removes a digest.
    pub(crate) new_tag: String,
    /// Digest to put in its place, `sha256:…`; removes a tag.
    pub(crate) digest: String,
    /// Added to the tag that is there.
    pub(crate) tag_suffix: String,
}

/// One patch: strategic merge or JSON 6902, told apart by its shape.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Patch {
    /// File with the patch, from the directory of the kustomization file.
    pub(crate) path: String,
    /// The patch itself.
    pub(crate) patch: String,
    /// What to patch; a strategic merge patch without it names its target itself.
    pub(crate) target: Option<Selector>,
    /// `allowNameChange` and `allowKindChange`.
    pub(crate) options: Option<BTreeMap<String, bool>>,
}

impl Patch {
    /// The patch without spaces and line feeds around it, as kustomize takes the entries of `patches`.
    pub(crate) fn trimmed(mut self) -> Self {
        self.patch = self.patch.trim().to_owned();
        self
    }
}

/// One entry of `labels`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Labels {
    pub(crate) pairs: Pairs,
    pub(crate) include_selectors: bool,
    pub(crate) include_templates: bool,
    pub(crate) fields: Vec<Spec>,
}

/// Labels or annotations.
pub(crate) type Pairs = BTreeMap<String, Scalar>;

/// A string. A number or a boolean without quotes is an error, as in kustomize.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scalar(pub(crate) String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Null => Ok(Self::default()),
            Value::Bool(_) | Value::Number(_) => Err(serde::de::Error::custom("it must be a string: put it in quotes")),
            _ => Err(serde::de::Error::custom("it must be a string")),
        }
    }
}

/// One entry of `replicas`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Replicas {
    pub(crate) name: String,
    pub(crate) count: i64,
}

/// Options of generated objects.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: Pairs,
    pub(crate) annotations: Pairs,
    pub(crate) disable_name_suffix_hash: bool,
    pub(crate) immutable: bool,
}

/// One entry of `configMapGenerator` or `secretGenerator`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Generator {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) behavior: String,
    pub(crate) files: Vec<String>,
    pub(crate) literals: Vec<String>,
    pub(crate) envs: Vec<String>,
    pub(crate) env: String,
    pub(crate) options: Option<GeneratorOptions>,
    /// The type of a Secret; unused for ConfigMaps.
    #[serde(rename = "type")]
    pub(crate) secret_type: String,
}

/// One entry of `replacements`: a value, and where it goes to. Or a file with one, or with a list of them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Replacement {
    pub(crate) path: String,
    pub(crate) source: Option<Source>,
    pub(crate) source_value: Option<String>,
    pub(crate) targets: Option<Vec<Target>>,
}

/// The field that a value comes from. Empty parts mean any.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Source {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) field_path: String,
    pub(crate) options: Option<FieldOptions>,
}

/// The fields that a value goes to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Target {
    pub(crate) select: Option<Selector>,
    pub(crate) reject: Vec<Selector>,
    pub(crate) field_paths: Vec<String>,
    pub(crate) options: Option<FieldOptions>,
}

/// Which part of a field is meant, and whether it is added.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct FieldOptions {
    pub(crate) delimiter: String,
    pub(crate) index: i64,
    /// Reserved in kustomize; it does nothing.
    pub(crate) encoding: String,
    pub(crate) create: bool,
}

/// One entry of `vars`: a name for the value of a field.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Variable {
    pub(crate) name: String,
    #[serde(alias = "objRef")]
    pub(crate) objref: ObjectReference,
    #[serde(alias = "fieldRef")]
    pub(crate) fieldref: FieldReference,
}

/// The object that a variable reads. Without a namespace it may be in any.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct ObjectReference {
    pub(crate) api_version: String,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
}

/// The field that a variable reads: the name, if none is given.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FieldReference {
    #[serde(alias = "fieldpath", rename = "fieldPath")]
    pub(crate) field_path: String,
}

/// `sortOptions`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct SortOptions {
    pub(crate) order: String,
    pub(crate) legacy_sort_options: Option<LegacySortOptions>,
}

/// Kinds that come first and last.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct LegacySortOptions {
    pub(crate) order_first: Vec<String>,
    pub(crate) order_last: Vec<String>,
}

/// `openapi`: a file with definitions of custom kinds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OpenApi {
    pub(crate) path: String,
    /// Version of the definitions that kustomize has built in.
    pub(crate) version: String,
}
