//! Paths of fields with dots, as replacements and variables have them: `spec.containers.[name=web].image`
//! (`kyaml/utils/pathsplitter.go`, `kyaml/yaml/match.go`).
//!
//! | part | what it means |
//! |---|---|
//! | `name`, `[a.b/c]` | a field; brackets keep the dots of a name, a backslash before a dot does too |
//! | `[name=web]`, `[=text]` | the items of a list whose field, or text, matches an expression |
//! | `0`, `-` | an item of a list by its place; the last one (only where a value is read) |
//! | `*` | all items of a list (only where a value is written) |

use model::limit;
use serde_json::{Map, Value};

use super::field;
use super::pattern::Pattern;
use super::value_text::text_of;
use crate::budget::Budget;
use crate::error::RenderError;

/// Longest path, in bytes.
const PATH_BYTES_MAX: usize = 4096;

/// Most parts of a path. A deeper one would make an object that nests deeper than any that is read.
const PARTS_MAX: usize = limit::NESTING_MAX;

/// One part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Field(String),
    /// The field of items, empty for the item itself, and what it is compared with.
    Items {
        field: String,
        text: String,
    },
    Place(usize),
    Last,
    All,
}

/// A path that was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FieldPath(pub(crate) Vec<Part>);

impl FieldPath {
    /// Reads a path.
    ///
    /// # Errors
    /// Why it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > PATH_BYTES_MAX {
            return Err(format!("it has {} bytes, and {PATH_BYTES_MAX} are the most", text.len()));
        }
        let parts: Result<Vec<Part>, String> = split(text).into_iter().map(part).collect();
        let parts = parts?;
        if parts.len() > PARTS_MAX {
            return Err(format!("it has {} parts, and {PARTS_MAX} are the most", parts.len()));
        }
        Ok(Self(parts))
    }

    /// The value at the path. Where several items match, it is in the first one.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a Value>, String> {
        let mut place = value;
        for part in &self.0 {
            let inner = match locate(place, part)? {
                Some(At::Field(name)) => place.get(name),
                Some(At::Item(at)) => place.get(at),
                None => None,
            };
            let Some(inner) = inner else { return Ok(None) };
            place = inner;
        }
        Ok(Some(place))
    }

    /// The same as [`read`](Self::read), to be changed. `None` also where a path does not fit.
    pub(crate) fn read_mut<'a>(&self, value: &'a mut Value) -> Option<&'a mut Value> {
        self.0.iter().try_fold(value, |place, part| match locate(place, part) {
            Ok(Some(At::Field(name))) => place.get_mut(name),
            Ok(Some(At::Item(at))) => place.get_mut(at),
            _ => None,
        })
    }

    /// Calls `change` with every value at the path. With `create`, what is missing on the way is added, and the last part
    /// as this value. Returns how many values there were.
    ///
    /// # Errors
    /// The budget is spent, or the first error of `change`. Why the path does not fit is inside.
    pub(crate) fn each(
        &self,
        value: &mut Value,
        create: Option<&Value>,
        budget: &Budget,
        change: &mut dyn FnMut(&mut Value) -> Result<(), RenderError>,
    ) -> Result<Result<usize, String>, RenderError> {
        let mut walk = Walk { create, budget, change, found: 0 };
        Ok(walk.run(value, &self.0)?.map(|()| walk.found))
    }
}

/// The parts of a path as text. Brackets that hold no `=` are taken off.
fn split(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut open: Option<String> = None;
    for part in field::split(path, '.') {
        let text = match open.take() {
            Some(before) => format!("{before}.{part}"),
            None if part.starts_with('[') && !part.ends_with(']') => {
                open = Some(part);
                continue;
            }
            None => {
                parts.push(part);
                continue;
            }
        };
        if !text.ends_with(']') {
            open = Some(text);
        } else if text.contains('=') {
            parts.push(text);
        } else {
            parts.push(text.trim_matches(['[', ']']).to_owned());
        }
    }
    if let Some(rest) = open {
        parts.push(if rest.contains('=') { rest } else { rest.trim_matches(['[', ']']).to_owned() });
    }
    parts
}

fn part(text: String) -> Result<Part, String> {
    if text == "*" {
        return Ok(Part::All);
    }
    if text == "-" {
        return Ok(Part::Last);
    }
    if let Ok(place) = text.parse::<usize>() {
        return Ok(Part::Place(place));
    }
    match text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        None => Ok(Part::Field(text)),
        Some(inner) => match inner.split_once('=') {
            Some((field, text)) => Ok(Part::Items { field: field.to_owned(), text: text.to_owned() }),
            None => Err(format!("{:?} must be [FIELD=VALUE]", limit::cut(&text))),
        },
    }
}

/// Where a part of a path leads in a value.
enum At<'a> {
    Field(&'a str),
    Item(usize),
}

/// Where a part leads; `None` when nothing is there.
fn locate<'a>(value: &Value, part: &'a Part) -> Result<Option<At<'a>>, String> {
    Ok(match (part, value) {
        (_, Value::Null) => None,
        (Part::All, _) => return Err("`*` cannot be used where one value is read".into()),
        (Part::Field(name), Value::Object(map)) => map.contains_key(name).then_some(At::Field(name)),
        (Part::Field(name), _) => return Err(format!("{:?} is looked for in what is no mapping", limit::cut(name))),
        (Part::Items { field, text }, Value::Array(items)) => {
            let is = |item: &Value| match field.is_empty() {
                true => text_of(item).as_ref() == Some(text),
                false => item.get(field).and_then(text_of).as_ref() == Some(text),
            };
            items.iter().position(is).map(At::Item)
        }
        (Part::Place(place), Value::Array(items)) if *place < items.len() => Some(At::Item(*place)),
        (Part::Place(place), Value::Array(items)) => {
            return Err(format!("the list has {} items, and no place {place}", items.len()));
        }
        (Part::Last, Value::Array(items)) => items.len().checked_sub(1).map(At::Item),
        (Part::Items { .. } | Part::Place(_) | Part::Last, _) => {
            return Err("an item is looked for in what is no list".into());
        }
    })
}

/// A walk along a path that changes what it leads to.
struct Walk<'a> {
    create: Option<&'a Value>,
    budget: &'a Budget,
    change: &'a mut dyn FnMut(&mut Value) -> Result<(), RenderError>,
    found: usize,
}

/// What a walk says: the budget outside, the path inside.
type Walked = Result<Result<(), String>, RenderError>;

impl Walk<'_> {
    /// Recursion ends: a path has at most `PARTS_MAX` parts.
    fn run(&mut self, value: &mut Value, parts: &[Part]) -> Walked {
        let Some((part, rest)) = parts.split_first() else {
            self.found += 1;
            return (self.change)(value).map(Ok);
        };
        match part {
            Part::Field(name) => self.field(value, name, rest),
            Part::Last => self.field(value, "-", rest),
            Part::Place(place) => self.place(value, *place, rest),
            Part::Items { field, text } => self.items(value, field, text, rest),
            Part::All => {
                let Value::Array(items) = value else { return Ok(Err("`*` stands for what is no list".into())) };
                for item in items {
                    if let Err(why) = self.run(item, rest)? {
                        return Ok(Err(why));
                    }
                }
                Ok(Ok(()))
            }
        }
    }

    fn field(&mut self, value: &mut Value, name: &str, rest: &[Part]) -> Walked {
        if value.is_null() && self.create.is_none() {
            return Ok(Ok(()));
        }
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        let Value::Object(map) = value else {
            return Ok(Err(format!("{:?} is looked for in what is no mapping", limit::cut(name))));
        };
        if !map.contains_key(name) {
            let Some(fresh) = self.fresh(rest) else { return Ok(Ok(())) };
            self.budget.spend_made(name.len() + model::object::weight(&fresh))?;
            map.insert(name.to_owned(), fresh);
        }
        map.get_mut(name).map_or(Ok(Ok(())), |inner| self.run(inner, rest))
    }

    fn place(&mut self, value: &mut Value, place: usize, rest: &[Part]) -> Walked {
        let Value::Array(items) = value else {
            return Ok(Err(format!("place {place} is looked for in what is no list")));
        };
        if items.len() == place
            && let Some(fresh) = self.fresh(rest)
        {
            self.budget.spend_made(model::object::weight(&fresh))?;
            items.push(fresh);
        }
        let length = items.len();
        match items.get_mut(place) {
            Some(item) => self.run(item, rest),
            None => Ok(Err(format!("the list has {length} items, and no place {place}"))),
        }
    }

    fn items(&mut self, value: &mut Value, field: &str, text: &str, rest: &[Part]) -> Walked {
        let Value::Array(items) = value else { return Ok(Err(format!("[{field}={text}] stands for what is no list"))) };
        let pattern = match Pattern::within(text, self.budget)? {
            Ok(pattern) => pattern,
            Err(why) => return Ok(Err(why)),
        };
        let before = self.found;
        for item in items.iter_mut() {
            let is = if field.is_empty() { text_of(item) } else { item.get(field).and_then(text_of) };
            let Some(is) = is else { continue };
            if pattern.holds(&is, self.budget)?
                && let Err(why) = if field.is_empty() { self.run(item, &[])? } else { self.run(item, rest)? }
            {
                return Ok(Err(why));
            }
        }
        if self.found > before || self.create.is_none() {
            return Ok(Ok(()));
        }
        let mut item = match field.is_empty() {
            true => Value::from(text),
            false => Value::Object(Map::from_iter([(field.to_owned(), Value::from(text))])),
        };
        self.budget.spend_made(text.len() + field.len() + super::generate::ENTRY_BYTES)?;
        let done = if field.is_empty() { self.run(&mut item, &[])? } else { self.run(&mut item, rest)? };
        items.push(item);
        Ok(done)
    }

    /// What is added where a part is missing, if it is.
    fn fresh(&self, rest: &[Part]) -> Option<Value> {
        let last = self.create?;
        Some(match rest.first() {
            None => last.clone(),
            Some(Part::Items { .. } | Part::Place(_)) => Value::Array(Vec::new()),
            Some(_) => Value::Object(Map::new()),
        })
    }
}

#[cfg(test)]
mod tests;
