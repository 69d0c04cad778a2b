//! The part of kubectl's JSONPath that printer columns use: fields, quoted fields, indexes, `[*]`, and filters such as
//! `[?(@.type=="Ready")]`. No `range`, no functions, no recursive descent (`..`).

use std::cmp::Ordering;
use std::str::FromStr;

use model::Timestamp;
use serde_json::Value;

use super::duration;

/// A parsed path.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    Slice(Option<i64>, Option<i64>),
    All,
    Filter { path: JsonPath, test: Option<(Compare, Value)> },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A path outside this subset.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{path:?} is not a supported JSONPath: at {rest:?}")]
pub struct JsonPathError {
    path: String,
    rest: String,
}

/// Most values that a path may select on the way, so that a chain of `[*]` cannot multiply without bound. A cell prints
/// only the first.
const VALUES_MAX: usize = 10_000;

impl FromStr for JsonPath {
    type Err = JsonPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
        let mut rest = inner.strip_prefix('$').unwrap_or(inner);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let Some((step, after)) = step(rest) else {
                return Err(JsonPathError { path: text.to_owned(), rest: rest.to_owned() });
            };
            steps.extend(step);
            rest = after;
        }
        Ok(Self { steps })
    }
}

/// One step and what follows it; a lone dot is no step.
fn step(text: &str) -> Option<(Option<Step>, &str)> {
    if let Some(inside) = text.strip_prefix('[') {
        let end = closing(inside)?;
        return Some((Some(bracket(inside[..end].trim())?), &inside[end + 1..]));
    }
    let name = text.strip_prefix('.')?;
    if name.is_empty() || name.starts_with('[') {
        return Some((None, name));
    }
    let mut field = String::new();
    let mut chars = name.char_indices();
    let mut end = name.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => field.push(chars.next()?.1),
            '.' | '[' => {
                end = at;
                break;
            }
            _ => field.push(c),
        }
    }
    let step = match field.as_str() {
        "" => return None,
        "*" => Step::All,
        _ => Step::Field(field),
    };
    Some((Some(step), &name[end..]))
}

/// Where the bracket closes that was just opened, quotes and inner brackets skipped.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn bracket(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(quoted) = unquote(text) {
        return Some(Step::Field(quoted.replace("\\.", ".")));
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|t| t.strip_suffix(')')) {
        return parse_filter(filter.trim());
    }
    if let Some((from, to)) = text.split_once(':') {
        let bound = |t: &str| if t.is_empty() { Some(None) } else { t.parse().ok().map(Some) };
        return Some(Step::Slice(bound(from)?, bound(to)?));
    }
    text.parse().ok().map(Step::Index)
}

fn unquote(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text.strip_prefix(quote)?.strip_suffix(quote).filter(|_| text.len() >= 2)
}

fn parse_filter(text: &str) -> Option<Step> {
    const OPERATORS: [(&str, Compare); 6] = [
        ("==", Compare::Equal),
        ("!=", Compare::NotEqual),
        ("<=", Compare::LessOrEqual),
        (">=", Compare::GreaterOrEqual),
        ("<", Compare::Less),
        (">", Compare::Greater),
    ];
    let text = text.strip_prefix('@')?;
    // The leftmost operator counts; of two that start at the same place the longer one comes first in the table.
    let found =
        OPERATORS.iter().filter_map(|&(word, op)| Some((text.find(word)?, word, op))).min_by_key(|(at, ..)| *at);
    let Some((at, word, compare)) = found else {
        return Some(Step::Filter { path: text.trim().parse().ok()?, test: None });
    };
    let wanted = text[at + word.len()..].trim();
    let wanted = match unquote(wanted) {
        Some(quoted) => Value::from(quoted),
        None => serde_json::from_str(wanted).ok().filter(|v: &Value| v.is_number() || v.is_boolean())?,
    };
    Some(Step::Filter { path: text[..at].trim().parse().ok()?, test: Some((compare, wanted)) })
}

impl JsonPath {
    /// What the path selects, in order.
    pub fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![value];
        for step in &self.steps {
            let mut next: Vec<&Value> = Vec::new();
            for value in found {
                step.apply(value, &mut next);
                next.truncate(VALUES_MAX);
            }
            found = next;
        }
        found
    }
}

impl Step {
    fn apply<'a>(&self, value: &'a Value, out: &mut Vec<&'a Value>) {
        match self {
            Self::Field(name) => out.extend(value.get(name)),
            Self::Index(index) => {
                let Some(items) = value.as_array() else { return };
                out.extend(item_at(items, *index));
            }
            Self::Slice(from, to) => {
                let Some(items) = value.as_array() else { return };
                let bound = |b: Option<i64>, or: usize| match b {
                    None => or,
                    Some(b) if b < 0 => items.len().saturating_sub(usize::try_from(-b).unwrap_or(usize::MAX)),
                    Some(b) => usize::try_from(b).unwrap_or(usize::MAX).min(items.len()),
                };
                let (from, to) = (bound(*from, 0), bound(*to, items.len()));
                out.extend(items.get(from..to).unwrap_or_default());
            }
            Self::All => match value {
                Value::Array(items) => out.extend(items),
                Value::Object(map) => out.extend(map.values()),
                _ => {}
            },
            Self::Filter { path, test } => {
                let Some(items) = value.as_array() else { return };
                out.extend(items.iter().filter(|item| {
                    let found = path.find(item);
                    match test {
                        None => !found.is_empty(),
                        Some((compare, wanted)) => found.first().is_some_and(|got| compare.holds(got, wanted)),
                    }
                }));
            }
        }
    }
}

fn item_at(items: &[Value], index: i64) -> Option<&Value> {
    let place = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 { items.len().checked_sub(place).and_then(|i| items.get(i)) } else { items.get(place) }
}

impl Compare {
    fn holds(self, got: &Value, wanted: &Value) -> bool {
        let order = match (got, wanted) {
            (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            _ => None,
        };
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

/// The cell of a custom column: the first value found, as the column's type; null when there is none of that type.
pub(super) fn cell(path: Option<&JsonPath>, ty: &str, object: &Value, now: Timestamp) -> Value {
    let Some(value) = path.and_then(|p| p.find(object).into_iter().next()) else { return Value::Null };
    match (ty, value) {
        ("string", Value::Null) => Value::Null,
        ("string", Value::String(_)) => value.clone(),
        ("string", other) => Value::from(other.to_string()),
        ("integer", Value::Number(number)) => match number.as_i64() {
            Some(whole) => whole.into(),
            // As Go's conversion: the fraction is cut off.
            None => number.as_f64().map_or(Value::Null, |f| Value::from(f as i64)),
        },
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(text)) => match text.parse::<Timestamp>() {
            Ok(at) => duration::human(at, now).into(),
            Err(_) => "<invalid>".into(),
        },
        _ => Value::Null,
    }
}
