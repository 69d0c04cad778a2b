//! Reading an object while its cells are written.

use std::collections::BTreeSet;

use model::{Timestamp, object};
use serde_json::Value;

use super::duration;

/// An object and the time at which it is looked at.
pub(super) struct Row<'a> {
    pub(super) object: &'a Value,
    pub(super) now: Timestamp,
}

pub(super) const NONE: &str = "<none>";
pub(super) const UNSET: &str = "<unset>";
pub(super) const UNKNOWN: &str = "<unknown>";

impl<'a> Row<'a> {
    pub(super) fn name(&self) -> &'a str {
        object::name(self.object).unwrap_or_default()
    }

    pub(super) fn get(&self, path: &str) -> Option<&'a Value> {
        get(self.object, path)
    }

    /// Text at a dotted path; empty when there is none.
    pub(super) fn text(&self, path: &str) -> &'a str {
        text(self.object, path)
    }

    /// Text at a dotted path, or these words.
    pub(super) fn text_or(&self, path: &str, or: &'a str) -> &'a str {
        let found = self.text(path);
        if found.is_empty() { or } else { found }
    }

    pub(super) fn int(&self, path: &str) -> i64 {
        int(self.object, path)
    }

    pub(super) fn list(&self, path: &str) -> &'a [Value] {
        list(self.object, path)
    }

    pub(super) fn flag(&self, path: &str) -> bool {
        self.get(path).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Time since what a path says; `<unknown>` without it.
    pub(super) fn since(&self, path: &str) -> String {
        self.since_text(self.text(path))
    }

    pub(super) fn since_text(&self, at: &str) -> String {
        at.parse().map_or_else(|_| UNKNOWN.to_owned(), |at| duration::human(at, self.now))
    }

    pub(super) fn age(&self) -> String {
        self.since("metadata.creationTimestamp")
    }

    pub(super) fn is_deleting(&self) -> bool {
        object::is_deleting(self.object)
    }

    /// Names and images of the containers of a pod spec.
    pub(super) fn containers(&self, pod_spec: &str) -> (String, String) {
        let containers = self.list(&format!("{pod_spec}.containers"));
        let join = |field: &str| containers.iter().map(|c| text(c, field)).collect::<Vec<_>>().join(",");
        (join("name"), join("image"))
    }

    /// A `metav1.LabelSelector` in query form, its requirements in the order of their keys.
    pub(super) fn selector(&self, path: &str) -> String {
        let Some(selector) = self.get(path) else { return NONE.to_owned() };
        let equal = object::string_map(get(selector, "matchLabels"));
        let mut parts: Vec<(String, String)> =
            equal.into_iter().map(|(k, v)| (k.clone(), format!("{k}={v}"))).collect();
        for requirement in list(selector, "matchExpressions") {
            let key = text(requirement, "key");
            let values: BTreeSet<&str> = list(requirement, "values").iter().filter_map(Value::as_str).collect();
            let values = values.into_iter().collect::<Vec<_>>().join(",");
            let part = match text(requirement, "operator") {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "Exists" => key.to_owned(),
                "DoesNotExist" => format!("!{key}"),
                _ => return "<error>".to_owned(),
            };
            parts.push((key.to_owned(), part));
        }
        parts.sort();
        or(parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join(","), NONE)
    }

    /// A plain map of labels as `a=b,c=d`.
    pub(super) fn labels(&self, path: &str) -> String {
        let pairs: Vec<String> = object::string_map(self.get(path)).iter().map(|(k, v)| format!("{k}={v}")).collect();
        if pairs.is_empty() { NONE.to_owned() } else { pairs.join(",") }
    }
}

pub(super) fn get<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |at, name| at.get(name)).filter(|found| !found.is_null())
}

pub(super) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    get(value, path).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn int(value: &Value, path: &str) -> i64 {
    get(value, path).and_then(Value::as_i64).unwrap_or(0)
}

pub(super) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    get(value, path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Text or number as it would be written.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// The first few, and how many more.
pub(super) fn some(all: &[String], max: usize) -> String {
    let shown = all[..all.len().min(max)].join(",");
    if all.len() > max { format!("{shown} + {} more...", all.len() - max) } else { shown }
}

/// `or` in place of an empty text.
pub(super) fn or(text: String, or: &str) -> String {
    if text.is_empty() { or.to_owned() } else { text }
}

/// Is this condition true?
pub(super) fn condition(value: &Value, path: &str, ty: &str) -> bool {
    list(value, path).iter().find(|c| text(c, "type") == ty).is_some_and(|c| text(c, "status") == "True")
}
