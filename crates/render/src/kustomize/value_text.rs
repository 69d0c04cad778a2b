//! Scalars as text and back. Kustomize moves values from field to field as they are written in YAML.

use serde_json::Value;

/// A scalar as it is written; `None` for a list or mapping.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null => Some("null".into()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text as the scalar that it is when it stands in YAML without quotes.
pub(crate) fn plain(text: &str) -> Value {
    match text {
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        text => number(text).unwrap_or_else(|| Value::from(text)),
    }
}

/// A text as a number of YAML.
pub(crate) fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        // `007` is text or octal, and `+7` is 7.
        let digits = text.trim_start_matches(['-', '+']);
        if digits == "0" || !digits.starts_with('0') {
            return Some(whole.into());
        }
        return i64::from_str_radix(digits, 8).ok().map(|n| if text.starts_with('-') { -n } else { n }.into());
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    let float = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
        && text.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'-' | b'+' | b'.' | b'e' | b'E'))
        && text.bytes().any(|c| c.is_ascii_digit());
    let value = text.parse::<f64>().ok().filter(|_| float)?;
    serde_json::Number::from_f64(value).map(Value::Number)
}

/// Puts a text in the place of a scalar, which keeps its type.
///
/// # Errors
/// The text is none of this type.
pub(crate) fn set_text(place: &mut Value, text: &str) -> Result<(), String> {
    *place = match place {
        Value::String(_) => Value::from(text),
        Value::Number(_) => number(text).ok_or("the field is a number, and the value is none")?,
        Value::Bool(_) => match plain(text) {
            value @ Value::Bool(_) => value,
            _ => return Err("the field is true or false, and the value is neither".into()),
        },
        _ => plain(text),
    };
    Ok(())
}

#[cfg(test)]
mod tests;
