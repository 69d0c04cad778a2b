//! Which of a member's units an object belongs to.
//!
//! Two units may name the same object: while it moves from one to the other, or by mistake. The holder that still wants
//! it keeps it; a holder that does not is succeeded by the first unit, by id, that does. An object is therefore handed
//! over before anything is pruned, and never deleted by the unit that lets it go.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::UnitId;
use model::ObjectKey;

/// What a member's units say of one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stake {
    /// The unit's payload names it.
    pub desires: bool,
    /// The unit's inventory has it, confirmed by the server.
    pub holds: bool,
    /// The unit's inventory has it, and whether as adopted.
    pub adopted: Option<bool>,
}

/// Objects and the units that have a stake in them.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    stakes: BTreeMap<ObjectKey, BTreeMap<UnitId, Stake>>,
    keys: BTreeMap<UnitId, BTreeSet<ObjectKey>>,
}

impl Claims {
    /// Notes that a unit's payload names an object.
    pub fn desire(&mut self, unit: &UnitId, key: &ObjectKey) {
        self.stake(unit, key).desires = true;
    }

    /// Notes that a unit's inventory has an object.
    pub fn hold(&mut self, unit: &UnitId, key: &ObjectKey) {
        self.stake(unit, key).holds = true;
    }

    /// Notes that a unit's inventory has an entry, and whether the object was adopted.
    pub fn record(&mut self, unit: &UnitId, key: &ObjectKey, adopted: bool) {
        self.stake(unit, key).adopted = Some(adopted);
    }

    /// Whether the inventory of a unit other than this one has an object, and if so whether as adopted. An object that
    /// any of them made is not adopted.
    pub fn recorded(&self, key: &ObjectKey, except: &UnitId) -> Option<bool> {
        let stakes = self.stakes.get(key)?;
        stakes.iter().filter(|(unit, _)| *unit != except).filter_map(|(_, stake)| stake.adopted).min()
    }

    /// Forgets everything that a unit said, before it says it anew.
    pub fn forget(&mut self, unit: &UnitId) {
        for key in self.keys.remove(unit).unwrap_or_default() {
            if let Some(stakes) = self.stakes.get_mut(&key) {
                stakes.remove(unit);
                if stakes.is_empty() {
                    self.stakes.remove(&key);
                }
            }
        }
    }

    /// The units that have a stake in an object.
    pub fn units(&self, key: &ObjectKey) -> impl Iterator<Item = &UnitId> {
        self.stakes.get(key).into_iter().flat_map(BTreeMap::keys)
    }

    fn stake(&mut self, unit: &UnitId, key: &ObjectKey) -> &mut Stake {
        self.keys.entry(unit.clone()).or_default().insert(key.clone());
        self.stakes.entry(key.clone()).or_default().entry(unit.clone()).or_default()
    }

    /// The unit that should apply an object: who holds and desires it, else the first by id that desires it.
    pub fn owner(&self, key: &ObjectKey) -> Option<&UnitId> {
        let stakes = self.stakes.get(key)?;
        let wanting = || stakes.iter().filter(|(_, stake)| stake.desires);
        wanting().find(|(_, stake)| stake.holds).or_else(|| wanting().next()).map(|(unit, _)| unit)
    }

    /// What becomes of an object that a unit holds and no longer desires.
    pub fn succession(&self, unit: &UnitId, key: &ObjectKey) -> Succession<'_> {
        match self.owner(key) {
            None => Succession::Nobody,
            Some(owner) if owner == unit => Succession::Nobody,
            Some(owner) => {
                let taken = self.stakes.get(key).and_then(|s| s.get(owner)).is_some_and(|stake| stake.holds);
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

    fn key() -> ObjectKey {
        ObjectKey { kind: "ConfigMap".into(), namespace: "shop".into(), name: "c".into(), ..ObjectKey::default() }
    }

    #[test]
    fn a_holder_that_wants_its_object_keeps_it() {
        let mut claims = Claims::default();
        claims.desire(&unit("a"), &key());
        claims.desire(&unit("b"), &key());
        claims.hold(&unit("b"), &key());
        assert_eq!(claims.owner(&key()), Some(&unit("b")));
    }

    #[test]
    fn a_moving_object_is_awaited_then_taken() {
        let mut claims = Claims::default();
        claims.hold(&unit("a"), &key());
        assert_eq!(claims.succession(&unit("a"), &key()), Succession::Nobody);
        claims.desire(&unit("b"), &key());
        assert_eq!(claims.succession(&unit("a"), &key()), Succession::Awaited(&unit("b")));
        claims.hold(&unit("b"), &key());
        assert_eq!(claims.succession(&unit("a"), &key()), Succession::Taken(&unit("b")));
    }
}
