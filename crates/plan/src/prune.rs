//! What a unit no longer has: inventory − desired.
//!
//! Deletes nothing that is not in the inventory, nothing that was adopted (it is released), nothing that another unit
//! of the member wants (it is handed over first), no Namespace or definition that holds what another unit wants or keeps, or what
//! others made (it is released), nothing that was not shown to the person who agreed to an edit before it was made, and nothing at
//! all while the unit is frozen, suspended, not settled, or told by a hub that is behind. What the member gives no rights to stays: it is
//! held while the unit is there, and let go of when it leaves. Deletions that a source causes wait for
//! the word of the [guard](crate::guard); it counts at the epoch at which it was given, and at no other.

use std::sync::Arc;

use api::delivery::{DeletionState, Deletions, ObjectSet, Question, Removal, UnitId};
use api::feed::UnitEntry;
use model::{Digest, HashedKey, KeyMap, KeySet, ObjectKey, words};

use crate::handover::{Claims, Occupied, Succession};
use crate::inhabitant::{self, Inhabitants};
use crate::inventory::{Entry, Inventory, Released};
use crate::ownership::NotOurs;
use crate::phase;
use crate::report::{IN_USE, INHABITED, NEEDED, NOT_VISIBLE};
use crate::rights::{Lack, Rights};

/// What the decision is made from.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// What the hub says of the unit.
    pub entry: &'a UnitEntry,
    /// What the member has of it.
    pub inventory: &'a Inventory,
    /// The keys of its payload.
    pub desired: &'a KeySet,
    /// What all units of the member want and hold.
    pub claims: &'a Claims,
    /// What the hub may do in the member.
    pub rights: &'a Rights,
    /// Who else lives in Namespaces and definitions that were looked into a moment ago.
    pub inhabitants: &'a KeyMap<Inhabitants>,
    /// Whether everything desired was applied and waited for. Until then the old objects may be all that works.
    pub settled: bool,
    /// The unit leaves, and has not left for long: others that have something in its Namespaces may be leaving as well, and the
    /// hub says so one after the other. Until then a Namespace is not given back because of them. Nor is an object let go of that a unit
    /// wants which takes nothing over as it is now.
    pub patient: bool,
    /// The unit leaves, and those that take over what it has still have time for that.
    pub awaits: bool,
}

/// What to do, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Namespaces and definitions that would go, and of which it is not known who lives in them: to be looked into before
    /// anything is planned. Nothing else is to be done then.
    pub look_into: Vec<Arc<HashedKey>>,
    /// Entries to forget: another unit holds the object now.
    pub forget: Vec<Arc<HashedKey>>,
    /// Adopted objects to give back.
    pub release: Vec<Arc<HashedKey>>,
    /// Objects to let go of as they are: the member gives no rights to them, and the unit leaves.
    pub let_go: Vec<Arc<HashedKey>>,
    /// Objects to let go of as they are: these units want them, and did not take them over in time. The unit leaves.
    pub leave: Vec<(Arc<HashedKey>, UnitId)>,
    /// Objects whose release to deletion must be recorded in the inventory before anything is deleted.
    pub doom: Vec<Arc<HashedKey>>,
    /// What to record with them.
    pub released: Option<Released>,
    /// With them, nothing is left of which a person was not asked: all else stays, or was in a list before.
    pub asked_all: bool,
    /// Objects to delete, dependants first; see [`waves`].
    pub delete: Vec<Arc<HashedKey>>,
    /// Whether the inventory goes too, once it is empty: the unit leaves the member.
    pub finish: bool,
}

/// Why objects that are no longer desired are still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitingOn {
    /// The policy does not prune.
    NotAsked(usize),
    /// The unit is only observed.
    Suspended(usize),
    /// The unit did not resolve.
    Frozen {
        /// Why, in the hub's words.
        why: String,
        /// How many objects.
        count: usize,
    },
    /// Not everything desired is applied yet.
    Apply(usize),
    /// Other units are taking these over.
    Handover(Vec<(Arc<HashedKey>, UnitId)>),
    /// Other owners that follow the same source are to have these.
    Claimed(Vec<Arc<HashedKey>>),
    /// What other units have in these, or of these, goes first.
    Occupied(Vec<Arc<HashedKey>>),
    /// These stay, since others have something in them, or of them, with these words. They are released.
    Inhabited(Vec<(Arc<HashedKey>, String)>),
    /// These stay, since another unit has something in them, or of them, and keeps it, with these words. They are released, unless that one
    /// leaves first.
    InUse(Vec<(Arc<HashedKey>, String)>),
    /// These stay and stay recorded, since the unit itself wants something in them, with these words. They go with that, or when the unit
    /// leaves.
    Needed(Vec<(Arc<HashedKey>, String)>),
    /// It cannot be seen whether others have something in these, for this reason.
    Unseen(Vec<(Arc<HashedKey>, String)>),
    /// These stay, and stay recorded: the member gives no rights to them.
    OutsideRights {
        /// The objects.
        objects: Vec<(Arc<HashedKey>, Lack)>,
        /// The command that gives what the first of them lacks.
        widen: String,
    },
    /// These stay when the unit leaves, and are let go of last: the member gives no rights to them.
    LeftOutside(Vec<(Arc<HashedKey>, Lack)>),
    /// The hub has to release the list.
    Guard,
}

impl WaitingOn {
    /// Why a container stays, as reason and words.
    pub fn stays(&self, key: &HashedKey) -> Option<(&'static str, String)> {
        let find = |containers: &[(Arc<HashedKey>, String)]| {
            containers.iter().find(|(container, _)| **container == *key).map(|(_, why)| why.clone())
        };
        match self {
            Self::Unseen(containers) => Some((NOT_VISIBLE, find(containers)?)),
            Self::Inhabited(containers) => Some((INHABITED, NotOurs::Inhabited(find(containers)?).to_string())),
            Self::InUse(containers) => Some((IN_USE, NotOurs::Inhabited(find(containers)?).to_string())),
            Self::Needed(containers) => Some((NEEDED, NotOurs::Inhabited(find(containers)?).to_string())),
            _ => None,
        }
    }

    /// May this end by what another unit does? Another unit may also take over what waits for the hub: then it is in no list.
    pub fn may_end_by_others(&self) -> bool {
        matches!(self, Self::Handover(_) | Self::Occupied(_) | Self::InUse(_) | Self::Guard)
    }

    /// Are these in no list while they wait, though they may be deleted without a person's word later? A container never is, nor what
    /// would only be given back.
    pub fn is_unlisted(&self, inventory: &Inventory) -> bool {
        let waits = matches!(self, Self::Handover(_) | Self::Claimed(_) | Self::OutsideRights { .. });
        waits && self.objects().into_iter().any(|key| may_go_later(inventory, key))
    }

    /// The units that are to take over what waits.
    pub fn heirs(&self) -> impl Iterator<Item = &UnitId> {
        let moving = if let Self::Handover(moving) = self { moving.as_slice() } else { &[] };
        moving.iter().map(|(_, unit)| unit)
    }

    /// The objects that wait for this, as far as they are named.
    pub fn objects(&self) -> Vec<&Arc<HashedKey>> {
        match self {
            Self::NotAsked(_) | Self::Suspended(_) | Self::Frozen { .. } | Self::Apply(_) | Self::Guard => Vec::new(),
            Self::Handover(moving) => moving.iter().map(|(key, _)| key).collect(),
            Self::Claimed(objects) | Self::Occupied(objects) => objects.iter().collect(),
            Self::Inhabited(containers)
            | Self::InUse(containers)
            | Self::Needed(containers)
            | Self::Unseen(containers) => containers.iter().map(|(key, _)| key).collect(),
            Self::OutsideRights { objects, .. } | Self::LeftOutside(objects) => {
                objects.iter().map(|(key, _)| key).collect()
            }
        }
    }
}

/// What there is to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Why something is still there.
    pub waiting: Vec<WaitingOn>,
    /// The deletions that the source causes at this epoch, for the hub's guard.
    pub deletions: Option<Deletions>,
    /// All objects of these, while they wait.
    pub going: Vec<Arc<HashedKey>>,
}

/// May an object that waits be deleted when it waits no longer? What was there before us, or asks to stay, never is.
fn may_go_later(inventory: &Inventory, key: &HashedKey) -> bool {
    !inventory.get(key).is_some_and(Entry::is_only_released)
}

/// Decides.
pub fn plan(observed: &Observed<'_>) -> (Plan, Report) {
    let (plan, mut report) = decide(observed);
    if let Some(list) = &mut report.deletions {
        list.left = left(observed, &plan);
    }
    (plan, report)
}

/// How many of those whose deletion was released at this epoch, or is with this plan, are still there.
fn left(observed: &Observed<'_>, plan: &Plan) -> u32 {
    let Observed { entry, inventory, desired, claims, .. } = *observed;
    let leaving = entry.removal != Removal::None;
    let stale = inventory.entries().keys().filter(|key| leaving || !desired.contains(*key));
    // What another unit wants by now is not deleted any more.
    let is_awaited = |key: &&Arc<HashedKey>| matches!(claims.succession(&entry.unit, key), Succession::Awaited(_));
    let doomed = stale.filter(|key| inventory.is_doomed(key, entry.epoch) && !is_awaited(key)).count();
    u32::try_from(doomed + plan.doom.len()).unwrap_or(u32::MAX)
}

fn decide(observed: &Observed<'_>) -> (Plan, Report) {
    let Observed { entry, inventory, desired, claims, rights, inhabitants, settled, patient, awaits } = *observed;
    let (mut plan, mut report) = (Plan::default(), Report::default());
    let leaving = entry.removal != Removal::None;
    let stale: Vec<&Arc<HashedKey>> =
        inventory.entries().keys().filter(|key| leaving || !desired.contains(*key)).collect();
    plan.finish = leaving;
    if stale.is_empty() {
        report.deletions = remembered(observed);
        return (plan, report);
    }
    if entry.suspend && !leaving {
        report.waiting.push(WaitingOn::Suspended(stale.len()));
        return (plan, report);
    }
    let mut candidates = Vec::new();
    let (mut moving, mut outside, mut untaken) = (Vec::new(), Vec::new(), Vec::new());
    let mut claimed = Vec::new();
    let is_claimed = |key: &Arc<HashedKey>| {
        let claimed = entry.claimed.as_ref().filter(|_| !leaving);
        claimed.is_some_and(|claimed| claimed.contains(key)) && !inventory.is_doomed(key, entry.epoch)
    };
    for key in stale {
        match (claims.succession(&entry.unit, key), rights.lack(key)) {
            (Succession::Taken(_), _) => plan.forget.push(Arc::clone(key)),
            // Who would take it over may not apply it either: a unit that leaves would wait without end.
            (Succession::Awaited(other), lack) if !leaving || lack.is_none() => {
                // One that stays has time. One that leaves would wait for as long as the other one is suspended, its inventory cannot be
                // read, or the member refuses what it applies.
                let is_awaited = !leaving || patient || (awaits && claims.takes_over(other));
                if !is_awaited {
                    untaken.push((Arc::clone(key), other.clone()));
                }
                moving.push((Arc::clone(key), other.clone()));
            }
            _ if is_claimed(key) => claimed.push(Arc::clone(key)),
            (_, Some(lack)) => outside.push((Arc::clone(key), lack)),
            (_, None) => candidates.push(Arc::clone(key)),
        }
    }
    // What waits for another unit, may not be deleted now, or cannot be seen may be deleted later.
    let in_no_list = moving.iter().map(|(key, _)| key).chain(outside.iter().map(|(key, _)| key)).chain(&claimed);
    let mut asked_all = !in_no_list.into_iter().any(|key| may_go_later(inventory, key));
    if !moving.is_empty() {
        report.waiting.push(WaitingOn::Handover(moving));
    }
    if !claimed.is_empty() {
        report.waiting.push(WaitingOn::Claimed(claimed));
    }
    if entry.removal == Removal::Release {
        plan.release = candidates;
        plan.release.extend(untaken.into_iter().map(|(key, _)| key));
        plan.let_go = outside.into_iter().map(|(key, _)| key).collect();
        return (plan, report);
    }
    if !leaving && !entry.prune {
        let count = candidates.len() + outside.len();
        if count > 0 {
            report.waiting.push(WaitingOn::NotAsked(count));
        }
        return (plan, report);
    }
    if let Some(why) = &entry.frozen {
        report.waiting.push(WaitingOn::Frozen { why: why.clone(), count: candidates.len() + outside.len() });
        return (plan, report);
    }
    // What would only be given back is let go of: nothing would be deleted anyway. The hub can do nothing about the rest either, so that
    // it does not keep a unit that leaves. It is let go of last: a mistake that is taken back earlier loses nothing.
    let is_only_released = |(key, _): &(Arc<HashedKey>, Lack)| inventory.get(key).is_some_and(Entry::is_only_released);
    let is_last = outside.len() == inventory.entries().len();
    let is_let_go = |one: &(Arc<HashedKey>, Lack)| leaving && (is_last || is_only_released(one));
    let (let_go, outside): (Vec<_>, Vec<_>) = outside.into_iter().partition(is_let_go);
    plan.let_go = let_go.into_iter().map(|(key, _)| key).collect();
    match outside.first() {
        None => {}
        Some(_) if leaving => report.waiting.push(WaitingOn::LeftOutside(outside)),
        Some((_, lack)) => {
            let all = desired.iter().chain(claims.desired()).chain(inventory.entries().keys());
            let widen = rights.widened(lack, &rights.lacks(all));
            report.waiting.push(WaitingOn::OutsideRights { objects: outside, widen });
        }
    }
    let settled = settled || leaving;
    if !settled {
        report.waiting.push(WaitingOn::Apply(candidates.len()));
        // The hub may already weigh the list.
    }
    let (mut release, mut delete, mut occupied) = (Vec::new(), Vec::new(), Vec::new());
    let (mut inhabited, mut in_use, mut needed, mut unseen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for key in candidates {
        if inventory.get(&key).is_some_and(Entry::is_only_released) {
            release.push(key);
            continue;
        }
        if !phase::is_container(&key) {
            delete.push(key);
            continue;
        }
        if let Some(own) = inhabitant::stays_inside(&key, inventory, desired, leaving) {
            let said = format!("{own}, which this unit keeps,");
            // What the source still has in it needs it: it stays ours, and goes with that.
            let is_needed = !leaving && desired.contains(own);
            if is_needed {
                needed.push((key, said))
            } else {
                inhabited.push((key, said))
            }
            continue;
        }
        match (claims.occupied(&entry.unit, &key, rights), inhabitants.get(&key)) {
            (Occupied::Stays | Occupied::Undecided, _) if leaving && patient => occupied.push(key),
            // A unit that stays can wait for what others have to decide; one that leaves would wait without end.
            (Occupied::Undecided, _) if !leaving => occupied.push(key),
            // Deleting it would delete what another unit wants, or keeps.
            (Occupied::Stays | Occupied::Undecided, _) => {
                let other = claims.occupant(&entry.unit, &key, rights);
                let who = other.map(|(inside, other)| format!("{inside}, which app/{} has,", other.name));
                in_use.push((key, who.unwrap_or_default()));
            }
            (Occupied::Leaving, _) => occupied.push(key),
            (Occupied::No, None) => plan.look_into.push(key),
            (Occupied::No, Some(Inhabitants::Nobody)) => delete.push(key),
            (Occupied::No, Some(Inhabitants::Unseen(why))) => unseen.push((key, why.clone())),
            (Occupied::No, Some(strangers)) => {
                inhabited.push((key, strangers.strangers().unwrap_or_default()));
            }
        }
    }
    if !plan.look_into.is_empty() {
        return (Plan { look_into: plan.look_into, ..Plan::default() }, Report::default());
    }
    // Given back with the list that it would have been in: a mistake that is taken back loses nothing. So is what nobody took over.
    let given_back: Vec<Arc<HashedKey>> = inhabited.iter().chain(&in_use).map(|(key, _)| Arc::clone(key)).collect();
    asked_all &= occupied.is_empty() && unseen.is_empty() && needed.is_empty();
    let waits = [
        (!occupied.is_empty()).then_some(WaitingOn::Occupied(occupied)),
        (!inhabited.is_empty()).then_some(WaitingOn::Inhabited(inhabited)),
        (!in_use.is_empty()).then_some(WaitingOn::InUse(in_use)),
        (!needed.is_empty()).then_some(WaitingOn::Needed(needed)),
        (!unseen.is_empty()).then_some(WaitingOn::Unseen(unseen)),
    ];
    report.waiting.extend(waits.into_iter().flatten());
    delete.sort_by(|a, b| phase::rank(b).cmp(&phase::rank(a)).then_with(|| a.cmp(b)));
    let behind = inventory.is_behind(entry);
    let unshown = unshown(observed, &delete);
    if leaving && unshown.is_empty() && (!behind || delete.is_empty()) {
        release.extend(given_back);
        plan.release = release;
        plan.leave = untaken;
        plan.delete = delete;
        return (plan, report);
    }
    // What a person agreed to goes as if it were released already, unless the hub may have forgotten why. What was agreed to
    // of a unit that stays is a list as any other while it is whole.
    let is_cut = leaving || !unshown.is_empty();
    let agreed = entry.shown.is_some() || leaving;
    let (doomed, pending): (Vec<_>, Vec<_>) = delete.into_iter().partition(|key| {
        let goes = agreed && is_cut && !behind && !unshown.contains(key);
        goes || inventory.is_doomed(key, entry.epoch)
    });
    let mut deletable = doomed;
    // What a unit that stays would give back stays with a list that waits: a mistake that is taken back loses nothing.
    let mut is_held = false;
    if pending.is_empty() {
        release.extend(given_back);
        plan.leave = untaken;
        report.deletions = remembered(observed);
    } else {
        let mut list = list_of(observed, &pending);
        list.unshown = !unshown.is_empty() || shown_of_released(entry, inventory).is_some();
        let is_shown = agreed && !is_cut && !behind;
        let granted = is_shown || entry.approved == Some(list.digest);
        if granted && settled {
            release.extend(given_back);
            plan.leave = untaken;
            // What was named as staying is no part of what a person agreed to, though the digest is of it too.
            let (goes, rest) = match entry.approved_shown.as_ref().filter(|_| !is_shown) {
                Some(shown) => split_shown(shown, pending),
                None => (pending, Vec::new()),
            };
            // What the approval names is what is reported as carried out, also when what asks to stay was left out before.
            let digest = entry.approved.filter(|_| is_shown).unwrap_or(list.digest);
            let count = list.released + u32::try_from(goes.len()).unwrap_or(u32::MAX);
            let released = Released { epoch: entry.epoch, digest, count };
            plan.released = Some(released);
            plan.doom.clone_from(&goes);
            plan.asked_all = asked_all && rest.is_empty();
            deletable.extend(goes);
            report.deletions = Some(as_released(released));
            if !rest.is_empty() {
                report.waiting.push(WaitingOn::Guard);
                report.deletions = Some(Deletions { unshown: true, ..list_after(observed, &rest, Some(released)) });
                report.going = rest;
            }
        } else if is_shown {
            // It was approved already, and goes once everything desired is applied.
            report.deletions = remembered(observed);
        } else {
            if !granted {
                report.waiting.push(WaitingOn::Guard);
                is_held = !leaving;
            }
            report.deletions = Some(list);
            report.going = pending;
        }
    }
    if settled {
        plan.release = if is_held { Vec::new() } else { release };
        deletable.sort_by(|a, b| phase::rank(b).cmp(&phase::rank(a)).then_with(|| a.cmp(b)));
        plan.delete = deletable;
    }
    (plan, report)
}

/// Of what would be deleted, the objects that were not shown to the person who agreed that the unit leaves, or that it deletes
/// what it lost while the member was away, and whose deletion was not released since. A container in which one of them is waits
/// with it: it would take that along.
fn unshown(observed: &Observed<'_>, delete: &[Arc<HashedKey>]) -> Vec<Arc<HashedKey>> {
    let Some(shown) = &observed.entry.shown else { return Vec::new() };
    let is_doomed = |key: &Arc<HashedKey>| observed.inventory.is_doomed(key, observed.entry.epoch);
    let beyond: KeySet = delete.iter().filter(|key| !shown.contains(key) && !is_doomed(key)).cloned().collect();
    let holds = |key: &Arc<HashedKey>| {
        phase::is_container(key) && !is_doomed(key) && beyond.iter().any(|inside| inhabitant::is_within(key, inside))
    };
    delete.iter().filter(|key| beyond.contains(*key) || holds(key)).cloned().collect()
}

/// The list of these objects, which wait. Its digest is of exactly these, and of why they would go: one of a unit that leaves is another
/// list than one of a unit that stays, so that what was granted of either releases nothing of the other.
fn list_of(observed: &Observed<'_>, pending: &[Arc<HashedKey>]) -> Deletions {
    list_after(observed, pending, observed.inventory.released())
}

/// The same when this was released last. Of a list of which nothing went, all that was named as staying is left: the same objects, and
/// another list, so that the word about the first one is no word about it.
fn list_after(observed: &Observed<'_>, pending: &[Arc<HashedKey>], released: Option<Released>) -> Deletions {
    let Observed { entry, inventory, .. } = *observed;
    let released = released.filter(|r| r.epoch == entry.epoch);
    let behind = inventory.is_behind(entry);
    let mut list = deletions(pending, released.map_or(0, |r| r.count), behind);
    if behind {
        list.digest = digest_behind(inventory, entry.epoch, pending);
    }
    list.digest = digest_asked(list.digest, &entry.question());
    if released.is_some_and(|released| released.digest == list.digest) {
        list.digest = Digest::of_texts(["left over".to_owned(), list.digest.to_string()]);
    }
    list
}

/// The digest of a list as a member says it that was asked this. `keys`: of the objects alone.
pub fn digest_asked(keys: Digest, asked: &Question) -> Digest {
    let shown = asked.shown.as_ref().map(ToString::to_string).unwrap_or_default();
    match asked.removal {
        Removal::None => keys,
        removal => Digest::of_texts([format!("{removal:?}"), shown, keys.to_string()]),
    }
}

/// What was named as going of the list that is released now, if that is known. What is left over was named as staying: it goes by a word
/// of its own.
pub fn shown_of_released<'a>(entry: &'a UnitEntry, inventory: &Inventory) -> Option<&'a ObjectSet> {
    let released = inventory.released().filter(|released| released.epoch == entry.epoch);
    entry.approved_shown.as_ref().filter(|_| released.is_some_and(|released| entry.approved == Some(released.digest)))
}

/// Divides a list into what was shown as going and the rest. A container in which any of the rest is waits with it.
fn split_shown(shown: &ObjectSet, list: Vec<Arc<HashedKey>>) -> (Vec<Arc<HashedKey>>, Vec<Arc<HashedKey>>) {
    let rest: KeySet = list.iter().filter(|key| !shown.contains(key)).cloned().collect();
    let holds =
        |key: &HashedKey| phase::is_container(key) && rest.iter().any(|inside| inhabitant::is_within(key, inside));
    list.into_iter().partition(|key| !rest.contains(key) && !holds(key))
}

/// What was released at this epoch stays in the report, so that the guard counts it with what other members still
/// have to delete.
fn remembered(observed: &Observed<'_>) -> Option<Deletions> {
    observed.inventory.released().filter(|r| r.epoch == observed.entry.epoch).map(as_released)
}

fn as_released(released: Released) -> Deletions {
    Deletions {
        digest: released.digest,
        count: 0,
        sample: Vec::new(),
        guarded: 0,
        state: DeletionState::Released,
        released: released.count,
        behind: false,
        unshown: false,
        untaken: false,
        left: 0,
        objects: None,
    }
}

fn named(key: &ObjectKey) -> String {
    words::bounded(&key.to_string(), ObjectKey::CHARS_MAX)
}

/// Describes a list of deletions of one member. The digest is of exactly this list.
pub fn deletions(keys: &[Arc<HashedKey>], released: u32, behind: bool) -> Deletions {
    let mut sorted: Vec<&Arc<HashedKey>> = keys.iter().collect();
    sorted.sort();
    let digest = Digest::of_texts(sorted.iter().map(ToString::to_string));
    sorted.sort_by_key(|key| !phase::is_guarded(key));
    Deletions {
        digest,
        count: u32::try_from(keys.len()).unwrap_or(u32::MAX),
        sample: sorted.iter().take(Deletions::SAMPLE_MAX).map(|key| named(key)).collect(),
        guarded: u32::try_from(keys.iter().filter(|k| phase::is_guarded(k)).count()).unwrap_or(u32::MAX),
        state: DeletionState::Waiting,
        released,
        behind,
        unshown: false,
        untaken: false,
        left: 0,
        objects: (keys.len() <= Deletions::OBJECTS_MAX)
            .then(|| Box::new(ObjectSet::new(keys.iter().map(|key| &***key)))),
    }
}

/// The digest of a list that a hub restored from a backup asks for: of exactly these objects, by UID, as of the newest
/// epoch that either side has seen, so that it stays the same when the inventory takes over the hub's epoch. A grant of the
/// same names that is in the backup was given for other objects, and releases nothing.
fn digest_behind(inventory: &Inventory, epoch: u64, keys: &[Arc<HashedKey>]) -> Digest {
    let mut lines: Vec<String> = keys
        .iter()
        .map(|key| {
            let uid = inventory.get(key).and_then(|entry| entry.uid.as_ref());
            format!("{key} {}", uid.map(ToString::to_string).unwrap_or_default())
        })
        .collect();
    lines.sort();
    lines.insert(0, format!("behind {}", inventory.epoch().max(epoch)));
    Digest::of_texts(lines)
}

/// Splits deletions into waves: the next is begun when the one before is gone. Namespaces and CRDs, which take with them
/// what is in them, are last.
pub fn waves(delete: &[Arc<HashedKey>]) -> (Vec<Arc<HashedKey>>, Vec<Arc<HashedKey>>) {
    delete.iter().cloned().partition(|key| !phase::is_container(key))
}

#[cfg(test)]
mod tests;
