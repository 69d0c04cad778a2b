//! Schemas of a document: table types and structural schemas as OpenAPI v3.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{GroupVersion, GroupVersionKind};
use serde_json::{Map, Value, json};

use super::described::{Described, gvk_value, reference};
use kinds::schema::{ListType, MapType, Rules, Schema, Type};
use kinds::table::{self, Field, ListKind, Presence, Word};

/// Types without a row in the table, by their letter's meaning.
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
const TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";
const MICRO_TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime";
const FIELDS_V1: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1";
const RAW_EXTENSION: &str = "io.k8s.apimachinery.pkg.runtime.RawExtension";
const JSON: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON";
pub(super) const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";

/// A type's name in documents.
pub(super) fn full_name(index: u16) -> String {
    let name = table::row(index).name;
    match name.split('.').next() {
        Some("meta") => format!("io.k8s.apimachinery.pkg.apis.{name}"),
        Some("apiextensions") => format!("io.k8s.apiextensions-apiserver.pkg.apis.{name}"),
        Some("apiregistration") => format!("io.k8s.kube-aggregator.pkg.apis.{name}"),
        _ => format!("io.k8s.api.{name}"),
    }
}

/// The schemas that a document needs so far.
pub(super) struct Components {
    gv: GroupVersion,
    schemas: BTreeMap<String, Value>,
}

impl Components {
    pub(super) fn new(gv: &GroupVersion) -> Self {
        Self { gv: gv.clone(), schemas: BTreeMap::new() }
    }

    pub(super) fn into_schemas(self) -> Map<String, Value> {
        self.schemas.into_iter().collect()
    }

    /// Adds a type by the short name of the table, and returns a reference to it.
    pub(super) fn named(&mut self, short: &str) -> Value {
        table::index(short).map_or_else(|| json!({}), |index| self.add(index))
    }

    /// Adds a table type with all that it refers to, and returns a reference to it.
    pub(super) fn add(&mut self, index: u16) -> Value {
        let name = full_name(index);
        if !self.schemas.contains_key(&name) {
            // Types refer to themselves: the place is taken before the fields are read.
            self.schemas.insert(name.clone(), Value::Null);
            let mut out = Map::new();
            out.insert("type".to_owned(), "object".into());
            let (mut properties, mut required) = (Map::new(), Vec::new());
            self.fields(index, &mut properties, &mut required);
            if !required.is_empty() {
                out.insert("required".to_owned(), json!(required));
            }
            if !properties.is_empty() {
                out.insert("properties".to_owned(), Value::Object(properties));
            }
            if table::row(index).atomic {
                out.insert("x-kubernetes-map-type".to_owned(), "atomic".into());
            }
            let kinds = self.kinds_of(index);
            if !kinds.is_empty() {
                out.insert("x-kubernetes-group-version-kind".to_owned(), Value::Array(kinds));
            }
            self.schemas.insert(name.clone(), Value::Object(out));
        }
        reference(&name)
    }

    /// The kinds that a type is: its own, or in this group the types that every group has.
    fn kinds_of(&self, index: u16) -> Vec<Value> {
        let name = table::row(index).name;
        let kind = name.rsplit('.').next().unwrap_or_default();
        if name == "meta.v1.DeleteOptions" {
            let mut groups = vec![GroupVersion::new("", "v1"), self.gv.clone()];
            groups.dedup();
            return groups.iter().map(|gv| gvk_value(&gv.kind(kind))).collect();
        }
        if name == "meta.v1.Status" {
            return vec![gvk_value(&GroupVersionKind::new("", "v1", kind))];
        }
        let row = &table::row(index).fields;
        if !row.iter().any(|f| f.name == "apiVersion" && f.number == 0) {
            return Vec::new();
        }
        // Objects of this document, and those of other groups that its subresources take.
        let served = kinds::all().iter().find(|k| k.type_index() == Some(index)).map(|k| k.gvk());
        let subresources = kinds::all().iter().flat_map(|k| k.subresources);
        let other = || {
            let found = subresources.filter(|s| !s.version.is_empty());
            let mut found = found.map(|s| GroupVersionKind::new(s.group, s.version, s.kind));
            found.find(|gvk| kinds::request_type(gvk) == Some(index))
        };
        let scale = GroupVersionKind::new("autoscaling", "v1", "Scale");
        let scale = (kinds::request_type(&scale) == Some(index)).then_some(scale);
        served.or_else(other).or(scale).iter().map(gvk_value).collect()
    }

    fn fields(&mut self, index: u16, properties: &mut Map<String, Value>, required: &mut Vec<&'static str>) {
        for field in &table::row(index).fields {
            if let (Word::Type(inner), "^") = (&field.word, field.name) {
                self.fields(*inner, properties, required);
                continue;
            }
            required.extend(field.required.then_some(field.name));
            let property = self.field(field);
            properties.insert(field.name.to_owned(), property);
        }
    }

    fn field(&mut self, field: &Field) -> Value {
        let mut extra = Map::new();
        match &field.list {
            ListKind::Atomic => {}
            ListKind::Set => {
                extra.insert("x-kubernetes-list-type".to_owned(), "set".into());
            }
            ListKind::Map(keys) => {
                extra.insert("x-kubernetes-list-type".to_owned(), "map".into());
                extra.insert("x-kubernetes-list-map-keys".to_owned(), json!(keys));
            }
        }
        if field.granular {
            extra.insert("x-kubernetes-map-type".to_owned(), "granular".into());
        }
        if field.atomic {
            extra.insert("x-kubernetes-map-type".to_owned(), "atomic".into());
        }
        if let Some(patch) = &field.patch {
            let strategies = match (patch.merge, patch.retain_keys) {
                (true, true) => "merge,retainKeys",
                (true, false) => "merge",
                (false, true) => "retainKeys",
                (false, false) => "replace",
            };
            extra.insert("x-kubernetes-patch-strategy".to_owned(), strategies.into());
            if let Some(key) = patch.key {
                extra.insert("x-kubernetes-patch-merge-key".to_owned(), key.into());
            }
        }
        if let Some(default) = &field.default {
            extra.insert("default".to_owned(), default.clone());
        } else if matches!((&field.word, field.presence), (Word::Type(_), Presence::Always)) {
            extra.insert("default".to_owned(), json!({}));
        }
        let mut schema = self.word(&field.word);
        if !field.values.is_empty() {
            let text = match &field.word {
                Word::List(_) => &mut schema["items"],
                Word::Map(_) => &mut schema["additionalProperties"],
                _ => &mut schema,
            };
            text["enum"] = json!(field.values);
        }
        beside(schema, extra)
    }

    fn word(&mut self, word: &Word) -> Value {
        match word {
            Word::String => json!({"type": "string"}),
            Word::Bool => json!({"type": "boolean"}),
            Word::Int32 => json!({"type": "integer", "format": "int32"}),
            Word::Int64 => json!({"type": "integer", "format": "int64"}),
            Word::Double => json!({"type": "number", "format": "double"}),
            Word::Bytes => json!({"type": "string", "format": "byte"}),
            Word::Strings => json!({"type": "array", "items": {"type": "string"}}),
            Word::Time => self.special(TIME, json!({"type": "string", "format": "date-time"})),
            Word::MicroTime => self.special(MICRO_TIME, json!({"type": "string", "format": "date-time"})),
            Word::Quantity => self.special(QUANTITY, json!({"oneOf": [{"type": "string"}, {"type": "number"}]})),
            Word::IntOrString => {
                let either = json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]});
                self.special(INT_OR_STRING, either)
            }
            Word::FieldsV1 => self.special(FIELDS_V1, json!({"type": "object"})),
            Word::RawExtension => self.special(RAW_EXTENSION, json!({"type": "object"})),
            Word::Json => self.special(JSON, json!({})),
            // Without a type of their own: a schema, a list or a boolean.
            Word::SchemaOrArray => self.special(&format!("{JSON}SchemaPropsOrArray"), json!({})),
            Word::SchemaOrBool => self.special(&format!("{JSON}SchemaPropsOrBool"), json!({})),
            Word::SchemaOrStrings => self.special(&format!("{JSON}SchemaPropsOrStringArray"), json!({})),
            Word::List(item) => json!({"type": "array", "items": self.word(item)}),
            Word::Map(value) => json!({"type": "object", "additionalProperties": self.word(value)}),
            Word::Type(index) => self.add(*index),
        }
    }

    pub(super) fn special(&mut self, name: &str, schema: Value) -> Value {
        self.schemas.entry(name.to_owned()).or_insert(schema);
        reference(name)
    }

    /// Adds the list of a kind.
    pub(super) fn add_list(&mut self, kind: &Described<'_>) {
        let list = GroupVersionKind { kind: kind.list_kind.clone(), ..kind.gvk.clone() };
        let metadata = self.named("meta.v1.ListMeta");
        let schema = json!({
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": metadata,
                "items": {"type": "array", "items": reference(&kind.schema)},
            },
            "x-kubernetes-group-version-kind": [gvk_value(&list)],
        });
        self.schemas.insert(list_name(kind), schema);
    }

    /// Adds the schema of a custom kind.
    pub(super) fn add_custom(&mut self, kind: &Described<'_>, schema: &Arc<Schema>) {
        let mut out = self.structural(schema);
        out["x-kubernetes-group-version-kind"] = json!([gvk_value(&kind.gvk)]);
        self.schemas.insert(kind.schema.clone(), out);
    }

    fn structural(&mut self, node: &Schema) -> Value {
        let mut extra = annotations(node);
        if let Some(index) = node.named {
            return beside(self.add(index), extra);
        }
        let ty = match node.ty {
            Type::Any | Type::IntOrString => None,
            Type::Object => Some("object"),
            Type::Array => Some("array"),
            Type::String => Some("string"),
            Type::Integer => Some("integer"),
            Type::Number => Some("number"),
            Type::Boolean => Some("boolean"),
        };
        extra.extend(ty.map(|ty| ("type".to_owned(), ty.into())));
        if node.ty == Type::IntOrString {
            extra.insert("x-kubernetes-int-or-string".to_owned(), true.into());
        }
        if !node.fields.is_empty() {
            let fields: Map<String, Value> =
                node.fields.iter().map(|(name, field)| (name.clone(), self.structural(field))).collect();
            extra.insert("properties".to_owned(), fields.into());
        }
        if let Some(item) = &node.item {
            extra.insert("items".to_owned(), self.structural(item));
        }
        if let Some(value) = &node.value {
            extra.insert("additionalProperties".to_owned(), self.structural(value));
        }
        if let Some(rules) = &node.rules {
            self.rules(rules, &mut extra);
        }
        Value::Object(extra)
    }

    fn rules(&mut self, rules: &Rules, out: &mut Map<String, Value>) {
        let mut put = |name: &str, value: Value| {
            let empty = value.is_null() || value == false || value.as_array().is_some_and(Vec::is_empty);
            if !empty {
                out.insert(name.to_owned(), value);
            }
        };
        put("required", json!(rules.required));
        put("enum", json!(rules.enumeration));
        put("format", json!(rules.format));
        put("pattern", json!(rules.pattern));
        put("minimum", json!(rules.minimum));
        put("maximum", json!(rules.maximum));
        put("exclusiveMinimum", json!(rules.exclusive_minimum));
        put("exclusiveMaximum", json!(rules.exclusive_maximum));
        put("multipleOf", json!(rules.multiple_of));
        put("minLength", json!(rules.min_length));
        put("maxLength", json!(rules.max_length));
        put("minItems", json!(rules.min_items));
        put("maxItems", json!(rules.max_items));
        put("uniqueItems", json!(rules.unique_items));
        put("minProperties", json!(rules.min_properties));
        put("maxProperties", json!(rules.max_properties));
        for (name, nodes) in [("allOf", &rules.all_of), ("anyOf", &rules.any_of), ("oneOf", &rules.one_of)] {
            put(name, nodes.iter().map(|node| self.structural(node)).collect());
        }
        if let Some(not) = &rules.not {
            put("not", self.structural(not));
        }
    }
}

/// The name of a kind's list.
pub(super) fn list_name(kind: &Described<'_>) -> String {
    let package = kind.schema.rsplit_once('.').map_or("", |(package, _)| package);
    format!("{package}.{}", kind.list_kind)
}

/// What a node says besides its structure.
fn annotations(node: &Schema) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    if let Some(description) = &node.description {
        put("description", (&**description).into());
    }
    if let Some(default) = &node.default {
        put("default", default.clone());
    }
    if node.nullable {
        put("nullable", true.into());
    }
    if node.preserve_unknown {
        put("x-kubernetes-preserve-unknown-fields", true.into());
    }
    if node.embedded {
        put("x-kubernetes-embedded-resource", true.into());
    }
    match &node.list {
        ListType::Atomic => {}
        ListType::Set => {
            put("x-kubernetes-list-type", "set".into());
        }
        ListType::Map(keys) => {
            put("x-kubernetes-list-type", "map".into());
            put("x-kubernetes-list-map-keys", json!(keys));
        }
    }
    if node.map == MapType::Atomic {
        put("x-kubernetes-map-type", "atomic".into());
    }
    out
}

/// A schema with more said about it. OpenAPI 3.0 ignores what stands beside a reference, so that one is wrapped.
fn beside(schema: Value, extra: Map<String, Value>) -> Value {
    match schema {
        schema if extra.is_empty() => schema,
        Value::Object(mut map) if !map.contains_key("$ref") => {
            map.extend(extra);
            Value::Object(map)
        }
        reference => {
            let mut out = extra;
            out.insert("allOf".to_owned(), json!([reference]));
            Value::Object(out)
        }
    }
}
