//! What would go from members, and what would stay there and why, object by object.
//!
//! Every list that a person agrees to is made here: of what a member reported, or, of one that has not reported, of what it was
//! sent. What goes by a list of objects never has more in it than the list: the applier looks again, and asks about the rest. An edit that
//! is approved by the digest of its list alone, as with kubectl, goes with what is there then.
//!
//! Where another unit leaves the member and has not done so yet, since it waits for this one, its list said that things stay which this
//! one keeps there. They go with this one, and are in its list, too ([`goes_along`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::delivery::{ExpectedDeletions, ObjectSet, Question, Removal, UnitId, UnitPhase};
use api::feed::{ObjectReport, SyncState, UnitReport};
use api::kurator::annotation::ON_DELETE;
use api::view::{HeldGroup, HeldObject, ObjectChange, ObjectDifference, SentObject, UnnamedMembers};
use model::{Digest, HashedKey, KeySet, MemberName, ObjectKey, Uid};

use crate::adopt;
use crate::difference::{going, whole};
use crate::inhabitant::is_within;
use crate::prepare::Bundle;
use crate::report::{IN_USE, INHABITED, RECORD_LOST, is_of_another};
use crate::rights::{Lack, OUTSIDE_RIGHTS, Rights};
use crate::{phase, prune};

/// What a unit has in a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Objects {
    /// What is deleted.
    pub goes: BTreeSet<ObjectKey>,
    /// What is left there, with the reason.
    pub stays: BTreeMap<ObjectKey, Stays>,
    /// Of what goes, what another unit has that leaves the member too and waits for this one: `policy web`, or `app/web`.
    pub along: BTreeMap<ObjectKey, String>,
}

/// Why an object stays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stays {
    /// It was there before us.
    Adopted,
    /// It carries our label, and no inventory named it: it counts as adopted, and may be ours.
    Unrecorded,
    /// An annotation on it says so.
    Asks,
    /// The unit left the member without it before, which the member may not know.
    GivenBack,
    /// The unit does not prune.
    NotPruned,
    /// The unit's owner asks that what it placed stays when it is deleted.
    OwnerAsks,
    /// Another object has its name.
    OtherObject,
    /// A Namespace in which something of these stays.
    Holds,
    /// A Namespace or definition of which the member said, in these words, who has something in it, or of it.
    Inhabited(String),
    /// A Namespace or definition in which another unit has something, or of it: `policy web`, or `app/web`.
    Occupied(String),
    /// Another unit has it too, and takes it over: `policy web`, or `app/web`.
    TakenOver(String),
    /// The member gives no rights to it.
    OutsideRights(Lack),
    /// Another hub, of this id, has taken it over.
    OtherHub(String),
}

/// Ends the words about an object that another unit takes over.
const TAKES_OVER: &str = " takes it over";

/// Do these words say that another unit takes the object over?
pub fn is_taken_over(words: &str) -> bool {
    words.ends_with(TAKES_OVER)
}

/// What is not known of an object that goes before its member is asked: who else has something in it, or of it. In words, after its
/// name.
pub fn unless(key: &ObjectKey) -> Option<&'static str> {
    match phase::is_container(key) {
        true if phase::is_namespace(key) => Some("stays if others have something in it"),
        true => Some("stays if others have something of it"),
        false => None,
    }
}

impl Stays {
    /// In words, after "it stays: ".
    pub fn in_words(&self) -> String {
        match self {
            Self::Adopted => "it was there before Kurator".to_owned(),
            Self::Unrecorded => {
                "no inventory named it when it was applied, so who made it is not known; delete it by hand if Kurator did"
                    .to_owned()
            }
            Self::Asks => "an annotation on it asks that it stays".to_owned(),
            Self::GivenBack => "it was to stay when its policy left the member before".to_owned(),
            Self::NotPruned => "its policy does not prune".to_owned(),
            Self::OwnerAsks => format!("{ON_DELETE} of its Application asks that it stays"),
            Self::OtherObject => "another object has its name".to_owned(),
            Self::Holds => "something in it stays".to_owned(),
            Self::Inhabited(who) => who.clone(),
            Self::Occupied(whose) => format!("{whose} has something in it"),
            Self::TakenOver(whose) => format!("{whose}{TAKES_OVER}"),
            Self::OutsideRights(lack) => format!("the member gives no rights in {lack}"),
            Self::OtherHub(hub) => format!("hub {hub} delivers it"),
        }
    }
}

impl Objects {
    /// What becomes of the objects that a member reported, when the unit leaves it like this. `None`: the report does not say what
    /// is there. That is not the same as nothing.
    pub fn of_report(report: &UnitReport, removal: Removal) -> Option<Self> {
        Self::of_rows(report, removal, |_| true)
    }

    /// What becomes of what a member has of a unit that stays there and does not want it any more, when the unit begins to prune or is
    /// resumed. `None`: the report does not say what is there.
    pub fn of_unwanted(report: &UnitReport, wanted: &KeySet) -> Option<Self> {
        let mut out = Self::of_rows(report, Removal::Prune, |row| !wanted.contains(&row.key))?;
        let names: BTreeSet<&str> = wanted.iter().map(|key| key.namespace.as_str()).collect();
        let holds = |key: &&ObjectKey| phase::is_namespace(key) && names.contains(key.name.as_str());
        let containers: Vec<ObjectKey> = out.goes.iter().filter(holds).cloned().collect();
        for key in containers {
            out.goes.remove(&key);
            out.stays.insert(key, Stays::Holds);
        }
        Some(out)
    }

    /// The same of some of the objects.
    fn of_rows(report: &UnitReport, removal: Removal, is_meant: impl Fn(&ObjectReport) -> bool) -> Option<Self> {
        if !says_what_is_there(report) {
            return None;
        }
        let rows = report.details.iter().enumerate().filter(|(index, row)| {
            let is_recorded = report.uids.get(*index).is_some_and(Option::is_some);
            is_meant(row) && (is_recorded || is_there(row))
        });
        let of_row = |(_, row): (usize, &'_ Arc<ObjectReport>)| Row {
            lack: row.outside.then(|| Lack::of(&row.key)),
            stays: why_it_stays_alone(row),
            key: Arc::clone(&row.key),
        };
        Some(Self::of(rows.map(of_row), removal))
    }

    /// The same of a member that has not reported: of all that it was sent, or would have been with more `rights`.
    pub fn of_bundle(bundle: &Bundle, removal: Removal, rights: &Rights) -> Self {
        let rows = bundle.objects().map(|object| Row {
            lack: rights.lack(&object.key),
            stays: object.stays.then_some(Stays::Asks),
            key: Arc::clone(&object.key),
        });
        Self::of(rows, removal)
    }

    /// The same by what the hub's view says that it was sent.
    pub fn of_sent(sent: &[SentObject], removal: Removal) -> Self {
        let rows = sent.iter().map(|object| {
            let key = Arc::new(HashedKey::from(object.key.clone()));
            let stays = match object {
                SentObject { adopted: true, .. } => Some(Stays::Adopted),
                SentObject { kept: true, .. } => Some(Stays::Asks),
                SentObject { given_back: true, .. } => Some(Stays::GivenBack),
                SentObject { .. } => None,
            };
            Row { lack: object.outside.then(|| Lack::of(&key)), stays, key }
        });
        Self::of(rows, removal)
    }

    /// A list that a member made itself.
    pub fn of_list<'a>(keys: impl IntoIterator<Item = &'a Arc<HashedKey>>) -> Self {
        let goes = keys.into_iter().map(|key| ObjectKey::clone(key)).collect();
        Self { goes, ..Self::default() }
    }

    /// The list of this digest, of a member that has not reported it by name: out of `lost`, what its unit has no longer. `heir`: who
    /// else has an object there, and takes it over. `None`: what is lost is another list.
    pub fn of_lost(
        lost: &[Arc<HashedKey>],
        digest: Digest,
        stored: &Stored<'_>,
        heir: impl Fn(&ObjectKey) -> Option<String>,
    ) -> Option<Self> {
        let Stored { adopted, kept, expected, asked, shown, rights } = *stored;
        let why = |key: &Arc<HashedKey>| {
            let taken_over = heir(key).map(Stays::TakenOver);
            let outside = || rights.lack(key).map(Stays::OutsideRights);
            let was_there = || adopted.contains(key).then_some(Stays::Adopted);
            taken_over.or_else(outside).or_else(was_there).or_else(|| kept.contains(key).then_some(Stays::Asks))
        };
        let stays: BTreeMap<&Arc<HashedKey>, Stays> = lost.iter().filter_map(|key| Some((key, why(key)?))).collect();
        // What was approved before is in no list.
        let approved = expected.and_then(ExpectedDeletions::shown).unwrap_or_default();
        let approved = shown.map_or(approved.clone(), |shown| shown.union(&approved));
        let lists = match expected.filter(|expected| expected.digest == digest) {
            // It was made by the hub, which knows what is in it. What stays may have become known since.
            Some(expected) => vec![lost.iter().filter(|key| expected.objects.contains(key)).cloned().collect()],
            None => lists_of_member(lost, &stays, &approved),
        };
        let list: Vec<_> = lists
            .into_iter()
            .find(|list| prune::digest_asked(prune::deletions(list, 0, false).digest, asked) == digest)?;
        let listed: BTreeSet<&Arc<HashedKey>> = list.iter().collect();
        let mut out = Self::of_list(listed.iter().copied().filter(|key| !stays.contains_key(*key)));
        let is_meant = |key: &Arc<HashedKey>| listed.contains(key) || !approved.contains(key);
        let named = stays.into_iter().filter(|(key, _)| is_meant(key));
        out.stays = named.map(|(key, why)| (ObjectKey::clone(key), why)).collect();
        out.spare_containers();
        Some(out)
    }

    /// Tells what of such a list stays by what the objects say in the member and by what was adopted, and adds what the unit no
    /// longer has either and what stays there: it is given back with the list, or the member gives no rights to it.
    #[must_use]
    pub fn with_report(mut self, report: Option<&UnitReport>) -> Self {
        for row in report.into_iter().flat_map(|report| &report.details) {
            let Some(why) = why_it_stays(row) else { continue };
            let key = ObjectKey::clone(&row.key);
            if self.goes.remove(&key) {
                self.stays.insert(key, why);
            }
        }
        for row in report.into_iter().flat_map(|report| &report.details).filter(|row| is_lost_or_held(row)) {
            if let Some(why) = why_it_stays(row) {
                self.stays.insert(ObjectKey::clone(&row.key), why);
            }
        }
        self.spare_containers();
        let is_lost = |row: &&Arc<ObjectReport>| row.outside && row.sync == SyncState::PrunePending;
        let rows = report.into_iter().flat_map(|report| &report.details).filter(is_lost);
        self.with_staying(rows.map(|row| &row.key))
    }

    /// What stays since it is not pruned stays since its owner asks for that.
    pub fn kept_by_owner(&mut self) {
        let not_pruned = self.stays.values_mut().filter(|why| **why == Stays::NotPruned);
        not_pruned.for_each(|why| *why = Stays::OwnerAsks);
    }

    /// Adds what stays there since the member gives no rights to it.
    #[must_use]
    fn with_staying<'a>(mut self, keys: impl IntoIterator<Item = &'a Arc<HashedKey>>) -> Self {
        self.stays.extend(keys.into_iter().map(|key| (ObjectKey::clone(key), Stays::OutsideRights(Lack::of(key)))));
        self
    }

    /// The same as differences, for those who compare.
    pub fn differences(&self) -> Vec<ObjectDifference> {
        let goes = self.goes.iter().map(going);
        let stays = self
            .stays
            .iter()
            .map(|(key, why)| ObjectDifference { note: why.in_words(), ..whole(key, ObjectChange::Release) });
        goes.chain(stays).collect()
    }

    fn of(rows: impl Iterator<Item = Row>, removal: Removal) -> Self {
        let mut out = Self::default();
        for Row { key, lack, stays } in rows {
            let key = ObjectKey::clone(&key);
            let kept = || (removal != Removal::Prune).then_some(Stays::NotPruned);
            let stays = lack.map(Stays::OutsideRights).or(stays).or_else(kept);
            match stays {
                Some(why) => drop(out.stays.insert(key, why)),
                None => drop(out.goes.insert(key)),
            }
        }
        out.spare_containers();
        out
    }

    /// The member is to keep all of it, and may not know that yet ([`MemberDecision::gives_back`](api::delivery::MemberDecision::gives_back)).
    pub fn give_back(&mut self) {
        self.stays.extend(std::mem::take(&mut self.goes).into_iter().map(|key| (key, Stays::GivenBack)));
    }

    /// Another unit has these objects in the member too: they are handed over. `whose`: `policy web`, or `app/web`.
    pub fn hand_over(&mut self, is_theirs: impl Fn(&ObjectKey) -> bool, whose: &str) {
        let taken: Vec<ObjectKey> = self.goes.iter().filter(|key| is_theirs(key)).cloned().collect();
        for key in taken {
            self.goes.remove(&key);
            self.stays.insert(key, Stays::TakenOver(whose.to_owned()));
        }
        self.spare_containers();
    }

    /// Another unit leaves with this object, and takes it along when this unit leaves as well: unless that lets go of all that it has,
    /// and of something in it.
    pub fn go_along(&mut self, key: ObjectKey, whose: &str) {
        let is_let_go = |why: &Stays| matches!(why, Stays::NotPruned | Stays::OwnerAsks | Stays::GivenBack);
        let mut inside = self.stays.iter().filter(|(inside, _)| is_within(&key, inside));
        if inside.any(|(_, why)| is_let_go(why)) {
            return;
        }
        self.stays.remove(&key);
        self.goes.insert(key.clone());
        self.along.insert(key, whose.to_owned());
    }

    /// Adds the Namespaces and definitions that other units take along which leave, and that only what goes here keeps there: of a
    /// list of what a unit has lost, which has more in the member. `report`: all that it has there.
    pub fn empty_along(&mut self, report: &UnitReport, containers: &BTreeMap<ObjectKey, BTreeSet<UnitId>>) {
        for (container, units) in containers.iter().filter(|(container, _)| phase::is_container(container)) {
            let mut inside = report.details.iter().filter(|row| is_within(container, &row.key));
            let is_emptied = inside.all(|row| self.goes.contains(&**row.key));
            if let Some(other) = units.first().filter(|_| is_emptied) {
                self.go_along(container.clone(), &called(other, &report.unit));
            }
        }
    }

    /// Another unit has something in this Namespace, or of this definition, and stays.
    pub fn spare_occupied(&mut self, container: &ObjectKey, whose: &str) {
        if self.goes.remove(container) {
            self.stays.insert(container.clone(), Stays::Occupied(whose.to_owned()));
        }
    }

    /// A Namespace in which something stays is not deleted.
    fn spare_containers(&mut self) {
        // What is another unit's is not this one's to judge.
        let holds = |key: &&ObjectKey| {
            let is_own = phase::is_namespace(key) && !self.along.contains_key(*key);
            is_own && self.stays.keys().any(|inside| inside.namespace == key.name)
        };
        let containers: Vec<ObjectKey> = self.goes.iter().filter(holds).cloned().collect();
        for key in containers {
            self.goes.remove(&key);
            self.stays.insert(key, Stays::Holds);
        }
    }

    /// All of them as views say them: first what goes.
    pub fn listed(&self) -> Vec<HeldObject> {
        let named = |key: &ObjectKey, stays: String, of: String| {
            let ObjectKey { group, kind, namespace, name } = key.clone();
            HeldObject { group, kind, namespace, name, stays, of }
        };
        let of = |key: &ObjectKey| self.along.get(key).cloned().unwrap_or_default();
        let goes = self.goes.iter().map(|key| named(key, String::new(), of(key)));
        goes.chain(self.stays.iter().map(|(key, why)| named(key, why.in_words(), String::new()))).collect()
    }

    /// Is a Namespace or definition among what goes?
    pub fn has_containers(&self) -> bool {
        self.goes.iter().any(phase::is_container)
    }
}

/// What is stored of a member, and what the hub may do there.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// What was there before the unit.
    pub adopted: &'a ObjectSet,
    /// What asks to stay there.
    pub kept: &'a ObjectSet,
    /// What the hub expects that the member deletes.
    pub expected: Option<&'a ExpectedDeletions>,
    /// What the member is asked.
    pub asked: &'a Question,
    /// What was shown as going when its unit was to leave, or when a list of it was granted.
    pub shown: Option<&'a ObjectSet>,
    /// What the hub may do there.
    pub rights: &'a Rights,
}

/// The lists that a member may have made of what its unit has no longer: as [`prune`] makes them, with and without the Namespaces and
/// definitions of which the hub cannot know whether something in them stays.
fn lists_of_member(
    lost: &[Arc<HashedKey>],
    stays: &BTreeMap<&Arc<HashedKey>, Stays>,
    approved: &ObjectSet,
) -> Vec<Vec<Arc<HashedKey>>> {
    let (before, new): (Vec<_>, Vec<_>) =
        lost.iter().filter(|key| !stays.contains_key(key)).cloned().partition(|key| approved.contains(key));
    // A container is asked about again with what is new in it.
    let is_asked_again =
        |key: &Arc<HashedKey>| phase::is_container(key) && new.iter().any(|inside| is_within(key, inside));
    let again: Vec<_> = before.into_iter().filter(is_asked_again).collect();
    let all = [again, new].concat();
    let (containers, others): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|key| phase::is_container(key));
    let holds_nothing = |key: &Arc<HashedKey>| !stays.keys().any(|inside| is_within(key, inside));
    let spared = others.iter().cloned().chain(containers.into_iter().filter(holds_nothing)).collect();
    vec![all, spared, others]
}

/// Why an object that nobody wants any more would be given back, by what its member reported of it.
pub fn why_it_stays(row: &ObjectReport) -> Option<Stays> {
    match adopt::other_hub(row) {
        Some(hub) => Some(Stays::OtherHub(hub)),
        None if row.adopted && row.reason == RECORD_LOST => Some(Stays::Unrecorded),
        None if row.adopted => Some(Stays::Adopted),
        None if row.kept => Some(Stays::Asks),
        None if row.replaced => Some(Stays::OtherObject),
        None if [INHABITED, IN_USE].contains(&row.reason.as_str()) && phase::is_container(&row.key) => {
            Some(Stays::Inhabited(row.message.clone()))
        }
        None => None,
    }
}

/// The same, whatever becomes of other units: what such a one has in a container may leave by the same act, and the member does not know
/// that yet. Who stays keeps the container there ([`occupants`]).
fn why_it_stays_alone(row: &ObjectReport) -> Option<Stays> {
    why_it_stays(row).filter(|why| !(matches!(why, Stays::Inhabited(_)) && row.reason == IN_USE))
}

/// Does a unit no longer want the object, and it is not deleted yet?
fn is_lost_or_held(row: &ObjectReport) -> bool {
    matches!(row.sync, SyncState::PrunePending | SyncState::DeletionHeld)
}

/// What is known of one object.
struct Row {
    key: Arc<HashedKey>,
    lack: Option<Lack>,
    /// Why it stays in any case.
    stays: Option<Stays>,
}

/// Does a report say which objects a unit has in the member? One of an applier that has not seen the member does not, nor one of a
/// unit that failed before its objects were looked at, one of a unit whose inventory cannot be read, or one with fewer rows than its
/// inventory has objects.
pub fn says_what_is_there(report: &UnitReport) -> bool {
    let is_unseen = report.details.is_empty() && matches!(report.phase, UnitPhase::Unknown | UnitPhase::Failed);
    let is_whole = u32::try_from(report.details.len()).is_ok_and(|rows| rows >= report.objects.inventory);
    !is_unseen && !report.unreadable && is_whole
}

/// Who waits for objects that a unit has in a member: by what the other units of the member said. When it leaves, the first of these
/// that does not leave too takes the object over, as [`Claims::owner`](crate::handover::Claims::owner) has it.
pub fn heirs<'a>(
    unit: &UnitId,
    others: impl IntoIterator<Item = &'a UnitReport>,
) -> BTreeMap<ObjectKey, BTreeSet<UnitId>> {
    let mut out: BTreeMap<ObjectKey, BTreeSet<UnitId>> = BTreeMap::new();
    for other in others.into_iter().filter(|other| other.unit != *unit) {
        for row in other.details.iter().filter(|row| is_of_another(row)) {
            out.entry(ObjectKey::clone(&row.key)).or_default().insert(other.unit.clone());
        }
    }
    out
}

/// What a unit is called beside another one: `policy web` of the same owner, else `app/web`.
pub fn called(unit: &UnitId, beside: &UnitId) -> String {
    match unit.policy.as_deref() {
        Some(policy) if unit.owner() == beside.owner() => format!("policy {policy}"),
        _ if unit.namespace == beside.namespace => format!("app/{}", unit.name),
        _ => format!("app/{} in namespace {}", unit.name, unit.namespace),
    }
}

/// What other units have that this one keeps in the member, by who has it: what it waits for, and the Namespaces and definitions in which
/// it has something. Where such a unit leaves the member with what it has and this one leaves too, nobody takes the object over, and it
/// goes: a list of the other one that was made before said that it stays, so this one's has it.
pub fn goes_along<'a>(
    unit: &UnitReport,
    others: impl IntoIterator<Item = &'a UnitReport>,
) -> BTreeMap<ObjectKey, BTreeSet<UnitId>> {
    let awaited: BTreeSet<&ObjectKey> =
        unit.details.iter().filter(|row| is_of_another(row)).map(|row| &**row.key).collect();
    let all: BTreeSet<&ObjectKey> = unit.details.iter().map(|row| &**row.key).collect();
    let mut out: BTreeMap<ObjectKey, BTreeSet<UnitId>> = BTreeMap::new();
    if all.is_empty() {
        return out;
    }
    for other in others.into_iter().filter(|other| other.unit != unit.unit) {
        for key in going_keys(other).filter(|key| is_kept_by(key, &awaited, &all)) {
            out.entry(key.clone()).or_default().insert(other.unit.clone());
        }
    }
    out
}

/// What a unit that leaves takes along as far as others let it go: all that it has but for what it gives back.
pub fn going_keys(report: &UnitReport) -> impl Iterator<Item = &ObjectKey> {
    let rows = report.details.iter().filter(|row| is_there(row) && !row.outside && why_it_stays_alone(row).is_none());
    rows.map(|row| &**row.key)
}

/// Does a unit keep an object of another one there, that waits for the object (`awaited`) or has these?
pub fn is_kept_by(key: &ObjectKey, awaited: &BTreeSet<&ObjectKey>, has: &BTreeSet<&ObjectKey>) -> bool {
    awaited.contains(key) || phase::is_container(key) && has.iter().any(|inside| is_within(key, inside))
}

/// In which Namespaces of a unit, or of which definitions, other units of the member have something that is not on its way out: they stay, as
/// [`Claims::occupied`](crate::handover::Claims::occupied) has it. What only may go one day keeps them as what is wanted does.
pub fn occupants<'a>(
    unit: &UnitReport,
    others: impl IntoIterator<Item = &'a UnitReport>,
) -> BTreeMap<ObjectKey, BTreeSet<UnitId>> {
    let own = unit.details.iter().map(|row| &row.key).filter(|key| phase::is_container(key));
    let mut out: BTreeMap<ObjectKey, BTreeSet<UnitId>> =
        own.map(|key| (ObjectKey::clone(key), BTreeSet::new())).collect();
    if out.is_empty() {
        return out;
    }
    let is_leaving = |other: &&UnitReport| matches!(other.phase, UnitPhase::Removing | UnitPhase::Removed);
    for other in others.into_iter().filter(|other| other.unit != unit.unit && !is_leaving(other)) {
        // What it wants comes first. Where somebody has deleted that, it makes it again.
        let wanted = usize::try_from(other.objects.desired).unwrap_or(usize::MAX);
        let rows = other.details.iter().enumerate();
        let stay = rows.filter(|(index, row)| *index < wanted || row.sync != SyncState::Deleting);
        // One object tells for all of its namespace and group.
        let places: BTreeMap<(&str, &str), &ObjectKey> =
            stay.map(|(_, row)| ((row.key.namespace.as_str(), row.key.group.as_str()), &**row.key)).collect();
        for (key, units) in &mut out {
            if places.values().any(|inside| is_within(key, inside)) {
                units.insert(other.unit.clone());
            }
        }
    }
    out.retain(|_, units| !units.is_empty());
    out
}

/// Is the object in the member, and this unit's? One that was not applied yet is not, nor one that was never sent since the
/// member gives no rights to it.
fn is_there(row: &ObjectReport) -> bool {
    if row.reason == OUTSIDE_RIGHTS {
        return row.outside;
    }
    !row.unmade && !is_of_another(row)
}

/// What is known of one member.
#[derive(Clone, Debug)]
pub struct Known {
    /// The member.
    pub member: MemberName,
    /// It does not answer.
    pub away: bool,
    /// Its objects, or why they cannot be named.
    pub objects: Result<Objects, String>,
    /// The UIDs that its inventory has, as far as they are known and asked for.
    pub uids: BTreeMap<ObjectKey, Uid>,
}

/// A member, and the UIDs that are known of it.
type MemberUids = (MemberName, BTreeMap<ObjectKey, Uid>);

/// Groups members with the same objects: a list of a thousand members is as long as what differs.
pub fn grouped(all: Vec<Known>, with_uids: bool) -> (Vec<HeldGroup>, Vec<UnnamedMembers>) {
    let mut groups: BTreeMap<(bool, Objects), Vec<MemberUids>> = BTreeMap::new();
    let mut unnamed: BTreeMap<String, Vec<MemberName>> = BTreeMap::new();
    for Known { member, away, objects, uids } in all {
        match objects {
            Ok(objects) => groups.entry((away, objects)).or_default().push((member, uids)),
            Err(why) => unnamed.entry(why).or_default().push(member),
        }
    }
    let group = |((away, objects), members): ((bool, Objects), Vec<MemberUids>)| {
        let listed = objects.listed();
        let keys = || objects.goes.iter().chain(objects.stays.keys());
        let ids = |known: &BTreeMap<ObjectKey, Uid>| -> Vec<String> {
            keys().map(|key| known.get(key).map(ToString::to_string).unwrap_or_default()).collect()
        };
        let uids = members.iter().filter(|_| with_uids).map(|(member, known)| (member.clone(), ids(known)));
        HeldGroup {
            uids: uids.collect(),
            members: members.iter().map(|(member, _)| member.clone()).collect(),
            away,
            objects: listed,
        }
    };
    let mut groups: Vec<HeldGroup> = groups.into_iter().map(group).collect();
    // Those that answer first; then where it goes in most members.
    groups.sort_by_key(|group| (group.away, std::cmp::Reverse(group.members.len())));
    let unnamed = unnamed.into_iter().map(|(why, members)| UnnamedMembers { members, why });
    (groups, unnamed.collect())
}

#[cfg(test)]
mod tests;
