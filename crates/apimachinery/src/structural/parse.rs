//! From the JSON of `openAPIV3Schema` to a [`Schema`].

use std::sync::Arc;

use model::{FieldError, FieldPath};
use serde_json::{Map, Value};

use super::invariant::{self, Level};
use super::limit::{DEPTH_MAX, ERRORS_MAX};
use super::{defaults, pruning, validation};
use kinds::schema::{ListType, MapType, Rules, Schema, Type};

/// Errors and findings of one version's schema.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<FieldError>,
    pub(super) cel_rules: Vec<FieldPath>,
}

impl Findings {
    pub(super) fn push(&mut self, error: FieldError) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        }
    }
}

/// Parses the schema at the root of a version. The fields of every object are added.
pub(super) fn root(raw: &Value, path: &FieldPath, found: &mut Findings) -> Arc<Schema> {
    let mut schema = structure(raw, path, Level::Root, 0, found);
    add_object_fields(&mut schema, raw);
    schema.embedded = false;
    let schema = Arc::new(schema);
    // Defaults are checked last: a default may only be judged by a schema that is itself sound.
    if found.errors.is_empty() {
        check_defaults(&schema, path, 0, found);
    }
    schema
}

fn structure(raw: &Value, path: &FieldPath, level: Level, depth: usize, found: &mut Findings) -> Schema {
    if depth > DEPTH_MAX {
        found.push(FieldError::invalid(path.clone(), "", format!("nested more than {DEPTH_MAX} levels deep")));
        return Schema::default();
    }
    let Some(node) = raw.as_object() else {
        found.push(FieldError::invalid(path.clone(), raw.clone(), "must be an object"));
        return Schema::default();
    };
    invariant::check(node, path, level, found);
    if node.get("x-kubernetes-validations").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty()) {
        found.cel_rules.push(path.clone());
    }
    let flag = |name: &str| node.get(name).and_then(Value::as_bool).unwrap_or(false);
    let int_or_string = flag("x-kubernetes-int-or-string");
    let preserve_unknown = flag("x-kubernetes-preserve-unknown-fields");
    let ty = if int_or_string { Type::IntOrString } else { type_of(node) };
    let mut schema = Schema {
        ty,
        description: node.get("description").and_then(Value::as_str).map(Arc::from),
        default: node.get("default").filter(|d| !d.is_null()).cloned(),
        nullable: flag("nullable"),
        preserve_unknown,
        embedded: flag("x-kubernetes-embedded-resource"),
        list: list_type(node),
        map: match node.get("x-kubernetes-map-type").and_then(Value::as_str) {
            Some("atomic") => MapType::Atomic,
            _ => MapType::Granular,
        },
        ..Schema::default()
    };
    for (name, child, place) in properties(node, path) {
        let parsed = structure(child, &place, Level::Field, depth + 1, found);
        schema.fields.insert(name.to_owned(), Arc::new(parsed));
    }
    if let Some(items) = node.get("items").filter(|i| i.is_object()) {
        schema.item = Some(Arc::new(structure(items, &path.field("items"), Level::Item, depth + 1, found)));
    }
    match node.get("additionalProperties") {
        Some(values @ Value::Object(_)) => {
            let place = path.field("additionalProperties");
            schema.value = Some(Arc::new(structure(values, &place, Level::Field, depth + 1, found)));
        }
        Some(Value::Bool(true)) => schema.preserve_unknown = true,
        _ => {}
    }
    let home = Home { skeleton: Some(raw), path, checked: level == Level::Root };
    schema.rules = rules(node, home, path, int_or_string, depth, found);
    if schema.embedded {
        add_object_fields(&mut schema, raw);
        let rules = schema.rules.get_or_insert_default();
        for name in ["apiVersion", "kind"] {
            if !rules.required.iter().any(|r| r == name) {
                rules.required.push(name.to_owned());
            }
        }
    }
    schema
}

fn type_of(node: &Map<String, Value>) -> Type {
    match node.get("type").and_then(Value::as_str) {
        Some("object") => Type::Object,
        Some("array") => Type::Array,
        Some("string") => Type::String,
        Some("integer") => Type::Integer,
        Some("number") => Type::Number,
        Some("boolean") => Type::Boolean,
        _ => Type::Any,
    }
}

fn list_type(node: &Map<String, Value>) -> ListType {
    match node.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("set") => ListType::Set,
        Some("map") => ListType::Map(strings(node, "x-kubernetes-list-map-keys")),
        _ => ListType::Atomic,
    }
}

fn properties<'a>(node: &'a Map<String, Value>, path: &FieldPath) -> Vec<(&'a str, &'a Value, FieldPath)> {
    let Some(Value::Object(fields)) = node.get("properties") else { return Vec::new() };
    let place = path.field("properties");
    fields.iter().map(|(name, child)| (name.as_str(), child, place.key(name))).collect()
}

pub(super) fn strings(node: &Map<String, Value>, name: &str) -> Vec<String> {
    let list = node.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|s| s.as_str().map(ToOwned::to_owned)).collect()
}

/// The structural node that value rules belong to.
#[derive(Clone, Copy)]
struct Home<'a> {
    skeleton: Option<&'a Value>,
    path: &'a FieldPath,
    /// Must whatever a rule mentions be in the skeleton too? Upstream means to ask that everywhere and asks it of the
    /// rules at the root only; published CRDs rely on the rest being let through.
    checked: bool,
}

impl Home<'_> {
    /// The node below this one that a rule at `place` speaks about.
    fn child<R>(
        self,
        path: &FieldPath,
        skeleton: Option<&Value>,
        place: &FieldPath,
        found: &mut Findings,
        then: impl FnOnce(Home<'_>, &mut Findings) -> R,
    ) -> R {
        if self.checked && skeleton.is_none() {
            found.push(FieldError::required(path.clone(), format!("because it is defined in {place}")));
        }
        then(Home { skeleton, path, checked: self.checked && skeleton.is_some() }, found)
    }
}

/// The value rules of a node.
fn rules(
    node: &Map<String, Value>,
    home: Home<'_>,
    path: &FieldPath,
    int_or_string: bool,
    depth: usize,
    found: &mut Findings,
) -> Option<Box<Rules>> {
    let number = |name: &str| node.get(name).and_then(Value::as_f64);
    let count = |name: &str| node.get(name).and_then(Value::as_u64);
    let flag = |name: &str| node.get(name).and_then(Value::as_bool).unwrap_or(false);
    let text = |name: &str| node.get(name).and_then(Value::as_str).filter(|t| !t.is_empty()).map(ToOwned::to_owned);
    let mut nested = |name: &str| -> Vec<Arc<Schema>> {
        let list = node.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let place = path.field(name);
        let is_pattern = int_or_string && name == "anyOf" && invariant::is_int_or_string(list);
        if is_pattern {
            // The type says it already.
            return Vec::new();
        }
        let parse = |(index, raw): (usize, &Value)| {
            let open = int_or_string && name == "allOf" && index == 0;
            value_rules(raw, home, &place.index(index), open, depth + 1, found)
        };
        list.iter().enumerate().map(parse).map(Arc::new).collect()
    };
    let (all_of, any_of, one_of) = (nested("allOf"), nested("anyOf"), nested("oneOf"));
    let not = node.get("not").map(|raw| Arc::new(value_rules(raw, home, &path.field("not"), false, depth + 1, found)));
    let rules = Rules {
        required: strings(node, "required"),
        enumeration: node.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
        format: text("format"),
        pattern: text("pattern"),
        minimum: number("minimum"),
        maximum: number("maximum"),
        exclusive_minimum: flag("exclusiveMinimum"),
        exclusive_maximum: flag("exclusiveMaximum"),
        multiple_of: number("multipleOf"),
        min_length: count("minLength"),
        max_length: count("maxLength"),
        min_items: count("minItems"),
        max_items: count("maxItems"),
        unique_items: flag("uniqueItems"),
        min_properties: count("minProperties"),
        max_properties: count("maxProperties"),
        all_of,
        any_of,
        one_of,
        not,
    };
    (rules != Rules::default()).then(|| Box::new(rules))
}

/// A node below `allOf`, `anyOf`, `oneOf` or `not`: rules for values, and no structure of its own.
fn value_rules(
    raw: &Value,
    home: Home<'_>,
    path: &FieldPath,
    int_or_string: bool,
    depth: usize,
    found: &mut Findings,
) -> Schema {
    let Some(node) = raw.as_object().filter(|_| depth <= DEPTH_MAX) else {
        found.push(FieldError::invalid(path.clone(), "", "must be an object, and not nested too deep"));
        return Schema::default();
    };
    invariant::check_nested(node, path, found);
    let mut schema = Schema::default();
    let below = |place: &str| home.skeleton.and_then(|s| s.get(place));
    for (name, child, place) in properties(node, path) {
        let known = below("properties").and_then(|p| p.get(name));
        let at = home.path.field("properties").key(name);
        let parsed = home
            .child(&at, known, &place, found, |home, found| value_rules(child, home, &place, false, depth + 1, found));
        schema.fields.insert(name.to_owned(), Arc::new(parsed));
    }
    if let Some(child) = node.get("items") {
        let (place, at) = (path.field("items"), home.path.field("items"));
        let parsed = home.child(&at, below("items"), &place, found, |home, found| {
            value_rules(child, home, &place, false, depth + 1, found)
        });
        schema.item = Some(Arc::new(parsed));
    }
    schema.rules = rules(node, home, path, int_or_string, depth, found);
    schema
}

/// Adds `apiVersion`, `kind` and `metadata`. What the CRD says about `metadata.name` and `generateName` is kept.
fn add_object_fields(schema: &mut Schema, raw: &Value) {
    for name in ["apiVersion", "kind"] {
        let text = || Arc::new(Schema { ty: Type::String, ..Schema::default() });
        schema.fields.entry(name.to_owned()).or_insert_with(text);
    }
    let given = schema.fields.remove("metadata");
    let description = given.as_ref().and_then(|g| g.description.clone());
    let named = Schema { named: kinds::type_index("meta.v1.ObjectMeta"), description, ..Schema::default() };
    let metadata = match given {
        Some(given) if raw.pointer("/properties/metadata/properties").is_some() => {
            let mut narrowed = Schema { description: named.description.clone(), ..named.resolve().clone() };
            for name in ["name", "generateName"] {
                if let Some(field) = given.fields.get(name) {
                    narrowed.fields.insert(name.to_owned(), field.clone());
                }
            }
            narrowed.rules = given.rules.clone();
            narrowed
        }
        _ => named,
    };
    schema.fields.insert("metadata".to_owned(), Arc::new(metadata));
}

/// Every default must be a value that its own schema accepts as it is.
fn check_defaults(schema: &Schema, path: &FieldPath, depth: usize, found: &mut Findings) {
    if depth > DEPTH_MAX {
        return;
    }
    if let Some(default) = &schema.default {
        let place = path.field("default");
        let mut value = default.clone();
        if !pruning::prune(&mut value, schema).is_empty() {
            found.push(FieldError::invalid(place, default.clone(), "must not have unknown fields"));
        } else {
            defaults::default(&mut value, schema);
            for error in validation::validate_at(&value, schema, &place) {
                found.push(error);
            }
        }
    }
    for (name, field) in &schema.fields {
        check_defaults(field, &path.field("properties").key(name), depth + 1, found);
    }
    if let Some(item) = &schema.item {
        check_defaults(item, &path.field("items"), depth + 1, found);
    }
    if let Some(value) = &schema.value {
        check_defaults(value, &path.field("additionalProperties"), depth + 1, found);
    }
}
