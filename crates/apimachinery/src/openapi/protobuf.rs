//! An OpenAPI v2 document in protobuf (`gnostic-models/openapiv2/OpenAPIv2.proto`): the only form in which kubectl
//! takes it.
//!
//! Only messages and fields that [`super::v2`] writes are known here.

use serde_json::{Map, Value};

/// Encodes a document that [`super::v2`] made.
pub fn encode(document: &Value) -> Vec<u8> {
    let mut out = Message::default();
    out.text(1, document.get("swagger"));
    out.message(2, |info| {
        info.text(1, document.pointer("/info/title"));
        info.text(2, document.pointer("/info/version"));
    });
    out.message(8, |paths| paths.named(2, document.get("paths"), path_item));
    out.message(9, |definitions| definitions.named(1, document.get("definitions"), schema));
    out.0
}

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, field: u64, value: Option<&Value>) {
        if let Some(text) = value.and_then(Value::as_str).filter(|text| !text.is_empty()) {
            self.bytes(field, text.as_bytes());
        }
    }

    fn texts(&mut self, field: u64, value: Option<&Value>) {
        for text in value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            self.bytes(field, text.as_bytes());
        }
    }

    fn flag(&mut self, field: u64, value: Option<&Value>) {
        if value == Some(&Value::Bool(true)) {
            self.varint(field << 3);
            self.varint(1);
        }
    }

    fn integer(&mut self, field: u64, value: Option<&Value>) {
        if let Some(number) = value.and_then(Value::as_u64).filter(|number| *number > 0) {
            self.varint(field << 3);
            self.varint(number);
        }
    }

    fn double(&mut self, field: u64, value: Option<&Value>) {
        if let Some(number) = value.and_then(Value::as_f64) {
            self.varint(field << 3 | 1);
            self.0.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }

    /// `Any`: a value of any shape, as YAML, of which JSON is a part.
    fn any(&mut self, field: u64, value: Option<&Value>) {
        if let Some(value) = value {
            self.message(field, |any| any.bytes(2, value.to_string().as_bytes()));
        }
    }

    /// A map as a list of names and values.
    fn named(&mut self, field: u64, map: Option<&Value>, write: fn(&mut Self, &Value)) {
        for (name, value) in map.and_then(Value::as_object).into_iter().flatten() {
            self.message(field, |pair| {
                pair.bytes(1, name.as_bytes());
                pair.message(2, |inner| write(inner, value));
            });
        }
    }

    fn extensions(&mut self, field: u64, value: &Value) {
        for (name, value) in
            value.as_object().into_iter().flat_map(Map::iter).filter(|(name, _)| name.starts_with("x-"))
        {
            self.message(field, |pair| {
                pair.bytes(1, name.as_bytes());
                pair.any(2, Some(value));
            });
        }
    }

    fn parameters(&mut self, field: u64, value: Option<&Value>) {
        for parameter in value.and_then(Value::as_array).into_iter().flatten() {
            // ParametersItem, then Parameter.
            self.message(field, |item| item.message(1, |one| self::parameter(one, parameter)));
        }
    }
}

fn path_item(out: &mut Message, item: &Value) {
    for (field, method) in [(2, "get"), (3, "put"), (4, "post"), (5, "delete"), (8, "patch")] {
        if let Some(found) = item.get(method) {
            out.message(field, |inner| operation(inner, found));
        }
    }
    out.parameters(9, item.get("parameters"));
}

fn operation(out: &mut Message, found: &Value) {
    out.text(5, found.get("operationId"));
    out.texts(6, found.get("produces"));
    out.texts(7, found.get("consumes"));
    out.parameters(8, found.get("parameters"));
    out.message(9, |responses| {
        responses.named(1, found.get("responses"), |value, response| {
            value.message(1, |inner| {
                inner.text(1, response.get("description"));
                if let Some(given) = response.get("schema") {
                    inner.message(2, |item| item.message(1, |one| schema(one, given)));
                }
            });
        });
    });
    out.extensions(13, found);
}

fn parameter(out: &mut Message, found: &Value) {
    let place = found.get("in").and_then(Value::as_str).unwrap_or_default();
    if place == "body" {
        out.message(1, |body| {
            body.text(2, found.get("name"));
            body.text(3, found.get("in"));
            body.flag(4, found.get("required"));
            if let Some(taken) = found.get("schema") {
                body.message(5, |inner| schema(inner, taken));
            }
        });
        return;
    }
    // The two messages differ in where their types and flags are.
    let (kind, ty, unique) = if place == "path" { (4, 5, 19) } else { (3, 6, 20) };
    out.message(2, |other| {
        other.message(kind, |inner| {
            inner.flag(1, found.get("required"));
            inner.text(2, found.get("in"));
            inner.text(3, found.get("description"));
            inner.text(4, found.get("name"));
            inner.text(ty, found.get("type"));
            inner.flag(unique, found.get("uniqueItems"));
        });
    });
}

fn schema(out: &mut Message, found: &Value) {
    out.text(1, found.get("$ref"));
    out.text(2, found.get("format"));
    out.text(4, found.get("description"));
    out.any(5, found.get("default"));
    out.double(6, found.get("multipleOf"));
    out.double(7, found.get("maximum"));
    out.flag(8, found.get("exclusiveMaximum"));
    out.double(9, found.get("minimum"));
    out.flag(10, found.get("exclusiveMinimum"));
    out.integer(11, found.get("maxLength"));
    out.integer(12, found.get("minLength"));
    out.text(13, found.get("pattern"));
    out.integer(14, found.get("maxItems"));
    out.integer(15, found.get("minItems"));
    out.texts(19, found.get("required"));
    for value in found.get("enum").and_then(Value::as_array).into_iter().flatten() {
        out.any(20, Some(value));
    }
    match found.get("additionalProperties") {
        Some(Value::Bool(allowed)) => out.message(21, |item| item.flag(2, Some(&Value::Bool(*allowed)))),
        Some(inner) => out.message(21, |item| item.message(1, |one| schema(one, inner))),
        None => {}
    }
    if let Some(ty) = found.get("type").and_then(Value::as_str) {
        out.message(22, |item| item.bytes(1, ty.as_bytes()));
    }
    if let Some(inner) = found.get("items") {
        out.message(23, |item| item.message(1, |one| schema(one, inner)));
    }
    for part in found.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        out.message(24, |one| schema(one, part));
    }
    if found.get("properties").is_some() {
        out.message(25, |properties| properties.named(1, found.get("properties"), schema));
    }
    out.extensions(31, found);
}
