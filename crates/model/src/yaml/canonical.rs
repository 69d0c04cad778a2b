//! YAML as the tools of Kubernetes write it (`sigs.k8s.io/yaml`): keys in natural order, lists not indented below their
//! key, text in quotes only where it would be read as something else, long lines broken. The same value gives the same
//! bytes as there.

mod order;
mod scalar;

use serde_json::{Map, Value};

/// Longest key, in bytes, that stands before its colon in one line; a longer one gets a line of its own.
const SIMPLE_KEY_MAX: usize = 128;

/// Writes a value, ending with a newline.
///
/// A list or mapping below another one is recursion: values nest at most [`limit::NESTING_MAX`](crate::limit::NESTING_MAX)
/// deep.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0),
        Value::Array(items) if !items.is_empty() => sequence(&mut out, items, 0),
        other => scalar::write(&mut out, other, 0),
    }
    end_line(&mut out);
    out
}

/// Writes the entries of a mapping, the first one where `out` ends.
fn mapping(out: &mut String, map: &Map<String, Value>, indent: usize) {
    for (index, (key, value)) in order::sorted(map).into_iter().enumerate() {
        if index > 0 {
            begin_line(out, indent);
        }
        if key.len() > SIMPLE_KEY_MAX || key.contains(scalar::is_break) {
            out.push_str("? ");
            scalar::write_text(out, key, indent);
            begin_line(out, indent);
            out.push_str(": ");
            node(out, value, indent);
            continue;
        }
        scalar::write_key(out, key);
        out.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => {
                begin_line(out, indent + 2);
                mapping(out, map, indent + 2);
            }
            Value::Array(items) if !items.is_empty() => {
                begin_line(out, indent);
                sequence(out, items, indent);
            }
            other => {
                out.push(' ');
                scalar::write(out, other, indent);
            }
        }
    }
}

/// Writes the items of a list, the first one where `out` ends.
fn sequence(out: &mut String, items: &[Value], indent: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            begin_line(out, indent);
        }
        out.push_str("- ");
        node(out, item, indent);
    }
}

/// Writes what follows `- ` or `: ` in the same line.
fn node(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => mapping(out, map, indent + 2),
        Value::Array(items) if !items.is_empty() => sequence(out, items, indent + 2),
        other => scalar::write(out, other, indent),
    }
}

fn begin_line(out: &mut String, indent: usize) {
    end_line(out);
    out.extend(std::iter::repeat_n(' ', indent));
}

/// A text that ends with line ends has ended its line itself.
fn end_line(out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests;
