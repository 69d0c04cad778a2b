//! `generators`, `transformers` and `validators`: objects that configure the steps that a kustomization file has fields for.
//! Only what is built into kustomize runs. Programs and containers are refused by name.

mod config;

use model::object;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::Context;
use super::entry::{Generator, GeneratorOptions, Patch};
use super::field::{self, Spec};
use super::generate::{self, Made};
use super::name::{self, Side};
use super::namespace::Namespace;
use super::place::Place;
use super::resource::{Keys, Resource, Resources};
use super::value_add::ValueAdd;
use super::{add_hash_suffixes, image, label, patch, replacement, replica};
use crate::error::RenderError;
use crate::object::Object;
use config::{
    AccountConfig, AccountName, ImageConfig, JsonConfig, MergeConfig, NameConfig, NamespaceConfig, PairsConfig,
    ReplacementConfig, ReplicaConfig,
};

/// API version of what is built in.
const BUILTIN: &str = "builtin";

/// An object that configures a step.
pub(crate) struct Plugin<'a> {
    pub(crate) object: &'a Object,
    /// The kustomization file's directory: paths in the object start there.
    pub(crate) dir: &'a str,
    /// The field of the kustomization file that lists it.
    pub(crate) listed: Place<'a>,
}

impl Plugin<'_> {
    fn kind(&self) -> &str {
        object::get_str(&self.object.value, &["kind"]).unwrap_or_default()
    }

    /// The file of the object: for errors in it.
    fn place(&self) -> Place<'_> {
        Place { file: &self.object.location.file, dir: self.dir, field: "" }
    }

    /// Refuses what is not built in.
    fn check(&self) -> Result<(), RenderError> {
        let version = object::get_str(&self.object.value, &["apiVersion"]).unwrap_or_default();
        if version == BUILTIN {
            return Ok(());
        }
        let annotations = object::annotations(&self.object.value);
        let function = ["config.kubernetes.io/function", "config.k8s.io/function"];
        let what = if function.iter().any(|name| annotations.contains_key(*name)) {
            "a function that runs a program or a container"
        } else {
            "a plugin that runs a program"
        };
        let why = format!(
            "{} of {version} ({}) is {what}; only plugins with apiVersion: builtin run here: render before committing",
            self.kind(),
            self.object.location,
        );
        Err(self.listed.fail("", why))
    }

    /// The fields of the object as a configuration.
    fn config<T: DeserializeOwned + Default>(&self) -> Result<T, RenderError> {
        let mut fields: Map<String, Value> = self.object.value.as_object().cloned().unwrap_or_default();
        for name in ["apiVersion", "kind", "metadata"] {
            fields.remove(name);
        }
        super::file::typed(&self.object.location.file, "", Value::Object(fields))
    }

    fn unknown(&self, what: &str) -> RenderError {
        self.listed.fail("", format!("{} ({}) is no builtin {what}", self.kind(), self.object.location))
    }

    /// Adds what a generator makes. `keys` are those of all objects.
    ///
    /// # Errors
    /// It is not built in, or its configuration is wrong.
    pub(crate) fn generate(
        &self,
        context: &Context<'_>,
        all: &mut Resources,
        keys: &mut Keys,
    ) -> Result<(), RenderError> {
        self.check()?;
        let made = match self.kind() {
            "ConfigMapGenerator" => Made::ConfigMap,
            "SecretGenerator" => Made::Secret,
            "IAMPolicyGenerator" => return self.account(context, all, keys),
            "HelmChartInflationGenerator" => {
                let why = "HelmChartInflationGenerator runs Helm, which is not supported yet: render before committing";
                return Err(self.listed.fail("", why));
            }
            _ => return Err(self.unknown("generator")),
        };
        let mut generator: Generator = self.config()?;
        let metadata =
            |field: &str| object::get_str(&self.object.value, &["metadata", field]).unwrap_or_default().to_owned();
        if generator.name.is_empty() {
            generator.name = metadata("name");
        }
        if generator.namespace.is_empty() {
            generator.namespace = metadata("namespace");
        }
        let (place, location) = (self.place(), self.object.location.clone());
        let shared = GeneratorOptions::default();
        let written = generate::Written { place, location, made, generator: &generator, shared: &shared };
        generate::generate(context, &written, all, keys)
    }

    /// A service account that is bound to one of Google's cloud.
    fn account(&self, context: &Context<'_>, all: &mut Resources, keys: &mut Keys) -> Result<(), RenderError> {
        let AccountConfig { cloud, kubernetes_service, service_account } = self.config()?;
        if cloud != "gke" {
            return Err(self.place().fail("cloud", format!("{cloud:?} is not gke")));
        }
        let AccountName { name, namespace } = kubernetes_service;
        let google = format!("{}@{}.iam.gserviceaccount.com", service_account.name, service_account.project_id);
        let mut object = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "annotations": {"iam.gke.io/gcp-service-account": google}},
        });
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = namespace.into();
        }
        context.budget().spend_made(object::weight(&object))?;
        let resource = Resource::new(object, self.object.location.clone());
        keys.insert(all.0.len(), &resource);
        all.append(vec![resource])
    }

    /// Runs a transformer.
    ///
    /// # Errors
    /// It is not built in, its configuration is wrong, or it does not apply.
    pub(crate) fn transform(&self, context: &Context<'_>, all: &mut Resources) -> Result<(), RenderError> {
        self.check()?;
        let (place, budget) = (self.place(), context.budget());
        budget.spend(all.weight())?;
        match self.kind() {
            "NamespaceTransformer" => {
                let NamespaceConfig { field_specs, unset_only, set_role_binding_subjects: subjects } = self.config()?;
                let name = object::get_str(&self.object.value, &["metadata", "namespace"]).unwrap_or_default();
                let specs = self.specs(&field_specs, context, all)?;
                Namespace { name, specs, unset_only, subjects }.apply(all, budget)
            }
            "LabelTransformer" | "AnnotationsTransformer" => {
                let PairsConfig { labels, annotations, field_specs } = self.config()?;
                let pairs = if self.kind() == "LabelTransformer" { labels } else { annotations };
                label::set(&pairs, &self.specs(&field_specs, context, all)?, all, budget)
            }
            "PrefixTransformer" | "SuffixTransformer" | "PrefixSuffixTransformer" => {
                let NameConfig { prefix, suffix, field_specs } = self.config()?;
                let Some(field_specs) = field_specs else { return Err(place.fail("fieldSpecs", "it is missing")) };
                let specs = self.specs(&field_specs, context, all)?;
                if self.kind().starts_with("Prefix") {
                    name::add(Side::Prefix, &prefix, &specs, all, budget)?;
                }
                if self.kind().contains("Suffix") {
                    name::add(Side::Suffix, &suffix, &specs, all, budget)?;
                }
                Ok(())
            }
            "ImageTagTransformer" => {
                let ImageConfig { image_tag, field_specs } = self.config()?;
                let specs = self.specs(&field_specs, context, all)?;
                image::change(&image_tag, &specs, all, place.at("imageTag"), budget)
            }
            "ReplicaCountTransformer" => {
                let ReplicaConfig { replica, field_specs } = self.config()?;
                let specs = self.specs(&field_specs, context, all)?;
                replica::set(&replica, &specs, all, place.at("replica"), budget)
            }
            "PatchTransformer" => {
                let one = self.config::<Patch>()?.trimmed();
                patch::apply(context, [(place, &one)], all)
            }
            "PatchJson6902Transformer" => {
                let JsonConfig { target, path, json_op } = self.config()?;
                if target.is_none() {
                    return Err(place.fail("target", "it is missing"));
                }
                let one = Patch { target, path, patch: json_op, ..Patch::default() };
                patch::apply(context, [(place, &one)], all)
            }
            "PatchStrategicMergeTransformer" => {
                let MergeConfig { paths, patches } = self.config()?;
                let mut all_patches: Vec<(String, Patch)> = Vec::new();
                for (at, entry) in paths.iter().enumerate() {
                    all_patches.push((format!("paths[{at}]"), patch::path_or_patch(entry)));
                }
                if !patches.is_empty() {
                    all_patches.push(("patches".into(), Patch { patch: patches, ..Patch::default() }));
                }
                patch::apply(context, all_patches.iter().map(|(field, one)| (place.at(field), one)), all)
            }
            "ReplacementTransformer" => {
                let ReplacementConfig { replacements } = self.config()?;
                for (file, field, one) in replacement::read(context.files, place.at("replacements"), &replacements)? {
                    replacement::apply(context, Place { file: &file, dir: self.dir, field: &field }, &one, all)?;
                }
                Ok(())
            }
            "ValueAddTransformer" => self.config::<ValueAdd>()?.apply(context, place, all),
            "HashTransformer" => add_hash_suffixes(all, budget),
            _ => Err(self.unknown("transformer")),
        }
    }

    /// The field specifications of a configuration, whose walks over all objects are spent.
    fn specs<'a>(
        &self,
        specs: &'a [Spec],
        context: &Context<'_>,
        all: &Resources,
    ) -> Result<Vec<&'a Spec>, RenderError> {
        for (at, spec) in specs.iter().enumerate() {
            if let Some(why) = field::refusal(&spec.path) {
                return Err(self.place().fail(&format!("fieldSpecs[{at}].path"), why));
            }
            context.budget().spend(spec.path.len().saturating_mul(all.0.len()))?;
        }
        Ok(specs.iter().collect())
    }
}
