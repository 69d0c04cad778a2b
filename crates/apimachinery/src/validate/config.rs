//! ConfigMaps, Secrets and Namespaces.

use base64::Engine as _;
use model::name::{SUBDOMAIN_MAX, check_qualified_name};
use serde_json::Value;

use super::collect::{At, FieldErrors, get, list, text};

/// Most bytes of data in a Secret or ConfigMap.
const DATA_MAX: usize = 1024 * 1024;

const LOCKED: &str = "field is immutable when `immutable` is set";

/// A key of a ConfigMap or Secret becomes a file name.
fn check_key(key: &str) -> Result<(), String> {
    if key.len() > SUBDOMAIN_MAX {
        return Err(format!("must be no more than {SUBDOMAIN_MAX} characters"));
    }
    if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return Err("a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')".to_owned());
    }
    match key {
        "." => Err("must not be '.'".to_owned()),
        ".." => Err("must not be '..'".to_owned()),
        _ if key.starts_with("..") => Err("must not start with '..'".to_owned()),
        _ => Ok(()),
    }
}

/// Size of base64 text once decoded, without decoding it.
fn decoded_len(text: &str) -> usize {
    text.len() / 4 * 3 - text.bytes().rev().take(2).filter(|b| *b == b'=').count().min(text.len() / 4 * 3)
}

/// Checks keys and returns the size of the values. Values never enter an error: they may be secrets.
fn entries(object: &Value, field: &str, binary: bool, found: &mut FieldErrors) -> usize {
    let Some(Value::Object(map)) = get(object, field) else { return 0 };
    let at = At::from(field);
    let mut size = 0;
    for (key, value) in map {
        found.rule(at.key(key), key, check_key);
        let text = value.as_str().unwrap_or_default();
        if binary && base64::engine::general_purpose::STANDARD.decode(text).is_err() {
            found.invalid(at.key(key), "<value omitted>", "must be base64");
        }
        size += if binary { decoded_len(text) } else { text.len() };
    }
    size
}

fn locked(new: &Value, old: Option<&Value>, fields: &[&str], found: &mut FieldErrors) {
    let is_set = |o: &Value| get(o, "immutable") == Some(&Value::Bool(true));
    let Some(old) = old.filter(|old| is_set(old)) else { return };
    if !is_set(new) {
        found.forbidden("immutable".into(), LOCKED);
    }
    for field in fields.iter().filter(|f| get(new, f) != get(old, f)) {
        found.forbidden((*field).into(), LOCKED);
    }
}

pub(super) fn config_map(new: &Value, old: Option<&Value>, found: &mut FieldErrors) {
    locked(new, old, &["data", "binaryData"], found);
    let size = entries(new, "data", false, found) + entries(new, "binaryData", true, found);
    if let (Some(Value::Object(data)), Some(binary)) = (get(new, "data"), get(new, "binaryData")) {
        for key in data.keys().filter(|key| binary.get(key).is_some()) {
            found.invalid(At::from("data").key(key), key.as_str(), "duplicate of key present in binaryData");
        }
    }
    if size > DATA_MAX {
        found.too_long("".into(), DATA_MAX);
    }
}

pub(super) fn secret(new: &Value, old: Option<&Value>, found: &mut FieldErrors) {
    if let Some(old) = old {
        found.immutable(new, old, "type");
    }
    locked(new, old, &["data"], found);
    let at = At::from("data");
    if entries(new, "data", true, found) > DATA_MAX {
        found.too_long(at.clone(), DATA_MAX);
    }
    let value = |key: &str| new.get("data").and_then(|data| data.get(key)).and_then(Value::as_str);
    let need = |key: &str, found: &mut FieldErrors| {
        if value(key).is_none() {
            found.required(at.key(key), "");
        }
    };
    match text(new, "type") {
        "kubernetes.io/service-account-token" => {
            let key = "kubernetes.io/service-account.name";
            if model::object::annotation(new, key).unwrap_or_default().is_empty() {
                found.required(At::from("metadata.annotations").key(key), "");
            }
        }
        kind @ ("kubernetes.io/dockercfg" | "kubernetes.io/dockerconfigjson") => {
            let key = if kind.ends_with("json") { ".dockerconfigjson" } else { ".dockercfg" };
            need(key, found);
            let bytes = value(key).and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
            if bytes.is_some_and(|bytes| !serde_json::from_slice::<Value>(&bytes).is_ok_and(|v| v.is_object())) {
                found.invalid(at.key(key), "<secret contents redacted>", "must be a JSON object");
            }
        }
        "kubernetes.io/basic-auth" if value("username").is_none() && value("password").is_none() => {
            need("username", found);
            need("password", found);
        }
        "kubernetes.io/ssh-auth" if value("ssh-privatekey").is_none_or(str::is_empty) => {
            found.required(at.key("ssh-privatekey"), "");
        }
        "kubernetes.io/tls" => {
            need("tls.crt", found);
            need("tls.key", found);
        }
        _ => {}
    }
}

pub(super) fn namespace(new: &Value, old: Option<&Value>, found: &mut FieldErrors) {
    for (index, finalizer) in list(new, "spec.finalizers").iter().enumerate() {
        let place = At::from("spec.finalizers").index(index);
        found.rule(place, finalizer.as_str().unwrap_or_default(), check_qualified_name);
    }
    if text(new, "status.phase") == "Terminating" && get(new, "metadata.deletionTimestamp").is_none() {
        let why = "may only be 'Active' if `deletionTimestamp` is empty";
        found.invalid("status.Phase".into(), "Terminating", why);
    }
    // Deletion is one way: the phase does not come back.
    if let Some(old) = old
        && text(old, "status.phase") == "Terminating"
        && text(new, "status.phase") == "Active"
    {
        found.invalid("status.Phase".into(), "Active", "may only be 'Terminating' if `deletionTimestamp` is not empty");
    }
}
