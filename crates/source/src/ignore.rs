//! Which files of a repository are left out of its artifact: `.gitignore` syntax (`gitignore(5)`), the last match wins.
//!
//! Both the patterns and the names come from tenants. Their number and length are limited, comparing takes at most pattern
//! times name steps, and the steps of one commit are counted ([`Work`]).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use model::limit::{IGNORE_BYTES_MAX, PATH_BYTES_MAX, cut};

use crate::error::Error;

/// File with patterns for its directory and what is below.
pub(crate) const FILE: &str = ".sourceignore";
/// Raised when the defaults change, or what an artifact says of what was left out, so that artifacts are made again.
const DEFAULTS_VERSION: u32 = 2;
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

/// Most steps of comparing names with patterns, for one commit. 50,000 files, 1,000 patterns, and 20 steps for each pair of
/// them; most pairs take one or two. A step takes one to three nanoseconds.
pub(crate) const STEPS_MAX: u64 = 1 << 30;

/// What comparing the names of one commit may still cost.
pub(crate) struct Work<'a> {
    url: &'a str,
    stop: &'a AtomicBool,
    left: u64,
}

impl<'a> Work<'a> {
    /// So many steps for a commit of this repository. `stop` ends them.
    pub(crate) fn new(url: &'a str, stop: &'a AtomicBool, left: u64) -> Self {
        Self { url, stop, left }
    }

    /// How many steps there are left.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Takes so many steps.
    ///
    /// # Errors
    /// There are not as many left, or the work is stopped.
    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), Error> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        let what = || "comparing its files with its ignore patterns takes so many steps that it".to_owned();
        let left = u64::try_from(steps).ok().and_then(|steps| self.left.checked_sub(steps));
        let (url, limit) = (self.url, STEPS_MAX);
        self.left = left.ok_or_else(|| Error::TooLarge { url: url.to_owned(), what: what(), limit })?;
        Ok(())
    }
}

/// What one name, or any number of names, is compared with.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    /// `**`: any number of names.
    Names,
    /// This name.
    Literal(String),
    /// A `*`, then this.
    Suffix(String),
    /// Anything else.
    Wildcard(String),
}

impl Part {
    fn parse(text: &str) -> Self {
        let special = |text: &str| text.contains(['*', '?', '[', '\\']);
        match text.strip_prefix('*') {
            Some("*") => Self::Names,
            Some(rest) if !special(rest) => Self::Suffix(rest.to_owned()),
            None if !special(text) => Self::Literal(text.to_owned()),
            _ => Self::Wildcard(text.to_owned()),
        }
    }

    /// Whether it stands for this name; `**` alone does.
    fn holds(&self, name: &str, steps: &mut usize) -> bool {
        *steps += 1;
        match self {
            Self::Names => true,
            Self::Literal(text) => text == name,
            Self::Suffix(text) => name.ends_with(text.as_str()),
            Self::Wildcard(text) => wildcard(text.as_bytes(), name.as_bytes(), steps),
        }
    }
}

#[derive(Clone, Debug)]
struct Pattern {
    /// As it is written.
    text: String,
    parts: Vec<Part>,
    negated: bool,
    directory: bool,
    anchored: bool,
}

/// What the last pattern that matches an entry says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit<'a> {
    /// It is left out; otherwise it is not, whatever comes after.
    pub(crate) excludes: bool,
    /// The pattern as it is written.
    pub(crate) pattern: &'a str,
}

/// Parsed patterns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignore {
    patterns: Vec<Pattern>,
    text: String,
}

impl Ignore {
    /// Parses one pattern per line; blank lines and lines that begin with `#` are nothing. `place` is the file or the field
    /// that they are in, for errors.
    pub(crate) fn parse(text: &str, place: &str) -> Result<Self, Error> {
        let fail = |why: String| Error::Ignore { place: place.to_owned(), why };
        if text.len() > IGNORE_BYTES_MAX {
            return Err(fail(format!("it has {} bytes of patterns; at most {IGNORE_BYTES_MAX} are read", text.len())));
        }
        let mut patterns = Vec::new();
        for line in text.lines() {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.len() > PATH_BYTES_MAX {
                let why = format!("has {} bytes; no path has more than {PATH_BYTES_MAX}", line.len());
                return Err(fail(format!("the pattern {:?} {why}", cut(line))));
            }
            if patterns.len() >= PATTERNS_MAX {
                return Err(fail(format!("it has more than {PATTERNS_MAX} patterns")));
            }
            let (negated, rest) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
            let rest = rest.strip_prefix('\\').filter(|r| r.starts_with(['#', '!'])).unwrap_or(rest);
            let (directory, rest) = rest.strip_suffix('/').map_or((false, rest), |rest| (true, rest));
            let anchored = rest.contains('/');
            let parts: Vec<Part> = rest.split('/').filter(|p| !p.is_empty()).map(Part::parse).collect();
            if parts.is_empty() && !rest.is_empty() {
                return Err(fail(format!("{:?} is not understood", cut(line))));
            }
            // `/` alone, or `/*` written as `/`, excludes nothing by itself in git either.
            if !parts.is_empty() {
                patterns.push(Pattern { text: line.to_owned(), parts, negated, directory, anchored });
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
    ///
    /// # Errors
    /// The work is stopped, or too much.
    pub(crate) fn decide(&self, path: &str, directory: bool, work: &mut Work<'_>) -> Result<Option<Hit<'_>>, Error> {
        if self.patterns.is_empty() {
            return Ok(None);
        }
        work.spend(path.len())?;
        let names: Vec<&str> = path.split('/').collect();
        for pattern in self.patterns.iter().rev() {
            let mut steps = 1;
            let hit = (directory || !pattern.directory)
                && match pattern.anchored {
                    true => matches(&pattern.parts, &names, &mut steps),
                    false => names.last().is_some_and(|name| pattern.parts[0].holds(name, &mut steps)),
                };
            work.spend(steps)?;
            if hit {
                return Ok(Some(Hit { excludes: !pattern.negated, pattern: &pattern.text }));
            }
        }
        Ok(None)
    }
}

/// What is left out when nothing else is said: what Flux leaves out (version control, continuous integration, archives
/// and pictures). `ignore` and `.sourceignore` may take it back with `!`.
pub(crate) fn defaults() -> &'static Ignore {
    static DEFAULTS: OnceLock<Ignore> = OnceLock::new();
    DEFAULTS.get_or_init(|| Ignore::parse(DEFAULTS_TEXT, "defaults").unwrap_or_default())
}

/// A `**` stands for any number of names; at the end, for at least one. Takes at most pattern × path steps, as
/// [`wildcard`] does: what a later `**` can take, an earlier one need not.
fn matches(pattern: &[Part], path: &[&str], steps: &mut usize) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    loop {
        match (pattern.get(p), path.get(n)) {
            (Some(Part::Names), name) => {
                p += 1;
                if p == pattern.len() {
                    return name.is_some();
                }
                star = Some((p, n));
                continue;
            }
            (None, None) => return true,
            (Some(part), Some(name)) if part.holds(name, steps) => {
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
fn wildcard(pattern: &[u8], name: &[u8], steps: &mut usize) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where to go on after a `*` when what follows it does not match: its place, and the first byte not yet given to it.
    let mut star = None;
    loop {
        // A class is searched for its end.
        *steps += if pattern.get(p) == Some(&b'[') { pattern.len() - p } else { 1 };
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
