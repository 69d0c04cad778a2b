//! Which fields are accepted but not honoured yet. They are reported by the `NotImplemented` condition, with their
//! paths, never ignored in silence (DESIGN 8).

use model::{FieldPath, GroupKind};
use serde_json::Value;

/// A tree of field names that are honoured. `*` below a list or map stands for each of its items.
enum Honour {
    /// This field and everything below it.
    All,
    /// Only these below it.
    Fields(&'static [(&'static str, Honour)]),
    /// Only these values; another one is reported.
    Values(&'static [&'static str]),
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
                // Flux dropped the choice of library; both meant the same result.
                ("gitImplementation", Values(&["go-git", "libgit2"])),
            ]),
        )]),
    ),
    ("destination", All),
    (
        "syncPolicies",
        Fields(&[(
            "*",
            Fields(&[
                ("name", All),
                ("destination", All),
                (
                    "kustomization",
                    Fields(&[
                        // Members are watched, so what changes there is seen at once, whatever the interval.
                        ("interval", All),
                        ("timeout", All),
                        ("path", All),
                        ("prune", All),
                        ("targetNamespace", All),
                        ("force", All),
                        ("suspend", All),
                        ("components", All),
                        ("patches", All),
                        ("images", All),
                        ("commonMetadata", All),
                    ]),
                ),
            ]),
        )]),
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
    }
}
