//! Whether an Application that follows the same source may want what a commit takes out of another one.
//!
//! One commit may move an object from one Application to another. They are fetched apart: until the other one is decided by that commit, it
//! is not known whether it wants the object, and what the commit deletes waits ([ADR 79](../../../docs/adr/0079-what-a-commit-moves-between-applications.md)).
//!
//! | known of the other one | it is waited for |
//! |---|---|
//! | it is decided by the same commit, or by one that was asked for later | no: what it wants is known |
//! | it follows another branch | no |
//! | the commit broke it, or an edit holds it in a member at the commit before | yes, until a person has mended that |
//! | it was broken or held before | no: it would keep all that is ever deleted |
//! | its source is not followed, or refuses since the commit was found what only a person can mend | no: it stops only itself |
//! | it was waited for as long as may be, and nothing was heard of it since | no |
//! | anything else: it is at another commit, or its source does not answer for now | yes |

use std::collections::BTreeSet;

/// By what an Application was decided last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// By this commit, as `branch@sha1:hash`.
    Commit(String),
    /// By none: its source is suspended or malformed, or its credentials are missing.
    Nothing,
}

/// What a process has heard of an Application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// By what it was decided; `None` while a part of it is not.
    pub taken: Option<Taken>,
    /// The last commit by which all of it was decided.
    pub last: Option<String>,
    /// The commit at which a part of it could not be rendered first, while that is so.
    pub broken_at: Option<String>,
    /// An edit holds it in a member, which has an earlier revision.
    pub is_kept: bool,
}

/// An Application of the same repository.
#[derive(Clone, Debug, Default)]
pub struct Sibling<'a> {
    /// Its reference is written as that of the one that waits.
    pub has_the_reference: bool,
    /// The commit by which it is decided, as it is stored.
    pub stored: Option<String>,
    /// What this process has heard of it.
    pub heard: Option<&'a Heard>,
    /// The commits of the revisions in which edits hold it in members.
    pub kept: BTreeSet<String>,
    /// The commit of its source, if that was asked for after the commit was found of which this is about.
    pub newer: Option<String>,
    /// Its source was asked since then, and only a person can mend what it said.
    pub is_refused: bool,
    /// It was waited for as long as may be.
    pub is_given_up: bool,
    /// It was stuck when the wait for it began.
    pub was_stuck: bool,
}

/// How an Application stands to a commit of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// What it wants is known, or it is not waited for.
    Known,
    /// It takes the commit up by itself, or fails to for too long.
    Awaited,
    /// It takes the commit up when a person has mended it.
    Stuck,
}

impl Sibling<'_> {
    /// How it stands to this commit; `before` is the one that the Application had before, with which the commit is compared.
    pub fn stand(&self, commit: &str, before: Option<&str>) -> Stand {
        match () {
            () if !self.has_the_reference && !self.is_on_line(commit) => Stand::Known,
            () if self.is_stuck(commit, before) => Stand::Stuck,
            () if self.is_awaited(commit) => Stand::Awaited,
            () => Stand::Known,
        }
    }

    /// The last commit by which all of it was decided.
    fn last(&self) -> Option<&str> {
        self.heard.and_then(|heard| heard.last.as_deref()).or(self.stored.as_deref())
    }

    /// The commit at which it was found broken, while it is.
    fn broken_at(&self) -> Option<&str> {
        self.heard.and_then(|heard| heard.broken_at.as_deref())
    }

    /// Was it decided by a commit of the same branch? Of one that was never decided it is not known what its reference means.
    fn is_on_line(&self, commit: &str) -> bool {
        self.last().is_none_or(|last| line(last).is_some() && line(last) == line(commit))
    }

    fn is_stuck(&self, commit: &str, before: Option<&str>) -> bool {
        let is_new = self.broken_at() == Some(commit) || before.is_some() && self.last() == before;
        let is_held = !self.kept.is_empty() && (self.was_stuck || before.is_some_and(|at| self.kept.contains(at)));
        self.broken_at().is_some() && (self.was_stuck || is_new) || is_held
    }

    fn is_awaited(&self, commit: &str) -> bool {
        let stored = || self.stored.clone().map(Taken::Commit);
        let is_known = match self.heard.map_or_else(stored, |heard| heard.taken.clone()) {
            Some(Taken::Nothing) => true,
            Some(Taken::Commit(taken)) => taken == commit || self.newer.as_ref() == Some(&taken),
            None => false,
        };
        !is_known && self.broken_at().is_none() && !self.is_refused && !self.is_given_up
    }
}

/// The branch or tag in `branch@sha1:hash`, by which two sources are told to be the same whose references are written otherwise.
fn line(commit: &str) -> Option<&str> {
    let (name, _) = commit.rsplit_once('@')?;
    Some(name.strip_prefix("refs/heads/").unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "main@sha1:1";
    const NOW: &str = "main@sha1:2";

    fn stands(change: impl FnOnce(&mut Sibling<'_>, &mut Heard)) -> Stand {
        let mut heard =
            Heard { taken: Some(Taken::Commit(BEFORE.into())), last: Some(BEFORE.into()), ..Heard::default() };
        let mut sibling = Sibling { has_the_reference: true, stored: Some(BEFORE.into()), ..Sibling::default() };
        change(&mut sibling, &mut heard);
        Sibling { heard: Some(&heard), ..sibling }.stand(NOW, Some(BEFORE))
    }

    #[test]
    fn who_is_behind_is_waited_for_unless_it_cannot_be() {
        assert_eq!(stands(|_, _| ()), Stand::Awaited);
        assert_eq!(stands(|_, heard| heard.taken = None), Stand::Awaited, "a part of it is being fetched");
        assert_eq!(stands(|_, heard| heard.taken = Some(Taken::Commit(NOW.into()))), Stand::Known);
        assert_eq!(stands(|_, heard| heard.taken = Some(Taken::Nothing)), Stand::Known);
        assert_eq!(stands(|sibling, _| sibling.is_refused = true), Stand::Known);
        assert_eq!(stands(|sibling, _| sibling.is_given_up = true), Stand::Known);
    }

    #[test]
    fn one_that_was_asked_later_is_not_behind_once_it_is_decided_by_what_was_found() {
        let third = || "main@sha1:3".to_owned();
        assert_eq!(stands(|sibling, _| sibling.newer = Some(third())), Stand::Awaited, "not decided by it yet");
        let decided = stands(|sibling, heard| {
            sibling.newer = Some(third());
            heard.taken = Some(Taken::Commit(third()));
        });
        assert_eq!(decided, Stand::Known);
        assert_eq!(stands(|_, heard| heard.taken = Some(Taken::Commit(third()))), Stand::Awaited, "asked before");
    }

    #[test]
    fn one_that_the_commit_broke_or_an_edit_holds_is_waited_for_until_it_is_mended() {
        let broken = |at: &'static str, last: &'static str, was_stuck: bool| {
            stands(|sibling, heard| {
                sibling.was_stuck = was_stuck;
                *heard = Heard { last: Some(last.into()), broken_at: Some(at.into()), ..Heard::default() };
            })
        };
        assert_eq!(broken(NOW, BEFORE, false), Stand::Stuck);
        assert_eq!(broken(NOW, "main@sha1:0", false), Stand::Stuck, "it is asked less often");
        assert_eq!(broken(BEFORE, "main@sha1:0", false), Stand::Known, "it was broken before");
        assert_eq!(broken(BEFORE, "main@sha1:0", true), Stand::Stuck, "another commit mends nothing");
        let held = |at: &str, was_stuck: bool| {
            stands(|sibling, heard| {
                (sibling.kept, sibling.was_stuck) = (BTreeSet::from([at.to_owned()]), was_stuck);
                heard.taken = Some(Taken::Commit(NOW.into()));
            })
        };
        assert_eq!(held(BEFORE, false), Stand::Stuck);
        assert_eq!(held("main@sha1:0", false), Stand::Known, "it was held before");
        assert_eq!(held("main@sha1:0", true), Stand::Stuck);
    }

    #[test]
    fn siblings_follow_the_same_branch_however_it_is_written() {
        let of = |stored: Option<&str>| {
            let stored = stored.map(str::to_owned);
            Sibling { stored, ..Sibling::default() }.stand(NOW, Some(BEFORE))
        };
        assert_eq!(of(Some("refs/heads/main@sha1:1")), Stand::Awaited);
        assert_eq!(of(None), Stand::Awaited, "it was never decided");
        assert_eq!(of(Some("next@sha1:1")), Stand::Known);
        assert_eq!(of(Some("sha1:1")), Stand::Known, "a commit that is named itself");
        assert_eq!(of(Some(NOW)), Stand::Known);
    }
}
