//! What of a repository to follow.

use model::limit::{REFERENCE_BYTES_MAX, cut};
use semver::Version;

use super::advertisement::Ref;
use super::range::Range;
use crate::error::Error;

/// What to follow. A Flux `ref` with several fields set means the first of commit, name, semver, tag, branch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum GitReference {
    /// `master` if it exists (Flux' default), else the repository's default branch.
    #[default]
    Default,
    /// A branch.
    Branch(String),
    /// A tag.
    Tag(String),
    /// The highest tag within a range such as `>=1.2.0 <2.0.0` or `1.x`.
    Semver(String),
    /// A full reference name such as `refs/heads/main` or `refs/pull/1/head`.
    Name(String),
    /// One commit, 40 hexadecimal digits.
    Commit(String),
    /// What `HEAD` is there.
    Head,
    /// A name as `git fetch` takes it: a full name, one below `refs/`, a tag, or else a branch (`gitrevisions(7)`).
    Named(String),
}

impl GitReference {
    /// What a reference in the URL of a remote base of Kustomize means, as `git fetch` reads it.
    pub fn of_base(text: &str) -> Self {
        let is_id = text.len() == 40 && text.bytes().all(|c| c.is_ascii_hexdigit());
        match text {
            "" | "HEAD" => Self::Head,
            id if is_id => Self::Commit(id.to_ascii_lowercase()),
            name => Self::Named(name.to_owned()),
        }
    }
}

/// The names that a name as `git fetch` takes it may stand for, the one that counts first.
fn full_names(name: &str) -> [String; 4] {
    [name.to_owned(), format!("refs/{name}"), format!("refs/tags/{name}"), format!("refs/heads/{name}")]
}

/// A commit that a reference meant when it was resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Commit {
    /// 40 hexadecimal digits.
    pub sha: String,
    /// Branch, tag or reference name; empty for a pinned commit.
    pub name: String,
}

impl Commit {
    /// Flux' form: `main@sha1:3f2c…`, or `sha1:3f2c…` for a pinned commit.
    pub fn revision(&self) -> String {
        let at = if self.name.is_empty() { "" } else { "@" };
        format!("{}{at}sha1:{}", self.name, self.sha)
    }
}

impl GitReference {
    pub(super) fn check(&self) -> Result<(), Error> {
        let fail = |field, value: &str, why: &str| {
            Err(Error::InvalidReference { field, value: cut(value), why: why.to_owned() })
        };
        let too_long = |text: &str| text.len() > REFERENCE_BYTES_MAX;
        let length = format!("a reference name has at most {REFERENCE_BYTES_MAX} bytes");
        let bad_name = |text: &str| {
            text.is_empty()
                || text.starts_with('-')
                || text.contains("..")
                || text.contains([' ', '\n', '\r', '\0', '~', '^', ':', '\\'])
        };
        let rule = "a reference name has no spaces, no \"..\" and none of ~ ^ : \\";
        match self {
            Self::Default | Self::Head => Ok(()),
            Self::Named(name) if too_long(name) => fail("ref", name, &length),
            Self::Named(name) if bad_name(name) => fail("ref", name, rule),
            Self::Branch(name) if too_long(name) => fail("ref.branch", name, &length),
            Self::Tag(name) if too_long(name) => fail("ref.tag", name, &length),
            Self::Name(name) if too_long(name) => fail("ref.name", name, &length),
            Self::Branch(name) if bad_name(name) => fail("ref.branch", name, rule),
            Self::Tag(name) if bad_name(name) => fail("ref.tag", name, rule),
            Self::Name(name) if bad_name(name) || !name.starts_with("refs/") => {
                fail("ref.name", name, "it must be a full name such as refs/heads/main")
            }
            Self::Commit(sha) if sha.len() != 40 || !sha.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) => {
                fail("ref.commit", sha, "it must be 40 hexadecimal digits in lower case")
            }
            Self::Semver(range) => match Range::parse(range) {
                Ok(_) => Ok(()),
                Err(why) => fail("ref.semver", range, &why),
            },
            _ => Ok(()),
        }
    }

    /// The commit, when no server has to be asked.
    pub(super) fn pinned(&self) -> Option<Commit> {
        match self {
            Self::Commit(sha) => Some(Commit { sha: sha.clone(), name: String::new() }),
            _ => None,
        }
    }

    /// Which references the server has to list.
    pub(super) fn prefixes(&self) -> Vec<String> {
        match self {
            Self::Default => vec!["HEAD".into(), "refs/heads/master".into()],
            Self::Branch(name) => vec![format!("refs/heads/{name}")],
            Self::Tag(name) => vec![format!("refs/tags/{name}")],
            Self::Semver(_) => vec!["refs/tags/".into()],
            Self::Name(name) => vec![name.clone()],
            Self::Head => vec!["HEAD".into()],
            Self::Named(name) => full_names(name).to_vec(),
            Self::Commit(_) => Vec::new(),
        }
    }

    /// What kind of thing it is, and the prefix of its siblings.
    pub(super) fn siblings(&self) -> (&'static str, &'static str) {
        match self {
            Self::Default | Self::Branch(_) => ("branch", "refs/heads/"),
            Self::Tag(_) => ("tag", "refs/tags/"),
            Self::Semver(_) => ("a tag within", "refs/tags/"),
            Self::Named(_) => ("branch or tag", "refs/heads/"),
            Self::Name(_) | Self::Commit(_) | Self::Head => ("reference", ""),
        }
    }

    /// As the user wrote it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Default => "master".into(),
            Self::Head => "HEAD".into(),
            Self::Branch(t) | Self::Tag(t) | Self::Semver(t) | Self::Name(t) | Self::Commit(t) | Self::Named(t) => {
                t.clone()
            }
        }
    }
}

/// The commit among listed references, chosen as they arrive: a list may be long, and is not kept.
pub(super) struct Choice<'a> {
    reference: &'a GitReference,
    range: Option<Range>,
    chosen: Option<Commit>,
    /// The version of what is chosen, for a range.
    version: Option<Version>,
    /// What `HEAD` means, for the default.
    head: Option<Commit>,
    /// Place of what is chosen among the names that a name may stand for.
    rank: usize,
}

impl<'a> Choice<'a> {
    /// Nothing is listed yet.
    pub(super) fn new(reference: &'a GitReference) -> Result<Self, Error> {
        let range = match reference {
            GitReference::Semver(text) => Some(Range::parse(text).map_err(|why| Error::InvalidReference {
                field: "ref.semver",
                value: cut(text),
                why,
            })?),
            _ => None,
        };
        Ok(Self { reference, range, chosen: None, version: None, head: None, rank: usize::MAX })
    }

    /// Looks at a reference that the server has.
    pub(super) fn consider(&mut self, found: &Ref) {
        let commit = |name: &str| Some(Commit { sha: found.commit().to_owned(), name: name.to_owned() });
        let full = found.name.as_str();
        // The first one of a name counts.
        let first = self.chosen.is_none();
        match self.reference {
            GitReference::Default if full == "refs/heads/master" && first => self.chosen = commit("master"),
            GitReference::Default | GitReference::Head if full == "HEAD" && self.head.is_none() => {
                let target = found.target.as_deref().and_then(|t| t.strip_prefix("refs/heads/"));
                self.head = commit(target.unwrap_or("HEAD"));
            }
            GitReference::Branch(name) if first && full.strip_prefix("refs/heads/") == Some(name) => {
                self.chosen = commit(name);
            }
            GitReference::Tag(name) if first && full.strip_prefix("refs/tags/") == Some(name) => {
                self.chosen = commit(name);
            }
            GitReference::Name(name) if first && full == name => self.chosen = commit(name),
            GitReference::Named(name) => {
                let rank = full_names(name).iter().position(|candidate| candidate == full);
                if let Some(rank) = rank.filter(|rank| *rank < self.rank) {
                    (self.rank, self.chosen) = (rank, commit(name));
                }
            }
            GitReference::Semver(_) => {
                let Some(tag) = full.strip_prefix("refs/tags/") else { return };
                let Some(version) = self.range.as_ref().and_then(|range| range.accept(tag)) else { return };
                // Tags that differ only in build metadata or a leading `v` tie: the name decides.
                let known = self.version.as_ref().zip(self.chosen.as_ref());
                if known.is_none_or(|(best, chosen)| (&version, tag) > (best, chosen.name.as_str())) {
                    (self.version, self.chosen) = (Some(version), commit(tag));
                }
            }
            _ => {}
        }
    }

    /// The commit; `None` when the reference is not there.
    pub(super) fn commit(self) -> Option<Commit> {
        self.chosen.or(self.head)
    }
}

#[cfg(test)]
mod tests;
