//! Label and field selectors.
//!
//! Labels follow `apimachinery/pkg/labels/selector.go`, fields `apimachinery/pkg/fields/selector.go`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::name;

/// How one label requirement compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The value is one of these.
    In(Vec<String>),
    /// The label is absent or its value is none of these.
    NotIn(Vec<String>),
    /// The label is present.
    Exists,
    /// The label is absent.
    DoesNotExist,
    /// The value is an integer greater than this.
    GreaterThan(i64),
    /// The value is an integer less than this.
    LessThan(i64),
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Label key.
    pub key: String,
    /// Comparison.
    pub operator: Operator,
}

/// A conjunction of requirements; the empty one selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    /// All of these must hold.
    pub requirements: Vec<Requirement>,
}

/// A selector that cannot be parsed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unable to parse selector {text:?}: {why}")]
pub struct SelectorError {
    text: String,
    why: String,
}

impl LabelSelector {
    /// Selects everything.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Selects what has all of these labels.
    pub fn from_map(labels: &BTreeMap<String, String>) -> Self {
        let equal = |(key, value): (&String, &String)| Requirement {
            key: key.clone(),
            operator: Operator::In(vec![value.clone()]),
        };
        Self { requirements: labels.iter().map(equal).collect() }
    }

    /// Reads the object form: `matchLabels` and `matchExpressions`. `null` selects everything.
    ///
    /// # Errors
    /// An unknown operator, or values where none belong.
    pub fn from_object(selector: &Value) -> Result<Self, SelectorError> {
        let fail = |why: String| SelectorError { text: selector.to_string(), why };
        let mut out = Self::from_map(&crate::object::string_map(selector.get("matchLabels")));
        for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            let key = expression.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
            let values: Vec<String> = expression
                .get("values")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect();
            let operator = match expression.get("operator").and_then(Value::as_str).unwrap_or_default() {
                "In" | "NotIn" if values.is_empty() => return Err(fail(format!("{key}: values must not be empty"))),
                "Exists" | "DoesNotExist" if !values.is_empty() => {
                    return Err(fail(format!("{key}: values must be empty")));
                }
                "In" => Operator::In(values),
                "NotIn" => Operator::NotIn(values),
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(fail(format!("{key}: {other:?} is not a valid label selector operator"))),
            };
            out.requirements.push(Requirement { key, operator });
        }
        Ok(out)
    }

    /// Does it select an object with these labels?
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.matches_with(|key| labels.get(key).map(String::as_str))
    }

    /// As [`matches`](Self::matches), over any way to look a label up.
    pub fn matches_with<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = label(&requirement.key);
            let number = || value.and_then(|v| v.parse::<i64>().ok());
            match &requirement.operator {
                Operator::In(values) => value.is_some_and(|v| values.iter().any(|x| x == v)),
                Operator::NotIn(values) => value.is_none_or(|v| values.iter().all(|x| x != v)),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
                Operator::GreaterThan(than) => number().is_some_and(|v| v > *than),
                Operator::LessThan(than) => number().is_some_and(|v| v < *than),
            }
        })
    }

    /// Does it select everything?
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }
}

impl FromStr for LabelSelector {
    type Err = SelectorError;

    /// Parses the query form: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1,m<2`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |why: &str| SelectorError { text: text.to_owned(), why: why.to_owned() };
        let mut requirements = Vec::new();
        for part in split_outside_parens(text) {
            let part = part.trim();
            if part.is_empty() {
                if text.trim().is_empty() {
                    break;
                }
                return Err(fail("found an empty requirement"));
            }
            let requirement = parse_requirement(part).map_err(|why| fail(&why))?;
            name::check_qualified_name(&requirement.key)
                .map_err(|why| fail(&format!("key {:?}: {why}", requirement.key)))?;
            requirements.push(requirement);
        }
        Ok(Self { requirements })
    }
}

fn split_outside_parens(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_requirement(part: &str) -> Result<Requirement, String> {
    let make = |key: &str, operator| Ok(Requirement { key: key.trim().to_owned(), operator });
    let value = |text: &str| {
        let text = text.trim();
        name::check_label_value(text).map(|()| text.to_owned()).map_err(|why| format!("value {text:?}: {why}"))
    };
    if let Some(open) = part.find('(') {
        let inside = part[open + 1..].strip_suffix(')').ok_or("missing ')'")?;
        let values = inside.split(',').map(value).collect::<Result<Vec<_>, _>>()?;
        let mut head = part[..open].split_whitespace();
        return match (head.next(), head.next(), head.next()) {
            (Some(key), Some("in"), None) => make(key, Operator::In(values)),
            (Some(key), Some("notin"), None) => make(key, Operator::NotIn(values)),
            _ => Err("expected KEY in (…) or KEY notin (…)".to_owned()),
        };
    }
    if let Some((key, text)) = part.split_once("!=") {
        return make(key, Operator::NotIn(vec![value(text)?]));
    }
    if let Some((key, text)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return make(key, Operator::In(vec![value(text)?]));
    }
    for (sign, wrap) in [('>', Operator::GreaterThan as fn(i64) -> Operator), ('<', Operator::LessThan)] {
        if let Some((key, text)) = part.split_once(sign) {
            let number = text.trim().parse().map_err(|_| format!("{:?} is not an integer", text.trim()))?;
            return make(key, wrap(number));
        }
    }
    match part.strip_prefix('!') {
        Some(key) => make(key, Operator::DoesNotExist),
        None if part.split_whitespace().count() == 1 => make(part, Operator::Exists),
        None => Err(format!("unexpected text in {part:?}")),
    }
}

impl fmt::Display for LabelSelector {
    /// The query form, which [`FromStr`] reads back to an equal selector.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Requirement { key, operator }) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match operator {
                Operator::In(values) if values.len() == 1 => write!(f, "{key}={}", values[0])?,
                Operator::In(values) => write!(f, "{key} in ({})", values.join(","))?,
                Operator::NotIn(values) if values.len() == 1 => write!(f, "{key}!={}", values[0])?,
                Operator::NotIn(values) => write!(f, "{key} notin ({})", values.join(","))?,
                Operator::Exists => write!(f, "{key}")?,
                Operator::DoesNotExist => write!(f, "!{key}")?,
                Operator::GreaterThan(than) => write!(f, "{key}>{than}")?,
                Operator::LessThan(than) => write!(f, "{key}<{than}")?,
            }
        }
        Ok(())
    }
}

/// A conjunction of `field=value` and `field!=value`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    /// `(field, wanted, must be equal)`.
    pub terms: Vec<(String, String, bool)>,
}

impl FieldSelector {
    /// Does it select an object whose fields read so? A field that is not there reads as empty.
    pub fn matches_with<'a>(&self, field: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.terms.iter().all(|(path, wanted, equal)| (field(path).unwrap_or_default() == wanted) == *equal)
    }

    /// The value that a field must equal, when the selector says so (`metadata.name=x` turns a list into a get).
    pub fn exact(&self, field: &str) -> Option<&str> {
        self.terms.iter().find(|(path, _, equal)| *equal && path == field).map(|(_, wanted, _)| wanted.as_str())
    }

    /// Does it select everything?
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }
}

impl FromStr for FieldSelector {
    type Err = SelectorError;

    /// Parses `a=b,c==d,e!=f`; `\,`, `\=` and `\\` in values stand for themselves.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |why: &str| SelectorError { text: text.to_owned(), why: why.to_owned() };
        let mut terms = Vec::new();
        for part in split_unescaped(text) {
            if part.is_empty() {
                continue;
            }
            let at = part.find('=').ok_or_else(|| fail("expected FIELD=VALUE"))?;
            let (mut field, mut value, mut equal) = (&part[..at], &part[at + 1..], true);
            if let Some(head) = field.strip_suffix('!') {
                (field, equal) = (head, false);
            } else if let Some(rest) = value.strip_prefix('=') {
                value = rest;
            }
            terms.push((field.trim().to_owned(), unescape(value), equal));
        }
        Ok(Self { terms })
    }
}

fn split_unescaped(text: &str) -> Vec<&str> {
    let (mut escaped, mut start, mut parts) = (false, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}

#[cfg(test)]
mod tests;
