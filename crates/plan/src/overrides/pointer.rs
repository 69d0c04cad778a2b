//! JSON pointers (RFC 6901).

use std::fmt;

/// One step of a path that was followed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// A field of an object.
    Field(String),
    /// An item of a list.
    Item(usize),
}

/// Splits a pointer into its names. The empty pointer is the whole document.
///
/// # Errors
/// It does not begin with a slash.
pub(super) fn parse(pointer: &str) -> Result<Vec<String>, String> {
    match pointer.strip_prefix('/') {
        _ if pointer.is_empty() => Ok(Vec::new()),
        Some(names) => Ok(names.split('/').map(unescaped).collect()),
        None => Err("the path does not begin with '/'".to_owned()),
    }
}

fn unescaped(name: &str) -> String {
    if name.contains('~') { name.replace("~1", "/").replace("~0", "~") } else { name.to_owned() }
}

/// Adds a name to a pointer.
pub(super) fn push(pointer: &mut String, name: &str) {
    pointer.push('/');
    for c in name.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// Adds a step to a pointer.
pub(super) fn push_step(pointer: &mut String, step: &Step) {
    match step {
        Step::Field(name) => push(pointer, name),
        Step::Item(index) => pointer.push_str(&format!("/{index}")),
    }
}

/// Steps as a pointer.
pub(super) struct Pointer<'a>(pub(super) &'a [Step]);

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.0.iter().for_each(|step| push_step(&mut out, step));
        f.write_str(&out)
    }
}
