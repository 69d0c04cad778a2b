//! What differs between what is and what should be, in words that people read before anything is done.
//!
//! Two objects as they would be sent are compared field by field ([`field::between`]); an object in a member is compared as
//! [`crate::drift`] does, by the fields that are sent ([`field::live`]). Values of Secrets are hidden first ([`hidden`]).
//! What would come to a member and is there already is judged as its applier will ([`arrival`]), and so is whether a change can be made
//! there ([`trial`]).
//! Equal differences of many members become one ([`group`]), and what an edit does to members is read from the decisions
//! before and after it ([`placing`]): those are made by [`crate::unit::plan`] alone.

pub mod arrival;
pub mod field;
pub mod group;
pub mod hidden;
pub mod placing;
pub mod trial;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use api::delivery::{DeletionState, Deletions, Health, Withheld};
use api::feed::{SyncState, UnitReport};
use api::view::{ObjectChange, ObjectDifference};
use model::{Digest, HashedKey, MemberName, ObjectKey};

use crate::departure::{self, Stays};
use crate::guard::{self, MemberScope};
use crate::instruction::{Asked, Handling};
use crate::phase;
use crate::prepare::{Bundle, Prepared};
use crate::report;
use hidden::Hider;

/// How a payload differs from the one that a member has: changed, new, and those that would go. `prune`: whether what is no
/// longer in it is deleted. Objects that ask to stay are let go of.
pub fn bundles(old: &Bundle, new: &Bundle, prune: bool, hider: &Hider<'_>) -> Vec<ObjectDifference> {
    let mut out = Vec::new();
    for object in new.objects() {
        match old.get(&object.key) {
            None => out.push(coming(object)),
            Some(before) if before.digest == object.digest => {}
            Some(before) => {
                let fields = field::between(&before.object, &object.object, hider);
                // Only what is ours differs, such as a label of another version of the hub.
                match object.asked {
                    _ if fields.is_empty() => {}
                    Some(asked) => out.push(left_alone(&object.key, asked)),
                    None => out.push(changed(&object.key, fields)),
                }
            }
        }
    }
    let gone = old.objects().filter(|object| new.get(&object.key).is_none());
    out.extend(gone.filter(|_| prune).map(|object| leaving(&object.key, object.stays)));
    out
}

/// All objects of a payload, coming or going.
pub fn all(bundle: &Bundle, change: ObjectChange) -> Vec<ObjectDifference> {
    let one = |object: &Prepared| match change {
        ObjectChange::Delete => leaving(&object.key, object.stays),
        ObjectChange::Add => coming(object),
        change => whole(&object.key, change),
    };
    bundle.objects().map(|object| one(object)).collect()
}

/// The same of a member in which some of what would go stays, by what it reported: `stays` says why.
pub fn spare(objects: &[ObjectDifference], stays: &BTreeMap<String, Stays>) -> Vec<ObjectDifference> {
    let mut out = objects.to_vec();
    for object in out.iter_mut().filter(|object| object.change == ObjectChange::Delete) {
        if let Some(why) = stays.get(&object.object) {
            (object.change, object.note) = (ObjectChange::Release, why.in_words());
        }
    }
    out
}

/// What is not applied while a unit is suspended, said of an object. What it was before is not known here.
const NOT_APPLIED: &str =
    "it was not applied while its policy was suspended; `kurator diff` of the Application compares its fields";

/// What is done to the objects that a unit wants when it is resumed, by what its member said of them while it was only observed: what
/// was not sent is, and what others changed or deleted is as it was again.
pub fn resumed(report: &UnitReport, bundle: &Bundle) -> Vec<ObjectDifference> {
    let differs = |sync| matches!(sync, SyncState::Pending | SyncState::Waiting | SyncState::Drifted);
    let rows = report.details.iter().filter(|row| differs(row.sync) && bundle.get(&row.key).is_some());
    rows.map(|row| match row.unmade || row.health == Health::Missing {
        true => whole(&row.key, ObjectChange::Add),
        false => ObjectDifference { note: NOT_APPLIED.to_owned(), ..whole(&row.key, ObjectChange::Change) },
    })
    .collect()
}

/// An object that differs as a whole.
pub fn whole(key: &ObjectKey, change: ObjectChange) -> ObjectDifference {
    ObjectDifference { object: key.to_string(), change, fields: Vec::new(), left_out: 0, note: String::new() }
}

/// An object that would be made, unless it asks to be left alone.
fn coming(object: &Prepared) -> ObjectDifference {
    match object.asked.filter(|asked| asked.handling == Handling::LeaveAlone) {
        Some(asked) => left_alone(&object.key, asked),
        None => whole(&object.key, ObjectChange::Add),
    }
}

/// An object that asks to be left alone: nothing is done to it.
fn left_alone(key: &ObjectKey, asked: Asked) -> ObjectDifference {
    ObjectDifference { note: report::left_alone_words(asked), ..whole(key, ObjectChange::LeaveAlone) }
}

/// An object that would be deleted. Nobody has looked into it.
pub(crate) fn going(key: &ObjectKey) -> ObjectDifference {
    let note = departure::unless(key).unwrap_or_default().to_owned();
    ObjectDifference { note, ..whole(key, ObjectChange::Delete) }
}

fn leaving(key: &HashedKey, stays: bool) -> ObjectDifference {
    let note = "an annotation asks that it stays".to_owned();
    if stays { ObjectDifference { note, ..whole(key, ObjectChange::Release) } } else { going(key) }
}

/// An object whose fields differ; more than [`field::FIELDS_MAX`] are counted.
pub fn changed(key: &HashedKey, fields: Vec<api::view::FieldDifference>) -> ObjectDifference {
    with_fields(key, ObjectChange::Change, fields)
}

/// The same of an object to which something else happens.
fn with_fields(key: &HashedKey, change: ObjectChange, fields: Vec<api::view::FieldDifference>) -> ObjectDifference {
    let mut out = ObjectDifference { fields, ..whole(key, change) };
    let left_out = out.fields.len().saturating_sub(field::FIELDS_MAX);
    out.fields.truncate(field::FIELDS_MAX);
    out.left_out = u32::try_from(left_out).unwrap_or(u32::MAX);
    out
}

/// What a new payload would do in one member.
#[derive(Clone, Debug)]
pub struct Loss<'a> {
    /// The member.
    pub member: &'a MemberName,
    /// How many objects of the unit it has.
    pub inventory: u64,
    /// How many the new payload has.
    pub desired: u64,
    /// Those that would be deleted, together with those whose deletion waits already.
    pub deleted: Vec<Arc<HashedKey>>,
    /// The epoch that the unit would have there.
    pub epoch: u64,
    /// Its list that is held already.
    pub withheld: Option<Withheld>,
}

/// Why deletions in members would wait for an approval, as the guard would say when all members had reported them.
pub fn held(losses: &[Loss<'_>]) -> Option<String> {
    let scope = |loss: &Loss<'_>| {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let list = Deletions {
            digest: Digest::of_texts(loss.deleted.iter().map(ToString::to_string)),
            count: count(loss.deleted.len()),
            sample: Vec::new(),
            guarded: count(loss.deleted.iter().filter(|key| phase::is_guarded(key)).count()),
            state: DeletionState::Waiting,
            released: 0,
            behind: false,
            unshown: false,
            untaken: false,
            left: 0,
            objects: None,
        };
        MemberScope {
            member: loss.member.clone(),
            epoch: loss.epoch,
            placed: None,
            inventory: loss.inventory,
            desired: loss.desired,
            report: Some((!loss.deleted.is_empty()).then_some(list)),
            expected: true,
            away: false,
            leaving: false,
            unweighed: false,
            unlisted: false,
            supposed: false,
            granted: false,
            carried_out: 0,
            withheld: loss.withheld,
        }
    };
    let scopes: Vec<MemberScope> = losses.iter().map(scope).collect();
    let held = guard::plan(&scopes, None).1.held?;
    Some(held.causes.iter().map(|cause| held.in_words(*cause)).collect::<Vec<_>>().join("; "))
}
