//! What Applications that follow the same source are to have of what a commit takes out of another one.
//!
//! One commit may move an object from one Application to another. They are fetched apart, and what the first one deletes would be made
//! again by the second. So it stays for as long as another one is to have it and does not have it yet
//! ([ADR 83](../../../docs/adr/0083-what-another-application-is-to-have-stays.md)). What that one is to have is rendered from the same
//! commit, so that nobody waits for an Application that wants nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use api::delivery::{Deletions, MemberDecision, ObjectSet, Owner};
use model::MemberName;

use crate::unit::{Placement, UnitSpec, chosen};

/// What a unit of another Application is to have by the commit, in members in which it is not decided by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The Application.
    pub owner: Owner,
    /// The objects; `None` when that is not known now.
    pub objects: Option<Arc<ObjectSet>>,
    /// The members.
    pub members: BTreeSet<MemberName>,
    /// Why it does not take the commit up by itself.
    pub stuck: Option<Stuck>,
}

/// Why an Application does not take a commit up before a person, or another machine, has done something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stuck {
    /// Its source is suspended.
    Suspended,
    /// Its source cannot be read.
    Unread,
    /// It cannot be rendered by the commit. Its objects are those that its files mention.
    Broken,
    /// There is no list of members to place it on.
    Unplaced,
    /// An edit of it is held.
    Held,
    /// The source of the Application that waits is not read now, so that it may be the one that is behind.
    Uncompared,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Suspended => "its source is suspended",
            Self::Unread => "its source cannot be read",
            Self::Broken => "it cannot be rendered",
            Self::Unplaced => "its fleet does not exist",
            Self::Held => "an edit of it is held",
            Self::Uncompared => "this source is not read now",
        })
    }
}

impl Claim {
    /// May something of the list that waits in this member be for it, which is not known? Either it is not known what it is to have, or the list
    /// is too long to say what is in it; such a list waits for those that take the commit up by themselves.
    pub fn may_be_for(&self, member: &MemberName, list: &Deletions) -> bool {
        let is_unknown = match &self.objects {
            None => true,
            Some(objects) => list.objects.is_none() && !objects.is_empty() && self.stuck.is_none(),
        };
        is_unknown && self.members.contains(member)
    }

    /// The Application and why it is stuck, for people who see what is `from`. Names of another namespace are not for all of them.
    pub fn named(&self, from: &Owner) -> String {
        let name = match self.owner.namespace == from.namespace {
            true => format!("app/{}", self.owner.name),
            false => "an Application of another namespace".to_owned(),
        };
        self.stuck.map_or(name.clone(), |stuck| format!("{name} ({stuck})"))
    }
}

/// The members in which a unit is to have what it is rendered to, and does not have it by its decision. `entries`: what is decided for its
/// members. `is_taken`: does a revision of this name have the same inputs?
pub fn open_members<'a>(
    unit: &UnitSpec,
    entries: impl IntoIterator<Item = (&'a MemberName, &'a MemberDecision)>,
    is_taken: impl Fn(&str) -> bool,
) -> BTreeSet<MemberName> {
    let mut members = match &unit.placement {
        // What runs stays.
        Placement::Missing(_) => BTreeSet::new(),
        placement => chosen(placement),
    };
    for (member, entry) in entries {
        let stays = entry.removal.is_none() && entry.kept().is_none();
        if stays && is_taken(&entry.revision) {
            members.remove(member);
        } else if stays && matches!(unit.placement, Placement::Missing(_)) {
            members.insert(member.clone());
        }
    }
    members
}

/// Are two sources of one repository, whose references are written otherwise, likely to take up the same commits? `theirs` and `mine` are
/// the commits by which they are decided, as `branch@sha1:hash`, `before` is the one that mine had before, and `are_branches` says whether both
/// references are branches. Of one that was never decided it is not known what its reference means.
pub fn is_same_line(theirs: Option<&str>, mine: &str, before: Option<&str>, are_branches: bool) -> bool {
    let Some(theirs) = theirs else { return true };
    if line(theirs).is_some() && line(theirs) == line(mine) {
        return true;
    }
    // A range of versions, a tag and its full name may mean the same; two branches are two, though they were at one commit.
    !are_branches && is_same_commit(Some(theirs), before)
}

/// Do both name the same commit, whatever it is called there?
pub fn is_same_commit(one: Option<&str>, other: Option<&str>) -> bool {
    let hash = |commit: &str| commit.rsplit('@').next().map(str::to_owned);
    one.is_some() && one.and_then(hash) == other.and_then(hash)
}

/// The branch or tag in `branch@sha1:hash`.
fn line(commit: &str) -> Option<&str> {
    let (name, _) = commit.rsplit_once('@')?;
    Some(name.strip_prefix("refs/heads/").unwrap_or(name))
}

#[cfg(test)]
mod tests;
