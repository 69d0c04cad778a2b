//! Fields whose text is YAML or JSON itself: a path of a replacement may lead on inside of it.

use serde_json::Value;

use super::Context;
use super::fieldpath::FieldPath;
use super::hash::go_text;
use super::splice::splice;
use crate::error::RenderError;

/// Puts a value at a path that leads into the text of a field. Returns how many places there were, and an error inside when
/// the value or the path does not fit; `None` when no field on the way has such text. Nothing has changed then.
///
/// # Errors
/// The budget is spent.
pub(crate) fn set(
    context: &Context<'_>,
    object: &mut Value,
    path: &FieldPath,
    create: Option<&Value>,
    put: &mut dyn FnMut(&mut Value) -> Result<(), String>,
) -> Result<Option<Result<usize, String>>, RenderError> {
    // The first part of the path that leads to text.
    let text_at = (1..path.0.len()).find(|at| {
        let before = FieldPath(path.0[..*at].to_vec());
        matches!(before.read(object), Ok(Some(Value::String(_))))
    });
    let Some(at) = text_at else { return Ok(None) };
    let (before, inside) = (FieldPath(path.0[..at].to_vec()), FieldPath(path.0[at..].to_vec()));
    let Ok(Some(Value::String(text))) = before.read(object) else { return Ok(None) };
    let text = text.clone();
    let Ok(mut inner) = context.files.value(&text)? else { return Ok(None) };
    if !inner.is_object() && !inner.is_array() {
        return Ok(None);
    }
    let budget = context.budget();
    // Once more as it was, to see what has changed.
    budget.spend_made(text.len().saturating_mul(2))?;
    let before_value = inner.clone();
    let mut wrong = None;
    let found = inside.each(&mut inner, create, budget, &mut |place| {
        if let Err(why) = put(place) {
            wrong.get_or_insert(why);
        }
        Ok(())
    })?;
    let found = match (found, wrong) {
        (Ok(found), None) if found > 0 => found,
        (Ok(found), None) => return Ok(Some(Ok(found))),
        (Err(why), _) | (Ok(_), Some(why)) => return Ok(Some(Err(format!("in the text of the field: {why}")))),
    };
    let is_json = text.trim_start().starts_with(['{', '[']);
    let spliced = if is_json { None } else { splice(context, &text, &before_value, &inner)? };
    let spliced = match spliced {
        Some(spliced) => trim(context, &spliced, &inner)?,
        None => None,
    };
    let written = spliced.unwrap_or_else(|| write(&inner, &text));
    budget.spend_made(written.len())?;
    if let Some(place) = before.read_mut(object) {
        *place = written.into();
    }
    Ok(Some(Ok(found)))
}

/// The text without blank lines around it, as kustomize leaves them out, as far as it still reads as `value`: the first line
/// keeps its indent, and the last one its line break where that is part of a block. `None` when it reads as something else.
fn trim(context: &Context<'_>, text: &str, value: &Value) -> Result<Option<String>, RenderError> {
    let first = text.len() - text.trim_start().len();
    let text = &text[text[..first].rfind('\n').map_or(0, |at| at + 1)..];
    for trimmed in [text.trim_end(), text] {
        if context.files.value(trimmed)?.is_ok_and(|read| read == *value) {
            return Ok(Some(trimmed.to_owned()));
        }
    }
    Ok(None)
}

/// A value in the format of the text that it was read from. JSON is written as Go writes it; the text of YAML in which more
/// than scalars changes loses its comments and gets its fields in the order of their names.
fn write(value: &Value, before: &str) -> String {
    if !before.trim_start().starts_with(['{', '[']) {
        return model::yaml::to_string(value).trim().to_owned();
    }
    let indented = before.contains('\n') && before.contains("  ");
    go_text(&if indented { format!("{value:#}") } else { value.to_string() })
}
