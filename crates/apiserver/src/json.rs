//! JSON bodies, with the keys that come twice.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Parses a document; of a key that comes twice the last value counts, and its path is reported.
pub(crate) fn parse(bytes: &[u8]) -> Result<(Value, Vec<String>), serde_json::Error> {
    let mut twice = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Node(&mut twice).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value, twice))
}

/// Builds one value. Paths of what is found below are relative; each level puts its own step in front, so that a document
/// without duplicates costs nothing more.
struct Node<'a>(&'a mut Vec<String>);

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let known = self.0.len();
            let Some(item) = items.next_element_seed(Node(self.0))? else { return Ok(Value::Array(list)) };
            step(&mut self.0[known..], &format_args!("[{}]", list.len()));
            list.push(item);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let known = self.0.len();
            let value = entries.next_value_seed(Node(self.0))?;
            step(&mut self.0[known..], &key);
            if map.contains_key(&key) {
                self.0.push(key.clone());
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

fn step(found: &mut [String], step: &dyn fmt::Display) {
    for path in found {
        *path = if path.starts_with('[') { format!("{step}{path}") } else { format!("{step}.{path}") };
    }
}

/// Most findings of one document that an answer names, as in Kubernetes (`sigs.k8s.io/json`): a person mends a few and asks again,
/// and a document of a megabyte can have 200,000 of them.
const FINDINGS_MAX: usize = 100;

/// The first of some findings, in the order of their places in a document where the document is given, and how many more.
pub(crate) fn first(bytes: Option<&[u8]>, mut found: Vec<String>) -> Vec<String> {
    let more = found.len().saturating_sub(FINDINGS_MAX);
    found.truncate(FINDINGS_MAX);
    if let Some(bytes) = bytes.filter(|_| found.len() > 1) {
        found = in_order(bytes, found);
    }
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}

/// Puts findings (`duplicate field "PATH"`, `unknown field "PATH"`) in the order of their places in a document. Those that
/// are not in it come last, in the order in which they were.
fn in_order(bytes: &[u8], found: Vec<String>) -> Vec<String> {
    let mut finder = Finder { path: String::new(), wanted: HashMap::new(), order: Vec::new() };
    for text in &found {
        let place = text.split_once('"').and_then(|(what, rest)| Some((what, rest.strip_suffix('"')?)));
        let Some((what, path)) = place else { continue };
        // The second one is the duplicate.
        finder.wanted.insert(path.to_owned(), (if what.starts_with("duplicate") { 1 } else { 0 }, text.clone()));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    // A text that is no JSON has no places here.
    let _ = (&mut finder).deserialize(&mut deserializer);
    let mut order = finder.order;
    let placed: HashSet<&str> = order.iter().map(String::as_str).collect();
    let rest: Vec<String> = found.iter().filter(|text| !placed.contains(text.as_str())).cloned().collect();
    order.extend(rest);
    order
}

/// Looks for paths while it reads a document.
struct Finder {
    path: String,
    /// By path: how often it is still to be passed over, and what is said of it.
    wanted: HashMap<String, (u32, String)>,
    order: Vec<String>,
}

impl<'de> DeserializeSeed<'de> for &mut Finder {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Finder {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let above = self.path.len();
        for index in 0.. {
            self.path.push_str(&format!("[{index}]"));
            let next = items.next_element_seed(&mut *self)?;
            self.path.truncate(above);
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let above = self.path.len();
        while let Some(key) = entries.next_key::<Cow<'de, str>>()? {
            if above > 0 {
                self.path.push('.');
            }
            self.path.push_str(&key);
            match self.wanted.get_mut(&self.path) {
                Some((0, _)) => self.order.extend(self.wanted.remove(&self.path).map(|(_, text)| text)),
                Some((left, _)) => *left -= 1,
                None => {}
            }
            entries.next_value_seed(&mut *self)?;
            self.path.truncate(above);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
