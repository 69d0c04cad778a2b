//! The YAML dialect of Kubernetes: YAML 1.1 booleans and octal numbers, JSON data, many documents in a file. The one
//! place that sets the parser's options.

use serde_json::Value;

use crate::limit;

/// Text that is not YAML of this dialect, with the parser's line and column.
#[derive(Debug, thiserror::Error)]
#[error("not valid YAML: {0}")]
pub struct YamlError(String);

fn options(words_are_booleans: bool) -> serde_saphyr::Options {
    let mut options = serde_saphyr::Options::default();
    // Without this `defaultMode: 0644` becomes the float 644.0.
    options.legacy_octal_numbers = true;
    // An error is shown to people who may not see the text, which may be a Secret.
    options.with_snippet = false;
    options.strict_booleans = !words_are_booleans;
    if let Some(budget) = options.budget.as_mut() {
        budget.max_documents = limit::YAML_DOCUMENTS_MAX;
        budget.max_depth = limit::NESTING_MAX;
        // 3 MiB of manifest can hold about 600,000 nodes; the default of 250,000 stops at 2.7 MB of a Helm index.
        budget.max_nodes = 4_000_000;
        budget.max_events = 8_000_000;
    }
    options
}

/// Parses a file of zero or more documents. Empty documents (only comments, or `null`) are left out.
///
/// # Errors
/// The first thing in the text that is not YAML, with its place.
pub fn documents(text: &str) -> Result<Vec<Value>, YamlError> {
    documents_with(text, true)
}

/// Parses a file of manifests as kustomize does: `yes`, `no`, `on`, `off`, `y` and `n` are text, not booleans.
///
/// # Errors
/// The first thing in the text that is not YAML, with its place.
pub fn manifests(text: &str) -> Result<Vec<Value>, YamlError> {
    documents_with(text, false)
}

fn documents_with(text: &str, words_are_booleans: bool) -> Result<Vec<Value>, YamlError> {
    let all: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options(words_are_booleans)).map_err(|e| error(&e))?;
    Ok(all.into_iter().filter(|v| !v.is_null()).collect())
}

/// Parses one document; empty text is `null`.
///
/// # Errors
/// The first thing in the text that is not YAML, with its place.
pub fn parse(text: &str) -> Result<Value, YamlError> {
    serde_saphyr::from_str_with_options(text, options(true)).map_err(|e| error(&e))
}

/// The place and what is wrong, without the parser's advice to programmers.
fn error(error: &serde_saphyr::Error) -> YamlError {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let place = error.location().map(|at| format!("line {} column {}: ", at.line(), at.column()));
    let what = line.split(", set ").next().unwrap_or(line);
    let what = what.split(" at line ").next().unwrap_or(what);
    YamlError(format!("{}{what}", place.unwrap_or_default()))
}

/// Writes a value as YAML, ending with a newline.
pub fn to_string(value: &Value) -> String {
    serde_saphyr::to_string(value).unwrap_or_else(|e| format!("# not serializable: {e}\n"))
}
