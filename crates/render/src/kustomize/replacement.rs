//! `replacements` and the ReplacementTransformer: the value of one field goes to others
//! (`kustomize/api/filters/replacement`).
//!
//! A value is moved as it is written: the field that it goes to keeps its own type, if it is there already.

use model::{limit, object};
use serde_json::Value;

use super::Context;
use super::entry::{FieldOptions, Replacement, Source, Target};
use super::fieldpath::FieldPath;
use super::place::Place;
use super::resource::{ClusterKinds, KEY_BYTES, Resource, Resources, effective_namespace};
use super::selector::{Compiled, Id, Selector};
use super::structured;
use super::value_text::{plain, set_text, text_of};
use crate::error::RenderError;
use crate::files::Files;

/// The field that is meant when none is named.
const DEFAULT_PATH: &str = "metadata.name";

/// The namespace of objects that have none, where earlier names are compared.
const NO_NAMESPACE: &str = "_non_namespaceable_";

/// The entries of a list, each with its field, with those that are in files of their own.
///
/// # Errors
/// A file that cannot be read, or that is no replacement.
pub(crate) fn read(
    files: &Files<'_>,
    place: Place<'_>,
    entries: &[Replacement],
) -> Result<Vec<(String, String, Replacement)>, RenderError> {
    let mut all = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let below = format!("[{at}]");
        if entry.path.is_empty() {
            all.push((place.file.to_owned(), place.below(&below), entry.clone()));
            continue;
        }
        if entry.source.is_some() || entry.targets.is_some() || entry.source_value.is_some() {
            return Err(place.fail(&below, "give either path, or source and targets"));
        }
        let path = place.path(&format!("{below}.path"), &entry.path)?;
        match files.document(&path, &place.asked_by(&format!("{below}.path")))? {
            Value::Array(items) => {
                for (number, item) in items.into_iter().enumerate() {
                    let field = format!("[{number}]");
                    let typed = super::file::typed(&path, &field, item)?;
                    all.push((path.clone(), field, typed));
                }
            }
            one => all.push((path.clone(), String::new(), super::file::typed(&path, "", one)?)),
        }
    }
    Ok(all)
}

/// Carries out one replacement.
///
/// # Errors
/// The source or a target is not there, or there is more than one source. The budget is spent.
pub(crate) fn apply(
    context: &Context<'_>,
    place: Place<'_>,
    replacement: &Replacement,
    all: &mut Resources,
) -> Result<(), RenderError> {
    let Some(targets) = &replacement.targets else { return Err(place.fail(".targets", "it is missing")) };
    let value = match (&replacement.source, &replacement.source_value) {
        (Some(source), None) => taken(context, place, source, all)?,
        (None, Some(text)) => {
            context.budget().spend(text.len())?;
            Taken::Text(text.clone())
        }
        (Some(_), Some(_)) => return Err(place.fail("", "give either source or sourceValue")),
        (None, None) => return Err(place.fail(".source", "it is missing")),
    };
    for (at, target) in targets.iter().enumerate() {
        let field = place.below(&format!(".targets[{at}]"));
        give(context, place.at(&field), target, &value, all)?;
    }
    Ok(())
}

/// A value on its way.
enum Taken {
    /// Text without a type: it is what it looks like where nothing else says so.
    Text(String),
    Value(Value),
}

impl Taken {
    /// The value as it is put where there is nothing, or a list or mapping.
    fn value(&self) -> Value {
        match self {
            Self::Text(text) => plain(text),
            Self::Value(value) => value.clone(),
        }
    }

    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Value(value) => text_of(value),
        }
    }
}

/// Everything that an object is called, now and before.
fn ids(resource: &Resource) -> Vec<[String; 5]> {
    let gvk = object::gvk(&resource.object).unwrap_or_default();
    let namespaced = resource.namespaced(&ClusterKinds::new());
    let mut ids = vec![resource.key()];
    ids.extend(resource.earlier.iter().cloned());
    let id = |(at, key): (usize, model::ObjectKey)| {
        let namespace = match (at, namespaced) {
            (0, _) => key.namespace,
            (_, true) => effective_namespace(&key.namespace).to_owned(),
            (_, false) => NO_NAMESPACE.to_owned(),
        };
        [gvk.group.clone(), gvk.version.clone(), key.kind, key.name, namespace]
    };
    ids.into_iter().enumerate().map(id).collect()
}

fn id(parts: &[String; 5]) -> Id<'_> {
    let [group, version, kind, name, namespace] = parts;
    Id { group, version, kind, name, namespace }
}

/// The value of the source.
fn taken(context: &Context<'_>, place: Place<'_>, source: &Source, all: &Resources) -> Result<Taken, RenderError> {
    let budget = context.budget();
    let Source { group, version, kind, name, namespace, field_path, options } = source;
    let any = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
    let space =
        |text: &str| if text == NO_NAMESPACE { NO_NAMESPACE.to_owned() } else { effective_namespace(text).to_owned() };
    let mut found: Option<&Resource> = None;
    for resource in &all.0 {
        budget.spend(KEY_BYTES + resource.earlier_weight())?;
        let ids = ids(resource);
        let selected = ids.iter().map(id).any(|id| {
            any(group, id.group)
                && any(version, id.version)
                && any(kind, id.kind)
                && any(name, id.name)
                && (namespace.is_empty() || space(namespace) == space(id.namespace))
        });
        if !selected {
            continue;
        }
        if let Some(first) = found {
            let (first, second) = (&first.location, &resource.location);
            return Err(RenderError::ambiguous(
                place.file,
                &place.below(".source"),
                source_text(source),
                first,
                second,
            ));
        }
        found = Some(resource);
    }
    let Some(resource) = found else {
        let (file, field) = (place.file.to_owned(), place.below(".source"));
        return Err(RenderError::NoTarget { file, field, target: source_text(source) });
    };
    let text = if field_path.is_empty() { DEFAULT_PATH } else { field_path };
    let path = FieldPath::parse(text).map_err(|why| place.fail(".source.fieldPath", why))?;
    budget.spend(object::weight(&resource.object))?;
    let value = path.read(&resource.object).map_err(|why| place.fail(".source.fieldPath", why))?;
    let empty = |value: &&Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    let Some(value) = value.filter(|value| !empty(value)) else {
        let why = format!("{} has no {}, or it is empty", resource.key(), limit::cut(text));
        return Err(place.fail(".source.fieldPath", why));
    };
    let Some(FieldOptions { delimiter, index, .. }) = options.as_ref().filter(|o| !o.delimiter.is_empty()) else {
        return Ok(Taken::Value(value.clone()));
    };
    let text = text_of(value).ok_or_else(|| {
        place.fail(".source.options.delimiter", "the field is a list or a mapping, so it has no parts")
    })?;
    let part = usize::try_from(*index).ok().and_then(|at| text.split(delimiter.as_str()).nth(at));
    let part = part.ok_or_else(|| place.fail(".source.options.index", format!("the field has no part {index}")))?;
    let mut refined = value.clone();
    // A part of a number may be none: then it is text.
    if set_text(&mut refined, part).is_err() {
        refined = part.into();
    }
    Ok(Taken::Value(refined))
}

fn source_text(source: &Source) -> String {
    let Source { group, version, kind, name, namespace, .. } = source;
    let selector = Selector {
        group: group.clone(),
        version: version.clone(),
        kind: kind.clone(),
        name: name.clone(),
        namespace: namespace.clone(),
        ..Selector::default()
    };
    selector.to_string().replacen("target", "source", 1)
}

/// Puts the value into the fields of a target.
fn give(
    context: &Context<'_>,
    place: Place<'_>,
    target: &Target,
    value: &Taken,
    all: &mut Resources,
) -> Result<(), RenderError> {
    let budget = context.budget();
    let Some(select) = &target.select else { return Err(place.fail(".select", "it is missing")) };
    let compile = |selector: &Selector, below: &str| -> Result<Compiled, RenderError> {
        let compiled = selector.compile(budget)?;
        compiled.map_err(|(name, why)| place.fail(&format!("{below}.{name}"), why))
    };
    let selected = compile(select, ".select")?;
    let mut rejected = Vec::new();
    for (at, reject) in target.reject.iter().enumerate() {
        rejected.push((reject, compile(reject, &format!(".reject[{at}]"))?));
    }
    let default = [DEFAULT_PATH.to_owned()];
    let paths = if target.field_paths.is_empty() { &default[..] } else { &target.field_paths };
    let mut parsed = Vec::new();
    for (at, text) in paths.iter().enumerate() {
        let path = FieldPath::parse(text).map_err(|why| place.fail(&format!(".fieldPaths[{at}]"), why))?;
        parsed.push((format!(".fieldPaths[{at}]"), text, path));
    }
    budget.spend((select.len() + parsed.len()).saturating_mul(all.0.len()))?;
    for resource in &mut all.0 {
        budget.spend((KEY_BYTES + resource.earlier_weight()).saturating_mul(1 + rejected.len()))?;
        if !is_target(context, resource, &selected, &rejected)? {
            continue;
        }
        for (below, text, path) in &parsed {
            // Each part may be looked for in all of the object, also to find text with a structure of its own.
            budget.spend(object::weight(&resource.object).saturating_mul(1 + path.0.len()))?;
            let done = set(context, &mut resource.object, path, target.options.as_ref(), value)?;
            let why = match done {
                Ok(0) => "it is not there; with options.create it is added".to_owned(),
                Ok(_) => continue,
                Err(why) => why,
            };
            let why = format!("{} {}: {why}", resource.key(), limit::cut(text));
            return Err(place.fail(below, why));
        }
    }
    Ok(())
}

fn is_target(
    context: &Context<'_>,
    resource: &Resource,
    selected: &Compiled,
    rejected: &[(&Selector, Compiled)],
) -> Result<bool, RenderError> {
    let budget = context.budget();
    if !selected.selects_metadata(&resource.object, budget)? {
        return Ok(false);
    }
    let ids = ids(resource);
    let any = |compiled: &Compiled| -> Result<bool, RenderError> {
        for parts in &ids {
            if compiled.selects_id(&id(parts), budget)? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    for (selector, compiled) in rejected {
        // What a rejection says of names and what it says of labels are two reasons.
        let by_labels = !selector.labels_nothing() && compiled.selects_metadata(&resource.object, budget)?;
        if by_labels || (!selector.names_nothing() && any(compiled)?) {
            return Ok(false);
        }
    }
    any(selected)
}

/// Puts the value into the fields at a path. Returns how many there were; an error inside says why the path or the value
/// does not fit.
fn set(
    context: &Context<'_>,
    object: &mut Value,
    path: &FieldPath,
    options: Option<&FieldOptions>,
    value: &Taken,
) -> Result<Result<usize, String>, RenderError> {
    let create = options.is_some_and(|options| options.create);
    // A mapping is added as one, and text as nothing yet: it is what it looks like.
    let fresh = match value {
        Taken::Value(Value::Array(_)) => Value::Array(Vec::new()),
        Taken::Value(Value::Object(_)) => Value::Object(serde_json::Map::new()),
        _ => Value::Null,
    };
    let fresh = create.then_some(&fresh);
    if let Some(done) = structured::set(context, object, path, fresh, &mut |place| one(place, None, value))? {
        return Ok(done);
    }
    let budget = context.budget();
    let mut wrong = None;
    let found = path.each(object, fresh, budget, &mut |place| {
        budget.spend_made(value.text().map_or_else(|| object::weight(&value.value()), |text| text.len()))?;
        if let Err(why) = one(place, options, value) {
            wrong.get_or_insert(why);
        }
        Ok(())
    })?;
    Ok(match wrong {
        Some(why) => Err(why),
        None => found,
    })
}

/// Puts the value into one field, or into a part of it.
fn one(place: &mut Value, options: Option<&FieldOptions>, value: &Taken) -> Result<(), String> {
    let Some(FieldOptions { delimiter, index, .. }) = options.filter(|o| !o.delimiter.is_empty()) else {
        match (&*place, value.text()) {
            (Value::Array(_) | Value::Object(_), _) => *place = value.value(),
            (Value::Null, None) => *place = value.value(),
            (_, Some(text)) => set_text(place, &text)?,
            (_, None) => return Err("the value is a list or a mapping, and the field is neither".into()),
        }
        return Ok(());
    };
    let whole = match &*place {
        Value::Null => Some(String::new()),
        place => text_of(place),
    };
    let (Some(whole), Some(text)) = (whole, value.text()) else {
        return Err("a list or a mapping has no parts, so options.delimiter cannot be used".into());
    };
    let mut parts: Vec<&str> = whole.split(delimiter.as_str()).collect();
    match usize::try_from(*index) {
        Err(_) => parts.insert(0, &text),
        Ok(at) if at >= parts.len() => parts.push(&text),
        Ok(at) => parts[at] = &text,
    }
    set_text(place, &parts.join(delimiter))
}

#[cfg(test)]
mod tests;
