//! A kustomization file as a value (`kustomize/api/types/kustomization.go`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::field::OwnedSpec;
use super::selector::Selector;
use crate::error::{RenderError, Unsupported, without_values};

/// Steps that names, namespaces, references and checks of a layer take together. Measured in an optimized build: a layer
/// without other steps does 11 MB a second, a typical step 50.
const LAYER_STEPS: usize = 5;

/// Fields that kustomize has and this crate does not support.
const UNSUPPORTED: [&str; 14] = [
    "replacements",
    "vars",
    "helmCharts",
    "helmGlobals",
    "helmChartInflationGenerator",
    "crds",
    "openapi",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "inventory",
    "buildMetadata",
    "imageTags",
];

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
    pub(crate) options: BTreeMap<String, bool>,
}

/// One entry of `labels`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Labels {
    pub(crate) pairs: BTreeMap<String, Scalar>,
    pub(crate) include_selectors: bool,
    pub(crate) include_templates: bool,
    pub(crate) fields: Vec<OwnedSpec>,
}

/// A string. A number or a boolean without quotes is an error, as in kustomize.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scalar(pub(crate) String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Bool(_) | Value::Number(_) => Err(serde::de::Error::custom("it must be a string: put it in quotes")),
            _ => Err(serde::de::Error::custom("it must be a string")),
        }
    }
}

/// One entry of `replicas`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Replicas {
    pub(crate) name: String,
    pub(crate) count: i64,
}

/// Options of generated objects.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: BTreeMap<String, Scalar>,
    pub(crate) annotations: BTreeMap<String, Scalar>,
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

/// A kustomization file, or the list of resources that stands for one in a plain directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kustomization {
    /// The file, for errors.
    pub(crate) file: String,
    /// The directory from which paths in it start.
    pub(crate) dir: String,
    pub(crate) component: bool,
    pub(crate) resources: Vec<String>,
    pub(crate) components: Vec<String>,
    pub(crate) namespace: String,
    pub(crate) name_prefix: String,
    pub(crate) name_suffix: String,
    pub(crate) common_labels: BTreeMap<String, Scalar>,
    pub(crate) labels: Vec<Labels>,
    pub(crate) common_annotations: BTreeMap<String, Scalar>,
    pub(crate) images: Vec<Image>,
    pub(crate) replicas: Vec<Replicas>,
    /// Each with the name of the field that it comes from, for errors.
    pub(crate) patches: Vec<(String, Patch)>,
    pub(crate) merge_patches: Vec<String>,
    pub(crate) json_patches: Vec<Patch>,
    pub(crate) config_maps: Vec<Generator>,
    pub(crate) secrets: Vec<Generator>,
    pub(crate) options: GeneratorOptions,
}

impl Kustomization {
    /// Reads a kustomization file.
    ///
    /// # Errors
    /// A field that is unknown, of another type, or not supported.
    pub(crate) fn parse(file: &str, yaml: Value) -> Result<Self, RenderError> {
        let mut fields = match yaml {
            Value::Object(map) => map,
            Value::Null => {
                return Err(RenderError::Yaml { file: file.to_owned(), why: "the kustomization file is empty".into() });
            }
            _ => return Err(RenderError::Yaml { file: file.to_owned(), why: "it is not a mapping".into() }),
        };
        let mut missing: Vec<Unsupported> = UNSUPPORTED
            .iter()
            .filter(|&&name| fields.get(name).is_some_and(|v| !is_empty(v)))
            .map(|&name| Unsupported { file: file.to_owned(), field: name.to_owned() })
            .collect();
        // Objects come in the order of resources, which is what `fifo` says; the applier orders them by phase.
        if fields.get("sortOptions").is_some_and(|v| v.get("order").is_some_and(|o| o != "fifo")) {
            missing.push(Unsupported { file: file.to_owned(), field: "sortOptions.order".into() });
        }
        if !missing.is_empty() {
            return Err(RenderError::NotImplemented(missing));
        }
        for name in UNSUPPORTED.iter().chain(&["sortOptions", "metadata"]) {
            fields.remove(*name);
        }
        let mut reader = Reader { file, fields };
        let kind: String = reader.field("kind")?;
        let version: String = reader.field("apiVersion")?;
        let component = kind == "Component";
        let expected = if component { "kustomize.config.k8s.io/v1alpha1" } else { "kustomize.config.k8s.io/v1beta1" };
        if !matches!(kind.as_str(), "" | "Kustomization" | "Component") {
            return Err(RenderError::field(file, "kind", format!("{kind:?} is neither Kustomization nor Component")));
        }
        let flux = version.starts_with("kustomize.toolkit.fluxcd.io/");
        if !version.is_empty() && version != expected && !version.starts_with("kustomize.config.k8s.io/") {
            let hint = if flux { "; this is a Flux object, not a kustomization file: rename it" } else { "" };
            return Err(RenderError::field(file, "apiVersion", format!("{version:?} is not {expected}{hint}")));
        }
        let mut resources: Vec<String> = reader.field("resources")?;
        resources.extend(reader.field::<Vec<String>>("bases")?);
        let patches: Vec<Patch> = reader.field("patches")?;
        let out = Self {
            file: file.to_owned(),
            dir: model::tree::parent(file).to_owned(),
            component,
            resources,
            components: reader.field("components")?,
            namespace: reader.field("namespace")?,
            name_prefix: reader.field("namePrefix")?,
            name_suffix: reader.field("nameSuffix")?,
            common_labels: reader.field("commonLabels")?,
            labels: reader.field("labels")?,
            common_annotations: reader.field("commonAnnotations")?,
            images: reader.field("images")?,
            replicas: reader.field("replicas")?,
            patches: patches.into_iter().enumerate().map(|(at, p)| (format!("patches[{at}]"), p)).collect(),
            merge_patches: reader.field("patchesStrategicMerge")?,
            json_patches: reader.field("patchesJson6902")?,
            config_maps: reader.field("configMapGenerator")?,
            secrets: reader.field("secretGenerator")?,
            options: reader.field("generatorOptions")?,
        };
        match reader.fields.keys().next() {
            Some(name) => {
                Err(RenderError::field(file, name.clone(), "no such field in a kustomization file; check its spelling"))
            }
            None => Ok(out),
        }
    }

    /// How many steps over all objects rendering this file takes: one for each entry of the fields that change objects, and
    /// those that every layer has. A generator walks over its own object only; images count when it is their turn.
    pub(crate) fn steps(&self) -> usize {
        let labels: usize = self.labels.iter().map(|entry| 1 + entry.fields.len()).sum();
        let patches = self.patches.len() + self.merge_patches.len() + self.json_patches.len();
        LAYER_STEPS + labels + patches + self.replicas.len()
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

struct Reader<'a> {
    file: &'a str,
    fields: Map<String, Value>,
}

impl Reader<'_> {
    /// Removes a field and returns its value; a missing or null one is its default. Errors of lists name the item.
    fn field<T: DeserializeOwned + Default>(&mut self, name: &str) -> Result<T, RenderError> {
        let value = match self.fields.remove(name) {
            None | Some(Value::Null) => return Ok(T::default()),
            Some(value) => value,
        };
        serde_json::from_value(value.clone()).map_err(|e| {
            let items = value.as_array().into_iter().flatten().enumerate();
            let mut bad =
                items.filter(|(_, item)| serde_json::from_value::<T>(Value::Array(vec![(*item).clone()])).is_err());
            let field = bad.next().map_or_else(|| name.to_owned(), |(at, _)| format!("{name}[{at}]"));
            RenderError::field(self.file, field, without_values(&e.to_string()))
        })
    }
}
