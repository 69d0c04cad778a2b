//! The steps of a path into an object.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use serde_json::{Number, Value};

use super::FieldSetError;

/// A JSON value without parts: what an item of a set is, and what the key fields of list items hold.
///
/// Ordered as upstream orders values: numbers (compared as numbers, so that `1` and `1.0` are one), text, booleans,
/// null.
#[derive(Clone, Debug)]
pub enum Scalar {
    /// A number.
    Number(Number),
    /// Text.
    String(Box<str>),
    /// True or false.
    Bool(bool),
    /// Nothing.
    Null,
}

impl Scalar {
    /// The scalar that a value is; `None` for lists and objects.
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(Self::Number(number.clone())),
            Value::String(text) => Some(Self::String(text.as_str().into())),
            Value::Bool(flag) => Some(Self::Bool(*flag)),
            Value::Null => Some(Self::Null),
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The scalar as a value.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Number(number) => Value::Number(number.clone()),
            Self::String(text) => Value::String(text.to_string()),
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Null => Value::Null,
        }
    }

    /// Is it this value? Numbers are compared as numbers.
    pub fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Number(a), Value::Number(b)) => compare_numbers(a, b).is_eq(),
            (Self::String(a), Value::String(b)) => **a == **b,
            (Self::Bool(a), Value::Bool(b)) => a == b,
            (Self::Null, Value::Null) => true,
            _ => false,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::String(_) => 1,
            Self::Bool(_) => 2,
            Self::Null => 3,
        }
    }
}

/// Compares numbers by value, whole ones exactly.
pub(crate) fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    let whole = |n: &Number| n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().unwrap_or(f64::NAN).total_cmp(&b.as_f64().unwrap_or(f64::NAN)),
    }
}

impl Ord for Scalar {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => compare_numbers(a, b),
            (Self::String(a), Self::String(b)) => a.cmp(b),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scalar {}

impl fmt::Display for Scalar {
    /// As JSON, with `<`, `>` and `&` escaped, which is what Go writes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::String(text) => write_text(f, text),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Null => f.write_str("null"),
        }
    }
}

/// Writes text as a JSON string with Go's escapes.
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let json = serde_json::to_string(text).map_err(|_| fmt::Error)?;
    if !json.contains(['<', '>', '&']) {
        return f.write_str(&json);
    }
    for c in json.chars() {
        match c {
            '<' | '>' | '&' => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    Ok(())
}

/// One step of a path.
///
/// Ordered as upstream: fields, keys, values, indices.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathElement {
    /// A field of an object or an entry of a map.
    Field(Box<str>),
    /// The item of a list whose key fields have these values; sorted by field name.
    Key(Box<[(Box<str>, Scalar)]>),
    /// The item of a set that is this value.
    Value(Scalar),
    /// The item of a list at this place.
    Index(i64),
}

impl PathElement {
    /// A field.
    pub fn field(name: impl Into<Box<str>>) -> Self {
        Self::Field(name.into())
    }

    /// A list item by its key fields, in any order.
    pub fn key<N: Into<Box<str>>>(fields: impl IntoIterator<Item = (N, Scalar)>) -> Self {
        let mut fields: Vec<(Box<str>, Scalar)> = fields.into_iter().map(|(name, v)| (name.into(), v)).collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        Self::Key(fields.into())
    }

    /// The element as `FieldsV1` writes it: `f:name`, `k:{"name":"web"}`, `v:"text"`, `i:0`.
    pub fn to_key_text(&self) -> String {
        match self {
            Self::Field(name) => {
                let mut out = String::with_capacity(name.len() + 2);
                out.push_str("f:");
                out.push_str(name);
                out
            }
            Self::Key(fields) => {
                let mut out = String::from("k:{");
                for (i, (name, value)) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    // Writing to a string cannot fail.
                    let _ = write!(out, "{comma}{}:{value}", Scalar::String(name.clone()));
                }
                out.push('}');
                out
            }
            Self::Value(value) => format!("v:{value}"),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    /// Reads what [`Self::to_key_text`] writes. `None` for element types that we do not know: upstream skips those, so
    /// that a later version may add one.
    ///
    /// # Errors
    /// When the text has no type prefix or what follows it is not JSON of the right kind.
    pub fn from_key_text(text: &str) -> Result<Option<Self>, FieldSetError> {
        let bad = |why: &str| FieldSetError { element: text.to_owned(), why: why.to_owned() };
        let mut chars = text.chars();
        let (Some(kind), Some(':')) = (chars.next(), chars.next()) else {
            return Err(bad("it must start with f:, k:, v: or i:"));
        };
        let rest = chars.as_str();
        Ok(Some(match kind {
            'f' => Self::Field(rest.into()),
            'k' => {
                let fields: serde_json::Map<String, Value> =
                    serde_json::from_str(rest).map_err(|e| bad(&format!("not a JSON object: {e}")))?;
                let fields =
                    fields.into_iter().map(|(name, value)| Some((name.into_boxed_str(), Scalar::from_value(&value)?)));
                // JSON maps are sorted, so the fields are.
                Self::Key(fields.collect::<Option<_>>().ok_or_else(|| bad("key fields must hold scalars"))?)
            }
            'v' => {
                let value: Value = serde_json::from_str(rest).map_err(|e| bad(&format!("not JSON: {e}")))?;
                Self::Value(Scalar::from_value(&value).ok_or_else(|| bad("items of sets must be scalars"))?)
            }
            'i' => Self::Index(rest.parse().map_err(|_| bad("not a whole number"))?),
            _ => return Ok(None),
        }))
    }
}

impl fmt::Display for PathElement {
    /// As upstream prints paths in conflicts: `.name`, `[name="web"]`, `[="text"]`, `[0]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(fields) => {
                f.write_char('[')?;
                for (i, (name, value)) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    write!(f, "{comma}{name}={value}")?;
                }
                f.write_char(']')
            }
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A path into an object; the empty path is the object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<PathElement>);

impl Path {
    /// A path of fields.
    pub fn fields<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(PathElement::field).collect())
    }
}

impl std::ops::Deref for Path {
    type Target = [PathElement];

    fn deref(&self) -> &[PathElement] {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|element| element.fmt(f))
    }
}
