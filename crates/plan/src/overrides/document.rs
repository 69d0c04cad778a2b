//! JSON as text: what a change does not touch stays as it is written, and fields stay in their order.
//!
//! As in Karmada (`evanphx/json-patch` 5): spaces go, and `<`, `>` and `&` are written as escapes. Numbers are not read,
//! so that `1.10` stays `1.10`.

use std::fmt;

use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::patch::{Fields, Opened, Tree};

/// A part of a text. It is read when a path leads into it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Document {
    /// JSON that was not read.
    Text(String),
    Object(IndexMap<String, Document>),
    List(Vec<Document>),
}

impl Document {
    /// Takes a text, which must be JSON.
    ///
    /// # Errors
    /// The place in the text that is not JSON, without what stands there.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let raw: &RawValue = serde_json::from_str(text)
            .map_err(|e| format!("the text is not JSON at line {} column {}", e.line(), e.column()))?;
        Ok(Self::Text(raw.get().to_owned()))
    }

    fn read(&mut self) {
        let Self::Text(text) = self else { return };
        let read = match text.trim_start().bytes().next() {
            Some(b'{') => serde_json::from_str(text).map(|Entries(fields)| Self::Object(fields)),
            Some(b'[') => serde_json::from_str(text)
                .map(|items: Vec<&RawValue>| Self::List(items.into_iter().map(Self::raw).collect())),
            _ => return,
        };
        // The text was checked as a whole, so that its parts are JSON.
        if let Ok(read) = read {
            *self = read;
        }
    }

    fn raw(value: &RawValue) -> Self {
        Self::Text(value.get().to_owned())
    }
}

/// Fields in the order in which they are written. Of two with one name the last value counts, at the place of the first.
struct Entries(IndexMap<String, Document>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = IndexMap::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    entries.insert(name, Document::raw(value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}

impl Tree for Document {
    fn of(value: &Value) -> Self {
        Self::Text(value.to_string())
    }

    fn to_value(&self) -> Value {
        serde_json::from_str(&self.to_string()).unwrap_or_default()
    }

    fn open(&mut self) -> Opened<'_, Self> {
        self.read();
        match self {
            Self::Object(fields) => Opened::Object(fields),
            Self::List(items) => Opened::List(items),
            Self::Text(_) => Opened::Leaf,
        }
    }
}

impl Fields<Document> for IndexMap<String, Document> {
    fn find(&mut self, name: &str) -> Option<&mut Document> {
        self.get_mut(name)
    }

    fn set(&mut self, name: &str, value: Document) -> Option<Document> {
        self.insert(name.to_owned(), value)
    }

    fn remove(&mut self, name: &str) -> Option<Document> {
        self.shift_remove(name)
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        write(&mut out, self);
        f.write_str(&out)
    }
}

/// Opened parts are as deep as the longest path, not as deep as the text.
fn write(out: &mut String, document: &Document) {
    match document {
        Document::Text(text) => compact(out, text),
        Document::Object(fields) => {
            out.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                compact(out, &Value::from(name.as_str()).to_string());
                out.push(':');
                write(out, value);
            }
            out.push('}');
        }
        Document::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
    }
}

/// Writes JSON without spaces between its parts, and with escapes for what a page of HTML would read.
fn compact(out: &mut String, json: &str) {
    let (mut in_text, mut is_escaped) = (false, false);
    for c in json.chars() {
        match c {
            ' ' | '\t' | '\n' | '\r' if !in_text => continue,
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
                is_escaped = false;
                continue;
            }
            '"' if !is_escaped => in_text = !in_text,
            _ => {}
        }
        is_escaped = in_text && c == '\\' && !is_escaped;
        out.push(c);
    }
}

/// JSON as Go's encoder writes it: safe to stand in a page of HTML.
pub(super) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    compact(&mut out, json);
    out
}

#[cfg(test)]
mod tests;
