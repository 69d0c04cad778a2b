//! Version ranges as Flux' `ref.semver` takes them (Masterminds/semver): `1.2.3` is exact, spaces and commas are "and",
//! `||` is "or", with `=`, `!=`, `<`, `<=`, `>`, `>=`, `~`, `^`, `x`/`*` and `a - b`. A range is short, and reading it takes
//! time in proportion to its length.

use std::ops::RangeInclusive;

use model::limit::RANGE_BYTES_MAX;
use semver::{Prerelease, Version};

/// What operators consist of; `!` never ends one.
const OPERATORS: [char; 5] = ['<', '>', '=', '~', '^'];

/// How one part compares.
#[derive(Clone, Debug, PartialEq)]
enum Term {
    /// At least `.0`, below `.1` when it is set.
    Within(Version, Option<Version>),
    Outside(Version, Option<Version>),
}

/// A parsed range.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Range {
    any: Vec<Vec<Term>>,
    /// The range names a pre-release, so pre-releases count.
    prerelease: bool,
}

impl Range {
    /// Parses a range.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > RANGE_BYTES_MAX {
            return Err(format!("it has {} bytes; a range has at most {RANGE_BYTES_MAX}", text.len()));
        }
        let mut any = Vec::new();
        for branch in text.split("||") {
            any.push(branch_terms(branch)?);
        }
        let prerelease = text
            .split(|c: char| c.is_whitespace() || c == ',')
            .any(|t| t.trim_start_matches(['<', '>', '=', '~', '^', '!', 'v']).contains('-') && t != "-");
        Ok(Self { any, prerelease })
    }

    /// The version that a tag names when it is within the range. A leading `v` is allowed.
    pub(super) fn accept(&self, tag: &str) -> Option<Version> {
        let (version, _) = partial(tag).ok()?;
        let pre = version.pre.is_empty() || self.prerelease;
        let holds = |term: &Term| match term {
            Term::Within(low, high) => version >= *low && high.as_ref().is_none_or(|h| version < *h),
            Term::Outside(low, high) => version < *low || high.as_ref().is_some_and(|h| version >= *h),
        };
        (pre && self.any.iter().any(|all| all.iter().all(holds))).then_some(version)
    }
}

fn branch_terms(text: &str) -> Result<Vec<Term>, String> {
    if let Some((low, high)) = text.split_once(" - ") {
        let low = partial(low.trim())?.0;
        return Ok(vec![Term::Within(low, Some(after(high.trim())?))]);
    }
    // An operator may stand apart from its version: `>= 1.2`.
    let mut joined = String::with_capacity(text.len());
    for c in text.trim().chars() {
        if c != ' ' || !joined.ends_with(OPERATORS) {
            joined.push(c);
        }
    }
    let parts = joined.split(|c: char| c.is_whitespace() || c == ',').filter(|t| !t.is_empty());
    let terms = parts.map(term).collect::<Result<Vec<_>, _>>()?;
    if terms.is_empty() { Err("an empty range".into()) } else { Ok(terms) }
}

fn term(text: &str) -> Result<Term, String> {
    let at = text.find(|c: char| !"<>=!~^".contains(c)).unwrap_or(text.len());
    let (operator, rest) = text.split_at(at);
    let (low, given) = partial(rest)?;
    let zero = Version::new(0, 0, 0);
    let floor = Version { pre: Prerelease::new("0").map_err(|e| e.to_string())?, ..zero };
    let next = after(rest);
    Ok(match operator {
        "" | "=" | "==" if given == 0 => Term::Within(floor, None),
        "" | "=" | "==" => Term::Within(low, Some(next?)),
        "!=" => Term::Outside(low, Some(next?)),
        ">=" | "=>" => Term::Within(low, None),
        ">" => Term::Within(next?, None),
        "<" => Term::Within(floor, Some(low)),
        "<=" | "=<" => Term::Within(floor, Some(next?)),
        "~" | "~>" => {
            let high = if given >= 2 {
                Version::new(low.major, low.minor.saturating_add(1), 0)
            } else {
                Version::new(low.major.saturating_add(1), 0, 0)
            };
            if given == 0 { Term::Within(floor, None) } else { Term::Within(low, Some(below_prereleases(high))) }
        }
        "^" => {
            let high = match (low.major, low.minor, low.patch) {
                (0, 0, patch) if given == 3 => Version::new(0, 0, patch.saturating_add(1)),
                (0, minor, _) if given >= 2 => Version::new(0, minor.saturating_add(1), 0),
                (major, _, _) => Version::new(major.saturating_add(1), 0, 0),
            };
            Term::Within(low, Some(below_prereleases(high)))
        }
        _ => return Err(format!("{operator:?} is not an operator")),
    })
}

/// `2.0.0-alpha` sorts before `2.0.0` and is not within `1.x`.
fn below_prereleases(mut version: Version) -> Version {
    version.pre = Prerelease::new("0").unwrap_or_default();
    version
}

/// The first version after everything that a partial version covers: `1.2` covers all of `1.2.*`.
fn after(text: &str) -> Result<Version, String> {
    let (mut version, given) = partial(text)?;
    if !version.pre.is_empty() {
        // The next pre-release: nothing sorts between `x` and `x.0`.
        let next = format!("{}.0", version.pre);
        version.pre = Prerelease::new(&next).map_err(|e| e.to_string())?;
        return Ok(version);
    }
    Ok(match given {
        3 => Version {
            pre: Prerelease::new("0").map_err(|e| e.to_string())?,
            ..Version::new(version.major, version.minor, version.patch.saturating_add(1))
        },
        2 => below_prereleases(Version::new(version.major, version.minor.saturating_add(1), 0)),
        1 => below_prereleases(Version::new(version.major.saturating_add(1), 0, 0)),
        _ => Version::new(u64::MAX, 0, 0),
    })
}

/// A version with one to three numbers, and how many it has. `x`, `X` and `*` end it.
fn partial(text: &str) -> Result<(Version, usize), String> {
    let bare = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let fail = || format!("{text:?} is not a version");
    let (core, build) = bare.split_once('+').map_or((bare, ""), |(c, b)| (c, b));
    let (core, pre) = core.split_once('-').map_or((core, ""), |(c, p)| (c, p));
    let mut numbers = [0_u64; 3];
    let mut given = 0;
    let count: RangeInclusive<usize> = 1..=3;
    let parts: Vec<&str> = core.split('.').collect();
    if !count.contains(&parts.len()) {
        return Err(fail());
    }
    for part in parts {
        if matches!(part, "x" | "X" | "*") {
            break;
        }
        numbers[given] = part.parse().map_err(|_| fail())?;
        given += 1;
    }
    let mut version = Version::new(numbers[0], numbers[1], numbers[2]);
    version.pre = Prerelease::new(pre).map_err(|_| fail())?;
    version.build = semver::BuildMetadata::new(build).map_err(|_| fail())?;
    Ok((version, given))
}

#[cfg(test)]
mod tests;
