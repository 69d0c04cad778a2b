//! Submodules (`gitmodules(5)`): where they are fetched from.

use model::limit::URL_BYTES_MAX;

use crate::error::Error;

/// The file that says where a repository's submodules come from, in its root.
pub(super) const FILE: &str = ".gitmodules";
/// Most submodules of one artifact, those of submodules included. Boost, the largest that is known, has 165; each is a
/// connection and a request at least, one after the other, within the time of one fetch.
pub(super) const SUBMODULES_MAX: usize = 200;
/// Deepest nesting, as go-git and so Flux has it.
pub(super) const DEPTH_MAX: usize = 10;
/// Most bytes of the file: a thousand submodules take a third of it.
const FILE_BYTES_MAX: usize = 256 << 10;

/// What the file says of one submodule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    name: String,
    pub(super) path: String,
    pub(super) url: String,
}

/// Reads the file, which has the syntax of `git-config(1)`. `place` is the repository, for errors.
pub(super) fn parse(text: &str, place: &str) -> Result<Vec<Declared>, Error> {
    if text.len() > FILE_BYTES_MAX {
        let what = format!("the size of {FILE}, in bytes,");
        return Err(Error::TooLarge { url: place.to_owned(), what, limit: FILE_BYTES_MAX as u64 });
    }
    // The line itself may hold a password.
    let fail = |at: usize| Error::Gitmodules { url: place.to_owned(), line: at + 1 };
    let mut all: Vec<Declared> = Vec::new();
    // Whose keys these are; other sections have none that matter.
    let mut section: Option<usize> = None;
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(head) = trimmed.strip_prefix('[') {
            let name = subsection(head).ok_or_else(|| fail(at))?;
            section = name.map(|name| {
                all.iter().position(|declared| declared.name == name).unwrap_or_else(|| {
                    all.push(Declared { name, ..Declared::default() });
                    all.len() - 1
                })
            });
            continue;
        }
        let (key, rest) = trimmed.split_once('=').unwrap_or((trimmed, ""));
        let value = value(rest, &mut lines).ok_or_else(|| fail(at))?;
        let Some(declared) = section.and_then(|at| all.get_mut(at)) else { continue };
        match key.trim().to_ascii_lowercase().as_str() {
            "path" => declared.path = value.trim_end_matches('/').to_owned(),
            "url" if value.len() > URL_BYTES_MAX => return Err(fail(at)),
            "url" => declared.url = value,
            _ => {}
        }
    }
    all.retain(|declared| !declared.path.is_empty() && !declared.url.is_empty());
    Ok(all)
}

/// The name in a head such as `submodule "name"]`; `Some(None)` for another section, `None` for what is no head.
fn subsection(head: &str) -> Option<Option<String>> {
    let head = head.split(['#', ';']).next().filter(|h| h.contains(']')).unwrap_or(head);
    let inner = &head[..head.rfind(']')?];
    let Some((section, quoted)) = inner.split_once('"') else { return Some(None) };
    let quoted = quoted.trim_end().strip_suffix('"')?;
    let mut name = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        name.push(if c == '\\' { chars.next()? } else { c });
    }
    Some(section.trim().eq_ignore_ascii_case("submodule").then_some(name))
}

/// A value with its quotes and escapes undone; lines that end with `\` go on. `None` for what is no value.
fn value<'a>(first: &'a str, lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Option<String> {
    let (mut out, mut quoted, mut kept) = (String::new(), false, 0);
    let mut chars = first.trim_start().chars();
    loop {
        match chars.next() {
            None if quoted => return None,
            None => break,
            Some('"') => {
                quoted = !quoted;
                kept = out.len();
            }
            Some('#' | ';') if !quoted => break,
            Some('\\') => {
                match chars.next() {
                    None => {
                        chars = lines.next()?.1.chars();
                        continue;
                    }
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some('b') => drop(out.pop()),
                    Some(c @ ('"' | '\\')) => out.push(c),
                    Some(_) => return None,
                }
                kept = out.len();
            }
            Some(c) => {
                out.push(c);
                if quoted || !c.is_whitespace() {
                    kept = out.len();
                }
            }
        }
    }
    // Space at the end counts only within quotes.
    out.truncate(kept);
    Some(out)
}

/// The URL of a submodule. `./` and `../` begin one that is relative to its parent's, as git reads it. `None` when it leaves
/// the parent's server.
pub(super) fn resolve(parent: &str, url: &str) -> Option<String> {
    if !url.starts_with("./") && !url.starts_with("../") {
        return Some(url.to_owned());
    }
    let (scheme, rest) = parent.trim_end_matches('/').split_once("://")?;
    let mut parts: Vec<&str> = rest.split('/').collect();
    let mut url = url;
    loop {
        if let Some(below) = url.strip_prefix("../") {
            // The first part is the server.
            if parts.len() < 2 {
                return None;
            }
            parts.pop();
            url = below;
        } else if let Some(below) = url.strip_prefix("./") {
            url = below;
        } else {
            parts.push(url);
            return Some(format!("{scheme}://{}", parts.join("/")));
        }
    }
}

#[cfg(test)]
mod tests;
