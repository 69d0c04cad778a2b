//! Which of a member's units an object belongs to.
//!
//! Two units may name the same object: while it moves from one to the other, or by mistake. The holder that still wants
//! it keeps it; a holder that does not is succeeded by the first unit, by id, that does. An object is therefore handed
//! over before anything is pruned, and never deleted by the unit that lets it go. A holder of which only the inventory is known,
//! as after a take-over, keeps its object from every other unit: what it wants is not known.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use api::delivery::UnitId;
use api::feed::UnitEntry;
use model::{Digest, HashedKey, KeyMap, ObjectKey, Uid};
use smallvec::SmallVec;

use crate::inhabitant::is_within;
use crate::inventory::Entry;
use crate::rights::Rights;

/// What a member's units say of one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stake {
    /// The unit's payload names it.
    pub desires: bool,
    /// The unit's inventory has it, confirmed by the server.
    pub holds: bool,
    /// The unit's inventory has it, and whether as adopted.
    pub adopted: Option<bool>,
    /// The deletion of the object was released, at the unit's epoch.
    pub doomed: bool,
    /// Fingerprint of the UID that the inventory has for it.
    pub uid: Option<NonZeroU64>,
}

/// What becomes of what a unit has and does not want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It goes, as soon as nothing is in the way and nobody has to agree.
    Prunes,
    /// It stays: the unit does not prune.
    Keeps,
    /// The unit leaves the member, with all that it has.
    Leaves,
    /// It stays as it is: the unit is in no snapshot, and nothing is known of it but its inventory.
    Idle,
}

impl Intent {
    /// What the hub says of a unit.
    pub fn of(entry: &UnitEntry) -> Self {
        match entry.removal.is_none() {
            false => Self::Leaves,
            true if entry.prune => Self::Prunes,
            true => Self::Keeps,
        }
    }
}

/// Eight bytes that stand for a UID: what tells objects of one key apart, for as long as a member has them. A UUID is
/// random already; any other text gives a part of its digest.
fn fingerprint(uid: &Uid) -> NonZeroU64 {
    let number = |bytes: &[u8]| bytes.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte));
    let number = match uid {
        Uid::Uuid(uuid) => {
            let (first, second) = uuid.split_at(8);
            number(first) ^ number(second)
        }
        Uid::Text(text) => number(Digest::of(text.as_bytes()).as_bytes()),
    };
    NonZeroU64::new(number).unwrap_or(NonZeroU64::MAX)
}

/// How other units stay in the way of deleting what holds their objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occupied {
    /// Nobody else has anything in it.
    No,
    /// What others have in it is on its way out.
    Leaving,
    /// Others do not want what they have in it, and nothing says that it goes: they are suspended, or a person has to agree.
    Undecided,
    /// What others have in it stays.
    Stays,
}

/// The units that have a stake in one object.
type Stakes = SmallVec<[(Arc<UnitId>, Stake); 1]>;

/// Objects and the units that have a stake in them.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// By object, the units in order of their ids; nearly always one.
    stakes: KeyMap<Stakes>,
    /// The objects in which a unit has a stake, each once.
    keys: BTreeMap<Arc<UnitId>, Vec<Arc<HashedKey>>>,
    /// Of all units but those that prune.
    intents: BTreeMap<UnitId, Intent>,
    /// Units that take nothing over as they are now, though they may want it.
    still: BTreeSet<UnitId>,
}

impl Claims {
    /// Says which objects a unit's payload names, instead of what was said before.
    pub fn set_desires<'a>(&mut self, unit: &UnitId, keys: impl IntoIterator<Item = &'a Arc<HashedKey>>) {
        self.change(unit, |stake| stake.desires = false);
        let keys = keys.into_iter();
        // Room for all of a new unit: a table that grows by doubling leaves holes in the memory of a hub with many members.
        if !self.keys.contains_key(unit) {
            self.stakes.reserve(keys.size_hint().0);
        }
        for key in keys {
            self.stake(unit, key).desires = true;
        }
        self.tidy(unit);
    }

    /// Says what a unit's inventory has, instead of what was said before. `epoch`: the unit's; the release of a deletion counts at that
    /// alone.
    pub fn set_entries<'a>(
        &mut self,
        unit: &UnitId,
        epoch: u64,
        entries: impl IntoIterator<Item = (&'a Arc<HashedKey>, &'a Entry)>,
    ) {
        self.change(unit, |stake| (stake.holds, stake.adopted, stake.doomed, stake.uid) = (false, None, false, None));
        for (key, entry) in entries {
            let stake = self.stake(unit, key);
            (stake.holds, stake.adopted) = (entry.uid.is_some(), Some(entry.adopted));
            stake.doomed = entry.is_doomed(epoch);
            stake.uid = entry.uid.as_ref().map(fingerprint);
        }
        self.tidy(unit);
    }

    /// Says what becomes of what a unit has and does not want, instead of what was said before.
    pub fn set_intent(&mut self, unit: &UnitId, intent: Intent) {
        match (intent, self.intents.get_mut(unit)) {
            (Intent::Prunes, None) => {}
            (Intent::Prunes, Some(_)) => drop(self.intents.remove(unit)),
            (intent, Some(known)) => *known = intent,
            (intent, None) => drop(self.intents.insert(unit.clone(), intent)),
        }
    }

    /// Says whether a unit takes over what it wants and others let go of. One that is only observed does not, nor one whose
    /// inventory cannot be read, for as long as that is so. True when that is new.
    pub fn set_takes_over(&mut self, unit: &UnitId, takes_over: bool) -> bool {
        let is_new = self.takes_over(unit) != takes_over;
        match takes_over {
            _ if !is_new => {}
            true => drop(self.still.remove(unit)),
            false => drop(self.still.insert(unit.clone())),
        }
        is_new
    }

    /// Does a unit take over what it wants and others let go of?
    pub fn takes_over(&self, unit: &UnitId) -> bool {
        !self.still.contains(unit)
    }

    fn intent(&self, unit: &UnitId) -> Intent {
        self.intents.get(unit).copied().unwrap_or(Intent::Prunes)
    }

    /// Is the unit in no snapshot, so that nothing is done to what it has?
    pub fn is_idle(&self, unit: &UnitId) -> bool {
        self.intent(unit) == Intent::Idle
    }

    /// Whether the inventory of a unit other than this one has this very object, and if so whether as adopted. An object
    /// that any of them made is not adopted; one of the same name that somebody made in its place is in none. What a unit has
    /// that is in no snapshot is not handed over.
    pub fn recorded(&self, key: &HashedKey, uid: &str, except: &UnitId) -> Option<bool> {
        let stakes = self.stakes.get(key)?;
        let same = Some(fingerprint(&uid.into()));
        let is_handed_over = |unit: &UnitId| *unit != *except && !self.is_idle(unit);
        let others = stakes.iter().filter(|(unit, stake)| is_handed_over(unit) && stake.uid == same);
        others.filter_map(|(_, stake)| stake.adopted).min()
    }

    /// Whether other units have something in a Namespace, or of a CustomResourceDefinition's group: it would go along. `rights`: what
    /// the hub may do in the member.
    pub fn occupied(&self, unit: &UnitId, container: &ObjectKey, rights: &Rights) -> Occupied {
        self.inside(unit, container, rights).map(|(occupied, ..)| occupied).max().unwrap_or(Occupied::No)
    }

    /// The first object by key that another unit has in a container, and that is not on its way out, with the first such unit.
    pub fn occupant(&self, unit: &UnitId, container: &ObjectKey, rights: &Rights) -> Option<(&HashedKey, &UnitId)> {
        let inside = self.inside(unit, container, rights).filter(|(occupied, ..)| *occupied > Occupied::Leaving);
        inside.map(|(_, key, other)| (key, other)).min()
    }

    /// What other units have in a container.
    fn inside<'a, 'b>(
        &'a self,
        unit: &'b UnitId,
        container: &'b ObjectKey,
        rights: &'b Rights,
    ) -> impl Iterator<Item = (Occupied, &'a HashedKey, &'a UnitId)> + use<'a, 'b> {
        let inside = self.stakes.iter().filter(move |(key, _)| is_within(container, key));
        let each = inside.flat_map(|(key, stakes)| stakes.iter().map(move |(other, stake)| (&**key, &**other, stake)));
        each.filter(move |(_, other, _)| **other != *unit).map(move |(key, other, stake)| {
            let occupied = match self.intent(other) {
                _ if stake.desires => Occupied::Stays,
                Intent::Idle => Occupied::Stays,
                Intent::Leaves => Occupied::Leaving,
                Intent::Keeps => Occupied::Stays,
                // It stays recorded, and is not deleted.
                Intent::Prunes if rights.lack(key).is_some() => Occupied::Stays,
                Intent::Prunes if stake.doomed => Occupied::Leaving,
                Intent::Prunes => Occupied::Undecided,
            };
            (occupied, key, other)
        })
    }

    fn change(&mut self, unit: &UnitId, mut change: impl FnMut(&mut Stake)) {
        for key in self.keys.get(unit).into_iter().flatten() {
            let stakes = self.stakes.get_mut(key).into_iter().flatten();
            stakes.filter(|(other, _)| **other == *unit).for_each(|(_, stake)| change(stake));
        }
    }

    /// Forgets the objects in which a unit has no stake any more.
    fn tidy(&mut self, unit: &UnitId) {
        let Some(keys) = self.keys.get_mut(unit) else { return };
        keys.retain(|key| {
            let Some(stakes) = self.stakes.get_mut(key) else { return false };
            stakes.retain(|(other, stake)| **other != *unit || *stake != Stake::default());
            let stays = stakes.iter().any(|(other, _)| **other == *unit);
            if stakes.is_empty() {
                self.stakes.remove(key);
            }
            stays
        });
        if keys.is_empty() {
            self.keys.remove(unit);
        } else {
            keys.shrink_to_fit();
        }
    }

    /// The objects that the payload of a unit names.
    pub fn desired(&self) -> impl Iterator<Item = &Arc<HashedKey>> {
        self.stakes.iter().filter(|(_, stakes)| stakes.iter().any(|(_, stake)| stake.desires)).map(|(key, _)| key)
    }

    /// The units that have a stake in an object.
    pub fn units(&self, key: &HashedKey) -> impl Iterator<Item = &UnitId> {
        self.stakes.get(key).into_iter().flatten().map(|(unit, _)| &**unit)
    }

    fn stake(&mut self, unit: &UnitId, key: &Arc<HashedKey>) -> &mut Stake {
        let unit = match self.keys.get_key_value(unit) {
            Some((unit, _)) => Arc::clone(unit),
            None => Arc::new(unit.clone()),
        };
        let stakes = self.stakes.entry(Arc::clone(key)).or_default();
        let index = match stakes.binary_search_by(|(other, _)| other.cmp(&unit)) {
            Ok(index) => index,
            Err(index) => {
                self.keys.entry(Arc::clone(&unit)).or_default().push(Arc::clone(key));
                stakes.insert(index, (unit, Stake::default()));
                index
            }
        };
        &mut stakes[index].1
    }

    /// The unit that has an object, or should apply it: who holds and desires it, else who holds it and is in no snapshot, else
    /// the first by id that desires it.
    pub fn owner(&self, key: &HashedKey) -> Option<&UnitId> {
        let stakes = self.stakes.get(key)?;
        let wanting = || stakes.iter().filter(|(_, stake)| stake.desires);
        let holding = wanting().find(|(_, stake)| stake.holds);
        holding.or_else(|| self.idle_holder(stakes)).or_else(|| wanting().next()).map(|(unit, _)| &**unit)
    }

    /// The unit in no snapshot that has an object. Where a unit of the snapshot has another one of that name, the object was
    /// replaced, and the record is of what is gone.
    fn idle_holder<'a>(&self, stakes: &'a Stakes) -> Option<&'a (Arc<UnitId>, Stake)> {
        let holders = || stakes.iter().filter(|(_, stake)| stake.holds);
        let is_replaced = |uid| holders().any(|(unit, stake)| !self.is_idle(unit) && stake.uid != uid);
        holders().find(|(unit, stake)| self.is_idle(unit) && !is_replaced(stake.uid))
    }

    /// What becomes of an object that a unit holds and no longer desires.
    pub fn succession(&self, unit: &UnitId, key: &HashedKey) -> Succession<'_> {
        match self.owner(key) {
            None => Succession::Nobody,
            Some(owner) if owner == unit => Succession::Nobody,
            Some(owner) => {
                let stakes = self.stakes.get(key).into_iter().flatten();
                let taken = stakes.filter(|(unit, _)| **unit == *owner).any(|(_, stake)| stake.holds);
                if taken { Succession::Taken(owner) } else { Succession::Awaited(owner) }
            }
        }
    }
}

/// What becomes of an object that its unit lets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession<'a> {
    /// No other unit wants it.
    Nobody,
    /// Another unit wants it and does not hold it yet: it stays where it is.
    Awaited(&'a UnitId),
    /// Another unit holds it: it is dropped from this inventory.
    Taken(&'a UnitId),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str) -> UnitId {
        UnitId::new("apps.kurator.dev", "Application", "default", name, None)
    }

    fn key() -> Arc<HashedKey> {
        let (kind, namespace, name) = ("ConfigMap".into(), "shop".into(), "c".into());
        ObjectKey { kind, namespace, name, ..ObjectKey::default() }.into()
    }

    fn entry(confirmed: bool) -> Entry {
        Entry { uid: confirmed.then(|| "u".into()), ..Entry::default() }
    }

    #[test]
    fn a_holder_that_wants_its_object_keeps_it() {
        let mut claims = Claims::default();
        claims.set_desires(&unit("a"), [&key()]);
        claims.set_desires(&unit("b"), [&key()]);
        assert_eq!(claims.owner(&key()), Some(&unit("a")));
        claims.set_entries(&unit("b"), 1, [(&key(), &entry(true))]);
        assert_eq!(claims.owner(&key()), Some(&unit("b")));
    }

    #[test]
    fn a_moving_object_is_awaited_then_taken() {
        let mut claims = Claims::default();
        claims.set_entries(&unit("a"), 1, [(&key(), &entry(true))]);
        assert_eq!(claims.succession(&unit("a"), &key()), Succession::Nobody);
        claims.set_desires(&unit("b"), [&key()]);
        claims.set_entries(&unit("b"), 1, [(&key(), &entry(false))]);
        assert_eq!(claims.succession(&unit("a"), &key()), Succession::Awaited(&unit("b")));
        claims.set_entries(&unit("b"), 1, [(&key(), &entry(true))]);
        assert_eq!(claims.succession(&unit("a"), &key()), Succession::Taken(&unit("b")));
    }

    #[test]
    fn what_a_unit_has_that_no_snapshot_names_is_not_handed_over() {
        let mut claims = Claims::default();
        claims.set_entries(&unit("z"), 1, [(&key(), &entry(true))]);
        claims.set_intent(&unit("z"), Intent::Idle);
        claims.set_desires(&unit("b"), [&key()]);
        assert_eq!(claims.owner(&key()), Some(&unit("z")));
        assert_eq!(claims.recorded(&key(), "u", &unit("b")), None, "it counts as somebody else's");
        // One that has it too lets go of it, and does not delete it.
        claims.set_entries(&unit("b"), 1, [(&key(), &entry(true))]);
        assert_eq!(claims.owner(&key()), Some(&unit("b")));
        claims.set_desires(&unit("b"), []);
        assert_eq!(claims.succession(&unit("b"), &key()), Succession::Taken(&unit("z")));
        // It was replaced: the record of the other one is of what is gone.
        claims.set_entries(&unit("b"), 1, [(&key(), &Entry { uid: Some("v".into()), ..Entry::default() })]);
        assert_eq!(claims.succession(&unit("b"), &key()), Succession::Nobody);
        // Its owner is back.
        claims.set_intent(&unit("z"), Intent::Prunes);
        claims.set_desires(&unit("z"), [&key()]);
        assert_eq!(claims.owner(&key()), Some(&unit("z")));
    }

    #[test]
    fn what_a_unit_wants_and_has_are_said_apart_and_forgotten_together() {
        let mut claims = Claims::default();
        claims.set_desires(&unit("a"), [&key()]);
        claims.set_entries(&unit("a"), 1, []);
        assert_eq!(claims.owner(&key()), Some(&unit("a")));
        claims.set_entries(&unit("a"), 1, [(&key(), &entry(true))]);
        claims.set_desires(&unit("a"), []);
        assert_eq!((claims.owner(&key()), claims.recorded(&key(), "u", &unit("b"))), (None, Some(false)));
        assert_eq!(claims.recorded(&key(), "another object of that name", &unit("b")), None);
        claims.set_entries(&unit("a"), 1, []);
        assert!(claims.stakes.is_empty() && claims.keys.is_empty());
    }

    #[test]
    fn a_container_is_occupied_by_what_others_have_in_it() {
        let namespace = ObjectKey { kind: "Namespace".into(), name: "shop".into(), ..ObjectKey::default() }.into();
        let (mut claims, rights) = (Claims::default(), Rights::default());
        let (inside, of_b) = (&key(), unit("b"));
        claims.set_entries(&unit("a"), 1, [(&key(), &entry(true)), (&namespace, &entry(true))]);
        assert_eq!(claims.occupied(&unit("a"), &namespace, &rights), Occupied::No);
        claims.set_entries(&unit("b"), 1, [(&key(), &entry(true))]);
        let intents = [
            (Intent::Prunes, Occupied::Undecided),
            (Intent::Keeps, Occupied::Stays),
            (Intent::Leaves, Occupied::Leaving),
            (Intent::Idle, Occupied::Stays),
        ];
        for (intent, expected) in intents {
            claims.set_intent(&unit("b"), intent);
            assert_eq!(claims.occupied(&unit("a"), &namespace, &rights), expected, "{intent:?}");
            let named = (expected != Occupied::Leaving).then(|| (&**inside, &of_b));
            assert_eq!(claims.occupant(&unit("a"), &namespace, &rights), named, "{intent:?}");
        }
        claims.set_intent(&unit("b"), Intent::Prunes);
        let elsewhere = Rights::in_namespaces(["other".to_owned()], String::new());
        assert_eq!(claims.occupied(&unit("a"), &namespace, &elsewhere), Occupied::Stays, "it may not be deleted");
        let doomed = Entry { doomed: NonZeroU64::new(1), ..entry(true) };
        claims.set_entries(&unit("b"), 1, [(&key(), &doomed)]);
        assert_eq!(claims.occupied(&unit("a"), &namespace, &rights), Occupied::Leaving);
        // A release counts at its epoch. At a later one the object is weighed again.
        claims.set_entries(&unit("b"), 2, [(&key(), &doomed)]);
        assert_eq!(claims.occupied(&unit("a"), &namespace, &rights), Occupied::Undecided);
        assert_eq!(claims.occupant(&unit("a"), &namespace, &rights), Some((&*key(), &unit("b"))));
        claims.set_entries(&unit("b"), 1, [(&key(), &entry(true))]);
        claims.set_desires(&unit("b"), [&key()]);
        assert_eq!(claims.occupied(&unit("a"), &namespace, &rights), Occupied::Stays);
        assert_eq!(claims.occupant(&unit("a"), &namespace, &rights), Some((&*key(), &unit("b"))));
        claims.set_intent(&unit("a"), Intent::Leaves);
        assert_eq!(claims.occupant(&unit("b"), &namespace, &rights), None, "the other one leaves");
        let definition = ObjectKey {
            group: "apiextensions.k8s.io".into(),
            kind: "CustomResourceDefinition".into(),
            name: "things.example.com".into(),
            ..ObjectKey::default()
        };
        let thing = ObjectKey { group: "example.com".into(), ..ObjectKey::clone(&key()) }.into();
        assert_eq!(claims.occupied(&unit("a"), &definition, &rights), Occupied::No);
        claims.set_desires(&unit("b"), [&thing]);
        assert_eq!(claims.occupied(&unit("a"), &definition, &rights), Occupied::Stays);
    }
}
