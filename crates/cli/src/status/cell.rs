//! States and counts as cells of a table.

use api::condition::Condition;
use api::delivery::{DeletionState, UnitId, UnitStatus, WaitingCause};
use model::Timestamp;
use plan::state::{Said, State};

use super::held::count;
use super::world::World;
use crate::duration::since;
use crate::output::{Cell, Tone};

/// A state in one word; what is not ready with its cause. It is the last column, which a terminal may cut.
pub(super) fn state(said: &Said<'_>, now: Timestamp) -> Cell {
    Cell::new(in_words(said, now), tone(said.state))
}

/// The same as text.
pub(super) fn in_words(said: &Said<'_>, now: Timestamp) -> String {
    let Said { state, reason, message, since: at } = said;
    if *state == State::Ready {
        return state.to_string();
    }
    let age = at.map(|at| format!(" for {}", since(at, now))).unwrap_or_default();
    let reason = if reason.is_empty() || *reason == state.as_str() { String::new() } else { format!(", {reason}") };
    format!("{state}{age}{reason}: {message}")
}

/// How a state is shown. Only `Ready` is green.
pub(crate) fn tone(state: State) -> Tone {
    match state {
        State::Ready => Tone::Good,
        State::NotReady => Tone::Bad,
        State::Suspended | State::Progressing | State::Held | State::Unknown | State::Terminating => Tone::Waiting,
    }
}

/// How long a condition has been so.
pub(super) fn age(condition: &Condition, now: Timestamp) -> String {
    condition.last_transition_time.parse().map_or_else(|_| "?".to_owned(), |at| since(at, now))
}

/// How a condition is shown. A source that is suspended is not green, though what was fetched last is there.
pub(super) fn condition_tone(condition: &Condition) -> Tone {
    match condition.type_.as_str() {
        "Ready" => tone(State::of(Some(condition))),
        "SourceReady" => match condition.status.as_str() {
            "True" if State::of_reason(&condition.reason) != State::Suspended => Tone::Good,
            "False" => Tone::Bad,
            _ => Tone::Waiting,
        },
        _ => Tone::Waiting,
    }
}

/// Revision, objects, pods, state, since and cause of a unit in a member: the columns that both pages share.
pub(super) fn unit(world: &World, id: &UnitId, member: &str, status: &UnitStatus, now: Timestamp) -> Vec<Cell> {
    let known = world.is_known(member);
    let pair = world.unit(id, member, status);
    // What a commit removed runs until it is approved.
    let waiting = status.held.as_ref().filter(|held| held.state == DeletionState::Waiting).map_or(0, |held| held.count);
    let (objects, pods) = (status.objects, status.pods);
    let state = pair.state();
    let message = if state == State::Ready && status.message.is_empty() && status.waiting_on.is_none() {
        String::new()
    } else {
        pair.message(&world.revisions)
    };
    let reason = if state == State::Ready { "" } else { pair.reason() };
    let why = match (reason, message.as_str()) {
        ("", message) => message.to_owned(),
        (reason, message) if reason == state.as_str() => message.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    };
    let why =
        [why].into_iter().chain(left_alone(status)).filter(|said| !said.is_empty()).collect::<Vec<_>>().join("; ");
    vec![
        world.revision_of(status).into(),
        counted(known, objects.applied.saturating_add(waiting), objects.desired.saturating_add(waiting)).into(),
        counted(known, pods.ready, pods.desired).into(),
        Cell::new(state.as_str(), tone(state)),
        since(world.since(id, &pair, status), now).into(),
        why.into(),
    ]
}

/// Which objects are left alone as annotations ask. Its unit is as it should be, and one who looks for why something is otherwise than the
/// source says has to find it.
fn left_alone(status: &UnitStatus) -> Option<String> {
    let asked = || status.waiting.iter().filter(|waiting| waiting.cause == WaitingCause::Asked);
    let first = asked().min_by_key(|waiting| &waiting.first)?;
    let all = asked().map(|waiting| waiting.count).fold(0, u32::saturating_add);
    let is = if all == 1 { "is" } else { "are" };
    let more = if all > 1 { format!(" (and {} more)", all - 1) } else { String::new() };
    Some(format!("{} {is} left alone, as {} asks: {}{more}", count(all, "object"), first.detail, first.first))
}

/// The headings of [`unit()`].
pub(super) const UNIT: [&str; 6] = ["REVISION", "OBJECTS", "PODS", "STATE", "SINCE", "WHY"];

/// `2/3`; `?/3` where it is not known how many; `-` where nothing was ever known.
pub(super) fn counted<N: std::fmt::Display + Default + PartialEq>(known: bool, some: N, all: N) -> String {
    match known {
        true => format!("{some}/{all}"),
        false if all == N::default() => "-".to_owned(),
        false => format!("?/{all}"),
    }
}
