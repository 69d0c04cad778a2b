//! References of images, and changes of their parts.
//!
//! A reference is `[registry/]repository[:tag][@digest]` (the grammar of `distribution/reference`, which Karmada's
//! `imageparser` uses). As there, one with a tag and a digest keeps the tag alone: the two are one part.

use std::fmt;

use api::karmada::policy::v1alpha1::{ImageComponent, OverriderOperator};
use model::words;

/// Longest repository, in bytes, without the registry.
const REPOSITORY_BYTES_MAX: usize = 255;

/// Longest tag, in bytes.
const TAG_BYTES_MAX: usize = 128;

/// Fewest hexadecimal digits of a digest.
const DIGEST_DIGITS_MIN: usize = 32;

/// Digests that are understood, and how many hexadecimal digits they have.
const ALGORITHMS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// Tag or digest: which build of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Tag(String),
    Digest(String),
}

/// The parts of a reference. They are not checked again after a change, which may leave the repository empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Image {
    /// Host, perhaps with a port; empty when there is none.
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) version: Option<Version>,
}

impl Image {
    /// Reads a reference.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fail = |why: &str| Err(format!("{:?} is no image reference: {why}", words::cut(text)));
        if text.is_empty() {
            return Err("there is no image".to_owned());
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        if let Some(why) = digest.and_then(digest_fault) {
            return fail(why);
        }
        // A colon in the last part begins a tag; before that it is one of a port.
        let last = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[last..].find(':') {
            Some(at) => (&rest[..last + at], Some(&rest[last + at + 1..])),
            None => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return fail("a tag has up to 128 letters, digits, '_', '.' and '-', and begins with none of the last two");
        }
        let path = match name.split_once('/') {
            Some((first, path)) if is_domain(first) => path,
            _ => name,
        };
        if !path.split('/').all(is_path_component) {
            let upper = path.bytes().any(|c| c.is_ascii_uppercase());
            return fail(if upper { "a repository is in lower case" } else { "the repository is not well formed" });
        }
        if path.len() > REPOSITORY_BYTES_MAX {
            return fail("a repository has at most 255 characters");
        }
        let (registry, repository) = split_registry(name);
        let version = match (tag, digest) {
            (Some(tag), _) => Some(Version::Tag(tag.to_owned())),
            (None, Some(digest)) => Some(Version::Digest(digest.to_owned())),
            (None, None) => None,
        };
        Ok(Self { registry: registry.to_owned(), repository: repository.to_owned(), version })
    }

    /// Changes a part. A tag or digest that is not well formed changes nothing, as in Karmada.
    pub(super) fn change(&mut self, component: ImageComponent, operator: OverriderOperator, value: &str) {
        let text = match component {
            ImageComponent::Registry => &mut self.registry,
            ImageComponent::Repository => &mut self.repository,
            ImageComponent::Tag => return self.change_version(operator, value),
        };
        match operator {
            OverriderOperator::Add => text.push_str(value),
            OverriderOperator::Replace => value.clone_into(text),
            OverriderOperator::Remove => text.clear(),
        }
    }

    fn change_version(&mut self, operator: OverriderOperator, value: &str) {
        let text = match (operator, &self.version) {
            (OverriderOperator::Remove, _) => {
                self.version = None;
                return;
            }
            (OverriderOperator::Add, Some(Version::Tag(old) | Version::Digest(old))) => format!("{old}{value}"),
            (OverriderOperator::Add, None) | (OverriderOperator::Replace, _) => value.to_owned(),
        };
        if is_tag(&text) {
            self.version = Some(Version::Tag(text));
        } else if is_digest(&text) {
            self.version = Some(Version::Digest(text));
        }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.registry.is_empty() {
            write!(f, "{}/", self.registry)?;
        }
        f.write_str(&self.repository)?;
        match &self.version {
            Some(Version::Tag(tag)) => write!(f, ":{tag}"),
            Some(Version::Digest(digest)) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// Host and repository of a name. A first part without dot and colon is one of the repository, except `localhost`.
pub(super) fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((first, rest)) if is_host(first) => (first, rest),
        _ => ("", name),
    }
}

fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

/// A host name or an IPv6 address in brackets, and perhaps a port.
fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            let is_address = !address.is_empty() && address.bytes().all(|c| c.is_ascii_hexdigit() || c == b':');
            (is_address, port)
        }
        None => {
            let (name, _) = text.split_once(':').unwrap_or((text, ""));
            (name.split('.').all(is_domain_part), &text[name.len()..])
        }
    };
    let port = port
        .strip_prefix(':')
        .map_or(port.is_empty(), |digits| !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit()));
    host && port
}

fn is_domain_part(part: &str) -> bool {
    let inner = part.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    inner && !part.is_empty() && !part.starts_with('-') && !part.ends_with('-')
}

/// Lower case letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_path_component(part: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut rest = part;
    loop {
        let behind = rest.trim_start_matches(is_word);
        if behind.len() == rest.len() {
            return false;
        }
        if behind.is_empty() {
            return true;
        }
        let end = behind.find(is_word).unwrap_or(behind.len());
        let separator = &behind[..end];
        let fits = matches!(separator, "." | "_" | "__") || separator.bytes().all(|c| c == b'-');
        if !fits {
            return false;
        }
        rest = &behind[end..];
    }
}

fn is_tag(text: &str) -> bool {
    let is_word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    text.len() <= TAG_BYTES_MAX
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|c| is_word(c) || matches!(c, b'.' | b'-'))
}

/// `ALGORITHM:HEX`, of any algorithm.
fn is_digest(text: &str) -> bool {
    let Some((algorithm, digits)) = text.split_once(':') else { return false };
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.bytes().all(|c| c.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(is_part)
        && digits.len() >= DIGEST_DIGITS_MIN
        && digits.bytes().all(|c| c.is_ascii_hexdigit())
}

/// What is wrong with the digest of a reference: unlike a digest that a policy sets, its algorithm must be understood.
fn digest_fault(text: &str) -> Option<&'static str> {
    if !is_digest(text) {
        return Some("a digest is ALGORITHM:HEX");
    }
    let (algorithm, digits) = text.split_once(':')?;
    let Some((_, length)) = ALGORITHMS.iter().find(|(name, _)| *name == algorithm) else {
        return Some("a digest is one of sha256, sha384 and sha512");
    };
    let lower = digits.bytes().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase());
    (digits.len() != *length || !lower).then_some("the digest has not as many digits as it must, in lower case")
}

#[cfg(test)]
mod tests;
