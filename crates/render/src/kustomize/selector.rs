//! Which objects a patch is for.

use std::collections::BTreeMap;

use model::{LabelSelector, object};
use serde::Deserialize;
use serde_json::Value;

use super::pattern::Pattern;
use super::resource::{ClusterKinds, Resource};
use crate::budget::Budget;
use crate::error::RenderError;

/// Fields of a selector that are regular expressions.
const PATTERNS: [&str; 5] = ["group", "version", "kind", "name", "namespace"];

/// The `target` of a patch. Group, version, kind, name and namespace are regular expressions that must match whole;
/// an empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Selector {
    /// API group.
    pub(crate) group: String,
    /// API version.
    pub(crate) version: String,
    /// Kind.
    pub(crate) kind: String,
    /// Name: now, or as written in the file.
    pub(crate) name: String,
    /// Namespace: now, or as written in the file; objects without one are in `default`.
    pub(crate) namespace: String,
    /// Labels in query form (`app=web,tier in (a,b)`).
    pub(crate) label_selector: String,
    /// Annotations in the same form.
    pub(crate) annotation_selector: String,
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields = [
            ("group", &self.group),
            ("version", &self.version),
            ("kind", &self.kind),
            ("name", &self.name),
            ("namespace", &self.namespace),
            ("labelSelector", &self.label_selector),
            ("annotationSelector", &self.annotation_selector),
        ];
        let set: Vec<String> = fields.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| format!("{n}={v}")).collect();
        write!(f, "target {{{}}}", set.join(", "))
    }
}

/// A compiled selector.
pub(crate) struct Compiled {
    group: Option<Pattern>,
    version: Option<Pattern>,
    kind: Option<Pattern>,
    name: Option<Pattern>,
    namespace: Option<Pattern>,
    labels: LabelSelector,
    annotations: LabelSelector,
}

impl Selector {
    /// How many bytes all of it is.
    pub(crate) fn len(&self) -> usize {
        let Self { group, version, kind, name, namespace, label_selector, annotation_selector } = self;
        let texts = [group, version, kind, name, namespace, label_selector, annotation_selector];
        texts.into_iter().map(String::len).sum()
    }

    /// Whether it says nothing of group, version, kind, name and namespace.
    pub(crate) fn names_nothing(&self) -> bool {
        let Self { group, version, kind, name, namespace, .. } = self;
        [group, version, kind, name, namespace].into_iter().all(String::is_empty)
    }

    /// Whether it says nothing of labels and annotations.
    pub(crate) fn labels_nothing(&self) -> bool {
        self.label_selector.is_empty() && self.annotation_selector.is_empty()
    }

    /// Compiles the regular expressions and label queries.
    ///
    /// # Errors
    /// The budget is spent. What is wrong with the selector is inside: the field, and why.
    pub(crate) fn compile(&self, budget: &Budget) -> Result<Result<Compiled, (&'static str, String)>, RenderError> {
        let fields = [&self.group, &self.version, &self.kind, &self.name, &self.namespace];
        let mut patterns = [const { None }; 5];
        for ((field, text), pattern) in PATTERNS.into_iter().zip(fields).zip(&mut patterns) {
            if !text.is_empty() {
                match Pattern::new(text, "", budget)? {
                    Ok(compiled) => *pattern = Some(compiled),
                    Err(why) => return Ok(Err((field, why))),
                }
            }
        }
        let [group, version, kind, name, namespace] = patterns;
        let query = |field: &'static str, text: &str| text.parse::<LabelSelector>().map_err(|e| (field, e.to_string()));
        let labels = query("labelSelector", &self.label_selector);
        let annotations = query("annotationSelector", &self.annotation_selector);
        Ok(labels.and_then(|labels| {
            let annotations = annotations?;
            Ok(Compiled { group, version, kind, name, namespace, labels, annotations })
        }))
    }
}

impl Compiled {
    /// Whether the object is selected.
    ///
    /// # Errors
    /// The budget is spent.
    pub(crate) fn selects(
        &self,
        resource: &Resource,
        cluster_kinds: &ClusterKinds,
        budget: &Budget,
    ) -> Result<bool, RenderError> {
        let matches = |pattern: &Option<Pattern>, text: &str| holds(pattern, text, budget);
        let gvk = object::gvk(&resource.object).unwrap_or_default();
        let (first, now) = (resource.first_key(), resource.key());
        let namespaced = resource.namespaced(cluster_kinds);
        let effective = |n: &str| match n {
            "" if namespaced => "default".to_owned(),
            "" => "_non_namespaceable_".to_owned(),
            n => n.to_owned(),
        };
        Ok(matches(&self.group, &gvk.group)?
            && matches(&self.version, &gvk.version)?
            && matches(&self.kind, &gvk.kind)?
            && (matches(&self.name, &first.name)? || matches(&self.name, &now.name)?)
            && (matches(&self.namespace, &effective(&first.namespace))?
                || matches(&self.namespace, &effective(&now.namespace))?)
            && self.selects_metadata(&resource.object, budget)?)
    }

    /// Whether labels and annotations are as it says.
    ///
    /// # Errors
    /// The budget is spent.
    pub(crate) fn selects_metadata(&self, object: &Value, budget: &Budget) -> Result<bool, RenderError> {
        // What a patch before this one added to the metadata is not in the work of the layer.
        let holds = |selector: &LabelSelector, name: &str, read: fn(&Value) -> BTreeMap<String, String>| {
            if selector.is_everything() {
                return Ok(true);
            }
            budget.spend(object::get(object, &["metadata", name]).map_or(0, object::weight))?;
            Ok(selector.matches(&read(object)))
        };
        Ok(holds(&self.labels, "labels", object::labels)?
            && holds(&self.annotations, "annotations", object::annotations)?)
    }

    /// Whether group, version, kind, name and namespace are as it says.
    ///
    /// # Errors
    /// The budget is spent.
    pub(crate) fn selects_id(&self, id: &Id<'_>, budget: &Budget) -> Result<bool, RenderError> {
        Ok(holds(&self.group, id.group, budget)?
            && holds(&self.version, id.version, budget)?
            && holds(&self.kind, id.kind, budget)?
            && holds(&self.name, id.name, budget)?
            && holds(&self.namespace, id.namespace, budget)?)
    }
}

fn holds(pattern: &Option<Pattern>, text: &str, budget: &Budget) -> Result<bool, RenderError> {
    pattern.as_ref().map_or(Ok(true), |pattern| pattern.holds(text, budget))
}

/// What an object is called, or was: for selectors of replacements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Id<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
}
