//! Conditions, phases and health as cells of a table.

use api::condition::Condition;
use api::delivery::{DeletionState, Health, LinkState, MemberLink, UnitPhase, UnitStatus};
use model::Timestamp;

use super::world::World;
use crate::duration::since;
use crate::output::{Cell, Tone};

/// Most characters of a sentence in an overview: with the columns before it, a row stays below 120. The whole sentence is
/// in the page of the object.
const SENTENCE_MAX: usize = 60;

/// A `Ready` condition in one word, or a few.
pub(super) fn state(ready: Option<&Condition>, now: Timestamp) -> Cell {
    let Some(ready) = ready else { return Cell::new("Pending", Tone::Waiting) };
    match ready.status.as_str() {
        "True" => Cell::new("Ready", Tone::Good),
        "False" => {
            let why = sentence(&ready.message);
            Cell::new(format!("NotReady for {}, {}: {why}", age(ready, now), ready.reason), Tone::Bad)
        }
        _ => Cell::new(format!("Unknown for {}: {}", age(ready, now), sentence(&ready.message)), Tone::Waiting),
    }
}

/// A member that answers and whose applier does not get through, in a few words.
pub(super) fn kept_out(link: &MemberLink, now: Timestamp) -> Cell {
    let (age, why) = (since(link.since, now), sentence(&link.message));
    match link.state {
        LinkState::Blocked => Cell::new(format!("NotDelivered for {age}: {why}"), Tone::Bad),
        _ => Cell::new(format!("Unknown for {age}: {why}"), Tone::Waiting),
    }
}

/// How long a condition has been so.
pub(super) fn age(condition: &Condition, now: Timestamp) -> String {
    condition.last_transition_time.parse().map_or_else(|_| "?".to_owned(), |at| since(at, now))
}

/// The beginning of a sentence, on one line.
pub(super) fn sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SENTENCE_MAX {
        return line;
    }
    let cut: String = line.chars().take(SENTENCE_MAX - 1).collect();
    format!("{}…", cut.trim_end())
}

/// `Ready`, or whatever a condition's status means, coloured.
pub(super) fn condition_tone(condition: &Condition) -> Tone {
    let wanted = matches!(condition.type_.as_str(), "Ready" | "SourceReady");
    match (wanted, condition.status.as_str()) {
        (true, "True") => Tone::Good,
        (true, "False") => Tone::Bad,
        _ => Tone::Waiting,
    }
}

/// Objects, pods, delivery, health, since and message of a unit in a member: the columns that both pages share.
pub(super) fn unit(world: &World, member: &str, status: &UnitStatus, now: Timestamp) -> Vec<Cell> {
    let answers = world.answers(member);
    let (delivery, health) = if answers {
        (Cell::new(status.phase.to_string(), phase_tone(status.phase)), health_cell(status.health))
    } else {
        (Cell::new("Unknown", Tone::Waiting), Cell::new("Unknown", Tone::Waiting))
    };
    let message = if let Some(waiting_on) = status.waiting_on.as_ref().filter(|_| answers) {
        format!("waits for {waiting_on}")
    } else if answers {
        status.message.clone()
    } else {
        format!("{}; last known: {}, {}", world.silence(member), status.phase, status.health)
    };
    // What a commit removed runs until it is approved.
    let waiting = status.held.as_ref().filter(|held| held.state == DeletionState::Waiting).map_or(0, |held| held.count);
    let objects = status.objects;
    let pods = if waiting > 0 && status.pods.desired == 0 {
        // Members report pods of what is wanted only; those of what waits are not known to be none.
        "?".to_owned()
    } else {
        counted(answers, status.pods.ready, status.pods.desired)
    };
    vec![
        world.revision_of(status).into(),
        counted(answers, objects.applied.saturating_add(waiting), objects.desired.saturating_add(waiting)).into(),
        pods.into(),
        delivery,
        health,
        since(status.since, now).into(),
        message.into(),
    ]
}

/// The headings of [`unit()`].
pub(super) const UNIT: [&str; 7] = ["REVISION", "OBJECTS", "PODS", "DELIVERY", "HEALTH", "SINCE", "MESSAGE"];

/// `2/3`; `?/3` where nobody knows how many.
pub(super) fn counted(known: bool, some: impl std::fmt::Display, all: impl std::fmt::Display) -> String {
    if known { format!("{some}/{all}") } else { format!("?/{all}") }
}

fn phase_tone(phase: UnitPhase) -> Tone {
    match phase {
        UnitPhase::Applied => Tone::Good,
        UnitPhase::Failed => Tone::Bad,
        _ => Tone::Waiting,
    }
}

fn health_cell(health: Health) -> Cell {
    let tone = match health {
        Health::Healthy => Tone::Good,
        Health::Degraded | Health::Missing => Tone::Bad,
        _ => Tone::Waiting,
    };
    Cell::new(health.to_string(), tone)
}
