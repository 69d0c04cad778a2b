//! One pass over one unit: look, apply in phases, prune, say what is.
//!
//! A pass is level-triggered and never waits for the member to change: where a phase has to wait, it ends, and what the
//! watches see begins the next one. It may be begun at any time and for no reason; a settled unit costs no request.

mod apply;
mod delete;
pub(crate) mod look;
mod outside;
mod quick;
mod recall;
mod report;
mod restore;
mod send;
mod taken;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use api::delivery::{Deletions, ShortId, UnitId};
use api::feed::{UnitEntry, UnitReport};
use model::{Digest, GroupVersionKind, HashedKey, KeyMap, KeySet};
use plan::apply::{self as decision, Step, Why};
use plan::instruction::Asked;
use plan::inventory::{Inventory, Recollection};
use plan::prepare::{self, Bundle, Prepared};
use plan::prune::WaitingOn;
use plan::report::{How, Unmet};
use tokio::time::Instant;

use crate::connection::{Connection, Kind, View};
use crate::error::Error;
use crate::feed::{FeedError, Renewed, Restored};
use crate::limit;
use crate::record::{Memory, Past};
use crate::shard::{self, InventorySecrets, Seen};
use crate::shared::Lanes;

use outside::Outside;
pub(crate) use quick::{Due, Settled, asks_the_same};

/// A unit between passes.
pub(crate) struct Unit {
    pub(crate) id: UnitId,
    pub(crate) short: ShortId,
    pub(crate) inventory: Inventory,
    /// The inventory cannot be read, or it is not known whether the last write of it arrived: it is read before
    /// anything else is done.
    pub(crate) unreadable: bool,
    /// What the member's inventory says was not read, so that it is not known what the unit has there.
    pub(crate) unknown: bool,
    pub(crate) inventory_secrets: InventorySecrets,
    pub(crate) past: Past,
    /// The phase that is waited for: of which payload, which, since when.
    pub(crate) batch: Option<(Digest, usize, Instant)>,
    /// Failures of the unit as a whole in a row.
    pub(crate) failures: u32,
    /// When its Secrets were last seen in the member, or written.
    pub(crate) seen: Instant,
    /// Objects that it has are not there, or the inventory comes from an earlier connection: its Secrets may be gone too.
    pub(crate) doubted: bool,
    /// The member has no inventory of it, and had one: what the hub knows of that, until all of it is written again.
    pub(crate) recollection: Option<Box<Recollection>>,
    /// A whole pass found that nothing is left to do.
    pub(crate) settled: Option<Settled>,
    /// [`Inventory::mutations`] and the unit's epoch as of what the other units were told.
    pub(crate) claimed: Option<(u64, u64)>,
    /// When objects with an autoscaler were last asked whether they still have it: no watch tells.
    pub(crate) scaled: Instant,
}

/// What outlives its connection of an inventory whose Secrets may be gone when the member is reached again, or are.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    /// UID of the cluster's kube-system namespace.
    cluster: String,
    inventory: Inventory,
    recollection: Option<Box<Recollection>>,
}

impl Remembered {
    /// The objects that it names.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Arc<HashedKey>> {
        self.inventory.entries().keys()
    }
}

impl Unit {
    /// What outlives a connection to this cluster.
    pub(crate) fn into_past(self, cluster: &str) -> Past {
        let Self { past, inventory, recollection, .. } = self;
        let is_known = !inventory.entries().is_empty() || recollection.is_some();
        let cluster = cluster.to_owned();
        let remembered = is_known.then(|| Box::new(Remembered { cluster, inventory, recollection }));
        Past { remembered, ..past }
    }

    /// Takes over what is known of it from an earlier connection. Its inventory counts where the member has none: what we
    /// know to be ours is not adopted. Whether an object is still that one is asked before it is deleted, as ever.
    pub(crate) fn remember(&mut self, mut past: Past, cluster: &str) {
        let remembered = past.remembered.take().filter(|remembered| remembered.cluster == cluster);
        self.past = past;
        let Some(remembered) = remembered else { return };
        self.recollection = remembered.recollection;
        if !remembered.inventory.entries().is_empty() && !self.unreadable && self.inventory_secrets.is_empty() {
            (self.inventory, self.doubted) = (remembered.inventory, true);
        }
    }
}

/// What came of a pass.
pub(crate) struct Outcome {
    pub(crate) unit: Box<Unit>,
    /// `None` while the member's objects are still being listed.
    pub(crate) report: Option<UnitReport>,
    /// When to look again, whatever happens.
    pub(crate) next: Duration,
    /// Another unit's pass may change what this one can do.
    pub(crate) waits_for_others: bool,
    /// What this unit holds changed, or an object that others want: they may have waited for that.
    pub(crate) moved: bool,
    /// Nothing can be asked of the member.
    pub(crate) unreachable: Option<Error>,
    /// Its inventory was gone, and is written again.
    pub(crate) restored: Option<Restored>,
    /// Objects were deleted to be made again.
    pub(crate) renewed: Option<Renewed>,
    /// It panicked: the report says so, and nothing of the objects.
    pub(crate) panicked: bool,
}

/// How far a pass got.
enum Progress {
    /// Lists are on the way.
    Listing,
    /// Lists are on the way for so long that what was known earlier is not known any more.
    Unlisted { leaving: bool },
    /// The hub has not said yet what the unit is.
    NoPayload(FeedError),
    /// Observed only.
    Suspended,
    /// A phase waits.
    Waiting { phase: String, left: Duration },
    /// Everything was tried.
    Done,
    /// A few objects were looked at, and the unit is settled as before.
    Quick,
    /// The unit is on its way out, or out.
    Leaving { gone: bool },
}

/// Most attempts to write an inventory in one pass, while others touch its Secrets and leave what they say. Tools that do
/// so come by once; one that keeps on has the unit fail, and be tried again after a pause.
const INVENTORY_TRIES: u32 = 3;

/// What is done to the inventory in the member.
#[derive(Clone, Copy, Debug)]
enum Write {
    /// It is brought up to date, if it changed.
    Save,
    /// It is deleted.
    Remove,
}

/// A pass on its way.
struct Pass {
    began: Instant,
    connection: Arc<Connection>,
    entry: UnitEntry,
    bundle: Result<Arc<Bundle>, FeedError>,
    unit: Box<Unit>,
    /// Why objects that are no longer desired are still there.
    kept: Vec<WaitingOn>,
    deletions: Option<Deletions>,
    /// It was counted what is to be deleted.
    counted: bool,
    /// All objects of these, while they wait.
    going: Vec<Arc<HashedKey>>,
    /// Objects that it wants or has and to which the member gives no rights.
    outside: KeyMap<Arc<Outside>>,
    /// Objects that another unit has.
    elsewhere: BTreeSet<Arc<HashedKey>>,
    /// Objects that are there and not recorded, and ask to be left alone.
    left_alone: KeyMap<Asked>,
    /// Objects that were read before they are applied for the first time, or made again, and whether they were there.
    read: KeyMap<bool>,
    /// Does anything wait for another unit?
    waits_for_others: bool,
    /// Something was written that another unit wants too.
    wrote_for_others: bool,
    /// Others were told something else of it than before that is not in its inventory.
    told_others: bool,
    /// An object changed between reading and writing it: look again at once.
    again: bool,
    /// Only a few objects were looked at.
    is_quick: bool,
    /// Its inventory was gone, and is written again.
    restored: Option<Restored>,
    /// Objects that were deleted to be made again.
    renewed: Vec<Arc<HashedKey>>,
    /// Whether another hub took over what the unit had, and which, once that was asked.
    taken_by: Option<Option<String>>,
    /// Since when the kind is being listed that is waited for the longest.
    listing: Option<Instant>,
}

/// Looks at a unit and does what is to be done now.
pub(crate) async fn pass(
    connection: Arc<Connection>,
    unit: Box<Unit>,
    entry: UnitEntry,
    bundle: Result<Arc<Bundle>, FeedError>,
    due: Due,
) -> Outcome {
    let mut pass = Pass {
        began: Instant::now(),
        connection,
        entry,
        bundle,
        unit,
        kept: Vec::new(),
        deletions: None,
        counted: false,
        going: Vec::new(),
        outside: KeyMap::default(),
        elsewhere: BTreeSet::new(),
        left_alone: KeyMap::default(),
        read: KeyMap::default(),
        waits_for_others: false,
        wrote_for_others: false,
        told_others: false,
        again: false,
        is_quick: false,
        restored: None,
        renewed: Vec::new(),
        taken_by: None,
        listing: None,
    };
    let before = pass.unit.inventory.mutations();
    let result = match pass.quick(&due).await {
        Ok(Some(progress)) => Ok(progress),
        Ok(None) => pass.run().await,
        Err(e) => Err(e),
    };
    pass.claim();
    let moved = pass.unit.inventory.mutations() != before || pass.wrote_for_others || pass.told_others;
    Outcome { moved, ..pass.outcome(result) }
}

impl Pass {
    async fn run(&mut self) -> Result<Progress, Error> {
        // Whatever ends this pass early, the next one is a whole one too.
        self.unit.settled = None;
        // Somebody may have repaired it. And a unit that leaves with nothing to its name may have an inventory whose labels
        // were taken off.
        if self.unit.unreadable || (!self.entry.removal.is_none() && self.unit.inventory_secrets.is_empty()) {
            self.reload().await?;
        }
        self.keep_off()?;
        self.note_outside();
        let leaving = !self.entry.removal.is_none();
        let since = self.unit.past.leaving_since.filter(|_| leaving);
        self.unit.past.leaving_since = leaving.then(|| since.unwrap_or_else(Instant::now));
        self.restore().await?;
        if let Some(known) = self.unit.recollection.as_deref().filter(|_| leaving) {
            // What it had could not be read yet: the unit has not left before.
            return Ok(self.what_is_awaited(known));
        }
        if self.watch().await? {
            let overdue = self.listing.is_some_and(|since| since.elapsed() >= limit::LISTED_WITHIN);
            return Ok(if overdue { Progress::Unlisted { leaving } } else { Progress::Listing });
        }
        if let Ok(bundle) = self.bundle.clone() {
            self.note_unmet(bundle.objects());
        }
        self.keep_what_was_to_stay().await?;
        let wanted = self.bundle.as_ref().ok().filter(|_| self.entry.removal.is_none());
        self.unit.inventory.judge(&self.entry, |key| wanted.is_some_and(|bundle| bundle.get(key).is_some()));
        // Whatever ends this pass, a restart must not forget it: the epoch of a hub that is behind catches up by itself.
        self.save_when_behind().await?;
        // Also of a unit that is suspended, or waits. Objects of which none bears our label may be another hub's by now, which a
        // look at them will tell.
        if self.unit.doubted && self.entry.removal.is_none() && self.has_any_labelled() {
            self.find_lost().await?;
            self.save().await?;
        }
        self.recall().await?;
        self.note_ended();
        if self.entry.suspend && self.entry.removal.is_none() {
            self.notice().await?;
            return Ok(Progress::Suspended);
        }
        if leaving {
            let gone = self.prune(&KeySet::default(), true).await?;
            return Ok(Progress::Leaving { gone });
        }
        let bundle = match &self.bundle {
            Ok(bundle) => Arc::clone(bundle),
            Err(e) => return Ok(Progress::NoPayload(e.clone())),
        };
        let inventory = &self.unit.inventory;
        self.unit.past.memory.retain(|key, _| bundle.get(key).is_some() || inventory.get(key).is_some());
        // What an earlier payload could not do to an object says nothing of one that the source has lost.
        for (_, memory) in self.unit.past.memory.iter_mut().filter(|(key, _)| bundle.get(key).is_none()) {
            memory.forget_before(bundle.digest);
        }
        self.unit.past.accepted.retain(|key, _| inventory.get(key).is_some());
        self.unit.past.adoptions.retain(|key, _| inventory.get(key).is_some());
        self.unit.past.gone.retain(|key, _| inventory.get(key).is_some());
        self.unit.past.shared.retain(|key, _| bundle.get(key).is_some());
        self.doubt(bundle.objects());
        self.admit(bundle.objects()).await?;
        for (index, batch) in bundle.batches.iter().enumerate() {
            if index > 0 {
                // Kinds that an earlier phase brought.
                self.admit(batch.objects.iter()).await?;
            }
            self.apply(batch.objects.iter()).await?;
            if let Some(left) = self.wait(bundle.digest, index, batch) {
                self.save().await?;
                return Ok(Progress::Waiting { phase: batch.name.clone(), left });
            }
        }
        self.unit.batch = None;
        if self.unit.scaled + self.connection.ctx.limits.resync <= Instant::now() {
            self.unit.scaled = Instant::now();
        }
        self.claim();
        let settled = bundle.objects().all(|o| self.is_settled(o));
        if self.unit.inventory.is_behind(&self.entry) {
            self.note_kept(&bundle);
            self.save_when_behind().await?;
        }
        self.prune(&bundle.keys, settled).await?;
        self.note_kept(&bundle);
        // Also where an object fails for ever.
        self.find_lost().await?;
        self.save().await?;
        Ok(Progress::Done)
    }

    /// Keeps off while the hub knows less than what another applier wrote.
    fn keep_off(&self) -> Result<(), Error> {
        self.fence().map_or(Ok(()), |epoch| Err(Error::Fenced { epoch }))
    }

    /// The epoch that another applier wrote, while the hub's is lower.
    fn fence(&self) -> Option<u64> {
        let Connection { ctx, owner, .. } = &*self.connection;
        ctx.shared.fences.check(&owner.cluster, &self.unit.id, self.entry.epoch)
    }

    /// Notes whether objects that the unit has are not there, or no longer bear our label. What took them away may have
    /// taken the inventory too.
    fn doubt<'a>(&mut self, mut objects: impl Iterator<Item = &'a Arc<Prepared>>) {
        let view = self.connection.view();
        let is_lost = |object: &&Arc<Prepared>| {
            let is_recorded = self.unit.inventory.get(&object.key).is_some_and(|entry| entry.uid.is_some());
            is_recorded
                && view.observations.get(&object.key).is_none()
                && matches!(self.step_in(&view, object), Step::Send(why) if why != Why::Confirm)
        };
        let is_any = objects.any(|object| is_lost(&object));
        drop(view);
        self.unit.doubted |= is_any;
    }

    /// Notes the first object that is known not to be as wanted, so that it can be said while what puts it right takes long.
    fn note_unmet<'a>(&self, mut objects: impl Iterator<Item = &'a Arc<Prepared>>) {
        if !self.entry.removal.is_none() || self.entry.suspend {
            return;
        }
        let mut view = self.connection.view();
        let unmet = objects.find_map(|object| {
            let is_other = self.outside.contains_key(&object.key)
                || view.claims.owner(&object.key).is_some_and(|owner| *owner != self.unit.id);
            let how = How::of(self.step_in(&view, object)).filter(|_| !is_other)?;
            Some(Unmet { key: Arc::clone(&object.key), how })
        });
        if let Some(unmet) = unmet {
            view.unmet.insert(self.unit.id.clone(), unmet);
        }
    }

    /// Looks whether the inventory is still in the member, when that is in doubt or was not seen for a while; what is gone
    /// is written again, and labels that were taken off are put back. Of units at rest, one look at the member tells for all ([`limit::INVENTORIES_LOOK`]).
    async fn find_lost(&mut self) -> Result<(), Error> {
        let is_due = self.unit.doubted || self.unit.seen.elapsed() >= limit::INVENTORY_SEEN;
        if !is_due
            || self.unit.inventory.is_changed()
            || self.unit.inventory.entries().is_empty()
            || self.is_taken_over()
        {
            return Ok(());
        }
        let seen = self.unit.inventory_secrets.look_for_lost(&self.connection.api, &self.connection.owner).await?;
        let (member, unit) = (&self.connection.ctx.member, &self.unit.id);
        match seen {
            Seen::Whole => {}
            Seen::Unlabelled => {
                tracing::warn!(%member, %unit, "the inventory has lost labels, which are put back");
            }
            // A watch may be behind: the inventory goes last, so that what is read now is what the other hub made of it.
            Seen::Gone if self.have_become_others().await? => return Ok(()),
            Seen::Gone => {
                tracing::warn!(%member, %unit, "the inventory is no longer in the member, and is written again");
            }
        }
        if seen != Seen::Whole {
            self.unit.inventory.set_changed();
        }
        (self.unit.doubted, self.unit.seen) = (false, Instant::now());
        Ok(())
    }

    /// Does any object of the inventory bear our label in the member?
    fn has_any_labelled(&self) -> bool {
        let view = self.connection.view();
        self.unit.inventory.entries().keys().any(|key| view.observations.get(key).is_some())
    }

    fn note_kept(&mut self, bundle: &Bundle) {
        if self.unit.inventory.entries().keys().any(|key| bundle.get(key).is_none()) {
            self.unit.inventory.note_kept(&self.entry);
        }
    }

    /// Writes that what was to stay when the unit left the member counts as adopted, when the unit is given to the member again. Nothing else
    /// is written with that: until all of it is in the member, the inventory is of the placement that it was of.
    async fn keep_what_was_to_stay(&mut self) -> Result<(), Error> {
        let was_to_stay = {
            let view = self.connection.view();
            let asks = |key: &HashedKey| view.observations.get(key).is_some_and(|seen| seen.seen.state.stays);
            self.unit.inventory.note_given_back(&self.entry, asks)
        };
        if !was_to_stay || !self.unit.inventory.is_changed() {
            return Ok(());
        }
        let (member, unit, objects) = (&self.connection.ctx.member, &self.unit.id, self.unit.inventory.entries().len());
        tracing::info!(%member, %unit, objects, "the unit left, and was given to the member again before that: what was to stay there counts as adopted");
        self.write_inventory(Write::Save).await
    }

    /// Writes that the hub is behind. The list of deletions that such a hub asks for names the epoch that the member has
    /// seen, which is written before the list is made: otherwise a person approves a list that is another one a moment later.
    async fn save_when_behind(&mut self) -> Result<(), Error> {
        if self.unit.inventory.is_behind(&self.entry) { self.save().await } else { Ok(()) }
    }

    /// Starts watches for all kinds of the unit. True while objects that the inventory has are not listed yet.
    async fn watch(&mut self) -> Result<bool, Error> {
        let held = self.unit.inventory.entries().iter().map(|(key, entry)| (key, &entry.version, true));
        let desired = self.bundle.iter().flat_map(|bundle| bundle.objects().map(|o| (&o.key, &o.version, false)));
        let rights = &self.connection.ctx.rights;
        let mut kinds: BTreeMap<(&str, &str, &str), (&str, bool)> = BTreeMap::new();
        for (key, version, held) in desired.chain(held).filter(|(key, ..)| rights.lack(key).is_none()) {
            let namespace = rights.listed_in(key);
            kinds.entry((&key.group, &key.kind, namespace)).or_insert((version, false)).1 |= held;
        }
        let kinds: Vec<(GroupVersionKind, String, bool)> = kinds
            .into_iter()
            .map(|((group, kind, namespace), (version, held))| {
                (GroupVersionKind::new(group, version, kind), namespace.to_owned(), held)
            })
            .collect();
        let mut listing = false;
        for (gvk, namespace, held) in kinds {
            if let Kind::Listing(since) = self.connection.watch(&gvk, &namespace).await? {
                self.listing = Some(self.listing.map_or(since, |longest| longest.min(since)));
                listing |= held;
            }
        }
        Ok(listing)
    }

    /// Room for requests about so many objects.
    fn lanes(&self, objects: usize) -> Lanes {
        self.connection.ctx.shared.lanes(self.connection.ctx.limits.objects_in_flight.min(objects))
    }

    /// Is this unit the one that delivers the object? What is gone of a unit that nothing asks for is anybody's.
    fn is_mine(&self, key: &HashedKey) -> bool {
        let is_idle = {
            let claims = &self.connection.view().claims;
            let other = claims.owner(key).filter(|owner| **owner != self.unit.id);
            other.map(|owner| claims.is_idle(owner))
        };
        is_idle.is_none_or(|is_idle| is_idle && self.is_gone(key))
    }

    /// What is to be done with an object.
    fn step(&self, object: &Prepared) -> Step {
        self.step_in(&self.connection.view(), object)
    }

    /// The same, of what is seen already.
    fn step_in(&self, view: &View, object: &Prepared) -> Step {
        if let Some(asked) = self.left_alone.get(&object.key) {
            return Step::LeftAlone(*asked);
        }
        let (entry, accepted) =
            (self.unit.inventory.get(&object.key), self.unit.past.accepted.get(&object.key).map(|a| &**a));
        let observation = view.observations.get(&object.key);
        if observation.is_none() && view.hidden(&object.key, Instant::now()).is_some() {
            return decision::step_unseen(object.wanted(), entry, accepted);
        }
        let gone = self.unit.past.gone.get(&object.key);
        decision::step(object.wanted(), entry, accepted, observation.map(|l| &l.seen), gone)
    }

    fn is_settled(&self, object: &Prepared) -> bool {
        let failed = self.unit.past.memory.get(&object.key).is_some_and(|m| m.problem().is_some());
        self.elsewhere.contains(&object.key) || (!failed && self.step(object).is_at_rest())
    }

    fn memory(&mut self, key: &Arc<HashedKey>) -> &mut Memory {
        self.unit.past.memory.entry(Arc::clone(key)).or_default()
    }

    fn fail(&mut self, object: &Prepared, error: &Error) {
        let secret = prepare::is_secret(&object.key).then(|| prepare::not_text(&object.object));
        let jitter = self.connection.jitter();
        self.memory(&object.key).fail_with(object.digest, secret.as_deref(), error, jitter);
    }

    /// Writes the inventory, if it changed. Another writer's version is taken over and reported.
    async fn save(&mut self) -> Result<(), Error> {
        if self.unit.inventory.is_changed() {
            self.unit.inventory.raise(&self.entry);
            self.write_inventory(Write::Save).await?;
            self.unit.seen = Instant::now();
        }
        Ok(())
    }

    /// Writes the inventory, or deletes it, as it was last read. What touches its Secrets and leaves the inventory as it
    /// is, such as a note of a backup tool, is no other writer: the write is made again.
    async fn write_inventory(&mut self, what: Write) -> Result<(), Error> {
        let mut tries = 1;
        loop {
            let (api, owner) = (&self.connection.api, &self.connection.owner);
            let Unit { inventory_secrets, inventory, .. } = &mut *self.unit;
            let written = match what {
                Write::Save => inventory_secrets.write(api, owner, inventory).await,
                Write::Remove => inventory_secrets.remove(api).await,
            };
            match written {
                Err(e) if e.code() == Some(409) => {
                    self.reread().await?;
                    if tries == INVENTORY_TRIES {
                        return Err(e);
                    }
                    tries += 1;
                }
                Err(e) if e.is_ambiguous() => {
                    self.unit.unreadable = true;
                    return Err(e);
                }
                other => return other,
            }
        }
    }

    /// Reads the inventory again, which another writer changed since it was read or written. An error when it says something else now.
    async fn reread(&mut self) -> Result<(), Error> {
        let (ours, before) = (self.unit.inventory.clone(), self.unit.inventory_secrets.clone());
        self.reload().await?;
        if self.unit.inventory_secrets.says_the_same(&before) {
            self.unit.inventory = ours;
            return Ok(());
        }
        if before.is_empty() && self.unit.inventory_secrets.have_lost_labels() {
            return Err(Error::Reread);
        }
        let epoch = self.unit.inventory.epoch();
        if epoch > self.entry.epoch {
            let Connection { ctx, owner, .. } = &*self.connection;
            ctx.shared.fences.set(&owner.cluster, &self.unit.id, epoch);
        }
        Err(Error::Fenced { epoch })
    }

    async fn reload(&mut self) -> Result<(), Error> {
        let owner = self.connection.owner.clone();
        let found = shard::read(&self.connection.api, &owner, Some(&self.unit.short)).await?;
        let found = match found.into_iter().find(|f| f.unit == self.unit.id) {
            None => shard::read_by_name(&self.connection.api, &owner, &self.unit.id).await?,
            found => found,
        };
        self.unit.seen = Instant::now();
        match found {
            Some(found) => {
                self.unit.claimed = None;
                self.unit.inventory_secrets = found.inventory_secrets;
                self.unit.unreadable = found.inventory.is_err();
                self.unit.unknown = self.unit.unreadable;
                self.unit.inventory = found.inventory?;
                self.unit.inventory.share(&self.connection.ctx.shared.pools);
                self.unit.note_adopted(&self.connection.ctx);
            }
            // Somebody deleted it, or a write of it got no clear answer and came to nothing: what it said is still known.
            None if !self.unit.inventory.entries().is_empty() => {
                (self.unit.unreadable, self.unit.unknown) = (false, false);
                self.unit.inventory_secrets = InventorySecrets::empty(self.unit.short.clone());
                self.unit.inventory.set_changed();
            }
            None => {
                self.unit.claimed = None;
                (self.unit.unreadable, self.unit.unknown) = (false, false);
                self.unit.inventory_secrets = InventorySecrets::empty(self.unit.short.clone());
                self.unit.inventory = Inventory::empty(self.unit.id.clone());
            }
        }
        Ok(())
    }

    /// Says to the other units of the member what this one has. What it wants is said by the session that takes the snapshots,
    /// since that may have moved on during the pass.
    fn claim(&mut self) {
        let takes_over = !self.unit.unknown && !self.entry.suspend;
        self.told_others |= self.connection.view().claims.set_takes_over(&self.unit.id, takes_over);
        let now = Some((self.unit.inventory.mutations(), self.entry.epoch));
        if self.unit.claimed == now {
            return;
        }
        // What was released to deletion at another epoch is not on its way out any more.
        let is_other_epoch = self.unit.claimed.is_some_and(|(_, epoch)| epoch != self.entry.epoch);
        self.told_others |=
            is_other_epoch && self.unit.inventory.entries().values().any(|entry| entry.doomed.is_some());
        self.unit.claimed = now;
        self.connection.view().claims.set_entries(&self.unit.id, self.entry.epoch, self.unit.inventory.entries());
    }
}
