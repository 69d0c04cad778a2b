//! `configMapGenerator` and `secretGenerator`.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use model::{object, tree};
use serde_json::{Map, Value, json};

use super::file::{Generator, GeneratorOptions, Kustomization, Scalar};
use super::layer::STEP_BYTES;
use super::resource::{Behavior, Keys, Resource, Resources};
use crate::error::RenderError;
use crate::files::Files;
use crate::object::Location;

/// What an entry of a map takes beside its name and value, as `model::object::weight` counts it.
pub(crate) const ENTRY_BYTES: usize = 7;

/// Adds what a kustomization file generates.
pub(crate) fn generate(files: &Files<'_>, file: &Kustomization, all: &mut Resources) -> Result<(), RenderError> {
    if file.config_maps.is_empty() && file.secrets.is_empty() {
        return Ok(());
    }
    let mut keys = Keys::of(all, files.budget())?;
    // Each generated object gets all of the shared options.
    let shared = pairs_weight(&file.options.labels) + pairs_weight(&file.options.annotations);
    for (field, generators) in [("configMapGenerator", &file.config_maps), ("secretGenerator", &file.secrets)] {
        for (at, generator) in generators.iter().enumerate() {
            let field = format!("{field}[{at}]");
            let secret = field.starts_with('s');
            files.budget().spend_made(shared)?;
            let (resource, behavior) = generated(files, file, generator, &field, secret)?;
            let weight = object::weight(&resource.object);
            files.budget().spend_made(weight)?;
            files.budget().spend(weight + STEP_BYTES)?;
            add(files, all, &mut keys, resource, behavior, file, &field)?;
        }
    }
    Ok(())
}

/// About how many bytes these entries take in an object.
pub(super) fn pairs_weight(pairs: &BTreeMap<String, Scalar>) -> usize {
    pairs.iter().map(|(name, value)| name.len() + value.0.len() + ENTRY_BYTES).sum()
}

/// One value of the data.
enum Datum {
    Text(String),
    Binary(Vec<u8>),
}

fn generated(
    files: &Files<'_>,
    file: &Kustomization,
    generator: &Generator,
    field: &str,
    secret: bool,
) -> Result<(Resource, Behavior), RenderError> {
    let fail = |below: &str, why: String| RenderError::field(&file.file, format!("{field}{below}"), why);
    if generator.name.is_empty() {
        return Err(fail(".name", "it is missing".into()));
    }
    let behavior = match generator.behavior.as_str() {
        "" | "create" => Behavior::Create,
        "replace" => Behavior::Replace,
        "merge" => Behavior::Merge,
        other => return Err(fail(".behavior", format!("{other:?} is none of create, replace, merge"))),
    };
    let mut data: BTreeMap<String, Datum> = BTreeMap::new();
    let mut put = |key: &str, datum: Datum, below: String| {
        let valid = !key.is_empty()
            && key.len() <= 253
            && key.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
            && key != "."
            && !key.starts_with("..");
        if !valid {
            return Err(fail(&below, format!("{key:?} is not a key of data: use letters, digits, '-', '_' and '.'")));
        }
        match data.insert(key.to_owned(), datum) {
            Some(_) => Err(fail(&below, format!("the key {key:?} is there twice"))),
            None => Ok(()),
        }
    };
    let env_files = generator.envs.iter().chain(std::iter::once(&generator.env).filter(|e| !e.is_empty()));
    for (at, path) in env_files.enumerate() {
        let path = path_in(&file.dir, path).map_err(|e| fail(&format!(".envs[{at}]"), e))?;
        let text = files.text(&path, &format!("{}: {field}.envs[{at}]", file.file))?;
        for (line, content) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let content = content.trim_start();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let below = format!(".envs[{at}]");
            let Some((key, value)) = content.split_once('=') else {
                let why = format!(
                    "{path} line {}: KEY=VALUE is expected; a value is never taken from the environment",
                    line + 1
                );
                return Err(fail(&below, why));
            };
            put(key, Datum::Text(value.to_owned()), below)?;
        }
    }
    for (at, entry) in generator.files.iter().enumerate() {
        let below = format!(".files[{at}]");
        let (key, path) = match entry.split_once('=') {
            Some((key, path)) => (key.to_owned(), path),
            None => (entry.rsplit('/').next().unwrap_or(entry).to_owned(), entry.as_str()),
        };
        let path = path_in(&file.dir, path).map_err(|e| fail(&below, e))?;
        let bytes = files.bytes(&path, &format!("{}: {field}{below}", file.file))?;
        let datum = match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Datum::Text(text),
            Err(_) => Datum::Binary(bytes.to_vec()),
        };
        put(&key, datum, below)?;
    }
    for (at, literal) in generator.literals.iter().enumerate() {
        let below = format!(".literals[{at}]");
        // The error does not repeat the literal, which may be secret.
        let (key, value) = literal.split_once('=').ok_or_else(|| fail(&below, "KEY=VALUE is expected".into()))?;
        put(key, Datum::Text(unquote(value).to_owned()), below)?;
    }
    let object = content(generator, &file.options, secret, data);
    let document =
        field.trim_end_matches(']').rsplit('[').next().and_then(|n| n.parse::<usize>().ok()).unwrap_or(0) + 1;
    let mut resource = Resource::new(object, Location { file: file.file.clone(), document });
    let own = generator.options.as_ref();
    resource.hashed = !(file.options.disable_name_suffix_hash || own.is_some_and(|o| o.disable_name_suffix_hash));
    Ok((resource, behavior))
}

fn content(generator: &Generator, shared: &GeneratorOptions, secret: bool, data: BTreeMap<String, Datum>) -> Value {
    let mut object = json!({
        "apiVersion": "v1",
        "kind": if secret { "Secret" } else { "ConfigMap" },
        "metadata": { "name": generator.name },
    });
    if secret {
        let kind = if generator.secret_type.is_empty() { "Opaque" } else { &generator.secret_type };
        object["type"] = kind.into();
    }
    if !generator.namespace.is_empty() {
        object["metadata"]["namespace"] = generator.namespace.clone().into();
    }
    for (key, datum) in data {
        let (place, value) = match datum {
            Datum::Text(text) if secret => ("data", BASE64.encode(text.as_bytes())),
            Datum::Text(text) => ("data", text),
            Datum::Binary(bytes) if secret => ("data", BASE64.encode(&bytes)),
            Datum::Binary(bytes) => ("binaryData", BASE64.encode(&bytes)),
        };
        object[place][key] = value.into();
    }
    let own = generator.options.clone().unwrap_or_default();
    let both = |shared: &BTreeMap<String, Scalar>, own: &BTreeMap<String, Scalar>| -> Map<String, Value> {
        shared.iter().chain(own).map(|(k, v)| (k.clone(), v.0.clone().into())).collect()
    };
    for (name, map) in
        [("labels", both(&shared.labels, &own.labels)), ("annotations", both(&shared.annotations, &own.annotations))]
    {
        if !map.is_empty() {
            object["metadata"][name] = Value::Object(map);
        }
    }
    if shared.immutable || own.immutable {
        object["immutable"] = true.into();
    }
    object
}

/// Adds a generated object, or changes the one that is there, which keeps its key.
fn add(
    files: &Files<'_>,
    all: &mut Resources,
    keys: &mut Keys,
    mut new: Resource,
    behavior: Behavior,
    file: &Kustomization,
    field: &str,
) -> Result<(), RenderError> {
    let key = new.key();
    let (target, file) = (key.to_string(), file.file.clone());
    match (keys.find(&key), behavior) {
        ([], Behavior::Create) => {
            keys.insert(all.0.len(), &new);
            all.append(vec![new])
        }
        ([], _) => Err(RenderError::NoTarget { file, field: format!("{field}.behavior"), target }),
        ([at], Behavior::Create) => Err(RenderError::collision(&key, &all.0[*at].location, &new.location)),
        ([at], _) => {
            let old = &mut all.0[*at];
            // Its labels, annotations and data are copied.
            files.budget().spend(object::weight(&old.object))?;
            for name in ["labels", "annotations"] {
                let mut merged = old.object["metadata"].get(name).cloned().unwrap_or_else(|| json!({}));
                extend(&mut merged, new.object["metadata"].get(name));
                if merged.as_object().is_some_and(|m| !m.is_empty()) {
                    new.object["metadata"][name] = merged;
                }
            }
            for name in ["name", "namespace"] {
                if let Some(value) = old.object["metadata"].get(name) {
                    new.object["metadata"][name] = value.clone();
                }
            }
            if behavior == Behavior::Merge {
                for name in ["data", "binaryData"] {
                    let Some(mut merged) = old.object.get(name).cloned() else { continue };
                    extend(&mut merged, new.object.get(name));
                    new.object[name] = merged;
                }
            }
            old.object = new.object;
            // Once a layer switched the suffix off, it stays off.
            old.hashed &= new.hashed;
            Ok(())
        }
        ([first, second, ..], _) => {
            Err(RenderError::ambiguous(&file, field, target, &all.0[*first].location, &all.0[*second].location))
        }
    }
}

fn extend(map: &mut Value, more: Option<&Value>) {
    if let (Value::Object(map), Some(Value::Object(more))) = (map, more) {
        map.extend(more.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
}

fn path_in(dir: &str, path: &str) -> Result<String, String> {
    tree::normalize(dir, path).map_err(|e| e.to_string())
}

/// Removes one pair of quotes around the whole text.
fn unquote(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote)) {
            return inner;
        }
    }
    text
}
