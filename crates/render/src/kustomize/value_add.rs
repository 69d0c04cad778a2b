//! The ValueAddTransformer: a text for fields of objects, or for a part of the paths of files in them.

use model::{limit, object};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Context;
use super::field;
use super::namespace::{Namespace, Subjects};
use super::place::Place;
use super::resource::{KEY_BYTES, Resources};
use super::selector::Selector;
use crate::error::RenderError;

/// Its configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct ValueAdd {
    /// The text; without it the name of the directory of the kustomization file.
    value: String,
    targets: Vec<Target>,
    /// A file with more targets.
    target_file_path: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Target {
    selector: Option<Selector>,
    field_path: String,
    file_path_position: i64,
}

/// A file with targets.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct More {
    targets: Vec<Target>,
}

impl ValueAdd {
    /// Adds the text.
    ///
    /// # Errors
    /// What is wrong with the configuration. The budget is spent.
    pub(crate) fn apply(
        mut self,
        context: &Context<'_>,
        place: Place<'_>,
        all: &mut Resources,
    ) -> Result<(), RenderError> {
        let budget = context.budget();
        if !self.target_file_path.is_empty() {
            let path = place.path(".targetFilePath", &self.target_file_path)?;
            let yaml = context.files.document(&path, &place.asked_by(".targetFilePath"))?;
            self.targets.extend(super::file::typed::<More>(&path, "", yaml)?.targets);
        }
        let value = match self.value.trim() {
            "" => place.dir.rsplit('/').next().unwrap_or_default(),
            value => value,
        };
        if self.targets.is_empty() {
            return Err(place.fail(".targets", "it is missing"));
        }
        let cluster = all.cluster_kinds();
        for (at, target) in self.targets.iter().enumerate() {
            let below = format!(".targets[{at}]");
            if target.file_path_position < 0 {
                return Err(place.fail(&format!("{below}.filePathPosition"), "it is negative"));
            }
            if let Some(why) = field::refusal(&target.field_path) {
                return Err(place.fail(&format!("{below}.fieldPath"), why));
            }
            let selector = target.selector.clone().unwrap_or_default();
            let compiled = selector.compile(budget)?;
            let compiled = compiled.map_err(|(name, why)| place.fail(&format!("{below}.selector.{name}"), why))?;
            let parts = field::split(&target.field_path, '/');
            for resource in &mut all.0 {
                let earlier = resource.earlier_weight();
                budget.spend(KEY_BYTES + earlier + selector.len() + target.field_path.len())?;
                if !compiled.selects(resource, &cluster, budget)? {
                    continue;
                }
                if target.field_path == "metadata/namespace" {
                    budget.spend(object::weight(&resource.object) + earlier)?;
                    let mut one = Resources(vec![resource.clone()]);
                    let change = Namespace {
                        name: value,
                        specs: Vec::new(),
                        unset_only: false,
                        subjects: Subjects::DefaultOnly,
                    };
                    change.apply(&mut one, budget)?;
                    if let Some(changed) = one.0.pop() {
                        *resource = changed;
                    }
                    continue;
                }
                budget.spend_made(value.len() + target.field_path.len())?;
                let key = resource.key();
                let spot = slot(&mut resource.object, &parts).ok_or_else(|| {
                    let why = format!("{} of {key} is a list or a mapping", limit::cut(&target.field_path));
                    place.fail(&format!("{below}.fieldPath"), why)
                })?;
                budget.spend(spot.as_str().map_or(0, str::len))?;
                let new = match usize::try_from(target.file_path_position).unwrap_or_default() {
                    0 => value.to_owned(),
                    position => inserted(spot.as_str().unwrap_or_default(), position - 1, value),
                };
                *spot = new.into();
            }
        }
        Ok(())
    }
}

/// The place of a field, made if it is missing; `None` when something else is there.
fn slot<'a>(object: &'a mut Value, parts: &[String]) -> Option<&'a mut Value> {
    let mut place = object;
    for part in parts {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        place = place.as_object_mut()?.entry(part.clone()).or_insert(Value::Null);
    }
    (!place.is_object() && !place.is_array()).then_some(place)
}

/// A path with a part added at a position; a position behind the end is the end.
fn inserted(path: &str, position: usize, part: &str) -> String {
    let root = if path.starts_with('/') { "/" } else { "" };
    let mut parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    parts.insert(position.min(parts.len()), part);
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::inserted;

    #[test]
    fn parts_are_added_to_paths() {
        for (path, position, expect) in [
            ("", 3, "P"),
            ("/", 0, "/P"),
            ("pie", 0, "P/pie"),
            ("/pie", 0, "/P/pie"),
            ("raw", 1, "raw/P"),
            ("/a/b", 9, "/a/b/P"),
            ("a/b/c", 2, "a/b/P/c"),
        ] {
            assert_eq!(inserted(path, position, "P"), expect, "{path} {position}");
        }
    }
}
