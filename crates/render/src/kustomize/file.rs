//! A kustomization file as a value (`kustomize/api/types/kustomization.go`).

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::entry::{
    Generator, GeneratorOptions, Image, Labels, OpenApi, Pairs, Patch, Replacement, Replicas, SortOptions, Variable,
};
use super::field;
use crate::error::{RenderError, Unsupported, without_values};

/// Steps that names, namespaces, references and checks of a layer take together. Measured in an optimized build: a layer
/// without other steps does 11 MB a second, a typical step 50.
const LAYER_STEPS: usize = 5;

/// Fields that kustomize has and this crate does not support: they run Helm.
const UNSUPPORTED: [&str; 3] = ["helmCharts", "helmGlobals", "helmChartInflationGenerator"];

/// Fields that kustomize once had and takes without reading them.
const UNREAD: [&str; 2] = ["metadata", "inventory"];

/// A kustomization file, or the list of resources that stands for one in a plain directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kustomization {
    /// The file, for errors; of a plain directory its path.
    pub(crate) file: String,
    /// Whether it stands for a directory that has no kustomization file.
    pub(crate) plain: bool,
    /// The directory from which paths in it start.
    pub(crate) dir: String,
    pub(crate) component: bool,
    pub(crate) resources: Vec<String>,
    pub(crate) components: Vec<String>,
    pub(crate) configurations: Vec<String>,
    pub(crate) crds: Vec<String>,
    pub(crate) openapi: OpenApi,
    pub(crate) generators: Vec<String>,
    pub(crate) transformers: Vec<String>,
    pub(crate) validators: Vec<String>,
    pub(crate) namespace: String,
    pub(crate) name_prefix: String,
    pub(crate) name_suffix: String,
    pub(crate) common_labels: Pairs,
    pub(crate) labels: Vec<Labels>,
    pub(crate) common_annotations: Pairs,
    pub(crate) images: Vec<Image>,
    pub(crate) replicas: Vec<Replicas>,
    /// Each with the name of the field that it comes from, for errors.
    pub(crate) patches: Vec<(String, Patch)>,
    pub(crate) merge_patches: Vec<String>,
    pub(crate) json_patches: Vec<Patch>,
    pub(crate) replacements: Vec<Replacement>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) config_maps: Vec<Generator>,
    pub(crate) secrets: Vec<Generator>,
    pub(crate) options: GeneratorOptions,
    pub(crate) sort: Option<SortOptions>,
    pub(crate) build_metadata: Vec<String>,
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
        let missing: Vec<Unsupported> = UNSUPPORTED
            .iter()
            .filter(|&&name| fields.get(name).is_some_and(|v| !is_empty(v)))
            .map(|&name| Unsupported { file: file.to_owned(), field: name.to_owned() })
            .collect();
        if !missing.is_empty() {
            return Err(RenderError::NotImplemented(missing));
        }
        for name in UNSUPPORTED.iter().chain(&UNREAD) {
            fields.remove(*name);
        }
        let mut reader = Reader { file, fields };
        let component = reader.is_component()?;
        let mut resources: Vec<String> = reader.field("resources")?;
        resources.extend(reader.field::<Vec<String>>("bases")?);
        let mut images: Vec<Image> = reader.field("images")?;
        images.extend(reader.field::<Vec<Image>>("imageTags")?);
        let patches: Vec<Patch> = reader.field("patches")?;
        let out = Self {
            file: file.to_owned(),
            plain: false,
            dir: crate::remote::parent(file),
            component,
            resources,
            components: reader.field("components")?,
            configurations: reader.field("configurations")?,
            crds: reader.field("crds")?,
            openapi: reader.field("openapi")?,
            generators: reader.field("generators")?,
            transformers: reader.field("transformers")?,
            validators: reader.field("validators")?,
            namespace: reader.field("namespace")?,
            name_prefix: reader.field("namePrefix")?,
            name_suffix: reader.field("nameSuffix")?,
            common_labels: reader.field("commonLabels")?,
            labels: reader.field("labels")?,
            common_annotations: reader.field("commonAnnotations")?,
            images,
            replicas: reader.field("replicas")?,
            patches: patches.into_iter().enumerate().map(|(at, p)| (format!("patches[{at}]"), p.trimmed())).collect(),
            merge_patches: reader.field("patchesStrategicMerge")?,
            json_patches: reader.field("patchesJson6902")?,
            replacements: reader.field("replacements")?,
            variables: reader.field("vars")?,
            config_maps: reader.field("configMapGenerator")?,
            secrets: reader.field("secretGenerator")?,
            options: reader.field("generatorOptions")?,
            sort: reader.field("sortOptions")?,
            build_metadata: reader.field("buildMetadata")?,
        };
        for (at, entry) in out.labels.iter().enumerate() {
            for (number, spec) in entry.fields.iter().enumerate() {
                if let Some(why) = field::refusal(&spec.path) {
                    return Err(RenderError::field(file, format!("labels[{at}].fields[{number}].path"), why));
                }
            }
        }
        match reader.fields.keys().next() {
            Some(name) => {
                Err(RenderError::field(file, name.clone(), "no such field in a kustomization file; check its spelling"))
            }
            None => Ok(out),
        }
    }

    /// How many steps over all objects rendering this file takes: one for each entry of the fields that change objects, and
    /// those that every layer has. A generator walks over its own object only; images, and what transformers do, count when
    /// it is their turn.
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
    /// Whether the file is a component. It may be a kustomization, and nothing else.
    fn is_component(&mut self) -> Result<bool, RenderError> {
        let kind: String = self.field("kind")?;
        let version: String = self.field("apiVersion")?;
        let component = kind == "Component";
        let expected = if component { "kustomize.config.k8s.io/v1alpha1" } else { "kustomize.config.k8s.io/v1beta1" };
        if !matches!(kind.as_str(), "" | "Kustomization" | "Component") {
            let why = format!("{kind:?} is neither Kustomization nor Component");
            return Err(RenderError::field(self.file, "kind", why));
        }
        let flux = version.starts_with("kustomize.toolkit.fluxcd.io/");
        if !version.is_empty() && version != expected && !version.starts_with("kustomize.config.k8s.io/") {
            let hint = if flux { "; this is a Flux object, not a kustomization file: rename it" } else { "" };
            return Err(RenderError::field(self.file, "apiVersion", format!("{version:?} is not {expected}{hint}")));
        }
        Ok(component)
    }

    /// Removes a field and returns its value; a missing or null one is its default. As in kustomize, a name may be written
    /// in any case. Errors of lists name the item.
    fn field<T: DeserializeOwned + Default>(&mut self, name: &str) -> Result<T, RenderError> {
        let written = match self.fields.contains_key(name) {
            true => Some(name.to_owned()),
            false => self.fields.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned(),
        };
        match written.and_then(|written| self.fields.remove(&written)) {
            None | Some(Value::Null) => Ok(T::default()),
            Some(value) => typed(self.file, name, value),
        }
    }
}

/// A value as a type; `name` says where it is in the file. The error names the field below, and the item when it is a list,
/// and repeats no value, which may be secret.
///
/// # Errors
/// It is not of this type.
pub(crate) fn typed<T: DeserializeOwned>(file: &str, name: &str, value: Value) -> Result<T, RenderError> {
    serde_json::from_value(value.clone()).map_err(|error| {
        let (field, why) = (wrong_field::<T>(name, &value), without_values(&error.to_string()));
        match field.is_empty() {
            true => RenderError::Yaml { file: file.to_owned(), why },
            false => RenderError::field(file, field, why),
        }
    })
}

/// The first item of a list, or field of a mapping and item of it, that alone is wrong.
fn wrong_field<T: DeserializeOwned>(name: &str, value: &Value) -> String {
    let wrong = |value: Value| serde_json::from_value::<T>(value).is_err();
    match value {
        Value::Array(items) => {
            let mut bad = items.iter().enumerate().filter(|(_, item)| wrong(Value::Array(vec![(*item).clone()])));
            bad.next().map_or_else(|| name.to_owned(), |(at, _)| format!("{name}[{at}]"))
        }
        Value::Object(map) => {
            let alone = |key: &str, value: Value| Value::Object(Map::from_iter([(key.to_owned(), value)]));
            let Some((key, inner)) = map.iter().find(|(key, inner)| wrong(alone(key, (*inner).clone()))) else {
                return name.to_owned();
            };
            let below = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            let items = inner.as_array().into_iter().flatten().enumerate();
            let mut bad = items.filter(|(_, item)| wrong(alone(key, Value::Array(vec![(*item).clone()]))));
            bad.next().map_or_else(|| below.clone(), |(at, _)| format!("{below}[{at}]"))
        }
        _ => name.to_owned(),
    }
}
