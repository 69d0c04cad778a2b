//! Annotations, labels and finalizers of the fleet kinds.

/// On an Application: asks for a fetch now. The value is any text that was not there before; the newest handled one is
/// in `status.lastHandledSync`.
pub const SYNC: &str = "kurator.dev/sync";

/// On an Application: releases held deletions and held removals. The value is the digests of exactly the lists that were
/// shown, separated by commas.
pub const APPROVE: &str = "kurator.dev/approve";

/// On an Application: what a person agreed to before the edit that it is for was made, as JSON
/// ([`super::consent::Consent`]). Written by commands that show the list and make the edit, such as `kurator fleet remove`.
pub const CONSENT: &str = "kurator.dev/consent";

/// On an Application, or on the Fleet that it names: how many members an edit may take its units out of at once without
/// approval. A number; none is 0. Of two the larger counts.
pub const REMOVALS: &str = "kurator.dev/removals";

/// On an Application: whether what it placed is removed with it (`prune`) or left behind (`orphan`). Without it, each
/// policy's own `prune` decides, as in Kurator. On a delivered object: `orphan` gives it back instead of deleting it.
pub const ON_DELETE: &str = "kurator.dev/on-delete";

/// On a delivered object, in the source or in the member: `disabled` has it left alone, neither applied, nor reverted, nor
/// deleted.
pub const RECONCILE: &str = "kurator.dev/reconcile";

/// On a delivered object in the source, or on an Application for all of its objects: `overwrite` takes over what is in a
/// member already, also where that restarts pods or changes their number.
pub const ADOPT: &str = "kurator.dev/adopt";

/// On a member's Cluster: which object made it, as `group/Kind/namespace/name`.
pub const ORIGIN: &str = "kurator.dev/origin";

/// On a member's Cluster: the key of the kubeconfig in the Secret that `spec.secretRef` names.
pub const CREDENTIAL_KEY: &str = "kurator.dev/credential-key";

/// On a member's Cluster: the namespaces of the member in which the hub has rights, separated by commas (`spec.namespaces` of
/// the AttachedCluster). Without it the hub has them everywhere.
pub const NAMESPACES: &str = "kurator.dev/namespaces";

/// On a Secret with a kubeconfig: how `kurator attach` made the credential in it, as [`super::minted::Minted`]. Only such a
/// credential is renewed by the hub, as long as the token is still the one that was made.
pub const MINTED: &str = "kurator.dev/minted";

/// On a member's Cluster: the UID of the kube-system namespace that may replace the recorded one.
pub const APPROVE_IDENTITY: &str = "kurator.dev/approve-identity";

/// On a slice of a MemberStatus: the UID of the kube-system namespace of the cluster that it is a report of.
pub const REPORT_OF: &str = "kurator.dev/report-of";

/// Label on a namespace of the hub: its Applications deliver nothing cluster-scoped, and nothing into the namespaces that a
/// cluster itself runs in. Any value but `false` counts.
pub const RESTRICTED: &str = "kurator.dev/restricted";

/// On an AttachedCluster, and from there on its member's Cluster: what becomes of what this hub has in the member when the
/// object is deleted. `release` gives everything back before; otherwise it stays as it is, with its inventories.
pub const ON_DETACH: &str = "kurator.dev/on-detach";

/// Value of [`ON_DETACH`]: objects stay, and are nobody's.
pub const RELEASE: &str = "release";

/// Value of [`ON_DETACH`] of an AttachedCluster: the hub puts [`DETACH_FINALIZER`] on, takes it out of its Fleets, waits until what
/// their Applications have in the member has left, and then deletes the object as with [`RELEASE`]. One that is deleted meanwhile
/// goes the same way.
pub const REMOVE: &str = "remove";

/// Finalizer of an AttachedCluster that is to be left as [`ON_DETACH`] says.
pub const DETACH_FINALIZER: &str = "kurator.dev/detach";

/// On a member's Cluster: the id of the hub whose inventories and labels this hub may take over there
/// (`spec.takeOver.hub` of the AttachedCluster).
pub const TAKE_OVER: &str = "kurator.dev/take-over";

/// On an AttachedCluster, and from there on its member's Cluster: the digest of the list of what is taken over from another
/// hub, as a person agreed to it.
pub const APPROVE_TAKE_OVER: &str = "kurator.dev/approve-take-over";

/// Label on members of a fleet, as Kurator sets it.
pub const FLEET_NAME: &str = "fleet.kurator.dev/fleet-name";

/// Finalizer of an Application, as Kurator names it.
pub const APPLICATION_FINALIZER: &str = "apps.kurator.dev";
