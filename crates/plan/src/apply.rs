//! Which objects need to be sent, and why the others are not.
//!
//! [`step`] compares an object with what was applied. [`plan`] adds what else is known: another unit delivers it, it was
//! refused a moment ago, an earlier phase is waited for. What it reports is kept per cause in the member's stored status
//! ([`crate::report::Waits`]), where `kurator status` reads it.
//!
//! An object whose sent digest and accepted projection are what was noted when it was applied needs nothing. What was
//! noted is kept in memory only; a process that starts finds it again by reading ([`crate::recall`]), so a settled member
//! gets no request that mutates, also right after a restart.

use std::borrow::Cow;
use std::sync::Arc;

use api::delivery::WaitingCause;
use api::feed::ObjectReport;
use api::reason;
use model::{Digest, Uid, words};
use serde_json::Value;

use crate::drift;
use crate::health::{self, Reading};
use crate::instruction::{self, Asked, Handling};
use crate::inventory::{Ended, Entry};
use crate::keep;
use crate::rights::{self, Lack};

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
    /// It ran to its end, as Jobs do, and whether it failed.
    pub ended: Option<bool>,
    /// How it asks to be treated.
    pub asked: Option<Asked>,
    /// It asks not to be deleted.
    pub stays: bool,
    /// What annotations on it ask for in vain, as they are misspelt: hardly ever anything.
    pub misspelt: Box<[String]>,
    /// Its health.
    pub reading: Reading,
}

impl SeenState {
    /// Looks at a whole object, with its `apiVersion` and `kind`.
    pub fn of(object: &Value) -> Self {
        let projection = drift::projection(object, false);
        let scales = model::object::get(object, &["spec", "replicas"]).is_some();
        Self {
            projection,
            projection_scaled: if scales { drift::projection(object, true) } else { projection },
            deleting: model::object::is_deleting(object),
            established: is_established(object),
            ended: interpret::ended(object),
            asked: instruction::asked(object),
            stays: keep::asks_to_stay(object),
            misspelt: misspelt(object),
            reading: health::read(object),
        }
    }

    /// The digest that counts for an entry.
    pub fn accepted(&self, scaled: bool) -> Digest {
        if scaled { self.projection_scaled } else { self.projection }
    }
}

/// What annotations on an object in a member ask for in vain. The rest would not be said of it.
fn misspelt(object: &Value) -> Box<[String]> {
    let mut all = instruction::misspelt(object);
    all.truncate(MISSPELT_MAX);
    all.iter_mut().for_each(|said| words::bound(said, ObjectReport::NOTE_CHARS_MAX));
    all.into()
}

/// Most of them that are kept of an object: they are one note in its row.
const MISSPELT_MAX: usize = 3;

fn is_established(object: &Value) -> bool {
    let conditions = model::object::get(object, &["status", "conditions"]).and_then(Value::as_array);
    conditions.into_iter().flatten().any(|c| c["type"] == "Established" && c["status"] == "True")
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
    /// Fields that were sent as placeholders and are left to the managers that filled them, in words.
    pub left: Vec<String>,
    /// These are accepted though the member could not be asked whether it was admission: another client may have used our
    /// manager's name.
    pub unasked: bool,
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
    /// It ran to its end and is gone, and the payload has it otherwise since.
    Rerun,
    /// It ran to its end and is seen no longer. A watch shows what bears our label, so that this does not say whether it is gone: it is
    /// read once. Where it is gone, that is all; else it is put back as what somebody changed.
    Confirm,
}

/// How one object compares with what was applied.
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
    /// Nothing: an annotation asks for that.
    LeftAlone(Asked),
}

impl Step {
    /// Is there nothing to do, now and until something changes?
    pub fn is_at_rest(self) -> bool {
        matches!(self, Self::Skip | Self::LeftAlone(_))
    }
}

/// Reason of an object that another hub delivers.
pub const FOREIGN_HUB: &str = "ForeignHub";
/// Reason of an object that was there before us, and is not taken over.
pub const ADOPTION_REFUSED: &str = "AdoptionRefused";

/// Why an object that a unit wants is not sent, or is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitingOn {
    /// Somebody deletes it: it is made again when it is gone.
    BeingDeleted,
    /// It needs more rights than the member gives: it is not asked for.
    OutsideRights(Lack),
    /// Another hub, of this id, delivers it.
    OtherHub(String),
    /// Another unit of this hub delivers it.
    OtherUnit(String),
    /// It was there before us, and taking it over would restart its pods or change their number.
    Adoption,
    /// It was refused, or could not be read, for this reason; it is tried again after a pause.
    Refused(String),
    /// It is applied, and was not what its phase waits for in time.
    Overdue,
    /// It is changed again and again by the same manager.
    Contested,
    /// What was applied to it before is not read yet.
    Unread,
    /// An earlier phase is waited for.
    Phase,
    /// The unit is only observed.
    Suspended,
    /// An annotation, as `NAME: VALUE`, asks that it is left alone.
    Asked(&'static str),
}

impl WaitingOn {
    /// As it is stored.
    pub fn cause(&self) -> WaitingCause {
        match self {
            Self::BeingDeleted => WaitingCause::BeingDeleted,
            Self::OutsideRights(_) => WaitingCause::OutsideRights,
            Self::OtherHub(_) => WaitingCause::OtherHub,
            Self::OtherUnit(_) => WaitingCause::OtherUnit,
            Self::Adoption => WaitingCause::Adoption,
            Self::Asked(_) => WaitingCause::Asked,
            Self::Refused(_) => WaitingCause::Refused,
            Self::Overdue => WaitingCause::Overdue,
            Self::Contested => WaitingCause::Contested,
            Self::Unread => WaitingCause::Unread,
            Self::Phase => WaitingCause::Phase,
            Self::Suspended => WaitingCause::Suspended,
        }
    }

    /// Which hub, unit, right or refusal it is; empty where the cause says all.
    pub fn detail(&self) -> Cow<'_, str> {
        match self {
            Self::OtherHub(text) | Self::OtherUnit(text) | Self::Refused(text) => text.into(),
            Self::OutsideRights(lack) => lack.to_string().into(),
            Self::Asked(by) => (*by).into(),
            _ => "".into(),
        }
    }

    /// The reason of the object's row, in one CamelCase word.
    pub fn reason(&self) -> &str {
        match self {
            Self::BeingDeleted => reason::BEING_DELETED,
            Self::OutsideRights(_) => rights::OUTSIDE_RIGHTS,
            Self::OtherHub(_) => FOREIGN_HUB,
            Self::OtherUnit(_) => "Conflict",
            Self::Adoption => ADOPTION_REFUSED,
            Self::Asked(_) => "LeftAlone",
            Self::Refused(reason) => reason,
            Self::Overdue => "PhaseTimeout",
            Self::Contested => reason::CONTESTED,
            Self::Unread => "Unread",
            Self::Phase => "PhaseWaiting",
            Self::Suspended => "Suspended",
        }
    }
}

/// What keeps a whole unit from being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The unit is only observed.
    Suspended,
    /// An earlier phase is waited for.
    Phase,
}

/// One object that a unit wants.
#[derive(Clone, Debug)]
pub struct Observed {
    /// How it compares with what was applied, by [`step`] or [`step_unseen`].
    pub step: Step,
    /// The unit's inventory names it: nothing else is sent.
    pub is_recorded: bool,
    /// What it needs that the member does not give.
    pub lack: Option<Lack>,
    /// The other unit that delivers it.
    pub elsewhere: Option<String>,
    /// What came of it when it was last tried, while that keeps it from being tried again.
    pub rest: Option<WaitingOn>,
    /// An autoscaler has its replicas, and it is time to ask whether that is still so.
    pub ask_autoscaler: bool,
    /// What keeps the whole unit.
    pub hold: Option<Hold>,
}

/// What to do with one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing now.
    Leave,
    /// Nothing: it is as applied. What was wrong with it is over.
    Settled,
    /// Send it.
    Send(Why),
}

/// Why an object is left as it is; nothing, when it is sent or as applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What it waits for.
    pub waiting: Option<WaitingOn>,
}

impl From<WaitingOn> for Report {
    fn from(waiting: WaitingOn) -> Self {
        Self { waiting: Some(waiting) }
    }
}

/// Decides for one object that a unit wants.
pub fn plan(observed: Observed) -> (Plan, Report) {
    let Observed { step, is_recorded, lack, elsewhere, rest, ask_autoscaler, hold } = observed;
    if let Some(lack) = lack {
        return (Plan::Leave, WaitingOn::OutsideRights(lack).into());
    }
    if let Some(unit) = elsewhere {
        return (Plan::Leave, WaitingOn::OtherUnit(unit).into());
    }
    let why = match step {
        Step::Skip if ask_autoscaler => Why::Revert,
        // It may be as applied and yet not as its phase waits for.
        Step::Skip => return (Plan::Settled, Report { waiting: rest }),
        Step::LeftAlone(asked) => return (Plan::Settled, WaitingOn::Asked(asked.by).into()),
        Step::Wait => return (Plan::Leave, WaitingOn::BeingDeleted.into()),
        Step::Recall => return (Plan::Leave, rest.unwrap_or(WaitingOn::Unread).into()),
        Step::Send(why) => why,
    };
    match (rest, hold) {
        (Some(rest), _) => (Plan::Leave, rest.into()),
        (None, Some(Hold::Suspended)) => (Plan::Leave, WaitingOn::Suspended.into()),
        (None, Some(Hold::Phase)) => (Plan::Leave, WaitingOn::Phase.into()),
        (None, None) if !is_recorded => (Plan::Leave, Report::default()),
        (None, None) => (Plan::Send(why), Report::default()),
    }
}

/// An object as the payload has it: the digest of what would be sent, and how it asks to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The digest.
    pub digest: Digest,
    /// The request.
    pub asked: Option<Asked>,
}

/// Compares one object with what was applied. `seen` is `None` when the member was listed and shows none with our label. `gone`: the
/// UID of the object that ran to its end, and that a read has shown to be gone.
pub fn step(
    wanted: Wanted,
    entry: Option<&Entry>,
    accepted: Option<&Accepted>,
    seen: Option<&Seen>,
    gone: Option<&Uid>,
) -> Step {
    let Wanted { digest, asked } = wanted;
    if let Some(asked) = instruction::stronger(asked, seen.and_then(|seen| seen.state.asked)) {
        let is_there = seen.is_some_and(|seen| !seen.state.deleting);
        if asked.handling == Handling::LeaveAlone || is_there {
            return Step::LeftAlone(asked);
        }
    }
    let Some(entry) = entry else {
        return if seen.is_some_and(|s| s.state.deleting) { Step::Wait } else { Step::Send(Why::New) };
    };
    match (&entry.uid, accepted, seen) {
        (_, _, Some(seen)) if seen.state.deleting => Step::Wait,
        (None, _, _) => Step::Send(Why::New),
        (Some(uid), _, None) => match entry.ended.as_deref() {
            None => Step::Send(Why::Recreate),
            Some(Ended { digest: of, .. }) if *of == digest && gone == Some(uid) => Step::Skip,
            Some(Ended { digest: of, .. }) if *of == digest => Step::Send(Why::Confirm),
            Some(_) => Step::Send(Why::Rerun),
        },
        (Some(_), None, Some(_)) => Step::Recall,
        (Some(_), Some(accepted), Some(_)) if accepted.applied != Some(digest) => Step::Send(Why::Changed),
        (Some(uid), Some(accepted), Some(seen)) => {
            let same = accepted.projection == Some(seen.state.accepted(accepted.scaled)) && *uid == seen.uid;
            if same { Step::Skip } else { Step::Send(Why::Revert) }
        }
    }
}

/// Compares an object of a kind that the member does not show: what was applied is believed.
pub fn step_unseen(wanted: Wanted, entry: Option<&Entry>, accepted: Option<&Accepted>) -> Step {
    let Wanted { digest, asked } = wanted;
    let uid = entry.and_then(|entry| entry.uid.as_ref());
    match asked {
        Some(asked) if asked.handling == Handling::LeaveAlone || uid.is_some() => return Step::LeftAlone(asked),
        _ => {}
    }
    match (uid, accepted) {
        (None, _) => Step::Send(Why::New),
        (Some(_), None) => Step::Recall,
        (Some(_), Some(accepted)) if accepted.applied != Some(digest) => Step::Send(Why::Changed),
        (Some(_), Some(accepted)) if accepted.projection.is_none() => Step::Send(Why::Revert),
        (Some(_), Some(_)) => Step::Skip,
    }
}

/// What is to be recorded of an object that ran to its end: that this content did, so that it is not run again when the
/// object is gone. `seen` says of which UID it was seen that it ended, and whether it failed. Nothing, when that is
/// recorded already, or another content or object is meant.
pub fn ended(digest: Digest, entry: &Entry, accepted: Option<&Accepted>, seen: Option<(&Uid, bool)>) -> Option<Ended> {
    let (uid, failed) = seen?;
    let is_it = entry.uid.as_ref() == Some(uid) && accepted.is_some_and(|accepted| accepted.applied == Some(digest));
    let ended = Ended { digest, failed };
    (is_it && entry.ended.as_deref() != Some(&ended)).then_some(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen_with(accepted: &[u8]) -> Seen {
        let state = SeenState {
            projection: Digest::of(accepted),
            projection_scaled: Digest::of(b"scaled"),
            deleting: false,
            established: false,
            ended: None,
            asked: None,
            stays: false,
            misspelt: Box::default(),
            reading: Reading::default(),
        };
        Seen { uid: "u".into(), state: Arc::new(state) }
    }

    fn wanted(digest: Digest) -> Wanted {
        Wanted { digest, asked: None }
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
            assert_eq!(step(wanted(digest), entry, accepted, seen, None), expect);
        };
        check(sent, Some(&is_ours), Some(&ok), Some(&seen_with(b"ok")), Step::Skip);
        check(sent, Some(&is_ours), Some(&ok), Some(&seen_with(b"no")), Step::Send(Why::Revert));
        check(sent, Some(&is_ours), Some(&ok), None, Step::Send(Why::Recreate));
        check(sent, Some(&is_ours), None, None, Step::Send(Why::Recreate));
        check(sent, Some(&is_ours), None, Some(&seen_with(b"ok")), Step::Recall);
        check(Digest::of(b"new"), Some(&is_ours), Some(&ok), Some(&seen_with(b"ok")), Step::Send(Why::Changed));
        check(sent, None, None, None, Step::Send(Why::New));
        let state = SeenState { deleting: true, ..SeenState::clone(&seen_with(b"ok").state) };
        let deleting = Seen { state: Arc::new(state), ..seen_with(b"ok") };
        let begun = Entry { uid: None, ..entry() };
        check(sent, Some(&begun), Some(&ok), Some(&seen_with(b"ok")), Step::Send(Why::New));
        check(sent, Some(&is_ours), Some(&ok), Some(&deleting), Step::Wait);
        let other = Seen { uid: "other".into(), ..seen_with(b"ok") };
        check(sent, Some(&is_ours), Some(&ok), Some(&other), Step::Send(Why::Revert));
        let scaled = Accepted { scaled: true, projection: Some(Digest::of(b"scaled")), ..accepted() };
        check(sent, Some(&is_ours), Some(&scaled), Some(&seen_with(b"anything")), Step::Skip);
        let touched = Accepted { projection: None, ..accepted() };
        check(sent, Some(&is_ours), Some(&touched), Some(&seen_with(b"ok")), Step::Send(Why::Revert));
    }

    #[test]
    fn what_ran_to_its_end_runs_once_for_each_content() {
        let (sent, other) = (Digest::of(b"sent"), Digest::of(b"other"));
        let (gone, known) = (None, accepted());
        let ran = |digest| Entry { ended: Some(Ended { digest, failed: false }.into()), ..entry() };
        let (uid, another) = (Uid::from("u"), Uid::from("another"));
        let check = |digest, entry: &Entry, read: Option<&Uid>, expect| {
            assert_eq!(step(wanted(digest), Some(entry), Some(&known), gone, read), expect);
            // Also by a process that knows nothing of the last apply.
            assert_eq!(step(wanted(digest), Some(entry), None, gone, read), expect);
        };
        check(sent, &ran(sent), Some(&uid), Step::Skip);
        // That nobody sees it says nothing before it was read.
        check(sent, &ran(sent), None, Step::Send(Why::Confirm));
        check(sent, &ran(sent), Some(&another), Step::Send(Why::Confirm));
        check(other, &ran(sent), Some(&uid), Step::Send(Why::Rerun));
        check(sent, &entry(), Some(&uid), Step::Send(Why::Recreate));
        // While it is there it is compared as any other.
        assert_eq!(
            step(wanted(sent), Some(&ran(sent)), Some(&known), Some(&seen_with(b"no")), Some(&uid)),
            Step::Send(Why::Revert)
        );
        for (entry, accepted, seen, expect) in [
            (entry(), Some(&known), Some((&uid, true)), Some(Ended { digest: sent, failed: true })),
            (ran(sent), Some(&known), Some((&uid, false)), None),
            (entry(), Some(&known), Some((&another, false)), None),
            (entry(), Some(&Accepted { applied: Some(other), ..accepted() }), Some((&uid, false)), None),
            (entry(), None, Some((&uid, false)), None),
            (entry(), Some(&known), None, None),
        ] {
            assert_eq!(ended(sent, &entry, accepted, seen), expect, "{entry:?} {seen:?}");
        }
    }

    #[test]
    fn what_asks_for_it_is_left_alone() {
        let digest = Digest::of(b"new");
        let by = |handling| Some(Asked { handling, by: "x: y" });
        let (leave, create) = (by(Handling::LeaveAlone), by(Handling::CreateOnly));
        let left = |asked: Option<Asked>| Step::LeftAlone(asked.unwrap());
        let live = |asked| {
            let seen = seen_with(b"no");
            Seen { state: Arc::new(SeenState { asked, ..SeenState::clone(&seen.state) }), ..seen }
        };
        let (entry, accepted) = (entry(), accepted());
        for (asked, seen, recorded, expect) in [
            (leave, None, false, left(leave)),
            (leave, Some(live(None)), true, left(leave)),
            (None, Some(live(leave)), true, left(leave)),
            (create, Some(live(leave)), true, left(leave)),
            (create, None, false, Step::Send(Why::New)),
            (create, None, true, Step::Send(Why::Recreate)),
            (create, Some(live(None)), true, left(create)),
            (None, Some(live(create)), true, left(create)),
            (None, Some(live(None)), true, Step::Send(Why::Changed)),
        ] {
            let entry = recorded.then_some(&entry);
            assert_eq!(
                step(Wanted { digest, asked }, entry, Some(&accepted), seen.as_ref(), None),
                expect,
                "{asked:?} {seen:?}"
            );
        }
        assert_eq!(step_unseen(Wanted { digest, asked: create }, Some(&entry), None), left(create));
        assert_eq!(step_unseen(Wanted { digest, asked: create }, None, None), Step::Send(Why::New));
        assert_eq!(step_unseen(Wanted { digest, asked: leave }, None, None), left(leave));
    }

    #[test]
    fn what_is_not_sent_says_why() {
        let send = || Step::Send(Why::Changed);
        let observed = |step| Observed {
            step,
            is_recorded: true,
            lack: None,
            elsewhere: None,
            rest: None,
            ask_autoscaler: false,
            hold: None,
        };
        let lack = || Lack::Namespace("other".into());
        let outside = |observed| Observed { lack: Some(lack()), ..observed };
        let resting = |step, rest| Observed { rest: Some(rest), ..observed(step) };
        let held = |step, hold| Observed { hold: Some(hold), ..observed(step) };
        let refused = || WaitingOn::Refused("Forbidden".into());
        for (observed, expect, waiting) in [
            (observed(send()), Plan::Send(Why::Changed), None),
            (observed(Step::Skip), Plan::Settled, None),
            (
                observed(Step::LeftAlone(Asked { handling: Handling::LeaveAlone, by: "x: y" })),
                Plan::Settled,
                Some(WaitingOn::Asked("x: y")),
            ),
            (resting(send(), WaitingOn::Adoption), Plan::Leave, Some(WaitingOn::Adoption)),
            (observed(Step::Wait), Plan::Leave, Some(WaitingOn::BeingDeleted)),
            (observed(Step::Recall), Plan::Leave, Some(WaitingOn::Unread)),
            // Its inventory is written first.
            (Observed { is_recorded: false, ..observed(send()) }, Plan::Leave, None),
            (
                Observed { elsewhere: Some("u".into()), ..observed(send()) },
                Plan::Leave,
                Some(WaitingOn::OtherUnit("u".into())),
            ),
            (
                Observed { elsewhere: Some("u".into()), ..observed(Step::Skip) },
                Plan::Leave,
                Some(WaitingOn::OtherUnit("u".into())),
            ),
            // An object that is outside of the rights is not asked for, also when more is known of it.
            (outside(observed(send())), Plan::Leave, Some(WaitingOn::OutsideRights(lack()))),
            (outside(observed(Step::Recall)), Plan::Leave, Some(WaitingOn::OutsideRights(lack()))),
            (outside(observed(Step::Skip)), Plan::Leave, Some(WaitingOn::OutsideRights(lack()))),
            (
                outside(Observed { ask_autoscaler: true, elsewhere: Some("u".into()), ..resting(send(), refused()) }),
                Plan::Leave,
                Some(WaitingOn::OutsideRights(lack())),
            ),
            (resting(send(), refused()), Plan::Leave, Some(refused())),
            (resting(send(), WaitingOn::OtherHub("h".into())), Plan::Leave, Some(WaitingOn::OtherHub("h".into()))),
            (resting(send(), WaitingOn::Contested), Plan::Leave, Some(WaitingOn::Contested)),
            (resting(Step::Recall, refused()), Plan::Leave, Some(refused())),
            (resting(Step::Wait, refused()), Plan::Leave, Some(WaitingOn::BeingDeleted)),
            (resting(Step::Skip, WaitingOn::Overdue), Plan::Settled, Some(WaitingOn::Overdue)),
            (held(send(), Hold::Suspended), Plan::Leave, Some(WaitingOn::Suspended)),
            (held(send(), Hold::Phase), Plan::Leave, Some(WaitingOn::Phase)),
            (held(Step::Skip, Hold::Suspended), Plan::Settled, None),
            (Observed { hold: Some(Hold::Phase), ..resting(send(), refused()) }, Plan::Leave, Some(refused())),
            // Its autoscaler may be gone.
            (Observed { ask_autoscaler: true, ..observed(Step::Skip) }, Plan::Send(Why::Revert), None),
            (
                Observed { ask_autoscaler: true, ..resting(Step::Skip, WaitingOn::Contested) },
                Plan::Leave,
                Some(WaitingOn::Contested),
            ),
        ] {
            let said = format!("{observed:?}");
            assert_eq!(plan(observed), (expect, Report { waiting }), "{said}");
        }
    }

    #[test]
    fn what_is_not_shown_is_believed_once_it_was_read() {
        let sent = Digest::of(b"sent");
        let (ok, is_ours) = (accepted(), entry());
        assert_eq!(step_unseen(wanted(sent), None, None), Step::Send(Why::New));
        assert_eq!(step_unseen(wanted(sent), Some(&is_ours), None), Step::Recall);
        assert_eq!(step_unseen(wanted(sent), Some(&is_ours), Some(&ok)), Step::Skip);
        assert_eq!(step_unseen(wanted(Digest::of(b"new")), Some(&is_ours), Some(&ok)), Step::Send(Why::Changed));
        let touched = Accepted { projection: None, ..accepted() };
        assert_eq!(step_unseen(wanted(sent), Some(&is_ours), Some(&touched)), Step::Send(Why::Revert));
    }
}
