//! Objects that servers write alike: what was found out of one holds for another one that is written in the same bytes.
//!
//! A thousand members that were given the same object answer with the same text, but for what each server says of it by
//! itself: its UID, its versions and the times at which it was written. A hub that starts lists a hundred thousand
//! objects; comparing two texts costs a fiftieth of parsing one.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::limit;

/// The text of an object, with holes where servers differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    text: Box<str>,
    /// In the order of the text.
    holes: Box<[Hole]>,
}

/// A string of the text, with its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    start: usize,
    end: usize,
    field: Field,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Uid,
    Version,
    Time,
}

impl Field {
    /// Longest text in it, in bytes: what [`crate::api`] lets any object have.
    fn bytes_max(self) -> usize {
        match self {
            Self::Uid => limit::UID_BYTES_MAX,
            Self::Version => limit::VERSION_BYTES_MAX,
            Self::Time => limit::TIME_BYTES_MAX,
        }
    }
}

/// What a server says of an object that another one has too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own<'a> {
    /// Its UID; empty when it says none.
    pub uid: &'a str,
    /// Its resourceVersion; empty when it says none.
    pub resource_version: &'a str,
}

/// What differs of an object. Serde refuses a field that comes twice.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    uid: Option<&'a RawValue>,
    #[serde(borrow)]
    resource_version: Option<&'a RawValue>,
    #[serde(borrow)]
    creation_timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    managed_fields: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    time: Option<&'a RawValue>,
}

impl Twin {
    /// Takes the text of an object; `None` when the fields that differ are not plain strings in it.
    pub fn new(text: &str) -> Option<Self> {
        let Outline { metadata } = serde_json::from_str(text).ok()?;
        let times = metadata.managed_fields.iter().map(|entry| entry.time).chain([metadata.creation_timestamp]);
        let fields = [(metadata.uid, Field::Uid), (metadata.resource_version, Field::Version)];
        let fields = fields.into_iter().chain(times.map(|time| (time, Field::Time)));
        let mut holes = Vec::new();
        for (raw, field) in fields {
            let Some(raw) = raw.map(RawValue::get) else { continue };
            // A part of the text: what was parsed is borrowed from it.
            let start = (raw.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
            let end = start + raw.len();
            if text.get(start..end) != Some(raw) || string(raw, field)?.1 != raw.len() {
                return None;
            }
            holes.push(Hole { start, end, field });
        }
        holes.sort_unstable_by_key(|hole| hole.start);
        Some(Self { text: text.into(), holes: holes.into() })
    }

    /// Compares with the text of another object. `None` when anything differs that is not the server's own.
    pub fn own<'a>(&self, other: &'a str) -> Option<Own<'a>> {
        let (mut own, mut at, mut rest) = (Own::default(), 0, other);
        for hole in &self.holes {
            rest = rest.strip_prefix(self.text.get(at..hole.start)?)?;
            let (text, length) = string(rest, hole.field)?;
            match hole.field {
                Field::Uid => own.uid = text,
                Field::Version => own.resource_version = text,
                Field::Time => {}
            }
            (at, rest) = (hole.end, rest.get(length..)?);
        }
        (rest == self.text.get(at..)?).then_some(own)
    }

    /// Another object that is a twin of this one: what differs between the two is all that may differ between twins. What is
    /// found out of both alike does not depend on it.
    pub fn example(object: &Value) -> Value {
        let mut other = object.clone();
        let Some(metadata) = other.get_mut("metadata").and_then(Value::as_object_mut) else { return other };
        let change = |map: &mut Map<String, Value>, field: &str| {
            if let Some(Value::String(text)) = map.get_mut(field) {
                text.push('0');
            }
        };
        ["uid", "resourceVersion", "creationTimestamp"].into_iter().for_each(|field| change(metadata, field));
        let entries = metadata.get_mut("managedFields").and_then(Value::as_array_mut);
        let entries = entries.into_iter().flatten().filter_map(Value::as_object_mut);
        entries.for_each(|entry| change(entry, "time"));
        other
    }

    /// Bytes in memory.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.text.len() + size_of_val(&*self.holes)
    }
}

/// The string with which a text begins, if nothing in it is escaped and it is not too long; and how long it is with its quotes.
fn string(text: &str, field: Field) -> Option<(&str, usize)> {
    let inner = text.strip_prefix('"')?;
    let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..=0x1f);
    let length = inner.bytes().take(field.bytes_max() + 1).take_while(plain).count();
    let is_end = length <= field.bytes_max() && inner.as_bytes().get(length) == Some(&b'"');
    is_end.then(|| Some((inner.get(..length)?, length + 2)))?
}

#[cfg(test)]
mod tests;
