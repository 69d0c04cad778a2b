//! Collecting errors, and the checks that many kinds share.

use std::collections::HashSet;

use model::name::{check_label_value, check_qualified_name};
use model::{FieldError, FieldErrorKind, FieldPath};
use serde_json::Value;

use crate::structural::ERRORS_MAX;

pub(super) const IMMUTABLE: &str = "field is immutable";
const NEGATIVE: &str = "must be greater than or equal to 0";

pub(super) fn get<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |at, name| at.get(name)).filter(|found| !found.is_null())
}

pub(super) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    get(value, path).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    get(value, path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A place, made from text. Each step is one [`FieldPath`] step only where that matters.
#[derive(Clone)]
pub(super) struct At(FieldPath);

impl From<&str> for At {
    fn from(path: &str) -> Self {
        Self(FieldPath::of(path))
    }
}

impl At {
    /// Below this place, by one or more dotted names.
    pub(super) fn field(&self, names: &str) -> Self {
        Self(self.0.field(names))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        Self(self.0.index(index))
    }

    pub(super) fn key(&self, key: &str) -> Self {
        Self(self.0.key(key))
    }

    pub(super) fn path(&self) -> FieldPath {
        self.0.clone()
    }
}

/// Errors found so far.
pub(super) struct FieldErrors {
    errors: Vec<FieldError>,
}

impl FieldErrors {
    pub(super) fn new() -> Self {
        Self { errors: Vec::new() }
    }

    pub(super) fn into_vec(self) -> Vec<FieldError> {
        self.errors
    }

    pub(super) fn push(&mut self, error: FieldError) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        }
    }

    pub(super) fn extend(&mut self, errors: Vec<FieldError>) {
        errors.into_iter().for_each(|error| self.push(error));
    }

    pub(super) fn required(&mut self, at: At, detail: &str) {
        self.push(FieldError::required(at.0, detail));
    }

    pub(super) fn invalid(&mut self, at: At, value: impl Into<Value>, detail: impl Into<String>) {
        self.push(FieldError::invalid(at.0, value, detail));
    }

    pub(super) fn forbidden(&mut self, at: At, detail: impl Into<String>) {
        self.push(FieldError::forbidden(at.0, detail));
    }

    pub(super) fn duplicate(&mut self, at: At, value: impl Into<Value>) {
        self.push(FieldError::duplicate(at.0, value));
    }

    pub(super) fn not_found(&mut self, at: At, value: &str) {
        let value = Some(Value::from(value));
        self.push(FieldError { path: at.0, kind: FieldErrorKind::NotFound, value, detail: String::new() });
    }

    pub(super) fn too_long(&mut self, at: At, max: usize) {
        let detail = format!("may not be more than {max} bytes");
        self.push(FieldError { path: at.0, kind: FieldErrorKind::TooLong, value: None, detail });
    }

    /// Runs a rule that says what is wrong with a text.
    pub(super) fn rule(&mut self, at: At, value: &str, rule: impl FnOnce(&str) -> Result<(), String>) {
        if let Err(why) = rule(value) {
            self.invalid(at, value, why);
        }
    }

    /// A text, when there is one, is one of these.
    pub(super) fn one_of(&mut self, object: &Value, field: &str, at: &At, allowed: &[&str]) {
        let value = text(object, field);
        if !value.is_empty() && !allowed.contains(&value) {
            self.push(FieldError::not_supported(at.field(field).0, value, allowed));
        }
    }

    /// A number, when there is one, is not negative.
    pub(super) fn non_negative(&mut self, object: &Value, field: &str, at: &At) {
        if let Some(number) = get(object, field).and_then(Value::as_i64).filter(|n| *n < 0) {
            self.invalid(at.field(field), number, NEGATIVE);
        }
    }

    /// The field is the same in both objects.
    pub(super) fn immutable(&mut self, new: &Value, old: &Value, path: &str) {
        self.unchanged(new, old, path, path.into());
    }

    /// The field is the same in both objects; it is reported at a place of its own.
    pub(super) fn unchanged(&mut self, new: &Value, old: &Value, path: &str, at: At) {
        let (new, old) = (get(new, path), get(old, path));
        if new != old {
            self.invalid(at, new.cloned().unwrap_or(Value::Null), IMMUTABLE);
        }
    }

    /// Labels: qualified keys, short values.
    pub(super) fn labels(&mut self, labels: Option<&Value>, at: &At) {
        let Some(Value::Object(map)) = labels else { return };
        for (key, value) in map {
            self.rule(at.clone(), key, check_qualified_name);
            if let Some(value) = value.as_str() {
                self.rule(at.clone(), value, check_label_value);
            }
        }
    }

    /// A `metav1.LabelSelector`.
    pub(super) fn selector(&mut self, selector: &Value, at: &At) {
        self.labels(get(selector, "matchLabels"), &at.field("matchLabels"));
        for (index, requirement) in list(selector, "matchExpressions").iter().enumerate() {
            let place = at.field("matchExpressions").index(index);
            let values = list(requirement, "values");
            match text(requirement, "operator") {
                "In" | "NotIn" if values.is_empty() => {
                    let why = "must be specified when `operator` is 'In' or 'NotIn'";
                    self.required(place.field("values"), why);
                }
                "Exists" | "DoesNotExist" if !values.is_empty() => {
                    let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                    self.forbidden(place.field("values"), why);
                }
                "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
                other => self.invalid(place.field("operator"), other, "not a valid selector operator"),
            }
            self.rule(place.field("key"), text(requirement, "key"), check_qualified_name);
            for (index, value) in values.iter().enumerate() {
                self.rule(place.field("values").index(index), value.as_str().unwrap_or_default(), check_label_value);
            }
        }
    }

    /// A port number.
    pub(super) fn port(&mut self, at: At, number: i64) {
        if !(1..=65_535).contains(&number) {
            self.invalid(at, number, "must be between 1 and 65535, inclusive");
        }
    }

    /// A name that was not there before.
    pub(super) fn unique<'a>(&mut self, at: At, name: &'a str, seen: &mut HashSet<&'a str>) {
        if !seen.insert(name) {
            self.duplicate(at, name);
        }
    }

    /// A count or a percentage.
    pub(super) fn count_or_percent(&mut self, value: &Value, at: At) {
        match value {
            Value::Number(number) if number.as_i64().is_some_and(|n| n < 0) => {
                self.invalid(at, value.clone(), NEGATIVE)
            }
            Value::String(text) if percent(text).is_none() => {
                let why = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
                self.invalid(at, text.as_str(), why);
            }
            _ => {}
        }
    }
}

/// The number of a percentage.
pub(super) fn percent(text: &str) -> Option<u64> {
    let digits = text.strip_suffix('%')?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().unwrap_or(u64::MAX))
}

/// `IANA_SVC_NAME`: what a named port may be called.
pub(super) fn check_port_name(name: &str) -> Result<(), String> {
    let bytes = name.as_bytes();
    let why = if bytes.len() > 15 {
        "must be no more than 15 characters"
    } else if !bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-') {
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    } else if !bytes.iter().any(u8::is_ascii_lowercase) {
        "must contain at least one letter (a-z)"
    } else if name.contains("--") {
        "must not contain consecutive hyphens"
    } else if name.starts_with('-') || name.ends_with('-') {
        "must not begin or end with a hyphen"
    } else {
        return Ok(());
    };
    Err(why.to_owned())
}
