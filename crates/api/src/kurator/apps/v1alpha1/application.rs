//! Application: a source, and policies that say what of it goes where.

use std::collections::BTreeMap;

use kube::CustomResource;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::condition::Condition;

/// Desired state (reference/kurator.md 1.6).
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "apps.kurator.dev",
    version = "v1alpha1",
    kind = "Application",
    namespaced,
    status = "ApplicationStatus",
    schema = "disabled"
)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationSpec {
    /// Where manifests come from.
    #[serde(default)]
    pub source: Source,
    /// Where they go unless a policy says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    /// What goes where; each is one unit.
    #[serde(default)]
    pub sync_policies: Vec<SyncPolicy>,
}

/// The first that is set is used, in this order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// A git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_repository: Option<GitRepository>,
    /// A Helm repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm_repository: Option<Value>,
    /// An OCI registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oci_repository: Option<Value>,
    /// Published fields that nothing reads yet; they are reported as not honoured.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// Flux' GitRepository v1beta2 spec, as far as it is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GitRepository {
    /// `https://`, `http://` or `ssh://`.
    pub url: String,
    /// How often it is polled, such as `1m30s`.
    #[serde(default)]
    pub interval: String,
    /// What is checked out; branch `master` when absent, as in Flux.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<GitRef>,
    /// A Secret, in the same namespace, with `username` and `password`, or `bearerToken`, and `ca.crt`; for ssh with `identity`
    /// and `known_hosts`, and `password` for the passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
    /// Longest time for one fetch, 60s when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Patterns of files to leave out, as in `.gitignore`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// Fetch nothing more.
    #[serde(default)]
    pub suspend: bool,
    /// Fetch submodules too; otherwise each is an empty directory.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recurse_submodules: bool,
    /// Published fields that nothing reads yet; they are reported as not honoured.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// What of a git repository is checked out; `commit` wins over `name`, `semver`, `tag`, `branch`, as in Flux.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitRef {
    /// A branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// A tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The highest tag in a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,
    /// A full reference, such as `refs/heads/main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// A Secret of the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRef {
    /// Its name.
    pub name: String,
}

/// Members of a fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// Name of a Fleet in the Application's namespace.
    #[serde(default)]
    pub fleet: String,
    /// Which of its members; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_selector: Option<ClusterSelector>,
}

/// Equality on labels of the object that made the member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSelector {
    /// Labels that must all be equal.
    #[serde(default)]
    pub match_labels: BTreeMap<String, String>,
}

/// One unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncPolicy {
    /// Name; `<application>-<index>` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Replaces the default destination completely, selector too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    /// Plain YAML or Kustomize.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kustomization: Option<Kustomization>,
    /// A Helm release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm: Option<Value>,
    /// A canary inside each member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Value>,
    /// Published fields that nothing reads yet; they are reported as not honoured.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// Flux' Kustomization v1beta2 spec, as far as Kurator has it. Kept with each revision as it is: what rendering depends
/// on is all in here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kustomization {
    /// How often drift is looked for without an event; members are watched, so this is a safety net.
    #[serde(default)]
    pub interval: String,
    /// Delay after a failure; `interval` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_interval: Option<String>,
    /// Delete what is no longer in the source.
    #[serde(default)]
    pub prune: bool,
    /// Re-create objects whose immutable fields changed.
    #[serde(default)]
    pub force: bool,
    /// Write nothing to members.
    #[serde(default)]
    pub suspend: bool,
    /// What decides the rendered objects.
    #[serde(flatten)]
    pub inputs: KustomizeInputs,
    /// Published fields that nothing reads yet; they are reported as not honoured.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// The fields of a kustomization that decide what is rendered. A change of one of them makes a new revision; the other
/// fields take effect without one. This is the one place where these fields are declared: revisions hold this type, and
/// the renderer reads it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KustomizeInputs {
    /// Directory in the source; the root when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Namespace for all namespaced objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_namespace: Option<String>,
    /// Kustomize components to add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// Strategic merge or JSON 6902 patches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<PolicyPatch>,
    /// Image replacements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<PolicyImage>,
    /// Labels and annotations for all objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_metadata: Option<CommonMetadata>,
    /// Longest time to wait for each phase of the objects; the phase's own limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// A patch (Flux' `kustomize.Patch`): strategic merge or JSON 6902, told apart by its shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyPatch {
    /// The patch, as YAML.
    #[serde(default)]
    pub patch: String,
    /// What to patch; a strategic merge patch without it names its target itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<PatchTarget>,
}

/// The objects that a patch is for (Flux' `kustomize.Selector`). An empty field matches every object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PatchTarget {
    /// API group, a regular expression.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// API version, a regular expression.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Kind, a regular expression.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Name, a regular expression.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Namespace, a regular expression.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Labels in query form, such as `app=web,tier in (a,b)`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label_selector: String,
    /// Annotations in the same form.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub annotation_selector: String,
}

/// A change of an image reference (Flux' `kustomize.Image`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyImage {
    /// The image as it is written, without tag and digest.
    #[serde(default)]
    pub name: String,
    /// Name to put in its place.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub new_name: String,
    /// Tag to put in its place; removes a digest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub new_tag: String,
    /// Digest to put in its place, `sha256:…`; removes a tag.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
}

/// Labels and annotations that every object gets. Selectors and templates stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommonMetadata {
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl SyncPolicy {
    /// The policy's name, given or made from its place.
    pub fn name_or_default(&self, application: &str, index: usize) -> String {
        self.name.clone().filter(|n| !n.is_empty()).unwrap_or_else(|| format!("{application}-{index}"))
    }
}

impl ApplicationSpec {
    /// Where a policy goes: its own destination, else the Application's; `None` is the hub itself.
    pub fn destination_of<'a>(&'a self, policy: &'a SyncPolicy) -> Option<&'a Destination> {
        policy.destination.as_ref().or(self.destination.as_ref())
    }
}

/// Observed state. `sourceStatus` and `syncStatus` are Kurator's; the rest is ours and optional.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationStatus {
    /// The source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_status: Option<SourceStatus>,
    /// One entry per policy and member, not-ready first, at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sync_status: Vec<SyncStatus>,
    /// How many entries `syncStatus` leaves out; the whole is in MemberStatus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<u32>,
    /// `Ready`, `SourceReady`, `DeletionsHeld`, `NotImplemented`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Generation that the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The newest `kurator.dev/sync` annotation that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_sync: Option<String>,
    /// Members and objects, counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Deletions that wait for approval: of each policy those that its source causes, and those of members that an edit takes
    /// it out of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldDeletions>,
}

/// Deletions of one policy that wait for approval, all caused by its source or all caused by an edit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldDeletions {
    /// The policy.
    pub policy: String,
    /// Digest of exactly this list over all members: what `kurator.dev/approve` must say.
    pub digest: String,
    /// `SourceRemovesObjects` or `EditRemovesMembers`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// How many deletions wait. None when an edit takes a policy out of members that does not prune: objects stay there, and are
    /// let go of.
    pub count: u32,
    /// How many members the list concerns, also those that `causes` and `members` leave out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub member_count: u32,
    /// How many objects it concerns there: they would be deleted, or let go of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub object_count: u32,
    /// Why they wait, each cause once, with the members that it concerns; the first 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<HeldCause>,
    /// For each member, what would be deleted, shortened; the first 100 members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// Members that have not reported yet: until they do, the list may grow, and its digest change. The first 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting_on: Vec<String>,
    /// Members of the list that do not answer: it is done there when they do. The first 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub away: Vec<String>,
    /// How many they are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub away_count: u32,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Why deletions wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldCause {
    /// In one word, such as `TooMany` or `SelectorDiffers`.
    pub cause: String,
    /// In words.
    pub message: String,
    /// Members that it concerns.
    pub members: u32,
    /// Objects there that wait.
    pub objects: u32,
}

/// Counts over all units and members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Pairs of unit and member that are wanted.
    pub placed: u32,
    /// Of these, how many run the wanted revision and are healthy.
    pub ready: u32,
    /// Objects that are wanted in all members.
    pub objects: u32,
    /// Deletions that wait for approval.
    #[serde(default)]
    pub held: u32,
}

/// Status of the source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// Flux' GitRepository status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_repo_status: Option<GitRepoStatus>,
}

/// Flux' GitRepository status, as far as it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GitRepoStatus {
    /// The newest artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<ArtifactStatus>,
    /// `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Generation that the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where it came from, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Flux' Artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactStatus {
    /// `sha256:…` of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When it was first seen, RFC 3339.
    pub last_update_time: String,
    /// Kept for Flux' readers: the digest as a path.
    pub path: String,
    /// `main@sha1:…`.
    pub revision: String,
    /// Where it came from.
    pub url: String,
}

/// One policy at one member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatus {
    /// The name that Kurator's Flux object would have: `<policy>-<kind>-<cluster>`, lower case, cut at 63.
    #[serde(default)]
    pub name: String,
    /// Flux' Kustomization status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kustomization_status: Option<KustomizationStatus>,
}

/// Flux' Kustomization status, as far as it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KustomizationStatus {
    /// `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The source's revision that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_applied_revision: Option<String>,
    /// The source's revision that is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempted_revision: Option<String>,
    /// Generation that the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}
