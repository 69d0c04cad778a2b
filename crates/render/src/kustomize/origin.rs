//! `buildMetadata`: annotations that say where an object comes from and what changed it, and a label that says who built it.

use std::rc::Rc;

use model::object;
use serde_json::{Map, Value, json};

use super::resource::Resources;
use crate::budget::Budget;
use crate::error::RenderError;
use crate::remote;

const ORIGIN: &str = "config.kubernetes.io/origin";
const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// What `kubectl kustomize` says of itself.
const KUSTOMIZE: &str = "kustomize-v5.8.1";

/// The words of `buildMetadata`.
pub(crate) const OPTIONS: [&str; 3] = ["originAnnotations", "transformerAnnotations", "managedByLabel"];

/// Where an object comes from, or what changed it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Origin {
    /// The file, from the directory that is rendered, or from the root of the repository.
    pub(crate) path: String,
    /// The repository, when it is on another machine.
    pub(crate) repo: String,
    /// What of the repository was asked for.
    pub(crate) reference: String,
    /// The file that says so, when it is a generator or a transformer.
    pub(crate) configured_in: String,
    /// API version, kind, name and namespace of the generator or transformer.
    pub(crate) configured_by: [String; 4],
}

impl Origin {
    /// What a path that is written here leads to; a repository on another machine starts from its root.
    pub(crate) fn append(&self, path: &str) -> Self {
        match remote::parse(path) {
            Some(Ok(remote::Entry { clone: Some(repo), reference, path, .. })) => {
                Self { path: join("", &path), repo, reference, ..self.clone() }
            }
            _ => Self { path: join(&self.path, path), ..self.clone() },
        }
    }

    /// A generator or transformer that is written there.
    pub(crate) fn into_configuration(self, configured_by: [String; 4]) -> Self {
        Self { path: String::new(), configured_in: self.path, configured_by, ..self }
    }

    /// As YAML, at an indentation. Empty fields are left out.
    fn write(&self, indent: &str) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: &str, indent: &str| {
            if !value.is_empty() {
                out.push_str(&format!("{indent}{name}: {}\n", scalar(value)));
            }
        };
        line("path", &self.path, indent);
        line("repo", &self.repo, indent);
        line("ref", &self.reference, indent);
        line("configuredIn", &self.configured_in, indent);
        let [version, kind, name, namespace] = &self.configured_by;
        if !kind.is_empty() {
            out.push_str(&format!("{indent}configuredBy:\n"));
            let indent = format!("{indent}  ");
            for (field, value) in [("apiVersion", version), ("kind", kind), ("name", name), ("namespace", namespace)] {
                if !value.is_empty() {
                    out.push_str(&format!("{indent}{field}: {}\n", scalar(value)));
                }
            }
        }
        out
    }
}

/// A text in YAML: with quotes where it would be something else without.
fn scalar(text: &str) -> String {
    model::yaml::to_string(&Value::from(text)).trim_end().to_owned()
}

/// A path below another one, cleaned as Go's `filepath.Join` does; it may lead out of the directory where it starts.
pub(crate) fn join(dir: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in dir.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".into() } else { parts.join("/") }
}

/// Notes that a step went over all objects: one that comes from nowhere comes from the step.
pub(crate) fn note_step(
    all: &mut Resources,
    origin: &Rc<Origin>,
    times: usize,
    budget: &Budget,
) -> Result<(), RenderError> {
    budget.spend_made(all.0.len().saturating_mul(times).saturating_mul(std::mem::size_of::<Rc<Origin>>()))?;
    for resource in &mut all.0 {
        for _ in 0..times {
            match &resource.origin {
                None => resource.origin = Some(Rc::clone(origin)),
                Some(_) => resource.transformations.push(Rc::clone(origin)),
            }
        }
    }
    Ok(())
}

/// Adds what the words of `buildMetadata` ask for.
///
/// # Errors
/// The budget is spent.
pub(crate) fn annotate(all: &mut Resources, options: &[String], budget: &Budget) -> Result<(), RenderError> {
    let asked = |option: &str| options.iter().any(|o| o == option);
    for resource in &mut all.0 {
        if asked(OPTIONS[2]) {
            set(&mut resource.object, "labels", MANAGED_BY, KUSTOMIZE.into(), budget)?;
        }
        if let Some(origin) = resource.origin.as_ref().filter(|_| asked(OPTIONS[0])) {
            set(&mut resource.object, "annotations", ORIGIN, origin.write(""), budget)?;
        }
        if asked(OPTIONS[1]) && !resource.transformations.is_empty() {
            let mut text = String::new();
            for origin in &resource.transformations {
                let item = origin.write("  ");
                budget.spend_made(item.len())?;
                text.push_str("- ");
                text.push_str(item.trim_start());
            }
            set(&mut resource.object, "annotations", TRANSFORMATIONS, text, budget)?;
        }
    }
    Ok(())
}

fn set(object: &mut Value, map: &str, name: &str, text: String, budget: &Budget) -> Result<(), RenderError> {
    budget.spend_made(name.len() + text.len())?;
    let place = object::slot(object, &["metadata", map]);
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    place[name] = json!(text);
    Ok(())
}

#[cfg(test)]
mod tests;
