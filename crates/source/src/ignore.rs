//! Which files of a repository are left out of its artifact: `.gitignore` syntax (`gitignore(5)`), the last match wins.

use std::sync::OnceLock;

use crate::error::Error;

/// File with patterns for its directory and what is below.
pub(crate) const FILE: &str = ".sourceignore";
/// Raised when the defaults change, so that artifacts are made again.
const DEFAULTS_VERSION: u32 = 1;
const DEFAULTS_TEXT: &str = "\
.git/
.gitignore
.gitmodules
.gitattributes
*.jpg
*.jpeg
*.gif
*.png
*.wmv
*.flv
*.tar.gz
*.zip
.github/
.circleci/
.travis.yml
.gitlab-ci.yml
appveyor.yml
.drone.yml
cloudbuild.yaml
codeship-services.yml
codeship-steps.yml
.goreleaser.yml
.sops.yaml
.flux.yaml
";

/// Most patterns of one source. The largest `.sourceignore` files in public have a few dozen lines.
const PATTERNS_MAX: usize = 1_000;

#[derive(Clone, Debug)]
struct Pattern {
    parts: Vec<String>,
    negated: bool,
    directory: bool,
    anchored: bool,
}

/// Parsed patterns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignore {
    patterns: Vec<Pattern>,
    text: String,
}

impl Ignore {
    /// Parses one pattern per line; blank lines and lines that begin with `#` are nothing.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut patterns = Vec::new();
        for line in text.lines() {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (negated, rest) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
            let rest = rest.strip_prefix('\\').filter(|r| r.starts_with(['#', '!'])).unwrap_or(rest);
            let (directory, rest) = rest.strip_suffix('/').map_or((false, rest), |rest| (true, rest));
            let anchored = rest.contains('/');
            let parts: Vec<String> = rest.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect();
            if parts.is_empty() && !rest.is_empty() || patterns.len() >= PATTERNS_MAX {
                return Err(Error::Ignore { pattern: line.to_owned() });
            }
            // `/` alone, or `/*` written as `/`, excludes nothing by itself in git either.
            if !parts.is_empty() {
                patterns.push(Pattern { parts, negated, directory, anchored });
            }
        }
        Ok(Self { patterns, text: text.to_owned() })
    }

    /// Names these patterns: part of the cache key, with the version of the defaults.
    pub(crate) fn key(&self) -> String {
        format!("{DEFAULTS_VERSION}\n{}", self.text)
    }

    /// What the last pattern that matches an entry says: left out, or not. `None` when none matches. Callers do not
    /// descend into directories that are left out.
    pub(crate) fn decide(&self, path: &str, directory: bool) -> Option<bool> {
        let parts: Vec<&str> = path.split('/').collect();
        let hit = self.patterns.iter().rev().find(|p| {
            if p.directory && !directory {
                return false;
            }
            if p.anchored {
                matches(&p.parts, &parts)
            } else {
                parts.last().is_some_and(|name| wildcard(p.parts[0].as_bytes(), name.as_bytes()))
            }
        });
        hit.map(|p| !p.negated)
    }
}

/// What is left out when nothing else is said: what Flux leaves out (version control, continuous integration, archives
/// and pictures). `ignore` and `.sourceignore` may take it back with `!`.
pub(crate) fn defaults() -> &'static Ignore {
    static DEFAULTS: OnceLock<Ignore> = OnceLock::new();
    DEFAULTS.get_or_init(|| Ignore::parse(DEFAULTS_TEXT).unwrap_or_default())
}

/// A `**` stands for any number of names; at the end, for at least one. Takes at most pattern × path steps, as
/// [`wildcard`] does: what a later `**` can take, an earlier one need not.
fn matches(pattern: &[String], path: &[&str]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    loop {
        match (pattern.get(p), path.get(n)) {
            (Some(part), name) if part == "**" => {
                p += 1;
                if p == pattern.len() {
                    return name.is_some();
                }
                star = Some((p, n));
                continue;
            }
            (None, None) => return true,
            (Some(part), Some(name)) if wildcard(part.as_bytes(), name.as_bytes()) => {
                (p, n) = (p + 1, n + 1);
                continue;
            }
            _ => {}
        }
        match star {
            Some((after, from)) if from < path.len() => {
                star = Some((after, from + 1));
                (p, n) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

/// `*`, `?`, `[a-z]`, `[!a]` and `\` within one name. Takes at most pattern × name steps, whatever the pattern.
fn wildcard(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where to go on after a `*` when what follows it does not match: its place, and the first byte not yet given to it.
    let mut star = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            star = Some((p, n));
            continue;
        }
        let step = match (name.get(n), p < pattern.len()) {
            (None, false) => return true,
            (None, true) | (Some(_), false) => None,
            (Some(&byte), true) => one(&pattern[p..], byte),
        };
        match (step, star) {
            (Some(length), _) => {
                p += length;
                n += 1;
            }
            (None, Some((after, from))) if from < name.len() => {
                star = Some((after, from + 1));
                (p, n) = (after, from + 1);
            }
            (None, _) => return false,
        }
    }
}

/// The length of the pattern's first element when it matches the byte.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match (pattern[0], pattern.get(1)) {
        (b'?', _) => Some(1),
        (b'\\', Some(&escaped)) => (escaped == byte).then_some(2),
        (b'[', Some(_)) => {
            let negated = matches!(pattern[1], b'!' | b'^');
            let from = if negated { 2 } else { 1 };
            // A `]` that comes first belongs to the class.
            let end = pattern.iter().skip(from + 1).position(|&b| b == b']')? + from + 1;
            let (class, mut at, mut hit) = (&pattern[from..end], 0, false);
            while at < class.len() {
                let range = at + 2 < class.len() && class[at + 1] == b'-';
                let last = if range { class[at + 2] } else { class[at] };
                hit |= (class[at]..=last).contains(&byte);
                at += if range { 3 } else { 1 };
            }
            (hit != negated).then_some(end + 1)
        }
        (literal, _) => (literal == byte).then_some(1),
    }
}

#[cfg(test)]
mod tests;
