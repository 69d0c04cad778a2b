//! The canonical JSON of built-in objects: what kube-apiserver would write after reading them into its Go types.
//!
//! Reading into Go and writing again is where upstream checks types, drops empty values of fields that omit them,
//! writes structs that were not set, and brings quantities and times to one form. Without it an object would differ
//! from itself after an apply (`cpu: 0.5` and `500m`), and a settled fleet would write.
//!
//! So is what Go writes as `null`: a list, map or time that is always written and was not set (`rules` of a ClusterRole,
//! `lastTimestamp` of an Event). Clients look for such fields (`kubectl get events --sort-by=.lastTimestamp`), and managers own them.
//!
//! Not here: unknown fields (see pruning), defaults, validation. One difference from upstream: a pointer that Go writes as `null`
//! (`boundObjectRef` of a TokenRequest) is left out.

#[cfg(test)]
mod tests;

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::clock::{format_micros, format_seconds};
use model::{FieldError, FieldErrorKind, FieldPath, Quantity, Timestamp};
use serde_json::{Map, Value};

use kinds::Kind;
use kinds::table::{self, Field, Presence, Word};

/// Brings a whole object to its canonical JSON, in place. Never for a patch or an applied configuration: it would add
/// fields that their author did not name.
///
/// # Errors
/// Every value whose JSON type is not the field's, with its path; upstream answers those with 400. The object is then
/// partly changed.
pub fn normalize(kind: &Kind, object: &mut Value) -> Result<(), Vec<FieldError>> {
    match kind.type_index() {
        Some(index) => normalize_type(index, object),
        None => Ok(()),
    }
}

/// [`normalize`] for a type of the table.
pub(crate) fn normalize_type(index: u16, object: &mut Value) -> Result<(), Vec<FieldError>> {
    let mut errors = Vec::new();
    structure(index, object, &At::Root, &mut errors);
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// The way to a value, as a chain on the stack: most values are right, and their path is not needed.
enum At<'a> {
    Root,
    Field(&'a At<'a>, &'a str),
    Index(&'a At<'a>, usize),
    Key(&'a At<'a>, &'a str),
}

impl At<'_> {
    fn path(&self) -> FieldPath {
        match self {
            Self::Root => FieldPath::root(),
            Self::Field(parent, name) => parent.path().field(name),
            Self::Index(parent, index) => parent.path().index(*index),
            Self::Key(parent, key) => parent.path().key(key),
        }
    }
}

fn structure(index: u16, value: &mut Value, at: &At<'_>, errors: &mut Vec<FieldError>) {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => fields(index, map, at, errors),
        other => errors.push(mismatch(other, at, "an object")),
    }
}

fn fields(index: u16, map: &mut Map<String, Value>, at: &At<'_>, errors: &mut Vec<FieldError>) {
    for field in &table::row(index).fields {
        if let (Word::Type(inner), "^") = (&field.word, field.name) {
            fields(*inner, map, at, errors);
            continue;
        }
        let keep = match map.get_mut(field.name) {
            Some(value) if !value.is_null() => {
                self::value(&field.word, value, &At::Field(at, field.name), errors);
                // An empty list of a field that is always written comes back as `null` from storage.
                let collection = matches!(field.word, Word::List(_) | Word::Map(_) | Word::Strings);
                (field.presence != Presence::NotEmpty && !collection) || !is_empty(&field.word, value)
            }
            _ => false,
        };
        if keep {
            continue;
        }
        map.remove(field.name);
        if field.presence == Presence::Always {
            let mut zero = zero(field);
            if !zero.is_null() {
                self::value(&field.word, &mut zero, at, errors);
            }
            map.insert(field.name.to_owned(), zero);
        }
    }
}

/// What Go leaves out for `omitempty`; structs behind pointers and special types are never empty.
fn is_empty(word: &Word, value: &Value) -> bool {
    match (word, value) {
        (Word::String | Word::Bytes, Value::String(text)) => text.is_empty(),
        (Word::Bool, value) => value == false,
        (Word::Int32 | Word::Int64 | Word::Double, Value::Number(number)) => number.as_f64() == Some(0.0),
        (Word::List(_) | Word::Strings, Value::Array(items)) => items.is_empty(),
        (Word::Map(_), Value::Object(map)) => map.is_empty(),
        _ => false,
    }
}

/// What Go writes for a field that is always written and was not set.
fn zero(field: &Field) -> Value {
    match field.word {
        Word::String | Word::Bytes => "".into(),
        Word::Bool => false.into(),
        Word::Int32 | Word::Int64 | Word::Double | Word::IntOrString => 0.into(),
        Word::Quantity => "0".into(),
        Word::Type(_) => Value::Object(Map::new()),
        _ => Value::Null,
    }
}

fn value(word: &Word, value: &mut Value, at: &At<'_>, errors: &mut Vec<FieldError>) {
    let expected = match word {
        Word::Type(index) => return structure(*index, value, at, errors),
        Word::SchemaOrArray | Word::SchemaOrBool | Word::SchemaOrStrings => return schema_or(value, at, errors),
        Word::FieldsV1 | Word::RawExtension | Word::Json => return,
        Word::List(item) => match value {
            Value::Array(items) => {
                for (index, value) in items.iter_mut().enumerate() {
                    self::item(item, value, &At::Index(at, index), errors);
                }
                return;
            }
            _ => "a list",
        },
        Word::Strings => match value {
            Value::Array(items) if items.iter().all(Value::is_string) => return,
            _ => "a list of strings",
        },
        Word::Map(item) => match value {
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    self::item(item, value, &At::Key(at, key), errors);
                }
                return;
            }
            _ => "a map",
        },
        _ => match scalar(word, value) {
            Ok(()) => return,
            Err(expected) => expected,
        },
    };
    errors.push(mismatch(value, at, expected));
}

/// An item of a list or map: Go reads `null` there as the zero value.
fn item(word: &Word, value: &mut Value, at: &At<'_>, errors: &mut Vec<FieldError>) {
    if value.is_null() {
        *value = match word {
            Word::String | Word::Bytes => "".into(),
            Word::Bool => false.into(),
            Word::Int32 | Word::Int64 | Word::Double => 0.into(),
            Word::Quantity => "0".into(),
            Word::Type(_) => Value::Object(Map::new()),
            _ => return,
        };
    }
    self::value(word, value, at, errors);
}

/// The unions of `JSONSchemaProps`: a schema, a list of schemas or strings, or a boolean.
fn schema_or(value: &mut Value, at: &At<'_>, errors: &mut Vec<FieldError>) {
    let Some(schema) = table::index("apiextensions.v1.JSONSchemaProps") else { return };
    match value {
        Value::Object(map) => fields(schema, map, at, errors),
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate().filter(|(_, item)| item.is_object()) {
                structure(schema, item, &At::Index(at, index), errors);
            }
        }
        Value::Bool(_) => {}
        other => errors.push(mismatch(other, at, "a schema")),
    }
}

/// Checks and rewrites a scalar; the error is what should have been there.
fn scalar(word: &Word, value: &mut Value) -> Result<(), &'static str> {
    match (word, &mut *value) {
        (Word::String, Value::String(_)) | (Word::Bool, Value::Bool(_)) | (Word::Double, Value::Number(_)) => Ok(()),
        (Word::String, _) => Err("a string"),
        (Word::Bool, _) => Err("a boolean"),
        (Word::Double, _) => Err("a number"),
        (Word::Int32, Value::Number(n)) if n.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => Ok(()),
        (Word::Int64, Value::Number(n)) if n.as_i64().is_some() => Ok(()),
        (Word::Int32, _) => Err("a whole number of 32 bits"),
        (Word::Int64, _) => Err("a whole number of 64 bits"),
        (Word::IntOrString, Value::String(_)) => Ok(()),
        (Word::IntOrString, Value::Number(n)) if n.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => Ok(()),
        (Word::IntOrString, _) => Err("a whole number of 32 bits or a string"),
        (Word::Bytes, Value::String(text)) => bytes(text).ok_or("base64 text"),
        (Word::Bytes, _) => Err("base64 text"),
        (Word::Quantity, Value::String(_) | Value::Number(_)) => {
            *value = quantity(value).ok_or("a quantity such as 500m or 2Gi")?.into();
            Ok(())
        }
        (Word::Quantity, _) => Err("a quantity such as 500m or 2Gi"),
        (Word::Time | Word::MicroTime, Value::String(text)) => {
            let at = Timestamp::from_str(text).map_err(|_| "an RFC 3339 time")?;
            *text = if *word == Word::Time { format_seconds(at) } else { format_micros(at) };
            Ok(())
        }
        (Word::Time | Word::MicroTime, _) => Err("an RFC 3339 time"),
        _ => Ok(()),
    }
}

/// Go ignores line breaks inside base64.
fn bytes(text: &mut String) -> Option<()> {
    text.retain(|c| c != '\n' && c != '\r');
    STANDARD.decode(text.as_bytes()).ok().map(|_| ())
}

/// The canonical text of a quantity. Forms that [`Quantity`] does not keep exactly (exponents, fractions finer than a
/// thousandth) stay as they are.
fn quantity(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let parsed: Quantity = text.parse().ok()?;
    let inexact =
        text.trim_start_matches(['+', '-']).ends_with(['n', 'u']) || text.contains(['e', 'E']) && !text.ends_with("Ei");
    let whole_exa = text.ends_with('E');
    Some(if inexact && !whole_exa { text } else { parsed.to_string() })
}

fn mismatch(value: &Value, at: &At<'_>, expected: &'static str) -> FieldError {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    // Right in type and wrong in content: what was found would only confuse. The value itself stays out: it may be a
    // secret.
    let content = match value {
        Value::String(_) => expected.contains("text") || expected.contains("time") || expected.contains("quantity"),
        Value::Number(_) => expected.contains("number"),
        _ => false,
    };
    let found = if content { String::new() } else { format!(", found {found}") };
    let detail = format!("must be {expected}{found}");
    FieldError { path: at.path(), kind: FieldErrorKind::TypeInvalid, value: None, detail }
}
