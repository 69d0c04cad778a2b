//! Which objects need to be sent.
//!
//! An object whose sent digest and accepted projection are what was noted when it was applied needs nothing. What was
//! noted is kept in memory only; a process that starts finds it again by reading ([`crate::recall`]), so a settled member
//! gets no request that mutates, also right after a restart.

use std::sync::Arc;

use model::{Digest, Uid};

use crate::health::Reading;
use crate::inventory::Entry;

/// An object as the member has it, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// UID.
    pub uid: Uid,
    /// What it says.
    pub state: Arc<SeenState>,
}

/// What an object says, apart from what it alone can say. The same in all members that were given the same and treat it
/// alike, so they share it ([`Pools`](crate::pool::Pools)).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeenState {
    /// Digest of what our manager owns.
    pub projection: Digest,
    /// The same without `spec.replicas`, for objects that an autoscaler scales.
    pub projection_scaled: Digest,
    /// Being deleted.
    pub deleting: bool,
    /// For a CustomResourceDefinition: its kind is served.
    pub established: bool,
    /// Its health.
    pub reading: Reading,
}

impl SeenState {
    /// The digest that counts for an entry.
    pub fn accepted(&self, scaled: bool) -> Digest {
        if scaled { self.projection_scaled } else { self.projection }
    }
}

/// What is known of the last apply of an object. Shared between members, as [`SeenState`] is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Accepted {
    /// Digest of what was sent; `None` when the object does not say.
    pub applied: Option<Digest>,
    /// Digest of the server's answer, projected onto our fields; `None` when somebody changed the object before anybody
    /// could note it.
    pub projection: Option<Digest>,
    /// An autoscaler owns its replicas.
    pub scaled: bool,
    /// Paths that admission changed.
    pub admission: Vec<String>,
}

/// Why an object is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was never confirmed.
    New,
    /// The payload has it otherwise than what was sent.
    Changed,
    /// It is gone.
    Recreate,
    /// Somebody changed it.
    Revert,
}

/// What to do with one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it is as applied.
    Skip,
    /// It was applied before this process: find out what is known of it, by reading.
    Recall,
    /// Send it.
    Send(Why),
    /// It is being deleted; look again when it is gone.
    Wait,
}

/// Decides for one object. `seen` is `None` when the member was listed and does not have it.
pub fn step(digest: Digest, entry: Option<&Entry>, accepted: Option<&Accepted>, seen: Option<&Seen>) -> Step {
    let Some(entry) = entry else {
        return if seen.is_some_and(|s| s.state.deleting) { Step::Wait } else { Step::Send(Why::New) };
    };
    match (&entry.uid, accepted, seen) {
        (_, _, Some(seen)) if seen.state.deleting => Step::Wait,
        (None, _, _) => Step::Send(Why::New),
        (Some(_), _, None) => Step::Send(Why::Recreate),
        (Some(_), None, Some(_)) => Step::Recall,
        (Some(_), Some(accepted), Some(_)) if accepted.applied != Some(digest) => Step::Send(Why::Changed),
        (Some(uid), Some(accepted), Some(seen)) => {
            let same = accepted.projection == Some(seen.state.accepted(accepted.scaled)) && *uid == seen.uid;
            if same { Step::Skip } else { Step::Send(Why::Revert) }
        }
    }
}

/// Decides for an object of a kind that the member does not show: what was applied is believed.
pub fn step_unseen(digest: Digest, entry: Option<&Entry>, accepted: Option<&Accepted>) -> Step {
    match (entry.and_then(|entry| entry.uid.as_ref()), accepted) {
        (None, _) => Step::Send(Why::New),
        (Some(_), None) => Step::Recall,
        (Some(_), Some(accepted)) if accepted.applied != Some(digest) => Step::Send(Why::Changed),
        (Some(_), Some(accepted)) if accepted.projection.is_none() => Step::Send(Why::Revert),
        (Some(_), Some(_)) => Step::Skip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(accepted: &[u8]) -> Seen {
        let state = SeenState {
            projection: Digest::of(accepted),
            projection_scaled: Digest::of(b"scaled"),
            deleting: false,
            established: false,
            reading: Reading::default(),
        };
        Seen { uid: "u".into(), state: Arc::new(state) }
    }

    fn entry() -> Entry {
        Entry { uid: Some("u".into()), ..Entry::default() }
    }

    fn accepted() -> Accepted {
        Accepted { applied: Some(Digest::of(b"sent")), projection: Some(Digest::of(b"ok")), ..Accepted::default() }
    }

    #[test]
    fn only_what_differs_is_sent() {
        let sent = Digest::of(b"sent");
        let (ok, is_ours) = (accepted(), entry());
        let check = |digest, entry: Option<&Entry>, accepted: Option<&Accepted>, seen: Option<&Seen>, expect| {
            assert_eq!(step(digest, entry, accepted, seen), expect);
        };
        check(sent, Some(&is_ours), Some(&ok), Some(&seen(b"ok")), Step::Skip);
        check(sent, Some(&is_ours), Some(&ok), Some(&seen(b"no")), Step::Send(Why::Revert));
        check(sent, Some(&is_ours), Some(&ok), None, Step::Send(Why::Recreate));
        check(sent, Some(&is_ours), None, None, Step::Send(Why::Recreate));
        check(sent, Some(&is_ours), None, Some(&seen(b"ok")), Step::Recall);
        check(Digest::of(b"new"), Some(&is_ours), Some(&ok), Some(&seen(b"ok")), Step::Send(Why::Changed));
        check(sent, None, None, None, Step::Send(Why::New));
        let state = SeenState { deleting: true, ..SeenState::clone(&seen(b"ok").state) };
        let deleting = Seen { state: Arc::new(state), ..seen(b"ok") };
        let begun = Entry { uid: None, ..entry() };
        check(sent, Some(&begun), Some(&ok), Some(&seen(b"ok")), Step::Send(Why::New));
        check(sent, Some(&is_ours), Some(&ok), Some(&deleting), Step::Wait);
        let other = Seen { uid: "other".into(), ..seen(b"ok") };
        check(sent, Some(&is_ours), Some(&ok), Some(&other), Step::Send(Why::Revert));
        let scaled = Accepted { scaled: true, projection: Some(Digest::of(b"scaled")), ..accepted() };
        check(sent, Some(&is_ours), Some(&scaled), Some(&seen(b"anything")), Step::Skip);
        let touched = Accepted { projection: None, ..accepted() };
        check(sent, Some(&is_ours), Some(&touched), Some(&seen(b"ok")), Step::Send(Why::Revert));
    }

    #[test]
    fn what_is_not_shown_is_believed_once_it_was_read() {
        let sent = Digest::of(b"sent");
        let (ok, is_ours) = (accepted(), entry());
        assert_eq!(step_unseen(sent, None, None), Step::Send(Why::New));
        assert_eq!(step_unseen(sent, Some(&is_ours), None), Step::Recall);
        assert_eq!(step_unseen(sent, Some(&is_ours), Some(&ok)), Step::Skip);
        assert_eq!(step_unseen(Digest::of(b"new"), Some(&is_ours), Some(&ok)), Step::Send(Why::Changed));
        let touched = Accepted { projection: None, ..accepted() };
        assert_eq!(step_unseen(sent, Some(&is_ours), Some(&touched)), Step::Send(Why::Revert));
    }
}
