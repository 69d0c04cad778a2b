//! One operation of a JSON patch (RFC 6902) as Karmada's overriders have them: `add`, `remove` and `replace`, and what it
//! did.
//!
//! `render` and `apimachinery` have patches of their own, which `plan` cannot reach and should not: those follow
//! `evanphx/json-patch` 4 and kube-apiserver. Karmada uses version 5: `replace` needs something to replace, and an index may
//! count from the end. This one says what stood there before, and works on texts whose order of fields must stay.

use api::karmada::policy::v1alpha1::OverriderOperator;
use model::{limit, object, words};
use serde_json::Value;

use super::pointer::{self, Step};

/// A document that is changed.
pub(super) trait Tree: Sized + Clone + PartialEq {
    /// A value of a policy as a part of the document.
    fn of(value: &Value) -> Self;
    /// A part of the document as a value.
    fn to_value(&self) -> Value;
    /// Is it an object, a list or nothing, which may become one?
    fn has_parts(&mut self) -> bool {
        !matches!(self.open(), Opened::Leaf) || self.to_value().is_null()
    }

    /// What stands here.
    fn open(&mut self) -> Opened<'_, Self>;
}

/// What stands at a place of a document.
pub(super) enum Opened<'a, T> {
    /// Named fields.
    Object(&'a mut dyn Fields<T>),
    /// Items.
    List(&'a mut Vec<T>),
    /// Something without parts.
    Leaf,
}

/// The fields of an object.
pub(super) trait Fields<T> {
    /// The value of a field.
    fn find(&mut self, name: &str) -> Option<&mut T>;
    /// Sets a field, and returns what it was.
    fn set(&mut self, name: &str, value: T) -> Option<T>;
    /// Takes a field out.
    fn remove(&mut self, name: &str) -> Option<T>;
}

impl Tree for Value {
    fn of(value: &Value) -> Self {
        value.clone()
    }

    fn to_value(&self) -> Value {
        self.clone()
    }

    fn open(&mut self) -> Opened<'_, Self> {
        match self {
            Value::Object(fields) => Opened::Object(fields),
            Value::Array(items) => Opened::List(items),
            _ => Opened::Leaf,
        }
    }
}

impl Fields<Value> for serde_json::Map<String, Value> {
    fn find(&mut self, name: &str) -> Option<&mut Value> {
        self.get_mut(name)
    }

    fn set(&mut self, name: &str, value: Value) -> Option<Value> {
        self.insert(name.to_owned(), value)
    }

    fn remove(&mut self, name: &str) -> Option<Value> {
        self.remove(name)
    }
}

/// What an operation did to a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Effect {
    /// Where, in the document as it was then.
    pub(super) path: Vec<Step>,
    pub(super) kind: EffectKind,
    /// What stood there.
    pub(super) before: Option<Value>,
    /// What stands there now.
    pub(super) after: Option<Value>,
}

/// How an operation changed a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EffectKind {
    /// The place has another value.
    Set,
    /// A list has one item more, and those behind it moved.
    Inserted,
    /// A field is gone, or a list has one item less.
    Removed,
}

/// Applies one operation. `None`: it changed nothing, since what it sets was there.
///
/// # Errors
/// What is wrong, without a value of the document. The document is as it was.
pub(super) fn apply<T: Tree>(
    document: &mut T,
    operator: OverriderOperator,
    path: &str,
    value: Option<&Value>,
) -> Result<Option<Effect>, String> {
    let names = pointer::parse(path)?;
    let null = Value::Null;
    let value = value.unwrap_or(&null);
    if operator != OverriderOperator::Remove && names.len() + object::depth(value) > limit::NESTING_MAX {
        return Err(format!("the result would nest deeper than {} levels", limit::NESTING_MAX));
    }
    let Some((last, parents)) = names.split_last() else {
        return replace_all(document, operator, value);
    };
    let (place, mut steps) = follow(document, parents)?;
    let (kind, before) = match place.open() {
        Opened::Object(fields) => {
            steps.push(Step::Field(last.clone()));
            let missing = || format!("there is no {}", words::cut(last));
            match operator {
                OverriderOperator::Add => (EffectKind::Set, fields.set(last, T::of(value))),
                OverriderOperator::Replace => {
                    let field = fields.find(last).ok_or_else(|| missing() + " to replace; `add` sets it")?;
                    (EffectKind::Set, Some(std::mem::replace(field, T::of(value))))
                }
                OverriderOperator::Remove => {
                    (EffectKind::Removed, Some(fields.remove(last).ok_or_else(|| missing() + " to remove")?))
                }
            }
        }
        Opened::List(items) => {
            let room = items.len() + usize::from(operator == OverriderOperator::Add);
            let index = match last.as_str() {
                "-" if operator == OverriderOperator::Add => items.len(),
                name => index_of(name, items.len(), room)?,
            };
            steps.push(Step::Item(index));
            match operator {
                OverriderOperator::Add => {
                    items.insert(index, T::of(value));
                    (EffectKind::Inserted, None)
                }
                OverriderOperator::Replace => {
                    (EffectKind::Set, Some(std::mem::replace(&mut items[index], T::of(value))))
                }
                OverriderOperator::Remove => (EffectKind::Removed, Some(items.remove(index))),
            }
        }
        Opened::Leaf => return Err(format!("{} has no fields", shown(parents))),
    };
    let before = before.map(|before| before.to_value());
    let after = (kind != EffectKind::Removed).then(|| value.clone());
    let is_same = kind == EffectKind::Set && before == after;
    Ok((!is_same).then_some(Effect { path: steps, kind, before, after }))
}

/// Sets what a path leads to, which is there.
///
/// # Errors
/// Nothing is there.
pub(super) fn replace<T: Tree>(document: &mut T, path: &str, value: &Value) -> Result<Option<Effect>, String> {
    apply(document, OverriderOperator::Replace, path, Some(value))
}

/// What a path leads to.
///
/// # Errors
/// Where the path ends before its end.
pub(super) fn find<'a, T: Tree>(document: &'a mut T, path: &str) -> Result<&'a mut T, String> {
    follow(document, &pointer::parse(path)?).map(|(place, _)| place)
}

fn replace_all<T: Tree>(
    document: &mut T,
    operator: OverriderOperator,
    value: &Value,
) -> Result<Option<Effect>, String> {
    if operator == OverriderOperator::Remove {
        return Err("the whole document cannot be removed".to_owned());
    }
    if !value.is_object() && !value.is_array() {
        return Err("a document is replaced by an object or a list".to_owned());
    }
    let before = std::mem::replace(document, T::of(value)).to_value();
    let is_same = before == *value;
    let effect = Effect { path: Vec::new(), kind: EffectKind::Set, before: Some(before), after: Some(value.clone()) };
    Ok((!is_same).then_some(effect))
}

fn follow<'a, T: Tree>(document: &'a mut T, names: &[String]) -> Result<(&'a mut T, Vec<Step>), String> {
    let mut place = document;
    let mut steps = Vec::with_capacity(names.len() + 1);
    for (depth, name) in names.iter().enumerate() {
        let missing = || format!("there is no {}", shown(&names[..=depth]));
        place = match place.open() {
            Opened::Object(fields) => {
                steps.push(Step::Field(name.clone()));
                fields.find(name).ok_or_else(missing)?
            }
            Opened::List(items) => {
                let index = index_of(name, items.len(), items.len())?;
                steps.push(Step::Item(index));
                items.get_mut(index).ok_or_else(missing)?
            }
            Opened::Leaf => return Err(format!("{} has no fields", shown(&names[..depth]))),
        };
    }
    Ok((place, steps))
}

/// The place of an index, which counts from the end when it is negative. `room`: how many places there are.
fn index_of(name: &str, length: usize, room: usize) -> Result<usize, String> {
    let number: i64 = name.parse().map_err(|_| format!("{:?} is no place in a list", words::cut(name)))?;
    let steps = usize::try_from(number.unsigned_abs()).ok();
    let index = if number < 0 { steps.and_then(|steps| room.checked_sub(steps)) } else { steps };
    index.filter(|index| *index < room).ok_or_else(|| format!("the list has {length} items, and no place {number}"))
}

/// Names as a pointer in an error.
fn shown(names: &[String]) -> String {
    let mut out = String::new();
    names.iter().for_each(|name| pointer::push(&mut out, name));
    if out.is_empty() { "the document".to_owned() } else { words::cut(&out) }
}

#[cfg(test)]
mod tests;
