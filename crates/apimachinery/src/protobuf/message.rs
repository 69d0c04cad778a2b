//! Messages into JSON, by the table of built-in types.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use model::clock::{format_micros, format_seconds};
use serde_json::{Map, Number, Value};

use super::error::ProtobufError;
use super::wire::{Cutter, Wire};
use kinds::table::{self, Word};

/// Messages inside messages. The deepest built-in types are some 12 deep; a CRD's schema adds two per level, and its
/// own rules stop far below.
const DEPTH_MAX: usize = 64;

/// Values in one object. A body is at most 3 MiB and an honest one spends ten bytes or more on a value; without this
/// limit two bytes could ask for an item of 400 bytes, and a body for a gigabyte.
const VALUES_MAX: usize = 250_000;

/// Reads messages of one body; counts what it has read and knows where it is.
pub(super) struct Reader<'a> {
    path: Vec<&'a str>,
    values: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(kind: &'a str) -> Self {
        Self { path: vec![kind], values: 0 }
    }

    /// A message of a table type.
    pub(super) fn message(&mut self, index: u16, bytes: &[u8]) -> Result<Map<String, Value>, ProtobufError> {
        let mut out = Map::new();
        self.fields(index, bytes, &mut out)?;
        Ok(out)
    }

    fn path_text(&self) -> String {
        self.path.join(".")
    }

    fn count(&mut self, values: usize) -> Result<(), ProtobufError> {
        self.values += values;
        if self.values > VALUES_MAX {
            return Err(ProtobufError::Values { at: self.path_text(), limit: VALUES_MAX });
        }
        Ok(())
    }

    fn fields(&mut self, index: u16, bytes: &[u8], out: &mut Map<String, Value>) -> Result<(), ProtobufError> {
        if self.path.len() > DEPTH_MAX {
            return Err(ProtobufError::Depth { at: self.path_text(), limit: DEPTH_MAX });
        }
        let mut fields = Cutter::new(bytes);
        while let Some((number, wire)) = fields.next().map_err(|e| e.at_path(self.path_text()))? {
            let row = table::row(index);
            let Some(field) = row.fields.iter().find(|f| f.number == number && number != 0) else { continue };
            self.count(1)?;
            self.path.push(field.name);
            if let (Word::Type(inner), "^") = (&field.word, field.name) {
                let bytes = self.bytes(wire)?;
                self.fields(*inner, bytes, out)?;
            } else {
                self.field(&field.word, field.name, wire, out)?;
            }
            self.path.pop();
        }
        Ok(())
    }

    /// One occurrence of a field: lists and maps grow, the rest is replaced.
    fn field(
        &mut self,
        word: &Word,
        name: &str,
        wire: Wire<'_>,
        out: &mut Map<String, Value>,
    ) -> Result<(), ProtobufError> {
        match word {
            Word::List(item) => {
                let mut read = match (&**item, wire) {
                    (Word::Int32 | Word::Int64 | Word::Bool, Wire::Bytes(packed)) => self.packed(item, packed)?,
                    _ => vec![self.value(item, wire)?],
                };
                match out.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                    Value::Array(items) => items.append(&mut read),
                    other => *other = Value::Array(read),
                }
            }
            Word::Map(value) => {
                let (key, value) = self.entry(value, wire)?;
                match out.entry(name).or_insert_with(|| Value::Object(Map::new())) {
                    Value::Object(map) => {
                        map.insert(key, value);
                    }
                    other => *other = Value::Object([(key, value)].into_iter().collect()),
                }
            }
            _ => {
                // `null` is a Go zero value that JSON leaves out.
                let value = self.value(word, wire)?;
                if !value.is_null() {
                    out.insert(name.to_owned(), value);
                }
            }
        }
        Ok(())
    }

    fn packed(&mut self, item: &Word, packed: &[u8]) -> Result<Vec<Value>, ProtobufError> {
        let values = Cutter::new(packed).varints().map_err(|e| e.at_path(self.path_text()))?;
        self.count(values.len())?;
        values.into_iter().map(|v| self.value(item, Wire::Varint(v))).collect()
    }

    /// An entry of a map: key is field 1, value is field 2; what is missing is empty.
    fn entry(&mut self, word: &Word, wire: Wire<'_>) -> Result<(String, Value), ProtobufError> {
        let (mut key, mut value) = (String::new(), Value::Null);
        for (number, wire) in self.cut(wire)? {
            match number {
                1 => key = self.text(wire)?.to_owned(),
                2 => value = self.value(word, wire)?,
                _ => {}
            }
        }
        if value.is_null() {
            value = self.value(word, Wire::Bytes(&[])).unwrap_or(Value::Null);
        }
        Ok((key, value))
    }

    fn value(&mut self, word: &Word, wire: Wire<'_>) -> Result<Value, ProtobufError> {
        Ok(match word {
            Word::String => self.text(wire)?.into(),
            Word::Bool => Value::Bool(self.varint(wire)? != 0),
            // Negative 32-bit numbers are sign-extended to ten bytes on the wire.
            Word::Int32 => Value::from(self.varint(wire)? as i32),
            Word::Int64 => Value::from(self.varint(wire)? as i64),
            Word::Double => match wire {
                Wire::Fixed64(bytes) => Number::from_f64(f64::from_le_bytes(bytes)).map_or(Value::Null, Value::Number),
                other => return Err(self.misfit(other)),
            },
            Word::Bytes => STANDARD.encode(self.bytes(wire)?).into(),
            Word::Time | Word::MicroTime => self.time(word, wire)?,
            Word::Quantity => match self.first(wire, 1)? {
                Some(wire) => self.text(wire)?.into(),
                None => "0".into(),
            },
            Word::IntOrString => self.int_or_string(wire)?,
            Word::FieldsV1 | Word::RawExtension | Word::Json => match self.first(wire, 1)? {
                Some(wire) => self.json(wire)?,
                None => Value::Null,
            },
            Word::SchemaOrArray | Word::SchemaOrBool | Word::SchemaOrStrings => self.schema_or(word, wire)?,
            Word::Strings => {
                let fields = self.cut(wire)?;
                let items = fields.into_iter().filter(|(number, _)| *number == 1);
                Value::Array(items.map(|(_, w)| Ok(self.text(w)?.into())).collect::<Result<_, ProtobufError>>()?)
            }
            Word::Type(index) => Value::Object(self.message(*index, self.bytes(wire)?)?),
            // Lists and maps inside lists and maps do not exist in protobuf, and so not in these types.
            Word::List(_) | Word::Map(_) => return Err(self.misfit(wire)),
        })
    }

    /// `{seconds = 1, nanos = 2}`; nothing set is Go's zero time, which JSON does not have.
    fn time(&self, word: &Word, wire: Wire<'_>) -> Result<Value, ProtobufError> {
        let (mut seconds, mut nanos) = (0_i64, 0_i32);
        for (number, wire) in self.cut(wire)? {
            match number {
                1 => seconds = self.varint(wire)? as i64,
                2 => nanos = self.varint(wire)? as i32,
                _ => {}
            }
        }
        if (seconds, nanos) == (0, 0) {
            return Ok(Value::Null);
        }
        let outside = |_| ProtobufError::Value { at: self.path_text(), detail: "no such time".to_owned() };
        let at = Timestamp::new(seconds, nanos).map_err(outside)?;
        Ok(if *word == Word::Time { format_seconds(at) } else { format_micros(at) }.into())
    }

    /// `{type = 1, intVal = 2, strVal = 3}`; type 0 is a number, 1 is text.
    fn int_or_string(&self, wire: Wire<'_>) -> Result<Value, ProtobufError> {
        let (mut is_text, mut number, mut text) = (false, 0_i32, "");
        for (field, wire) in self.cut(wire)? {
            match field {
                1 => is_text = self.varint(wire)? == 1,
                2 => number = self.varint(wire)? as i32,
                3 => text = self.text(wire)?,
                _ => {}
            }
        }
        Ok(if is_text { text.into() } else { number.into() })
    }

    /// `JSONSchemaPropsOr…`: a schema in one field, its alternative in the other.
    fn schema_or(&mut self, word: &Word, wire: Wire<'_>) -> Result<Value, ProtobufError> {
        let index = table::index("apiextensions.v1.JSONSchemaProps").unwrap_or(u16::MAX);
        let schema = if *word == Word::SchemaOrBool { 2 } else { 1 };
        let (mut one, mut allows, mut items) = (None, false, Vec::new());
        for (number, wire) in self.cut(wire)? {
            match (number, word) {
                (number, _) if number == schema => one = Some(Value::Object(self.message(index, self.bytes(wire)?)?)),
                (1, Word::SchemaOrBool) => allows = self.varint(wire)? != 0,
                (2, Word::SchemaOrArray) => items.push(Value::Object(self.message(index, self.bytes(wire)?)?)),
                (2, Word::SchemaOrStrings) => items.push(self.text(wire)?.into()),
                _ => {}
            }
        }
        Ok(match one {
            Some(schema) => schema,
            None if *word == Word::SchemaOrBool => Value::Bool(allows),
            None => Value::Array(items),
        })
    }

    /// Raw JSON, such as `managedFields[].fieldsV1`.
    fn json(&self, wire: Wire<'_>) -> Result<Value, ProtobufError> {
        let bytes = self.bytes(wire)?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(bytes).map_err(|_| ProtobufError::Json { at: self.path_text() })
    }

    /// The fields of a small message, all of them.
    fn cut<'m>(&self, wire: Wire<'m>) -> Result<Vec<(u32, Wire<'m>)>, ProtobufError> {
        let mut fields = Cutter::new(self.bytes(wire)?);
        let mut out = Vec::new();
        while let Some(field) = fields.next().map_err(|e| e.at_path(self.path_text()))? {
            out.push(field);
        }
        Ok(out)
    }

    fn first<'m>(&self, wire: Wire<'m>, number: u32) -> Result<Option<Wire<'m>>, ProtobufError> {
        Ok(self.cut(wire)?.into_iter().find(|(n, _)| *n == number).map(|(_, wire)| wire))
    }

    fn bytes<'m>(&self, wire: Wire<'m>) -> Result<&'m [u8], ProtobufError> {
        match wire {
            Wire::Bytes(bytes) => Ok(bytes),
            other => Err(self.misfit(other)),
        }
    }

    fn text<'m>(&self, wire: Wire<'m>) -> Result<&'m str, ProtobufError> {
        std::str::from_utf8(self.bytes(wire)?).map_err(|_| ProtobufError::Utf8 { at: self.path_text() })
    }

    fn varint(&self, wire: Wire<'_>) -> Result<u64, ProtobufError> {
        match wire {
            Wire::Varint(value) => Ok(value),
            other => Err(self.misfit(other)),
        }
    }

    fn misfit(&self, wire: Wire<'_>) -> ProtobufError {
        let wire = match wire {
            Wire::Varint(_) => 0,
            Wire::Fixed64(_) => 1,
            Wire::Bytes(_) => 2,
            Wire::Fixed32 => 5,
        };
        ProtobufError::WireType { at: self.path_text(), wire }
    }
}
