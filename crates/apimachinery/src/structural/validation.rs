//! Checking values against a schema, with kube-apiserver's sentences.

use std::collections::HashMap;

use model::{FieldError, FieldErrorKind, FieldPath};
use serde_json::{Map, Value};

use super::limit::ERRORS_MAX;
use super::trail::Trail;
use super::{format, pattern};
use kinds::schema::{ListType, Rules, Schema, Type};

/// Checks an object against a schema: types, value rules, and uniqueness of sets and list maps. At most
/// [`ERRORS_MAX`] errors are reported, in the order of the object's fields.
pub fn validate(object: &Value, schema: &Schema) -> Vec<FieldError> {
    let mut violations = Violations { errors: Vec::new() };
    check(object, None, schema, &Trail::ROOT, &mut violations);
    violations.errors
}

/// As [`validate`], for an update: what did not change is not judged again, so that a schema that has become stricter
/// does not lock up the objects that are there (upstream's ratcheting, KEP-4008). A part counts as unchanged when the
/// same value stood at the same place: the same field, the same entry of a map, the item of a list map with the same
/// keys. Items of other lists have no identity, so such a list is judged whole once anything in it changes.
pub fn validate_update(new: &Value, old: &Value, schema: &Schema) -> Vec<FieldError> {
    let mut violations = Violations { errors: Vec::new() };
    check(new, Some(old), schema, &Trail::ROOT, &mut violations);
    violations.errors
}

/// As [`validate`], for a value that stands at a path.
pub(super) fn validate_at(value: &Value, schema: &Schema, path: &FieldPath) -> Vec<FieldError> {
    let mut violations = Violations { errors: Vec::new() };
    check(value, None, schema, &Trail::ROOT.field(path.as_str()), &mut violations);
    violations.errors
}

struct Violations {
    errors: Vec<FieldError>,
}

impl Violations {
    fn is_full(&self) -> bool {
        self.errors.len() >= ERRORS_MAX
    }

    fn push(&mut self, error: FieldError) {
        if !self.is_full() {
            self.errors.push(error);
        }
    }

    /// A sentence of the form `PATH in body …`.
    fn in_body(&mut self, trail: &Trail<'_>, value: Value, rest: std::fmt::Arguments<'_>) {
        let path = trail.path();
        let detail = format!("{} in body {rest}", path.as_str());
        self.push(FieldError::invalid(path, value, detail));
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_whole(value: &Value) -> bool {
    value.as_i64().is_some() || value.as_u64().is_some() || value.as_f64().is_some_and(|f| f.fract() == 0.0)
}

fn has_type(value: &Value, ty: Type) -> bool {
    match ty {
        Type::Any => true,
        Type::Object => value.is_object(),
        Type::Array => value.is_array(),
        Type::String => value.is_string(),
        Type::Integer => is_whole(value),
        Type::Number => value.is_number(),
        Type::Boolean => value.is_boolean(),
        Type::IntOrString => value.is_string() || is_whole(value),
    }
}

fn type_words(ty: Type) -> &'static str {
    match ty {
        Type::Any => "any",
        Type::Object => "object",
        Type::Array => "array",
        Type::String => "string",
        Type::Integer => "integer",
        Type::Number => "number",
        Type::Boolean => "boolean",
        Type::IntOrString => "integer,string",
    }
}

fn check(value: &Value, old: Option<&Value>, schema: &Schema, trail: &Trail<'_>, violations: &mut Violations) {
    if violations.is_full() || old == Some(value) {
        return;
    }
    if trail.too_deep() {
        violations.push(FieldError::invalid(trail.path(), "", "nested too deep"));
        return;
    }
    let node = schema.resolve();
    let rules = schema.rules.as_deref().or(node.rules.as_deref());
    if value.is_null() {
        if !(schema.nullable || node.nullable || node.ty == Type::Any) {
            wrong_type(value, node.ty, trail, violations);
        }
        if let Some(rules) = rules {
            check_enum(value, rules, schema.nullable || node.nullable, trail, violations);
        }
        return;
    }
    if !has_type(value, node.ty) {
        wrong_type(value, node.ty, trail, violations);
        return;
    }
    if let Some(rules) = rules {
        check_rules(value, rules, node.ty, trail, violations);
    }
    match value {
        Value::Object(map) => {
            for (name, child) in map {
                if let Some(known) = schema.field(name) {
                    check(child, old.and_then(|o| o.get(name)), known, &trail.field(name), violations);
                }
            }
        }
        Value::Array(items) => {
            check_unique(items, &schema.list, trail, violations);
            if let Some(known) = schema.items() {
                for (index, item) in items.iter().enumerate() {
                    check(item, same_item(item, old, &schema.list), known, &trail.index(index), violations);
                }
            }
        }
        _ => {}
    }
}

/// The item of the old list that has the same keys.
fn same_item<'a>(item: &Value, old: Option<&'a Value>, list: &ListType) -> Option<&'a Value> {
    let ListType::Map(keys) = list else { return None };
    let same = |other: &&Value| keys.iter().all(|key| item.get(key) == other.get(key));
    old?.as_array()?.iter().find(same)
}

fn wrong_type(value: &Value, ty: Type, trail: &Trail<'_>, violations: &mut Violations) {
    let (path, is) = (trail.path(), type_name(value));
    let detail = format!("{} in body must be of type {}: {is:?}", path.as_str(), type_words(ty));
    violations.push(FieldError { path, kind: FieldErrorKind::TypeInvalid, value: Some(is.into()), detail });
}

fn check_rules(value: &Value, rules: &Rules, ty: Type, trail: &Trail<'_>, violations: &mut Violations) {
    check_junctors(value, rules, trail, violations);
    check_enum(value, rules, false, trail, violations);
    match value {
        Value::String(text) => check_text(text, rules, ty, trail, violations),
        Value::Number(_) => check_number(value, rules, ty, trail, violations),
        Value::Array(items) => check_items(items, rules, trail, violations),
        Value::Object(map) => check_object(map, rules, trail, violations),
        Value::Null | Value::Bool(_) => {}
    }
}

fn check_enum(value: &Value, rules: &Rules, nullable: bool, trail: &Trail<'_>, violations: &mut Violations) {
    if rules.enumeration.is_empty() || (value.is_null() && nullable) {
        return;
    }
    let same = |allowed: &Value| match (allowed.as_f64(), value.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => allowed == value,
    };
    if rules.enumeration.iter().any(same) {
        return;
    }
    let words: Vec<String> = rules
        .enumeration
        .iter()
        .map(|allowed| allowed.as_str().map_or_else(|| allowed.to_string(), ToOwned::to_owned))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    violations.push(FieldError::not_supported(trail.path(), value.clone(), &words));
}

fn check_text(text: &str, rules: &Rules, ty: Type, trail: &Trail<'_>, violations: &mut Violations) {
    let chars = || u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    if let Some(max) = rules.max_length
        && chars() > max
    {
        let unit = if max == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {max} {unit}");
        violations.push(FieldError { path: trail.path(), kind: FieldErrorKind::TooLong, value: None, detail });
    }
    if let Some(min) = rules.min_length
        && chars() < min
    {
        violations.in_body(trail, text.into(), format_args!("should be at least {min} chars long"));
    }
    if let Some(expression) = &rules.pattern {
        match pattern::matches(expression, text) {
            Some(true) => {}
            Some(false) => violations.in_body(trail, text.into(), format_args!("should match '{expression}'")),
            None => {
                let rest = format_args!("should match '{expression}', but pattern is invalid");
                violations.in_body(trail, text.into(), rest);
            }
        }
    }
    if let Some(name) = &rules.format
        && matches!(ty, Type::String | Type::IntOrString | Type::Any)
        && !format::accepts(name, text)
    {
        let path = trail.path();
        let detail = format!("{} in body must be of type {name}: {text:?}", path.as_str());
        violations.push(FieldError { path, kind: FieldErrorKind::TypeInvalid, value: Some(text.into()), detail });
    }
}

fn check_number(value: &Value, rules: &Rules, ty: Type, trail: &Trail<'_>, violations: &mut Violations) {
    // Bounds are f64 in the schema; comparing there loses nothing below 2^53, and kube-apiserver loses the same.
    let Some(number) = value.as_f64() else { return };
    let format = rules.format.as_deref();
    let fits = match (ty, format) {
        (Type::Integer, Some("int32")) => number >= f64::from(i32::MIN) && number <= f64::from(i32::MAX),
        (Type::Integer, _) => value.as_i64().is_some() || (value.is_f64() && number.abs() < 9.3e18),
        _ => true,
    };
    if !fits {
        let path = trail.path();
        let as_format = format.map_or_else(|| "(default format)".to_owned(), |f| format!("with format {f}"));
        let detail = format!("Checked value must be of type integer {as_format} in {}", path.as_str());
        violations.push(FieldError::invalid(path, value.clone(), detail));
    }
    if let Some(max) = rules.maximum {
        let (bad, words) = match rules.exclusive_maximum {
            true => (number >= max, "less than"),
            false => (number > max, "less than or equal to"),
        };
        if bad {
            violations.in_body(trail, value.clone(), format_args!("should be {words} {max}"));
        }
    }
    if let Some(min) = rules.minimum {
        let (bad, words) = match rules.exclusive_minimum {
            true => (number <= min, "greater than"),
            false => (number < min, "greater than or equal to"),
        };
        if bad {
            violations.in_body(trail, value.clone(), format_args!("should be {words} {min}"));
        }
    }
    if let Some(factor) = rules.multiple_of.filter(|f| *f > 0.0) {
        let times = if factor < 1.0 { 1.0 / factor * number } else { number / factor };
        if (times - times.round()).abs() > 1e-9 {
            violations.in_body(trail, value.clone(), format_args!("should be a multiple of {factor}"));
        }
    }
}

fn too_many(actual: usize, max: u64, trail: &Trail<'_>) -> FieldError {
    let unit = if max == 1 { "item" } else { "items" };
    let detail = format!("must have at most {max} {unit}");
    FieldError { path: trail.path(), kind: FieldErrorKind::TooMany, value: Some(actual.into()), detail }
}

fn check_items(items: &[Value], rules: &Rules, trail: &Trail<'_>, violations: &mut Violations) {
    if let Some(max) = rules.max_items
        && items.len() as u64 > max
    {
        violations.push(too_many(items.len(), max, trail));
    }
    if let Some(min) = rules.min_items
        && (items.len() as u64) < min
    {
        violations.in_body(trail, items.len().into(), format_args!("should have at least {min} items"));
    }
}

fn check_object(map: &Map<String, Value>, rules: &Rules, trail: &Trail<'_>, violations: &mut Violations) {
    if let Some(max) = rules.max_properties
        && map.len() as u64 > max
    {
        violations.push(too_many(map.len(), max, trail));
    }
    if let Some(min) = rules.min_properties
        && (map.len() as u64) < min
    {
        violations.in_body(trail, map.len().into(), format_args!("should have at least {min} properties"));
    }
    for name in rules.required.iter().filter(|name| !map.contains_key(*name)) {
        violations.push(FieldError::required(trail.field(name).path(), ""));
    }
}

fn errors_of(value: &Value, schema: &Schema, trail: &Trail<'_>) -> Vec<FieldError> {
    let mut violations = Violations { errors: Vec::new() };
    check(value, None, schema, trail, &mut violations);
    violations.errors
}

/// `allOf`, `anyOf`, `oneOf` and `not`. When no alternative holds, the errors of the one that came closest follow the
/// sentence: they are what a person can act on.
fn check_junctors(value: &Value, rules: &Rules, trail: &Trail<'_>, violations: &mut Violations) {
    let violated = |violations: &mut Violations, rest: &str| {
        let path = trail.path();
        let detail = format!("{:?} {rest}", path.as_str());
        violations.push(FieldError::invalid(path, "", detail));
    };
    for (alternatives, only_one) in [(&rules.any_of, false), (&rules.one_of, true)] {
        if alternatives.is_empty() {
            continue;
        }
        let outcomes: Vec<Vec<FieldError>> = alternatives.iter().map(|a| errors_of(value, a, trail)).collect();
        let valid = outcomes.iter().filter(|errors| errors.is_empty()).count();
        match (valid, only_one) {
            (0, _) => {
                let rest = if only_one {
                    "must validate one and only one schema (oneOf). Found none valid"
                } else {
                    "must validate at least one schema (anyOf)"
                };
                violated(violations, rest);
                for error in outcomes.into_iter().min_by_key(Vec::len).unwrap_or_default() {
                    violations.push(error);
                }
            }
            (2.., true) => {
                let rest = format!("must validate one and only one schema (oneOf). Found {valid} valid alternatives");
                violated(violations, &rest);
            }
            _ => {}
        }
    }
    let mut failed = 0;
    for part in &rules.all_of {
        let errors = errors_of(value, part, trail);
        failed += usize::from(!errors.is_empty());
        errors.into_iter().for_each(|error| violations.push(error));
    }
    if failed > 0 {
        let none = if failed == rules.all_of.len() { ". None validated" } else { "" };
        violated(violations, &format!("must validate all the schemas (allOf){none}"));
    }
    if let Some(not) = &rules.not
        && errors_of(value, not, trail).is_empty()
    {
        violated(violations, "must not validate the schema (not)");
    }
}

/// A set has no two equal items, a list map no two items with equal keys. The second of equal items is reported, once.
fn check_unique(items: &[Value], list: &ListType, trail: &Trail<'_>, violations: &mut Violations) {
    let identity = |index: usize, item: &Value| -> Option<Value> {
        match list {
            ListType::Atomic => None,
            ListType::Set => Some(item.clone()),
            ListType::Map(keys) => {
                let key = keys.iter().filter_map(|k| Some((k.clone(), item.get(k)?.clone()))).collect();
                // Items that are no objects have no keys; their type is reported by itself.
                item.is_object().then_some(Value::Object(key)).or(Some(Value::from(index)))
            }
        }
    };
    if *list == ListType::Atomic || items.len() < 2 {
        return;
    }
    let mut seen: HashMap<String, usize> = HashMap::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let Some(id) = identity(index, item) else { continue };
        let times = seen.entry(id.to_string()).or_default();
        *times += 1;
        if *times == 2 {
            violations.push(FieldError::duplicate(trail.index(index).path(), id));
        }
    }
}
