//! Whose a live object is: may this unit delete it, may it give it back, and is it ours after an apply?
//!
//! Asked with the object as it was read a moment ago; the request that follows is bound to exactly that object. The table
//! of answers is in the tests.

use api::delivery::{HubId, Removal, label};
use model::name::LABEL_MAX;
use model::{GroupVersionKind, ObjectKey, Uid, words};
use serde_json::Value;

use crate::adopt;
use crate::inventory::Entry;
use crate::keep;
use crate::rights::Lack;

/// The unit that asks.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// Its hub.
    pub hub: &'a HubId,
    /// The id of its ApplySet.
    pub part_of: &'a str,
}

impl Claimant<'_> {
    /// Does an object have the labels of this unit?
    pub(crate) fn is_labelled(&self, live: &Value) -> bool {
        labels(self, live).is_none()
    }
}

/// Is it of a kind that each Kubernetes has, so that one that does not serve it only hides it? A definition can be deleted with all its
/// objects; these cannot.
pub fn is_always_served(key: &ObjectKey, version: &str) -> bool {
    kinds::find(&GroupVersionKind::new(key.group.clone(), version, key.kind.clone())).is_some()
}

/// Why an object is not this unit's, though its inventory names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    /// It has another UID than the one that was recorded.
    #[error("another object has its name")]
    OtherObject,
    /// Our labels are not on it: somebody took them off, or made it.
    #[error("it does not have our labels")]
    Unlabelled,
    /// Another hub delivers it now.
    #[error("hub {0} delivers it")]
    OtherHub(String),
    /// Deleting it would take along what others made.
    #[error("it has {0} in it")]
    Inhabited(String),
    /// Another unit of this hub has taken it over, perhaps since this one looked at what the others want.
    #[error("another unit has taken it over")]
    OtherUnit,
    /// Another unit of this hub wants it, and did not take it over for as long as this one waited.
    #[error("app/{0} names it, and has not taken it over")]
    Untaken(String),
    /// The member gives the hub no rights to it.
    #[error("the member gives no rights in {0}")]
    OutsideRights(Lack),
}

/// What to do with an object that is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MayDelete {
    /// Delete it.
    Delete,
    /// It is being deleted: wait until it is gone.
    Waiting,
    /// It is gone: forget it.
    Absent,
    /// It existed before us, or is to be kept: it is never deleted.
    OnlyReleased,
    /// Somebody wrote on it in the member that it is to stay: it is released.
    AsksToStay,
    /// It is not deleted, and forgotten.
    NotOurs(NotOurs),
}

/// What to do with an object that is to be given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MayRelease {
    /// Send this merge patch.
    Release(Value),
    /// Nothing of ours is on it, or it is gone: forget it.
    Nothing,
    /// It is left as it is, and forgotten.
    NotOurs(NotOurs),
}

fn is_object(entry: &Entry, live: &Value) -> bool {
    entry.uid.as_ref().is_none_or(|uid| model::object::uid(live).is_some_and(|live| uid.is(live)))
}

/// The other hub whose label an object has. The label is a member's word, and is cut to what a label may be.
pub fn other_hub(live: &Value, ours: &HubId) -> Option<String> {
    let hub = model::object::label(live, label::HUB).filter(|hub| *hub != ours.as_str())?;
    Some(words::bounded(hub, LABEL_MAX))
}

/// Whose labels an object has, if they are not this unit's.
fn labels(ours: &Claimant<'_>, live: &Value) -> Option<NotOurs> {
    let (hub, part_of) = (model::object::label(live, label::HUB), model::object::label(live, label::APPLYSET_PART_OF));
    if let Some(other) = other_hub(live, ours.hub) {
        return Some(NotOurs::OtherHub(other));
    }
    match (hub, part_of) {
        (_, Some(part_of)) if part_of != ours.part_of => Some(NotOurs::OtherUnit),
        (Some(_), Some(_)) => None,
        _ => Some(NotOurs::Unlabelled),
    }
}

/// May an object of the inventory be deleted? Without our labels on it, never; with a UID in the record, only that one.
pub fn may_delete(ours: &Claimant<'_>, entry: &Entry, live: Option<&Value>) -> MayDelete {
    let Some(live) = live else { return MayDelete::Absent };
    match labels(ours, live) {
        _ if entry.is_only_released() => MayDelete::OnlyReleased,
        _ if !is_object(entry, live) => MayDelete::NotOurs(NotOurs::OtherObject),
        Some(why) => MayDelete::NotOurs(why),
        None if model::object::is_deleting(live) => MayDelete::Waiting,
        None if keep::asks_to_stay(live) => MayDelete::AsksToStay,
        None => MayDelete::Delete,
    }
}

/// May an object of the inventory be given back? A unit that leaves everything behind (`Removal::Release`) takes its
/// marks off whatever object has the name now.
pub fn may_release(ours: &Claimant<'_>, entry: &Entry, removal: Removal, live: Option<&Value>) -> MayRelease {
    let Some(live) = live else { return MayRelease::Nothing };
    match labels(ours, live) {
        // Its marks and its part of managedFields are theirs now.
        Some(why @ (NotOurs::OtherUnit | NotOurs::OtherHub(_))) => MayRelease::NotOurs(why),
        _ if !is_object(entry, live) && removal != Removal::Release => MayRelease::NotOurs(NotOurs::OtherObject),
        _ => adopt::release(live).map_or(MayRelease::Nothing, MayRelease::Release),
    }
}

/// Whether an object counts as adopted after an apply. `created` is what the server answered, `was_absent` what a read
/// just before had shown, if there was one.
pub fn is_adopted_after(entry: &Entry, created: bool, was_absent: bool, uid: &Uid) -> bool {
    match &entry.uid {
        _ if created => false,
        // Somebody made theirs in its place, perhaps since we read that it is not there.
        _ if was_absent => true,
        Some(recorded) if recorded != uid => true,
        _ => entry.adopted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hub() -> HubId {
        HubId::from_random([1; 10])
    }

    fn live(uid: &str, hub: Option<&str>, part_of: Option<&str>, deleting: bool) -> Value {
        let mut object = json!({"metadata": {"name": "a", "uid": uid, "labels": {"app": "x"}}});
        if let Some(hub) = hub {
            object["metadata"]["labels"][label::HUB] = json!(hub);
        }
        if let Some(part_of) = part_of {
            object["metadata"]["labels"][label::APPLYSET_PART_OF] = json!(part_of);
        }
        if deleting {
            object["metadata"]["deletionTimestamp"] = json!("2026-11-26T10:00:00Z");
        }
        object
    }

    #[test]
    fn only_the_recorded_object_with_our_labels_is_deleted() {
        let id = hub();
        let (us, ours) = (Some(id.as_str()), Claimant { hub: &id, part_of: "mine" });
        let recorded = Entry { uid: Some("u".into()), ..Entry::default() };
        let begun = Entry::default();
        let other_hub = || MayDelete::NotOurs(NotOurs::OtherHub("other".into()));
        let not = MayDelete::NotOurs;
        for (entry, live, expect) in [
            (&recorded, None, MayDelete::Absent),
            (&recorded, Some(live("u", us, Some("mine"), false)), MayDelete::Delete),
            (&recorded, Some(live("u", us, Some("mine"), true)), MayDelete::Waiting),
            (&recorded, Some(live("v", us, Some("mine"), false)), not(NotOurs::OtherObject)),
            (&recorded, Some(live("u", None, None, false)), not(NotOurs::Unlabelled)),
            (&recorded, Some(live("u", us, None, false)), not(NotOurs::Unlabelled)),
            (&recorded, Some(live("u", None, Some("mine"), false)), not(NotOurs::Unlabelled)),
            (&recorded, Some(live("u", us, Some("another"), false)), not(NotOurs::OtherUnit)),
            (&recorded, Some(live("u", Some("other"), Some("mine"), false)), other_hub()),
            // Whether its first apply arrived is not known: its labels tell.
            (&begun, Some(live("v", us, Some("mine"), false)), MayDelete::Delete),
            (&begun, Some(live("v", us, Some("another"), false)), not(NotOurs::OtherUnit)),
            (&begun, Some(live("v", None, None, false)), not(NotOurs::Unlabelled)),
            (&begun, Some(live("v", Some("other"), Some("mine"), false)), other_hub()),
        ] {
            assert_eq!(may_delete(&ours, entry, live.as_ref()), expect, "{entry:?} {live:?}");
        }
        for entry in [Entry { adopted: true, ..begun.clone() }, Entry { kept: true, ..recorded.clone() }] {
            let found = live("u", us, Some("mine"), false);
            assert_eq!(may_delete(&ours, &entry, Some(&found)), MayDelete::OnlyReleased);
        }
    }

    #[test]
    fn what_is_given_back_is_the_recorded_object_unless_everything_is_left() {
        let id = hub();
        let (us, ours) = (Some(id.as_str()), Claimant { hub: &id, part_of: "mine" });
        let recorded = Entry { uid: Some("u".into()), adopted: true, ..Entry::default() };
        let check = |live: Option<Value>, removal| match may_release(&ours, &recorded, removal, live.as_ref()) {
            MayRelease::Release(_) => None,
            other => Some(other),
        };
        assert_eq!(check(Some(live("u", us, Some("mine"), false)), Removal::None), None);
        assert_eq!(check(None, Removal::None), Some(MayRelease::Nothing));
        assert_eq!(check(Some(live("u", None, None, false)), Removal::None), Some(MayRelease::Nothing));
        let other = MayRelease::NotOurs(NotOurs::OtherObject);
        assert_eq!(check(Some(live("v", us, Some("mine"), false)), Removal::Prune), Some(other));
        assert_eq!(check(Some(live("v", us, Some("mine"), false)), Removal::Release), None);
        let taken = MayRelease::NotOurs(NotOurs::OtherUnit);
        assert_eq!(check(Some(live("u", us, Some("another"), false)), Removal::Release), Some(taken));
        // Another hub has taken it over: its marks are not ours to take off.
        for removal in [Removal::None, Removal::Release] {
            let taken = check(Some(live("u", Some("another-hub"), Some("mine"), false)), removal);
            assert!(matches!(taken, Some(MayRelease::NotOurs(NotOurs::OtherHub(_)))), "{taken:?}");
        }
    }

    #[test]
    fn an_object_that_we_did_not_make_counts_as_adopted() {
        let entry = |uid: Option<&str>, adopted| Entry { uid: uid.map(Uid::from), adopted, ..Entry::default() };
        // (recorded UID, adopted before, created, was absent, UID now) -> adopted
        for (uid, before, created, absent, now, expect) in [
            (None, false, true, true, "u", false),
            (None, true, true, false, "u", false),
            (None, false, false, true, "u", true),
            (None, false, false, false, "u", false),
            (None, true, false, false, "u", true),
            (Some("u"), false, false, false, "u", false),
            (Some("u"), true, false, false, "u", true),
            (Some("u"), false, false, false, "v", true),
            (Some("u"), false, true, false, "v", false),
        ] {
            let entry = entry(uid, before);
            assert_eq!(
                is_adopted_after(&entry, created, absent, &now.into()),
                expect,
                "{entry:?} {created} {absent} {now}"
            );
        }
    }
}
