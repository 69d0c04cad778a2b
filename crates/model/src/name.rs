//! Name rules of Kubernetes (`apimachinery/pkg/util/validation`).

/// Longest DNS-1123 subdomain.
pub const SUBDOMAIN_MAX: usize = 253;
/// Longest DNS-1123 label.
pub const LABEL_MAX: usize = 63;
/// Longest kind, and longest API version: both are DNS-1035 labels, a kind in capitals of its own.
pub const KIND_MAX: usize = LABEL_MAX;

const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035_RULE: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const QUALIFIED_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

fn is_label_shape(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let edge = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(&first), Some(&last)) => edge(first) && edge(last) && bytes.iter().all(|&c| inner(c)),
        _ => false,
    }
}

fn is_qualified_shape(text: &str) -> bool {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => {
            first.is_ascii_alphanumeric()
                && last.is_ascii_alphanumeric()
                && bytes.iter().all(|&c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
        }
        _ => false,
    }
}

fn too_long(max: usize) -> String {
    format!("must be no more than {max} characters")
}

/// Checks a DNS-1123 label; the error is Kubernetes' sentence.
pub fn check_dns_label(text: &str) -> Result<(), String> {
    if text.len() > LABEL_MAX {
        return Err(too_long(LABEL_MAX));
    }
    if is_label_shape(text) { Ok(()) } else { Err(LABEL_RULE.to_owned()) }
}

/// Checks a DNS-1035 label, as kinds' names and Services have; the error is Kubernetes' sentence.
pub fn check_dns_1035_label(text: &str) -> Result<(), String> {
    if text.len() > LABEL_MAX {
        return Err(too_long(LABEL_MAX));
    }
    let starts = text.bytes().next().is_some_and(|c| c.is_ascii_lowercase());
    if starts && is_label_shape(text) { Ok(()) } else { Err(LABEL_1035_RULE.to_owned()) }
}

/// Checks a DNS-1123 subdomain; the error is Kubernetes' sentence.
pub fn check_dns_subdomain(text: &str) -> Result<(), String> {
    if text.len() > SUBDOMAIN_MAX {
        return Err(too_long(SUBDOMAIN_MAX));
    }
    if !text.is_empty() && text.split('.').all(is_label_shape) { Ok(()) } else { Err(SUBDOMAIN_RULE.to_owned()) }
}

/// Checks a name that only has to be one safe path segment (RBAC kinds and others use this rule).
pub fn check_path_segment(text: &str) -> Result<(), String> {
    match text {
        "." | ".." => Err(format!("may not be '{text}'")),
        _ if text.contains('/') => Err("may not contain '/'".to_owned()),
        _ if text.contains('%') => Err("may not contain '%'".to_owned()),
        _ => Ok(()),
    }
}

/// Checks a label or annotation key: `[prefix/]name`.
pub fn check_qualified_name(text: &str) -> Result<(), String> {
    let name = match text.split_once('/') {
        Some(("", _)) => return Err("prefix part must be non-empty".to_owned()),
        Some((prefix, name)) => {
            check_dns_subdomain(prefix).map_err(|e| format!("prefix part {e}"))?;
            name
        }
        None => text,
    };
    if name.is_empty() {
        return Err("name part must be non-empty".to_owned());
    }
    if name.len() > LABEL_MAX {
        return Err(format!("name part {}", too_long(LABEL_MAX)));
    }
    if is_qualified_shape(name) { Ok(()) } else { Err(QUALIFIED_RULE.to_owned()) }
}

/// Checks a label value.
pub fn check_label_value(text: &str) -> Result<(), String> {
    if text.len() > LABEL_MAX {
        return Err(too_long(LABEL_MAX));
    }
    if text.is_empty() || is_qualified_shape(text) { Ok(()) } else { Err(VALUE_RULE.to_owned()) }
}
