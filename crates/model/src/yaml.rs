//! The YAML dialect of Kubernetes: YAML 1.1 booleans and octal numbers, JSON data, many documents in a file. The one
//! place that sets the parser's options.

mod canonical;

use std::cell::Cell;
use std::rc::Rc;

use serde_json::Value;
use serde_saphyr::Options;

use crate::limit;

pub use canonical::canonical;

/// About how many bytes of text without aliases take as long to read as one node that an alias repeats. Measured in an
/// optimized build: text is read at 4 MB a second; a million repeated nodes take two to three seconds.
const REPEATED_NODE_BYTES: usize = 12;

/// The same of one merge key (`<<`). Measured with merge keys that repeat each other 100 deep: half a millisecond.
const MERGE_KEY_BYTES: usize = 2048;

/// Most merge keys in one text, counted as often as aliases repeat them. Real files stay below 100. What they cost grows
/// with the cube of how deep they repeat each other.
const MERGE_KEYS_MAX: usize = 1_000;

/// How many nodes a short text in a field may have, whatever its length: a few anchors that are repeated a hundred times.
const EMBEDDED_NODES_MIN: usize = 10_000;

/// Text that is not YAML of this dialect, with the parser's line and column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid YAML: {what}")]
pub struct YamlError {
    /// The place, and what is wrong.
    what: String,
    place: Option<(u64, u64)>,
}

impl YamlError {
    /// Line and column, for who must not see what stands there.
    pub fn place(&self) -> Option<(u64, u64)> {
        self.place
    }
}

fn options(words_are_booleans: bool) -> Options {
    let mut options = Options::default();
    // Without this `defaultMode: 0644` becomes the float 644.0.
    options.legacy_octal_numbers = true;
    // An error is shown to people who may not see the text, which may be a Secret.
    options.with_snippet = false;
    options.strict_booleans = !words_are_booleans;
    if let Some(budget) = options.budget.as_mut() {
        budget.max_documents = limit::YAML_DOCUMENTS_MAX;
        budget.max_depth = limit::NESTING_MAX;
        budget.max_merge_keys = MERGE_KEYS_MAX;
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

/// [`manifests`], and about how many bytes of text without aliases would have taken as long to read. The parser bounds
/// what aliases repeat in one text, and a small text may still reach that bound.
///
/// # Errors
/// As [`manifests`]; a text with an error takes its time too.
pub fn manifests_and_work(text: &str) -> (Result<Vec<Value>, YamlError>, usize) {
    with_work(text, options(false), documents_of)
}

/// [`parse`], and its work as [`manifests_and_work`] counts it.
///
/// # Errors
/// As [`parse`]; a text with an error takes its time too.
pub fn parse_and_work(text: &str) -> (Result<Value, YamlError>, usize) {
    with_work(text, options(true), document_of)
}

fn with_work<T>(text: &str, options: Options, read: impl FnOnce(&str, Options) -> T) -> (T, usize) {
    let extra = Rc::new(Cell::new(0));
    let count = Rc::clone(&extra);
    let options = options.with_budget_report(move |report: serde_saphyr::budget::BudgetReport| {
        let repeated = if report.aliases > 0 { report.events } else { 0 };
        let nodes = repeated.saturating_add(report.recorded_anchor_events).saturating_mul(REPEATED_NODE_BYTES);
        count.set(nodes.saturating_add(report.merge_keys.saturating_mul(MERGE_KEY_BYTES)));
    });
    let out = read(text, options);
    (out, text.len().saturating_add(extra.get()))
}

fn documents_with(text: &str, words_are_booleans: bool) -> Result<Vec<Value>, YamlError> {
    documents_of(text, options(words_are_booleans))
}

fn documents_of(text: &str, options: Options) -> Result<Vec<Value>, YamlError> {
    let all: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options).map_err(|e| error(&e))?;
    Ok(all.into_iter().filter(|v| !v.is_null()).collect())
}

/// Parses one document; empty text is `null`.
///
/// # Errors
/// The first thing in the text that is not YAML, with its place.
pub fn parse(text: &str) -> Result<Value, YamlError> {
    document_of(text, options(true))
}

/// Parses one document that stands as text in a field of an object, as the tools of Kubernetes read it: of a key that comes
/// twice the last value counts. What aliases repeat may have as many nodes as the text has bytes, and some more, so that a
/// text takes as long as its length.
///
/// # Errors
/// As [`parse`], and when aliases repeat too much.
pub fn parse_embedded(text: &str) -> Result<Value, YamlError> {
    let mut options = options(true);
    options.duplicate_keys = serde_saphyr::DuplicateKeyPolicy::LastWins;
    if let Some(budget) = options.budget.as_mut() {
        budget.max_nodes = budget.max_nodes.min(EMBEDDED_NODES_MIN.saturating_add(text.len()));
        budget.max_events = budget.max_events.min(budget.max_nodes.saturating_mul(2));
    }
    document_of(text, options)
}

/// A key of a map that comes twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: key {key:?} already set in map")]
pub struct Duplicate {
    /// The line of the second one, from 1.
    pub line: u64,
    /// The key.
    pub key: String,
}

/// [`parse`], but a key that comes twice is no error: the last value counts, and the first such key is returned as well.
///
/// # Errors
/// As [`parse`], but for such keys.
pub fn parse_and_duplicate(text: &str) -> Result<(Value, Option<Duplicate>), YamlError> {
    let first = match serde_saphyr::from_str_with_options(text, options(true)) {
        Ok(value) => return Ok((value, None)),
        Err(first) => first,
    };
    let serde_saphyr::Error::DuplicateMappingKey { key, location } = first.without_snippet() else {
        return Err(error(&first));
    };
    let duplicate = Duplicate { line: location.line(), key: key.clone().unwrap_or_default() };
    let mut options = options(true);
    options.duplicate_keys = serde_saphyr::DuplicateKeyPolicy::LastWins;
    Ok((document_of(text, options)?, Some(duplicate)))
}

fn document_of(text: &str, options: Options) -> Result<Value, YamlError> {
    serde_saphyr::from_str_with_options(text, options).map_err(|e| error(&e))
}

/// The place and what is wrong, without the parser's advice to programmers.
fn error(error: &serde_saphyr::Error) -> YamlError {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let place = error.location().map(|at| (at.line(), at.column()));
    let at = place.map(|(line, column)| format!("line {line} column {column}: ")).unwrap_or_default();
    let what = line.split(", set ").next().unwrap_or(line);
    let what = what.split(" at line ").next().unwrap_or(what);
    YamlError { what: format!("{at}{what}"), place }
}

/// Writes a value as YAML, ending with a newline.
pub fn to_string(value: &Value) -> String {
    serde_saphyr::to_string(value).unwrap_or_else(|e| format!("# not serializable: {e}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_key_that_comes_twice_the_last_value_counts_and_its_line_is_said() {
        let check = |text: &str, expect: Value, duplicate: Option<&str>| {
            let (value, found) = parse_and_duplicate(text).unwrap();
            assert_eq!((value, found.map(|d| d.to_string()).as_deref()), (expect, duplicate), "{text}");
        };
        check("a: 1\nb: {c: 2}\n", serde_json::json!({"a": 1, "b": {"c": 2}}), None);
        check("\na: 1\na: 2\n", serde_json::json!({"a": 2}), Some("line 3: key \"a\" already set in map"));
        let deep = "a:\n- b: x\n  c: 1\n  b: z\n";
        check(deep, serde_json::json!({"a": [{"b": "z", "c": 1}]}), Some("line 4: key \"b\" already set in map"));
        assert!(parse_and_duplicate("a: 1\na: 2\nb: [\n").is_err());
    }

    #[test]
    fn aliases_of_a_text_in_a_field_repeat_no_more_than_its_length() {
        assert_eq!(parse_embedded("a: &a [1]\nb: *a\nb: 2\n").unwrap(), serde_json::json!({"a": [1], "b": 2}));
        let mut text = format!("a0: &a0 [{}]\n", ["x"; 10].join(","));
        for level in 1..7 {
            text += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(","));
        }
        let error = parse_embedded(&text).unwrap_err().to_string();
        assert!(error.contains("budget"), "{error}");
        let plain = "- a: [1, 2, 3, {b: c}]\n".repeat(20_000);
        assert_eq!(parse_embedded(&plain).unwrap().as_array().map(Vec::len), Some(20_000));
    }

    #[test]
    fn repeating_is_work_and_text_is_not_more_than_itself() {
        let work = |text: &str| manifests_and_work(text).1;
        let plain = "a: [1, 2, 3]\nb: &b {c: '*b'}\n";
        assert!(work(plain) < plain.len() + 10 * REPEATED_NODE_BYTES, "{}", work(plain));
        let plain = plain.replace("&b ", "");
        assert_eq!(work(&plain), plain.len());
        // 230 bytes that become 100,000 nodes.
        let mut text = format!("a0: &a0 [{}]\n", ["x"; 10].join(","));
        for level in 1..5 {
            text += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(","));
        }
        assert!(manifests_and_work(&text).0.is_ok() && work(&text) > 200_000 * REPEATED_NODE_BYTES, "{}", work(&text));
        // Merge keys that repeat each other: refused, and what was read until then counts.
        let chain: String = (1..100).map(|n| format!("a{n}: &a{n}\n  <<: *a{}\n  k{n}: 1\n", n - 1)).collect();
        let (result, work) = manifests_and_work(&format!("a0: &a0 {{x: 1}}\n{chain}"));
        assert!(result.unwrap_err().to_string().contains("MergeKeys"));
        assert!(work > MERGE_KEYS_MAX * MERGE_KEY_BYTES, "{work}");
    }
}
