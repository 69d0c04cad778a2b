//! Annotations, labels and finalizers of the fleet kinds.

/// On an Application: asks for a fetch now. The value is any text that was not there before; the newest handled one is
/// in `status.lastHandledSync`.
pub const SYNC: &str = "kurator.dev/sync";

/// On an Application: releases held deletions. The value is the digest of exactly the list that was shown.
pub const APPROVE: &str = "kurator.dev/approve";

/// On an Application: whether what it placed is removed with it (`prune`) or left behind (`orphan`). Without it, each
/// policy's own `prune` decides, as in Kurator.
pub const ON_DELETE: &str = "kurator.dev/on-delete";

/// On a member's Cluster: which object made it, as `group/Kind/namespace/name`.
pub const ORIGIN: &str = "kurator.dev/origin";

/// On a member's Cluster: the key of the kubeconfig in the Secret that `spec.secretRef` names.
pub const CREDENTIAL_KEY: &str = "kurator.dev/credential-key";

/// On a member's Cluster: the UID of the kube-system namespace that may replace the recorded one.
pub const APPROVE_IDENTITY: &str = "kurator.dev/approve-identity";

/// Label on members of a fleet, as Kurator sets it.
pub const FLEET_NAME: &str = "fleet.kurator.dev/fleet-name";

/// Finalizer of an Application, as Kurator names it.
pub const APPLICATION_FINALIZER: &str = "apps.kurator.dev";
