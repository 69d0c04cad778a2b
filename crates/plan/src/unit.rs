//! A unit is one thing to deliver: which inputs it is rendered from, which members get which revision, what leaves, which
//! deletions may go ahead, and why.
//!
//! Owners (an Application, later policies, plugins and others) are adapters: they turn their object into [`UnitSpec`]s.
//! In two steps, because rendering needs files: [`wanted()`] says which inputs each unit should be rendered from; the
//! controller renders what it has not rendered yet; [`plan()`] decides with the results.
//!
//! | observed | decided |
//! |---|---|
//! | inputs unknown, list of members missing, render failed, more than the namespace may deliver | decisions stay as they are, deletions frozen |
//! | nothing would be left of a unit, in a member nothing of it would be deleted, and no other unit grows | decisions stay as they are: no list could wait for a person |
//! | inputs differ from the newest revision | a new revision with the next epoch |
//! | a member is selected or given | it gets the newest revision |
//! | an edit of a live owner takes a unit out of a member: the selector, a label, the list, the unit itself | the member keeps its entry, which says why, until a person approves (`unit::edit`) |
//! | that is approved or within what the owner allows, a given member is given no more, the owner is gone | a removal, kept until the member reported it done |
//! | the member's record is gone | its entry is dropped: nothing is deleted there |
//! | a person approves another cluster for the member | what leaves is dropped, what stays is given to the member from now on (`unit::cluster`) |
//! | the same name may stand for another part of the owner since an edit | what it no longer has waits for an approval, however little |
//! | a unit leaves a member before it took over what another one has there for it | the other one waits for an approval, however little it is (`unit::untaken`) |
//! | members report deletions | the [guard](crate::guard) grants them, or they wait for an approval |
//! | another owner that follows the same source is to have some of it by the same commit | what the guard grants waits for it |
//! | a member does not answer | what it is known to lose is weighed with them |
//! | an edit is taken back | the member that kept the unit has it as before; another unit that was given the member leaves it, once it is known to have nothing there |
//! | a policy is renamed | the one of the new name takes over what the old one has; nothing is held |

mod away;
mod cluster;
pub(crate) mod consent;
mod decide;
mod edit;
mod empty;
mod handover;
mod held;
pub mod objects;
mod report;
mod revision;
mod slice;
mod trigger;
mod untaken;
mod wanted;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::delivery::{
    Artifact, DecisionSpec, HubId, Inputs, Owner, RemoteInput, Removal, RevisionSpec, UnitId, UnitStatus, WaitingOn,
};
use api::kurator::consent::{Consent, ShownList};
use model::{Digest, HashedKey, MemberName, ObjectKey, Timestamp};
use place::{Candidate, Rules};

use crate::reach::MemberFacts;
use crate::sibling::Claim;

pub use away::{Unanswered, stays_there, unanswered, wanted_there};
pub use held::{carried, decides, held, report_at, scopes};
pub(crate) use report::is_leaving;
pub use report::{
    DETAILS_LEFT_OUT, Delivered, delivered, is_news, merge_link, merge_report, set_waiting_on, slices, without_details,
};
pub use trigger::editor;
pub use untaken::note_untaken;
pub use wanted::{Wanted, wanted};

/// How many revisions of a unit are kept (DESIGN 6): the one that is wanted, and the one that members may still have.
pub const REVISIONS_KEPT: usize = 2;

/// One unit, as its owner asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitSpec {
    /// Its id.
    pub id: UnitId,
    /// What it is rendered from; `None` while that is not known: the newest revision stays.
    pub inputs: Option<Inputs>,
    /// Where it goes.
    pub placement: Placement,
    /// Whether objects that it no longer has are deleted.
    pub prune: bool,
    /// Whether its name is that of a place among the others, given or not: after an edit the same name may stand for another part of the
    /// owner.
    pub by_place: bool,
    /// Whether members are only observed.
    pub suspend: bool,
    /// Whether objects whose immutable fields changed are made again, and replicas are kept against autoscalers.
    pub force: bool,
    /// Whether objects that were there before are taken over, also where that restarts pods or changes their number.
    pub overwrite: bool,
    /// The owner asks for something that cannot be decided: what runs stays, and nothing is deleted.
    pub frozen: Option<WaitingOn>,
}

/// Where a unit goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Placement {
    /// Crate `place` chooses among candidates.
    Rules(Rules, Vec<Candidate>),
    /// Somebody else has decided.
    Given(BTreeMap<MemberName, Given>),
    /// There is nothing to choose from: what runs stays.
    Missing(WaitingOn),
}

/// A member that somebody else has chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Replicas that it runs, when they are divided.
    pub replicas: Option<u32>,
    /// Why, in words.
    pub reason: String,
}

/// Whether the owner is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerState {
    /// It is there.
    Live,
    /// It is being deleted. What happens to what it placed, when it says so; else each unit's `prune` decides.
    Leaving(Option<Removal>),
    /// It is gone, and only its removals are left.
    Gone,
}

/// What decisions need of the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerFacts {
    /// Whether it is there.
    pub state: OwnerState,
    /// Whether it has our finalizer.
    pub has_finalizer: bool,
    /// Digests of lists of deletions, and of lists of members that units leave, that a person approved.
    pub approved: Vec<Digest>,
    /// What a person agreed to before making an edit.
    pub consents: Vec<Consent>,
    /// Which objects were shown of lists that a person approved.
    pub shown: Vec<ShownList>,
    /// How many members edits may take units out of at once without approval.
    pub removals: u32,
    /// The field manager that last edited its spec, if it is known.
    pub edited_by: Option<String>,
}

/// The result of rendering a unit's wanted inputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Rendered {
    /// Objects, as a payload of this digest.
    Payload {
        /// Digest of the payload.
        digest: Digest,
        /// How many objects.
        objects: usize,
        /// What it uses of other machines, of all that is known.
        remotes: BTreeMap<String, RemoteInput>,
    },
    /// What it is rendered from is being fetched: the unit stays as it is decided, and so does its explanation.
    OnTheWay,
    /// It cannot be rendered; the sentence names the file and the field.
    Failed(String),
    /// Its namespace may not deliver what is in it ([`crate::team`]); the sentence names the objects.
    Refused(String),
}

/// Everything that is decided from, for all units of one owner.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// The owner.
    pub owner: &'a Owner,
    /// What it says.
    pub facts: OwnerFacts,
    /// What it asks for; ids may occur twice, then the names are wrong. Empty unless it is live.
    pub units: &'a [UnitSpec],
    /// The hub.
    pub hub: &'a HubId,
    /// Revisions of its units, by object name.
    pub revisions: BTreeMap<String, RevisionSpec>,
    /// Slices of its units' decisions, by object name.
    pub decisions: BTreeMap<String, DecisionSpec>,
    /// What members report.
    pub statuses: BTreeMap<(UnitId, MemberName), UnitStatus>,
    /// The members that its units may have to do with. One that has no record is left out.
    pub members: BTreeMap<MemberName, MemberFacts>,
    /// Results of rendering what [`wanted()`] asked for.
    pub rendered: BTreeMap<UnitId, Rendered>,
    /// What members that do not answer had and are to have no longer, as far as it is known ([`unanswered()`]).
    pub lost: BTreeMap<(UnitId, MemberName), Vec<Arc<HashedKey>>>,
    /// What others that follow the same source are to have by the same commit, and do not have yet.
    pub claims: Vec<Claim>,
    /// Version of the renderer.
    pub renderer: &'a str,
}

impl Observed<'_> {
    /// May deletions that the source causes go ahead, or wait for a word? Of most looks it is known that they do not.
    pub fn may_delete(&self) -> bool {
        let mut entries = self.decisions.values().flat_map(|decision| decision.members.values());
        self.statuses.values().any(|status| held::waiting(status).is_some())
            || entries.any(|entry| entry.expected.is_some() || entry.claimed.is_some())
            || self.lost.values().any(|lost| !lost.is_empty())
    }

    /// Is another owner to have this object in the member?
    fn is_claimed(&self, member: &MemberName, key: &ObjectKey) -> bool {
        let mut claims = self.claims.iter().filter(|claim| claim.members.contains(member));
        claims.any(|claim| claim.objects.as_ref().is_some_and(|objects| objects.contains(key)))
    }

    /// The newest commit that is stored, but for this one.
    pub fn commit_before(&self, commit: &str) -> Option<&str> {
        let others = self.revisions.values().filter(|revision| revision.inputs.source_revision() != commit);
        let newest = others.max_by_key(|revision| (revision.time, revision.epoch))?;
        Some(newest.inputs.source_revision()).filter(|commit| !commit.is_empty())
    }

    /// What the newest revision was rendered from, if that was fetched.
    pub fn newest_artifact(&self) -> Option<&Artifact> {
        let newest = self.revisions.values().max_by_key(|revision| (revision.time, revision.epoch))?;
        match &newest.inputs {
            Inputs::Artifact(inputs) => Some(&inputs.artifact),
            Inputs::Objects(_) | Inputs::Chart(_) => None,
        }
    }

    /// The newest revision of a unit, with its name.
    pub(crate) fn newest(&self, unit: &UnitId) -> Option<(&str, &RevisionSpec)> {
        let mine = self.revisions.iter().filter(|(_, spec)| spec.unit == *unit);
        mine.max_by_key(|(_, spec)| spec.epoch).map(|(name, spec)| (name.as_str(), spec))
    }

    /// Slices of a unit's decision.
    pub(crate) fn slices(&self, unit: &UnitId) -> impl Iterator<Item = (&String, &DecisionSpec)> {
        self.decisions.iter().filter(move |(_, decision)| decision.unit == *unit)
    }
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Revisions to create: name and content.
    pub create_revisions: Vec<(String, RevisionSpec)>,
    /// Decision slices to write: name and content.
    pub write_decisions: Vec<(String, DecisionSpec)>,
    /// Decision slices to delete: nothing is left in them.
    pub delete_decisions: Vec<String>,
    /// Revisions to delete: old, and used by no decision.
    pub delete_revisions: Vec<String>,
    /// Whether the owner should have our finalizer; `None`: as it is.
    pub finalizer: Option<bool>,
}

impl Plan {
    /// Is there nothing to write?
    pub fn is_settled(&self) -> bool {
        *self == Self::default()
    }
}

/// One unit, decided.
#[derive(Clone, Debug, PartialEq)]
pub struct DecidedUnit {
    /// The unit.
    pub unit: UnitId,
    /// The revision that members should have.
    pub revision: Option<String>,
    /// Members and why they were chosen.
    pub chosen: Vec<(MemberName, String)>,
    /// Candidates and why they were not.
    pub passed_over: Vec<(String, place::Reason)>,
    /// Why it is not as wanted.
    pub waiting_on: Vec<WaitingOn>,
}

/// Every unit of the owner, in the order in which it names them. What of it is worth explaining is in slice 0 of each
/// unit's decision too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The units.
    pub units: Vec<DecidedUnit>,
    /// Those for which deletions wait, by what they claim: does one of them take the commit up by itself?
    pub waits_for: BTreeMap<Owner, bool>,
}

/// Decides. Call it with everything listed and every wanted input rendered, or known to be impossible.
pub fn plan(observed: &Observed<'_>, now: Timestamp) -> (Plan, Report) {
    match cluster::without_others(observed, now) {
        Some(own) => decide::decide(&own, &observed.decisions, now),
        None => decide::decide(observed, &observed.decisions, now),
    }
}

/// The members that a placement chooses.
pub fn chosen(placement: &Placement) -> BTreeSet<MemberName> {
    decide::choose(placement).0.into_iter().map(|(member, _)| member).collect()
}

/// Ids that more than one unit of an owner has.
fn duplicates(units: &[UnitSpec]) -> BTreeSet<&UnitId> {
    let mut seen = BTreeSet::new();
    units.iter().map(|unit| &unit.id).filter(|id| !seen.insert(*id)).collect()
}
