//! Whether an Application that follows the same source may want what a commit takes out of another one.
//!
//! One commit may move an object from one Application to another. They are fetched apart: until the other one is decided by that commit, it
//! is not known whether it wants the object, and what the commit deletes waits.
//!
//! | known of the other one | it is waited for |
//! |---|---|
//! | it is decided by the same commit | no: what it wants is known |
//! | its source is not followed, or refuses since the commit was found what only a person can mend | no: it stops only itself |
//! | it was waited for as long as may be, and nothing was heard of it since | no |
//! | anything else: it is at another commit, or its source does not answer for now | yes |

/// By what an Application was decided last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// By this commit, as `branch@sha1:hash`.
    Commit(String),
    /// By none: its source is suspended or malformed, or its credentials are missing.
    Nothing,
}

/// An Application that follows the same source.
#[derive(Clone, Copy, Debug)]
pub struct Sibling<'a> {
    /// By what it was decided last, if that is known.
    pub taken: Option<&'a Taken>,
    /// Its source was asked since the commit was found, and only a person can mend what it said.
    pub is_refused: bool,
    /// It was waited for as long as may be.
    pub is_given_up: bool,
}

impl Sibling<'_> {
    /// Does what this commit deletes in another one wait for it?
    pub fn is_awaited(&self, commit: &str) -> bool {
        match self.taken {
            Some(Taken::Nothing) => false,
            Some(Taken::Commit(taken)) if taken == commit => false,
            _ => !self.is_refused && !self.is_given_up,
        }
    }
}

/// The branch or tag in `branch@sha1:hash`, by which two sources are told to be the same whose references are written otherwise.
pub fn line(commit: &str) -> Option<&str> {
    let (name, _) = commit.rsplit_once('@')?;
    Some(name.strip_prefix("refs/heads/").unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_waited_for() {
        let (old, new) = (Taken::Commit("main@sha1:1".into()), Taken::Commit("main@sha1:2".into()));
        for (taken, is_refused, is_given_up, expect) in [
            (Some(&new), false, false, false),
            (Some(&old), false, false, true),
            (Some(&old), true, false, false),
            (Some(&old), false, true, false),
            (None, false, false, true),
            (None, true, false, false),
            (Some(&Taken::Nothing), false, false, false),
        ] {
            let sibling = Sibling { taken, is_refused, is_given_up };
            assert_eq!(sibling.is_awaited("main@sha1:2"), expect, "{sibling:?}");
        }
    }

    #[test]
    fn commits_of_one_branch_are_on_one_line() {
        assert_eq!(line("main@sha1:1"), Some("main"));
        assert_eq!(line("refs/heads/main@sha1:2"), Some("main"));
        assert_eq!(line("user@example@sha1:1"), Some("user@example"));
        assert_eq!(line("sha1:1"), None, "commits that are named themselves");
    }
}
