//! Which fields are accepted but not honoured yet. They are reported by the `NotImplemented` condition, with their
//! paths, never ignored in silence (DESIGN 8).

use std::collections::BTreeMap;

use api::kurator::apps::v1alpha1::Kustomization;
use model::{FieldPath, GroupKind};
use serde_json::Value;

/// A tree of field names that are honoured. `*` below a list stands for each of its items.
enum Honour {
    /// This field and everything below it.
    All,
    /// Only these below it.
    Fields(&'static [(&'static str, Honour)]),
    /// Only these values; another one is reported.
    Values(&'static [&'static str]),
    /// The fields that the kind's type knows and that are read.
    Kustomization,
}

use Honour::{All, Fields, Values};

const APPLICATION: Honour = Fields(&[
    (
        "source",
        Fields(&[(
            "gitRepository",
            Fields(&[
                ("url", All),
                ("interval", All),
                ("ref", All),
                ("secretRef", All),
                ("timeout", All),
                ("ignore", All),
                ("suspend", All),
                ("recurseSubmodules", All),
                // Flux dropped the choice of library; both meant the same result.
                ("gitImplementation", Values(&["go-git", "libgit2"])),
            ]),
        )]),
    ),
    ("destination", All),
    (
        "syncPolicies",
        Fields(&[("*", Fields(&[("name", All), ("destination", All), ("kustomization", Honour::Kustomization)]))]),
    ),
]);

const FLEET: Honour = Fields(&[("clusters", All)]);

/// Paths in `spec` that are set and not honoured yet, in order. Empty values (`false`, `""`, `[]`, `{}`, `null`) say
/// nothing and are not reported.
pub fn not_implemented(kind: &GroupKind, object: &Value) -> Vec<FieldPath> {
    let tree = match (kind.group.as_str(), kind.kind.as_str()) {
        ("apps.kurator.dev", "Application") => APPLICATION,
        ("fleet.kurator.dev", "Fleet") => FLEET,
        _ => All,
    };
    let mut out = Vec::new();
    if let Some(spec) = object.get("spec") {
        walk(spec, &tree, FieldPath::of("spec"), &mut out);
    }
    out
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn walk(value: &Value, tree: &Honour, path: FieldPath, out: &mut Vec<FieldPath>) {
    match (tree, value) {
        (All, _) => {}
        (Values(allowed), _) => {
            if !value.as_str().is_some_and(|text| allowed.contains(&text)) && !says_nothing(value) {
                out.push(path);
            }
        }
        (Fields([("*", below)]), Value::Array(items)) => {
            items.iter().enumerate().for_each(|(index, item)| walk(item, below, path.index(index), out));
        }
        (Fields(known), Value::Object(map)) => {
            for (name, child) in map {
                match known.iter().find(|(field, _)| field == name) {
                    Some((_, below)) => walk(child, below, path.field(name), out),
                    None if says_nothing(child) => {}
                    None => out.push(path.field(name)),
                }
            }
        }
        (Fields(_), _) => {}
        (Honour::Kustomization, _) => match serde_json::from_value::<Kustomization>(value.clone()) {
            Ok(kustomization) => {
                let unread = unread_fields(kustomization).into_iter().filter(|(_, value)| !says_nothing(value));
                out.extend(unread.map(|(name, _)| path.field(&name)));
            }
            // Nothing of a kustomization that cannot be read is honoured. The schema of the kind refuses it as well.
            Err(_) => out.push(path),
        },
    }
}

/// The fields of a kustomization that are set and not read, by name. Every field of the type is named here: a new one does
/// not compile until it is decided on which side it is.
fn unread_fields(kustomization: Kustomization) -> BTreeMap<String, Value> {
    let Kustomization {
        // Members are watched, so what changes there is seen at once, whatever the interval.
        interval: _,
        prune: _,
        force: _,
        suspend: _,
        // The renderer reads all of them, and names each (`render::kustomize::policy`).
        inputs: _,
        retry_interval,
        other: mut unread,
    } = kustomization;
    unread.extend(retry_interval.map(|interval| ("retryInterval".to_owned(), interval.into())));
    unread
}
