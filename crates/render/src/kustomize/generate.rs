//! `configMapGenerator` and `secretGenerator`, and the generators of these names.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use model::{limit, object};
use serde_json::{Map, Value, json};

use super::Context;
use super::entry::{Generator, GeneratorOptions, Pairs};
use super::layer::STEP_BYTES;
use super::place::Place;
use super::resource::{Behavior, Keys, Resource, Resources};
use crate::error::RenderError;
use crate::object::Location;

/// What an entry of a map takes beside its name and value, as `model::object::weight` counts it.
pub(crate) const ENTRY_BYTES: usize = 7;

/// What a generator makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    ConfigMap,
    Secret,
}

/// A generator, and where it is written.
pub(crate) struct Written<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) location: Location,
    pub(crate) made: Made,
    pub(crate) generator: &'a Generator,
    /// Options of all generators of the file.
    pub(crate) shared: &'a GeneratorOptions,
}

/// Adds a generated object, or changes the one that is there. `keys` are those of all objects.
///
/// # Errors
/// What is wrong with the generator. The budget is spent.
pub(crate) fn generate(
    context: &Context<'_>,
    written: &Written<'_>,
    all: &mut Resources,
    keys: &mut Keys,
) -> Result<(), RenderError> {
    let budget = context.budget();
    // Each generated object gets all of the shared options.
    budget.spend_made(pairs_weight(&written.shared.labels) + pairs_weight(&written.shared.annotations))?;
    let (resource, behavior) = generated(context, written)?;
    let weight = object::weight(&resource.object);
    budget.spend_made(weight)?;
    budget.spend(weight + STEP_BYTES)?;
    add(context, all, keys, resource, behavior, written.place)
}

/// About how many bytes these entries take in an object.
pub(super) fn pairs_weight(pairs: &Pairs) -> usize {
    pairs.iter().map(|(name, value)| name.len() + value.0.len() + ENTRY_BYTES).sum()
}

/// One value of the data.
enum Datum {
    Text(String),
    Binary(Vec<u8>),
}

/// Whether a server takes a text as a key of data.
fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= 253
        && key.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
        && key != "."
        && !key.starts_with("..")
}

fn generated(context: &Context<'_>, written: &Written<'_>) -> Result<(Resource, Behavior), RenderError> {
    let Written { place, location, made, generator, shared } = written;
    let (files, place) = (context.files, *place);
    if generator.name.is_empty() {
        return Err(place.fail(".name", "it is missing"));
    }
    let behavior = match generator.behavior.as_str() {
        "replace" => Behavior::Replace,
        "merge" => Behavior::Merge,
        // As in kustomize, a word that it does not know means `create`.
        _ => Behavior::Create,
    };
    let mut data: BTreeMap<String, Datum> = BTreeMap::new();
    let mut put = |key: &str, datum: Datum, below: String| {
        if !is_key(key) {
            let why = format!("{:?} is not a key of data: use letters, digits, '-', '_' and '.'", limit::cut(key));
            return Err(place.fail(&below, why));
        }
        match data.insert(key.to_owned(), datum) {
            Some(_) => Err(place.fail(&below, format!("the key {key:?} is there twice"))),
            None => Ok(()),
        }
    };
    let env_files = generator.envs.iter().chain(std::iter::once(&generator.env).filter(|e| !e.is_empty()));
    for (at, path) in env_files.enumerate() {
        let below = format!(".envs[{at}]");
        let (text, path) = place.text(files, &below, path)?;
        for (line, content) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let content = content.trim_start();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            // A line without a value has an empty one. It is never taken from the environment.
            let (key, value) = content.split_once('=').unwrap_or((content, ""));
            if key == "sops_mac" {
                return Err(place.fail(&below, format!("{path} is encrypted with SOPS, which is not decrypted here")));
            }
            if !is_key(key) {
                // The error does not repeat the line, which may be secret.
                return Err(place.fail(&below, format!("{path} line {}: KEY=VALUE is expected", line + 1)));
            }
            put(key, Datum::Text(value.to_owned()), below.clone())?;
        }
    }
    for (at, entry) in generator.files.iter().enumerate() {
        let below = format!(".files[{at}]");
        let (key, path) = match entry.split_once('=') {
            Some((key, path)) => (key.to_owned(), path),
            None => (entry.rsplit('/').next().unwrap_or(entry).to_owned(), entry.as_str()),
        };
        let path = place.path(&below, path)?;
        let bytes = files.bytes(&path, &place.asked_by(&below))?;
        let datum = match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Datum::Text(text),
            Err(_) => Datum::Binary(bytes.to_vec()),
        };
        put(&key, datum, below)?;
    }
    for (at, literal) in generator.literals.iter().enumerate() {
        let below = format!(".literals[{at}]");
        // The error does not repeat the literal, which may be secret.
        let (key, value) = literal.split_once('=').ok_or_else(|| place.fail(&below, "KEY=VALUE is expected"))?;
        put(key, Datum::Text(unquote(value).to_owned()), below)?;
    }
    let object = content(generator, shared, *made == Made::Secret, data);
    let mut resource = Resource::new(object, location.clone());
    let own = generator.options.as_ref();
    resource.hashed = !(shared.disable_name_suffix_hash || own.is_some_and(|o| o.disable_name_suffix_hash));
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
        object["data"] = json!({});
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
    let both = |shared: &Pairs, own: &Pairs| -> Map<String, Value> {
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
    context: &Context<'_>,
    all: &mut Resources,
    keys: &mut Keys,
    mut new: Resource,
    behavior: Behavior,
    place: Place<'_>,
) -> Result<(), RenderError> {
    let key = new.key();
    let (target, file) = (key.to_string(), place.file.to_owned());
    match (keys.find(&key), behavior) {
        ([], Behavior::Create) => {
            keys.insert(all.0.len(), &new);
            all.append(vec![new])
        }
        ([], _) => Err(RenderError::NoTarget { file, field: place.below(".behavior"), target }),
        ([at], Behavior::Create) => Err(RenderError::collision(&key, &all.0[*at].location, &new.location)),
        ([at], _) => {
            let old = &mut all.0[*at];
            // Its labels, annotations and data are copied.
            context.budget().spend(object::weight(&old.object))?;
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
        ([first, second, ..], _) => Err(RenderError::ambiguous(
            &file,
            &place.below(""),
            target,
            &all.0[*first].location,
            &all.0[*second].location,
        )),
    }
}

fn extend(map: &mut Value, more: Option<&Value>) {
    if let (Value::Object(map), Some(Value::Object(more))) = (map, more) {
        map.extend(more.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
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
