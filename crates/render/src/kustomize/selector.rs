//! Which objects a patch is for.

use std::collections::BTreeMap;

use model::{LabelSelector, object};
use regex::Regex;
use serde::Deserialize;

use super::resource::Resource;

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
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: LabelSelector,
    annotations: LabelSelector,
}

impl Selector {
    /// Compiles the regular expressions and label queries. The error is the field and what is wrong with it.
    pub(crate) fn compile(&self) -> Result<Compiled, (&'static str, String)> {
        let regex = |name: &'static str, text: &str| -> Result<Option<Regex>, (&'static str, String)> {
            if text.is_empty() {
                return Ok(None);
            }
            let anchored = Regex::new(&format!("^(?:{text})$"));
            anchored.map(Some).map_err(|_| (name, format!("{text:?} is not a regular expression")))
        };
        let labels = |name: &'static str, text: &str| text.parse().map_err(|e| (name, format!("{e}")));
        Ok(Compiled {
            group: regex("group", &self.group)?,
            version: regex("version", &self.version)?,
            kind: regex("kind", &self.kind)?,
            name: regex("name", &self.name)?,
            namespace: regex("namespace", &self.namespace)?,
            labels: labels("labelSelector", &self.label_selector)?,
            annotations: labels("annotationSelector", &self.annotation_selector)?,
        })
    }
}

impl Compiled {
    /// Whether the object is selected.
    pub(crate) fn selects(&self, resource: &Resource, cluster_kinds: &[(String, String)]) -> bool {
        let matches = |regex: &Option<Regex>, text: &str| regex.as_ref().is_none_or(|r| r.is_match(text));
        let gvk = object::gvk(&resource.object).unwrap_or_default();
        let (first, now) = (resource.first_key(), resource.key());
        let namespaced = resource.namespaced(cluster_kinds);
        let effective = |n: &str| match n {
            "" if namespaced => "default".to_owned(),
            "" => "_non_namespaceable_".to_owned(),
            n => n.to_owned(),
        };
        let holds = |selector: &LabelSelector, map: BTreeMap<String, String>| selector.matches(&map);
        matches(&self.group, &gvk.group)
            && matches(&self.version, &gvk.version)
            && matches(&self.kind, &gvk.kind)
            && (matches(&self.name, &first.name) || matches(&self.name, &now.name))
            && (matches(&self.namespace, &effective(&first.namespace))
                || matches(&self.namespace, &effective(&now.namespace)))
            && holds(&self.labels, object::labels(&resource.object))
            && holds(&self.annotations, object::annotations(&resource.object))
    }
}
