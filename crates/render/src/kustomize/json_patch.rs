//! JSON 6902 patches as kustomize takes them: it uses `evanphx/json-patch`, version 4, which is more lenient than the RFC
//! and than the API server (`apimachinery::patch::json`).
//!
//! | operation | what it takes that the RFC refuses |
//! |---|---|
//! | `replace` | a field that is not there: it is added |
//! | all, below a list | negative indices, from the end: `add` at `-1` appends |
//! | `test` | a field that is not there, against `null` |
//! | `copy` | a field that is not there: `null` is copied |
//! | all | a path that does not begin with a slash: what stands before the first one is not read |

use model::{limit, object};
use serde::Deserialize;
use serde_json::Value;

use crate::error::without_values;

/// How many operations one patch may have, as in kube-apiserver. Each may copy the document.
const OPERATIONS_MAX: usize = 10_000;

/// Bytes that the copies of one patch may add up to, as in kube-apiserver: a copy of a parent into its child doubles it, so
/// that forty short operations would ask for a terabyte.
const COPIED_BYTES_MAX: usize = limit::OBJECT_BYTES_MAX;

/// Bytes that the moves of one patch may add up to. A move costs nothing by itself, but how deep it nests has to be looked
/// at: sixteen moves of the largest object take some 100 ms, ten thousand would take a minute.
const MOVED_BYTES_MAX: usize = 16 * limit::OBJECT_BYTES_MAX;

/// One operation.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Operation {
    op: Kind,
    path: Option<String>,
    from: Option<String>,
    value: Value,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
    #[default]
    Missing,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
            Self::Move => "move",
            Self::Copy => "copy",
            Self::Test => "test",
            Self::Missing => "",
        }
    }
}

/// A patch that was read.
#[derive(Debug)]
pub(crate) struct JsonPatch(Vec<Operation>);

impl JsonPatch {
    /// Reads a list of operations.
    ///
    /// # Errors
    /// What is wrong with it, without values, which may be secret.
    pub(crate) fn parse(operations: &Value) -> Result<Self, String> {
        let items = operations.as_array().map_or(&[][..], Vec::as_slice);
        if items.len() > OPERATIONS_MAX {
            return Err(format!("{} operations, and {OPERATIONS_MAX} are the most: split the patch", items.len()));
        }
        let read = |(index, item): (usize, &Value)| {
            let why = |why: &str| format!("not a JSON patch: operation {index}: {why}");
            let operation: Operation =
                serde_json::from_value(item.clone()).map_err(|e| why(&without_values(&e.to_string())))?;
            let needs_from = matches!(operation.op, Kind::Move | Kind::Copy);
            match operation {
                Operation { op: Kind::Missing, .. } => Err(why("`op` is missing")),
                Operation { path: None, .. } => Err(why("`path` is missing")),
                Operation { from: None, .. } if needs_from => Err(why("`from` is missing")),
                operation => Ok(operation),
            }
        };
        items.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// How many operations it has.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Applies the operations in order, and returns the new document.
    ///
    /// # Errors
    /// The first operation that fails, and why.
    pub(crate) fn apply(&self, object: &Value) -> Result<Value, String> {
        let mut out = object.clone();
        let mut bounds = Bounds::default();
        for (index, operation) in self.0.iter().enumerate() {
            let path = operation.path.as_deref().unwrap_or_default();
            bounds
                .run(&mut out, operation, path)
                .map_err(|why| format!("operation {index} ({} {}): {why}", operation.op.word(), limit::cut(path)))?;
        }
        Ok(out)
    }
}

/// What the operations so far have copied and moved.
#[derive(Default)]
struct Bounds {
    copied: usize,
    moved: usize,
}

impl Bounds {
    fn run(&mut self, doc: &mut Value, operation: &Operation, path: &str) -> Result<(), String> {
        let from = operation.from.as_deref().unwrap_or_default();
        match operation.op {
            Kind::Add => {
                let value = operation.value.clone();
                nests(path, &value)?;
                container(doc, path).and_then(|(place, key)| add(place, &key, value))
            }
            Kind::Remove => container(doc, path).and_then(|(place, key)| take_out(place, &key)).map(drop),
            Kind::Replace => {
                let value = operation.value.clone();
                nests(path, &value)?;
                if path.is_empty() {
                    if !value.is_object() {
                        return Err("an object cannot become something else than a mapping".into());
                    }
                    *doc = value;
                    return Ok(());
                }
                container(doc, path).and_then(|(place, key)| set(place, &key, value))
            }
            Kind::Move => {
                let value = container(doc, from).and_then(|(place, key)| take_out(place, &key))?;
                self.moved += object::weight(&value);
                if self.moved > MOVED_BYTES_MAX {
                    return Err(format!("the moves of this patch exceed {MOVED_BYTES_MAX} bytes: split the patch"));
                }
                nests(path, &value)?;
                container(doc, path).and_then(|(place, key)| add(place, &key, value))
            }
            Kind::Copy => {
                let source = container(doc, from).and_then(|(place, key)| get(place, &key))?;
                let source = source.unwrap_or(&Value::Null);
                self.copied += object::weight(source);
                if self.copied > COPIED_BYTES_MAX {
                    return Err(format!("the copies of this patch exceed {COPIED_BYTES_MAX} bytes: split the patch"));
                }
                nests(path, source)?;
                let value = source.clone();
                container(doc, path).and_then(|(place, key)| add(place, &key, value))
            }
            Kind::Test if path.is_empty() => {
                if *doc == operation.value {
                    Ok(())
                } else {
                    Err("the object is not what it tests for".into())
                }
            }
            Kind::Test => {
                let (place, key) = container(doc, path)?;
                match get(place, &key)? {
                    Some(value) if *value == operation.value => Ok(()),
                    None if operation.value.is_null() => Ok(()),
                    Some(_) => Err("the field is not what it tests for".into()),
                    None => Err("the field that it tests is not there".into()),
                }
            }
            Kind::Missing => Err("`op` is missing".into()),
        }
    }
}

/// Refuses an operation after which the document would nest too deep to be handled at all.
fn nests(path: &str, value: &Value) -> Result<(), String> {
    if path.split('/').count() + object::depth(value) > limit::NESTING_MAX {
        return Err(format!("the result would nest deeper than {} levels", limit::NESTING_MAX));
    }
    Ok(())
}

/// The mapping or list that a path leads into, and the last part of the path.
fn container<'a>(doc: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), String> {
    // What stands before the first slash is not read.
    let Some((_, path)) = path.split_once('/') else {
        return Err(format!("the path has no slash: write /{}", limit::cut(path)));
    };
    let mut place = doc;
    let mut done = String::new();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let name = part.replace("~1", "/").replace("~0", "~");
        if parts.peek().is_none() {
            return match place {
                Value::Object(_) | Value::Array(_) => Ok((place, name)),
                _ => Err(format!("{} is neither a mapping nor a list", limit::cut(&done))),
            };
        }
        done.push('/');
        done.push_str(part);
        let inner = match place {
            Value::Object(map) => map.get_mut(&name),
            Value::Array(items) => index(&name, items.len(), items.len()).ok().and_then(|at| items.get_mut(at)),
            _ => None,
        };
        place = inner.filter(|inner| !inner.is_null()).ok_or_else(|| {
            format!("there is no {}; add it first, as {{op: add, path: {0}, value: {{}}}}", limit::cut(&done))
        })?;
    }
    Err("it is empty".into())
}

/// The place of an index, which counts from the end when it is negative; `end` is one behind the last place.
fn index(key: &str, length: usize, end: usize) -> Result<usize, String> {
    let number: i64 = key.parse().map_err(|_| format!("{:?} is no place in a list", limit::cut(key)))?;
    let steps = usize::try_from(number.unsigned_abs()).ok();
    let at = if number < 0 { steps.and_then(|steps| end.checked_sub(steps)) } else { steps };
    at.filter(|at| *at < end).ok_or_else(|| format!("the list has {length} items, and no place {number}"))
}

fn get<'a>(place: &'a Value, key: &str) -> Result<Option<&'a Value>, String> {
    match place {
        Value::Array(items) => index(key, items.len(), items.len()).map(|at| items.get(at)),
        place => Ok(place.get(key)),
    }
}

fn add(place: &mut Value, key: &str, value: Value) -> Result<(), String> {
    match place {
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => {
            let at = index(key, items.len(), items.len() + 1)?;
            items.insert(at, value);
        }
        place => *object::slot(place, &[key]) = value,
    }
    Ok(())
}

fn set(place: &mut Value, key: &str, value: Value) -> Result<(), String> {
    match place {
        Value::Array(items) => {
            let at = index(key, items.len(), items.len())?;
            items[at] = value;
        }
        place => *object::slot(place, &[key]) = value,
    }
    Ok(())
}

fn take_out(place: &mut Value, key: &str) -> Result<Value, String> {
    match place {
        Value::Array(items) => index(key, items.len(), items.len()).map(|at| items.remove(at)),
        place => {
            let removed = place.as_object_mut().and_then(|map| map.remove(key));
            removed.ok_or_else(|| "the field is not there".to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
