//! The texts of `kubectl explain` for kinds whose schemas are published by others (`crds/descriptions.txt`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

const TEXT: &str = include_str!("../crds/descriptions.txt");
/// The section of paths that mean the same in every kind.
const ANY: &str = "any";
/// Stands for the kind itself.
const ROOT: &str = "(kind)";

/// Descriptions by section and path.
struct Texts(BTreeMap<&'static str, BTreeMap<&'static str, &'static str>>);

impl Texts {
    fn read() -> Self {
        let mut sections: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        let mut section = ANY;
        for line in TEXT.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
            } else if let Some((path, text)) = line.split_once(": ") {
                sections.entry(section).or_default().insert(path, text);
            }
        }
        Self(sections)
    }

    /// The text for a path of a kind: its own, else the one of the longest end of the path.
    fn find(&self, kind: &str, path: &str) -> Option<&'static str> {
        let own = self.0.get(kind).and_then(|texts| texts.get(path));
        let any = self.0.get(ANY)?;
        let mut end = Some(path);
        while let (None, Some(at)) = (own, end) {
            if let Some(text) = any.get(at) {
                return Some(text);
            }
            end = at.split_once('.').map(|(_, rest)| rest);
        }
        own.copied()
    }
}

/// Describes the fields of a CRD's versions that have no description yet.
pub(crate) fn describe(crd: &mut Value) {
    let texts = Texts::read();
    let kind = model::object::get_str(crd, &["spec", "names", "kind"]).unwrap_or_default().to_owned();
    for version in crd.pointer_mut("/spec/versions").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
            if let Some(text) = texts.find(&kind, ROOT) {
                schema["description"] = json!(text);
            }
            walk(schema, &mut String::new(), &mut |path, field| {
                if let Some(text) = texts.find(&kind, path).filter(|_| field.get("description").is_none()) {
                    field["description"] = json!(text);
                }
            });
        }
    }
}

/// Calls `visit` for each field below a schema, with its path: `*` is an item of a list, `{}` a value of a map.
fn walk(schema: &mut Value, path: &mut String, visit: &mut dyn FnMut(&str, &mut Value)) {
    let above = path.len();
    let mut below = |name: &str, schema: &mut Value, path: &mut String, is_field: bool| {
        if above > 0 {
            path.push('.');
        }
        path.push_str(name);
        if is_field {
            visit(path, schema);
        }
        walk(schema, path, visit);
        path.truncate(above);
    };
    for (name, field) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        below(name, field, path, true);
    }
    for (part, name) in [("items", "*"), ("additionalProperties", "{}")] {
        if let Some(inner) = schema.get_mut(part).filter(|inner| inner.is_object()) {
            below(name, inner, path, false);
        }
    }
}

#[cfg(test)]
mod tests;
