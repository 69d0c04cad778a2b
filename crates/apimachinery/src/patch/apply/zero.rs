//! What an object is before the first write: what a create, and the first apply to an object without records, are
//! compared with.
//!
//! For custom kinds that is an empty object. For built-in kinds upstream compares with an empty Go value, in which
//! structs that are not behind pointers are there already. The manager that creates a Deployment therefore owns the
//! fields of its `spec`, but not `spec`.

use model::object;
use serde_json::{Map, Value};

use kinds::table::{self, Presence, Word};

/// The empty object of the kind that `like` says it is.
pub(super) fn empty(like: &Value) -> Value {
    let kind = object::gvk(like).and_then(|gvk| kinds::find(&gvk));
    let mut out = Map::new();
    if let Some(index) = kind.and_then(kinds::Kind::type_index) {
        fill(index, &mut out);
    }
    Value::Object(out)
}

fn fill(index: u16, out: &mut Map<String, Value>) {
    for field in &table::row(index).fields {
        let value = match (&field.word, field.presence) {
            (Word::Type(inner), _) if field.name == "^" => {
                fill(*inner, out);
                continue;
            }
            (Word::Type(inner), Presence::Always) => {
                let mut below = Map::new();
                fill(*inner, &mut below);
                Value::Object(below)
            }
            (Word::String | Word::Bytes, Presence::Always) => "".into(),
            (Word::Bool, Presence::Always) => false.into(),
            (Word::Int32 | Word::Int64 | Word::Double, Presence::Always) => 0.into(),
            // A list or map that was not there: its entries get an owner, the list or map itself does not.
            (_, Presence::Always) => Value::Null,
            (_, Presence::NotEmpty | Presence::Pointer) => continue,
        };
        out.insert(field.name.to_owned(), value);
    }
}
