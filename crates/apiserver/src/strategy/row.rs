//! The rows: built-in kinds that have rules of their own.

use super::{Grants, Review, Strategy, certificate, job, namespace, pod, volume};
use crate::{conversion, crd};

impl Strategy {
    /// A kind without rules of its own.
    pub(super) const fn plain(group: &'static str, kind: &'static str) -> Self {
        Self {
            group,
            kind,
            version: "",
            stored_as: None,
            convert: None,
            stored_field: None,
            create_on_update: false,
            default: None,
            warn: None,
            check: None,
            create_with_status: false,
            prepare_create: None,
            allocates_addresses: false,
            unconditional_update: true,
            kept: &[],
            prepare_update: None,
            annotations_count: false,
            status_metadata: None,
            permanent: &[],
            spec_finalizers: false,
            grace: None,
            mark_deleted: None,
            cleaned_up: false,
            returns_deleted: false,
            grants: None,
            names_signer: false,
            review: None,
            kubelet: &[],
        }
    }

    /// A kind whose status is written together with all metadata (`pkg/registry/*/strategy.go`, PrepareForUpdate of
    /// the status strategies of these groups).
    const fn with_status_metadata(group: &'static str, kind: &'static str) -> Self {
        Self { status_metadata: Some(&[]), ..Self::plain(group, kind) }
    }

    /// A kind that is a question.
    const fn question(group: &'static str, kind: &'static str, review: Review) -> Self {
        Self { review: Some(review), ..Self::plain(group, kind) }
    }

    /// A kind of RBAC: `kubectl auth reconcile` and controllers make roles by an update.
    const fn rbac(kind: &'static str, grants: Grants) -> Self {
        Self { create_on_update: true, grants: Some(grants), ..Self::plain("rbac.authorization.k8s.io", kind) }
    }
}

pub(super) static ROWS: &[Strategy] = &[
    // Core.
    Strategy { create_on_update: true, ..Strategy::plain("", "Endpoints") },
    Strategy { create_on_update: true, convert: Some(conversion::event), ..Strategy::plain("", "Event") },
    Strategy {
        default: Some(namespace::default),
        prepare_create: Some(namespace::prepare_create),
        kept: &[&["spec", "finalizers"]],
        permanent: namespace::PERMANENT,
        spec_finalizers: true,
        mark_deleted: Some(namespace::mark_deleted),
        ..Strategy::with_status_metadata("", "Namespace")
    },
    // A kubelet registers its node with its capacity in one request (`pkg/registry/core/node/strategy.go`).
    Strategy { create_with_status: true, ..Strategy::with_status_metadata("", "Node") },
    Strategy {
        prepare_create: Some(pod::prepare_create),
        status_metadata: Some(&["ownerReferences"]),
        grace: Some(pod::grace_secs),
        returns_deleted: true,
        kubelet: &["attach", "exec", "log", "portforward", "proxy"],
        ..Strategy::plain("", "Pod")
    },
    Strategy { returns_deleted: true, ..Strategy::plain("", "PodTemplate") },
    Strategy {
        prepare_create: Some(volume::prepare_create),
        returns_deleted: true,
        ..Strategy::with_status_metadata("", "PersistentVolume")
    },
    Strategy {
        prepare_create: Some(volume::prepare_create),
        returns_deleted: true,
        ..Strategy::with_status_metadata("", "PersistentVolumeClaim")
    },
    Strategy::with_status_metadata("", "ReplicationController"),
    Strategy { returns_deleted: true, ..Strategy::with_status_metadata("", "ResourceQuota") },
    Strategy { allocates_addresses: true, returns_deleted: true, ..Strategy::with_status_metadata("", "Service") },
    Strategy { returns_deleted: true, ..Strategy::plain("", "ServiceAccount") },
    // Workloads.
    Strategy::with_status_metadata("apps", "DaemonSet"),
    Strategy { annotations_count: true, status_metadata: Some(&["labels"]), ..Strategy::plain("apps", "Deployment") },
    Strategy::with_status_metadata("apps", "ReplicaSet"),
    Strategy::with_status_metadata("apps", "StatefulSet"),
    Strategy::with_status_metadata("batch", "CronJob"),
    Strategy { prepare_create: Some(job::prepare_create), ..Strategy::with_status_metadata("batch", "Job") },
    // Shown in two versions, stored in one.
    Strategy {
        version: "v1",
        stored_as: Some(("autoscaling", "v2")),
        convert: Some(conversion::autoscaler),
        ..Strategy::with_status_metadata("autoscaling", "HorizontalPodAutoscaler")
    },
    Strategy {
        version: "v2",
        convert: Some(conversion::autoscaler),
        ..Strategy::with_status_metadata("autoscaling", "HorizontalPodAutoscaler")
    },
    Strategy::with_status_metadata("policy", "PodDisruptionBudget"),
    // Network.
    Strategy::with_status_metadata("networking.k8s.io", "Ingress"),
    Strategy::with_status_metadata("networking.k8s.io", "ServiceCIDR"),
    // Stored as the events of the core group.
    Strategy {
        stored_as: Some(("", "v1")),
        create_on_update: true,
        convert: Some(conversion::event),
        stored_field: Some(conversion::event_field),
        ..Strategy::plain("events.k8s.io", "Event")
    },
    // Coordination and scheduling.
    Strategy { create_on_update: true, unconditional_update: false, ..Strategy::plain("coordination.k8s.io", "Lease") },
    Strategy { unconditional_update: false, ..Strategy::plain("scheduling.k8s.io", "PriorityClass") },
    Strategy { create_on_update: true, ..Strategy::plain("node.k8s.io", "RuntimeClass") },
    // Access.
    Strategy::rbac("ClusterRole", Grants::Rules),
    Strategy::rbac("ClusterRoleBinding", Grants::Reference),
    Strategy::rbac("Role", Grants::Rules),
    Strategy::rbac("RoleBinding", Grants::Reference),
    Strategy {
        prepare_create: Some(certificate::prepare_create),
        // It names the user that asks.
        kept: &[&["spec"]],
        names_signer: true,
        ..Strategy::with_status_metadata("certificates.k8s.io", "CertificateSigningRequest")
    },
    Strategy::question("authentication.k8s.io", "SelfSubjectReview", Review::WhoAmI),
    Strategy::question("authentication.k8s.io", "TokenReview", Review::Token),
    Strategy::question("authorization.k8s.io", "LocalSubjectAccessReview", Review::NamespacedAccess),
    Strategy::question("authorization.k8s.io", "SelfSubjectAccessReview", Review::OwnAccess),
    Strategy::question("authorization.k8s.io", "SelfSubjectRulesReview", Review::OwnRules),
    Strategy::question("authorization.k8s.io", "SubjectAccessReview", Review::Access),
    // Kinds about kinds.
    Strategy {
        warn: Some(crd::warnings),
        check: Some(crd::check_names),
        prepare_create: Some(crd::prepare_create),
        unconditional_update: false,
        prepare_update: Some(crd::prepare_update),
        mark_deleted: Some(crd::mark_deleted),
        cleaned_up: true,
        ..Strategy::plain(crd::GROUP, crd::KIND)
    },
    Strategy { unconditional_update: false, ..Strategy::plain("apiregistration.k8s.io", "APIService") },
];
