//! The suffix of generated names: a hash of the content, so that a change makes a new object and pods follow
//! (`kustomize/api/hasher/hasher.go`).

use data_encoding::HEXLOWER;
use model::object;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Kustomize wraps base64 text at this width, and hashes it wrapped.
const LINE: usize = 70;

/// The suffix of a ConfigMap or Secret, ten characters; of any other kind `None`.
pub(crate) fn suffix(object: &Value) -> Option<String> {
    let part = |name: &str| object.get(name).filter(|v| !v.is_null()).cloned().unwrap_or_else(|| Value::from(""));
    // The name is not hashed: kustomize leaves it empty here.
    let name = "";
    let mut content = match object::get_str(object, &["kind"])? {
        "ConfigMap" => json!({ "kind": "ConfigMap", "name": name, "data": part("data") }),
        "Secret" => json!({ "kind": "Secret", "name": name, "type": part("type"), "data": wrapped(part("data")) }),
        _ => return None,
    };
    if let Some(binary) = object.get("binaryData").filter(|v| v.is_object()) {
        content["binaryData"] = wrapped(binary.clone());
    }
    if let Some(text) = object.get("stringData").filter(|v| v.is_object()) {
        content["stringData"] = text.clone();
    }
    let digest = Sha256::digest(go_json(&content).as_bytes());
    // As in kustomize: vowels and characters that look alike are replaced, so that no words are formed.
    let letter = |c: char| match c {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        c => c,
    };
    Some(HEXLOWER.encode(&digest).chars().take(10).map(letter).collect())
}

/// Values as kustomize writes them. A value that is longer than a line becomes lines, each with a line feed at its end.
fn wrapped(mut data: Value) -> Value {
    for value in data.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
        if let Value::String(text) = value
            && text.len() > LINE
        {
            let bytes = text.as_bytes().chunks(LINE);
            *text = bytes.map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect();
        }
    }
    data
}

/// JSON as Go writes it.
fn go_json(value: &Value) -> String {
    go_text(&value.to_string())
}

/// A JSON text as Go writes it: these characters are escaped for HTML. All others are as serde_json writes them.
pub(crate) fn go_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
