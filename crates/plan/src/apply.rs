//! Which objects need to be sent.
//!
//! An object whose sent digest and accepted projection are what the inventory recorded needs nothing: a settled member
//! gets no request that mutates, also right after a restart, since the inventory is the memory.

use model::Digest;

use crate::inventory::Entry;

/// An object as the member has it, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// UID.
    pub uid: String,
    /// Digest of what our manager owns.
    pub projection: Digest,
    /// The same without `spec.replicas`, for objects that an autoscaler scales.
    pub projection_scaled: Digest,
    /// Being deleted.
    pub deleting: bool,
}

impl Seen {
    /// The digest that counts for an entry.
    pub fn accepted(&self, scaled: bool) -> Digest {
        if scaled { self.projection_scaled } else { self.projection }
    }
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
    /// Send it.
    Send(Why),
    /// It is being deleted; look again when it is gone.
    Wait,
}

/// Decides for one object. `seen` is `None` when the member was listed and does not have it.
pub fn step(digest: Digest, entry: Option<&Entry>, seen: Option<&Seen>) -> Step {
    let Some(entry) = entry else {
        return if seen.is_some_and(|s| s.deleting) { Step::Wait } else { Step::Send(Why::New) };
    };
    match (entry.accepted, seen) {
        (_, Some(seen)) if seen.deleting => Step::Wait,
        (None, _) => Step::Send(Why::New),
        (Some(_), None) => Step::Send(Why::Recreate),
        (Some(_), Some(_)) if entry.applied != Some(digest) => Step::Send(Why::Changed),
        (Some(accepted), Some(seen)) => {
            let same = seen.accepted(entry.scaled) == accepted && entry.uid.as_deref() == Some(seen.uid.as_str());
            if same { Step::Skip } else { Step::Send(Why::Revert) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(accepted: &[u8]) -> Seen {
        let projection = Digest::of(accepted);
        Seen { uid: "u".into(), projection, projection_scaled: Digest::of(b"scaled"), deleting: false }
    }

    fn entry() -> Entry {
        Entry {
            uid: Some("u".into()),
            applied: Some(Digest::of(b"sent")),
            accepted: Some(Digest::of(b"ok")),
            ..Entry::default()
        }
    }

    #[test]
    fn only_what_differs_is_sent() {
        let sent = Digest::of(b"sent");
        let check =
            |digest, entry: Option<&Entry>, seen: Option<&Seen>, expect| assert_eq!(step(digest, entry, seen), expect);
        check(sent, Some(&entry()), Some(&seen(b"ok")), Step::Skip);
        check(sent, Some(&entry()), Some(&seen(b"no")), Step::Send(Why::Revert));
        check(sent, Some(&entry()), None, Step::Send(Why::Recreate));
        check(Digest::of(b"new"), Some(&entry()), Some(&seen(b"ok")), Step::Send(Why::Changed));
        check(sent, None, None, Step::Send(Why::New));
        check(sent, Some(&Entry { accepted: None, ..entry() }), Some(&seen(b"ok")), Step::Send(Why::New));
        check(sent, Some(&entry()), Some(&Seen { deleting: true, ..seen(b"ok") }), Step::Wait);
        check(sent, Some(&entry()), Some(&Seen { uid: "other".into(), ..seen(b"ok") }), Step::Send(Why::Revert));
        let scaled = Entry { scaled: true, accepted: Some(Digest::of(b"scaled")), ..entry() };
        check(sent, Some(&scaled), Some(&seen(b"anything")), Step::Skip);
    }
}
