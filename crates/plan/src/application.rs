//! An Application as units, and units' state as its status. What a unit is, and what becomes of it, is in
//! [`crate::unit`].
//!
//! Two controllers write its status, each its own fields: [`source_part`] is what is known of the source, [`fold`] what
//! became of the units in their members.

mod cause;
pub mod held;
mod source;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use api::delivery::{Artifact, ArtifactInputs, Inputs, Missing, Owner, RemoteInput, Removal, UnitId, WaitingOn};
use api::kurator::annotation;
use api::kurator::apps::v1alpha1::{Application, Destination, Kustomization, SyncPolicy};
use api::kurator::consent::{Consent, ShownList};
use api::kurator::fleet::v1alpha1::Fleet;
use model::{Digest, Timestamp};
use place::{Candidate, Rules};

use crate::instruction;
use crate::unit::consent::of_edits;
use crate::unit::{OwnerFacts, OwnerState, Placement, UnitSpec, editor};

pub use source::{SourcePart, broken_source, source_part};
pub use status::{Fold, FoldFacts, broken_fold, fold, waits_for_ready};

/// API group of Applications.
pub const GROUP: &str = "apps.kurator.dev";
/// Their kind.
pub const KIND: &str = "Application";

/// Most entries of `status.syncStatus` (DESIGN 6: status kept per member inside one object is capped).
pub const SYNC_STATUS_MAX: usize = 100;

/// Characters that are repeated of a number of removals that is none: enough to know it again.
const REMOVALS_SHOWN: usize = 40;

/// The state of the source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceFacts {
    /// The newest artifact, which stays when a later fetch fails.
    pub artifact: Option<Artifact>,
    /// When that artifact was first seen.
    pub since: Option<Timestamp>,
    /// What of other machines has been fetched for it: remote bases and remote resources, by id.
    pub remotes: BTreeMap<String, RemoteInput>,
    /// Something of other machines that it uses has not been asked for yet by this process.
    pub waits_for_remotes: bool,
    /// What is likely to be a mistake in what every policy is rendered from; `None` while one of them cannot be rendered.
    pub warnings: Option<Vec<String>>,
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

/// The owner that stands for an Application.
pub fn owner(namespace: &str, name: &str) -> Owner {
    Owner::new(GROUP, KIND, namespace, name)
}

/// The units of an Application, one for each policy, in their order. Two may be equal; then the names are wrong.
pub fn unit_ids(application: &Application) -> Vec<UnitId> {
    let metadata = &application.metadata;
    let name = metadata.name.as_deref().unwrap_or_default();
    let owner = owner(metadata.namespace.as_deref().unwrap_or_default(), name);
    let policies = application.spec.sync_policies.iter().enumerate();
    policies.map(|(index, policy)| owner.unit(Some(&policy.name_or_default(name, index)))).collect()
}

/// The one fleet that an Application names: admission sees to it that all policies agree.
pub fn fleet_name(application: &Application) -> Option<&str> {
    let spec = &application.spec;
    let named = spec.sync_policies.iter().find_map(|p| spec.destination_of(p)).or(spec.destination.as_ref());
    named.map(|destination| destination.fleet.as_str()).filter(|name| !name.is_empty())
}

/// What decisions need of an Application; `None` when it is gone. `fleet`: the Fleet that it names, if that exists.
pub fn owner_facts(application: Option<&Application>, fleet: Option<&Fleet>) -> OwnerFacts {
    let Some(application) = application else {
        return OwnerFacts {
            state: OwnerState::Gone,
            has_finalizer: false,
            approved: Vec::new(),
            consents: Vec::new(),
            shown: Vec::new(),
            removals: 0,
            edited_by: None,
        };
    };
    let of_fleet = fleet.and_then(|fleet| fleet.metadata.annotations.as_ref());
    let removals = removals(application.metadata.annotations.as_ref()).max(removals(of_fleet));
    let metadata = &application.metadata;
    let annotation = |key: &str| metadata.annotations.as_ref().and_then(|all| all.get(key)).map(String::as_str);
    let state = match (&metadata.deletion_timestamp, annotation(annotation::ON_DELETE)) {
        (None, _) => OwnerState::Live,
        (Some(_), None) => OwnerState::Leaving(None),
        (Some(_), Some("prune")) => OwnerState::Leaving(Some(Removal::Prune)),
        (Some(_), Some(_)) => OwnerState::Leaving(Some(Removal::Release)),
    };
    let approved = annotation(annotation::APPROVE).unwrap_or_default().split([',', ' ']);
    OwnerFacts {
        state,
        has_finalizer: metadata.finalizers.iter().flatten().any(|f| f == annotation::APPLICATION_FINALIZER),
        approved: approved.filter_map(|text| text.parse::<Digest>().ok()).collect(),
        consents: of_edits(annotation(annotation::CONSENT).map(Consent::read).unwrap_or_default(), fleet),
        shown: annotation(annotation::SHOWN).map(ShownList::read).unwrap_or_default(),
        removals,
        edited_by: serde_json::to_value(&metadata.managed_fields).ok().and_then(|fields| editor(&fields)),
    }
}

/// How many members an object with these annotations allows edits to take units out of at once. What is no number allows none.
pub fn removals(annotations: Option<&BTreeMap<String, String>>) -> u32 {
    let said = annotations.and_then(|all| all.get(annotation::REMOVALS));
    said.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}

/// What is said of such an annotation that is no number: it counts as if it were not there.
pub fn removals_ignored(annotations: Option<&BTreeMap<String, String>>) -> Option<String> {
    let said = annotations.and_then(|all| all.get(annotation::REMOVALS))?;
    let is_number = said.trim().parse::<u32>().is_ok();
    let said = model::words::bounded(said, REMOVALS_SHOWN);
    (!is_number)
        .then(|| format!("{} is {said:?}, which is no number of members, and counts as 0", annotation::REMOVALS))
}

/// The units that an Application asks for; none while it is being deleted.
pub fn units(application: &Application, fleet: &FleetFacts, source: &SourceFacts) -> Vec<UnitSpec> {
    if application.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let ids = unit_ids(application).into_iter();
    ids.zip(&application.spec.sync_policies).map(|(id, policy)| unit(id, application, policy, fleet, source)).collect()
}

fn unit(
    id: UnitId,
    application: &Application,
    policy: &SyncPolicy,
    fleet: &FleetFacts,
    source: &SourceFacts,
) -> UnitSpec {
    // Helm and friends are reported as NotImplemented. What is placed already stays as it is.
    let frozen = policy.kustomization.is_none().then(|| WaitingOn::new(Missing::Support, "kustomization"));
    let Kustomization { inputs, prune, suspend, force, .. } = policy.kustomization.clone().unwrap_or_default();
    let tree = |artifact: &Artifact| {
        let remotes = source.remotes.clone();
        Inputs::Artifact(ArtifactInputs { artifact: artifact.clone(), kustomize: inputs.clone(), remotes })
    };
    let destination = application.spec.destination_of(policy).cloned().unwrap_or_default();
    UnitSpec {
        id,
        inputs: source.artifact.as_ref().map(tree),
        placement: placement(&destination, fleet),
        prune,
        by_place: is_by_place(application.metadata.name.as_deref().unwrap_or_default(), policy),
        suspend,
        force,
        overwrite: application.metadata.annotations.as_ref().is_some_and(overwrites),
        frozen,
    }
}

/// Is a policy called by its place in the list, or has the edit given it a name that may have been that of a policy without one?
fn is_by_place(application: &str, policy: &SyncPolicy) -> bool {
    let name = policy.name.as_deref().unwrap_or_default();
    let place = name.strip_prefix(application).and_then(|rest| rest.strip_prefix('-'));
    name.is_empty() || place.is_some_and(|place| place.parse::<usize>().is_ok())
}

/// Does the Application ask that what is in members already is taken over, whatever that restarts?
fn overwrites(annotations: &BTreeMap<String, String>) -> bool {
    annotations.get(annotation::ADOPT).is_some_and(|value| value.trim() == instruction::OVERWRITE)
}

fn placement(destination: &Destination, fleet: &FleetFacts) -> Placement {
    match fleet {
        FleetFacts::Unnamed => Placement::Missing(WaitingOn::new(Missing::HubDelivery, "")),
        FleetFacts::Missing(name) => Placement::Missing(WaitingOn::new(Missing::Fleet, name.clone())),
        FleetFacts::Found(candidates) => {
            let match_labels = destination.cluster_selector.clone().unwrap_or_default().match_labels;
            Placement::Rules(Rules { list: format!("fleet {}", destination.fleet), match_labels }, candidates.clone())
        }
    }
}
