//! What happened to an object, from its status before and after: Kubernetes Events.
//!
//! A pure function of two statuses, of which the second one was just written: what did not change is not said, and a process
//! that starts again says nothing twice. Absent on purpose: counting, merging and storing, which are the recorder's.

use std::sync::Arc;

use api::condition::{self, Condition};
use api::delivery::{DriftRecord, ObjectsWaiting, UnitId, UnitPhase, UnitStatus, WaitingCause};
use api::kurator::apps::v1alpha1::ApplicationStatus;
use api::kurator::cluster::v1alpha1::AttachedClusterStatus;
use api::kurator::fleet::v1alpha1::FleetStatus;
use api::reason;
use model::{HashedKey, MemberName, words};

use crate::ownership::NotOurs;

/// Longest note, in characters: what `events.k8s.io` takes, in bytes of texts that are mostly ASCII.
const NOTE_MAX: usize = 1_000;
/// Longest note in bytes (`validation.NoteLengthLimit` of `events.k8s.io`).
const NOTE_BYTES_MAX: usize = 1_024;

/// Reasons of conditions that are a step on the way and no fault.
const ON_THE_WAY: [&str; 6] =
    [reason::PROGRESSING, reason::PENDING, reason::DELETING, reason::FETCHING, reason::PROBING, reason::SUSPENDED];

/// Must somebody look at it?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// No.
    Normal,
    /// Perhaps.
    Warning,
}

impl Severity {
    /// The `type` of an Event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Must somebody look at it?
    pub severity: Severity,
    /// Why, in one CamelCase word.
    pub reason: String,
    /// What was done, or found out, in one CamelCase word.
    pub action: &'static str,
    /// What happened, in words.
    pub note: String,
}

impl Event {
    fn new(severity: Severity, reason: &str, action: &'static str, note: impl AsRef<str>) -> Self {
        let mut note = words::bounded(note.as_ref(), NOTE_MAX);
        if note.len() > NOTE_BYTES_MAX {
            let mut end = NOTE_BYTES_MAX;
            while !note.is_char_boundary(end) {
                end -= 1;
            }
            note.truncate(end);
        }
        Self { severity, reason: reason.to_owned(), action, note }
    }
}

/// What happened to the source of an Application. Its status has two writers, and an answer to one of them holds what the other
/// said meanwhile: who writes the source's part tells of this, and who writes the rest of [`delivery`].
pub fn source(before: Option<&ApplicationStatus>, after: &ApplicationStatus) -> Vec<Event> {
    let revision = |status: &ApplicationStatus| {
        let git = status.source_status.as_ref()?.git_repo_status.as_ref()?;
        git.artifact.as_ref().map(|artifact| artifact.revision.clone())
    };
    let mut out = Vec::new();
    let (was, is) = (before.and_then(revision), revision(after));
    if let Some(is) = is.filter(|is| was.as_ref() != Some(is)) {
        out.push(Event::new(Severity::Normal, "Fetched", "Fetch", format!("fetched {is}")));
    }
    let conditions = before.map(|status| status.conditions.as_slice()).unwrap_or_default();
    // That it was fetched is said with the revision.
    let source = condition_event(conditions, &after.conditions, condition::SOURCE_READY, "Fetch");
    out.extend(source.filter(|event| event.reason != reason::SUCCEEDED));
    out
}

/// What happened to the delivery of an Application.
pub fn delivery(before: Option<&ApplicationStatus>, after: &ApplicationStatus) -> Vec<Event> {
    let conditions = before.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let mut out = Vec::new();
    out.extend(condition_event(conditions, &after.conditions, condition::READY, "Deliver"));
    out.extend(held(conditions, &after.conditions));
    out
}

/// Deletions that are held, another list of them, or that no list is held now.
fn held(before: &[Condition], after: &[Condition]) -> Option<Event> {
    let find =
        |conditions| condition::find(conditions, condition::DELETIONS_HELD).filter(|c: &&Condition| c.status == "True");
    match (find(before), find(after)) {
        (was, Some(is)) if was.is_none_or(|was| was.message != is.message) => {
            Some(Event::new(Severity::Warning, reason::DELETIONS_HELD, "Hold", &is.message))
        }
        (Some(_), None) => {
            let note = "nothing is held any more: it was approved, or what asked for it was taken back";
            Some(Event::new(Severity::Normal, "DeletionsReleased", "Release", note))
        }
        _ => None,
    }
}

/// What happened to a Fleet.
pub fn fleet(before: Option<&FleetStatus>, after: &FleetStatus) -> Vec<Event> {
    let conditions = before.map(|status| status.conditions.as_slice()).unwrap_or_default();
    condition_event(conditions, &after.conditions, condition::READY, "Count").into_iter().collect()
}

/// What happened to an AttachedCluster.
pub fn attached(before: Option<&AttachedClusterStatus>, after: &AttachedClusterStatus) -> Vec<Event> {
    let conditions = before.map(|status| status.conditions.as_slice()).unwrap_or_default();
    condition_event(conditions, &after.conditions, condition::READY, "Reach").into_iter().collect()
}

/// What happened to a unit in a member: of interest to who looks at its owner.
pub fn unit(before: Option<&UnitStatus>, after: &UnitStatus, member: &MemberName) -> Vec<Event> {
    let mut out = Vec::new();
    let reverts = after.reverts.saturating_sub(before.map_or(0, |before| before.reverts));
    if reverts > 0 {
        let what = after.last_drift.as_ref().map(drift).unwrap_or_else(|| format!("{reverts} changes"));
        out.push(Event::new(Severity::Normal, "DriftReverted", "Revert", format!("{member}: {what}, reverted")));
    }
    let was = before.map(|before| (before.phase, before.reason.as_str()));
    if after.reason == reason::CONTESTED && was != Some((after.phase, after.reason.as_str())) {
        let note = format!("{member}: {}", after.message);
        out.push(Event::new(Severity::Warning, reason::CONTESTED, "Revert", note));
    }
    // What happens to an object that is wanted is said with the `Ready` of the owner, which may be gone here.
    let is_held = |status: &UnitStatus| status.phase == UnitPhase::Removing && status.reason == reason::BEING_DELETED;
    if is_held(after) && !before.is_some_and(is_held) {
        let note = format!("{member}: it does not leave: {}", after.message);
        out.push(Event::new(Severity::Normal, reason::BEING_DELETED, "Remove", note));
    }
    let adopted = after.objects.adopted.saturating_sub(before.map_or(0, |before| before.objects.adopted));
    if adopted > 0 && after.phase != UnitPhase::Removing {
        let what = if adopted == 1 { "1 object that was" } else { &format!("{adopted} objects that were") };
        let note = format!("{member}: {what} there before is managed from now on");
        let note = if adopted == 1 { note } else { note.replace(" is managed", " are managed") };
        out.push(Event::new(Severity::Normal, "Adopted", "Adopt", note));
    }
    out.extend(left_there(before, after, member));
    out
}

/// Objects that a unit let go of instead of deleting them: they stay in the member, and when the unit has left it nothing else says so.
/// What another unit of the hub has taken over is looked after as before.
fn left_there(before: Option<&UnitStatus>, after: &UnitStatus, member: &MemberName) -> Option<Event> {
    let let_go = |status: &UnitStatus| -> Vec<ObjectsWaiting> {
        let all = status.waiting.iter().filter(|waiting| waiting.cause == WaitingCause::NotOurs);
        all.filter(|waiting| waiting.detail != NotOurs::OtherUnit.to_string()).cloned().collect()
    };
    let known = before.filter(|before| before.epoch == after.epoch).map(let_go).unwrap_or_default();
    let is_new =
        |now: &&ObjectsWaiting| !known.iter().any(|known| known.detail == now.detail && known.count >= now.count);
    let named = |ObjectsWaiting { count, first, detail, .. }: &ObjectsWaiting| match count {
        1 if first.is_empty() => format!("1 object ({detail})"),
        many if first.is_empty() => format!("{many} objects ({detail})"),
        0 | 1 => format!("{first} ({detail})"),
        many => format!("{first} and {} more ({detail})", many - 1),
    };
    let new: Vec<String> = let_go(after).iter().filter(is_new).map(named).collect();
    let note = format!("{member}{NOT_DELETED}{}", new.join("; "));
    (!new.is_empty()).then(|| Event::new(Severity::Warning, LEFT_BEHIND, "Release", note))
}

/// Stands before what was not deleted.
const NOT_DELETED: &str = ": not deleted, and no longer recorded: ";

/// Objects that stay in a member for one reason, as such a note says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDeleted<'a> {
    /// The first of them, as [`model::ObjectKey`] is printed; `None` where none is known by name.
    pub first: Option<&'a str>,
    /// How many there are.
    pub count: usize,
    /// Why.
    pub why: &'a str,
}

/// What stays by a note of [`unit()`], and the member in which it stays; `None` of another note.
pub fn not_deleted(note: &str) -> Option<(&str, Vec<NotDeleted<'_>>)> {
    let (member, objects) = note.split_once(NOT_DELETED)?;
    let all = objects.split("); ").filter_map(|one| one.split_once(" ("));
    Some((member, all.map(|(named, why)| read_group(named, why)).collect()))
}

/// Reads what [`left_there`] wrote of objects that stay for one reason.
fn read_group<'a>(named: &'a str, why: &'a str) -> NotDeleted<'a> {
    // The last one has the bracket that the others were parted by.
    let why = why.strip_suffix(')').unwrap_or(why);
    let number = |text: &str| text.parse::<usize>().ok();
    let unnamed = named.strip_suffix(" objects").or_else(|| named.strip_suffix(" object")).and_then(number);
    if let Some(count) = unnamed {
        return NotDeleted { first: None, count, why };
    }
    let with_more = named.strip_suffix(" more").and_then(|named| named.rsplit_once(" and "));
    match with_more.and_then(|(first, more)| Some((first, number(more)?))) {
        Some((first, more)) => NotDeleted { first: Some(first), count: more.saturating_add(1), why },
        None => NotDeleted { first: Some(named), count: 1, why },
    }
}

/// What somebody changed, in words. Values are not among them.
pub(crate) fn drift(record: &DriftRecord) -> String {
    if record.deleted {
        return format!("{} was deleted there", record.object);
    }
    let fields: Vec<&str> = record.fields.iter().map(|field| field.path.as_str()).collect();
    let by = record.fields.iter().find_map(|field| field.manager.as_deref());
    let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
    format!("{} was changed there{by} ({})", record.object, fields.join(", "))
}

/// A condition that has another status or reason.
fn condition_event(before: &[Condition], after: &[Condition], type_: &str, action: &'static str) -> Option<Event> {
    let is = condition::find(after, type_)?;
    let same = |was: &Condition| (&was.status, &was.reason) == (&is.status, &is.reason);
    if condition::find(before, type_).is_some_and(same) {
        return None;
    }
    let is_fine = is.status == "True" || ON_THE_WAY.contains(&is.reason.as_str());
    let severity = if is_fine { Severity::Normal } else { Severity::Warning };
    Some(Event::new(severity, &is.reason, action, &is.message))
}

/// Reason of what says that objects stay in a member and are no longer looked after.
pub const LEFT_BEHIND: &str = "LeftBehind";

/// A unit's inventory was gone from a member, and is written again from what the hub knows: of the `objects` that it had, so many were
/// found that are its own, and so many that were there before.
pub fn restored(member: &MemberName, objects: u32, own: u32, adopted: u32) -> Event {
    let lost = objects.saturating_sub(own.saturating_add(adopted));
    let lost = match lost {
        0 => String::new(),
        lost => format!("; {lost} that it had are not known any more, and stay where they are still there"),
    };
    let note = format!(
        "{member}: the inventory was gone, and is written again from what the hub knows: {own} objects are its own, {adopted} are \
         adopted{lost}"
    );
    Event::new(Severity::Warning, "InventoryRestored", "Record", note)
}

/// Most objects that are named of those that were deleted to be made again: they fit into a note.
const RENEWED_NAMED: usize = 10;

/// Objects of a unit were deleted in a member, to be made again: a field of each cannot change, and `force` asks for it.
pub fn renewed(member: &MemberName, objects: &[Arc<HashedKey>]) -> Event {
    let mut names: Vec<String> = objects.iter().take(RENEWED_NAMED).map(ToString::to_string).collect();
    if objects.len() > RENEWED_NAMED {
        names.push(format!("and {} more", objects.len() - RENEWED_NAMED));
    }
    let note = format!(
        "{member}: deleted, to be made again, since a field cannot change and `force` asks for it: {}",
        names.join(", ")
    );
    Event::new(Severity::Normal, "Renewed", "Renew", note)
}

/// Most units that are named of a member that is forgotten.
const LEFT_NAMED: usize = 10;
/// Longest identity of a cluster in words: UUIDs have 36 characters.
const UID_MAX: usize = 64;

/// A member is forgotten that has something: its record is gone, as when its AttachedCluster is deleted, or with it their
/// namespace. `units`: what it has, with how many objects.
pub fn left_behind(units: &[(UnitId, u32)]) -> Option<Event> {
    let (objects, names) = counted(units);
    let note = format!(
        "the hub has no record of it any more, and deletes nothing there: {objects} objects stay with their inventories ({names}); \
         they are managed again when it is attached again and the same applications are applied"
    );
    (!units.is_empty()).then(|| Event::new(Severity::Warning, LEFT_BEHIND, "Forget", note))
}

/// A person approved another cluster for a member: what stays in the one that was there, whose identity is `before`.
pub fn left_in_other_cluster(units: &[(UnitId, u32)], before: &str) -> Option<Event> {
    let (objects, names) = counted(units);
    let before = words::bounded(before, UID_MAX);
    let note = format!(
        "another cluster is the member now. The one that was there (kube-system UID {before}) keeps {objects} objects with their \
         inventories ({names}), also those that were to be removed: the hub deletes nothing there any more"
    );
    (!units.is_empty()).then(|| Event::new(Severity::Warning, LEFT_BEHIND, "Forget", note))
}

/// How many objects units have, and each unit in words.
fn counted(units: &[(UnitId, u32)]) -> (u32, String) {
    let named = |(unit, objects): &(UnitId, u32)| {
        let policy = unit.policy.as_ref().map(|policy| format!(", policy {policy}")).unwrap_or_default();
        format!("{objects} of app/{} in namespace {}{policy}", unit.name, unit.namespace)
    };
    let objects = units.iter().map(|(_, objects)| *objects).fold(0, u32::saturating_add);
    let mut names: Vec<String> = units.iter().take(LEFT_NAMED).map(named).collect();
    if units.len() > LEFT_NAMED {
        names.push(format!("and {} more units", units.len() - LEFT_NAMED));
    }
    (objects, names.join("; "))
}

#[cfg(test)]
mod tests;
