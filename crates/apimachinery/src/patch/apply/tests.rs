//! One object written by several managers, step by step.

mod lists;
mod ownership;
mod properties;
mod real;
mod records;
mod rules;
mod updates;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Timestamp;
use serde_json::{Value, json};

use super::{ApplyError, Change, apply, reset_fields, update};
use crate::managed::{Managed, list};
use kinds::schema::{ListType, MapType, Rules, Schema, Type};

/// A schema from a sketch of OpenAPI.
pub(crate) fn schema(sketch: &Value) -> Schema {
    let text = |name: &str| sketch.get(name).and_then(Value::as_str);
    let flag = |name: &str| sketch.get(name).and_then(Value::as_bool).unwrap_or(false);
    let fields = sketch.get("properties").and_then(Value::as_object);
    let keys = || sketch["keys"].as_array().unwrap().iter().map(|k| k.as_str().unwrap().to_owned()).collect();
    Schema {
        ty: match text("type") {
            Some("object") => Type::Object,
            Some("array") => Type::Array,
            Some("string") => Type::String,
            Some("integer") => Type::Integer,
            Some("boolean") => Type::Boolean,
            _ => Type::Any,
        },
        fields: fields.map_or(BTreeMap::new(), |f| f.iter().map(|(k, v)| (k.clone(), Arc::new(schema(v)))).collect()),
        item: sketch.get("items").map(|s| Arc::new(schema(s))),
        value: sketch.get("values").map(|s| Arc::new(schema(s))),
        default: sketch.get("default").cloned(),
        nullable: flag("nullable"),
        preserve_unknown: flag("preserve"),
        list: match text("list") {
            Some("set") => ListType::Set,
            Some("map") => ListType::Map(keys()),
            _ => ListType::Atomic,
        },
        map: if text("map") == Some("atomic") { MapType::Atomic } else { MapType::Granular },
        rules: text("format").map(|f| Box::new(Rules { format: Some(f.to_owned()), ..Rules::default() })),
        ..Schema::default()
    }
}

/// A kind with every way to merge in it.
fn kind() -> Schema {
    schema(&json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {
            "replicas": {"type": "integer"},
            "paused": {"type": "boolean"},
            "name": {"type": "string"},
            "size": {"type": "string", "format": "quantity"},
            "maybe": {"type": "string", "nullable": true},
            "strategy": {"type": "object", "properties": {
                "type": {"type": "string"},
                "rolling": {"type": "object", "properties": {"surge": {"type": "integer"}, "gone": {"type": "integer"}}}}},
            "selector": {"type": "object", "map": "atomic", "values": {"type": "string"}},
            "data": {"type": "object", "values": {"type": "string"}},
            "args": {"type": "array", "items": {"type": "string"}},
            "set": {"type": "array", "list": "set", "items": {"type": "string"}},
            "numbers": {"type": "array", "list": "set", "items": {"type": "integer"}},
            "free": {"type": "object", "preserve": true},
            "containers": {"type": "array", "list": "map", "keys": ["name"], "items": {"type": "object", "properties": {
                "name": {"type": "string"},
                "image": {"type": "string"},
                "env": {"type": "array", "list": "map", "keys": ["name"], "items": {"type": "object", "properties": {
                    "name": {"type": "string"}, "value": {"type": "string"}}}},
                "ports": {"type": "array", "list": "map", "keys": ["port", "protocol"], "items": {"type": "object", "properties": {
                    "port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}, "name": {"type": "string"}}}},
                "resources": {"type": "object", "properties": {
                    "limits": {"type": "object", "values": {"format": "quantity", "type": "string"}}}}}}}}},
        "status": {"type": "object", "properties": {
            "ready": {"type": "integer"},
            "conditions": {"type": "array", "list": "map", "keys": ["type"], "items": {"type": "object", "properties": {
                "type": {"type": "string"}, "status": {"type": "string"}}}}}}}}))
}

/// An object and the hand that writes it.
struct World {
    schema: Schema,
    object: Option<Value>,
    version: String,
    subresource: &'static str,
    /// Seconds since the epoch; each write is a minute later.
    now: i64,
}

/// A configuration: `spec` (or whatever `body` holds) of the one object.
fn config(body: Value) -> Value {
    let mut out = json!({"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "x", "namespace": "n"}});
    for (name, value) in body.as_object().unwrap() {
        if name == "metadata" {
            out["metadata"].as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        } else {
            out[name] = value.clone();
        }
    }
    out
}

fn spec(spec: Value) -> Value {
    config(json!({"spec": spec}))
}

impl World {
    fn new() -> Self {
        Self::with_schema(kind())
    }

    fn with_schema(schema: Schema) -> Self {
        Self { schema, object: None, version: "v1".to_owned(), subresource: "", now: 0 }
    }

    fn change<'a>(&'a self, manager: &'a str, reset: &'a crate::fieldset::FieldSet) -> Change<'a> {
        Change {
            live: self.object.as_ref(),
            schema: &self.schema,
            manager,
            api_version: &self.version,
            subresource: self.subresource,
            reset: Some(reset),
            now: Timestamp::from_second(self.now).unwrap(),
        }
    }

    fn try_apply(&mut self, manager: &str, applied: &Value, force: bool) -> Result<(), ApplyError> {
        self.now += 60;
        let reset = reset_fields(self.subresource, true);
        let mut applied = applied.clone();
        applied["apiVersion"] = json!(self.version);
        let object = apply(self.change(manager, &reset), &applied, force)?;
        self.object = Some(object);
        Ok(())
    }

    #[track_caller]
    fn apply(&mut self, manager: &str, applied: Value) -> &mut Self {
        if let Err(error) = self.try_apply(manager, &applied, false) {
            panic!("{error}");
        }
        self
    }

    #[track_caller]
    fn force(&mut self, manager: &str, applied: Value) -> &mut Self {
        self.try_apply(manager, &applied, true).unwrap();
        self
    }

    /// Applies, expects to be refused, and checks each line of `manager: path`.
    #[track_caller]
    fn conflict(&mut self, manager: &str, applied: Value, expect: &[&str]) -> &mut Self {
        let before = self.object.clone();
        let Err(ApplyError::Conflicts(conflicts)) = self.try_apply(manager, &applied, false) else {
            panic!("expected a conflict");
        };
        let got: Vec<String> = conflicts.iter().map(|c| format!("{}: {}", c.manager, c.path)).collect();
        assert_eq!(got, expect);
        assert_eq!(self.object, before);
        self
    }

    #[track_caller]
    fn refused(&mut self, manager: &str, applied: Value, expect: &str) -> &mut Self {
        let error = self.try_apply(manager, &applied, false).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
        self
    }

    /// Writes the object with `edit` done to it.
    fn update(&mut self, manager: &str, edit: impl FnOnce(&mut Value)) -> &mut Self {
        self.now += 60;
        let mut new = self.object.clone().unwrap_or_else(|| config(json!({})));
        edit(&mut new);
        let reset = reset_fields(self.subresource, true);
        let object = update(self.change(manager, &reset), new);
        self.object = Some(object);
        self
    }

    /// Checks the object without the metadata that has no owner.
    #[track_caller]
    fn body(&mut self, expect: Value) -> &mut Self {
        let mut body = self.object.clone().unwrap();
        crate::managed::clear(&mut body);
        assert_eq!(body, config(expect));
        self
    }

    #[track_caller]
    fn spec(&mut self, expect: Value) -> &mut Self {
        assert_eq!(self.object.as_ref().unwrap()["spec"], expect);
        self
    }

    /// Checks the records: `name op [subresource]` → paths.
    #[track_caller]
    fn owners(&mut self, expect: &[(&str, &[&str])]) -> &mut Self {
        let managed = Managed::from_object(self.object.as_ref().unwrap()).unwrap();
        let got: Vec<(String, Vec<String>)> = managed
            .entries
            .iter()
            .map(|entry| {
                let name = format!("{} {} {}", entry.manager, entry.operation, entry.subresource);
                let mut paths: Vec<String> = entry.fields().paths().iter().map(ToString::to_string).collect();
                paths.sort();
                (name.trim_end().to_owned(), paths)
            })
            .collect();
        let expect: Vec<(String, Vec<String>)> = expect
            .iter()
            .map(|(name, paths)| {
                let mut paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
                paths.sort();
                ((*name).to_owned(), paths)
            })
            .collect();
        assert_eq!(got, expect);
        self
    }

    /// Checks when each manager last wrote, in minutes.
    #[track_caller]
    fn times(&mut self, expect: &[(&str, i64)]) -> &mut Self {
        let entries = list(self.object.as_ref().unwrap()).unwrap();
        let got: Vec<(&str, i64)> = entries
            .iter()
            .map(|e| {
                let time: Timestamp = e["time"].as_str().unwrap().parse().unwrap();
                (e["manager"].as_str().unwrap(), time.as_second() / 60)
            })
            .collect();
        assert_eq!(got, expect);
        self
    }
}
