//! Defaults of built-in kinds, as upstream's `SetDefaults_*` functions set them (`pkg/apis/*/v1/defaults.go` and the
//! `+default` markers of the types).
//!
//! Upstream attaches a function to a Go type and calls it wherever a value of that type is, outer types first; so does
//! [`builtin`], with the table of built-in types to find the values. Rules are grouped by the domain of their types.
//!
//! Not here: what upstream's registry strategies and admission plugins set (a Service's cluster IP, a Job's selector, the
//! default service account of a Pod). Two defaults need the time or arithmetic over containers and are absent: a device
//! taint's `timeAdded` and a Pod's pod-level resource requests.

mod field;
mod network;
mod pod;
mod policy;
mod storage;
mod workload;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use field::Fields;
use kinds::Kind;
use kinds::table::{self, Field, Presence, Word};

/// Fills in what the object leaves open, in place. Run [`crate::normal::normalize`] first: a value of the wrong type is
/// skipped here, and `null` or empty text would count as set where upstream counts it as open.
pub fn builtin(kind: &Kind, object: &mut Value) {
    if let (Some(index), Value::Object(map)) = (kind.type_index(), object) {
        walk(index, map);
    }
}

fn walk(index: u16, map: &mut Fields) {
    let row = table::row(index);
    if let Some((package, name)) = row.name.rsplit_once('.') {
        match package {
            "core.v1" => {
                pod::rule(name, map);
                storage::rule(name, map);
                network::core_rule(name, map);
                workload::core_rule(name, map);
            }
            "apps.v1" | "batch.v1" | "autoscaling.v1" | "autoscaling.v2" => workload::rule(package, name, map),
            "networking.v1" | "discovery.v1" => network::rule(name, map),
            "storage.v1" => storage::class_rule(name, map),
            _ => policy::rule(name, map),
        }
    }
    for field in &row.fields {
        if let (Word::Type(inner), "^") = (&field.word, field.name) {
            walk(*inner, map);
            continue;
        }
        declared(field, map);
        if let (Word::Type(_), Presence::Always) = (&field.word, field.presence) {
            map.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
        }
        if let Some(value) = map.get_mut(field.name) {
            descend(&field.word, value);
        }
    }
}

fn descend(word: &Word, value: &mut Value) {
    match (word, value) {
        (Word::Type(index), Value::Object(map)) => walk(*index, map),
        (Word::List(item), Value::Array(items)) => items.iter_mut().for_each(|value| descend(item, value)),
        (Word::Map(item), Value::Object(map)) => map.values_mut().for_each(|value| descend(item, value)),
        _ => {}
    }
}

/// A `+default` marker. A zero that JSON would leave out again sets nothing.
fn declared(field: &Field, map: &mut Fields) {
    if let Some(default) = &field.default
        && !map.contains_key(field.name)
        && (field.presence == Presence::Pointer || !(default == "" || default == 0 || default == false))
    {
        map.insert(field.name.to_owned(), default.clone());
    }
}
