//! Changes of scalars in a text of YAML that leave every other byte of it as it is: comments, the order of fields, and how
//! values beside them are written (`0644`, `yes`).
//!
//! The place of a scalar is guessed from the lines, and the guess is read again: it counts when exactly what was to be
//! changed has changed. So a wrong guess costs work and nothing else.

use serde_json::Value;

use super::Context;
use crate::error::RenderError;

/// Most scalars that are changed in a text one by one. Beyond it the text is written again. A path of a replacement names
/// one, or those of a short list.
const CHANGES_MAX: usize = 16;
/// Most places that are looked at for one scalar. A field of one name stands in a configuration a few times.
const PLACES_MAX: usize = 32;

/// A step on the way to a scalar.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Item(usize),
}

/// The text with the scalars changed that differ in `after`; `None` when more than scalars differs, or a place is not found.
///
/// # Errors
/// The budget is spent.
pub(crate) fn splice(
    context: &Context<'_>,
    text: &str,
    before: &Value,
    after: &Value,
) -> Result<Option<String>, RenderError> {
    let mut changes = Vec::new();
    if !collect_changes(before, after, &mut Vec::new(), &mut changes) || changes.len() > CHANGES_MAX {
        return Ok(None);
    }
    let (mut text, mut value) = (text.to_owned(), before.clone());
    for (path, new) in changes {
        let Some(place) = find_mut(&mut value, &path) else { return Ok(None) };
        *place = new.clone();
        let mut found = None;
        for candidate in candidates(&text, path.last(), &new) {
            if context.files.value(&candidate)?.is_ok_and(|read| read == value) {
                found = Some(candidate);
                break;
            }
        }
        let Some(changed) = found else { return Ok(None) };
        text = changed;
    }
    Ok(Some(text))
}

/// Collects the scalars that differ; returns whether nothing else does.
fn collect_changes(before: &Value, after: &Value, path: &mut Vec<Step>, changes: &mut Vec<(Vec<Step>, Value)>) -> bool {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, inner)| {
                    let Some(other) = b.get(name) else { return false };
                    path.push(Step::Field(name.clone()));
                    let same = collect_changes(inner, other, path, changes);
                    path.pop();
                    same
                })
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).enumerate().all(|(at, (inner, other))| {
                    path.push(Step::Item(at));
                    let same = collect_changes(inner, other, path, changes);
                    path.pop();
                    same
                })
        }
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => false,
        (a, b) => {
            if a != b {
                changes.push((path.clone(), b.clone()));
            }
            true
        }
    }
}

fn find_mut<'a>(value: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Field(name) => value.get_mut(name),
        Step::Item(at) => value.get_mut(at),
    })
}

/// The texts in which one scalar is another one, at each place that has its name.
fn candidates<'a>(text: &'a str, last: Option<&'a Step>, new: &'a Value) -> impl Iterator<Item = String> + 'a {
    let mut at = 0;
    let lines = text.split_inclusive('\n').map(move |line| {
        at += line.len();
        (at - line.len(), line)
    });
    let one = move |(start, line): (usize, &str)| {
        let (from, to) = scalar(line, last?)?;
        let written = write(new, &line[from..to])?;
        Some(format!("{}{written}{}", &text[..start + from], &text[start + to..]))
    };
    lines.filter_map(one).take(PLACES_MAX)
}

/// Where the scalar of a field, or of an item, stands in a line.
fn scalar(line: &str, step: &Step) -> Option<(usize, usize)> {
    let content = line.trim_end();
    let mut rest = content.trim_start();
    let mut items = 0;
    while let Some(inner) = rest.strip_prefix("- ") {
        rest = inner.trim_start();
        items += 1;
    }
    let value = match step {
        Step::Item(_) if items > 0 => rest,
        Step::Item(_) => return None,
        Step::Field(name) => {
            let quoted = [name.clone(), format!("\"{name}\""), format!("'{name}'")];
            let after =
                quoted.iter().find_map(|key| rest.strip_prefix(key.as_str())?.trim_start().strip_prefix(':'))?;
            after.starts_with([' ', '\t']).then(|| after.trim_start())?
        }
    };
    let from = content.len() - value.len();
    let length = match value.chars().next()? {
        '"' => closing(value, '"')?,
        '\'' => closing(value, '\'')?,
        // Blocks, references, tags, lists and mappings in one line.
        '|' | '>' | '&' | '*' | '!' | '[' | '{' | '#' => return None,
        _ => value.find(" #").map_or(value, |comment| value[..comment].trim_end()).len(),
    };
    Some((from, from + length))
}

/// The length of a text in quotes.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            c if c == quote && quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// A scalar as it stands where another one stood: in its quotes, if it has some.
fn write(new: &Value, old: &str) -> Option<String> {
    let text = match (new, old.chars().next()) {
        (Value::String(text), Some('"')) => Value::from(text.as_str()).to_string(),
        (Value::String(text), Some('\'')) if !text.contains(char::is_control) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        _ => model::yaml::to_string(new).trim_end().to_owned(),
    };
    (!text.contains('\n')).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_are_found_in_lines() {
        let field = |name: &str| Step::Field(name.to_owned());
        for (line, step, expect) in [
            ("  host: old\n", field("host"), Some("old")),
            ("- host: old # why\n", field("host"), Some("old")),
            ("\"host\" : 'o''ld' # why\n", field("host"), Some("'o''ld'")),
            ("host: \"o\\\"ld\"  # \"x\"\n", field("host"), Some("\"o\\\"ld\"")),
            ("- - 0644\n", Step::Item(0), Some("0644")),
            ("hosts: old\n", field("host"), None),
            ("host: |\n", field("host"), None),
            ("host: {a: b}\n", field("host"), None),
            ("host: 'open\n", field("host"), None),
            ("host:\n", field("host"), None),
            ("host:old\n", field("host"), None),
        ] {
            let found = scalar(line, &step).map(|(from, to)| &line[from..to]);
            assert_eq!(found, expect, "{line:?}");
        }
    }

    #[test]
    fn a_scalar_is_written_in_the_quotes_of_the_one_before() {
        for (new, old, expect) in [
            (json!("b"), "a", Some("b")),
            (json!("yes"), "a", Some("\"yes\"")),
            (json!("it's"), "'a'", Some("'it''s'")),
            (json!("a\nb"), "\"a\"", Some("\"a\\nb\"")),
            (json!(7), "'a'", Some("7")),
            (json!("a\nb"), "a", None),
        ] {
            assert_eq!(write(&new, old).as_deref(), expect, "{new} {old}");
        }
    }
}
