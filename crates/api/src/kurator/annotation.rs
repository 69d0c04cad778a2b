//! Annotations, labels and finalizers of the fleet kinds.

use crate::delivery::label;

/// On an Application: asks for a fetch now. The value is any text that was not there before; the newest handled one is
/// in `status.lastHandledSync`.
pub const SYNC: &str = "kurator.dev/sync";

/// On an Application: releases held deletions and held removals. The value is the digests of exactly the lists that were
/// shown, separated by commas.
pub const APPROVE: &str = "kurator.dev/approve";

/// On an Application: what a person agreed to before the edit that it is for was made, as JSON
/// ([`super::consent::Consent`]). Written by commands that show the list and make the edit, such as `kurator fleet remove`.
pub const CONSENT: &str = "kurator.dev/consent";

/// On an Application: which objects were shown as going when a list of [`APPROVE`] was approved that an edit causes, as JSON
/// ([`super::consent::ShownList`]). Nothing else is deleted by that approval. Written by `kurator approve`, together with the approval.
pub const SHOWN: &str = "kurator.dev/shown";

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
/// object is deleted. `release` gives everything back before, `remove` does so after what was delivered was removed; otherwise it
/// stays as it is, with its inventories.
pub const ON_DETACH: &str = "kurator.dev/on-detach";

/// Value of [`ON_DETACH`]: objects stay, and are nobody's.
pub const RELEASE: &str = "release";

/// Value of [`ON_DETACH`] of an AttachedCluster: the hub puts [`DETACH_FINALIZER`] on, takes it out of its Fleets, waits until what
/// their Applications have in the member has left, and then deletes the object as with [`RELEASE`]. One that is deleted meanwhile
/// goes the same way.
pub const REMOVE: &str = "remove";

/// On roles and bindings in a member: when an attach made them last. Each attach makes another version of them, so that a
/// command that narrows rights, and has read them before, does not delete what the attach counts on.
pub const ATTACHED_AT: &str = "kurator.dev/attached-at";

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

/// What the names of our annotations, labels and finalizers begin with.
pub const PREFIX: &str = "kurator.dev/";

/// Every name under [`PREFIX`] that an object can have for a reason, sorted. Another one is a mistake of its writer.
const KNOWN: [&str; 27] = [
    ADOPT,
    label::APPLIED,
    APPROVE,
    APPROVE_IDENTITY,
    APPROVE_TAKE_OVER,
    ATTACHED_AT,
    CONSENT,
    CREDENTIAL_KEY,
    DETACH_FINALIZER,
    label::GROUP,
    label::GROUP_ID,
    label::HUB,
    MINTED,
    NAMESPACES,
    ON_DELETE,
    ON_DETACH,
    ORIGIN,
    RECONCILE,
    REMOVALS,
    REPORT_OF,
    RESTRICTED,
    label::SHARD,
    SHOWN,
    SYNC,
    TAKE_OVER,
    super::minted::TAKEN_BACK,
    super::minted::TOKEN_SECRET_LABEL,
];

/// Is this a name that only we give, and have not given? `kurator.dev/on-delte` is, for one.
pub fn is_mistaken(name: &str) -> bool {
    name.starts_with(PREFIX) && KNOWN.binary_search(&name).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every literal of this file and of the labels that delivery uses.
    fn written() -> Vec<&'static str> {
        let sources = [include_str!("annotation.rs"), include_str!("../delivery/label.rs"), include_str!("minted.rs")];
        let literals = sources.into_iter().flat_map(|source| source.split('"').skip(1).step_by(2));
        literals.filter(|text| text.len() > PREFIX.len() && text.starts_with(PREFIX)).collect()
    }

    #[test]
    fn names_that_are_given_are_known_and_others_are_mistakes() {
        let written = written();
        assert!(written.len() >= KNOWN.len() && KNOWN.is_sorted());
        for name in written.into_iter().filter(|name| !name.ends_with("delte")) {
            assert!(!is_mistaken(name), "{name}");
        }
        assert!(is_mistaken("kurator.dev/on-delte") && is_mistaken("kurator.dev/"));
        assert!(!is_mistaken("example.com/on-delete") && !is_mistaken("fleet.kurator.dev/fleet-name"));
    }
}
