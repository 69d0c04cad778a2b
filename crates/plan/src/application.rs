//! What an Application's units are, which revision goes to which member, and how the Application is.
//!
//! In two steps, because rendering needs the artifact's files: [`wanted`] says which inputs each unit should be
//! rendered from; the controller renders what it has not rendered yet; [`plan`] decides with the results.
//!
//! | observed | decided |
//! |---|---|
//! | source not fetched (yet), fleet missing, render failed | decisions stay as they are, deletions frozen, status says why |
//! | inputs differ from the newest revision | a new revision with the next epoch |
//! | a member is selected | it gets the newest revision |
//! | a member left the fleet or the selector, a policy or the Application is gone | a removal, kept until the member reported it done |
//! | the member's record is gone | its entry is dropped: nothing is deleted there |

mod decide;
mod status;
#[cfg(test)]
mod tests;
mod unit;

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::{Artifact, DecisionSpec, HubId, RevisionSpec, ShortId, UnitId, UnitStatus};
use api::kurator::apps::v1alpha1::{Application, ApplicationStatus};
use model::{Digest, FieldPath, MemberName, Timestamp};
use place::Candidate;

pub use status::scopes;
pub use unit::{Wanted, owner, unit_ids, wanted};

/// How many revisions of a unit are kept, with their artifacts (DESIGN 6).
pub const REVISIONS_KEPT: usize = 10;

/// Most entries of `status.syncStatus` (DESIGN 6: status kept per member inside one object is capped).
pub const SYNC_STATUS_MAX: usize = 100;

/// The state of the source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceFacts {
    /// The newest artifact, which stays when a later fetch fails.
    pub artifact: Option<Artifact>,
    /// When that artifact was first seen.
    pub since: Option<Timestamp>,
    /// Why the last fetch failed: reason and sentence.
    pub error: Option<(String, String)>,
    /// The source is suspended.
    pub suspended: bool,
    /// The newest `kurator.dev/sync` annotation that a fetch has followed.
    pub handled_sync: Option<String>,
}

/// The state of the fleet that the Application names.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum FleetFacts {
    /// None is named: the destination is the hub itself.
    #[default]
    Unnamed,
    /// It does not exist.
    Missing(String),
    /// Its members.
    Found(Vec<Candidate>),
}

/// Whether a member's record exists and its member answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It answers.
    Reachable,
    /// It does not answer: nothing is known of it now.
    Unknown,
    /// It answers, and nothing may be delivered to it (another identity, a refused credential).
    Blocked,
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
    },
    /// It cannot be rendered; the sentence names the file and the field.
    Failed(String),
}

/// Everything the decisions need.
#[derive(Debug)]
pub struct Observed<'a> {
    /// Namespace and name of the Application.
    pub key: (&'a str, &'a str),
    /// The Application; `None` when it is gone and only its removals are left.
    pub application: Option<&'a Application>,
    /// The hub.
    pub hub: &'a HubId,
    /// The fleet.
    pub fleet: FleetFacts,
    /// The source.
    pub source: SourceFacts,
    /// Revisions of its units, by object name.
    pub revisions: BTreeMap<String, RevisionSpec>,
    /// Slices of its units' decisions, by object name.
    pub decisions: BTreeMap<String, DecisionSpec>,
    /// What members report.
    pub statuses: BTreeMap<(UnitId, MemberName), UnitStatus>,
    /// All members of the hub.
    pub members: BTreeMap<MemberName, Reach>,
    /// Results of rendering what [`wanted`] asked for.
    pub rendered: BTreeMap<UnitId, Rendered>,
    /// Fields that are not honoured yet.
    pub not_implemented: Vec<FieldPath>,
    /// Version of the renderer.
    pub renderer: &'a str,
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
    /// Revisions to delete: old, and used by nobody.
    pub delete_revisions: Vec<String>,
    /// Whether the Application should have our finalizer; `None`: as it is.
    pub finalizer: Option<bool>,
    /// The status; `None` when the Application is gone.
    pub status: Option<ApplicationStatus>,
}

impl Plan {
    /// Is there nothing to write but perhaps the status?
    pub fn is_settled(&self) -> bool {
        let Self { create_revisions, write_decisions, delete_decisions, delete_revisions, finalizer, status: _ } = self;
        create_revisions.is_empty()
            && write_decisions.is_empty()
            && delete_decisions.is_empty()
            && delete_revisions.is_empty()
            && finalizer.is_none()
    }
}

/// Why a unit is not as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitingOn {
    /// The source was never fetched.
    Source,
    /// The fleet does not exist.
    Fleet(String),
    /// Rendering failed.
    Render(String),
    /// No member is selected.
    NoMember,
    /// Members have not reported the wanted revision yet.
    Members(usize),
    /// Two policies have this name.
    DuplicateName,
    /// The destination is the hub itself.
    HubDestination,
}

/// One unit, decided.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitReport {
    /// The unit.
    pub unit: UnitId,
    /// The revision that members should have.
    pub revision: Option<String>,
    /// Members and why they were chosen.
    pub chosen: Vec<(String, place::Reason)>,
    /// Candidates and why they were not.
    pub passed_over: Vec<(String, place::Reason)>,
    /// Why it is not as wanted.
    pub waiting_on: Vec<WaitingOn>,
}

/// Every unit of the Application, in the order of its policies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The units.
    pub units: Vec<UnitReport>,
}

/// Decides. Call it with everything listed and every wanted input rendered, or known to be impossible.
pub fn plan(observed: &Observed<'_>, now: Timestamp) -> (Plan, Report) {
    let decided = decide::decide(observed, now);
    let status = observed.application.map(|app| status::status(observed, app, &decided.report, now));
    (Plan { status, ..decided.plan }, decided.report)
}

/// Which names are used twice by policies of one Application.
fn duplicates(units: &[UnitId]) -> BTreeSet<&UnitId> {
    let mut seen = BTreeSet::new();
    units.iter().filter(|unit| !seen.insert(*unit)).collect()
}

fn newest<'a>(observed: &'a Observed<'_>, unit: &UnitId) -> Option<(&'a str, &'a RevisionSpec)> {
    let mine = observed.revisions.iter().filter(|(_, spec)| spec.unit == *unit);
    mine.max_by_key(|(_, spec)| spec.epoch).map(|(name, spec)| (name.as_str(), spec))
}

fn short(observed: &Observed<'_>, unit: &UnitId) -> ShortId {
    unit.short(observed.hub)
}
